"""Runs that come from other runs: the segments of a training that was interrupted and resumed, as one story.

sd-scripts counts steps and epochs from zero again when it resumes; a segment says how many were done before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fork_wrapper.errors import InputError
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.records.run_folder import RunFolder

RESUME = "resume"
"""Kind of a run that goes on from the state of another."""

REPRODUCTION = "reproduction"
"""Kind of a run that repeats another from its archive."""


Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Position:
    """A place in a training."""

    step: int
    """Optimizer steps done."""
    epoch: int
    """Whole epochs done."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One run of a training."""

    run: RunFolder
    """Where it lies."""
    record: Record
    """What is known of it."""
    step: int
    """Steps of the training that were done before its own first."""
    epoch: int
    """Epochs that were done before its own first."""


def segments(outputs: Path, run: RunFolder, record: Record) -> tuple[Segment, ...]:
    """The runs that led to this one by resuming, the first of the training first; this one is the last.

    A parent that is gone, or whose record cannot be read, ends the way back: the story then begins in the middle.
    """
    story = [_segment(run, record)]
    seen = {run.run_id}
    while parent := resumed_from(story[0].record):
        folder = RunFolder(folder=outputs / parent)
        if parent in seen:  # a record that was written by hand
            break
        try:
            story.insert(0, _segment(folder, read_record(folder.record)))
        except InputError:
            break
        seen.add(parent)
    return tuple(story)


def resumed_from(record: Record) -> str | None:
    """The id of the run whose state this one went on from."""
    return _parent(record, RESUME)


def reproduced(record: Record) -> str | None:
    """The id of the run that this one repeats."""
    return _parent(record, REPRODUCTION)


def _parent(record: Record, kind: str) -> str | None:
    known = record.lineage if isinstance(record.lineage, Mapping) else {}
    parent = known.get("parent") if known.get("kind") == kind else None
    return str(parent) if parent else None


def position(record: Record) -> Position:
    """Where in its training a run began: at 0, or behind what the runs before it had done."""
    known = record.lineage if record.lineage and resumed_from(record) else {}
    return Position(step=_count(known.get("step")), epoch=_count(known.get("epoch")))


def counted_on(record: Record, step: int | None, epoch: int | None) -> dict[str, int | None]:
    """Step and epoch of a resumed run as those of the whole training, for a sidecar; nothing of any other run."""
    if not resumed_from(record):
        return {}
    before = position(record)
    return {
        "training_step": None if step is None else before.step + step,
        "training_epoch": None if epoch is None else before.epoch + epoch,
    }


def joined(story: Sequence[Segment], values: Iterable[Iterable[tuple[int, Value]]]) -> list[tuple[int, Value]]:
    """What the segments of a training logged, by step, as one sequence in the steps of the training.

    `values` holds for each segment (step in its own count, value), in order. What a run logged beyond the state that
    the next one went on from was done again, and is left out.
    """
    line: list[tuple[int, Value]] = []
    ends = [*(segment.step for segment in story[1:]), None]
    for segment, end, own in zip(story, ends, values, strict=True):
        counted = ((segment.step + step, value) for step, value in own)
        line += [(step, value) for step, value in counted if end is None or step <= end]
    return line


def planned_steps(record: Record) -> int | None:
    """Optimizer steps of the whole training; None before the trainer said so."""
    total: int | None = record.run["total_steps"]
    if not resumed_from(record):
        return total
    said = _count((record.lineage or {}).get("total_steps"))
    return said or (None if total is None else position(record).step + total)


def shares(story: Sequence[Segment]) -> list[tuple[Segment, int, int]]:
    """Of each segment the first and the last step of the training that are its own; first > last where there is none.

    What it did beyond the state that the next one went on from does not count.
    """
    ends = [*(segment.step for segment in story[1:]), story[-1].step + int(story[-1].record.run["steps"])]
    return [(segment, segment.step + 1, end) for segment, end in zip(story, ends, strict=True)]


def _count(value: Any) -> int:
    """A number of steps or epochs; 0 for what a damaged record says instead."""
    return value if isinstance(value, int) and value > 0 else 0


def _segment(run: RunFolder, record: Record) -> Segment:
    began = position(record)
    return Segment(run=run, record=record, step=began.step, epoch=began.epoch)
