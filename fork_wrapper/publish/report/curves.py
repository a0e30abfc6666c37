"""Losses and learning rates of a training, over all runs that it took, as curves a page can hold."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from fork_wrapper.records.events import read_scalars
from fork_wrapper.records.lineage import Segment, joined
from fork_wrapper.records.progress import read_log

LOSS = "loss"
"""Tag of the loss of one batch (sdxl_train.py:800-808); with accumulation a step has several."""

RATE = "lr/"
"""Begins the tags of learning rates (library/train_util.py:6184)."""

SPAN = 50
"""A smoothed curve is a mean over about this part of its length."""

Point = tuple[float, float]
"""Step and value."""

Origin = Literal["events", "log", "both"]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One quantity over the steps of a training."""

    name: str
    """`loss`, or which rate it is: `unet`, `text_encoder1`."""
    points: tuple[Point, ...]
    """Finite values by step, from 0; steps never go back."""
    origin: Origin = "events"
    """Where they were read. A log has no losses of single batches, only the trainer's running means."""
    broken: tuple[int, int] | None = None
    """The first step whose value is no number, and how many there are."""

    @property
    def span(self) -> int:
        """Over about how many points a smoothed curve is a mean; 1 where nothing is smoothed."""
        return max(1, len(self.points) // SPAN)

    def smoothed(self) -> tuple[Point, ...]:
        """The exponential mean, which at its beginning is that of what there is."""
        keep, weight, mean, found = 1 - 2 / (self.span + 1), 0.0, 0.0, []
        for step, value in self.points:
            mean, weight = keep * mean + (1 - keep) * value, keep * weight + 1 - keep
            found.append((step, mean / weight))
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """All curves of a training."""

    loss: Curve | None
    """None where neither events nor a log tell one."""
    rates: tuple[Curve, ...]
    """In the order of their names, `unet` first; none where no events were written."""


def curves_of(story: Sequence[Segment]) -> Curves:
    """The curves of a chain of runs, its steps counted through."""
    told = [_scalars(segment) for segment in story]
    logged = [[] if LOSS in scalars else _log(segment) for segment, scalars in zip(story, told, strict=True)]
    losses = joined(story, [scalars.get(LOSS, log) for scalars, log in zip(told, logged, strict=True)])
    names = {tag for scalars in told for tag in scalars if tag.startswith(RATE)}
    rates = [
        _curve(tag.removeprefix(RATE), joined(story, [scalars.get(tag, []) for scalars in told]), "events")
        for tag in sorted(names, key=lambda tag: (tag != f"{RATE}unet", tag))
    ]
    origin: Origin = "events" if not any(logged) else "both" if any(LOSS in scalars for scalars in told) else "log"
    return Curves(loss=_curve(LOSS, losses, origin) if losses else None, rates=tuple(rates))


def _scalars(segment: Segment) -> dict[str, list[tuple[int, float]]]:
    """Losses and rates of one run by their tags, in its own steps."""
    logs = segment.run.logs
    found = read_scalars(logs) if logs.is_dir() and segment.run.holds(logs) else {}
    return {
        tag: sorted(zip(series.steps, series.values, strict=True), key=lambda pair: pair[0])
        for tag, series in found.items()
        if tag == LOSS or tag.startswith(RATE)
    }


def _log(segment: Segment) -> list[tuple[int, float]]:
    """The running means that the trainer printed."""
    said = read_log(segment.run.log)
    return said.losses + ([] if said.nan_step is None else [(said.nan_step, math.nan)])


def _curve(name: str, values: Sequence[tuple[int, float]], origin: Origin) -> Curve:
    lost = [step for step, value in values if not math.isfinite(value)]
    return Curve(
        name=name,
        points=tuple((float(step), value) for step, value in values if math.isfinite(value)),
        origin=origin,
        broken=(lost[0], len(lost)) if lost else None,
    )


def decimated(points: Sequence[Point], most: int) -> tuple[Point, ...]:
    """At most about `most` points that look the same: of each span of steps the least and the greatest value."""
    if len(points) <= most or most < 4:
        return tuple(points)
    first, last = points[0][0], points[-1][0]
    width = (last - first) / (most // 2 - 1) or 1.0
    kept: list[Point] = [points[0]]
    for group in _groups(points[1:-1], first, width):
        low, high = min(group, key=_value), max(group, key=_value)
        kept += (
            [low] if low is high else sorted((low, high), key=group.index) if low[0] == high[0] else sorted((low, high))
        )
    return (*kept, points[-1])


def _value(point: Point) -> float:
    return point[1]


def _groups(points: Sequence[Point], first: float, width: float) -> Iterator[Sequence[Point]]:
    """Points that fall into one span."""
    start, span = 0, 0
    for at, point in enumerate(points):
        if (here := int((point[0] - first) / width)) != span:
            if at > start:
                yield points[start:at]
            start, span = at, here
    if len(points) > start:
        yield points[start:]
