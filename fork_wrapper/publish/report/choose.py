"""Which runs a report is about: an experiment's name means its best news, a run's or a sidecar's means itself."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dataset_tools.names import is_plain
from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings, begin
from fork_wrapper.records.history import newest_of
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.records.run_folder import RunFolder, newest_records, sidecar_of

BEST = ("completed", "rehearsed", "interrupted", "failed", "running")
"""Statuses of a run that an experiment may mean, the better first."""


def choose(names: Sequence[str], settings: Settings) -> tuple[Source, ...]:
    """The sources that names mean; without names, one run of every experiment that has any.

    An experiment means its newest completed run, else its newest rehearsal, else what was broken off.
    InputError names all that cannot be reported at once.
    """
    if not names:
        return _of_all(settings)
    known = best_runs(settings, {name for name in names if is_plain(name)})
    found, wrong = [], []
    for name in dict.fromkeys(names):
        try:
            found.append(open_source(known[name], settings) if name in known else _named(name, settings))
        except InputError as error:
            wrong += list(error.findings) or [Finding(what=error.title, where=name)]
    raise_if_any("cannot report on these" if len(wrong) > 1 else "cannot report on this", wrong)
    return tuple({_place(one): one for one in found}.values())


def best_runs(settings: Settings, names: Iterable[str] | None = None) -> dict[str, str]:
    """The best run of each experiment that has runs, by the experiment's name; of all of them for None."""
    if names is None:
        names = {file.run_id.partition("/")[0] for file in newest_records(settings.outputs)}
    return newest_of(settings.outputs, sorted(names), BEST, cache=settings.cache)


def folder_of(source: Source, settings: Settings) -> RunFolder | None:
    """Where the run of a source lies; None where only its sidecar is here."""
    if source.record is None:
        return None
    run_id = str(source.record.run["id"])
    places = (RunFolder(folder=source.path.absolute().parent), RunFolder(folder=settings.outputs / run_id))
    for place in places:
        if source.kind == "run" and place.record == source.path.absolute():
            return place
        if _is_run(place, source.record):
            return place
    return None


def _is_run(place: RunFolder, record: Record) -> bool:
    try:
        there = read_record(place.record)
    except InputError:
        return False
    return all(there.run[name] == record.run[name] for name in ("id", "started"))


def _of_all(settings: Settings) -> tuple[Source, ...]:
    best = best_runs(settings)
    if not best:
        finding = Finding(
            what="there is not a run that can be read",
            where=str(settings.outputs),
            todo=begin(settings.outputs)
            or "run an experiment first: kft run NAME --rehearse, or say where your runs are: --outputs",
        )
        raise InputError("there is nothing to report", [finding])
    return tuple(open_source(run_id, settings) for run_id in best.values())


def _named(name: str, settings: Settings) -> Source:
    path = Path(name)
    source = open_source(str(sidecar_of(path)) if _is_orphan(path) else name, settings)
    if source.record is not None:
        return source
    what, todo = _WHY_NOT.get(source.kind, _WHY_NOT["file"])
    finding = Finding(what=what.format(source.label), where=str(source.path), todo=todo.format(source.label))
    raise InputError(f"{name} is not a run", [finding])


def _is_orphan(path: Path) -> bool:
    """Whether it is a checkpoint whose sidecar says more than its header."""
    return path.suffix.lower() == ".safetensors" and sidecar_of(path).is_file()


def _place(source: Source) -> Any:
    return (source.kind == "sidecar", source.path.absolute())


_WHY_NOT = {
    "experiment": ("{} has not run", "run it first: kft run {} --rehearse"),
    "checkpoint": ("{} alone says how it was made, not how its run went", "name its sidecar or its run"),
    "file": ("{} is a configuration, not a run", "name an experiment that ran, a run, or a sidecar"),
}
"""By kind of source: what it lacks, and what to do."""
