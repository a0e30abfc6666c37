"""A chart, and where its lines, numbers and words go in a drawing that can be read without a script.

`chart.html` draws it as SVG. The script of the page draws the same lines anew at the size of the window and of the part
that is zoomed into; it takes them from the points that the SVG holds.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fork_wrapper.publish.report.curves import Point, decimated
from fork_wrapper.publish.report.scale import Range, range_of, shown, ticks, whole_ticks

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 28, 12, 44
"""Margins for the numbers along the sides."""

FRAME = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM}
"""The drawing and the edges of its frame, in units of the SVG."""

DETAIL = {"raw": 4000, "main": 1600}
"""Points of a line that a page holds: two for each column of the widest screen, or for eight times as much zoom."""

STYLES = 6
"""Different colours, dashes and markers each."""

ROWS = 20
"""Of a table of values."""

MARKS = 7
"""Markers along a line."""

SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "M-3.5-3.5h7v7h-7z",
    "M0-4.5L4.5 3.5h-9z",
    "M0-5L5 0L0 5L-5 0z",
    "M0 4.5L-4.5-3.5h9z",
    "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
)
"""Circle, square, triangle, diamond, triangle on its head, cross; around 0, 0."""

Kind = Literal["raw", "main"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart."""

    label: str
    """In the legend."""
    points: Sequence[Point]
    """All of them."""
    style: int
    """Number of its colour, dashes and marker."""
    kind: Kind = "main"
    """A raw line is thin and has no markers."""

    @property
    def colour(self) -> int:
        """Number of its colour, from 0."""
        return self.style % STYLES

    @property
    def dashes(self) -> int:
        """Number of its dashes: the second six of twelve lines pair colours and dashes otherwise than the first."""
        return (self.style + self.style // STYLES) % STYLES

    @property
    def classes(self) -> str:
        """Its style as CSS classes."""
        return f"c{self.colour} d{self.dashes}" if self.kind == "main" else f"c{self.colour} raw"

    @property
    def shape(self) -> str:
        """Path of its marker."""
        return SHAPES[(self.style + 2 * (self.style // STYLES)) % STYLES]

    @property
    def summary(self) -> str:
        """The line in a sentence: its ends and extremes."""
        values = [value for _, value in self.points]
        ends = ", ".join(f"{shown(value)} at step {shown(step)}" for step, value in (self.points[0], self.points[-1]))
        return f"{self.label}: {ends}, lowest {shown(min(values))}, highest {shown(max(values))}."

    def between(self, before: float | None, last: float) -> str:
        """Mean, least and greatest value of the steps after `before` up to `last`, as the table shows them."""
        start = 0 if before is None else bisect_right(self.points, before, key=_step)
        values = [value for _, value in self.points[start : bisect_right(self.points, last, key=_step)]]
        if not values:
            return "-"
        mean = shown(sum(values) / len(values))
        return mean if min(values) == max(values) else f"{mean} ({shown(min(values))} to {shown(max(values))})"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart and what is said about it."""

    name: str
    """Unique in the page, in letters and dashes."""
    title: str
    """Above it."""
    lines: tuple[Line, ...]
    """At least one with points; those later are drawn above."""
    marks: tuple[tuple[float, str], ...] = ()
    """Steps that matter, with their words: checkpoints."""
    notes: tuple[str, ...] = ()
    """Sentences below it."""

    @cached_property
    def range(self) -> Range:
        """What it shows at first."""
        return range_of([line.points for line in self.lines])

    def place(self, point: Point) -> Point:
        """Where a point lies in the drawing; a browser cannot count on if it is far outside."""
        x = LEFT + self.range.across(point[0]) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - self.range.up(point[1]) * (HEIGHT - TOP - BOTTOM)
        return x, min(max(y, -20.0 * HEIGHT), 20.0 * HEIGHT)

    def at(self, step: float) -> float:
        """How far right a step lies in the drawing."""
        return self.place((step, self.range.low))[0]

    def values(self) -> list[tuple[str, str]]:
        """Heights in the drawing and the numbers beside them, along the left side."""
        known = self.range
        return [(f"{self.place((known.left, one))[1]:.1f}", shown(one)) for one in ticks(known.low, known.high, 5)]

    def steps(self) -> list[tuple[str, str]]:
        """Places in the drawing and the numbers below them, along the bottom."""
        return [(f"{self.at(one):.1f}", shown(one)) for one in whole_ticks(self.range.left, self.range.right, 8)]

    def drawn(self, line: Line) -> tuple[str, list[str]]:
        """The points of a line's polyline, and where its markers are: evenly spaced, the last at its end."""
        points = [self.place(point) for point in decimated(line.points, DETAIL[line.kind])]
        count = 0 if line.kind == "raw" else min(MARKS, len(points))
        marked = [points[(len(points) - 1) * (number + 1) // count] for number in range(count)]
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in points), [f"{x:.1f} {y:.1f}" for x, y in marked]

    def rows(self) -> list[tuple[str, list[str]]]:
        """A table of values: at most `ROWS` spans of steps, or the steps of the longest line where it has no more."""
        left, right = self.range.left, self.range.right
        edges = [left + (right - left) * (number + 1) / ROWS for number in range(ROWS)]
        if len(longest := max((line.points for line in self.lines), key=len)) <= ROWS:
            edges = [step for step, _ in longest]
        spans = zip([None, *edges[:-1]], edges, strict=True)
        return [(shown(float(round(to))), [line.between(after, to) for line in self.lines]) for after, to in spans]


def _step(point: Point) -> float:
    return point[0]
