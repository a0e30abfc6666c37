"""The main job: from resolved values to an archived run.

render, prove, preflight, record `running`, launch, archive while it trains, judge, record how it ended. What people
see of it is the `Watch`'s business.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import psutil

from dataset_tools.hashing import HashCache
from fork_wrapper.archive import Archive, Archivist
from fork_wrapper.checkpoints import is_whole
from fork_wrapper.errors import Finding, InputError, InterruptedRunError, RunFailedError
from fork_wrapper.files import write_whole
from fork_wrapper.launch import Outcome, launch
from fork_wrapper.paths import RunFolder, new_run_folder
from fork_wrapper.preflight import Preflight, preflight
from fork_wrapper.progress import Progress, meaningful_tail
from fork_wrapper.provenance import accelerate_config, git_state, host
from fork_wrapper.record import Record, Status, begin
from fork_wrapper.render import Rendered, Trainer, render
from fork_wrapper.resolve import Resolved
from fork_wrapper.sdscripts.lines import Cause, find_cause
from fork_wrapper.sdscripts.names import final_checkpoint
from fork_wrapper.settings import Settings
from fork_wrapper.vram import VramSampler


class Watch(Protocol):
    """What a run tells whoever looks on; every call returns quickly."""

    def started(self, rendered: Rendered, findings: tuple[Finding, ...]) -> None:
        """The launch is decided; `findings` are the warnings."""

    def line(self, text: str) -> None:
        """The trainer printed a line."""

    def progress(self, progress: Progress, archived: int) -> None:
        """Called about four times a second and at every piece of output."""

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


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run failed, as far as it can be told."""

    what: str
    """In one line."""
    cause: Cause | None
    """The named cause, if one is known."""
    tail: tuple[str, ...]
    """The trainer's last meaningful lines."""

    def to_json(self) -> dict[str, Any]:
        """As the record keeps it."""
        return {"what": self.what, "cause": asdict(self.cause) if self.cause else None, "tail": list(self.tail)}


def prepare(job: Job, settings: Settings, run: RunFolder, started: datetime) -> tuple[Rendered, Preflight]:
    """Render and look at the machine; InputError with everything that is missing."""
    rendered = render(job.resolved, settings, job.trainer, run, started)
    looked = preflight(job.resolved, settings, job.trainer)
    if looked.errors:
        count = len(looked.errors)
        missing = "one thing is missing" if count == 1 else f"{count} things are missing"
        raise InputError(f"cannot run {job.resolved.name}: {missing}", looked.errors)
    return rendered, looked


def run(job: Job, settings: Settings, watch: Watch) -> Record:
    """Run a job to its end and return its record.

    Raises:
        InputError: something is missing; nothing was written.
        RunFailedError: the trainer did not do its job; the record says how.
        InterruptedRunError: the user stopped it; what was whole is archived.
    """
    started = datetime.now().astimezone()
    folder = new_run_folder(settings.outputs, job.resolved.name, started, rehearsal=job.trainer.rehearsal)
    rendered, looked = prepare(job, settings, folder, started)
    archive = _open(job, rendered, looked, settings, started)
    warnings = tuple(finding for finding in looked.findings if finding.severity != "error")
    watch.started(rendered, warnings)
    outcome, peak = _train(rendered, archive, settings, watch, looked)
    return _judge(rendered, archive, outcome, peak)


