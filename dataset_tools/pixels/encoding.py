"""Write a prepared picture into bytes: PNG, WebP or JPEG, without EXIF, profile or date, the same bytes every time."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from dataset_tools.pixels.fast_png import encode_png

if TYPE_CHECKING:
    from PIL import Image

Format = Literal["png", "webp", "jpeg"]
"""What can be written."""

SUFFIXES: dict[Format, str] = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
"""All are among those that sd-scripts looks for (library/train_util.py:104)."""

_RUNS = 3  # Z_RLE of zlib.h

JPEG_QUALITY = 95
"""Where none is asked for."""


def encode(image: Image.Image, image_format: Format, quality: int | None) -> bytes:
    """The file's content.

    Args:
        image: RGB; RGBA as well for PNG and WebP, whose hidden colours are kept.
        image_format: what to write. PNG is without loss; WebP too, unless a quality is given.
        quality: 1 to 100 for JPEG and for lossy WebP; None is `JPEG_QUALITY`, or without loss.
    """
    if image_format == "png" and (content := encode_png(image)) is not None:
        return content
    buffer = BytesIO()
    # Pillow carries a source's profile and transparent colour along, and would write them: neither holds any more.
    image = image.copy()
    image.info.clear()
    image.save(buffer, image_format.upper(), **_options(image_format, quality))
    return buffer.getvalue()


def _options(image_format: Format, quality: int | None) -> dict[str, Any]:
    if image_format == "png":
        # Runs and Huffman codes alone: Pillow's default takes six times as long for a photograph, and is 4 % smaller.
        return {"compress_level": 1, "compress_type": _RUNS}
    if image_format == "jpeg":
        return {"quality": quality or JPEG_QUALITY, "subsampling": 0}  # 0: colours at full size
    if quality is None:
        # The quality of a lossless WebP is effort: this is the fastest, and already smaller than PNG.
        return {"lossless": True, "quality": 0, "method": 0, "exact": True}
    return {"quality": quality, "method": 4, "exact": True}
