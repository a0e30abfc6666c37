"""Records of runs that nobody launched, as kft writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from fork_wrapper.experiment.resolve import Resolved, resolve
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer, real_trainer
from fork_wrapper.records.record import Record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.opening import begin
from fork_wrapper.run.render import Rendered, render

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
STAMP = "20260102-030405"
"""The name of a run folder at that time."""
ELSEWHERE: Mapping[str, Any] = {"pid": 1, "created": 0.0, "host": "elsewhere"}
"""A process that this machine does not have."""
PROVENANCE: Mapping[str, Any] = {
    "base_model": None,
    "dataset": {"images": 1},
    "python": {"packages": {"torch": "2.6.0", "accelerate": "1.6.0"}},
}


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A run about to be launched; nothing is written yet."""

    folder: RunFolder
    """Where it would write."""
    rendered: Rendered
    """What would be launched."""
    record: Record
    """Its record, `running`."""


def begun(
    resolved: Resolved,
    settings: Settings,
    *,
    trainer: Trainer | None = None,
    stamp: str = STAMP,
    started: datetime = NOW,
    provenance: Mapping[str, Any] = PROVENANCE,
    rehearsal: Mapping[str, Any] | None = None,
    plan: Mapping[str, Any] | None = None,
    process: Mapping[str, Any] = ELSEWHERE,
) -> Begun:
    """A run of resolved values, by the real trainer unless another is given."""
    folder = RunFolder(folder=settings.outputs / resolved.name / stamp)
    rendered = render(resolved, settings, trainer or real_trainer(settings), folder, started)
    record = begin(
        resolved,
        rendered,
        started=started,
        provenance=provenance,
        foreseen=(plan or {}, ()),
        rehearsal=rehearsal,
        process=process,
    )
    return Begun(folder=folder, rendered=rendered, record=record)


def recorded(
    name: str, settings: Settings, *, rehearsal: Mapping[str, Any] | None = None, stamp: str = STAMP
) -> RunFolder:
    """The folder of a run of an experiment, with its record and a log of one line."""
    made = begun(resolve(name, settings), settings, stamp=stamp, rehearsal=rehearsal, plan={"name": name})
    write_record(made.folder, made.record)
    made.folder.log.write_text("steps\n", encoding="utf-8")
    return made.folder
