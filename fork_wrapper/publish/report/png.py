"""Curves and sample sheets as PNG, for slides and papers: the same bytes for the same records.

Charts are drawn by matplotlib, which `kft[png]` installs; sheets by Pillow.
"""

import io
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import plain_name, write_whole
from fork_wrapper.publish.report.chart import Chart, Line
from fork_wrapper.publish.report.charts import loss_charts, rate_charts
from fork_wrapper.publish.report.curves import decimated
from fork_wrapper.publish.report.gather import Report, Shown
from fork_wrapper.publish.report.page import GENERATOR
from fork_wrapper.publish.report.pictures import fitted, opened_image
from fork_wrapper.publish.report.scale import shown, ticks, whole_ticks
from fork_wrapper.text import shown as printable

if TYPE_CHECKING:
    from PIL import Image, ImageFont

SIZE = (1600, 900)
"""Of a chart, in pixels."""

DPI = 100
THUMB = 320
"""Side of a sample."""

SHEET_SIDE = 16_000
"""Of a whole sheet: where there are more samples they are smaller."""

PAPER, INK, QUIET, RULE = "#ffffff", "#1b1f24", "#57606a", "#d5dbe1"
COLOURS = ("#0072b2", "#c2410c", "#007a5a", "#a63d7d", "#7a5c00", "#3d4450")
"""As in the page, on white."""

DASHES: tuple[Any, ...] = ("-", *((0, one) for one in ((9, 4), (2, 3), (12, 3, 2, 3), (5, 3), (14, 4, 5, 4))))
"""As in the page: drawn and left out, in points."""

LOOKS: dict[Any, Any] = {
    "font.size": 17,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.linewidth": 1.5,
}
LOOKS |= {
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "ytick.major.size": 0,
    "axes.titlesize": 23,
    "text.parse_math": False,
}
"""Settings of matplotlib. No text is mathematics, whatever people call their runs."""


def need_matplotlib() -> None:
    """InputError where charts cannot be drawn."""
    if find_spec("matplotlib") is None:
        todo = "pip install 'kft[png]', or leave out --png"
        raise InputError("cannot draw charts", [Finding(what="matplotlib is not installed", where="--png", todo=todo)])


def write_pictures(report: Report, folder: Path, tell: Callable[[int, int], None]) -> list[Path]:
    """Write every chart and every sheet; the paths. Files of the same names are written anew."""
    wanted = _wanted(report, folder)
    for done, (path, draw) in enumerate(wanted.items(), start=1):
        write_whole(path, draw())
        tell(done, len(wanted))
    return list(wanted)


def picture_paths(report: Report, folder: Path) -> list[Path]:
    """What `write_pictures` would write."""
    return list(_wanted(report, folder))


def _wanted(report: Report, folder: Path) -> dict[Path, Callable[[], bytes]]:
    """Every picture by its path, to be drawn when its turn comes."""
    charts = [*loss_charts(report), *rate_charts(report)]
    sheets = [run for run in report.runs if run.sheet.lines]
    return {
        **{folder / f"{chart.name}.png": partial(chart_png, chart) for chart in charts},
        **{
            folder / f"samples-{number}-{plain_name(run.label)}.png": partial(sheet_png, run)
            for number, run in enumerate(sheets)
        },
    }


def chart_png(chart: Chart) -> bytes:
    """A chart of `SIZE`."""
    from matplotlib import rc_context  # noqa: PLC0415 - a page alone does not need it
    from matplotlib.figure import Figure  # noqa: PLC0415

    known = chart.range
    with rc_context(LOOKS), warnings.catch_warnings(), io.BytesIO() as file:
        warnings.filterwarnings("ignore", message="Glyph")  # no font has all that a name may hold
        figure = Figure(figsize=(SIZE[0] / DPI, SIZE[1] / DPI), dpi=DPI, facecolor=PAPER, layout="constrained")
        axes = figure.subplots()
        axes.set(xlim=(known.left, known.right), ylim=(known.low, known.high), xlabel="step")
        for put, places in (
            (axes.set_xticks, whole_ticks(known.left, known.right, 10)),
            (axes.set_yticks, ticks(known.low, known.high, 6)),
        ):
            put(places, list(map(shown, places)))
        axes.grid(axis="y", color=RULE)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(printable(chart.title), loc="left", pad=16)
        handles = [
            axes.plot(*zip(*decimated(line.points, 3000), strict=True), **_looks(line))[0] for line in chart.lines
        ]
        legend = axes.legend(handles, ["-"] * len(handles), loc="upper right", handlelength=3.5, framealpha=1)
        for text, line in zip(legend.get_texts(), chart.lines, strict=True):
            text.set_text(printable(line.label)[:48])  # set here, for a label that begins with _ would be left out
        figure.savefig(file, format="png", metadata={"Software": GENERATOR})
        return file.getvalue()


def _looks(line: Line) -> dict[str, Any]:
    if line.kind == "raw":
        return {"color": COLOURS[line.colour], "alpha": 0.5, "linewidth": 0.75}
    return {"color": COLOURS[line.colour], "linestyle": DASHES[line.dashes], "linewidth": 3}


def sheet_png(run: Shown) -> bytes:
    """A sheet: a row for each prompt with what was asked below it, a column for each moment."""
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415 - a page alone does not need it

    said = PngInfo()
    said.add_text("Software", GENERATOR)
    with io.BytesIO() as file:
        _sheet(run).save(file, "PNG", pnginfo=said)
        return file.getvalue()


def _sheet(run: Shown) -> "Image.Image":
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
        said = f"{printable(known.asked)}  ({known.seed_words})"
        for number, text in enumerate(wrap(said, max(20, width // 11))[:3]):
            pen.text((gap, top + side + 6 + 24 * number), text, fill=INK, font=_font(20))
    return image


def _drawn_at(run: Shown) -> int:
    """The longer side of the first sample of each row, the longest of them: nothing is drawn larger than it is."""
    firsts = (next(sample for sample in line if sample) for line in run.sheet.lines.values())
    opened = [image for sample in firsts if (image := opened_image(sample.path))]
    return max((max(image.size) for image in opened), default=THUMB)


def _font(points: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    from PIL import ImageFont  # noqa: PLC0415

    return ImageFont.load_default(points)
