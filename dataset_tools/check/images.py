"""What is wrong with single images, from the facts that decoding gave: pure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dataset_tools.check.faults import Fault, Remedy, fault
from dataset_tools.scan.scan import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dataset_tools.check.faults import Severity
    from dataset_tools.pixels.image_facts import ImageFacts
    from dataset_tools.scan.scan import Picture
    from dataset_tools.scan.training_folder import Size, TrainingFolder

SUFFIXES: dict[str, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2",),
    "PPM": (".ppm",),
    "QOI": (".qoi",),
}
"""By format: the suffixes that belong to it, in lower case."""

ENLARGED, MUCH = 1.05, 1.25
"""How many times an image may be enlarged unsaid, and without warning."""

KEPT = 0.8
"""The share of an image that a bucket should keep."""

_FAILURES = {
    "missing": "image-unreadable",
    "not-a-file": "image-not-file",
    "empty": "image-empty",
    "unreadable": "image-unreadable",
    "not-an-image": "image-foreign",
    "unsupported": "image-unsupported",
    "truncated": "image-truncated",
    "broken": "image-broken",
    "bomb": "image-bomb",
    "memory": "image-memory",
}
_LOST = {"image-empty", "image-truncated", "image-broken", "image-foreign"}  # nothing that training can use
_TURNS = {
    2: "mirrored",
    3: "upside down",
    4: "upside down and mirrored",
    5: "mirrored and turned",
    7: "mirrored and turned",
}


def inspect_image(folder: TrainingFolder, picture: Picture, facts: ImageFacts, header: Size | None) -> Iterator[Fault]:
    """Faults of one image.

    Args:
        folder: the folder that it lies in.
        picture: the image and its caption.
        facts: as `image_facts` found them.
        header: its size as sd-scripts reads it; None where that is not known.
    """
    if facts.failure:
        yield _undecodable(picture, facts)
        return
    yield from _suffix(picture, facts)
    yield from _pixels(folder, picture, facts)
    size = facts.width, facts.height
    # imagesize takes a pixel too few of each side of a WebP with a profile or transparency; nothing comes of it.
    if header is not None and max(abs(header[0] - size[0]), abs(header[1] - size[1])) > 1:
        reason = (
            f"its header says {_by(header)}, and it is {_by(size)}" if min(header) > 0 else "its header says no size"
        )
        yield fault("image-header", picture.image, reason)
    elif folder.place is not None:
        yield from _place(folder, picture, size)


def _undecodable(picture: Picture, facts: ImageFacts) -> Fault:
    kind = "image-lfs" if facts.format == "git-lfs pointer" else _FAILURES[facts.failure]
    remedy = Remedy(action="aside", files=with_caption(picture)) if kind in _LOST else None
    return fault(kind, picture.image, facts.reason, remedy=remedy)


def with_caption(picture: Picture) -> tuple[Path, ...]:
    """The image, and its caption where that has its name and is no other image's, too."""
    own = picture.caption is not None and not picture.foreign and not _shared(picture.image)
    return (picture.image, picture.caption) if own and picture.caption else (picture.image,)


def _shared(image: Path) -> bool:
    """Whether another image beside this one differs from it in its suffix alone: both have one caption."""
    suffixes = {*IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES)} - {image.suffix}
    return any(os.path.lexists(image.with_suffix(suffix)) for suffix in suffixes)


def _suffix(picture: Picture, facts: ImageFacts) -> Iterator[Fault]:
    stem, suffix = os.path.splitext(picture.image.name)  # noqa: PTH122 - as sd-scripts splits
    right = SUFFIXES.get(facts.format, ())
    if right and suffix.lower() not in right:
        target = stem + right[0]
        free = right[0] in IMAGE_SUFFIXES and not os.path.lexists(picture.image.with_name(target))
        remedy = Remedy(action="rename", files=(picture.image,), target=target) if free else None
        yield fault("image-suffix", picture.image, f"its content is {facts.format}", remedy=remedy)
    if facts.animated:
        yield fault("image-animated", picture.image, f"several pictures in one {facts.format}")


def _pixels(folder: TrainingFolder, picture: Picture, facts: ImageFacts) -> Iterator[Fault]:
    image = picture.image
    if facts.mode == "CMYK":
        yield fault("image-cmyk", image, "its colours are inks: CMYK")
    if _is_deep(facts):
        yield fault("image-deep", image, f"shades of gray in more than 8 bits (mode {facts.mode})")
    elif facts.mode in ("L", "LA", "1", "La"):
        yield fault("image-gray", image, "black and white alone" if facts.mode == "1" else "shades of gray alone")
    if facts.alpha == "nothing":
        yield fault("image-invisible", image, "all of it is transparent")
    elif facts.alpha and not folder.alpha_mask:
        yield fault("image-transparent", image, "parts of it are transparent; what lies beneath them is trained")
    if facts.orientation != 1:
        how = _TURNS.get(facts.orientation, "turned by 90 degrees")
        yield fault("image-turned", image, f"EXIF orientation {facts.orientation} is not looked at: {how}")
    # Deep ones look plain where all of their shades are beyond what is kept of them.
    if facts.plain and facts.alpha != "nothing" and not _is_deep(facts):
        yield fault("image-plain", image, "every pixel has the same colour")
    if facts.profile:
        yield fault("image-profile", image, f"colour profile {facts.profile}")


def _is_deep(facts: ImageFacts) -> bool:
    return facts.mode.startswith("I") or facts.mode == "F"


def _place(folder: TrainingFolder, picture: Picture, size: Size) -> Iterator[Fault]:
    place = folder.place(size) if folder.place else ""
    if isinstance(place, str):
        if place:
            yield fault("image-no-bucket", picture.image, place)
        return
    bucket, resized = place
    times = max(resized[0] / size[0], resized[1] / size[1])
    if times > ENLARGED:
        severity: Severity = "warning" if times > MUCH else "note"
        reason = f"{_by(size)} is enlarged {times:.1f} times to {_by(resized)}{_in_a_bucket(folder, size)}"
        yield fault("image-upscaled", picture.image, reason, severity=severity)
    kept = min(bucket[0], resized[0]) * min(bucket[1], resized[1]) / (resized[0] * resized[1])
    if kept < KEPT:
        reason = f"{1 - kept:.0%} of {_by(size)} is cut off to fit {_by(bucket)}{_in_a_bucket(folder, size)}"
        yield fault("image-cropped", picture.image, reason)


def _in_a_bucket(folder: TrainingFolder, size: Size) -> str:
    """What buckets would make of it, where there are none and they would keep it whole and unenlarged."""
    place = folder.bucketed(size) if folder.bucketed else ""
    if isinstance(place, str):
        return ""
    bucket, resized = place
    kept = min(bucket[0], resized[0]) * min(bucket[1], resized[1]) / (resized[0] * resized[1])
    fits = max(resized[0] / size[0], resized[1] / size[1]) <= ENLARGED and kept >= KEPT
    return f"; with enable_bucket = true it fits {_by(bucket)}" if fits else ""


def _by(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
