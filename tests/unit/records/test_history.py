"""The list of runs: one line each, the broken ones too."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from fork_wrapper.machine.provenance import host
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records import record_memory
from fork_wrapper.records.history import RunLine, children_of, list_runs, resumed_by
from fork_wrapper.records.record import Record, read_record, write_record
from fork_wrapper.records.run_folder import RunFolder

NAMES = ("20260101-000000", "20260102-000000", "20260103-000000")


def listed(settings: Settings, experiment: str | None = None) -> list[RunLine]:
    """What a list of the project shows."""
    return list_runs(settings.outputs, experiment, cache=settings.cache)


def _line(run_id: str, status: str, **known: Any) -> RunLine:
    nothing: dict[str, Any] = {"steps": 0, "total_steps": None, "loss": None, "seconds": None, "checkpoints": 0}
    nothing["started"] = "" if status == "unreadable" else "2026-01-02T00:00:00+00:00"
    return RunLine(run_id=run_id, status=status, **(nothing | known))


def test_runs_oldest_first(settings: Settings, record: Record) -> None:
    """A run that has begun and one that is done, each with what its record knows."""
    done = record.with_run(
        status="completed", steps=8, total_steps=9, seconds=1.5, loss={"first": 2.0, "last": 0.5, "lowest": 0.1}
    )
    write_record(
        RunFolder(folder=settings.outputs / "one" / NAMES[1]), replace(done, checkpoints=({"file": "a"}, {"file": "b"}))
    )
    write_record(RunFolder(folder=settings.outputs / "two" / NAMES[0]), record)
    first = _line(f"two/{NAMES[0]}", "running")
    second = _line(f"one/{NAMES[1]}", "completed", steps=8, total_steps=9, loss=0.5, seconds=1.5, checkpoints=2)
    assert listed(settings) == [first, second]
    assert listed(settings, "one") == [second]
    assert listed(settings, "three") == []


def _without(raw: dict[str, Any], *keys: str) -> str:
    """The record's text without one key, by its path."""
    table = raw
    for key in keys[:-1]:
        table = table[key]
    del table[keys[-1]]
    return json.dumps(raw)


