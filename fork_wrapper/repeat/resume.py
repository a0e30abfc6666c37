"""Going on with a training that was broken off: from which state, how much remains, and as what it is launched.

sd-scripts restores weights, optimizer, scheduler and random numbers from `resume`, and counts steps and epochs from 0
again (sdxl_train.py:520-521, 595-627). So what remains is a run of its own in a folder of its own, with the length
of the rest; its record says where in the training it lies (`lineage`). Everything comes from the record of the run,
nothing from the experiment file, which may have changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.check.rules.case import Case
from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.resolve import Origin
from fork_wrapper.machine.provenance import host
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer, real_trainer
from fork_wrapper.records.history import resumed_by
from fork_wrapper.records.launched_values import own_files, processes_of, resolved_of
from fork_wrapper.records.lineage import RESUME, Position, position
from fork_wrapper.records.progress import Progress, read_log
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import KILLED, is_alive, status_of, trainer_of
from fork_wrapper.rehearsal.miniature_folder import MINIATURE_VERSION
from fork_wrapper.rehearsal.rehearse import Change, rehearsal_trainer
from fork_wrapper.repeat.changed_inputs import changed_inputs, newer_programs
from fork_wrapper.repeat.resume_record import counts, sound_record
from fork_wrapper.repeat.resume_schedule import WHY, consequences, continued
from fork_wrapper.run.job import Job
from fork_wrapper.run.resume_state import Choice, choose
from fork_wrapper.run.states import Length, State, identity_of
from fork_wrapper.run.sweep import sweep_run
from fork_wrapper.run.verdict import judge_left
from fork_wrapper.text import counted, part, shown

BY = "resume"
"""Origin of the values that a resumed run has and the run before it had not."""

REST = "sd-scripts counts from 0 again: what remains is the whole length of this run"
ONCE = "the training is not at its beginning"
SPACING = "the spacing that it came to for the whole training"


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """What goes on, from where, and what comes of it."""

    run: RunFolder
    """The run that was broken off."""
    record: Record
    """Its record."""
    reached: int
    """The training's step at which it was broken off."""
    choice: Choice
    """The state, and those that were passed over."""
    done: Position
    """Where the training was when the state was saved."""
    total_steps: int
    """Optimizer steps of the whole training, as planned."""
    changes: tuple[Change, ...]
    """What the new run has otherwise than the run before it."""
    consequences: tuple[str, ...]
    """What is not as it would have been without the break, and what is; one line each."""
    findings: tuple[Finding, ...]
    """Warnings."""

    @property
    def state(self) -> State:
        """Where it goes on from."""
        return self.choice.state

    @property
    def remaining(self) -> int:
        """Optimizer steps to do."""
        return self.total_steps - self.done.step

    def to_json(self) -> dict[str, Any]:
        """As plain values, for `--json`."""
        return {
            "run": self.run.run_id,
            "status": self.record.status,
            "reached": self.reached,
            "state": str(self.state.path),
            "passed_over": dict(self.choice.passed_over),
            "step": self.done.step,
            "epoch": self.done.epoch,
            "total_steps": self.total_steps,
            "remaining": self.remaining,
            "changes": [asdict(change) for change in self.changes],
            "consequences": list(self.consequences),
            "findings": [asdict(finding) for finding in self.findings],
        }


