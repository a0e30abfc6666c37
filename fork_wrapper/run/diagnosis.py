"""What any log of a trainer tells, of a run of kft or of another program's: how far it came, and why it ended."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.records.progress import Progress
from fork_wrapper.records.record import summary
from fork_wrapper.run.endings import last_story, own_end, tells_failure, without_launcher
from fork_wrapper.run.verdict import TAIL, Failure, failure_of
from fork_wrapper.sdscripts.causes import find_cause

_PIECE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Of one log."""

    path: Path
    """The log."""
    progress: Progress
    """How far it came."""
    failure: Failure | None
    """Why it ended, where it tells of a failure."""

    @property
    def ended(self) -> str:
        """How it ended, in one line."""
        if self.failure:
            return self.failure.what
        if self.progress.done:
            return "all steps are done"
        return (
            "the log does not say how it ended"
            if self.progress.step
            else "no step was done, and the log does not say why"
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        failure = self.failure.to_json() if self.failure else None
        return {"log": str(self.path), "ended": self.ended, "failure": failure, **summary(self.progress)}


def diagnose(path: Path, last: int = TAIL) -> Diagnosis:
    """Read a log whole; `last` lines of it are kept as the failure's own. InputError where it cannot be read."""
    progress = _read(path)
    lines = progress.last_words
    code, told = own_end(lines, None)
    said = not progress.done and find_cause(last_story(without_launcher(lines))) is not None
    if not (told or said or tells_failure(lines)):
        return Diagnosis(path=path, progress=progress, failure=None)
    return Diagnosis(path=path, progress=progress, failure=failure_of(lines, code if told else None, last))


def _read(path: Path) -> Progress:
    progress = Progress()
    try:
        with path.open("rb") as file:
            if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # what `>` writes in Windows PowerShell
                progress.feed(path.read_bytes().decode("utf-16", errors="replace").encode(errors="replace"))
            else:
                file.seek(0)
                while chunk := file.read(_PIECE):
                    progress.feed(chunk)
    except OSError as error:
        finding = Finding(what=error.strerror or str(error), where=str(path), todo="check the path and its permissions")
        raise InputError(f"cannot read {path.name}", [finding]) from None
    progress.close()
    return progress
