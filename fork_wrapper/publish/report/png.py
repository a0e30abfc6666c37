"""Curves and sample sheets as PNG, for slides and papers; drawn by Pillow, the same bytes for the same records."""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from fork_wrapper.files import plain_name, write_whole
from fork_wrapper.publish.report.chart import STYLES, Chart
from fork_wrapper.publish.report.curves import Point, decimated
from fork_wrapper.publish.report.gather import Report, Shown
from fork_wrapper.publish.report.pictures import fitted, opened_image
from fork_wrapper.publish.report.scale import Range, shown, ticks, whole_ticks
from fork_wrapper.publish.report.views import loss_charts, rate_charts
from fork_wrapper.publish.report.writing import GENERATOR
from fork_wrapper.text import shown as printable

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

SIZE = (1600, 900)
"""Of a chart."""

LEFT, RIGHT, TOP, BOTTOM = 130, 40, 80, 90
THUMB = 320
"""Side of a sample."""

SHEET_SIDE = 16_000
"""Of a whole sheet: where there are more samples they are smaller."""

PAPER, INK, QUIET, RULE = "#ffffff", "#1b1f24", "#57606a", "#d5dbe1"
COLOURS = ("#0072b2", "#c2410c", "#007a5a", "#a63d7d", "#7a5c00", "#3d4450")
"""As in the page, on white."""

DASHES: tuple[tuple[int, ...], ...] = ((), (27, 12), (6, 9), (36, 9, 6, 9), (15, 9), (42, 12, 15, 12))
"""Likewise: drawn and left out, in pixels; nothing is one whole line."""

Font = Any


def write_pictures(report: Report, folder: Path, tell: Callable[[int, int], None]) -> list[Path]:
    """Write every chart and every sheet; the paths. Files of the same names are written anew."""
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415 - a page alone does not need it

    wanted = _wanted(report, folder)
    for done, (path, draw) in enumerate(wanted.items(), start=1):
        said = PngInfo()
        said.add_text("Software", GENERATOR)
        with io.BytesIO() as file:
            draw().save(file, "PNG", pnginfo=said)
            write_whole(path, file.getvalue())
        tell(done, len(wanted))
    return list(wanted)


def picture_paths(report: Report, folder: Path) -> list[Path]:
    """What `write_pictures` would write."""
    return list(_wanted(report, folder))


def _wanted(report: Report, folder: Path) -> "dict[Path, Callable[[], Image.Image]]":
    """Every picture by its path, to be drawn when its turn comes."""
    charts = [*loss_charts(report), *rate_charts(report)]
    sheets = [run for run in report.runs if run.sheet.lines]
    return {
        **{folder / f"{chart.name}.png": partial(chart_image, chart) for chart in charts},
        **{
            folder / f"samples-{number}-{plain_name(run.label)}.png": partial(sheet_image, run)
            for number, run in enumerate(sheets)
        },
    }


