"""Prepare one picture: from the bytes of a file to the bytes of a training image, and a line for the manifest."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dataset_tools.pixels.decoding import MOST_PIXELS, UndecodableError, decode_bytes, read
from dataset_tools.pixels.encoding import encode
from dataset_tools.pixels.fast_png import decode_png
from dataset_tools.pixels.fast_png import version as fast_png
from dataset_tools.pixels.fitting import fitted, place
from dataset_tools.pixels.silence import QUIET
from dataset_tools.pixels.to_srgb import upright

if TYPE_CHECKING:
    from pathlib import Path

    from dataset_tools.pixels.encoding import Format
    from dataset_tools.pixels.fitting import Fit, Place, Placement, Size
    from dataset_tools.pixels.to_srgb import Colour, Upright


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What pictures are turned into."""

    size: Size = (1024, 1024)
    """Of every result; with fit `bucket`, what the buckets are made from."""
    fit: Fit = "cover"
    """How a picture of another ratio is fitted."""
    image_format: Format = "png"
    """Of the results."""
    quality: int | None = None
    """1 to 100 for JPEG and lossy WebP; None: 95 for JPEG, WebP without loss."""
    background: Colour = (255, 255, 255)
    """Behind transparent pixels, and around a padded picture."""
    keep_alpha: bool = False
    """Keep transparency, as a mask for `alpha_mask` of sd-scripts, rather than flatten it."""
    upscale: bool = False
    """Enlarge what is too small rather than refuse it."""
    buckets: tuple[int, int, int] | None = None
    """Shortest side, longest side and step of the buckets; None for the other fits."""
    most_pixels: int = MOST_PIXELS
    """Larger pictures are refused."""

    def as_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A training image that is not on disk yet."""

    data: bytes
    """Content of the file."""
    facts: dict[str, Any]
    """Its line in the manifest, but for names and captions."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A picture that gives no training image."""

    kind: str
    """As `decoding.Kind`; or `too-small`, `other-shape`, `no-bucket`."""
    reason: str
    """One line, without the path."""
    sha256: str
    """Of the file; empty where it could not be read."""


def prepare_one(path: Path, choices: Choices, bucket: Place | None = None) -> Made | Refused:
    """Prepare the picture in a file; whatever is wrong with it is a value.

    Args:
        path: the source.
        choices: what to make.
        bucket: for fit `bucket`, see `fitting.Place`.
    """
    sha256 = ""
    try:
        data = read(path)
        sha256 = hashlib.sha256(data).hexdigest()
        return _made(data, sha256, choices, bucket)
    except UndecodableError as error:
        return Refused(kind=error.kind, reason=error.reason, sha256=sha256)
    except MemoryError:
        return Refused(kind="memory", reason="there is not enough memory to prepare it", sha256=sha256)


def _made(data: bytes, sha256: str, choices: Choices, bucket: Place | None) -> Made | Refused:
    image = decode_png(data, choices.most_pixels) or decode_bytes(data, most_pixels=choices.most_pixels)
    seen = upright(image, background=choices.background, keep_alpha=choices.keep_alpha)
    try:
        placement = place(seen.image.size, choices.size, choices.fit, bucket)
    except ValueError as error:  # no bucket can be chosen
        return Refused(kind="no-bucket", reason=str(error), sha256=sha256)
    if placement.scale > 1 and not choices.upscale:
        return _too_small(seen.image.size, placement, choices, bucket, sha256)
    padding = (*choices.background, 0) if seen.image.mode == "RGBA" else choices.background
    with QUIET:
        content = encode(fitted(seen.image, placement, padding), choices.image_format, choices.quality)
    source = {"sha256": sha256, "bytes": len(data), "format": image.format, "size": list(image.size)}
    return Made(data=content, facts={**source, **_facts(seen), "result": _result(content, placement, choices)})


def _too_small(size: Size, placement: Placement, choices: Choices, bucket: Place | None, sha256: str) -> Refused:
    """The refusal; of another kind where only the shape that was asked for is to blame, and its own bucket holds it."""
    reason = f"{size[0]} x {size[1]} would have to be enlarged {placement.scale:.2f} times"
    try:
        own = place(size, choices.size, "bucket", bucket) if bucket and choices.fit != "bucket" else None
    except ValueError:  # no bucket can be chosen
        own = None
    if own is None or own.scale >= placement.scale:
        return Refused(kind="too-small", reason=reason, sha256=sha256)
    fits = f"{own.size[0]} x {own.size[1]}"
    if own.scale > 1:
        return Refused(kind="too-small", reason=f"{reason}, or {own.scale:.2f} times with --fit bucket", sha256=sha256)
    return Refused(kind="other-shape", reason=f"{reason}; its bucket, {fits}, holds it as it is", sha256=sha256)


def _result(content: bytes, placement: Placement, choices: Choices) -> dict[str, Any]:
    from PIL import __version__ as pillow  # noqa: PLC0415

    fast = fast_png() if choices.image_format == "png" else ""
    return {
        **({"imagecodecs": fast} if fast else {"pillow": pillow}),
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "size": list(placement.size),
        "crop": [round(side, 3) for side in placement.box],
        "pad": [*placement.offset, placement.offset[0] + placement.inner[0], placement.offset[1] + placement.inner[1]],
        "scale": round(placement.scale, 6),
        "upscaled": placement.scale > 1,
    }


def _facts(seen: Upright) -> dict[str, Any]:
    return {
        "mode": seen.mode,
        "orientation": seen.orientation,
        "icc": seen.icc,
        "icc_use": seen.icc_use,
        "alpha": seen.alpha,
    }
