"""Which runs a list shows: keys, signs and values, and everything that is wrong with them at once."""

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.records import selection
from fork_wrapper.records.history import RunLine
from fork_wrapper.records.notes import Note, add_note, read_notes
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.selection import KEYS, SORTS, STATUSES, parse_selection, select


def run(run_id: str, status: str = "completed", **known: Any) -> RunLine:
    """A run's line."""
    usual: dict[str, Any] = {"steps": 8, "total_steps": 8, "loss": 0.1, "seconds": 60.0, "checkpoints": 1}
    started = "2026-01-02T12:00:00+00:00"
    return RunLine(run_id=run_id, status=status, **{**usual, "started": started, **known})


RUNS = [
    run("a_01/1", loss=0.3, seconds=5400.0, started="2026-10-31T23:59:59+00:00"),
    run(
        "a_02/1", status="failed", loss=None, seconds=None, steps=2, checkpoints=0, started="2026-11-01T00:00:00+00:00"
    ),
    run("b_01/1", loss=0.05, seconds=59.5, steps=1860, checkpoints=5, started="2026-11-01T12:30:10+00:00"),
    run(
        "b_01/2",
        status="rehearsed",
        loss=1.2,
        seconds=46.0,
        steps=3,
        rehearsal=True,
        started="2026-11-02T01:00:00+01:00",
    ),
    run("b_02/1", status="unreadable", loss=None, seconds=None, steps=0, checkpoints=0, started=""),
]


