"""Which runs a list shows, and in which order: `--filter` and `--sort` become values, and values choose runs.

Everything is asked of the lines of the list; notes are read only where a decision is asked for, and only of the runs
that everything else lets through.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.story import DECISIONS
from fork_wrapper.records.history import RESUMED, RunLine
from fork_wrapper.records.notes import decision_of, read_notes
from fork_wrapper.records.record import Status
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import KILLED, UNREADABLE
from fork_wrapper.text import nearest

SORTS: Mapping[str, Callable[[RunLine], Any]] = {
    "started": lambda run: _moment(run.started),
    "loss": lambda run: run.loss,
    "time": lambda run: run.seconds,
    "steps": lambda run: run.before + run.steps,
    "status": lambda run: run.status,
    "name": lambda run: run.run_id,
    "checkpoints": lambda run: run.checkpoints,
}
"""What runs can be sorted by; None stands for what a run does not have."""

STATUSES = (*get_args(Status), KILLED, RESUMED, UNREADABLE)

NONE = "none"
"""The decision of a run of which nothing was decided."""

_TEXTS: Mapping[str, Callable[[RunLine], str]] = {
    "experiment": lambda run: run.run_id.split("/")[0],
    "run": lambda run: run.run_id,
    "status": lambda run: run.status,
}
_NUMBERS = ("loss", "time", "steps", "checkpoints")
WORDS: Mapping[str, Sequence[str]] = {"status": STATUSES, "decision": (*DECISIONS, NONE)}
"""Texts of which there are only so many."""

KEYS = (*_TEXTS, *_NUMBERS, "started", "since", "until", "rehearsal", "decision")
"""What runs can be filtered by."""

_EXPRESSION = re.compile(r"\s*(?P<key>[^<>=!\s]+)\s*(?P<sign><=|>=|!=|==?|<|>)\s*(?P<value>.*?)\s*")
_EXAMPLES = "status=completed, loss<0.1, experiment=humanoid_0*, since=2026-11-01, rehearsal=no"
_UNITS: Mapping[str, float] = {"": 1, "s": 1, "m": 60, "h": 3600}

Test = Callable[[RunLine], bool]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was asked for."""

    tests: tuple[Test, ...] = ()
    """Of a run's line; all of them must hold."""
    decisions: tuple[Callable[[str], bool], ...] = ()
    """Of the last decision in its notes, `none` where there is none; likewise."""
    sort: str = ""
    """One of `SORTS`, or empty for the order of the list."""
    descending: bool = False
    """The greatest first."""


def parse_selection(filters: Sequence[str], sort: str | None, *, reverse: bool = False) -> Selection:
    """What `--filter`, `--sort` and `--reverse` ask for; InputError with everything that is wrong with them."""
    findings: list[Finding] = []
    tests: list[Test] = []
    decisions: list[Callable[[str], bool]] = []
    for text in filters:
        try:
            key, sign, value = _split(text)
            if key == "decision":
                decisions.append(_matching(key, sign, value))
            else:
                tests.append(_test(key, sign, value))
        except _WrongError as error:
            findings.append(Finding(what=error.what, where=f"--filter {text}", todo=error.todo))
    name = (sort or "").removeprefix("-")
    if name and name not in SORTS:
        todo = _meant(name, SORTS) or f"use one of: {', '.join(SORTS)}"
        findings.append(Finding(what=f"runs have no {name} to sort by", where=f"--sort {sort}", todo=todo))
    if findings:
        raise InputError("cannot list this", findings)
    descending = (sort or "").startswith("-") != reverse
    return Selection(tests=tuple(tests), decisions=tuple(decisions), sort=name, descending=descending)


def select(runs: Sequence[RunLine], selection: Selection, outputs: Path) -> list[RunLine]:
    """The runs that pass, in the order that was asked for; what a run does not have comes last either way."""
    chosen = [run for run in runs if all(test(run) for test in selection.tests)]
    if selection.decisions:
        chosen = [run for run in chosen if _decided(run, selection, outputs)]
    if not selection.sort:
        return chosen[::-1] if selection.descending else chosen
    values = [(SORTS[selection.sort](run), run) for run in chosen]
    known = [pair for pair in values if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=selection.descending)
    return [run for _, run in known] + [run for value, run in values if value is None]


def _decided(run: RunLine, selection: Selection, outputs: Path) -> bool:
    decision = decision_of(read_notes(RunFolder(folder=outputs / run.run_id))) or NONE
    return all(test(decision) for test in selection.decisions)