def plan_resume(run: RunFolder, settings: Settings, *, state: Path | None = None) -> Resumption:
    """How a run goes on, from its newest whole state or from `state`; InputError with all that stands against it."""
    record, progress = read_record(run.record), read_log(run.log)
    title = f"cannot resume {run.run_id}"
    raise_if_any(title, list(_over(run, _as_judged(run, record, progress))))
    record = sound_record(record, run.record)
    length = _length(record, progress)
    if length is None:
        todo = "begin it anew: neither its log nor its plan is left"
        raise InputError(title, [Finding(what="how many steps were planned is unknown", where=str(run.log), todo=todo)])
    cache = HashCache(settings.cache / "hashes.json")
    findings = [*_elsewhere(record, settings), *changed_inputs(record, cache), *_resumed_already(run, settings)]
    findings += newer_programs(record, settings)
    choice, problems = choose(
        run, record, length, state=state, nan_step=progress.nan_step or record.run.get("nan_step")
    )
    raise_if_any(title, [*problems, *findings])
    assert choice is not None  # else there was a problem
    before, own = position(record), choice.state.step or 0
    epochs = own // length.steps_per_epoch if length.steps_per_epoch else choice.state.name.epoch or 0
    done = Position(step=before.step + own, epoch=before.epoch + epochs)
    total = before.step + length.total_steps
    changes, words = _changes(record, choice.state, done, total, length)
    return Resumption(
        run=run,
        record=record,
        reached=before.step + max(progress.step, record.run["steps"]),
        choice=choice,
        done=done,
        total_steps=total,
        changes=changes,
        consequences=(
            f"learning rate, {words}",
            *consequences(resolved_of(record), done, own, length, processes_of(record)),
        ),
        findings=tuple(findings),
    )


def job_of(plan: Resumption, settings: Settings) -> Job:
    """The run that goes on, to be launched like any other."""
    resolved = resolved_of(plan.record)
    tree: keypath.Tree = keypath.merge({"training": resolved.training, "dataset": resolved.dataset}, {})
    origins = dict(resolved.origins)
    for change in plan.changes:
        origins.pop(change.key, None)
        if change.value is None:
            keypath.drop(tree, change.key)
        else:
            keypath.put(tree, change.key, change.value)
            origins[change.key] = Origin(kind="kft", by=BY)
    return Job(
        resolved=replace(resolved, training=tree["training"], dataset=tree["dataset"], origins=origins),
        trainer=_trainer(plan.record, settings),
        rehearsal=plan.record.rehearsal,
        files=own_files(plan.record) or None,
        warnings=plan.findings,
        lineage={
            "kind": RESUME,
            "parent": plan.run.run_id,
            "step": plan.done.step,
            "epoch": plan.done.epoch,
            "total_steps": plan.total_steps,
            "state": {"path": str(plan.state.path), "files": identity_of(plan.state.path)},
            "changes": [asdict(change) for change in plan.changes],
            "consequences": list(plan.consequences),
        },
    )


def close_killed(run: RunFolder, settings: Settings) -> str:
    """Close the record of a run whose kft was killed, as `kft archive` does, and say so; empty for any other run.

    A folder that cannot be written to is only read from: that does not stop what goes on elsewhere.
    """
    if read_record(run.record).status != "running":
        return ""
    try:
        sweep_run(run, HashCache(settings.cache / "hashes.json"))
    except OSError as error:
        return f"{run.run_id} was killed; its record cannot be closed: {error}"
    return f"{run.run_id} was killed; its record is closed now, as by `kft archive`"


def _as_judged(run: RunFolder, record: Record, progress: Progress) -> Record:
    """The record of a run whose kft is gone with the status that its log and its files prove."""
    if record.status != "running" or status_of(record) != KILLED:
        return record
    verdict = judge_left(record, run.folder, progress)
    return record.with_run(status=verdict.status, steps=progress.step, total_steps=progress.total or None)


def _over(run: RunFolder, record: Record) -> Iterator[Finding]:
    """Why there is nothing to resume, whatever states there are."""
    if record.status == "running":
        process = record.run["process"]
        host = process.get("host")
        pid = process.get("pid") if is_alive(process) else trainer_of(process, record.launch["argv"])
        todo = f"wait for it, or stop it; where it is over for certain: kft archive {run.run_id} --over"
        yield Finding(what=f"it is still running (process {pid} on {host})", where=str(run.record), todo=todo)
    elif not record.experiment["files"] or not record.training:
        todo = "restore it from a copy, or from a sidecar"
        yield Finding(what="its record holds no values to launch with", where=str(run.record), todo=todo)
    elif record.status in ("completed", "rehearsed"):
        steps = part(record.run["steps"], record.run["total_steps"] or 0, "step", ("is", "are"))
        what = f"it is {record.status}: {steps} done"
        todo = "train on with a new run: a longer experiment, or `--set resume=STATE` with the steps to add"
        yield Finding(what=what, where=str(run.record), todo=todo)


