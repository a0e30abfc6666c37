"""The main job: from resolved values to an archived run.

render, prove, preflight, record `running`, launch, archive while it trains, judge, record how it ended. What people
see of it is the `Watch`'s business.
"""

import contextlib
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, Protocol

import psutil

from dataset_tools.hashing import HashCache, known_hash
from fork_wrapper.check.check import Checked, check
from fork_wrapper.check.plan import Plan
from fork_wrapper.check.preflight import Machine
from fork_wrapper.errors import Finding, InputError, InterruptedRunError, RunFailedError
from fork_wrapper.experiment.resolve import Resolved
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.files import pretty_json, write_whole
from fork_wrapper.machine.interrupts import Interrupts
from fork_wrapper.machine.provenance import accelerate_config, base_model, git_state, host, own_state
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer
from fork_wrapper.machine.vram import VramSampler
from fork_wrapper.records.losses import epoch_of
from fork_wrapper.records.progress import Progress
from fork_wrapper.records.record import Record, begin, prompts_of
from fork_wrapper.records.run_folder import RunFolder, new_run_folder
from fork_wrapper.run.archive import Archive, Archivist
from fork_wrapper.run.asides import Asides
from fork_wrapper.run.launch import Outcome, StartError, launch
from fork_wrapper.run.render import Rendered, render, sealed
from fork_wrapper.run.resume_state import choose
from fork_wrapper.run.states import Length
from fork_wrapper.run.verdict import Failure, Verdict, explain, judge
from fork_wrapper.text import counted

LONGEST_PROMPTS = 100_000
"""Characters of sample prompts that travel in every checkpoint."""


class Watch(Protocol):
    """What a run tells whoever looks on; every call returns quickly."""

    def hashing(self, file: str, size: int) -> None:
        """A file of so many bytes is about to be read for its hash; it may take seconds, the first time."""

    def started(self, rendered: Rendered, plan: Plan, findings: tuple[Finding, ...]) -> None:
        """The launch is decided; `findings` are the warnings and notes."""

    def line(self, text: str) -> None:
        """The trainer printed a line."""

    def progress(self, progress: Progress, archived: int) -> None:
        """Called about four times a second and at every piece of output."""

    def remark(self, finding: Finding) -> None:
        """Something that was not foreseen."""

    def stopping(self, rung: str, grace: int) -> None:
        """A stop was sent: interrupt, terminate or kill."""

    def finishing(self) -> None:
        """The trainer is done; what is left is hashing and writing."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One thing to run."""

    resolved: Resolved
    """Its values."""
    trainer: Trainer
    """The program that trains."""
    rehearsal: Mapping[str, Any] | None = None
    """For a rehearsal: the trainer and what it overrides, for the record."""
    files: Mapping[str, str] | None = None
    """More files to write into the run folder before the launch, by name."""
    warnings: tuple[Finding, ...] = ()
    """What is to be shown beside the findings of the check: for a rehearsal, what would stop the real run."""
    before: Callable[[], None] | None = None
    """For a rehearsal: copies what it takes of the images, before it starts; OSError where that fails."""
    lineage: Mapping[str, Any] | None = None
    """For a run that comes from another, as in the record."""
    rendered: Callable[[RunFolder, datetime], Rendered] | None = None
    """How it is rendered, where that is not from its resolved values: of a reproduction."""
    allowed: tuple[str, ...] = ()
    """What it may have too little of: disk, gpu-memory."""


def foresee(job: Job, settings: Settings) -> Checked:
    """Ask all that a launch of `job` would ask, and launch nothing.

    InputError where it could not even be rendered; what else stands against it is among the findings.
    """
    render_job(job, settings)
    return check(job.resolved, settings, job.trainer, files=job.files or {}, allowed=job.allowed)


def render_job(job: Job, settings: Settings) -> Rendered:
    """The job as it would be launched now, for a run folder that nobody makes; InputError as of a launch."""
    now = datetime.now().astimezone()
    name, rehearsal = job.resolved.name, job.trainer.rehearsal
    return _rendered(job, settings, new_run_folder(settings.outputs, name, now, rehearsal=rehearsal), now)