@pytest.mark.parametrize(
    "breaking",
    [
        lambda _: "",
        lambda _: "{",
        lambda _: "[]",
        lambda _: "null",
        lambda _: '{"kind": "run"}',
        lambda raw: json.dumps({**raw, "schema_version": 99}),
        lambda raw: json.dumps({**raw, "kind": "note"}),
        lambda raw: json.dumps(raw)[:-10],
        lambda raw: _without(raw, "training"),
        lambda raw: _without(raw, "run", "steps"),
        lambda raw: _without(raw, "run", "status"),
        lambda raw: json.dumps({**raw, "run": None}),
        lambda raw: json.dumps({**raw, "checkpoints": None}),
        lambda raw: json.dumps({**raw, "run": {**raw["run"], "loss": {"last": "low"}}}),
        lambda raw: json.dumps({**raw, "run": {**raw["run"], "loss": {"last": float("nan")}}}),
    ],
    ids=[
        *("empty", "cut", "list", "null", "bare", "newer", "other", "torn"),
        *("no training", "no steps", "no status", "no run", "no checkpoints", "odd loss", "no number"),
    ],
)
def test_a_broken_record_is_a_line(
    settings: Settings, record: Record, breaking: Callable[[dict[str, Any]], str]
) -> None:
    """A record that cannot be read, for whatever reason, is a line of its own and never an end to the list."""
    for name in NAMES:
        write_record(RunFolder(folder=settings.outputs / "one" / name), record)
    path = settings.outputs / "one" / NAMES[1] / "record.json"
    path.write_text(breaking(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    statuses = ("running", "unreadable", "running")
    assert listed(settings) == [_line(f"one/{name}", status) for name, status in zip(NAMES, statuses, strict=True)]


def test_a_record_that_says_nothing_of_a_rehearsal(settings: Settings, record: Record) -> None:
    """Is that of a real run."""
    run = RunFolder(folder=settings.outputs / "one" / NAMES[0])
    write_record(run, record)
    run.record.write_text(_without(json.loads(run.record.read_text(encoding="utf-8")), "rehearsal"), encoding="utf-8")
    assert [line.status for line in listed(settings)] == ["running"]
    assert read_record(run.record).rehearsal is None


def test_no_outputs(tmp_path: Path) -> None:
    """Before the first run there is nothing to list."""
    assert list_runs(tmp_path / "runs", cache=tmp_path) == []


def test_a_rehearsal_and_a_child_are_known_as_such(settings: Settings, record: Record) -> None:
    """What a record says of them is remembered, and children are found by it."""
    parent, child, other = (RunFolder(folder=settings.outputs / "one" / name) for name in NAMES)
    write_record(parent, record)
    write_record(child, replace(record, rehearsal={"trainer": "stand-in"}).with_lineage(_from(parent)))
    write_record(other, record.with_lineage({**_from(parent), "kind": "reproduction"}))
    for run in (parent, child, other):
        _age(run)
    for _ in range(2):
        assert [(line.rehearsal, line.parent, line.repeats) for line in listed(settings)] == [
            (False, None, None),
            (True, parent.run_id, None),
            (False, None, parent.run_id),
        ]
        children = children_of(settings.outputs, parent.run_id, cache=settings.cache)
        assert [line.run_id for line in children] == [child.run_id, other.run_id]
    assert children_of(settings.outputs, other.run_id, cache=settings.cache) == []


def _from(parent: RunFolder) -> dict[str, Any]:
    return {"kind": "resume", "parent": parent.run_id, "step": 1, "epoch": 0}


def _age(run: RunFolder, seconds: float = 100) -> None:
    """Make a record so old that its line is remembered."""
    when = run.record.stat().st_mtime - seconds
    os.utime(run.record, (when, when))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the run folders whose record was read."""
    names: list[str] = []

    def watched(path: Path, *, outline: bool) -> Record:
        names.append(path.parent.name)
        return read_record(path, outline=outline)

    monkeypatch.setattr(record_memory, "read_record", watched)
    return names


@pytest.fixture
def three(settings: Settings, record: Record) -> list[RunFolder]:
    """Three runs that ended long ago."""
    runs = [RunFolder(folder=settings.outputs / "one" / name) for name in NAMES]
    for run in runs:
        write_record(run, record.with_run(status="completed"))
        _age(run)
    return runs


def test_only_what_is_new_or_changed_is_read(
    settings: Settings, three: list[RunFolder], reads: list[str], record: Record
) -> None:
    """And the lines are the same ones."""
    first = listed(settings)
    assert [line.status for line in first] == ["completed"] * 3
    assert listed(settings) == first
    assert reads == list(NAMES)
    write_record(three[1], record.with_run(status="failed"))
    assert [line.status for line in listed(settings)] == ["completed", "failed", "completed"]
    assert reads == [*NAMES, NAMES[1]]


def test_the_runs_of_one_experiment_share_the_memory(
    settings: Settings, three: list[RunFolder], reads: list[str], record: Record
) -> None:
    """Whether all are listed or one experiment's, and neither drops what the other remembers."""
    other = RunFolder(folder=settings.outputs / "two" / NAMES[0])
    write_record(other, record.with_run(status="completed"))
    _age(other)
    assert len(listed(settings)) == 4
    write_record(three[0], record.with_run(status="failed"))
    _age(three[0], 50)
    assert len(listed(settings, "one")) == 3
    assert len(reads) == 5
    assert len(listed(settings)) == 4
    assert len(reads) == 5


def test_a_deleted_run_is_gone_from_the_list_and_then_from_the_memory(
    settings: Settings, three: list[RunFolder], record: Record
) -> None:
    """The scan decides what exists."""
    listed(settings)
    three[0].record.unlink()
    assert [line.run_id for line in listed(settings)] == [run.run_id for run in three[1:]]
    write_record(three[1], record.with_run(status="failed"))
    _age(three[1], 50)
    listed(settings)
    (memory,) = settings.cache.glob("runs-*.json")
    assert sorted(json.loads(memory.read_bytes())["files"]) == [str(run.record) for run in three[1:]]


def test_a_run_deleted_while_it_is_listed_is_none(
    settings: Settings, three: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not shown as one that cannot be read."""

    def late(path: Path, *, outline: bool) -> Record:
        three[1].record.unlink(missing_ok=True)
        return read_record(path, outline=outline)

    monkeypatch.setattr(record_memory, "read_record", late)
    assert [line.run_id for line in listed(settings)] == [three[0].run_id, three[2].run_id]


def test_an_interrupted_first_look_is_remembered(settings: Settings, three: list[RunFolder], reads: list[str]) -> None:
    """The next one goes on from there."""

    def tell(done: int, total: int) -> None:
        assert total == len(three)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list_runs(settings.outputs, cache=settings.cache, tell=tell)
    assert len(listed(settings)) == 3
    assert reads == list(NAMES)


@pytest.mark.parametrize(
    ("process", "status"),
    [
        ({}, "running"),
        ({"created": 0.0}, "killed"),
        ({"pid": 2**40}, "killed"),
        ({"pid": -1}, "running"),
        ({"host": "elsewhere", "created": 0.0}, "running"),
        ({"pid": None}, "running"),
    ],
    ids=["alive", "another's number", "nobody's number", "no number", "elsewhere", "unsaid"],
)
def test_a_running_record_is_believed_while_its_kft_lives(
    settings: Settings, record: Record, reads: list[str], process: dict[str, Any], status: str
) -> None:
    """Asked anew every time, whether the record was read or remembered; on another host it is believed."""
    here = {"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]}
    run = RunFolder(folder=settings.outputs / "one" / NAMES[0])
    write_record(run, record.with_run(process={**here, **process}))
    _age(run)
    for _ in range(2):
        assert [line.status for line in listed(settings)] == [status]
    assert reads == [NAMES[0]]


def test_a_kft_that_dies_later_is_noticed(settings: Settings, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record does not change when its kft is killed: a remembered `running` must."""
    here = {"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]}
    run = RunFolder(folder=settings.outputs / "one" / NAMES[0])
    write_record(run, record.with_run(process=here))
    _age(run)
    assert [line.status for line in listed(settings)] == ["running"]
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: here["created"] + 60)
    assert [line.status for line in listed(settings)] == ["killed"]


def _went_on(record: Record, number: int, **known: Any) -> Record:
    """A run that went on from the first one at step 60 of 200."""
    lineage = {"kind": "resume", "parent": f"one/{NAMES[0]}", "step": 60, "epoch": 6, "total_steps": 200}
    return record.with_lineage(lineage).with_run(id=f"one/{NAMES[number]}", **known)


@pytest.mark.parametrize(
    ("status", "shown"),
    [("interrupted", "resumed"), ("failed", "resumed"), ("completed", "completed"), ("rehearsed", "rehearsed")],
)
def test_a_resumed_training_is_one_story(settings: Settings, record: Record, status: str, shown: str) -> None:
    """The run that was broken off says so, and the one that went on has the steps before it and the whole length."""
    runs = [RunFolder(folder=settings.outputs / "one" / name) for name in NAMES]
    write_record(runs[0], record.with_run(status=status, steps=75, total_steps=200))
    write_record(runs[1], _went_on(record, 1, status="interrupted", steps=40, total_steps=140))
    write_record(runs[2], _went_on(record, 2, status="completed", steps=140))
    for run in runs:
        _age(run)
    parent = f"one/{NAMES[0]}"
    expected = [
        _line(parent, shown, steps=75, total_steps=200),
        _line(f"one/{NAMES[1]}", "interrupted", steps=40, total_steps=200, parent=parent, before=60),
        _line(f"one/{NAMES[2]}", "completed", steps=140, total_steps=200, parent=parent, before=60),
    ]
    for _ in range(2):  # read, and remembered
        assert listed(settings) == expected
    assert resumed_by(settings.outputs, parent, cache=settings.cache) == expected[1:]
    assert resumed_by(settings.outputs, f"one/{NAMES[2]}", cache=settings.cache) == []


def test_a_killed_run_that_was_resumed(settings: Settings, record: Record) -> None:
    """Is resumed; nobody need close it any more."""
    process = {"pid": os.getpid(), "created": 0.0, "host": host()["hostname"]}
    write_record(RunFolder(folder=settings.outputs / "one" / NAMES[0]), record.with_run(process=process))
    write_record(RunFolder(folder=settings.outputs / "one" / NAMES[1]), _went_on(record, 1, status="failed"))
    assert [line.status for line in listed(settings)] == ["resumed", "failed"]
