"""The main job: from resolved values to an archived run.

render, prove, preflight, record `running`, launch, archive while it trains, judge, record how it ended. What people
see of it is the `Watch`'s business.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

import psutil

from dataset_tools.hashing import HashCache
from fork_wrapper.archive import Archive, Archivist
from fork_wrapper.asides import Asides
from fork_wrapper.check import Checked, check
from fork_wrapper.errors import Finding, InputError, InterruptedRunError, RunFailedError
from fork_wrapper.files import write_whole
from fork_wrapper.interrupts import Interrupts
from fork_wrapper.launch import Outcome, StartError, launch
from fork_wrapper.paths import RunFolder, new_run_folder
from fork_wrapper.plan import Plan
from fork_wrapper.preflight import Machine
from fork_wrapper.progress import Progress
from fork_wrapper.provenance import accelerate_config, git_state, host, own_state
from fork_wrapper.record import Record, begin
from fork_wrapper.render import Rendered, Trainer, render
from fork_wrapper.resolve import Resolved
from fork_wrapper.settings import Settings
from fork_wrapper.verdict import Failure, Verdict, explain, judge
from fork_wrapper.vram import VramSampler


class Watch(Protocol):
    """What a run tells whoever looks on; every call returns quickly."""

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
    lineage: Mapping[str, Any] | None = None
    """For a run that comes from another, as in the record."""
    rendered: Callable[[RunFolder, datetime], Rendered] | None = None
    """How it is rendered, where that is not from its resolved values: of a reproduction."""


def prepare(job: Job, settings: Settings, run: RunFolder, started: datetime) -> tuple[Rendered, Checked]:
    """Render and check; InputError with everything that stands against the launch."""
    if job.rendered is None:
        rendered = render(job.resolved, settings, job.trainer, run, started)
    else:
        rendered = job.rendered(run, started)
    checked = check(job.resolved, settings, job.trainer, files=job.files or {}, fresh=True)
    if checked.errors:
        count = len(checked.errors)
        against = "one thing stands against it" if count == 1 else f"{count} things stand against it"
        raise InputError(f"cannot run {job.resolved.name}: {against}", checked.errors)
    return rendered, checked


def run(job: Job, settings: Settings, watch: Watch) -> Record:
    """Run a job to its end and return its record.

    Raises:
        InputError: something is missing; nothing was written.
        RunFailedError: the trainer did not do its job; the record says how.
        InterruptedRunError: the user stopped it; what was whole is archived.
    """
    started = datetime.now().astimezone()
    rendered, checked = _claim(job, settings, started)
    interrupts = Interrupts()
    with interrupts.held():
        archive = _open(job, rendered, checked, settings, started)
        onlooker = _Onlooker(watch)
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


def _claim(job: Job, settings: Settings, started: datetime) -> tuple[Rendered, Checked]:
    """A rendered job whose run folder exists and is ours: two runs may start within one second."""
    name, rehearsal = job.resolved.name, job.trainer.rehearsal
    while True:
        folder = new_run_folder(settings.outputs, name, started, rehearsal=rehearsal)
        rendered, checked = prepare(job, settings, folder, started)
        try:
            folder.folder.mkdir(parents=True)
        except OSError as error:
            if folder.folder.is_dir():  # another run was faster
                continue
            raise _unwritable(folder, error) from None
        return rendered, checked


def _unwritable(run: RunFolder, error: OSError) -> InputError:
    finding = Finding(what=str(error), where=str(run.folder), todo="set `outputs` to a folder you can write")
    return InputError("the run folder cannot be written", [finding])


def _open(job: Job, rendered: Rendered, checked: Checked, settings: Settings, started: datetime) -> Archive:
    """Write the configs and the record that says `running`."""
    try:
        write_whole(rendered.run.train_toml, rendered.train_toml)
        write_whole(rendered.run.dataset_toml, rendered.dataset_toml)
        for name, text in (job.files or {}).items():
            write_whole(rendered.run.folder / name, text)
        record = begin(
            job.resolved,
            rendered,
            started=started,
            provenance=_provenance(checked.machine, settings, rendered.trainer),
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
    """What is known before the launch; hashes of the inputs come while it trains."""
    scripts = git_state(settings.sd_scripts) if trainer.kind != "stand-in" else None
    return {
        "base_model": None,
        "dataset": None,
        "sd_scripts": {**asdict(scripts), "path": str(settings.sd_scripts)} if scripts else None,
        "project": asdict(own_state()),
        "python": asdict(machine.python) if machine.python else None,
        "gpus": [asdict(gpu) for gpu in machine.gpus],
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
        raise RunFailedError(title, findings)
    if verdict.status == "interrupted":
        raise InterruptedRunError(_interrupted(rendered, archive, verdict.outcome))
    if interrupts.asked:
        hashes = f"; kft archive {run_id} adds the hashes that are missing" if interrupts.hurried else ""
        raise InterruptedRunError(f"{title}: the interrupt came when the trainer had done its work{hashes}")
    return archive.record


def _interrupted(rendered: Rendered, archive: Archive, outcome: Outcome | None) -> str:
    if outcome is None:
        return f"{rendered.run.run_id} was interrupted before the trainer started"
    step = f" at step {archive.progress.step} of {archive.progress.total}" if archive.progress.total else ""
    kept = "one checkpoint is" if archive.archived == 1 else f"{archive.archived} checkpoints are"
    return f"{rendered.run.run_id} was interrupted{step} ({', '.join(outcome.stops)}); {kept} archived"