def _rendered(job: Job, settings: Settings, run: RunFolder, started: datetime) -> Rendered:
    if job.rendered is None:
        return render(job.resolved, settings, job.trainer, run, started)
    return job.rendered(run, started)


def _checked(job: Job, settings: Settings) -> Checked:
    """The check of a launch; InputError with everything that stands against it."""
    checked = check(job.resolved, settings, job.trainer, files=job.files or {}, fresh=True, allowed=job.allowed)
    if checked.errors:
        count = len(checked.errors)
        against = "one thing stands against it" if count == 1 else f"{count} things stand against it"
        raise InputError(f"cannot run {job.resolved.name}: {against}", checked.errors)
    return checked


def run(job: Job, settings: Settings, watch: Watch) -> Record:
    """Run a job to its end and return its record.

    Raises:
        InputError: something is missing; nothing was written.
        RunFailedError: the trainer did not do its job; the record says how.
        InterruptedRunError: the user stopped it; what was whole is archived.
    """
    onlooker = _Onlooker(watch)
    render_job(job, settings)  # what cannot be rendered is said before anything is hashed
    checked = _checked(job, settings)
    inputs = _read_inputs(job, settings, onlooker)
    interrupts = Interrupts()
    with interrupts.held():
        rendered, started = _claim(job, settings, inputs)
        archive = _open(job, rendered, checked, inputs, settings, started)
        try:
            onlooker.tell("started", rendered, checked.plan, (*job.warnings, *checked.findings))
            return _train(rendered, archive, settings, onlooker, checked.machine, interrupts)
        except BaseException as error:
            # Whatever ends kft here, the record must not say `running` for ever.
            if archive.record.status == "running":
                archive.write_end(
                    status="interrupted", failure=Failure(what=repr(error), cause=None, tail=()).to_json()
                )
            raise


class _Onlooker:
    """A Watch that can do no harm: a terminal that goes away must not end a run of ten hours."""

    def __init__(self, watch: Watch) -> None:
        self._watch: Watch | None = watch

    def tell(self, event: str, *facts: Any) -> None:
        """Call the watch's method of that name; after its first failure it is told nothing more."""
        if self._watch is None:
            return
        try:
            getattr(self._watch, event)(*facts)
        except (Exception, SystemExit):  # noqa: BLE001 - rich raises SystemExit when its reader leaves
            self._watch = None


def _read_inputs(job: Job, settings: Settings, onlooker: _Onlooker) -> dict[str, Any]:
    """The base model and the data set by their hashes, before the trainer can write them into a header.

    Seven gigabytes take seconds, and only the first time: later runs remember them. What cannot be read is None, and
    the archive tries again while the trainer runs: a rehearsal's first run builds its base model itself.
    """
    cache, training, dataset = HashCache(settings.cache / "hashes.json"), job.resolved.training, job.resolved.dataset
    name = str(training.get("pretrained_model_name_or_path", ""))
    if Path(name).is_file() and known_hash(name, cache) is None:
        onlooker.tell("hashing", name, Path(name).stat().st_size)
    base = base_model(name, cache)
    found = fingerprint_subsets(training, dataset, cache, lambda: False)
    cache.save()
    return {"base_model": base if base["sha256"] else None, "dataset": found.to_json() if found else None}


def _header(inputs: Mapping[str, Any], prompts: str | None) -> dict[str, Any]:
    """What a checkpoint's header says of its inputs: no list of files, and prompts of a length that people write."""
    data = inputs["dataset"]
    return {
        "base_model": inputs["base_model"],
        "dataset": data and {key: data.get(key) for key in ("images", "captions", "bytes", "sha256")},
        "sample_prompts": prompts if prompts and len(prompts) <= LONGEST_PROMPTS else None,
    }