def _open(job: Job, rendered: Rendered, looked: Preflight, settings: Settings, started: datetime) -> Archive:
    """Make the run folder with its configs and the record that says `running`."""
    try:
        rendered.run.folder.mkdir(parents=True)
        write_whole(rendered.run.train_toml, rendered.train_toml)
        write_whole(rendered.run.dataset_toml, rendered.dataset_toml)
        for name, text in (job.files or {}).items():
            write_whole(rendered.run.folder / name, text)
        record = begin(
            job.resolved,
            rendered,
            started=started,
            provenance=_provenance(looked, settings, rendered.trainer),
            rehearsal=job.rehearsal,
            process={"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]},
        )
        archive = Archive(rendered.run, record, Progress(), HashCache(settings.cache / "hashes.json"))
        archive.write()
    except OSError as error:
        finding = Finding(
            what=str(error), where=str(rendered.run.folder), todo="set `outputs` to a folder you can write"
        )
        raise InputError("the run folder cannot be written", [finding]) from None
    return archive


def _provenance(looked: Preflight, settings: Settings, trainer: Trainer) -> dict[str, Any]:
    """What is known before the launch; hashes of the inputs come while it trains."""
    scripts = git_state(settings.sd_scripts) if trainer.kind != "stand-in" else None
    return {
        "base_model": None,
        "dataset": None,
        "sd_scripts": {**asdict(scripts), "path": str(settings.sd_scripts)} if scripts else None,
        "project": asdict(git_state(settings.root, with_patch=True)),
        "python": asdict(looked.python) if looked.python else None,
        "gpus": [asdict(gpu) for gpu in looked.gpus],
        "host": host(),
        "accelerate": accelerate_config(os.environ),
    }


def _train(
    rendered: Rendered, archive: Archive, settings: Settings, watch: Watch, looked: Preflight
) -> tuple[Outcome, list[int] | None]:
    """Launch and look on until the trainer's output ends."""
    archivist, sampler = Archivist(archive), VramSampler(looked.gpus)

    def on_output(chunk: bytes) -> None:
        for line in archive.progress.feed(chunk):
            watch.line(line)
        watch.progress(archive.progress, archive.archived)

    archivist.start()
    sampler.start()
    outcome: Outcome | None = None
    try:
        outcome = launch(
            rendered.argv,
            env=rendered.trainer.env,
            cwd=rendered.run.folder,
            log=rendered.run.log,
            grace=settings.interrupt_grace,
            on_output=on_output,
            on_tick=lambda: watch.progress(archive.progress, archive.archived),
            on_stop=lambda rung: watch.stopping(rung, settings.interrupt_grace),
        )
    except OSError as error:  # the program vanished since preflight asked it
        archive.write(status="failed", failure=Failure(what=str(error), cause=None, tail=()).to_json())
        raise RunFailedError(f"{rendered.run.run_id} could not be started: {error}") from error
    finally:
        archive.progress.close()
        watch.finishing()
        archivist.finish(abandon=outcome is None or _failed(rendered, outcome))
        peak = sampler.finish()
    return outcome, peak


def _failed(rendered: Rendered, outcome: Outcome) -> bool:
    return bool(outcome.stops) or _fault(rendered.run.folder, rendered.name, outcome) is not None


def _fault(folder: Path, name: str, outcome: Outcome) -> str | None:
    """Why the run is no success; None when it is one: exit code 0 and a final checkpoint newer than the start.

    Exit code 0 alone says little: "No data found" leaves with it (sdxl_train.py:194-198).
    """
    if outcome.exit_code != 0:
        return f"the trainer ended with exit code {outcome.exit_code}"
    final = final_checkpoint(folder, name)
    if not final.is_file():
        return f"the trainer ended with exit code 0 but wrote no {final.name}"
    if final.stat().st_mtime < outcome.started - 2 or not is_whole(final):  # 2 s: the coarsest file-system clock
        return f"the trainer ended with exit code 0 but {final.name} is not whole"
    return None


def _judge(rendered: Rendered, archive: Archive, outcome: Outcome, peak: list[int] | None) -> Record:
    """Close the record; raise when the run is no success."""
    fault = _fault(rendered.run.folder, rendered.name, outcome)
    lines = meaningful_tail(archive.progress.tail)
    failure = None
    if outcome.stops:
        status: Status = "interrupted"
    elif fault:
        status = "failed"
        failure = Failure(what=fault, cause=find_cause(list(archive.progress.tail)), tail=tuple(lines))
    else:
        status = "rehearsed" if rendered.trainer.rehearsal else "completed"
    archive.close(
        status=status,
        ended=datetime.fromtimestamp(outcome.ended).astimezone().isoformat(timespec="seconds"),
        seconds=round(outcome.ended - outcome.started, 1),
        exit_code=outcome.exit_code,
        stops=list(outcome.stops),
        failure=failure.to_json() if failure else None,
        peak_vram_mib=peak,
    )
    if status == "interrupted":
        raise InterruptedRunError(_interrupted(rendered, archive, outcome))
    if failure:
        raise RunFailedError(f"{rendered.run.run_id} failed: {failure.what}", _explain(failure, rendered))
    return archive.record


def _interrupted(rendered: Rendered, archive: Archive, outcome: Outcome) -> str:
    step = f" at step {archive.progress.step} of {archive.progress.total}" if archive.progress.total else ""
    kept = "one checkpoint is" if archive.archived == 1 else f"{archive.archived} checkpoints are"
    return f"{rendered.run.run_id} was interrupted{step} ({', '.join(outcome.stops)}); {kept} archived"


def _explain(failure: Failure, rendered: Rendered) -> list[Finding]:
    findings = []
    if failure.cause:
        findings.append(Finding(what=f"{failure.cause.name}: {failure.cause.what}", todo=failure.cause.todo))
    said = "\n".join(failure.tail) or "(nothing)"
    findings.append(Finding(what=f"the trainer's last lines:\n{said}", where=str(rendered.run.log)))
    return findings
