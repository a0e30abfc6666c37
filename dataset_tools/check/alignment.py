"""How well one picture fits another once it has been moved and stretched a little: signatures against signatures.

Where a crop lies is only roughly known at first. From there, position and size along both axes are solved for together
with brightness and contrast, by least squares over the cells of light (Gauss-Newton); a few rounds are enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dataset_tools.pixels.signature import COLOUR, LIGHT

Array = Any
"""A numpy array."""

_ROUNDS = 6
_EARLY = 2  # rounds after which what is far from a match is given up
_STEP = 0.04  # the most that a round moves an edge, as a share of the picture
_STIFF = 5000.0  # keeps a picture without detail where it is
_INNER = np.pad(np.ones((LIGHT - 2, LIGHT - 2), bool), 1)  # a border may be new: filled in where the picture moved
_LEAST_OVERLAP = 0.6
_PATCH = 5  # cells along a side of what may not differ: a head, a hat, a hand
_HOPE_LIGHT, _HOPE_PATCH = 0.84, 0.55  # what a pair must have reached early


@dataclass(frozen=True, kw_only=True)
class Planes:
    """Signatures as numbers, one picture a row."""

    light: Array
    """(n, 24, 24), bytes."""
    colour: Array
    """(n, 2, 8, 8), bytes around 128."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How well pairs fit; one value a pair."""

    light: Array
    """Correlation of light where both are, -1 to 1."""
    patch: Array
    """Largest difference of light of a patch of 5 x 5 cells, in steps of 255, brightness and contrast allowed for."""
    share: Array
    """The same as a share of the contrast (standard deviation) of the second picture."""


@dataclass(frozen=True, kw_only=True)
class Colours:
    """How well the colours of pairs fit, once one strength for all colours is allowed for; one value a pair."""

    mean: Array
    """Mean difference, in steps of 255."""
    patch: Array
    """Largest difference of a patch of 2 x 2 cells."""
    strength: Array
    """Mean distance of the second picture's colours from gray."""


