"""Smooth, softly lit shapes on a square picture, on top of Pillow.

All coordinates are thousandths of the picture's side, so that a figure looks the same at any size. A picture
is drawn larger than asked and reduced at the end, which smooths the edges. Light falls from the upper left.
Pillow is imported here, and only here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dataset_tools.characters import Colour

Point = tuple[float, float]
"""x to the right and y downwards, in thousandths of the side."""
Joint = tuple[float, float, float]
"""x, y and the radius around it, in thousandths of the side."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in thousandths of the side."""

_LEAST_CANVAS = 1024  # small pictures are reduced from this, or thin lines would vanish
_SAMPLES = 8  # straight pieces between two points of a curve
_EDGE = 2.0  # width of the dark contour


def path(text: str, at: Point = (0, 0), side: int = 1) -> list[Point]:
    """Points from "x,y x,y …", moved to `at`; a `side` of -1 mirrors them first."""
    pairs = (pair.split(",") for pair in text.split())
    return [(at[0] + side * float(x), at[1] + float(y)) for x, y in pairs]


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with a share, 0 to 1, of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float = 0.35) -> Colour:
    """The colour in shadow: towards a dark blue, which looks livelier than black."""
    return mixed(colour, (24, 18, 52), share)


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """The colour in light: towards a warm white."""
    return mixed(colour, (255, 250, 238), share)


