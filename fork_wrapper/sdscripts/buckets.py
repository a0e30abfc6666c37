"""Which bucket sd-scripts puts an image into, how far it resizes it, and how many batches that makes.

A bucket is a size that all images of a batch share; what sticks out is cropped. Without bucketing there is one, the
resolution. With it, buckets are fixed beforehand from area and limits (library/model_util.py:1316-1344), or, with
`bucket_no_upscale`, follow from each image (library/train_util.py:286-345). Every rounding here is the program's.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

Size = tuple[int, int]
"""Width and height."""


_LARGEST = 1 << 14  # beyond it, listing the buckets alone takes minutes


class BucketError(Exception):
    """No bucket can be made or chosen, and sd-scripts dies. The text says why, in one line."""


class Placed(NamedTuple):
    """Where an image goes."""

    bucket: Size
    """The bucket."""
    resized: Size
    """What the image is resized to before it is cropped to the bucket."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One bucket of a data set."""

    resolution: Size
    """Width and height of its batches."""
    count: int
    """Images in it, repeats counted."""


@dataclass(frozen=True, kw_only=True)
class Bucketing:
    """The values of a dataset that decide about buckets; BucketError when sd-scripts refuses them."""

    resolution: Size
    """`resolution`."""
    enabled: bool
    """`enable_bucket`."""
    no_upscale: bool
    """`bucket_no_upscale`; without effect where bucketing is off."""
    smallest: int
    """`min_bucket_reso`."""
    largest: int
    """`max_bucket_reso`."""
    steps: int
    """`bucket_reso_steps`."""

    def __post_init__(self) -> None:
        if min(self.resolution) < 1 or max(self.resolution) > _LARGEST:
            raise BucketError(f"a resolution of {_by(self.resolution)} is not a size to train at")
        if self.enabled:
            self._check_limits()

    def _check_limits(self) -> None:
        if self.steps < 1:
            raise BucketError(f"bucket_reso_steps is {self.steps}")
        smallest, largest = self.limits
        if min(self.resolution) < smallest:
            raise BucketError(f"min_bucket_reso {smallest} is more than the shorter side of {_by(self.resolution)}")
        if max(self.resolution) > largest:
            raise BucketError(f"max_bucket_reso {largest} is less than the longer side of {_by(self.resolution)}")
        if smallest < 1 and not self.no_upscale:
            raise BucketError(f"min_bucket_reso {self.smallest} is less than one bucket_reso_steps of {self.steps}")

    @property
    def limits(self) -> Size:
        """The shortest and the longest side, in whole steps (library/train_util.py:747-764)."""
        return self.smallest - self.smallest % self.steps, self.largest + (-self.largest) % self.steps

    @cached_property
    def fixed(self) -> tuple[Size, ...]:
        """The buckets that are there before any image is seen, in order; none with `bucket_no_upscale`."""
        if not self.enabled:
            return (self.resolution,)
        if self.no_upscale:
            return ()
        area = self.resolution[0] * self.resolution[1]
        smallest, largest = self.limits
        square = int(math.sqrt(area) // self.steps) * self.steps
        found = {(square, square)}
        for width in range(smallest, min(largest, area // smallest) + 1, self.steps):
            height = min(largest, area // width // self.steps * self.steps)
            found |= {(width, height), (height, width)}
        return tuple(sorted(found))

    def place(self, image: Size) -> Placed:
        """The bucket of an image of this size, and what it is resized to."""
        if min(image) < 1:
            raise BucketError("the size of an image cannot be read")
        if self.enabled and self.no_upscale:
            return self._from_image(image)
        # The program asks first for a bucket of the image's own size; no other one has its ratio.
        bucket = min(self.fixed, key=lambda one: abs(ratio(one) - ratio(image)))
        # An image that is wider than the bucket is fitted by height and its width overhangs; else the other way round.
        side = 1 if ratio(image) > ratio(bucket) else 0
        scale = bucket[side] / image[side]
        return Placed(bucket=bucket, resized=(int(image[0] * scale + 0.5), int(image[1] * scale + 0.5)))

    def _from_image(self, image: Size) -> Placed:
        area = self.resolution[0] * self.resolution[1]
        resized = self._shrunk(image, area) if image[0] * image[1] > area else image
        bucket = self._floor(resized[0]), self._floor(resized[1])
        if bucket[1] < 1:
            raise BucketError(f"an image of {_by(image)} is less than one step of {self.steps} high")
        return Placed(bucket=bucket, resized=resized)

    def _shrunk(self, image: Size, area: int) -> Size:
        """Not more than the area, with one side in whole steps: the side that changes the ratio less."""
        aspect = ratio(image)
        width = math.sqrt(area * aspect)
        by_width, by_height = self._floor(int(width + 0.5)), self._floor(int(area / width + 0.5))
        height_of_width = self._floor(int(by_width / aspect + 0.5))
        width_of_height = self._floor(int(by_height * aspect + 0.5))
        if not height_of_width or not by_height:
            raise BucketError(f"an image of {_by(image)} has no bucket: one side is less than a step of {self.steps}")
        if abs(by_width / height_of_width - aspect) < abs(width_of_height / by_height - aspect):
            return by_width, int(by_width / aspect + 0.5)
        return int(by_height * aspect + 0.5), by_height

    def _floor(self, side: int) -> int:
        return side - side % self.steps


USUAL_LIMITS = (512, 2048, 64)
"""`min_bucket_reso`, `max_bucket_reso` and `bucket_reso_steps` where nobody says others: those of the shipped
experiments, for SDXL's 1024 x 1024."""


def usual_limits(resolution: Size) -> tuple[int, int, int]:
    """The same as far as this resolution allows: no side of it may be shorter or longer."""
    smallest, largest, steps = USUAL_LIMITS
    return max(min(smallest, min(resolution) // steps * steps), steps), max(largest, 2 * max(resolution)), steps


def usual(resolution: Size, limits: tuple[int, int, int] | None = None) -> Bucketing:
    """The buckets of images that no configuration is named for; BucketError where there are none.

    One answer for all who ask: what is prepared is checked, counted and trained by the same ones.
    """
    smallest, largest, steps = limits or usual_limits(resolution)
    return Bucketing(
        resolution=resolution, enabled=True, no_upscale=False, smallest=smallest, largest=largest, steps=steps
    )


def ratio(size: Size) -> float:
    """Width by height."""
    return size[0] / size[1]


def fill(placed: Iterable[tuple[Size, int]]) -> tuple[Bucket, ...]:
    """The buckets that hold anything, in the order of sd-scripts, from each image's bucket and its repeats."""
    counts: Counter[Size] = Counter()
    for resolution, repeats in placed:
        counts[resolution] += repeats
    return tuple(Bucket(resolution=one, count=count) for one, count in sorted(counts.items()) if count > 0)


def batches(buckets: Iterable[Bucket], batch_size: int) -> int:
    """Batches per epoch: every bucket ends with a batch of its own that may be small (library/train_util.py:1077-1081).

    None at all for a negative batch size, as in the program.
    """
    if not batch_size:
        raise BucketError("batch_size is 0")
    return sum(max(0, math.ceil(bucket.count / batch_size)) for bucket in buckets)


def _by(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
