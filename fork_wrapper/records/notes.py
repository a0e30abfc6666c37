"""What people say of a run after it: problems, solutions, decisions, with the time at which they said it.

A file of its own beside the record, to which lines are only ever added: what was archived stays as it is, and a run
that is still going, whose kft writes the record, loses nothing.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.story import DECISIONS
from fork_wrapper.records.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Note:
    """One note; what is empty was not said."""

    time: str
    """ISO 8601, to the second, with the offset of the place."""
    problems: tuple[str, ...] = ()
    """What went wrong."""
    solutions: tuple[str, ...] = ()
    """What was done about it."""
    decision: str = ""
    """One of `DECISIONS`, or empty."""
    text: str = ""
    """Anything else."""


def add_note(
    run: RunFolder,
    now: datetime,
    *,
    problems: Sequence[str] = (),
    solutions: Sequence[str] = (),
    decision: str = "",
    text: str = "",
) -> Note:
    """Add a note to a run's notes and return it; InputError when there is nothing in it, or the decision is unknown."""
    said = [part for part in (*problems, *solutions, decision, text) if part.strip()]
    findings = []
    if not said:
        findings.append(
            Finding(what="there is nothing to note", todo="say a problem, a solution, a decision or a text")
        )
    if decision and decision not in DECISIONS:
        findings.append(Finding(what=f"no decision is called {decision!r}", todo=f"use one of: {', '.join(DECISIONS)}"))
    if findings:
        raise InputError("cannot note this", findings)
    note = Note(
        time=now.isoformat(timespec="seconds"),
        problems=tuple(part for part in problems if part.strip()),
        solutions=tuple(part for part in solutions if part.strip()),
        decision=decision,
        text=text.strip(),
    )
    if not run.holds(run.notes):
        finding = Finding(
            what="it is a link to a file elsewhere", where=str(run.notes), todo="put the file itself there"
        )
        raise InputError("cannot note this", [finding])
    line = (json.dumps(asdict(note), ensure_ascii=False) + "\n").encode()  # before a file is there
    with run.notes.open("ab") as file:  # one write at the end of the file: two at once do not mix
        file.write(_mended(run) + line)
        file.flush()
        os.fsync(file.fileno())
    return note


def _mended(run: RunFolder) -> bytes:
    """A line end where the last line lacks one: a power cut may have left half of it."""
    with run.notes.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if not file.tell():
            return b""
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"


def read_notes(run: RunFolder) -> tuple[Note, ...]:
    """The notes of a run, in the order in which they were made; broken lines are left out, and notes elsewhere."""
    if not run.holds(run.notes):
        return ()
    try:
        lines = run.notes.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(note for line in lines if (note := _note(line)) is not None)


def decision_of(notes: Sequence[Note]) -> str:
    """The last decision that was noted; empty where there is none."""
    return next((note.decision for note in reversed(notes) if note.decision), "")


def said_in(note: Note) -> list[tuple[str, str]]:
    """What a note says, each with its kind, as people read it: problem, solution, decision, note."""
    said = [("problem", problem) for problem in note.problems]
    said += [("solution", solution) for solution in note.solutions]
    said += [("decision", note.decision), ("note", note.text)]
    return [(kind, text) for kind, text in said if text]


def _note(line: str) -> Note | None:
    try:
        raw = json.loads(line)
        return Note(
            time=str(raw["time"]),
            problems=tuple(map(str, raw.get("problems", ()))),
            solutions=tuple(map(str, raw.get("solutions", ()))),
            decision=str(raw.get("decision", "")),
            text=str(raw.get("text", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
