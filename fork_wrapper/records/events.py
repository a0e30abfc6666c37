"""Scalars from TensorBoard's event files: no TensorFlow, no protobuf, no sampling.

A file is a row of records (length, masked CRC-32C of it, payload, masked CRC-32C of that), each payload one
protobuf `Event`. Only what a scalar needs is looked at. A record that is cut off, as the last one of a killed run
is, ends the file; a payload that is no `Event` is left out.
"""

from __future__ import annotations

import os
import re
import struct
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.names import lies_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = ".tfevents."
"""In the name of every event file."""

CHUNK = 1 << 22
"""Bytes that are read at once."""

LONGEST = 1 << 28
"""Bytes of a payload that is believed; no scalar is so long, and a broken length must not fill the memory."""

_FLOAT, _DOUBLE = 1, 2
_SECONDS = re.compile(r"\.tfevents\.(\d+)")
_Field = tuple[int, int, int, int]
"""Number, wire type, and where the content begins and ends; a varint's content is its value, twice."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The values of one tag, in the order in which they were written."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    """What the trainer gave as step; sd-scripts gives the epoch for `loss/epoch` (sdxl_train.py:818-820)."""
    values: array[float] = field(default_factory=lambda: array("d"))
    """One for each step; may be no number."""

    def __len__(self) -> int:
        """How many values there are."""
        return len(self.steps)

    def go_on(self, other: Series) -> None:
        """Add what another file says; from where it begins, it is what happened in the end."""
        if not other.steps:
            return
        keep = bisect_left(self.steps, other.steps[0]) if self.steps else 0
        del self.steps[keep:], self.values[keep:]
        self.steps.extend(other.steps)
        self.values.extend(other.values)


def read_scalars(folder: Path, *, check: bool = False) -> dict[str, Series]:
    """Every scalar below `folder` by its tag; empty where there is none.

    With `check` both checksums of every record are computed, and the first wrong one ends its file; it takes about
    four times as long.
    """
    found: dict[str, Series] = {}
    for path in event_files(folder):
        for tag, series in read_file(path, check=check).items():
            found.setdefault(tag, Series()).go_on(series)
    return found


def event_files(folder: Path) -> list[Path]:
    """Event files at or below a folder, in the order in which they were begun."""
    if folder.is_file():
        return [folder]
    found = [Path(at) / name for at, _, names in os.walk(folder) for name in names if MARK in name]
    return sorted((path for path in found if lies_in(path, folder)), key=_begun)


def read_file(path: Path, *, check: bool = False) -> dict[str, Series]:
    """The scalars of one file; empty where it cannot be read."""
    found: dict[str, Series] = {}
    shapes: dict[bytes, Series] = {}
    try:
        for payload in _payloads(path, check=check):
            _take(payload, found, shapes)
    except OSError:
        pass
    return found


def _begun(path: Path) -> tuple[int, str]:
    match = _SECONDS.search(path.name)
    return (int(match[1][:18]) if match else 0), path.as_posix()


def _payloads(path: Path, *, check: bool) -> Iterator[bytes]:
    """The payloads of a file up to the first record that is not whole."""
    head = struct.Struct("<QI")
    with path.open("rb") as file:
        rest, at = file.read(CHUNK), 0
        while True:
            if len(rest) - at < 12:
                rest, at = rest[at:] + file.read(CHUNK), 0
                if len(rest) < 12:
                    return
            length, crc = head.unpack_from(rest, at)
            if length > LONGEST or (check and masked_crc(rest[at : at + 8]) != crc):
                return
            end = at + 16 + length
            if end > len(rest):
                rest, at = rest[at:] + file.read(max(CHUNK, end - len(rest))), 0
                end = 16 + length
                if end > len(rest):
                    return
            payload = rest[at + 12 : end - 4]
            if check and masked_crc(payload) != int.from_bytes(rest[end - 4 : end], "little"):
                return
            yield payload
            at = end


def _take(payload: bytes, found: dict[str, Series], shapes: dict[bytes, Series]) -> None:
    """Fold one payload in.

    All events of one tag are the same bytes between the step and the value at the end: what such bytes mean is
    worked out once.
    """
    at = _after_step(payload)
    if at and (series := shapes.get(payload[at:-4])) is not None:
        series.steps.append(_varint(payload, 10, at)[0])
        series.values.append(_F32.unpack_from(payload, len(payload) - 4)[0])
        return
    for step, tag, value, is_last in _scalars(payload):
        series = found.setdefault(tag, Series())
        series.steps.append(step)
        series.values.append(value)
        if at and is_last:
            shapes[payload[at:-4]] = series


def _after_step(payload: bytes) -> int:
    """Where an event goes on that begins with its time and a step that is not negative; 0 for any other."""
    if len(payload) < 16 or payload[0] != _TIME or payload[9] != _STEP:
        return 0
    for at in range(10, min(19, len(payload))):  # nine bytes of a number are 63 bits: a negative one takes ten
        if payload[at] < 0x80:
            return at + 1
    return 0


_TIME, _STEP = 0x09, 0x10
"""Keys of the first two fields of an event: `wall_time` and `step`."""

_F32 = struct.Struct("<f")
_F64 = struct.Struct("<d")


def _scalars(payload: bytes) -> list[tuple[int, str, float, bool]]:
    """Step, tag and value of every scalar of an event, and whether the value is its last four bytes.

    None where the payload is broken: half an event is not believed.
    """
    step, summaries = 0, []
    try:
        for number, kind, start, end in _fields(payload, 0, len(payload)):
            if (number, kind) == (2, 0):
                step = start - (1 << 64) if start >= 1 << 63 else start
            elif (number, kind) == (5, 2):
                summaries.append((start, end))
        values = [
            (start, end)
            for begin, stop in summaries
            for number, kind, start, end in _fields(payload, begin, stop)
            if (number, kind) == (1, 2)
        ]
        read = [_value(payload, start, end) for start, end in values]
    except ValueError:
        return []
    alone = len(values) == 1 and len(summaries) == 1
    return [(step, tag, value, alone and last) for tag, value, last in (one for one in read if one)]


def _value(payload: bytes, start: int, end: int) -> tuple[str, float, bool] | None:
    """Tag and value of one `Summary.Value`; None where it is no scalar."""
    tag, value, last = "", None, False
    for number, kind, begin, stop in _fields(payload, start, end):
        if (number, kind) == (1, 2):
            tag = payload[begin:stop].decode("utf-8", errors="replace")
        elif (number, kind) == (2, 5):
            value, last = _F32.unpack_from(payload, begin)[0], stop == len(payload)
        elif (number, kind) == (8, 2):
            value, last = _tensor(payload, begin, stop), False
    return None if value is None else (tag, value, last)


def _tensor(payload: bytes, start: int, end: int) -> float | None:
    """The number in a `TensorProto` of one float or double; TensorFlow 2 writes scalars so."""
    dtype, content = 0, b""
    for number, kind, begin, stop in _fields(payload, start, end):
        if (number, kind) == (1, 0):
            dtype = begin
        elif number in (4, 5, 6) and kind != 0:  # tensor_content, float_val, double_val; packed or not
            content = payload[begin:stop]
    if dtype == _FLOAT and len(content) == 4:
        return float(_F32.unpack(content)[0])
    if dtype == _DOUBLE and len(content) == 8:
        return float(_F64.unpack(content)[0])
    return None


def _fields(data: bytes, at: int, end: int) -> Iterator[_Field]:
    """The fields of a protobuf message; ValueError where it is broken."""
    while at < end:
        key, at = _varint(data, at, end)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at, end)
            yield number, kind, value, value
            continue
        if kind == 2:
            size, at = _varint(data, at, end)
        else:
            size = {1: 8, 5: 4}.get(kind, end)
        if kind not in (1, 2, 5) or at + size > end:
            raise ValueError("broken message")
        yield number, kind, at, at + size
        at += size


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
        shift += 7
    raise ValueError("broken number")


def masked_crc(data: Iterable[int]) -> int:
    """CRC-32C as these files keep it: rotated, and a constant added."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _crc_table() -> tuple[int, ...]:
    table = []
    for number in range(256):
        value = number
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)