def chart_image(chart: Chart) -> "Image.Image":
    """A chart."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - a page alone does not need it

    image = Image.new("RGB", SIZE, PAPER)
    pen, known = ImageDraw.Draw(image), chart.range
    _axes(pen, known)
    for line in chart.lines:
        places = [_place(known, point) for point in decimated(line.points, 3000)]
        number = (line.style + line.style // STYLES) % STYLES
        colour = COLOURS[line.style % STYLES]
        if line.kind == "raw":
            _stroke(image, places, _faint(colour), 1, ())
        else:
            _stroke(image, places, colour, 4, DASHES[number])
    pen.text((LEFT, 20), printable(chart.title), fill=INK, font=_font(34))
    _legend(image, chart)
    return image


def _faint(colour: str) -> str:
    """Half way to the paper."""
    return "#" + "".join(f"{(int(colour[at : at + 2], 16) + 255) // 2:02x}" for at in (1, 3, 5))


def _font(points: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    from PIL import ImageFont  # noqa: PLC0415

    return ImageFont.load_default(points)


def _place(known: Range, point: Point) -> Point:
    x = LEFT + known.across(point[0]) * (SIZE[0] - LEFT - RIGHT)
    y = SIZE[1] - BOTTOM - known.up(point[1]) * (SIZE[1] - TOP - BOTTOM)
    return x, min(max(y, -1e4), 1e4)


def _axes(pen: "ImageDraw.ImageDraw", known: Range) -> None:
    font, bottom, right = _font(24), SIZE[1] - BOTTOM, SIZE[0] - RIGHT
    for value in ticks(known.low, known.high, 6):
        _, y = _place(known, (known.left, value))
        pen.line((LEFT, y, right, y), fill=RULE)
        pen.text((LEFT - 12, y), shown(value), fill=QUIET, font=font, anchor="rm")
    for step in whole_ticks(known.left, known.right, 10):
        x, _ = _place(known, (step, known.low))
        pen.line((x, bottom, x, bottom + 8), fill=QUIET)
        pen.text((x, bottom + 14), shown(step), fill=QUIET, font=font, anchor="mt")
    pen.line((LEFT, TOP, LEFT, bottom, right, bottom), fill=QUIET, width=2)
    pen.text(((LEFT + right) / 2, SIZE[1] - 12), "step", fill=QUIET, font=font, anchor="mb")


def _stroke(image: "Image.Image", places: Sequence[Point], colour: str, width: int, dashes: Sequence[int]) -> None:
    """A line within the frame, whole or in dashes that go on around its corners."""
    from PIL import Image, ImageDraw  # noqa: PLC0415

    mask = Image.new("L", image.size, 0)
    pen = ImageDraw.Draw(mask)
    for piece in _dashed(places, dashes) if dashes else [places]:
        if len(piece) > 1:
            pen.line(piece, fill=255, width=width, joint="curve" if width > 1 else None)
    frame = (LEFT, TOP, SIZE[0] - RIGHT, SIZE[1] - BOTTOM)
    image.paste(Image.new("RGB", image.size, colour).crop(frame), frame[:2], mask.crop(frame))


def _dashed(places: Sequence[Point], dashes: Sequence[int]) -> Iterator[list[Point]]:
    """The drawn pieces of a line."""
    number, left, piece = 0, float(dashes[0]), list(places[:1])
    for start, end in pairwise(places):
        length, at = max(abs(end[0] - start[0]), abs(end[1] - start[1])), 0.0
        while length - at > left:
            at += left
            corner = tuple(one + (two - one) * at / length for one, two in zip(start, end, strict=True))
            if number % 2 == 0:
                yield [*piece, corner]  # type: ignore[list-item]
            piece, number = [corner], number + 1  # type: ignore[list-item]
            left = float(dashes[number % len(dashes)])
        left -= length - at
        piece.append(end)
    if number % 2 == 0:
        yield piece


def _legend(image: "Image.Image", chart: Chart) -> None:
    """In the upper right corner, on paper of its own."""
    from PIL import ImageDraw  # noqa: PLC0415

    pen, font = ImageDraw.Draw(image), _font(24)
    labels = [printable(line.label)[:48] for line in chart.lines]
    wide = 110 + max(int(pen.textlength(label, font=font)) for label in labels)
    right, top = SIZE[0] - RIGHT, TOP + 8
    pen.rectangle((right - wide, top, right - 8, top + 34 * len(labels) + 10), fill=PAPER, outline=RULE)
    for number, (line, label) in enumerate(zip(chart.lines, labels, strict=True)):
        y = top + 22 + 34 * number
        colour = COLOURS[line.style % STYLES]
        raw = line.kind == "raw"
        dashes = () if raw else DASHES[(line.style + line.style // STYLES) % STYLES]
        _stroke(
            image,
            [(right - wide + 12, y), (right - wide + 82, y)],
            _faint(colour) if raw else colour,
            1 if raw else 4,
            dashes,
        )
        pen.text((right - wide + 92, y), label, fill=INK, font=font, anchor="lm")


def _drawn_at(run: Shown) -> int:
    """The longer side of the first sample of each row, the longest of them: nothing is drawn larger than it is."""
    firsts = (next(sample for sample in line if sample) for line in run.sheet.lines.values())
    opened = [image for sample in firsts if (image := opened_image(sample.path))]
    return max((max(image.size) for image in opened), default=THUMB)


def sheet_image(run: Shown) -> "Image.Image":
    """A sheet: a row for each prompt with what was asked below it, a column for each moment."""
    from PIL import Image, ImageDraw  # noqa: PLC0415

    moments, gap, above, below = run.sheet.moments, 8, 110, 84
    rows = len(run.sheet.lines)
    side = max(48, min(_drawn_at(run), THUMB, SHEET_SIDE // len(moments), SHEET_SIDE // rows - below))
    width = max(len(moments) * (side + gap) + gap, 900)
    image = Image.new("RGB", (width, above + rows * (side + below) + gap), PAPER)
    pen, words = ImageDraw.Draw(image), "rehearsal of " if run.rehearsal else ""
    pen.text((gap, 12), f"{words}{printable(run.label)}", fill=INK, font=_font(34))
    for column, moment in enumerate(moments):
        pen.text((gap + column * (side + gap), above - 36), moment.label, fill=QUIET, font=_font(22))
    for at, line in enumerate(run.sheet.lines.values()):
        top = above + at * (side + below)
        for column, sample in enumerate(line):
            opened = opened_image(sample.path) if sample else None
            left = gap + column * (side + gap)
            if opened is None:
                pen.rectangle((left, top, left + side, top + side), outline=RULE)
                pen.text((left + 8, top + 8), "unreadable" if sample else "none", fill=QUIET, font=_font(20))
            else:
                image.paste(fitted(opened, side), (left, top))
        known = next(sample for sample in reversed(line) if sample)
        seed = "random seed" if known.seed is None else f"seed {known.seed}"
        said = f"{printable(known.prompt) if known.prompt else 'prompt not recorded'}  ({seed})"
        for number, text in enumerate(wrap(said, max(20, width // 11))[:3]):
            pen.text((gap, top + side + 6 + 24 * number), text, fill=INK, font=_font(20))
    return image
