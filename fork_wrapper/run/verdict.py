"""How a run ended, judged from outside the trainer: its exit code, its last words, and the final checkpoint."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fork_wrapper.check.less_memory import Remedy, remedies
from fork_wrapper.check.rules.case import Case, Host
from fork_wrapper.errors import Finding
from fork_wrapper.records.checkpoints import is_whole
from fork_wrapper.records.progress import Progress
from fork_wrapper.records.record import Record, Status
from fork_wrapper.run.endings import in_words, last_story, own_end, tells_failure, without_launcher
from fork_wrapper.run.launch import Outcome
from fork_wrapper.run.render import Rendered
from fork_wrapper.sdscripts.causes import Cause, end_cause, find_cause
from fork_wrapper.sdscripts.names import final_checkpoint

CLOCK_SLACK = 2.0
"""Seconds by which the coarsest file system's clock may be behind."""
LAUNCHER_KILLED = "by progress and final checkpoint: accelerate was killed, and the trainer went on to its end"
BY_FILES = "by its log and its files, when kft was gone"
OUT_OF_MEMORY = "cuda-memory"
"""The cause whose remedies follow from the configuration."""
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
    remedies: tuple[Remedy, ...] = ()
    """Of a GPU that had too little memory: what takes less, in the order in which it is to be tried."""

    def to_json(self) -> dict[str, Any]:
        """As the record keeps it."""
        more = {"remedies": [one.to_json() for one in self.remedies]} if self.remedies else {}
        return {"what": self.what, "cause": asdict(self.cause) if self.cause else None, "tail": list(self.tail), **more}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a run ended, as the record keeps it."""

    status: Status
    """completed, rehearsed, failed or interrupted."""
    outcome: Outcome | None
    """Of the process; None when it was not started."""
    failure: Failure | None
    """Why it failed."""
    evidence: str | None = None
    """By what it was judged, where that is not the trainer's own exit code."""

    @staticmethod
    def not_started(why: str) -> "Verdict":
        """The verdict on a trainer that could not be started."""
        return Verdict(status="failed", outcome=None, failure=Failure(what=why, cause=None, tail=()))

    @staticmethod
    def not_launched() -> "Verdict":
        """The verdict on a run that was interrupted before its launch."""
        return Verdict(status="interrupted", outcome=None, failure=None)

    def to_run(self) -> dict[str, Any]:
        """The fields of the record's `run` section."""
        end = self.outcome
        return {
            "status": self.status,
            "ended": datetime.fromtimestamp(end.ended).astimezone().isoformat(timespec="seconds") if end else None,
            "seconds": round(end.ended - end.started, 1) if end else None,
            "exit_code": end.exit_code if end and not self.evidence else None,
            "stops": list(end.stops) if end else ["interrupt"] if self.status == "interrupted" else [],
            "failure": self.failure.to_json() if self.failure else None,
            "evidence": self.evidence,
        }


def judge(rendered: Rendered, progress: Progress, outcome: Outcome, *, main_process: bool) -> Verdict:
    """The verdict; only rank 0 saves (sdxl_train.py:871), so elsewhere the exit code must do."""
    lines = list(progress.tail)
    code, told = own_end(lines, outcome.exit_code)
    missing = no_final(rendered.run.folder, rendered.name, outcome.started) if main_process else ""
    # A launcher that was killed says nothing of the trainer, which may have gone on to its end.
    alone = outcome.exit_code < 0 and not told
    if not missing and ((code == 0 and (progress.done or not outcome.stops)) or (alone and progress.done)):
        evidence = LAUNCHER_KILLED if alone else None
        status: Status = "rehearsed" if rendered.trainer.rehearsal else "completed"
        return Verdict(status=status, outcome=outcome, failure=None, evidence=evidence)
    if outcome.stops:
        return Verdict(status="interrupted", outcome=outcome, failure=None)
    if alone and tells_failure(progress.last_words):
        what = f"the trainer failed, as its log says; accelerate {in_words(outcome.exit_code)} before"
        failure = _failure(what, lines, None)
    else:
        what = f"the trainer {in_words(code or 0)}" + (f" but {missing}" if code == 0 else "")
        failure = _failure(what, lines, code)
    real = not rendered.trainer.rehearsal
    return Verdict(status="failed", outcome=outcome, failure=_with_remedies(failure, rendered, real=real))


