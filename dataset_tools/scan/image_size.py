"""Width and height of an image as sd-scripts reads them: from the header, turned by no EXIF orientation."""

from __future__ import annotations

import json
import struct
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
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


def cached_sizes(metadata: Path) -> dict[str, tuple[int, int]] | None:
    """Sizes by path, as `cache_info` wrote them; None where it did not, or they cannot be read."""
    if not metadata.is_file():
        return None
    try:
        stored = json.loads(metadata.read_text(encoding="utf-8"))
        return {path: _resolution(entry) for path, entry in stored.items()}
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError):
        return None


def _resolution(entry: Mapping[str, Any]) -> tuple[int, int]:
    _caption, (width, height) = entry["caption"], entry["resolution"]
    return int(width), int(height)
