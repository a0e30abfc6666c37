"""Write a PNG strip by strip: a picture of any height in the memory of one strip, which Pillow cannot do.

Truecolour, 8 bits, not interlaced; every line is stored as its difference to the line above (filter 2), which is
cheap to make and compresses flat backgrounds well (https://www.w3.org/TR/png-3/#9Filters).
"""

from __future__ import annotations

import struct
import zlib
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_UP = b"\x02"


class PngStream:
    """A PNG that grows downwards; `close` must be called when all of its lines were written."""

    def __init__(self, file: IO[bytes], width: int, height: int) -> None:
        self._file = file
        self._width = width
        self._left = height
        self._last: Image.Image | None = None
        self._deflate = zlib.compressobj(6)
        file.write(b"\x89PNG\r\n\x1a\n")
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))

    def write(self, strip: Image.Image) -> None:
        """Append an RGB strip of the whole width; ValueError when it is another, or beyond the height."""
        if strip.mode != "RGB" or strip.width != self._width or strip.height > self._left:
            raise ValueError(f"a strip of {strip.mode} {strip.size} does not fit")
        self._left -= strip.height
        data, line = self._differences(strip), 3 * self._width
        rows = (_UP + data[start : start + line] for start in range(0, len(data), line))
        self._pour(self._deflate.compress(b"".join(rows)))

    def close(self) -> None:
        """Write the end; ValueError when lines are missing."""
        if self._left:
            raise ValueError(f"{self._left} lines are missing")
        self._pour(self._deflate.flush())
        self._chunk(b"IEND", b"")

    def _differences(self, strip: Image.Image) -> bytes:
        from PIL import Image, ImageChops  # noqa: PLC0415 - only what draws pays for it

        above = Image.new("RGB", strip.size)
        if self._last is not None:
            above.paste(self._last, (0, 0))
        above.paste(strip.crop((0, 0, strip.width, strip.height - 1)), (0, 1))
        self._last = strip.crop((0, strip.height - 1, strip.width, strip.height))
        return ImageChops.subtract_modulo(strip, above).tobytes()

    def _pour(self, data: bytes) -> None:
        if data:
            self._chunk(b"IDAT", data)

    def _chunk(self, name: bytes, data: bytes) -> None:
        self._file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))
