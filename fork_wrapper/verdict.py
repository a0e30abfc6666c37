"""How a run ended, judged from outside the trainer: its exit code, its last words, and the final checkpoint."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fork_wrapper.checkpoints import is_whole
from fork_wrapper.errors import Finding
from fork_wrapper.launch import Outcome
from fork_wrapper.progress import Progress, last_story, without_launcher
from fork_wrapper.record import Status
from fork_wrapper.render import Rendered
from fork_wrapper.sdscripts.causes import Cause, find_cause
from fork_wrapper.sdscripts.names import final_checkpoint

CLOCK_SLACK = 2.0
"""Seconds by which the coarsest file system's clock may be behind."""
TAIL = 12
"""Lines of the trainer's last words that a failure shows and the record keeps."""


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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a run ended, as the record keeps it."""

    status: Status
    """completed, rehearsed, failed or interrupted."""
    outcome: Outcome | None
    """Of the process; None when it was not started."""
    failure: Failure | None
    """Why it failed."""

    @staticmethod
    def not_started(why: str) -> "Verdict":
        """The verdict on a trainer that could not be started."""
        return Verdict(status="failed", outcome=None, failure=Failure(what=why, cause=None, tail=()))

    def to_run(self) -> dict[str, Any]:
        """The fields of the record's `run` section."""
        end = self.outcome
        return {
            "status": self.status,
            "ended": datetime.fromtimestamp(end.ended).astimezone().isoformat(timespec="seconds") if end else None,
            "seconds": round(end.ended - end.started, 1) if end else None,
            "exit_code": end.exit_code if end else None,
            "stops": list(end.stops) if end else [],
            "failure": self.failure.to_json() if self.failure else None,
        }


def judge(rendered: Rendered, progress: Progress, outcome: Outcome, *, main_process: bool) -> Verdict:
    """The verdict; only rank 0 saves (sdxl_train.py:871), so elsewhere the exit code must do."""
    fault = _fault(rendered.run.folder, rendered.name, outcome) if main_process or outcome.exit_code else None
    if outcome.stops and fault:
        return Verdict(status="interrupted", outcome=outcome, failure=None)
    if fault is None:
        return Verdict(status="rehearsed" if rendered.trainer.rehearsal else "completed", outcome=outcome, failure=None)
    lines = without_launcher(list(progress.tail))
    failure = Failure(what=fault, cause=find_cause(last_story(lines)), tail=tuple(lines[-TAIL:]))
    return Verdict(status="failed", outcome=outcome, failure=failure)


def explain(failure: Failure, rendered: Rendered) -> list[Finding]:
    """A failure as findings: the named cause with its next step, the last lines, where the log is."""
    findings = []
    if failure.cause:
        findings.append(Finding(what=f"{failure.cause.name}: {failure.cause.what}", todo=failure.cause.todo))
    said = "\n".join(failure.tail) or "(nothing)"
    findings.append(Finding(what=f"the trainer's last lines:\n{said}", where=str(rendered.run.log)))
    return findings


def _fault(folder: Path, name: str, outcome: Outcome) -> str | None:
    """Why the run is no success; None when it is one: exit code 0 and a final checkpoint newer than the start.

    Exit code 0 alone says little: "No data found" leaves with it (sdxl_train.py:194-198).
    """
    if outcome.exit_code != 0:
        return f"the trainer ended with exit code {outcome.exit_code}"
    final = final_checkpoint(folder, name)
    if not final.is_file():
        return f"the trainer ended with exit code 0 but wrote no {final.name}"
    if final.stat().st_mtime < outcome.started - CLOCK_SLACK:
        return f"the trainer ended with exit code 0 but {final.name} is older than its start"
    return None if is_whole(final) else f"the trainer ended with exit code 0 but {final.name} is not whole"