def _claim(job: Job, settings: Settings, inputs: Mapping[str, Any]) -> tuple[Rendered, datetime]:
    """A rendered job whose run folder exists and is ours: two runs may start within one second."""
    name, rehearsal = job.resolved.name, job.trainer.rehearsal
    while True:
        started = datetime.now().astimezone()
        folder = new_run_folder(settings.outputs, name, started, rehearsal=rehearsal)
        rendered = _rendered(job, settings, folder, started)
        prompts = (job.files or {}).get(PurePath(str(rendered.training.get("sample_prompts", ""))).name)
        rendered = sealed(rendered, _header(inputs, prompts if prompts is not None else prompts_of(rendered.training)))
        try:
            folder.folder.mkdir(parents=True)
        except OSError as error:
            if folder.folder.is_dir():  # another run was faster
                continue
            raise _unwritable(folder, error) from None
        return rendered, started


def _unwritable(run: RunFolder, error: OSError) -> InputError:
    finding = Finding(what=str(error), where=str(run.folder), todo="set `outputs` to a folder you can write")
    return InputError("the run folder cannot be written", [finding])


def _open(
    job: Job, rendered: Rendered, checked: Checked, inputs: Mapping[str, Any], settings: Settings, started: datetime
) -> Archive:
    """Write the configs and the record that says `running`."""
    try:
        write_whole(rendered.run.train_toml, rendered.train_toml)
        write_whole(rendered.run.dataset_toml, rendered.dataset_toml)
        if inputs["dataset"]:
            write_whole(rendered.run.dataset_manifest, pretty_json(inputs["dataset"]))
        for name, text in (job.files or {}).items():
            write_whole(rendered.run.folder / name, text)
        record = begin(
            job.resolved,
            rendered,
            started=started,
            provenance={**_provenance(checked.machine, settings, rendered.trainer), **inputs},
            foreseen=(
                checked.plan.to_json(),
                [asdict(finding) for finding in (*job.warnings, *checked.findings)],
            ),
            rehearsal=job.rehearsal,
            process={"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]},
        ).with_lineage(job.lineage)
        archive = Archive(rendered.run, record, Progress(), HashCache(settings.cache / "hashes.json"))
        archive.reserve()
        archive.write()
    except OSError as error:
        with contextlib.suppress(OSError):
            rendered.run.reserve.unlink(missing_ok=True)
        raise _unwritable(rendered.run, error) from None
    return archive


def _provenance(machine: Machine, settings: Settings, trainer: Trainer) -> dict[str, Any]:
    """What is known of this machine before the launch."""
    scripts = git_state(settings.sd_scripts) if trainer.kind != "stand-in" else None
    return {
        "sd_scripts": {**asdict(scripts), "path": str(settings.sd_scripts)} if scripts else None,
        "project": asdict(own_state()),
        "python": asdict(machine.python) if machine.python else None,
        "gpus": [gpu.to_json() for gpu in machine.gpus],
        "host": host(),
        "accelerate": accelerate_config(os.environ),
    }


def _train(
    rendered: Rendered,
    archive: Archive,
    settings: Settings,
    onlooker: _Onlooker,
    machine: Machine,
    interrupts: Interrupts,
) -> Record:
    """Launch, look on until the trainer's output ends, write the verdict, then finish the archive."""
    archivist = Archivist(archive, lambda: interrupts.hurried)
    sampler = VramSampler(machine.gpus)
    archivist.start()
    sampler.start()
    verdict: Verdict | None = None
    try:
        verdict = _launch(rendered, archive, settings, onlooker, interrupts)
    finally:
        onlooker.tell("finishing")
        peak = sampler.finish()
        if verdict is not None:  # before any hashing
            archive.write_end(**verdict.to_run(), peak_vram_mib=peak)
        archivist.finish(abandon=verdict is None or verdict.status in ("failed", "interrupted"))
    assert verdict is not None  # else an exception is on its way
    return _close(rendered, archive, verdict, interrupts)


def _launch(
    rendered: Rendered, archive: Archive, settings: Settings, onlooker: _Onlooker, interrupts: Interrupts
) -> Verdict:
    """Run the trainer and judge how it ended."""
    progress, asides = archive.progress, Asides(archive.record.plan or {})

    def on_tick() -> None:
        onlooker.tell("progress", progress, archive.archived)

    def on_output(chunk: bytes) -> None:
        for line in progress.feed(chunk):
            onlooker.tell("line", line)
        for finding in asides.about(progress):
            archive.remark(finding)
            onlooker.tell("remark", finding)
        on_tick()

    if interrupts.asked:
        return Verdict.not_launched()
    try:
        outcome = launch(
            rendered.argv,
            env=rendered.trainer.env,
            cwd=rendered.run.folder,
            log=rendered.run.log,
            grace=settings.interrupt_grace,
            on_output=on_output,
            on_tick=on_tick,
            on_stop=lambda rung: onlooker.tell("stopping", rung, settings.interrupt_grace),
            interrupts=interrupts,
        )
    except StartError as error:  # the program vanished since preflight asked it
        return Verdict.not_started(str(error))
    progress.close()
    return judge(rendered, progress, outcome, main_process=rendered.trainer.rehearsal or not settings.machine_rank)


def _close(rendered: Rendered, archive: Archive, verdict: Verdict, interrupts: Interrupts) -> Record:
    """Finish the archive; raise when the run is no success, or when somebody asked for its end."""
    findings = explain(verdict.failure, rendered.run.log) if verdict.failure else []
    run_id = rendered.run.run_id
    title = f"{run_id} failed: {verdict.failure.what}" if verdict.failure else f"{run_id} is {verdict.status}"
    try:
        archive.close(lambda: interrupts.hurried)
    except OSError as error:
        todo = f"make room, then run: kft archive {run_id}"
        what = f"its archive cannot be written: {error.strerror or error}"
        findings.append(Finding(what=what, where=str(error.filename or rendered.run.folder), todo=todo))
        raise RunFailedError(title if verdict.failure else f"{title}, but not archived", findings) from error
    if verdict.failure:
        raise RunFailedError(title, [*findings, *_way_on(archive, or_why_not=False)])
    if verdict.status == "interrupted":
        way_on = _way_on(archive, or_why_not=True) if verdict.outcome else []
        raise InterruptedRunError(_interrupted(rendered, archive, verdict.outcome), way_on)
    if interrupts.asked:
        hashes = f"; kft archive {run_id} adds the hashes that are missing" if interrupts.hurried else ""
        raise InterruptedRunError(f"{title}: the interrupt came when the trainer had done its work{hashes}")
    return archive.record


def _interrupted(rendered: Rendered, archive: Archive, outcome: Outcome | None) -> str:
    if outcome is None:
        return f"{rendered.run.run_id} was interrupted before the trainer started"
    step = f" at step {archive.progress.step} of {archive.progress.total}" if archive.progress.total else ""
    stronger = {"terminate": ", then terminated", "kill": ", then killed"}.get(outcome.stops[-1], "")
    kept = f"{counted(archive.archived, 'checkpoint')} {'is' if archive.archived == 1 else 'are'}"
    return f"{rendered.run.run_id} was interrupted{step}{stronger}; {kept} archived"


def _way_on(archive: Archive, *, or_why_not: bool) -> list[Finding]:
    """That a run which is over before its time can be resumed, or else why not, and what saves a state next time."""
    progress, record = archive.progress, archive.record
    length = Length(total_steps=progress.total, steps_per_epoch=epoch_of(record.run))
    choice, problems = choose(archive.run, record, length, nan_step=progress.nan_step)
    if choice is None:
        return [replace(one, severity="note") for one in problems] if or_why_not else []
    what = f"it can go on after step {choice.state.step}, from {choice.state.path.name}"
    return [Finding(what=what, todo=f"kft resume {shlex.quote(archive.run.run_id)}", severity="note")]
