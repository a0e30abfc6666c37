"""The main job: from resolved values to an archived run.

render, prove, preflight, record `running`, launch, archive while it trains, judge, record how it ended. What people
see of it is the `Watch`'s business.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from fork_wrapper.check.plan import Plan
from fork_wrapper.check.preflight import Machine
from fork_wrapper.errors import Finding, InterruptedRunError, RunFailedError
from fork_wrapper.machine.gpus import VramSampler
from fork_wrapper.machine.interrupts import Interrupts
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.losses import epoch_of
from fork_wrapper.records.progress import Progress
from fork_wrapper.records.record import Record
from fork_wrapper.run.archive import Archive, Archivist
from fork_wrapper.run.job import Job, checked_for, render_job
from fork_wrapper.run.launch import Outcome, StartError, launch
from fork_wrapper.run.opening import claim, open_archive, read_inputs
from fork_wrapper.run.render import Rendered
from fork_wrapper.run.resume_state import choose
from fork_wrapper.run.states import Length
from fork_wrapper.run.verdict import Failure, Verdict, explain, judge
from fork_wrapper.text import counted


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


def run(job: Job, settings: Settings, watch: Watch) -> Record:
    """Run a job to its end and return its record.

    Raises:
        InputError: something is missing; nothing was written.
        RunFailedError: the trainer did not do its job; the record says how.
        InterruptedRunError: the user stopped it; what was whole is archived.
    """
    onlooker = _Onlooker(watch)
    render_job(job, settings)  # what cannot be rendered is said before anything is hashed
    checked = checked_for(job, settings)
    inputs = read_inputs(job, settings, lambda file, bytes_: onlooker.tell("hashing", file, bytes_))
    interrupts = Interrupts()
    with interrupts.held():
        rendered, started = claim(job, settings, inputs)
        archive = open_archive(job, rendered, checked, inputs, settings, started)
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


class _Asides:
    """What the trainer does otherwise than planned, said once. Mutable: it remembers what it has said."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        """`plan` as the record keeps it."""
        schedule = plan.get("schedule") or {}
        datasets = plan.get("datasets") or ()
        images = [one.get("repeats") for one in datasets]
        self._steps = schedule.get("total_steps")
        self._images = sum(images) if images and all(isinstance(count, int) for count in images) else None
        self._said = False

    def about(self, progress: Progress) -> Iterator[Finding]:
        """What is to be said now: nothing before the first bar, which has the steps in all."""
        if self._said or not progress.total:
            return
        self._said = True
        if self._steps is None or progress.total == self._steps:
            return
        what = f"the trainer runs {counted(progress.total, 'step')}, and {self._steps} were planned"
        images = progress.facts.get("examples")
        if images is not None and self._images and images != self._images:
            what += f"; it counts {counted(images, 'image')} in an epoch, the plan {self._images}"
        todo = "see whether length, repeats and data set are what you mean; Ctrl-C ends it"
        yield Finding(what=what, where="total optimization steps in train.log", todo=todo, severity="warning")


def _launch(
    rendered: Rendered, archive: Archive, settings: Settings, onlooker: _Onlooker, interrupts: Interrupts
) -> Verdict:
    """Run the trainer and judge how it ended."""
    progress, asides = archive.progress, _Asides(archive.record.plan or {})

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
