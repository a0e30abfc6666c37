"""One thing to run: its values, its trainer, and everything that stands against its launch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fork_wrapper.check.check import Checked, check
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.resolve import Resolved
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer
from fork_wrapper.records.run_folder import RunFolder, new_run_folder
from fork_wrapper.run.render import Rendered, render


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
    return rendered_in(job, settings, new_run_folder(settings.outputs, name, now, rehearsal=rehearsal), now)


def rendered_in(job: Job, settings: Settings, run: RunFolder, started: datetime) -> Rendered:
    """The job as it is launched from that run folder at that time; InputError where it cannot be rendered."""
    if job.rendered is None:
        return render(job.resolved, settings, job.trainer, run, started)
    return job.rendered(run, started)


def checked_for(job: Job, settings: Settings) -> Checked:
    """The check of a launch; InputError with everything that stands against it."""
    checked = check(job.resolved, settings, job.trainer, files=job.files or {}, fresh=True, allowed=job.allowed)
    if checked.errors:
        count = len(checked.errors)
        against = "one thing stands against it" if count == 1 else f"{count} things stand against it"
        raise InputError(f"cannot run {job.resolved.name}: {against}", checked.errors)
    return checked
