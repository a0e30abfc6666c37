"""What the `.npz` caches of sd-scripts hold: names and shapes of arrays, and whether there is NaN among the numbers.

numpy wrote them and would read them; but the shapes stand in short headers, and for NaN it is enough to look at one
byte of each number, so that they are read here without it.
"""

from __future__ import annotations

import ast
import math
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CHUNK = 1 << 20
_LONGEST_HEADER = 10_000  # numpy refuses longer ones as well
_DAMAGE = (
    *(EOFError, KeyError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)
_CODES = {2: "e", 4: "f", 8: "d"}
_HIGH = {2: re.compile(rb"[\x7c-\x7f\xfc-\xff]"), 4: re.compile(rb"[\x7f\xff]"), 8: re.compile(rb"[\x7f\xff]")}
"""By bytes per number: what the byte of sign and exponent is in NaN, in infinity and in nothing of common size."""


@dataclass(frozen=True, kw_only=True)
class NpzContent:
    """What one `.npz` holds."""

    arrays: Mapping[str, tuple[int, ...]]
    """Names and shapes."""
    nan: bool
    """Whether one of them holds NaN."""


def read_npz(path: Path) -> NpzContent | None:
    """Names, shapes and NaN of a `.npz`; None when it is damaged or another kind of file.

    Raises:
        OSError: it cannot be opened.
    """
    arrays: dict[str, tuple[int, ...]] = {}
    nan = False
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    shape, kind = _read_header(file)
                    nan = _holds_nan(file, kind) or nan
                arrays[member.filename.removesuffix(".npy")] = shape
    except _DAMAGE:
        return None
    return NpzContent(arrays=arrays, nan=nan)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], str]:
    """Shape, and kind of number as numpy spells it: `<f4`."""
    if file.read(6) != b"\x93NUMPY":
        raise ValueError("not an array")
    major, _minor = file.read(2)
    (length,) = struct.unpack("<H", file.read(2)) if major == 1 else struct.unpack("<I", file.read(4))
    if length > _LONGEST_HEADER:
        raise ValueError("not a header")
    header = ast.literal_eval(file.read(length).decode("latin-1"))
    return tuple(int(side) for side in header["shape"]), str(header["descr"])


def _holds_nan(file: IO[bytes], kind: str) -> bool:
    """Whether one of the numbers that follow is NaN; reads to the end, which proves the checksum."""
    order, is_float, width = kind[:1], kind[1:2] == "f", int(kind[2:]) if kind[2:].isdigit() else 0
    found = False
    while data := file.read(_CHUNK):
        if is_float and width in _CODES:
            high = data[width - 1 :: width] if order == "<" else data[::width]
            if _HIGH[width].search(high):
                numbers = struct.iter_unpack(f"{order}{_CODES[width]}", data)
                found = found or any(math.isnan(number) for (number,) in numbers)
    return found
