"""PNG by libpng where `imagecodecs` is installed: read in two thirds, written in half of the time that Pillow takes.

Pixels are the same. What is out of the ordinary (a palette, 16 bits, interlacing, transparency by colour, anything
behind the pixels, any damage) is left to Pillow, and so is every verdict about a file. Damage is found by checksums
before libpng sees it: with each failure imagecodecs gives up a reference to None that it never took, and where None can
be counted down to nothing, before Python 3.12, some thousand failures end the process.
"""

from __future__ import annotations

import struct
import threading
import zlib
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from dataset_tools.pixels.silence import QUIET
from dataset_tools.pixels.single_thread import load_numpy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MODES = {(8, 2): "RGB", (8, 6): "RGBA"}  # bits for each channel, and colour type
_HEAD, _IHDR = struct.Struct(">I4s"), struct.Struct(">8xBB2xB")
_BEFORE = {b"IHDR", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"eXIf", b"pHYs", b"tIME", b"tEXt", b"zTXt", b"iTXt"}
# One filter for all lines, the mean of left and above, spares trying five and is the smallest for photographs; with
# runs alone (Z_RLE of zlib.h) flat drawings stay small as well.
_LEVEL, _RUNS, _MEAN = 1, 3, 0x40
_FAILED = threading.Event()  # a file whose checksums are right could not be read: none is tried any more


def version() -> str:
    """Of the library; empty where it is not installed."""
    codecs = _codecs()
    return str(codecs.__version__) if codecs else ""


def decode_png(data: bytes, most_pixels: int) -> Image.Image | None:
    """The picture, as `decoding.decode_bytes` gives it; None where that one has to be asked.

    Args:
        data: content of a file.
        most_pixels: width by height beyond which nothing is decoded.
    """
    codecs, mode = _codecs(), _ordinary(data)
    if codecs is None or not mode or _FAILED.is_set():
        return None
    from PIL import Image  # noqa: PLC0415 - only what opens pictures pays for it

    try:
        with QUIET:
            head = Image.open(BytesIO(data), formats=("PNG",))  # reads what stands before the pixels
            if head.mode != mode or head.width * head.height > most_pixels or getattr(head, "is_animated", False):
                return None
    except Exception:  # noqa: BLE001 - whatever it is, Pillow has the word
        return None
    try:
        image = Image.fromarray(codecs.png_decode(data))
    except Exception:  # noqa: BLE001 - likewise
        _FAILED.set()
        return None
    if (image.mode, image.size) != (mode, head.size):
        return None
    image.info, image.format = dict(head.info), "PNG"
    return image


def encode_png(image: Image.Image) -> bytes | None:
    """The content of a file, of pixels alone; None where Pillow has to write it.

    Args:
        image: RGB or RGBA.
    """
    codecs = _codecs()
    if codecs is None:
        return None
    return bytes(codecs.png_encode(load_numpy().asarray(image), level=_LEVEL, strategy=_RUNS, filter=_MEAN))


def _ordinary(data: bytes) -> str:
    """Pillow's mode of a picture of 8-bit colours, line after line, whole and with nothing behind; otherwise empty."""
    if not data.startswith(_SIGNATURE):
        return ""
    mode, names = "", []
    for name, length, begin in _chunks(data):
        if name == b"IHDR" and length == _IHDR.size:
            bits, colour, interlaced = _IHDR.unpack_from(data, begin)
            mode = "" if interlaced else _MODES.get((bits, colour), "")
        names.append(name)
    pixels = names.count(b"IDAT")
    before, after = names[: -pixels - 1], names[-pixels - 1 :]
    whole = pixels and before[:1] == [b"IHDR"] and {*before} <= _BEFORE and after == [b"IDAT"] * pixels + [b"IEND"]
    return mode if whole else ""


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name and length of each chunk, and where its content begins; one named "" where the file is damaged."""
    place, view = len(_SIGNATURE), memoryview(data)
    while place < len(data):
        length, name = _HEAD.unpack_from(data, place) if place + _HEAD.size <= len(data) else (0, b"")
        begin, end = place + _HEAD.size, place + _HEAD.size + length
        whole = zlib.crc32(view[place + 4 : end]).to_bytes(4, "big") == view[end : end + 4]
        yield name if whole else b"", length, begin
        place = end + 4


@lru_cache(maxsize=1)
def _codecs() -> Any:
    """The library, if it is there and has libpng."""
    load_numpy()
    try:
        import imagecodecs  # noqa: PLC0415 - installed by choice, and only pictures need it

        return imagecodecs if imagecodecs.PNG.available else None
    except ImportError:
        return None