def _length(record: Record, progress: Progress) -> Length | None:
    """What the trainer printed of its length, or else what was planned."""
    schedule = (record.plan or {}).get("schedule") or {}
    facts = counts({**record.run.get("facts", {}), **progress.facts})
    total = progress.total or facts.get("total_steps") or record.run["total_steps"] or schedule.get("total_steps")
    batches, accumulated = facts.get("batches_per_epoch"), facts.get("gradient_accumulation_steps", 1)
    per_epoch = -(-batches // accumulated) if batches else schedule.get("steps_per_epoch")
    return Length(total_steps=int(total), steps_per_epoch=per_epoch) if total else None


def _elsewhere(record: Record, settings: Settings) -> Iterator[Finding]:
    """What about the trainer is not as it was."""
    if record.rehearsal is None and settings.num_processes != processes_of(record):
        processes = counted(processes_of(record), "process", "processes")
        what = f"it was trained by {processes}, and the settings say {settings.num_processes}"
        todo = f"--num-processes {processes_of(record)}: scheduler and length of an epoch are counted by process"
        yield Finding(what=what, where="num_processes", todo=todo)
    if record.rehearsal is not None and record.rehearsal.get("miniature") != MINIATURE_VERSION:
        yield Finding(what="it rehearsed another miniature", where=record.name, todo="rehearse anew")
    was = (record.provenance.get("host") or {}).get("hostname")
    if was and was != host()["hostname"]:  # a state holds pickles (accelerate 1.6.0, checkpointing.py)
        what = f"it ran on another machine, {shown(str(was))}: its state is unpickled, its options are taken as is"
        todo = "go on only if you trust whoever wrote that folder"
        yield Finding(what=what, where=record.name, todo=todo, severity="warning")


def _resumed_already(run: RunFolder, settings: Settings) -> Iterator[Finding]:
    for line in resumed_by(settings.outputs, run.run_id, cache=settings.cache):
        what = f"{line.run_id} has resumed it already ({line.status})"
        todo = f"see whether it is that one which should go on: kft show {line.run_id}"
        yield Finding(what=what, where=run.run_id, todo=todo, severity="warning")


def _trainer(record: Record, settings: Settings) -> Trainer:
    """The same kind of trainer."""
    if record.rehearsal is None:
        return real_trainer(settings)
    return rehearsal_trainer(settings, stand_in=record.launch["trainer"] == "stand-in")


def _changes(
    record: Record, state: State, done: Position, total: int, length: Length
) -> tuple[tuple[Change, ...], str]:
    """The values of the new run that differ from those before it, and what becomes of the learning rate."""
    rate = continued(record.training, total=total, processes=processes_of(record))
    wanted: dict[str, tuple[Any, str]] = {
        "max_train_epochs": (None, REST),
        "max_train_steps": (total - done.step, REST),
        "resume": (state.path.absolute().as_posix(), "where it goes on from"),
        "sample_at_first": (None, ONCE),
        "resume_from_huggingface": (None, "where it goes on from"),
        **{key: (value, SPACING) for key, value in _spacing(record.training, length).items()},
        **{key: (value, WHY) for key, value in rate.wanted.items()},
    }
    was = record.training
    made = [
        Change(key=f"training.{key}", value=value, was=was.get(key), why=why)
        for key, (value, why) in wanted.items()
        if was.get(key) != value
    ]
    return tuple(made), rate.words


def _spacing(training: Mapping[str, Any], length: Length) -> dict[str, Any]:
    """`save_n_epoch_ratio` counts the epochs of a run (sdxl_train.py:577-578): here those of the whole training."""
    case = Case(training=training, dataset={})
    parts = case.get("save_n_epoch_ratio")
    if parts is None or parts <= 0 or not length.steps_per_epoch:
        return {}
    return {
        "save_n_epoch_ratio": None,
        "save_every_n_epochs": -(-length.total_steps // length.steps_per_epoch) // parts or 1,
    }
