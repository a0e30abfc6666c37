"""Which state of a run to resume from: the newest whole one after which something remains to be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.records.lineage import resumed_from
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.states import Length, State, damage_of, find_states
from fork_wrapper.sdscripts.names import parse_state


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One state of a run."""

    state: State
    """That which was chosen; its step is known."""
    passed_over: Mapping[str, str]
    """Newer ones, by folder name, and why they were not taken."""


def choose(
    run: RunFolder, record: Record, length: Length, *, state: Path | None = None, nan_step: int | None = None
) -> tuple[Choice | None, list[Finding]]:
    """A state to resume from, or what stands against every one; `state` is the user's choice.

    From `nan_step` on weights are worth nothing.
    """
    if state is not None:
        return _chosen(_folder(run, state), run, record, length)
    passed: dict[str, str] = {}
    for one in find_states(run.folder, record.name, record.training, length):
        if not (reason := _against(one, length, nan_step)):
            return Choice(state=one, passed_over=passed), []
        passed[one.path.name] = reason
    return None, [_none(run, record, passed)]


def _folder(run: RunFolder, state: Path) -> Path:
    """A state by the name of its folder in the run, or by its path."""
    inside = run.folder / state
    return inside if inside.is_dir() else state.absolute()


def _chosen(folder: Path, run: RunFolder, record: Record, length: Length) -> tuple[Choice | None, list[Finding]]:
    name, where = parse_state(folder.name, record.name), f"--state {folder}"
    todo = "name one of its own: " + (", ".join(_names(run, record, length)) or "there is none")
    if not folder.is_dir():
        return None, [Finding(what="there is no such folder", where=where, todo=todo)]
    if name is None:
        what = f"its name is not that of a state of {record.name}, so its step is unknown"
        return None, [Finding(what=what, where=where, todo=todo)]
    if other := _other_run(folder, run, record):
        what = f"it is a state of {other}, whose steps are counted from its own beginning"
        return None, [Finding(what=what, where=where, todo=f"kft resume {other}")]
    one = State(path=folder, name=name, step=length.step_of(name), damage=damage_of(folder, record.training))
    if reason := _against(one, length, None):
        return None, [Finding(what=f"it cannot be resumed from: {reason}", where=where, todo=todo)]
    return Choice(state=one, passed_over={}), []


def _other_run(folder: Path, run: RunFolder, record: Record) -> str | None:
    """The run in whose folder a state lies, where that is another one; a copy of the same run is none."""
    there = RunFolder(folder=folder.parent)
    if folder.parent == run.folder or not there.record.is_file():
        return None
    try:
        found = str(read_record(there.record).run["id"])
    except InputError:
        found = there.run_id
    return None if found == record.run["id"] else found


def _names(run: RunFolder, record: Record, length: Length) -> list[str]:
    states = find_states(run.folder, record.name, record.training, length)
    return [one.path.name for one in states if not _against(one, length, None)]


def _against(state: State, length: Length, nan_step: int | None) -> str:
    """Why a state is not taken; empty when it can be."""
    if state.damage:
        return f"not whole: {state.damage}"
    if state.step is None:
        return "its step is unknown: the length of an epoch is not recorded"
    if state.step >= length.total_steps:
        return "saved at the end: nothing is left to train"
    return f"the loss is NaN since step {nan_step}" if nan_step and state.step >= nan_step else ""


def _none(run: RunFolder, record: Record, passed: Mapping[str, str]) -> Finding:
    """That there is no state, and which option would have saved one."""
    if passed:
        what = "none of its states can be resumed from: " + "; ".join(f"{name}: {why}" for name, why in passed.items())
    elif record.training.get("save_state"):
        what = "it stopped before its first state was saved"
    elif record.training.get("save_state_on_train_end"):
        what = "no state was saved: save_state_on_train_end saves one at the end alone"
    else:
        what = "no state was saved"
    return Finding(what=what, where=str(run.folder), todo=_advice(record))


def _advice(record: Record) -> str:
    if parent := resumed_from(record):
        return f"resume {parent} once more, whose state this run went on from"
    if record.training.get("save_state"):
        return "start again; save_every_n_steps or save_every_n_epochs set how often a state is saved"
    how = "one is saved beside every checkpoint (save_every_n_steps, save_every_n_epochs) with save_state"
    again = " --rehearse" if record.rehearsal is not None else ""
    return f"{how}: kft run {record.name}{again} --set save_state=true"
