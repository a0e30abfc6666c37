"""Pictures that are the same but for a crop, a mirror, a shift, brightness, size or file format: pairs of them.

What comes near in short vectors (`candidates`) is aligned and compared in full (`alignment`).

Two drawings of one kind on one background are no pair: light must fit to 0.93, nowhere may a patch as large as a head
differ, and colours must be the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dataset_tools.check.alignment import Pairs, aligned, colours, lights, planes
from dataset_tools.check.candidates import Candidates, windows
from dataset_tools.pixels.signature import LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dataset_tools.check.alignment import Planes

Array = Any
"""A numpy array."""

SAME_LIGHT, SAME_GRAY, SAME_COLOUR = 0.93, 0.95, 8.0
"""What a pair must have: correlation of light, more where both are gray, and mean difference of colour at most."""

SAME_PATCH, SAME_SHARE = 10.0, 0.25
"""How far light may differ in any patch of a fifth of the width, in steps of 255 and as a share of the contrast."""

_ROUGH_LIGHT, _ROUGH_SHARE = 0.76, 0.7  # before alignment
_ROUGH_COLOUR, _ROUGH_TINT = 9.0, 14.0
_GRAY = 3.0
_BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two pictures that show the same."""

    first: int
    """Number of a picture."""
    second: int
    """Number of the other one, larger."""
    mirrored: bool
    """Whether one is the other in a mirror."""
    likeness: float
    """Correlation of their light, up to 1."""


def alike(signatures: Sequence[bytes] | Array, tell: Callable[[int, int], None] | None = None) -> list[Pair]:
    """Pairs among these signatures; of a group in which all are alike, as many as join it together.

    Args:
        signatures: as `signature.signature` gives them; or (n, 704) bytes as an array.
        tell: called with (pictures compared, pictures in all).
    """
    if len(signatures) < 2:
        return []
    rows = signatures if isinstance(signatures, np.ndarray) else _rows(signatures)
    joined = _Joined(len(rows))
    pairs = list(_equal(rows, joined))
    kept = np.array(sorted({joined.root(one) for one in range(len(rows))}), np.int64)
    all_planes = planes(rows[kept] if len(kept) < len(rows) else rows)
    for pair in _close(all_planes, Candidates(all_planes, tell).all()):
        if joined.join(int(kept[pair.first]), int(kept[pair.second])):
            first, second = sorted((int(kept[pair.first]), int(kept[pair.second])))
            pairs.append(Pair(first=first, second=second, mirrored=pair.mirrored, likeness=pair.likeness))
    return pairs


def _rows(signatures: Sequence[bytes]) -> Array:
    return np.frombuffer(b"".join(signatures), np.uint8).reshape(len(signatures), -1)


class _Joined:
    """Which pictures are already known to belong together."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def root(self, one: int) -> int:
        """The first of the group."""
        while self._above[one] != one:
            self._above[one] = one = self._above[self._above[one]]
        return one

    def join(self, one: int, other: int) -> bool:
        """Put two groups together; False where they are one."""
        first, second = sorted((self.root(one), self.root(other)))
        self._above[second] = first
        return first != second


def _equal(rows: Array, joined: _Joined) -> Iterator[Pair]:
    """Pictures with one signature: compared no further, however many there are; plain ones are nobody's twin."""
    known: dict[int, int] = {}
    for number, row in enumerate(rows):
        first = known.setdefault(hash(row.tobytes()), number)
        if first == number or not np.array_equal(row, rows[first]):
            continue
        if row[: LIGHT * LIGHT].std() > 1 and joined.join(first, number):
            yield Pair(first=first, second=number, mirrored=False, likeness=1.0)


def _close(all_planes: Planes, hits: Array) -> Iterator[Pair]:
    """Those of the pairs that are the same picture; pairs whose ends have met through others are left out."""
    joined = _Joined(len(all_planes.light))
    for at in range(0, len(hits), _BATCH):
        ends = hits[at : at + _BATCH, :2].astype(np.int64)
        apart = [joined.root(int(one)) != joined.root(int(other)) for one, other in ends]
        for pair in _same(all_planes, hits[at : at + _BATCH][apart]):
            if joined.join(pair.first, pair.second):
                yield pair


def _same(some: Planes, hits: Array) -> Iterator[Pair]:
    places = windows()[hits[:, 2].astype(np.int64)]
    first, second = hits[:, 0].astype(np.int64), hits[:, 1].astype(np.int64)
    pairs = Pairs(first=first, second=second, window=places[:, :4], mirrored=places[:, 4] > 0)
    tints = colours(some, pairs)
    pairs = pairs.of((tints.mean < _ROUGH_COLOUR) & (tints.patch < _ROUGH_TINT))
    seen = lights(some, pairs)
    pairs, _ = aligned(some, pairs.of((seen.light > _ROUGH_LIGHT) & (seen.share < _ROUGH_SHARE)))
    light, tints = lights(some, pairs), colours(some, pairs)
    least = np.where(tints.strength < _GRAY, SAME_GRAY, SAME_LIGHT)
    same = (light.light > least) & (tints.mean < SAME_COLOUR) & (light.patch < SAME_PATCH) & (light.share < SAME_SHARE)
    for number in np.nonzero(same)[0]:
        yield Pair(
            first=int(pairs.first[number]),
            second=int(pairs.second[number]),
            mirrored=bool(pairs.mirrored[number]),
            likeness=round(float(light.light[number]), 3),
        )
