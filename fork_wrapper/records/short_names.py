"""Short names: which run `luna_04` or `luna_04@-2` means, and which of its checkpoints `luna_04:epoch5`.

A short name stands for a name that every reader takes: a run's id, or the path of a sidecar. `EXPERIMENT@latest` is
the newest of all its runs and `@-2` the one before, whatever became of them; `EXPERIMENT` alone, where a run is asked
for, is the newest that the command can use. Behind a run, in any spelling, `:epoch5`, `:step1200` or `:final` names a
checkpoint. What exists by the very name that was typed is never taken for a short one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import SUFFIX, experiment_names
from fork_wrapper.machine.settings import Settings, begin
from fork_wrapper.records.checkpoints import find_checkpoints
from fork_wrapper.records.history import RunLine, list_runs
from fork_wrapper.records.lineage import segments
from fork_wrapper.records.record import read_record
from fork_wrapper.records.run_folder import RunFolder, newest_records, sidecar_of
from fork_wrapper.records.run_state import KILLED
from fork_wrapper.text import counted, nearest

Purpose = Literal["any", "done", "broken"]
"""What a run is asked for, where an experiment is named alone: to look at, to take its result, to go on with."""

LATEST = "latest"
FINAL = "final"
OFFERED = 4
"""Runs or names that a message offers."""

_SHORT = re.compile(r"(?P<name>.+?)(?:@(?P<which>[^@:/\\]*))?(?::(?P<place>[^:/\\]*))?")
_PLACE = re.compile(r"(?P<kind>epoch|step)[-=_ ]?0*(?P<number>\d+)|final")
_BROKEN = ("interrupted", "failed", KILLED)


@dataclass(frozen=True, kw_only=True)
class Meant:
    """What a short name stands for."""

    run: RunFolder
    """The run."""
    checkpoint: Path | None
    """Its checkpoint, which may have been pruned; None where the run itself is meant."""
    why: str
    """In words, for people: why this one."""

    @property
    def text(self) -> str:
        """The name that every reader takes."""
        if self.checkpoint is None:
            return self.run.run_id
        sidecar = sidecar_of(self.checkpoint)
        return str(sidecar if sidecar.is_file() else self.checkpoint)


def meant(text: str, settings: Settings, *, bare: Purpose | None = None) -> Meant | None:
    """What a short name stands for; None where `text` is none.

    `bare` is what a run is asked for; without it an experiment's name alone is no short name. InputError says which
    runs or checkpoints there are instead.
    """
    match = _SHORT.fullmatch(text)
    if match is None or _exists(text, settings):
        return _newest(text, settings, bare) if bare and match and _has_runs(text, settings) else None
    name, which, place = match["name"], match["which"], match["place"]
    if which is None and place is None:
        return _newest(name, settings, bare) if bare and _has_runs(name, settings) else None
    if which is not None:
        found = _counted(name, which, settings)
    elif (run := _named(name, settings)) is not None:
        found = Meant(run=run, checkpoint=None, why="")
    elif _has_runs(name, settings):
        found = _newest(name, settings, bare or "any")
    elif _PLACE.fullmatch(place):
        raise _no_runs(name, settings)
    else:
        return None
    return found if place is None else _checkpoint(found, place, settings)


def run_named(text: str, settings: Settings) -> RunFolder | None:
    """The run that a name or a short name stands for; None where it stands for none."""
    found = meant(text, settings, bare="any")
    return found.run if found else _named(text, settings)


def checkpoint_names(run: RunFolder) -> list[str]:
    """How the checkpoints of a run are named behind a colon, in the order of training."""
    return list(dict.fromkeys(_said(entry) for entry in _entries(run) if _said(entry)))


def _exists(text: str, settings: Settings) -> bool:
    try:
        return Path(text).exists() or _named(text, settings) is not None or _is_experiment(text, settings)
    except (OSError, ValueError):  # a name longer than the file system allows; a null character
        return False


def _is_experiment(name: str, settings: Settings) -> bool:
    return (settings.experiments / f"{name.removesuffix(SUFFIX)}{SUFFIX}").is_file()


def _named(text: str, settings: Settings) -> RunFolder | None:
    """The run of that id, or in that folder."""
    for run in (RunFolder(folder=Path(text).absolute()), RunFolder(folder=settings.outputs / text)):
        if run.record.is_file():
            return run
    return None


def _has_runs(name: str, settings: Settings) -> bool:
    plain = name not in (".", "..") and not set(name) & set("/\\\0")
    return plain and next(newest_records(settings.outputs, name), None) is not None


def _counted(name: str, which: str, settings: Settings) -> Meant:
    """The run of an experiment that `@latest` or `@-2` names."""
    if not _has_runs(name, settings):
        raise _no_runs(name, settings)
    lines = list_runs(settings.outputs, name, cache=settings.cache)
    number = 1 if which.lower() == LATEST else int(which[1:]) if re.fullmatch(r"-[1-9]\d{0,8}", which) else 0
    if 0 < number <= len(lines):
        words = "its newest run" if number == 1 else f"number {number} of its runs, counted from the newest"
        return _meant(lines[-number], settings, words)
    what = f"{name} has {counted(len(lines), 'run')}" if number else f"there is no @{which}"
    todo = f"say @{LATEST}, @-1 for the same, @-2 for the one before; its newest: {_offer(lines)}"
    raise InputError(
        f"no run is called {name}@{which}", [Finding(what=what, where=str(settings.outputs / name), todo=todo)]
    )


def _newest(name: str, settings: Settings, purpose: Purpose) -> Meant:
    """The newest run of an experiment that serves a purpose; the newest of all where none does."""
    lines = list_runs(settings.outputs, name, cache=settings.cache)[::-1]
    for wanted, words in _WANTED[purpose]:
        if (line := next((line for line in lines if line.status in wanted), None)) is not None:
            return _meant(line, settings, words)
    return _meant(lines[0], settings, "its newest run")


_WANTED: Mapping[Purpose, Sequence[tuple[tuple[str, ...], str]]] = {
    "any": (),
    "done": (
        (("completed",), "its newest completed run"),
        (("rehearsed",), "its newest rehearsal, for no run is completed"),
    ),
    "broken": ((_BROKEN, "its newest run that was broken off"),),
}


def _meant(line: RunLine, settings: Settings, words: str) -> Meant:
    run = RunFolder(folder=settings.outputs / line.run_id)
    said = words if line.status in words else f"{words} ({line.status})"
    return Meant(run=run, checkpoint=None, why=said)


def _offer(lines: Sequence[RunLine]) -> str:
    return ", ".join(line.run_id for line in lines[-OFFERED:])


def _no_runs(name: str, settings: Settings) -> InputError:
    ran = {file.run_id.split("/", 1)[0] for file in newest_records(settings.outputs)}
    near = nearest(name, {*ran, *experiment_names(settings.experiments)}, 3)
    if _is_experiment(name, settings):
        todo = f"run it first: kft run {name} --rehearse"
    elif near:
        todo = f"did you mean {' or '.join(near)}?"
    else:
        todo = begin(settings.outputs) or (f"these have: {', '.join(sorted(ran))}" if ran else "nothing has run yet")
    finding = Finding(what=f"{name} has no runs", where=str(settings.outputs), todo=todo)
    return InputError(f"no run of {name} is here", [finding])


def _checkpoint(found: Meant, place: str, settings: Settings) -> Meant:
    """The checkpoint at a place of a run's training, also of the runs that it went on from."""
    asked = _PLACE.fullmatch(place.lower())
    story = segments(settings.outputs, found.run, read_record(found.run.record, outline=True))
    known = [(segment.run, entry) for segment in reversed(story) for entry in _entries(segment.run)]
    fits: list[tuple[RunFolder, Mapping[str, Any]]] = []
    if asked is not None:
        kind, number = asked["kind"] or FINAL, int(asked["number"] or 0)
        fits = [pair for pair in known if _fits(pair[1], kind, number, of="training_")]
        fits = fits or [pair for pair in known if _fits(pair[1], kind, number, of="")]
        fits.sort(key=lambda pair: pair[1].get("kind") != kind)
    if not fits:
        names = list(dict.fromkeys(_said(entry) for _, entry in known if _said(entry)))
        there = f"there are {', '.join(names)}" if names else "it has no checkpoint yet"
        what = "there is no such checkpoint" if asked else "a checkpoint is named epochN, stepN or final"
        title = f"{found.run.run_id} has no checkpoint {place!r}"
        raise InputError(title, [Finding(what=what, where=str(found.run.folder), todo=there)])
    run, entry = fits[0]
    return Meant(run=run, checkpoint=run.folder / Path(str(entry["file"])).name, why=found.why)


