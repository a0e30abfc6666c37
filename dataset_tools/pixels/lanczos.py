"""Lanczos by matrices: more than twice as fast as Pillow's, and exact to the rounding of the result.

Pillow rounds and cuts to 8 bits between the two directions, which costs 10 dB where drawings and text overshoot. Here a
band of rows, then a band of columns, is one product of small matrices in float32; only results are rounded. The weights
are Pillow's: three lobes, stretched by the factor of a reduction, centred on pixel centres, cut off at the edges of the
picture (not of the box) and made to sum to 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dataset_tools.pixels.single_thread import load_numpy

if TYPE_CHECKING:
    from PIL import Image

Band = tuple[int, int, int, int, Any]
"""First and last result (exclusive), first and last source (exclusive), weights of shape (results, sources)."""

_ROWS, _COLUMNS, _TILE = 16, 8, 128  # the fastest of what was tried; a tile stays in the cache


def scale(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """The box of an image, scaled to a size.

    Args:
        image: L or RGB.
        size: width and height of the result.
        box: left, top, right, bottom in the image; parts of pixels are meant as they are said.
    """
    from PIL import Image  # noqa: PLC0415 - with numpy: only what scales pays for them

    numpy = load_numpy()
    (width, height), channels = image.size, len(image.getbands())
    source = numpy.asarray(image).reshape(height, width * channels)
    across = _bands(width, size[0], box[0], box[2], channels)
    result = numpy.empty((size[1], size[0] * channels), numpy.uint8)
    tile = numpy.empty((_TILE, width * channels), numpy.float32)
    parts = numpy.empty((_TILE, size[0] * channels), numpy.float32)
    down = _bands(height, size[1], box[1], box[3], None)
    for begin in range(0, len(down), _TILE // _ROWS):
        bands = down[begin : begin + _TILE // _ROWS]
        top, bottom = bands[0][0], bands[-1][1]
        for first, last, low, high, weights in bands:
            numpy.matmul(weights, source[low:high].astype(numpy.float32), out=tile[first - top : last - top])
        part = parts[: bottom - top]
        for first, last, low, high, weights in across:
            numpy.matmul(tile[: bottom - top, low:high], weights, out=part[:, first:last])
        result[top:bottom] = numpy.clip(numpy.rint(part, out=part), 0, 255, out=part)
    shape = (size[1], size[0]) if channels == 1 else (size[1], size[0], channels)
    return Image.fromarray(result.reshape(shape))


@lru_cache(maxsize=32)
def _bands(before: int, after: int, start: float, end: float, channels: int | None) -> tuple[Band, ...]:
    """`after` results of `before` sources, a few at a time.

    With `channels` it is along a row: places count interleaved values, and weights have shape (sources, results).
    """
    numpy = load_numpy()
    most, each = (_COLUMNS, channels) if channels else (_ROWS, 1)
    step = (end - start) / after
    stretch = max(step, 1.0)
    bands = []
    for first in range(0, after, most):
        last = min(after, first + most)
        centres = start + (numpy.arange(first, last) + 0.5) * step
        low = max(0, int(numpy.floor(centres[0] - 3 * stretch)))
        high = min(before, int(numpy.ceil(centres[-1] + 3 * stretch)))
        distance = (numpy.arange(low, high)[None] + 0.5 - centres[:, None]) / stretch
        weights = numpy.where(abs(distance) < 3, numpy.sinc(distance) * numpy.sinc(distance / 3), 0)
        weights /= weights.sum(axis=1, keepdims=True)
        if channels:
            weights = numpy.kron(weights, numpy.eye(channels)).T
        weights = numpy.ascontiguousarray(weights, dtype=numpy.float32)
        bands.append((first * each, last * each, low * each, high * each, weights))
    return tuple(bands)
