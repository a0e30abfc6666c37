"""Which checkpoint a promotion is about, and everything that stands against taking it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.names import lies_in
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import read_json
from fork_wrapper.formats.named_run import NamedRun, run_of
from fork_wrapper.formats.source import Source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.checkpoints import find_checkpoints, is_whole
from fork_wrapper.records.notes import decision_of, read_notes
from fork_wrapper.records.record import Record, from_json
from fork_wrapper.records.run_folder import RunFolder, sidecar_of
from fork_wrapper.records.run_state import SUCCESSES, RunState, status_of
from fork_wrapper.sdscripts.names import SUFFIX
from fork_wrapper.text import sizes


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A checkpoint, its sidecar, and its run where that is here."""

    file: Path
    """The checkpoint."""
    sidecar: Path
    """Its sidecar."""
    record: Record
    """What the sidecar says of the run."""
    entry: Mapping[str, Any]
    """What it says of the checkpoint."""
    run: RunFolder | None
    """The run's folder, for its notes; None where it is not on this machine."""
    why: str
    """Why this one, where it was not named itself; else empty."""


def choose(source: Source, settings: Settings, checkpoint: str | None) -> Chosen:
    """The checkpoint that a run, a sidecar or a checkpoint names.

    Of a run it is `checkpoint`, by file name, or else the final one, or else the newest that is whole. InputError where
    there is none, or no sidecar that says how it was made.
    """
    run = run_of(source, settings)
    if source.kind == "run" and run is not None:
        file, why = _of_run(run, checkpoint)
    elif source.kind in ("sidecar", "checkpoint"):
        if checkpoint is not None:
            finding = Finding(
                what=f"{source.label} is one checkpoint", where=f"--checkpoint {checkpoint}", todo="omit it"
            )
            raise InputError("--checkpoint is for a run", [finding])
        file, why = source.path.with_suffix(SUFFIX), ""
    else:
        todo = "name a run, a sidecar or a checkpoint; `kft list` shows the runs"
        finding = Finding(what=f"kft did not train {source.label}", where=str(source.path), todo=todo)
        raise InputError("only what kft has trained can be promoted", [finding])
    return _with_sidecar(file, run.folder if run else None, why)


def _of_run(run: NamedRun, checkpoint: str | None) -> tuple[Path, str]:
    if checkpoint is not None:
        return run.folder.folder / Path(checkpoint).name, ""
    if RunState(run=run.folder).status() == "running":
        finding = Finding(
            what="it is still running", where=str(run.folder.folder), todo="wait, or name --checkpoint FILE"
        )
        raise InputError(f"{run.folder.run_id} has no last checkpoint yet", [finding])
    name = str(run.record.training.get("output_name", run.record.name))
    whole = [one for one in find_checkpoints(run.folder.folder, name) if is_whole(one.path)]
    if not whole:
        finding = Finding(what="there is no whole checkpoint", where=str(run.folder.folder), todo="name another run")
        raise InputError(f"{run.folder.run_id} has nothing to promote", [finding])
    final = [one for one in whole if one.name.kind == "final"]
    return (final or whole)[-1].path, "the final one" if final else "the newest whole one; there is no final one"


def _with_sidecar(file: Path, run: RunFolder | None, why: str) -> Chosen:
    sidecar = sidecar_of(file)
    if not sidecar.is_file():
        todo = f"kft archive {run.run_id}" if run else "put its sidecar beside it: the card says only what that says"
        raise InputError(f"{file.name} has no sidecar", [Finding(what="no such file", where=str(sidecar), todo=todo)])
    raw = read_json(sidecar)
    record = from_json(raw, sidecar)
    entry = raw.get("checkpoint")
    known = isinstance(entry, Mapping) and all(key in entry for key in ("file", "kind", "bytes", "sha256"))
    if not known:
        finding = Finding(
            what="it does not describe a checkpoint", where=str(sidecar), todo="name a checkpoint's sidecar"
        )
        raise InputError(f"{sidecar.name} is not a sidecar", [finding])
    return Chosen(file=file, sidecar=sidecar, record=record, entry=entry, run=run, why=why)


def against(chosen: Chosen, *, rehearsal: bool) -> Iterator[Finding]:
    """What forbids a promotion; `rehearsal` says that one may be taken."""
    where = str(chosen.file)
    if chosen.record.rehearsal is not None and not rehearsal:
        todo = "promote a real run; to try the way itself, say --rehearsal"
        yield Finding(what="it is a rehearsal: the miniature draws nothing", where=where, todo=todo)
    if not chosen.file.is_file():
        yield Finding(what="the checkpoint is gone", where=where, todo="name one that is there")
    elif not lies_in(chosen.file, chosen.file.parent) and chosen.run is not None:
        yield Finding(what="it is a link to a file elsewhere", where=where, todo="put the checkpoint itself there")
    elif not is_whole(chosen.file):
        yield Finding(what="not a complete safetensors file", where=where, todo="name another checkpoint")
    elif (here := chosen.file.stat().st_size) != chosen.entry["bytes"]:
        now, then = sizes([here, chosen.entry["bytes"]])
        now, then = (now, then) if now != then else (f"{here} bytes", f"{chosen.entry['bytes']} bytes")
        what = f"it has {now}, and the one that was archived had {then}"
        yield Finding(what=what, where=where, todo="find the file that was archived")


def doubts(chosen: Chosen) -> Iterator[Finding]:
    """What a person should know before they build on it."""
    if chosen.record.status not in SUCCESSES:
        what = f"its run did not end as planned: {status_of(chosen.record)}"
        yield Finding(what=what, where=str(chosen.record.run["id"]), severity="warning")
    if chosen.record.run.get("nan_step"):
        what = f"the loss is no number from step {chosen.record.run['nan_step']} on"
        yield Finding(what=what, where=str(chosen.file), todo="take a checkpoint from before", severity="warning")
    if chosen.run is not None and decision_of(read_notes(chosen.run)) == "rejected":
        yield Finding(what="its notes reject it", where=str(chosen.run.notes), severity="warning")
    if not chosen.entry["sha256"]:
        what = "its sidecar has no sha256: nothing proves that it is still the file that was saved"
        yield Finding(what=what, where=str(chosen.sidecar), severity="warning")
