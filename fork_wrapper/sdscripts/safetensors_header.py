"""The header of a safetensors file: names, precisions and shapes of its tensors, and its metadata.

Nothing else of the file is read. What is no whole safetensors file is refused as the library refuses it, and what it
seems to be instead is said: a download that went wrong is often a page of HTML.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

LARGEST = 100_000_000
"""Bytes of the longest header that the library takes."""

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Size of a number by the precision's name."""

_MOST_SIDES = 64

PICKLED = ("a file that torch.save wrote, a .ckpt or .pt by another name", "a pickle, a .ckpt or .pt by another name")
"""What seems to be for torch.load."""

_BEGINNINGS: Mapping[bytes, str] = {
    b"GGUF": "a GGUF file",
    b"PK\x03\x04": PICKLED[0],
    b"\x80\x02": PICKLED[1],
    b"version https://git-lfs": "a pointer of Git LFS: the file itself was not fetched",
    b"<": "a page of HTML or XML, not what it links to",
    b"{": "a JSON file",
}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor, without its numbers."""

    precision: str
    """As F16."""
    shape: tuple[int, ...]
    """Its sides."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of itself; a file that cannot be used has a `problem` and nothing else."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    """By name, in the order of the header."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """`__metadata__`: whatever its writers put there."""
    problem: str = ""
    """Why it cannot be used, in one line; empty where it can."""
    seems: str = ""
    """What it seems to be instead, where its first bytes say so."""


def read_header(path: Path) -> Header:
    """The header of a file; no error whatever the file holds. At most `LARGEST` bytes are read."""
    try:
        with path.open("rb") as file:
            first = file.read(24)
            length = int.from_bytes(first[:8], "little")
            size = path.stat().st_size
            if len(first) < 8 or length > min(LARGEST, size - 8):
                return Header(problem="it is damaged or incomplete", seems=_seems(first))
            text = first[8 : 8 + length] + file.read(max(0, length - len(first) + 8))
        return _parsed(text[:length], size - 8 - length)
    except OSError as error:
        return Header(problem=f"it cannot be read ({error.strerror or error})")


def _seems(first: bytes) -> str:
    plain = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((what for begin, what in _BEGINNINGS.items() if plain.startswith(begin)), "")


def _parsed(text: bytes, data: int) -> Header:
    try:
        raw = json.loads(text.decode())
        metadata = raw.pop("__metadata__", None) or {}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError
        ends = sorted(_span(entry) for entry in raw.values())
        tensors = {name: Tensor(precision=one["dtype"], shape=tuple(one["shape"])) for name, one in raw.items()}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return Header(problem="it is damaged or incomplete")
    gapless = all(before[1] == after[0] for before, after in pairwise([(0, 0), *ends]))
    if not gapless or (ends[-1][1] if ends else 0) != data:
        return Header(problem="it is damaged or incomplete")
    return Header(tensors=tensors, metadata=metadata)


def _span(entry: Mapping[str, Any]) -> tuple[int, int]:
    """Where its numbers lie; ValueError where they are not as many as its shape says."""
    begin, end = entry["data_offsets"]
    numbers = [*entry["shape"], begin, end]
    if len(numbers) > _MOST_SIDES or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError
    if prod(entry["shape"]) * BITS[entry["dtype"]] != 8 * (end - begin):
        raise ValueError
    return begin, end
