"""Pairs of pictures that may be the same: those whose short vectors come near in some window.

Every picture is compared, in 64 windows and their mirrors, with every other in 8 x 8 cells of light and 4 x 4 of
colour: dot products of short vectors. Of more than a few thousand pictures each is compared only with those of the
nearest clusters, so that time and memory stay small; then not one in a hundred is missed by it. What comes near is not
yet the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dataset_tools.check.alignment import Planes
from dataset_tools.pixels.signature import COLOUR, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Array = Any
"""A numpy array."""

NEAR = 0.92
"""Cosine of the short vectors from which a pair is looked at closely."""

WHOLE = 4000
"""Pictures up to which each is compared with each."""

_CELLS, _TINTS = LIGHT // 3, COLOUR // 2
_WEIGHT = 2.0  # of a cell of colour, which are fewer
_PLAIN = 30.0  # length of a short vector below which a picture shows too little to compare
_ROOM = 2_000_000  # numbers in one block of dot products
_EACH = 32  # pairs of one picture that are looked at closely: its nearest
_MOST = 600_000  # pairs in all
_PROBES = 2
_PLACES = ((1.0, 0.0), *((0.9, at) for at in (0.0, 0.05, 0.1)), *((0.8, at) for at in (0.0, 0.067, 0.133, 0.2)))
"""Windows along one axis: their size, and where they begin."""


@cache
def windows() -> Array:
    """(128, 5): width, left, height, top, and whether mirrored."""
    places = [(*across, *down) for down in _PLACES for across in _PLACES]
    return np.array([(*place, mirrored) for mirrored in (0, 1) for place in places], np.float32)


@cache
def _weights(cells: int, size: int) -> Array:
    """(8, cells, size): how much of each of `size` cells is in each cell of each window along an axis."""
    edges = np.arange(size, dtype=np.float64)
    found = []
    for share, at in _PLACES:
        begin = (at + share * np.arange(cells) / cells)[:, None] * size
        overlap = np.minimum(begin + share * size / cells, edges + 1) - np.maximum(begin, edges)
        found.append(np.maximum(overlap, 0))
    weights = np.stack(found)
    return (weights / weights.sum(2, keepdims=True)).astype(np.float32)


def _cut(cells: Array, weights: Array) -> Array:
    """(p, c, s, s) cells in (64, p, c, k, k) windows."""
    down = np.einsum("aks,pcsx->apckx", weights, cells, optimize=True)
    both = np.einsum("blx,apckx->abpckl", weights, down, optimize=True)
    return both.reshape(-1, *both.shape[2:])


def _vectors(some: Planes, *, whole: bool = False) -> Array:
    """(windows, p, 96) vectors of length 1, or shorter for plain pictures; of the first window alone if `whole`."""
    upto = 1 if whole else None
    light = _cut(some.light[:, None].astype(np.float32), _weights(_CELLS, LIGHT)[:upto])
    light = light - light.mean((3, 4), keepdims=True)
    colour = _WEIGHT * _cut(some.colour.astype(np.float32) - 128, _weights(_TINTS, COLOUR)[:upto])
    sides = [(light, colour)] if whole else [(light, colour), (light[..., ::-1], colour[..., ::-1])]
    flat = [np.concatenate([part.reshape(*part.shape[:2], -1) for part in side], 2) for side in sides]
    vectors = np.concatenate(flat)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), _PLAIN)


class Candidates:
    """Pairs whose short vectors come near, and the window in which they do."""

    def __init__(self, all_planes: Planes, tell: Callable[[int, int], None] | None) -> None:
        self._planes = all_planes
        self._tell = tell or (lambda _done, _total: None)
        self._count = len(all_planes.light)
        step = 4096
        # In half precision, which halves the room that a hundred thousand take; products are of single precision.
        whole = np.empty((self._count, _CELLS**2 + 2 * _TINTS**2), np.float16)
        for at in range(0, self._count, step):
            whole[at : at + step] = _vectors(self._some(at, at + step), whole=True)[0]
        self._centres = _centres(whole)
        self._members = _members(whole, self._centres)
        self._whole = whole.astype(np.float32) if len(self._members) == 1 else whole

    def _some(self, begin: int, end: int) -> Planes:
        return Planes(light=self._planes.light[begin:end], colour=self._planes.colour[begin:end])

    def all(self) -> Array:
        """(c, 4): first, second, window, cosine; the nearest first, each pair once."""
        found = [np.empty((0, 4), np.float32)]
        rivals = self._count if len(self._members) == 1 else len(self._centres)
        step = max(1, _ROOM // (len(windows()) * max(rivals, 128)))
        pending = 0
        for begin in range(0, self._count, step):
            found.append(_nearest(list(self._near(_vectors(self._some(begin, begin + step)), begin))))
            pending += len(found[-1])
            if pending > _MOST // 2:
                found, pending = [_best(found)], 0
            self._tell(min(begin + step, self._count), self._count)
        return _best(found)

    def _near(self, vectors: Array, begin: int) -> Iterator[Array]:
        places, count, _ = vectors.shape
        flat = vectors.reshape(places * count, -1)
        if len(self._members) == 1:
            cosine = (flat @ self._whole.T).reshape(places, count, -1)
            row, second = np.nonzero(cosine.max(0) > NEAR)
            window = cosine[:, row, second].argmax(0)
            yield from _hits(row + begin, second, window, cosine[window, row, second])
            return
        for members, queries in self._lists(flat):
            cosine = flat[queries] @ self._whole[members].astype(np.float32).T
            query, member = np.nonzero(cosine > NEAR)
            window, row = np.divmod(queries[query], count)
            yield from _hits(row + begin, members[member], window, cosine[query, member])

    def _lists(self, vectors: Array) -> Iterator[tuple[Array, Array]]:
        """For each cluster: its members, and which vectors are to be compared with them."""
        near = vectors @ self._centres.T
        nearest = np.empty((len(vectors), _PROBES), np.int32)
        for probe in range(_PROBES):
            nearest[:, probe] = near.argmax(1)
            near[np.arange(len(near)), nearest[:, probe]] = -2
        order = np.argsort(nearest.ravel(), kind="stable")
        bounds = np.searchsorted(nearest.ravel()[order], np.arange(len(self._members) + 1))
        for cluster, members in enumerate(self._members):
            queries = order[bounds[cluster] : bounds[cluster + 1]] // _PROBES
            if len(queries) and len(members):
                yield members, queries


def _hits(*columns: Array) -> Iterator[Array]:
    """(h, 4) first, second, window, cosine, without pictures that are near to themselves."""
    other = columns[0] != columns[1]
    if other.any():
        yield np.stack([column[other].astype(np.float32) for column in columns], 1)


def _centres(whole: Array) -> Array:
    """Centres of clusters: one for few pictures, else about two for each root of their number."""
    count = len(whole)
    if count <= WHOLE:
        return whole[:1]
    chosen = np.random.default_rng(0).permutation(count)
    sample = whole[chosen[: 20 * 2 * int(count**0.5)]].astype(np.float32)
    centres = sample[: 2 * int(count**0.5)]
    for _ in range(3):
        nearest = np.concatenate([np.argmax(part @ centres.T, 1) for part in _parts(sample, len(centres))])
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, sample)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0.01, sums / np.maximum(lengths, 0.01), centres)
    return centres


def _members(whole: Array, centres: Array) -> list[Array]:
    if len(centres) == 1:
        return [np.arange(len(whole))]
    nearest = np.concatenate(
        [np.argmax(part.astype(np.float32) @ centres.T, 1) for part in _parts(whole, len(centres))]
    )
    order = np.argsort(nearest, kind="stable")
    return list(np.split(order, np.searchsorted(nearest[order], np.arange(1, len(centres)))))


def _parts(rows: Array, width: int) -> list[Array]:
    step = max(1, _ROOM // width)
    return [rows[at : at + step] for at in range(0, len(rows), step)]


def _nearest(found: list[Array]) -> Array:
    """Of each first picture its nearest ones, each once: among thousands of one kind, what is the same is still near.

    A bound for all together would be used up by pictures of one style, whose nearest come nearer than a crop does to
    what it was cut from.
    """
    hits = np.concatenate([np.empty((0, 4), np.float32), *found])
    hits = hits[np.lexsort((-hits[:, 3], hits[:, 1], hits[:, 0]))]
    hits = hits[_first_of_each(hits[:, :2])]
    hits = hits[np.lexsort((-hits[:, 3], hits[:, 0]))]
    begins = np.flatnonzero(_first_of_each(hits[:, :1]))
    rank = np.arange(len(hits)) - np.repeat(begins, np.diff(np.append(begins, len(hits))))
    return hits[rank < _EACH]


def _first_of_each(keys: Array) -> Array:
    """Which of these sorted rows differ from the row before."""
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]).any(1)
    return first


def _best(found: list[Array]) -> Array:
    """Each pair once, at its best, the nearest first, and not more than are looked at."""
    hits = np.concatenate(found)
    hits = hits[np.argsort(-hits[:, 3], kind="stable")]
    low, high = hits[:, :2].min(1).astype(np.int64), hits[:, :2].max(1).astype(np.int64)
    _, first = np.unique(low * (high.max(initial=0) + 1) + high, return_index=True)
    return hits[np.sort(first)][:_MOST]
