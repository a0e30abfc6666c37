"""The runs of this machine: a scan of the run folders, no database.

A record is read when it is new or has changed; of the others a line is remembered (`record_memory`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dataset_tools.names import is_plain
from fork_wrapper.errors import InputError
from fork_wrapper.records.lineage import planned_steps, position, reproduced, resumed_from
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.records.record_memory import RecordMemory
from fork_wrapper.records.run_folder import RecordFile, RunFolder, newest_records
from fork_wrapper.records.run_state import UNREADABLE, live, status_now

RESUMED = "resumed"
"""Status of a run that was broken off, and that another one went on from."""

ENDED = ("completed", "rehearsed", "running")
"""Statuses that stay as they are when another run goes on from a state of theirs."""

Fact = list[Any]
"""What is remembered of a record: fields of a `RunLine`, and of a running one its process with its command."""

_NOTHING = type(None)
_TYPES: tuple[tuple[type, ...], ...] = (
    *((str,), (int,), (int, _NOTHING), (int, float, _NOTHING), (int, float, _NOTHING), (int,)),
    *((dict, _NOTHING), (str, _NOTHING), (int,), (str,), (bool,), (str, _NOTHING), (int, float, _NOTHING)),
)
"""Of a fact's parts."""
_UNKNOWN: Fact = [UNREADABLE, 0, None, None, None, 0, None, None, 0, "", False, None, None]
"""Of a record that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One run, as a list shows it."""

    run_id: str
    """EXPERIMENT/RUN."""
    status: str
    """As in the record, but `killed`, `resumed` or `unreadable`."""
    steps: int
    """Done by this run."""
    total_steps: int | None
    """Planned, of the whole training."""
    loss: float | None
    """The last mean loss."""
    seconds: float | None
    """Wall-clock time of the trainer."""
    checkpoints: int
    """Archived."""
    parent: str | None = None
    """The run whose state it went on from."""
    before: int = 0
    """Steps of the training that were done before its own first."""
    started: str = ""
    """ISO 8601, as in the record; empty where that cannot be read."""
    rehearsal: bool = False
    """Whether it trained the miniature."""
    repeats: str | None = None
    """The run that it reproduces."""
    steps_per_second: float | None = None
    """The pace of training."""
    seconds_left: float | None = None
    """Of a run in progress: what its remaining steps will take."""


def list_runs(
    outputs: Path,
    experiment: str | None = None,
    *,
    cache: Path,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[RunLine]:
    """All runs, oldest first; a broken record is a line of its own, never an end to the list.

    Lines are remembered in `cache`. `tell` hears how many of the records that must be read have been.
    """
    memory = _memory(cache, outputs)
    files = list(newest_records(outputs, experiment))[::-1]
    facts = {file.path: memory.recall(file) for file in files}
    unread = [file for file in files if facts[file.path] is None]
    try:
        for done, file in enumerate(unread, start=1):
            facts[file.path] = memory.read(file)
            tell(done, len(unread))
    finally:  # an interrupted first look is worth remembering too
        memory.save(None if experiment else set(facts))
    lines = [_line(file, facts[file.path]) for file in files if facts[file.path] or Path(file.path).exists()]
    resumed = {line.parent for line in lines} - {None}
    return [
        replace(line, status=RESUMED) if line.run_id in resumed and line.status not in ENDED else line for line in lines
    ]


def resumed_by(outputs: Path, run_id: str, *, cache: Path) -> list[RunLine]:
    """The runs of the same experiment that went on from a state of this one, oldest first."""
    experiment = run_id.partition("/")[0]
    return [line for line in list_runs(outputs, experiment, cache=cache) if line.parent == run_id]


def _memory(cache: Path, outputs: Path) -> RecordMemory[Fact]:
    return RecordMemory(cache, outputs, name="runs", form=4, find=_fact, sound=_is_fact)


def _fact(record: Record) -> Fact:
    facts = record.run
    loss = facts["loss"].get("last") if facts["loss"] else None
    process = {**facts["process"], "argv": list(record.launch["argv"])} if record.status == "running" else None
    known = (facts["steps"], planned_steps(record), loss, facts["seconds"], len(record.checkpoints))
    kin = (resumed_from(record), position(record).step)
    rest = (facts["started"], record.rehearsal is not None, reproduced(record), facts.get("steps_per_second"))
    return [record.status, *known, process, *kin, *rest]


def _is_fact(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(_TYPES)
        and all(isinstance(part, kinds) for part, kinds in zip(value, _TYPES, strict=True))
        and all(math.isfinite(part) for part in value if isinstance(part, float))  # JSON has no NaN
    )


def _line(file: RecordFile, fact: Fact | None) -> RunLine:
    """One line; of a run that is not closed with how far its log says that it is."""
    left = None
    if fact is not None and fact[0] == "running":
        fact, left = _live(file, fact)
    status, steps, total_steps, loss, seconds, checkpoints, process, *rest = fact or _UNKNOWN
    parent, before, started, rehearsal, repeats, speed = rest
    return RunLine(
        run_id=file.run_id,
        status=status if process is None else status_now(status, process, process.get("argv", ())),
        steps=steps,
        total_steps=total_steps,
        loss=loss,
        seconds=seconds,
        checkpoints=checkpoints,
        parent=parent,
        before=before,
        started=started,
        rehearsal=rehearsal,
        repeats=repeats,
        steps_per_second=speed,
        seconds_left=left,
    )


def _live(file: RecordFile, fact: Fact) -> tuple[Fact, float | None]:
    """The fact about a run in progress as it is now, and the seconds that are left."""
    try:
        record = live(RunFolder(folder=Path(file.path).parent), read_record(Path(file.path), outline=True))
        return _fact(record), record.run.get("seconds_left")
    except (InputError, LookupError, TypeError, ValueError, AttributeError):  # damaged since it was remembered
        return fact, None


def newest_of(outputs: Path, names: Sequence[str], wanted: Sequence[str], *, cache: Path) -> dict[str, str]:
    """For each experiment that has runs of these statuses the id of its newest one, of the first status that it has.

    Records are read newest first, and no more of them than it takes.
    """
    memory = _memory(cache, outputs)
    found = {name: _newest_of(outputs, name, wanted, memory) for name in names if is_plain(name)}
    memory.save()
    return {name: run_id for name, run_id in found.items() if run_id}


def _newest_of(outputs: Path, name: str, wanted: Sequence[str], memory: RecordMemory[Fact]) -> str:
    newest: dict[str, str] = {}
    for file in newest_records(outputs, name):
        fact = memory.recall(file) or memory.read(file)
        if fact is not None and fact[0] in wanted:
            newest.setdefault(fact[0], file.run_id)
        if wanted[0] in newest:
            break
    return next((newest[status] for status in wanted if status in newest), "")


def children_of(outputs: Path, run_id: str, *, cache: Path) -> list[RunLine]:
    """Runs of the same experiment that come from this one, oldest first; those of others are not looked for."""
    runs = list_runs(outputs, run_id.split("/", maxsplit=1)[0], cache=cache)
    return [run for run in runs if run_id in (run.parent, run.repeats)]