def judge_left(record: Record, folder: Path, progress: Progress) -> Verdict:
    """The verdict on a run whose kft and trainer are gone, by what its log and its files prove.

    Its end is known only as far as the log tells: `outcome` is None.
    """
    started = datetime.fromisoformat(str(record.run["started"])).timestamp()
    main = rank_of(record.launch["argv"]) == 0
    missing = no_final(folder, str(record.training.get("output_name", record.name)), started) if main else ""
    if progress.done and not missing:
        status: Status = "completed" if record.rehearsal is None else "rehearsed"
        return Verdict(status=status, outcome=None, failure=None, evidence=BY_FILES)
    lines = progress.last_words
    code, told = own_end(lines, None)
    cause = find_cause(last_story(lines)) if lines else None
    if tells_failure(lines) or (cause is not None and cause.id == "no-data"):
        failure = _with_remedies(failure_of(lines, code if told else None), record, real=record.rehearsal is None)
        return Verdict(status="failed", outcome=None, failure=failure, evidence=BY_FILES)
    return Verdict(status="interrupted", outcome=None, failure=None, evidence=BY_FILES)


def failure_of(lines: list[str], code: int | None, last: int = TAIL) -> Failure:
    """The failure that a log's last lines tell of; `code` is the trainer's own, where its launcher told it."""
    what = "the trainer failed, as its log says" if code is None else f"the trainer {in_words(code)}"
    return _failure(what, lines, code, last)


def _failure(what: str, lines: list[str], code: int | None, last: int = TAIL) -> Failure:
    """A failure with its cause: of a death by signal the signal, unless what was said last explains it."""
    own = without_launcher(lines)
    end = end_cause(code) if code is not None else None
    story = last_story(own)
    cause = (find_cause(story, fatal=True) or end) if end is not None else find_cause(story)
    return Failure(what=what, cause=cause, tail=tuple(own[max(len(own) - last, 0) :]))


def rank_of(argv: Sequence[str]) -> int:
    """Which of several machines a launch was for; 0 where it was the only one."""
    words = list(argv)
    after = words[words.index("--machine_rank") + 1 :][:1] if "--machine_rank" in words else []
    return int(after[0]) if after and after[0].isdecimal() else 0


def explain(failure: Failure, log: Path) -> list[Finding]:
    """A failure as findings: the named cause with its next step, the last lines, where the log is."""
    findings = []
    if failure.cause:
        todo = "" if failure.remedies else failure.cause.todo
        findings.append(Finding(what=f"{failure.cause.name}: {failure.cause.what}", todo=todo))
    for number, one in enumerate(failure.remedies):
        what = "to use less memory, one step after another" if number == 0 else "then"
        findings.append(Finding(what=f"{what} ({one.saving})", todo=one.text, severity="note"))
    said = "\n".join(failure.tail) or "(nothing)"
    findings.append(Finding(what=f"the trainer's last lines:\n{said}", where=str(log)))
    return findings


def _with_remedies(failure: Failure, ran: Rendered | Record, *, real: bool) -> Failure:
    """A failure for want of GPU memory with what takes less; of a rehearsal the miniature says nothing about that."""
    if failure.cause is None or failure.cause.id != OUT_OF_MEMORY or not real:
        return failure
    host = Host(packages=None, cuda=True)
    try:
        less = remedies(Case(training=ran.training, dataset=ran.dataset, host=host, managed=False))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # values of an archive may be odd
        return failure
    return replace(failure, remedies=less)


def no_final(folder: Path, name: str, started: float) -> str:
    """Why there is no final checkpoint of a run that was started then; empty when there is: whole, and newer.

    Exit code 0 alone says little: "No data found" leaves with it (sdxl_train.py:194-198).
    """
    final = final_checkpoint(folder, name)
    if not final.is_file():
        return f"wrote no {final.name}"
    if final.stat().st_mtime < started - CLOCK_SLACK:
        return f"{final.name} is older than its start"
    return "" if is_whole(final) else f"{final.name} is not whole"
