"""Segments of a training that was resumed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fork_wrapper.lineage import resumed_from, segments
from fork_wrapper.paths import RunFolder
from fork_wrapper.record import Record, read_record, write_record
from fork_wrapper.settings import Settings
from tests.unit.records import recorded


def went_on(outputs: Path, record: Record, run_id: str, parent: str, step: int) -> Record:
    """The record of a run that resumed another, written."""
    lineage = {"kind": "resume", "parent": parent, "step": step, "epoch": step // 10}
    child = replace(record, lineage=lineage).with_run(id=run_id, parent=parent)
    write_record(RunFolder(folder=outputs / run_id), child)
    return child


@pytest.fixture
def first(settings: Settings, write: Callable[..., Path]) -> RunFolder:
    """A run."""
    write("humanoid_05")
    return recorded("humanoid_05", settings)


def test_a_chain(settings: Settings, first: RunFolder) -> None:
    """The first run first, each with the steps before it; what is written is what is read."""
    record = read_record(first.record)
    went_on(settings.outputs, record, "humanoid_05/b", first.run_id, 20)
    third = went_on(settings.outputs, record, "humanoid_05/c", "humanoid_05/b", 50)
    run = RunFolder(folder=settings.outputs / "humanoid_05" / "c")
    assert read_record(run.record) == third
    found = segments(settings.outputs, run, third)
    assert [(one.run.run_id, one.step, one.epoch) for one in found] == [
        (first.run_id, 0, 0),
        ("humanoid_05/b", 20, 2),
        ("humanoid_05/c", 50, 5),
    ]
    assert segments(settings.outputs, first, record)[0].record == record


def test_a_parent_that_is_gone(settings: Settings, first: RunFolder) -> None:
    """And one that names itself: the story begins in the middle."""
    record = read_record(first.record)
    lost = went_on(settings.outputs, record, "humanoid_05/b", "humanoid_05/lost", 20)
    run = RunFolder(folder=settings.outputs / "humanoid_05" / "b")
    assert [one.step for one in segments(settings.outputs, run, lost)] == [20]
    circle = went_on(settings.outputs, record, "humanoid_05/b", "humanoid_05/b", 20)
    assert [one.step for one in segments(settings.outputs, run, circle)] == [20]


def test_a_reproduction_is_no_segment(settings: Settings, first: RunFolder) -> None:
    """It begins at zero."""
    record = replace(read_record(first.record), lineage={"kind": "reproduction", "parent": "humanoid_05/a"})
    assert resumed_from(record) is None
    assert [one.step for one in segments(settings.outputs, first, record)] == [0]
