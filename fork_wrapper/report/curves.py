"""Losses and learning rates of a training, over all runs that it took, as curves a page can hold."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fork_wrapper.events import Series, read_scalars
from fork_wrapper.lineage import Segment
from fork_wrapper.progress import read_log

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


def curves_of(segments: Sequence[Segment]) -> Curves:
    """The curves of a chain of runs, its steps counted through.

    A parent may have trained past the state that was resumed from: of that, nothing went on.
    """
    losses: list[Curve] = []
    rates: dict[str, list[Curve]] = {}
    for segment in segments:
        scalars = read_scalars(segment.run.logs) if segment.run.logs.is_dir() else {}
        if loss := _loss(segment, scalars):
            losses = [*_until(losses, segment.step), loss]
        for tag in scalars:
            if tag.startswith(RATE):
                name = tag.removeprefix(RATE)
                rates[name] = [*_until(rates.get(name, []), segment.step), _curve(name, scalars[tag], segment.step)]
    order = sorted(rates, key=lambda name: (name != "unet", name))
    return Curves(loss=_joined(losses), rates=tuple(one for name in order if (one := _joined(rates[name]))))


def _loss(segment: Segment, scalars: dict[str, Series]) -> Curve | None:
    if len(scalars.get(LOSS, ())):
        return _curve(LOSS, scalars[LOSS], segment.step)
    told = read_log(segment.run.log)
    if not told.losses and told.nan_step is None:
        return None
    points = tuple((float(segment.step + step), loss) for step, loss in told.losses)
    broken = None if told.nan_step is None else (segment.step + told.nan_step, 1)
    return Curve(name=LOSS, points=points, origin="log", broken=broken)


def _curve(name: str, series: Series, begin: int) -> Curve:
    pairs = sorted(zip(series.steps, series.values, strict=True), key=lambda pair: pair[0])
    lost = [step for step, value in pairs if not math.isfinite(value)]
    return Curve(
        name=name,
        points=tuple((float(begin + step), value) for step, value in pairs if math.isfinite(value)),
        broken=(begin + lost[0], len(lost)) if lost else None,
    )


def _until(curves: Iterable[Curve], last: int) -> list[Curve]:
    """The curves up to a step."""
    kept = []
    for one in curves:
        points = tuple(point for point in one.points if point[0] <= last)
        broken = one.broken if one.broken and one.broken[0] <= last else None
        kept.append(replace(one, points=points, broken=broken))
    return kept


def _joined(curves: Sequence[Curve]) -> Curve | None:
    """One curve; None of nothing."""
    if not any(one.points or one.broken for one in curves):
        return None
    origins = {one.origin for one in curves if one.points}
    broken = [one.broken for one in curves if one.broken]
    return Curve(
        name=curves[0].name,
        points=tuple(point for one in curves for point in one.points),
        origin=origins.pop() if len(origins) == 1 else "both",
        broken=(broken[0][0], sum(count for _, count in broken)) if broken else None,
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
