"""The run that a command works on, named by its id, its folder, its record, or a sidecar or checkpoint in it.

An experiment's name alone does not name a run: instead of guessing, the error lists its runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.records.run_folder import RunFolder, newest_records

OFFERED = 3
"""The number of runs suggested if an experiment was named."""


@dataclass(frozen=True, kw_only=True)
class NamedRun:
    """A run on this machine."""

    folder: RunFolder
    """The run's folder."""
    record: Record
    """The run's record."""


def named_run(text: str, settings: Settings) -> NamedRun:
    """Return the run that `text` names; InputError, with what to name instead, if it is not a run on this machine."""
    source = open_source(text, settings)
    found = run_of(source, settings)
    if found is not None:
        return found
    if source.kind in ("sidecar", "checkpoint"):
        what, todo = f"the run of this {source.kind} is not on this machine", "name a run; `kft list` shows them"
    else:
        what, todo = f"{text} is {_kind(source)}", _offer(source, settings)
    raise InputError(f"{text} is not a run", [Finding(what=what, where=str(source.path), todo=todo)])


def run_of(source: Source, settings: Settings) -> NamedRun | None:
    """Return the run that a source is, or was made by, if its folder is here; None otherwise.

    A sidecar or a checkpoint lies in the folder, or names it; a copy elsewhere leads back to it.
    """
    run_id = _id_of(source)
    if run_id is None:
        return None
    for folder in (source.path.absolute().parent, settings.outputs / run_id):
        run = RunFolder(folder=folder)
        if run.record.is_file():
            record = read_record(run.record)
            if record.run["id"] == run_id:
                return NamedRun(folder=run, record=record)
    return None


def _id_of(source: Source) -> str | None:
    if source.record is not None:
        return str(source.record.run["id"])
    if source.header is not None and isinstance(source.header.get("run"), Mapping):
        return str(source.header["run"].get("run", "")) or None
    return None


def _offer(source: Source, settings: Settings) -> str:
    runs: list[str] = []
    if source.kind == "experiment":
        runs = [found.run_id for found in islice(newest_records(settings.outputs, source.label), OFFERED)][::-1]
    return f"name one of its runs: {', '.join(runs)}" if runs else "name EXPERIMENT/RUN; `kft list` shows them"


def _kind(source: Source) -> str:
    return "an experiment" if source.kind == "experiment" else f"a {source.kind}"
