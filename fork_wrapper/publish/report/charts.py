"""The charts of a report: losses and learning rates, and why a run has none."""

from collections.abc import Iterator

from fork_wrapper.publish.report.chart import Chart, Line
from fork_wrapper.publish.report.curves import Curve
from fork_wrapper.publish.report.gather import Report, Shown
from fork_wrapper.publish.report.saved import saved
from fork_wrapper.text import counted

RATES = {"unet": "U-Net", "text_encoder1": "text encoder 1", "text_encoder2": "text encoder 2"}
"""What parts of SDXL are called (sdxl_train.py:312-330)."""


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


def lacking(run: Shown) -> Iterator[str]:
    """Why a run has no curve."""
    loss = run.curves.loss
    if loss is None:
        yield f"No loss was recorded of {run.label}."
    elif not loss.points and loss.broken:
        yield f"The loss of {run.label} was no number, from step {loss.broken[0]} on."
    if not run.curves.rates:
        yield f"No learning rate was recorded of {run.label}."


def _loss_chart(number: int, run: Shown, loss: Curve) -> Chart:
    raw = Line(label="of each step", points=loss.points, style=number, kind="raw" if loss.span > 1 else "main")
    smooth = Line(label=f"mean over about {loss.span}", points=loss.smoothed(), style=number)
    return Chart(
        name=f"loss-{number}",
        title=f"Loss of {run.label}{' (rehearsal)' if run.rehearsal else ''}",
        lines=(raw, smooth) if loss.span > 1 else (raw,),
        marks=tuple(_marks(run)),
        notes=tuple(_notes(loss, run)),
    )


def _notes(loss: Curve, run: Shown) -> Iterator[str]:
    if loss.origin != "events":
        part = "" if loss.origin == "log" else " of a part of it"
        yield f"There are no TensorBoard events{part}: these are the running means that the trainer printed."
    if loss.broken:
        yield f"The loss was no number {counted(loss.broken[1], 'time')}, first at step {loss.broken[0]}."
    yield from (f"{after.run.run_id} went on after step {after.step}." for after in run.segments[1:])
    if run.record.checkpoints:
        yield "Dotted lines are checkpoints."


def _marks(run: Shown) -> Iterator[tuple[float, str]]:
    for segment in run.segments:
        for one in saved(segment.record.checkpoints):
            if one.step:
                yield float(segment.step + one.step), one.file