class Brush:
    """A picture being painted."""

    def __init__(self, size: int, *, mirrored: bool = False) -> None:
        self._factor = max(2, math.ceil(_LEAST_CANVAS / size))
        self._side = size * self._factor
        self._unit = self._side / 1000
        self._mirrored = mirrored
        self._image = Image.new("RGB", (self._side, self._side))

    def finished(self) -> Image.Image:
        """The picture at the size asked for."""
        return self._image.reduce(self._factor)

    def backdrop(self, top: Colour, bottom: Colour) -> None:
        """Fill the picture from top to bottom."""
        ramp = Image.linear_gradient("L").resize((1, self._side), Image.Resampling.BILINEAR)
        column = ImageOps.colorize(ramp, top, bottom)
        self._image.paste(column.resize((self._side, self._side), Image.Resampling.NEAREST))

    def glow(self, box: Box, colour: Colour, opacity: float) -> None:
        """A soft-edged oval that fills the box: a shadow on the floor, or light behind a figure."""
        left, top, right, bottom = self._box(box)
        small = Image.new("L", (96, 96))
        ImageDraw.Draw(small).ellipse((20, 20, 76, 76), fill=round(255 * opacity))
        soft = small.filter(ImageFilter.GaussianBlur(9))
        mask = soft.resize((right - left, bottom - top), Image.Resampling.BILINEAR)
        self._image.paste(colour, (left, top, right, bottom), mask)

    def shape(
        self,
        points: Sequence[Point],
        colour: Colour,
        *,
        smooth: bool = True,
        edge: bool = True,
        flat: bool = False,
    ) -> None:
        """A closed outline: a curve through the points, or straight lines between them."""
        outline = [self._pixel(point) for point in (_curve(points) if smooth else points)]

        def draw(pencil: ImageDraw.ImageDraw, left: int, top: int) -> None:
            pencil.polygon([(x - left, y - top) for x, y in outline], fill=255)

        self._paint(draw, outline, 0, colour, flat=flat)
        if edge:
            width = max(1, round(_EDGE * self._unit))
            closed = [*outline, *outline[:2]]
            ImageDraw.Draw(self._image).line(closed, fill=darker(colour, 0.5), width=width, joint="curve")

    def limb(self, joints: Sequence[Joint], colour: Colour, *, edge: bool = True, flat: bool = False) -> None:
        """A chain of round joints, tapering from one to the next."""
        if edge:
            self._chain([(x, y, radius + _EDGE) for x, y, radius in joints], darker(colour, 0.5), flat=True)
        self._chain(joints, colour, flat=flat)

    def tube(self, one: Joint, other: Joint, colour: Colour) -> None:
        """A tapering piece with straight ends: a cuff, a bracer."""
        self.shape(_sides(one, other), colour, smooth=False)

    def oval(self, centre: Point, radii: Point, colour: Colour, *, edge: bool = True, flat: bool = False) -> None:
        """An ellipse with upright axes."""
        (x, y), (rx, ry) = centre, radii
        turn = [math.tau * step / 16 for step in range(16)]
        self.shape([(x + rx * math.cos(a), y + ry * math.sin(a)) for a in turn], colour, edge=edge, flat=flat)

    def stroke(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """An open curve through the points, of even width and with round ends."""
        self._chain([(x, y, width / 2) for x, y in _open_curve(points)], colour, flat=True)

    def _chain(self, joints: Sequence[Joint], colour: Colour, *, flat: bool) -> None:
        discs = [(*self._pixel((x, y)), radius * self._unit) for x, y, radius in joints]
        reach = max(radius for _, _, radius in discs)

        def draw(pencil: ImageDraw.ImageDraw, left: int, top: int) -> None:
            moved = [(x - left, y - top, radius) for x, y, radius in discs]
            for x, y, radius in moved:
                pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
            for one, other in pairwise(moved):
                pencil.polygon(_sides(one, other), fill=255)

        self._paint(draw, [(x, y) for x, y, _ in discs], reach, colour, flat=flat)

    def _paint(
        self,
        draw: Callable[[ImageDraw.ImageDraw, int, int], None],
        pixels: Sequence[Point],
        reach: float,
        colour: Colour,
        *,
        flat: bool,
    ) -> None:
        left = math.floor(min(x for x, _ in pixels) - reach) - 1
        top = math.floor(min(y for _, y in pixels) - reach) - 1
        size = (
            math.ceil(max(x for x, _ in pixels) + reach) + 2 - left,
            math.ceil(max(y for _, y in pixels) + reach) + 2 - top,
        )
        mask = Image.new("L", size)
        draw(ImageDraw.Draw(mask), left, top)
        if flat:
            self._image.paste(colour, (left, top, left + size[0], top + size[1]), mask)
        else:
            self._image.paste(_lit(colour).resize(size, Image.Resampling.BILINEAR), (left, top), mask)

    def _pixel(self, point: Point) -> Point:
        x, y = point
        return ((1000 - x if self._mirrored else x) * self._unit, y * self._unit)

    def _box(self, box: Box) -> tuple[int, int, int, int]:
        (x0, y0), (x1, y1) = self._pixel(box[:2]), self._pixel(box[2:])
        return round(min(x0, x1)), round(y0), round(max(x0, x1)), round(y1)


@lru_cache(maxsize=1)
def _light() -> Image.Image:
    """How much light falls on each place of a shape: most left of the middle, less at the sides and below."""
    side = 24
    shares = ((place + 0.5) / side for place in range(side))
    across, down = zip(*((1 - 1.5 * (share - 0.32) ** 2, 0.3 * share) for share in shares), strict=True)
    light = Image.new("L", (side, side))
    light.putdata([round(255 * max(0.0, sideways - below)) for below in down for sideways in across])
    return light


@lru_cache(maxsize=256)
def _lit(colour: Colour) -> Image.Image:
    return ImageOps.colorize(_light(), black=darker(colour, 0.6), white=lighter(colour, 0.3), mid=darker(colour, 0.14))


def _curve(points: Sequence[Point]) -> list[Point]:
    """A closed Catmull-Rom curve, as short straight pieces."""
    count = len(points)
    pieces = (
        _between(points[i - 1], points[i], points[(i + 1) % count], points[(i + 2) % count]) for i in range(count)
    )
    return [point for piece in pieces for point in piece]


def _open_curve(points: Sequence[Point]) -> list[Point]:
    padded = [points[0], *points, points[-1]]
    pieces = (_between(*padded[i : i + 4]) for i in range(len(points) - 1))
    return [*(point for piece in pieces for point in piece), points[-1]]


def _between(before: Point, start: Point, end: Point, after: Point) -> Iterable[Point]:
    for step in range(_SAMPLES):
        t = step / _SAMPLES
        x, y = (
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)
            for a, b, c, d in zip(before, start, end, after, strict=True)
        )
        yield x, y


def _sides(one: Joint, other: Joint) -> list[Point]:
    """The four corners of the piece between two discs, where their common tangents about touch them."""
    (x0, y0, r0), (x1, y1, r1) = one, other
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    nx, ny = (y0 - y1) / length, (x1 - x0) / length
    return [
        (x0 + nx * r0, y0 + ny * r0),
        (x1 + nx * r1, y1 + ny * r1),
        (x1 - nx * r1, y1 - ny * r1),
        (x0 - nx * r0, y0 - ny * r0),
    ]
