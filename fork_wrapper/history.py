"""The runs of this machine: a scan of the run folders, no database."""

from dataclasses import dataclass
from pathlib import Path

from fork_wrapper.errors import InputError
from fork_wrapper.paths import run_folders
from fork_wrapper.record import read_record


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One run, as a list shows it."""

    run_id: str
    """EXPERIMENT/RUN."""
    status: str
    """As in the record; `unreadable` when there is none that can be read."""
    steps: int
    """Done."""
    total_steps: int | None
    """Planned."""
    loss: float | None
    """The last mean loss."""
    seconds: float | None
    """Wall-clock time of the trainer."""
    checkpoints: int
    """Archived."""


def list_runs(outputs: Path, experiment: str | None = None) -> list[RunLine]:
    """All runs, oldest first; a broken record is a line of its own, never an end to the list."""
    lines = []
    for run in run_folders(outputs, experiment):
        try:
            record = read_record(run.record)
        except InputError:  # with every part that readers rely on, or none
            lines.append(_line(run.run_id, "unreadable"))
            continue
        facts = record.run
        lines.append(
            RunLine(
                run_id=run.run_id,
                status=record.status,
                steps=facts["steps"],
                total_steps=facts["total_steps"],
                loss=facts["loss"]["last"] if facts["loss"] else None,
                seconds=facts["seconds"],
                checkpoints=len(record.checkpoints),
            )
        )
    return lines


def _line(run_id: str, status: str) -> RunLine:
    return RunLine(run_id=run_id, status=status, steps=0, total_steps=None, loss=None, seconds=None, checkpoints=0)