def _entries(run: RunFolder) -> Iterator[Mapping[str, Any]]:
    """Checkpoints as the record has them, and those that it does not have yet."""
    record = read_record(run.record, outline=True)
    listed = [entry for entry in record.checkpoints if isinstance(entry, Mapping) and "file" in entry]
    yield from sorted(listed, key=lambda entry: entry.get("step") or 0)
    files = {str(entry["file"]) for entry in listed}
    for one in find_checkpoints(run.folder, record.name):
        if one.path.name not in files:
            yield {"file": one.path.name, "kind": one.name.kind, "epoch": one.name.epoch, "step": one.name.step}


def _fits(entry: Mapping[str, Any], kind: str, number: int, *, of: str) -> bool:
    """Whether an entry is at that place, in the steps and epochs of the whole training or in its run's own."""
    if kind == FINAL:
        return entry.get("kind") == FINAL
    if kind == "epoch" and entry.get("kind") == "step":  # saved within an epoch
        return False
    return bool(entry.get(f"{of}{kind}", entry.get(kind)) == number)


def _said(entry: Mapping[str, Any]) -> str:
    kind = str(entry.get("kind"))
    number = entry.get(f"training_{kind}", entry.get(kind))
    return FINAL if kind == FINAL else f"{kind}{number}" if kind in ("epoch", "step") and number else ""
