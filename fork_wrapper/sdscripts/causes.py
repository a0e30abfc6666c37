"""Causes of failure by name, found in the trainer's last words: `causes.toml` is the table.

A launcher, a notebook or a log collector puts its own before each line ([rank1]:, a time, a level), rich wraps what it
logs and draws boxes around tracebacks, a terminal breaks long lines: what a pattern sees is the message itself.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from fork_wrapper.sdscripts.lines import LONGEST

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TRACEBACK = "Traceback (most recent call last)"
"""How Python begins one, in a box or behind a rank too."""

BROKEN = 60
"""Columns from which a line may have been broken by a terminal, its message going on in the next one."""

_BEFORE = re.compile(
    r"\s*(?:"
    r"\[[^\[\]]{1,80}\]:?"  # [rank1]:, [E ProcessGroupNCCL.cpp:828], [2026-01-02 03:04:05,678]
    r"|[IWEF]\d{4} \d\d:\d\d:\d\d[^\]]{0,120}\]"  # torchrun's own log
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d\d:\d\d:\d\d(?:[.,-]\d{1,9})?(?=\s)"
    r"|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL|stderr|stdout)\b(?:\s?[|:-])?"
    r"|[\w.-]{1,60}\s+\|(?=\s)"  # docker compose
    r"|\d{1,4}:(?=\s)"  # srun --label
    r"|\([\w .=,-]{1,60}\)(?=\s)"
    r"|[\u2502\u2503|>](?=\s)"  # boxes, quotations
    r")\s*"
)
_LOGGED = re.compile(r"^(?:[\d :.,-]{8,32})?\s*(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+(?P<text>\S.*)$")
_PLACE = re.compile(r"\s{2,}[\w./-]{1,80}\.py:\d{1,6}$")
_GOES_ON = re.compile(r"^\s{16,}(?P<text>\S.*)$")


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A failure with a name."""

    id: str
    """Stays the same from version to version."""
    name: str
    """Short: out of memory, missing package, no data, disk full."""
    what: str
    """What happened, in the trainer's words where they help."""
    todo: str
    """What usually helps."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """One entry of the table."""

    cause: Cause
    pattern: re.Pattern[str]
    symptom: bool
    fatal: bool

    def seen_in(self, text: str) -> Cause | None:
        """The cause with its detail, where the text says so."""
        match = self.pattern.search(text)
        if match is None:
            return None
        detail = next((part for part in match.groupdict().values() if part), "").strip()
        return Cause(**{**self.cause.__dict__, "what": self.cause.what.replace("{detail}", detail).strip()})


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Any]:
    tables: dict[str, Any] = tomllib.loads(
        files("fork_wrapper.sdscripts").joinpath("causes.toml").read_text(encoding="utf-8")
    )
    return tables


@lru_cache(maxsize=1)
def _table() -> tuple[_Known, ...]:
    return tuple(
        _Known(
            cause=Cause(**{key: entry[key] for key in ("id", "name", "what", "todo")}),
            pattern=re.compile(entry["pattern"]),
            symptom=entry.get("symptom", False),
            fatal=entry.get("fatal", False),
        )
        for entry in _tables()["cause"]
    )


def known_causes() -> tuple[Cause, ...]:
    """All causes that have a name, their details open."""
    return tuple(one.cause for one in _table())


def end_cause(code: int) -> Cause | None:
    """What an exit code means, negative for a signal and unsigned for Windows; None where it says nothing."""
    for entry in _tables()["end"]:
        if code in entry["codes"]:
            return Cause(**{key: entry[key] for key in ("id", "name", "what", "todo")})
    return None


def find_cause(lines: Sequence[str], *, fatal: bool = False) -> Cause | None:
    """The named cause of a failure, looked for from the last line back; None when nothing known is said.

    What is only a symptom counts where no line says more. `fatal` asks for causes that end a process by a signal.
    """
    whole = [text for line in unwrapped(lines) for text in _readings(line[:LONGEST])]
    broken = [f"{one}{two}"[: 2 * LONGEST] for one, two in pairwise(lines) if len(one) >= BROKEN]
    table = [known for known in _table() if known.fatal or not fatal]
    for symptom in (False, True):
        wanted = [known for known in table if known.symptom == symptom]
        if found := _last(whole, wanted) or _last(broken, wanted):
            return found
    return None


def _last(texts: Sequence[str], table: Sequence[_Known]) -> Cause | None:
    return next((cause for text in reversed(texts) for known in table if (cause := known.seen_in(text))), None)


def _readings(line: str) -> Iterator[str]:
    """The line as it is, and its message alone: what stands last is looked at first."""
    yield line
    if (text := message(line)) != line:
        yield text


def message(line: str) -> str:
    """A line without what others put before it, and without the edge of a box."""
    text = line.removesuffix(" \u2502").rstrip()
    for _ in range(6):
        match = _BEFORE.match(text)
        if match is None or match.end() == len(text):
            break
        text = text[match.end() :]
    return text.strip() if text != line else line


def unwrapped(lines: Sequence[str]) -> list[str]:
    """The lines with those of rich's log made whole again: its last column, the place in the source, is left out."""
    whole: list[str] = []
    logged = False
    for line in lines:
        if match := _LOGGED.match(line):
            whole.append(_PLACE.sub("", match["text"]).rstrip())
            logged = True
        elif logged and (match := _GOES_ON.match(line)):
            whole[-1] += f" {match['text']}"
        else:
            whole.append(line)
            logged = False
    return whole