class _WrongError(Exception):
    """Something that a filter cannot be."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


def _split(text: str) -> tuple[str, str, str]:
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise _WrongError("a filter needs a key, a sign and a value", f"such as {_EXAMPLES}")
    key = match["key"]
    if key not in KEYS:
        raise _WrongError(f"runs have no {key}", _meant(key, KEYS) or f"use one of: {', '.join(KEYS)}")
    if not match["value"]:
        raise _WrongError(f"{key} has nothing to be compared with", f"write a value behind {match['sign']}")
    return key, match["sign"].replace("==", "="), match["value"]


def _meant(word: str, names: Mapping[str, Any] | Sequence[str]) -> str:
    near = nearest(word, names, 2)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _test(key: str, sign: str, value: str) -> Test:
    if key in _TEXTS:
        matches, of = _matching(key, sign, value), _TEXTS[key]
        return lambda run: matches(of(run))
    if key == "rehearsal":
        wanted = _yes(key, sign, value)
        return lambda run: run.rehearsal is wanted
    if key in _NUMBERS:
        return _compared(SORTS[key], sign, *_number(key, value))
    if key in ("since", "until"):
        _only_equal(key, sign)
        sign = ">=" if key == "since" else "<="
    return _compared(SORTS["started"], sign, *_span(value))


def _matching(key: str, sign: str, value: str) -> Callable[[str], bool]:
    """Whether a text is one of those named, with commas between them; `*` and `?` stand for anything."""
    _without_order(key, sign)
    patterns = [part.strip() for part in value.split(",") if part.strip()]
    words = WORDS.get(key)
    for pattern in patterns if words else ():
        if not any(fnmatchcase(word, pattern) for word in words or ()):
            todo = _meant(pattern, words or ()) or f"use one of: {', '.join(words or ())}"
            raise _WrongError(f"there is no {key} called {pattern}", todo)
    wanted = sign == "="
    return lambda text: any(fnmatchcase(text, pattern) for pattern in patterns) is wanted


def _yes(key: str, sign: str, value: str) -> bool:
    _without_order(key, sign)
    words = {"yes": True, "true": True, "no": False, "false": False}
    if value.lower() not in words:
        raise _WrongError(f"{key} is yes or no, not {value}", f"write {key}=yes or {key}=no")
    return words[value.lower()] is (sign == "=")


def _without_order(key: str, sign: str) -> None:
    if sign not in ("=", "!="):
        raise _WrongError(f"{key} cannot be more or less than another", f"write {key}=... or {key}!=...")


def _only_equal(key: str, sign: str) -> None:
    if sign != "=":
        raise _WrongError(f"{key} already gives the direction", f"write {key}=..., or started{sign}...")


def _number(key: str, value: str) -> tuple[float, float]:
    """A number as the span that is only itself; times also as 1:30:00, 90m, 2h."""
    number = _seconds(value) if key == "time" else _plain(value)
    if number is None or not math.isfinite(number):
        form = "seconds, or as 1:30:00, 90m, 2h" if key == "time" else "a number"
        raise _WrongError(f"{value} is no {'time' if key == 'time' else 'number'}", f"write {form}")
    return number, number


def _plain(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _seconds(text: str) -> float | None:
    if re.fullmatch(r"\d+(:[0-5]?\d){1,2}", text):
        total = 0
        for part in text.split(":"):
            total = total * 60 + int(part)
        return total
    unit = text[-1] if text[-1] in _UNITS else ""
    number = _plain(text.removesuffix(unit))
    return None if number is None else number * _UNITS[unit]


def _span(value: str) -> tuple[float, float]:
    """A day, a minute or a second of this place as seconds since the epoch, first to last."""
    try:
        moment = datetime.fromisoformat(value)
        first = moment.astimezone() if moment.tzinfo is None else moment
        length = {0: timedelta(days=1), 1: timedelta(minutes=1)}.get(value.count(":"), timedelta(seconds=1))
        return first.timestamp(), (first + length - timedelta(microseconds=1)).timestamp()
    except (ValueError, OverflowError, OSError):
        todo = "write it as 2026-11-01 or 2026-11-01T18:30"
        raise _WrongError(f"{value} is not a date", todo) from None


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _compared(of: Callable[[RunLine], float | None], sign: str, first: float, last: float) -> Test:
    """A comparison with all from `first` to `last`; what a run does not have passes none."""
    holds: Mapping[str, Callable[[float], bool]] = {
        "=": lambda value: first <= value <= last,
        "!=": lambda value: not first <= value <= last,
        "<": lambda value: value < first,
        "<=": lambda value: value <= last,
        ">": lambda value: value > last,
        ">=": lambda value: value >= first,
    }
    compare = holds[sign]

    def test(run: RunLine) -> bool:
        value = of(run)
        return value is not None and compare(value)

    return test
