"""Where a picture goes on its way to a size: what is cropped, what is padded, how far it is scaled. Then: scale it.

One Lanczos pass from the source's own pixels to the result. The usual short cuts (a JPEG decoded at half its size,
whole pixels joined beforehand) come to 40 dB only for drawings, text and grain, and are not taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dataset_tools.pixels.lanczos import scale

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]
"""Width and height in pixels."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the upright source."""

Fit = Literal["cover", "contain", "bucket"]
"""cover: the centre, cropped. contain: all of it, padded. bucket: the bucket of its ratio, the overhang cropped."""

Place = Callable[[Size], tuple[Size, Size]]
"""From the size of a picture to its bucket and to the size that it is scaled to before it is cropped to the bucket."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """How one picture becomes one result."""

    size: Size
    """Of the result."""
    box: Box
    """What of the source is shown."""
    inner: Size
    """What the box is scaled to; smaller than `size` where it is padded."""
    offset: tuple[int, int]
    """Where the inner picture begins in the result: left, top."""
    scale: float
    """Result by source, on the side where it is larger; more than 1 is an enlargement."""


def place(source: Size, target: Size, fit: Fit, bucket: Place | None = None) -> Placement:
    """Decide it from sizes alone; `bucket` is needed for fit `bucket`, which does not look at `target`."""
    if fit == "contain":
        return _contained(source, target)
    if fit == "bucket" and bucket is not None:
        return _bucketed(source, *bucket(source))
    return _covered(source, target)


def fitted(image: Image.Image, placement: Placement, padding: tuple[int, ...]) -> Image.Image:
    """The result: RGB or RGBA, as the image is.

    The colours of an RGBA image are scaled as if there were no transparency: it is a mask over a whole picture.

    Args:
        image: upright, RGB or RGBA.
        placement: for its size.
        padding: colour around the inner picture, one value for each channel.
    """
    from PIL import Image  # noqa: PLC0415 - sizes alone need no Pillow

    if image.mode == "RGBA":
        inner = _scaled(image.convert("RGB"), placement)
        inner.putalpha(_scaled(image.getchannel("A"), placement))
    else:
        inner = _scaled(image, placement)
    if placement.inner == placement.size:
        return inner
    whole = Image.new(image.mode, placement.size, padding)
    whole.paste(inner, placement.offset)
    return whole


def _scaled(image: Image.Image, placement: Placement) -> Image.Image:
    box = placement.box
    left, top, right, bottom = (int(side) for side in box)
    if all(side.is_integer() for side in map(float, box)) and (right - left, bottom - top) == placement.inner:
        return image.crop((left, top, right, bottom))
    return scale(image, placement.inner, box)


def _covered(source: Size, target: Size) -> Placement:
    scale = max(target[0] / source[0], target[1] / source[1])
    wide, high = min(source[0], target[0] / scale), min(source[1], target[1] / scale)
    left, top = (source[0] - wide) / 2, (source[1] - high) / 2
    if scale == 1:  # nothing is scaled, so nothing may be moved by half a pixel
        left, top = left // 1, top // 1
    box = (left, top, min(source[0], left + wide), min(source[1], top + high))
    return Placement(size=target, box=box, inner=target, offset=(0, 0), scale=scale)


def _contained(source: Size, target: Size) -> Placement:
    scale = min(target[0] / source[0], target[1] / source[1])
    inner = max(1, round(source[0] * scale)), max(1, round(source[1] * scale))
    return Placement(
        size=target,
        box=(0, 0, *source),
        inner=inner,
        offset=((target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2),
        scale=scale,
    )


def _bucketed(source: Size, bucket: Size, resized: Size) -> Placement:
    """As sd-scripts does it: scaled to `resized`, then the centre, rounded down (train_util.py:2965-2985)."""
    left, top = max(0, (resized[0] - bucket[0]) // 2), max(0, (resized[1] - bucket[1]) // 2)
    across, down = source[0] / resized[0], source[1] / resized[1]
    box = (
        left * across,
        top * down,
        min(source[0], (left + bucket[0]) * across),
        min(source[1], (top + bucket[1]) * down),
    )
    return Placement(size=bucket, box=box, inner=bucket, offset=(0, 0), scale=max(1 / across, 1 / down))
