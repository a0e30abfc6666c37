"""Curves and samples of a report, as they stand in its page."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fork_wrapper.publish.report.chart import Chart, Line, drawn
from fork_wrapper.publish.report.curves import Curve
from fork_wrapper.publish.report.gather import Report, Shown
from fork_wrapper.publish.report.html import Html, join, tag
from fork_wrapper.publish.report.pictures import Picture
from fork_wrapper.publish.report.saved import saved
from fork_wrapper.publish.report.sheets import Moment, Sample
from fork_wrapper.publish.report.tables import badge, table
from fork_wrapper.text import counted

RATES = {"unet": "U-Net", "text_encoder1": "text encoder 1", "text_encoder2": "text encoder 2"}
"""What parts of SDXL are called (sdxl_train.py:312-330)."""


SHORT = 3
"""Prompts of a sheet that fits on a page of paper."""


def loss_charts(report: Report) -> list[Chart]:
    """The smoothed losses of all runs in one chart, then each by itself, raw and smoothed."""
    known = [(number, run, run.curves.loss) for number, run in enumerate(report.runs)]
    found = [(number, run, loss) for number, run, loss in known if loss and loss.points]
    lines = [Line(label=run.label, points=loss.smoothed(), style=number) for number, run, loss in found]
    charts = [Chart(name="loss", title="Loss of all runs, smoothed", lines=tuple(lines))] if len(lines) > 1 else []
    return charts + [_loss_chart(number, run, loss) for number, run, loss in found]


def rate_charts(report: Report) -> list[Chart]:
    """A chart for each rate, with all runs."""
    names = list(dict.fromkeys(curve.name for run in report.runs for curve in run.curves.rates))
    charts = []
    for at, name in enumerate(names):
        lines = [
            Line(label=run.label, points=curve.points, style=number)
            for number, run in enumerate(report.runs)
            for curve in run.curves.rates
            if curve.name == name and curve.points
        ]
        if lines:
            title = f"Learning rate, {RATES.get(name, name)}"
            charts.append(Chart(name=f"rate-{at}", title=title, lines=tuple(lines)))
    return charts


def _loss_chart(number: int, run: Shown, loss: Curve) -> Chart:
    span, raw = loss.span, Line(label="of each step", points=loss.points, style=number, kind="raw")
    lines = (raw, Line(label=f"mean over about {span}", points=loss.smoothed(), style=number))
    word = f"Loss of {run.label}{' (rehearsal)' if run.rehearsal else ''}"
    return Chart(
        name=f"loss-{number}",
        title=word,
        lines=lines if span > 1 else (Line(label="of each step", points=loss.points, style=number),),
        marks=tuple(_marks(run)),
        notes=tuple(_notes(loss, run)),
    )


def _notes(loss: Curve, run: Shown) -> Iterable[str]:
    if loss.origin != "events":
        part = "" if loss.origin == "log" else " of a part of it"
        yield f"There are no TensorBoard events{part}: these are the running means that the trainer printed."
    if loss.broken:
        yield f"The loss was no number {counted(loss.broken[1], 'time')}, first at step {loss.broken[0]}."
    yield from (f"{after.run.run_id} went on after step {after.step}." for after in run.segments[1:])
    if run.record.checkpoints:
        yield "Dotted lines are checkpoints."


def _marks(run: Shown) -> Iterable[tuple[float, str]]:
    for segment in run.segments:
        for one in saved(segment.record.checkpoints):
            if one.step:
                yield float(segment.step + one.step), one.file


def curves_section(report: Report) -> Html:
    """All charts; what has none is named."""
    losses, rates = loss_charts(report), rate_charts(report)
    first = losses[:1] if len(losses) > 1 else []
    parts: list[Any] = [drawn(chart) for chart in first]
    parts.append(tag("div", [drawn(chart) for chart in losses[len(first) :]], class_="charts"))
    parts += [tag("p", words, class_="quiet") for run in report.runs for words in _lacking(run)]
    if rates:
        parts += [tag("h3", "Learning rates"), tag("div", [drawn(chart) for chart in rates], class_="charts")]
    return join(parts)


def _lacking(run: Shown) -> Iterable[str]:
    """Why a run has no curve."""
    loss = run.curves.loss
    if loss is None:
        yield f"No loss was recorded of {run.label}."
    elif not loss.points and loss.broken:
        yield f"The loss of {run.label} was no number, from step {loss.broken[0]} on."
    if not run.curves.rates:
        yield f"No learning rate was recorded of {run.label}."


def samples_section(report: Report, made: Mapping[Path, Picture]) -> Html:
    """A sheet for each run, and what was done to its images."""
    parts = [_sheet(run, number, made) for number, run in enumerate(report.runs)]
    return tag("div", _reduced(report, made), parts, class_="sheets")


def _reduced(report: Report, made: Mapping[Path, Picture]) -> Html | None:
    count = sum(one.reduced for one in made.values())
    if not count:
        return None
    side = max(max(one.size) for one in made.values() if one.reduced)
    folders = [str(segment.run.samples) for run in report.runs for segment in run.segments if run.sheet.lines]
    return tag(
        "p",
        f"{count} of {counted(len(made), 'image')} are reduced here to {side} pixels on the longer side, ",
        "so that the page stays small. In full they lie in ",
        ", ".join(dict.fromkeys(folders)),
        ".",
        class_="quiet",
    )


def _sheet(run: Shown, number: int, made: Mapping[Path, Picture]) -> Html:
    heading = tag("h3", run.label, " ", badge(run), id=f"sheet-{number}-title")
    known = {"class_": "short" if len(run.sheet.lines) <= SHORT else None, "aria_labelledby": f"sheet-{number}-title"}
    if not run.sheet.lines:
        return tag("section", heading, tag("p", f"No samples of {run.label} were found.", class_="quiet"), **known)
    columns = ["prompt", *(_moment(moment) for moment in run.sheet.moments)]
    rows = [row for at, line in run.sheet.lines.items() for row in _prompt_rows(run, at, line, made)]
    caption = f"Samples of {run.label}: a row for each prompt, a column for each time they were drawn"
    sheet = table(caption, columns, rows, name=f"sheet-{number}", class_="first sheet", hidden=True)
    return tag("section", heading, sheet, **known)


def _moment(moment: Moment) -> Html:
    saved = [tag("br"), tag("small", "checkpoint", title=moment.checkpoint)] if moment.checkpoint else None
    return join([moment.label, saved])


def _prompt_rows(
    run: Shown, number: int, line: tuple[Sample | None, ...], made: Mapping[Path, Picture]
) -> Iterable[Html]:
    """The images of a prompt, and the prompt below them."""
    cells = [
        tag("td", "none" if sample is None else _thumb(run, number, moment, sample, made[sample.path]))
        for moment, sample in zip(run.sheet.moments, line, strict=True)
    ]
    yield tag("tr", tag("th", f"{number + 1}", scope="row"), cells, class_="first-line")
    known = next(sample for sample in reversed(line) if sample)
    seeds = dict.fromkeys(_seed(sample) for sample in line if sample)
    words = tag(
        "td",
        tag(
            "div",
            tag("bdi", known.prompt or "prompt not recorded", class_="prompt"),
            tag("small", tag("bdi", "; ".join(part for part in (*seeds, known.details) if part))),
        ),
        colspan=len(cells),
    )
    yield tag("tr", tag("th", tag("span", "what was asked", class_="sr"), scope="row"), words, class_="said")


def _seed(sample: Sample) -> str:
    return "random seed" if sample.seed is None else f"seed {sample.seed}"


def _sides(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _thumb(run: Shown, number: int, moment: Moment, sample: Sample, picture: Picture) -> Html:
    if not picture.data:
        return tag("span", f"{sample.path.name} cannot be read", class_="quiet")
    title = f"{run.label}, {moment.label}, prompt {number + 1}"
    said = (sample.prompt or "prompt not recorded", _seed(sample), sample.details, moment.checkpoint)
    words = "; ".join(part for part in said if part)
    if picture.reduced:
        words += f"; shown at {_sides(picture.size)}, drawn at {_sides(picture.original)}"
    source = Html("data:image/webp;base64," + base64.b64encode(picture.data).decode())
    image = tag(
        "img",
        src=source,
        alt=f"{title}: {sample.prompt or 'prompt not recorded'}, {_seed(sample)}",
        width=picture.size[0],
        height=picture.size[1],
        decoding="async",
    )
    return tag("button", image, type="button", class_="thumb", data_title=title, data_words=words)
