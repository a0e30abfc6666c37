"""A run's record as kft writes one, for tests that read what lies in run folders."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records.record import write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.opening import begin
from fork_wrapper.run.render import render

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def recorded(
    name: str, settings: Settings, *, rehearsal: Mapping[str, Any] | None = None, stamp: str = "20260102-030405"
) -> RunFolder:
    """The folder of a run of an experiment, with its record and what lies beside it."""
    folder = RunFolder(folder=settings.outputs / name / stamp)
    resolved = resolve(name, settings)
    rendered = render(resolved, settings, real_trainer(settings), folder, NOW)
    provenance: dict[str, Any] = {
        "base_model": None,
        "dataset": {"images": 1},
        "python": {"packages": {"torch": "2.6.0", "accelerate": "1.6.0"}},
    }
    record = begin(
        resolved,
        rendered,
        started=NOW,
        provenance=provenance,
        foreseen=({"name": name}, ()),
        rehearsal=rehearsal,
        process={"pid": 1, "created": 0.0, "host": "elsewhere"},
    )
    write_record(folder, record)
    folder.log.write_text("steps\n", encoding="utf-8")
    return folder
