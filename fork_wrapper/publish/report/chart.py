"""A chart as SVG that can be read without a script: lines, axes, a legend, words for it and a table of values.

The script of the page draws the same lines anew at the size of the window and of what is zoomed into; it takes them
from the points that stand here.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fork_wrapper.publish.report.curves import Point, decimated
from fork_wrapper.publish.report.html import Html, join, tag
from fork_wrapper.publish.report.scale import Range, range_of, shown, ticks, whole_ticks

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 28, 12, 44
"""Margins for the numbers along the sides."""

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
    def classes(self) -> str:
        """Its looks: that the second six of twelve lines differ from the first in the pairing."""
        turn = self.style // STYLES
        return (
            f"c{self.style % STYLES} d{(self.style + turn) % STYLES}"
            if self.kind == "main"
            else (f"c{self.style % STYLES} raw")
        )

    @property
    def shape(self) -> str:
        """Path of its marker."""
        return SHAPES[(self.style + 2 * (self.style // STYLES)) % STYLES]


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

    @property
    def range(self) -> Range:
        """What it shows at first."""
        return range_of([line.points for line in self.lines])


def drawn(chart: Chart) -> Html:
    """The chart with all that belongs to it."""
    name, known = chart.name, chart.range
    described = [tag("li", words) for words in (*_summaries(chart), *chart.notes)]
    plot = tag(
        "div",
        _svg(chart, known),
        class_="plot",
        tabindex="0",
        role="group",
        aria_label=f"{chart.title}: plus and minus zoom, arrow keys move, 0 shows all",
    )
    return tag(
        "figure",
        tag("figcaption", chart.title, id=f"{name}-title"),
        _tools(chart),
        plot,
        tag("p", class_="readout", aria_hidden="true"),
        _legend(chart),
        tag("ul", described, id=f"{name}-words", class_="words"),
        _table(chart, known),
        class_="chart",
        id=name,
        data_left=repr(known.left),
        data_right=repr(known.right),
        data_low=repr(known.low),
        data_high=repr(known.high),
    )


def _svg(chart: Chart, known: Range) -> Html:
    inside = f"{chart.name}-inside"
    clip = tag("clipPath", _rect(), id=inside)
    return tag(
        "svg",
        tag("defs", clip),
        tag("g", _axes(known), class_="axes"),
        tag(
            "g",
            [_mark(known, step, words) for step, words in chart.marks],
            [_line(line, known) for line in chart.lines],
            clip_path=f"url(#{inside})",
            class_="lines",
        ),
        tag("text", "step", x=LEFT + (WIDTH - LEFT - RIGHT) / 2, y=HEIGHT - 6, class_="axis", text_anchor="middle"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby=f"{chart.name}-title",
        aria_describedby=f"{chart.name}-words",
    )


def _rect() -> Html:
    return tag("rect", x=LEFT, y=TOP, width=WIDTH - LEFT - RIGHT, height=HEIGHT - TOP - BOTTOM)


def _place(known: Range, point: Point) -> tuple[float, float]:
    """Where a point lies in the drawing; far outside is outside, for a browser cannot count any further."""
    x = LEFT + known.across(point[0]) * (WIDTH - LEFT - RIGHT)
    y = HEIGHT - BOTTOM - known.up(point[1]) * (HEIGHT - TOP - BOTTOM)
    return x, min(max(y, -20.0 * HEIGHT), 20.0 * HEIGHT)


def _line(line: Line, known: Range) -> Html:
    points = [_place(known, point) for point in decimated(line.points, DETAIL[line.kind])]
    drawn_line = tag("polyline", points=" ".join(f"{x:.2f},{y:.2f}" for x, y in points), class_=line.classes)
    if line.kind == "raw":
        return drawn_line
    return join([drawn_line, [_marker(line, *point) for point in _spread(points)]])


def _spread(points: Sequence[Point]) -> list[Point]:
    """Evenly spaced ones of them, the last among them."""
    count = min(MARKS, len(points))
    return [points[(len(points) - 1) * (number + 1) // count] for number in range(count)]


def _marker(line: Line, x: float, y: float) -> Html:
    style = f"m c{line.style % STYLES}"
    return tag("path", d=line.shape, transform=f"translate({x:.1f} {y:.1f})", class_=style)


def _mark(known: Range, step: float, words: str) -> Html:
    x, _ = _place(known, (step, known.low))
    return tag("line", tag("title", words), x1=f"{x:.2f}", x2=f"{x:.2f}", y1=TOP, y2=HEIGHT - BOTTOM, class_="mark")


def _axes(known: Range) -> Html:
    bottom, parts = HEIGHT - BOTTOM, []
    for value in ticks(known.low, known.high, 5):
        _, y = _place(known, (known.left, value))
        parts += [
            tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"),
            tag("text", shown(value), x=LEFT - 6, y=f"{y + 4:.1f}", text_anchor="end"),
        ]
    for step in whole_ticks(known.left, known.right, 8):
        x, _ = _place(known, (step, known.low))
        parts += [
            tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=bottom, y2=bottom + 4, class_="tick"),
            tag("text", shown(step), x=f"{x:.1f}", y=bottom + 18, text_anchor="middle"),
        ]
    return join([*parts, tag("path", d=f"M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}", class_="frame")])


def _tools(chart: Chart) -> Html:
    actions = (("in", "Zoom in"), ("out", "Zoom out"), ("left", "Earlier"), ("right", "Later"), ("all", "Reset"))
    buttons = [tag("button", words, type="button", data_do=action) for action, words in actions]
    return tag("div", buttons, class_="tools", role="group", aria_label=f"Zoom of {chart.title}")


def _legend(chart: Chart) -> Html:
    """One switch for each line; what it looks like stands beside it."""
    return tag(
        "ul",
        [
            tag(
                "li",
                tag("label", tag("input", type="checkbox", checked=True, data_line=number), _key(line), line.label),
            )
            for number, line in enumerate(chart.lines)
        ],
        class_="legend",
    )


def _key(line: Line) -> Html:
    stroke = tag("polyline", points="2,8 38,8", class_=line.classes)
    return tag(
        "svg", stroke, _marker(line, 20, 8) if line.kind == "main" else None, viewBox="0 0 40 16", aria_hidden="true"
    )


def _summaries(chart: Chart) -> list[str]:
    """Every line in a sentence."""
    return [
        f"{line.label}: {_at(line.points[0])}, {_at(line.points[-1])}, "
        f"lowest {shown(min(map(_value, line.points)))}, highest {shown(max(map(_value, line.points)))}."
        for line in chart.lines
        if line.points
    ]


def _at(point: Point) -> str:
    return f"{shown(point[1])} at step {shown(point[0])}"


def _table(chart: Chart, known: Range) -> Html:
    """At most `ROWS` lines: of one curve the mean and the extremes of each span, of several the last of each."""
    edges = [known.left + (known.right - known.left) * (number + 1) / ROWS for number in range(ROWS)]
    if len(longest := max((line.points for line in chart.lines), key=len)) <= ROWS:
        edges = [step for step, _ in longest]
    heads = [tag("th", line.label, scope="col") for line in chart.lines]
    rows = [
        tag(
            "tr",
            tag("th", f"to step {shown(float(round(edge)))}", scope="row"),
            [tag("td", _said(line, edges[number - 1] if number else None, edge)) for line in chart.lines],
        )
        for number, edge in enumerate(edges)
    ]
    table = tag(
        "table",
        tag("caption", f"{chart.title}: mean of each part, and its least and greatest value"),
        tag("thead", tag("tr", tag("th", "part", scope="col"), heads)),
        tag("tbody", rows),
    )
    inner = tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Values of {chart.title}")
    return tag("details", tag("summary", "The values as a table"), inner, class_="values")


def _said(line: Line, before: float | None, last: float) -> str:
    start = 0 if before is None else bisect_right(line.points, before, key=_step)
    values = [value for _, value in line.points[start : bisect_right(line.points, last, key=_step)]]
    if not values:
        return "-"
    mean = sum(values) / len(values)
    if min(values) == max(values):
        return shown(mean)
    return f"{shown(mean)} ({shown(min(values))} to {shown(max(values))})"


def _step(point: Point) -> float:
    return point[0]


def _value(point: Point) -> float:
    return point[1]
