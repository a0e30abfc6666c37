"""Width and height of an image as sd-scripts reads them: from the header, turned by no EXIF orientation."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CUT_OFF = (IndexError, OverflowError, TypeError, ValueError, struct.error)


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height, as library/train_util.py:1478-1491 has them.

    (0, 0) where neither imagesize nor Pillow knows; None where imagesize raises, which sd-scripts does not catch.

    Raises:
        OSError: the file cannot be opened.
    """
    import imagesize  # noqa: PLC0415 - it loads an XML parser, and a folder seen before needs neither

    try:
        width, height = imagesize.get(path)
    except _CUT_OFF:
        return None
    return (int(width), int(height)) if width > 0 else _by_pillow(path)


def _by_pillow(path: Path) -> tuple[int, int]:
    from PIL import Image  # noqa: PLC0415 - for the few formats that imagesize does not know, BMP above all

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "could be a decompression bomb": nothing is decompressed here
        try:
            with Image.open(path) as image:
                size: tuple[int, int] = image.size
        except Exception:  # noqa: BLE001 - as sd-scripts: whatever a plugin raises, the size is unknown
            return 0, 0
    return size
