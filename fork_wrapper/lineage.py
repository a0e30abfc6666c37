"""Runs that come from other runs: the segments of a training that was interrupted and resumed, as one story.

sd-scripts counts steps and epochs from zero again when it resumes; a segment says how many were done before it.
"""

from dataclasses import dataclass
from pathlib import Path

from fork_wrapper.errors import InputError
from fork_wrapper.paths import RunFolder
from fork_wrapper.record import Record, read_record

RESUME = "resume"
"""Kind of a run that goes on from the state of another."""

REPRODUCTION = "reproduction"
"""Kind of a run that repeats another from its archive."""


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
    if record.lineage is None or record.lineage.get("kind") != RESUME:
        return None
    parent = record.lineage.get("parent")
    return str(parent) if parent else None


def _segment(run: RunFolder, record: Record) -> Segment:
    known = record.lineage if resumed_from(record) else None
    return Segment(
        run=run, record=record, step=int((known or {}).get("step", 0)), epoch=int((known or {}).get("epoch", 0))
    )