@pytest.fixture(autouse=True)
def _in_utc() -> Iterator[None]:
    """A date without an offset is one of this place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        _take_zone()
        yield
    _take_zone()


def _take_zone() -> None:
    if hasattr(time, "tzset"):
        time.tzset()


def ids(*filters: str, sort: str | None = None, reverse: bool = False) -> list[str]:
    """The runs that are chosen."""
    return [one.run_id for one in select(RUNS, parse_selection(filters, sort, reverse=reverse), Path("nowhere"))]


ALL = [one.run_id for one in RUNS]


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("status=completed", "a_01/1 b_01/1"),
        ("status = completed,failed", "a_01/1 a_02/1 b_01/1"),
        ("status==failed", "a_02/1"),
        ("status!=completed", "a_02/1 b_01/2 b_02/1"),
        ("status=reh*", "b_01/2"),
        ("experiment=a_0*", "a_01/1 a_02/1"),
        ("experiment=b_01", "b_01/1 b_01/2"),
        ("run=*/1", "a_01/1 a_02/1 b_01/1 b_02/1"),
        ("loss<0.3", "b_01/1"),
        ("loss<=0.3", "a_01/1 b_01/1"),
        ("loss>3e-1", "b_01/2"),
        ("loss!=0.3", "b_01/1 b_01/2"),
        ("steps=8", "a_01/1"),
        ("steps>=3", "a_01/1 b_01/1 b_01/2"),
        ("checkpoints>0", "a_01/1 b_01/1 b_01/2"),
        ("time>59.5", "a_01/1"),
        ("time>=1:30:00", "a_01/1"),
        ("time<1m", "b_01/1 b_01/2"),
        ("time=1.5h", "a_01/1"),
        ("time<=0:46", "b_01/2"),
        ("since=2026-11-01", "a_02/1 b_01/1 b_01/2"),
        ("until=2026-11-01", "a_01/1 a_02/1 b_01/1"),
        ("started=2026-11-01", "a_02/1 b_01/1"),
        ("started!=2026-11-01", "a_01/1 b_01/2"),
        ("started>2026-11-01", "b_01/2"),
        ("started<2026-11-01", "a_01/1"),
        ("since=2026-11-01T12:30", "b_01/1 b_01/2"),
        ("started=2026-11-01T12:30", "b_01/1"),
        ("until=2026-11-01T12:30:09", "a_01/1 a_02/1"),
        ("since=2026-11-02T01:00:00+01:00", "b_01/2"),
        ("rehearsal=yes", "b_01/2"),
        ("rehearsal=no", "a_01/1 a_02/1 b_01/1 b_02/1"),
        ("rehearsal!=true", "a_01/1 a_02/1 b_01/1 b_02/1"),
    ],
)
def test_filters(expression: str, chosen: str) -> None:
    """Each key with its signs; what a run does not have passes no comparison."""
    assert ids(expression) == chosen.split()


def test_steps_of_a_resumed_training_are_those_of_all_its_runs() -> None:
    """As they are shown."""
    on = run("c_01/1", steps=10, before=90)
    assert select([*RUNS, on], parse_selection(["steps>=100", "steps<200"], None), Path("nowhere")) == [on]
    assert select([*RUNS, on], parse_selection([], "-steps"), Path("nowhere"))[1] == on


def test_all_filters_must_hold() -> None:
    """And none means all runs."""
    assert ids() == ALL
    assert ids("experiment=b_*", "loss<2", "rehearsal=no") == ["b_01/1"]
    assert ids("status=failed", "loss>0") == []


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("loss", "b_01/1 a_01/1 b_01/2 a_02/1 b_02/1"),
        ("-loss", "b_01/2 a_01/1 b_01/1 a_02/1 b_02/1"),
        ("time", "b_01/2 b_01/1 a_01/1 a_02/1 b_02/1"),
        ("steps", "b_02/1 a_02/1 b_01/2 a_01/1 b_01/1"),
        ("checkpoints", "a_02/1 b_02/1 a_01/1 b_01/2 b_01/1"),
        ("status", "a_01/1 b_01/1 a_02/1 b_01/2 b_02/1"),
        ("-name", "b_02/1 b_01/2 b_01/1 a_02/1 a_01/1"),
        ("started", "a_01/1 a_02/1 b_01/1 b_01/2 b_02/1"),
        ("-started", "b_01/2 b_01/1 a_02/1 a_01/1 b_02/1"),
    ],
)
def test_sorting(sort: str, order: str) -> None:
    """What a run does not have comes last either way; equals stay as they were."""
    assert ids(sort=sort) == order.split()
    assert {
        name.removeprefix("-") for name in ("loss", "time", "steps", "checkpoints", "status", "name", "started")
    } == {*SORTS}


def test_reverse() -> None:
    """Turns whatever order there is."""
    assert ids(reverse=True) == ALL[::-1]
    assert ids(sort="loss", reverse=True) == ids(sort="-loss")
    assert ids(sort="-loss", reverse=True) == ids(sort="loss")


def test_everything_wrong_is_said_at_once() -> None:
    """Each with where it stands and what was likely meant."""
    wrong = {
        "los<0.1": ("runs have no los", "did you mean loss?"),
        "xyz=1": ("runs have no xyz", f"use one of: {', '.join(KEYS)}"),
        "status": ("a filter needs a key, a sign and a value", "such as status=completed"),
        "status=complete": ("there is no status called complete", "did you mean completed?"),
        "status=failed,zzz*": ("there is no status called zzz*", f"use one of: {', '.join(STATUSES)}"),
        "status<failed": ("status cannot be more or less than another", "write status=... or status!=..."),
        "decision=chosen": ("there is no decision called chosen", "use one of: candidate, selected, rejected, none"),
        "loss<low": ("low is no number", "write a number"),
        "loss<nan": ("nan is no number", "write a number"),
        "time>1:75": ("1:75 is no time", "write seconds, or as 1:30:00, 90m, 2h"),
        "since=yesterday": ("yesterday is not a date", "write it as 2026-11-01 or 2026-11-01T18:30"),
        "since>2026-11-01": ("since already gives the direction", "write since=..., or started>..."),
        "rehearsal=maybe": ("rehearsal is yes or no, not maybe", "write rehearsal=yes or rehearsal=no"),
        "steps=": ("steps has nothing to be compared with", "write a value behind ="),
    }
    with pytest.raises(InputError) as refused:
        parse_selection(list(wrong), "-lost")
    findings = refused.value.findings
    assert len(findings) == len(wrong) + 1
    for finding, (text, (what, todo)) in zip(findings, wrong.items(), strict=False):
        assert (finding.what, finding.where) == (what, f"--filter {text}")
        assert finding.todo.startswith(todo)
    assert (findings[-1].what, findings[-1].todo) == ("runs have no lost to sort by", "did you mean loss?")


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    """Two runs of which something was noted."""
    now = datetime(2026, 1, 2, tzinfo=timezone.utc)
    for name, decisions in (("a_01/1", ["selected", "rejected"]), ("b_01/1", ["selected"]), ("b_01/2", [""])):
        folder = RunFolder(folder=tmp_path / name)
        folder.folder.mkdir(parents=True)
        for decision in decisions:
            add_note(folder, now, decision=decision, text="seen")
    return tmp_path


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("decision=selected", "b_01/1"),
        ("decision=rejected,selected", "a_01/1 b_01/1"),
        ("decision=none", "a_02/1 b_01/2 b_02/1"),
        ("decision!=none", "a_01/1 b_01/1"),
        ("decision!=selected", "a_01/1 a_02/1 b_01/2 b_02/1"),
    ],
)
def test_decisions_are_those_of_the_notes(noted: Path, expression: str, chosen: str) -> None:
    """The last one counts."""
    found = select(RUNS, parse_selection([expression], None), noted)
    assert [one.run_id for one in found] == chosen.split()


def test_notes_are_read_only_where_they_are_asked_for(noted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only of runs that pass everything else."""
    read: list[str] = []

    def watched(folder: RunFolder) -> tuple[Note, ...]:
        read.append(folder.run_id)
        return read_notes(folder)

    monkeypatch.setattr(selection, "read_notes", watched)

    def choose(*filters: str) -> list[RunLine]:
        return select(RUNS, parse_selection(filters, "loss"), noted)

    assert len(choose("status=completed")) == 2
    assert read == []
    assert [one.run_id for one in choose("decision=selected", "status=completed")] == ["b_01/1"]
    assert sorted(read) == ["a_01/1", "b_01/1"]