def planes(signatures: Array) -> Planes:
    """Of (n, 704) bytes."""
    light = signatures[:, : LIGHT * LIGHT].reshape(-1, LIGHT, LIGHT)
    return Planes(light=light, colour=signatures[:, LIGHT * LIGHT :].reshape(-1, 2, COLOUR, COLOUR))


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pictures to be laid on each other."""

    first: Array
    """(p,) rows; a part of each is compared."""
    second: Array
    """(p,) rows; each is compared whole."""
    window: Array
    """(p, 4) where the part is: width, left, height, top as shares of the picture."""
    mirrored: Array
    """(p,) whether the second is looked at in a mirror."""

    def of(self, which: Array) -> Pairs:
        """Some of them."""
        return Pairs(
            first=self.first[which],
            second=self.second[which],
            window=self.window[which],
            mirrored=self.mirrored[which],
        )


def aligned(some: Planes, pairs: Pairs) -> tuple[Pairs, Array]:
    """The pairs with better windows, those without hope left out; and the numbers of those that are left."""
    one, two = _lights(some, pairs)
    window = pairs.window.astype(np.float32)
    best, where = np.full(len(one), -1.0, np.float32), window.copy()
    alive = np.arange(len(one))
    for turn in range(_ROUNDS + 1):
        view = _View(one[alive], window[alive])
        found = view.fit(two[alive])
        better = found.light > best[alive]
        best[alive[better]], where[alive[better]] = found.light[better], window[alive[better]]
        if turn == _ROUNDS:
            break
        moved = window[alive] + view.step(two[alive])
        window[alive] = moved
        if turn == _EARLY:
            alive = alive[(best[alive] > _HOPE_LIGHT) & (found.share < _HOPE_PATCH)]
        if not len(alive):
            break
    left = Pairs(first=pairs.first, second=pairs.second, window=where, mirrored=pairs.mirrored)
    return left.of(alive), alive


def lights(some: Planes, pairs: Pairs) -> Fit:
    """How well light fits in these windows."""
    one, two = _lights(some, pairs)
    return _View(one, pairs.window.astype(np.float32)).fit(two)


def colours(some: Planes, pairs: Pairs) -> Colours:
    """How well colours fit in these windows."""
    one, two = (some.colour[rows].astype(np.float32) - 128 for rows in (pairs.first, pairs.second))
    two = _turned(two, pairs.mirrored)[:, :, 1:-1, 1:-1]
    window = pairs.window.astype(np.float32)
    one = np.stack([_sampled(one[:, plane], window)[0] for plane in (0, 1)], 1)[:, :, 1:-1, 1:-1]
    axes = (1, 2, 3)
    gain = np.clip((one * two).sum(axes) / np.maximum((one * one).sum(axes), 1.0), 0.6, 1.6)
    rest = gain[:, None, None, None] * one - two
    patch = rest[:, :, :-1, :-1] + rest[:, :, 1:, :-1] + rest[:, :, :-1, 1:] + rest[:, :, 1:, 1:]
    return Colours(mean=np.abs(rest).mean(axes), patch=np.abs(patch / 4).max(axes), strength=np.abs(two).mean(axes))


def _lights(some: Planes, pairs: Pairs) -> tuple[Array, Array]:
    one, two = (some.light[rows].astype(np.float32) for rows in (pairs.first, pairs.second))
    return one, _turned(two, pairs.mirrored)


class _View:
    """A part of each picture as another picture's 24 x 24 cells, its slopes, and which cells it reaches."""

    def __init__(self, pictures: Array, window: Array) -> None:
        self.values, self.across, self.down, self.inside = _sampled(pictures, window)

    def fit(self, other: Array) -> Fit:
        """With the other pictures, where both are."""
        one, two = (_centred(values, self.inside) for values in (self.values, other))
        both, own, power = ((a * b).sum((1, 2)) for a, b in ((one, two), (one, one), (two, two)))
        light = both / np.sqrt(np.maximum(own * power, 1.0))
        rest = (both / np.maximum(own, 1.0))[:, None, None] * one - two
        sums = np.pad(rest.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
        step = slice(_PATCH, None), slice(None, -_PATCH)
        boxes = sums[:, step[0], step[0]] - sums[:, step[0], step[1]] - sums[:, step[1], step[0]]
        patch = np.abs(boxes + sums[:, step[1], step[1]]).max((1, 2)) / _PATCH**2
        contrast = np.sqrt(np.maximum(power / np.maximum(self.inside.sum((1, 2)), 1.0), 1.0))
        enough = self.inside.mean((1, 2)) > _LEAST_OVERLAP
        return Fit(light=np.where(enough, light, -1.0), patch=patch, share=patch / contrast)

    def step(self, other: Array) -> Array:
        """(p, 4): how the windows should change for the pictures to fit better."""
        count = len(other)
        grid = np.broadcast_to((np.arange(LIGHT, dtype=np.float32) + 0.5) / LIGHT, (LIGHT, LIGHT))
        slopes = (self.across * grid, self.across, self.down * grid.T, self.down, -other, -np.ones_like(other))
        slope = np.stack(slopes, -1).reshape(count, LIGHT * LIGHT, 6)
        weighted = slope * self.inside.reshape(count, LIGHT * LIGHT, 1)
        normal = weighted.transpose(0, 2, 1) @ slope + np.diag([_STIFF] * 4 + [1e-3] * 2).astype(np.float32)
        target = -(weighted.transpose(0, 2, 1) @ self.values.reshape(count, LIGHT * LIGHT, 1))
        return np.clip(np.linalg.solve(normal, target)[:, :4, 0], -_STEP, _STEP)


def _turned(pictures: Array, mirrored: Array) -> Array:
    return np.where(mirrored.reshape(-1, *[1] * (pictures.ndim - 1)), pictures[..., ::-1], pictures)


def _centred(values: Array, inside: Array) -> Array:
    mean = (values * inside).sum((1, 2)) / np.maximum(inside.sum((1, 2)), 1.0)
    return (values - mean[:, None, None]) * inside


def _sampled(pictures: Array, window: Array) -> tuple[Array, Array, Array, Array]:
    """Values between cells, linearly; slopes per whole picture; 1 where the cell lies within it, but for its border."""
    size = pictures.shape[-1]
    width, left, height, top = window.T
    grid = ((np.arange(size) + 0.5) / size).astype(np.float32)
    x, y = left[:, None] + width[:, None] * grid, top[:, None] + height[:, None] * grid
    (x0, fx), (y0, fy) = (_cell(place, size) for place in (x, y))
    row, rest = np.arange(len(pictures))[:, None, None], (y0[:, :, None], x0[:, None, :])
    near, right = pictures[row, rest[0], rest[1]], pictures[row, rest[0], rest[1] + 1]
    below, far = pictures[row, rest[0] + 1, rest[1]], pictures[row, rest[0] + 1, rest[1] + 1]
    fx, fy = fx[:, None, :], fy[:, :, None]
    across = ((1 - fy) * (right - near) + fy * (far - below)) * size
    down = ((1 - fx) * (below - near) + fx * (far - right)) * size
    values = (1 - fy) * (near + fx * (right - near)) + fy * (below + fx * (far - below))
    within = ((y >= 0) & (y <= 1))[:, :, None] & ((x >= 0) & (x <= 1))[:, None, :]
    inner = _INNER if size == LIGHT else np.pad(np.ones((size - 2, size - 2), bool), 1)
    return values, across, down, (within & inner).astype(np.float32)


def _cell(place: Array, size: int) -> tuple[Array, Array]:
    place = np.clip(place * size - 0.5, 0, size - 1.001)
    whole = place.astype(np.int32)
    return whole, (place - whole).astype(np.float32)
