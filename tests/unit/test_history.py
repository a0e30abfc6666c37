"""The list of runs: one line each, the broken ones too."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.history import RunLine, list_runs
from fork_wrapper.paths import RunFolder
from fork_wrapper.record import Record, begin, write_record
from fork_wrapper.render import real_trainer, render
from fork_wrapper.resolve import resolve
from fork_wrapper.settings import Settings

NAMES = ("20260101-000000", "20260102-000000", "20260103-000000")


@pytest.fixture
def record(write: Callable[..., Path], settings: Settings, run_folder: RunFolder) -> Record:
    """The record of a run that is about to be launched."""
    write("one")
    resolved = resolve("one", settings)
    started = datetime(2026, 1, 2, tzinfo=timezone.utc)
    rendered = render(resolved, settings, real_trainer(settings), run_folder, started)
    return begin(resolved, rendered, started=started, provenance={}, foreseen=({}, ()), rehearsal=None, process={})


def _line(run_id: str, status: str, **known: Any) -> RunLine:
    nothing: dict[str, Any] = {"steps": 0, "total_steps": None, "loss": None, "seconds": None, "checkpoints": 0}
    return RunLine(run_id=run_id, status=status, **(nothing | known))


def test_runs_oldest_first(settings: Settings, record: Record) -> None:
    """A run that has begun and one that is done, each with what its record knows."""
    done = record.with_run(
        status="completed", steps=8, total_steps=9, seconds=1.5, loss={"first": 2.0, "last": 0.5, "lowest": 0.1}
    )
    write_record(RunFolder(folder=settings.outputs / "one" / NAMES[1]), replace(done, checkpoints=({}, {})))
    write_record(RunFolder(folder=settings.outputs / "two" / NAMES[0]), record)
    first = _line(f"two/{NAMES[0]}", "running")
    second = _line(f"one/{NAMES[1]}", "completed", steps=8, total_steps=9, loss=0.5, seconds=1.5, checkpoints=2)
    assert list_runs(settings.outputs) == [first, second]
    assert list_runs(settings.outputs, "one") == [second]
    assert list_runs(settings.outputs, "three") == []


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
    ],
    ids=[
        *("empty", "cut", "list", "null", "bare", "newer", "other", "torn"),
        *("no training", "no steps", "no status", "no run", "no checkpoints"),
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
    assert list_runs(settings.outputs) == [
        _line(f"one/{name}", status) for name, status in zip(NAMES, statuses, strict=True)
    ]


def test_no_outputs(tmp_path: Path) -> None:
    """Before the first run there is nothing to list."""
    assert list_runs(tmp_path / "runs") == []
