"""Segments of a training that was resumed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.lineage import (
    Position,
    counted_on,
    joined,
    planned_steps,
    position,
    resumed_from,
    segments,
    shares,
)
from fork_wrapper.records.record import Record, read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.records import recorded


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


@pytest.fixture
def chain(settings: Settings, first: RunFolder) -> tuple[RunFolder, Record]:
    """The last of three runs of one training: broken off at 25 with a state at 20, at 33 with one at 30, then done."""
    record = read_record(first.record).with_run(steps=25, total_steps=50)
    write_record(first, record)
    went_on(settings.outputs, record.with_run(steps=13, total_steps=30), "humanoid_05/b", first.run_id, 20)
    last = went_on(settings.outputs, record.with_run(steps=20, total_steps=20), "humanoid_05/c", "humanoid_05/b", 30)
    return RunFolder(folder=settings.outputs / "humanoid_05" / "c"), last


def test_one_curve(settings: Settings, chain: tuple[RunFolder, Record]) -> None:
    """Every step of the training once; what was done beyond a state is done again, and counts then."""
    story = segments(settings.outputs, *chain)
    logged = [[(step, (one.run.folder.name, step)) for step in range(1, one.record.run["steps"] + 1)] for one in story]
    line = joined(story, logged)
    assert [step for step, _ in line] == list(range(1, 51))
    assert [value for step, value in line if step in (20, 21, 30, 31, 50)] == [
        (story[0].run.folder.name, 20),
        *(("b", 1), ("b", 10), ("c", 1), ("c", 20)),
    ]
    assert joined(story[:1], [[(1, "x"), (30, "y")]]) == [(1, "x"), (30, "y")]
    with pytest.raises(ValueError, match="argument"):
        joined(story, logged[:2])


def test_shares(settings: Settings, chain: tuple[RunFolder, Record]) -> None:
    """Which steps of the training are whose; of a run that has done none yet, none."""
    story = segments(settings.outputs, *chain)
    assert [(first, last) for _, first, last in shares(story)] == [(1, 20), (21, 30), (31, 50)]
    run, record = chain
    begun = segments(settings.outputs, run, record.with_run(steps=0))
    assert [(first, last) for _, first, last in shares(begun)][-1] == (31, 30)


def test_counted_on(chain: tuple[RunFolder, Record], first: RunFolder) -> None:
    """Steps and epochs of the training for the sidecars of a resumed run, and for no others."""
    _, record = chain
    assert counted_on(record, 20, 2) == {"training_step": 50, "training_epoch": 5}
    assert counted_on(record, None, None) == {"training_step": None, "training_epoch": None}
    assert counted_on(read_record(first.record), 20, 2) == {}


def test_the_planned_length(chain: tuple[RunFolder, Record], first: RunFolder) -> None:
    """Of the whole training; a lineage that does not say it leaves it to be added up."""
    _, record = chain
    assert planned_steps(record) == 50
    assert planned_steps(record.with_run(total_steps=None)) is None
    told = replace(record, lineage={**(record.lineage or {}), "total_steps": 51})
    assert planned_steps(told.with_run(total_steps=None)) == 51
    assert planned_steps(read_record(first.record)) == 50


@pytest.mark.parametrize(
    "lineage",
    [
        [],
        "resume",
        {"kind": "resume"},
        {"kind": "resume", "parent": "a/b", "step": "x", "epoch": None, "total_steps": -1},
    ],
)
def test_a_damaged_lineage(first: RunFolder, lineage: Any) -> None:
    """Is none, or one from the beginning: a list of runs must not end there."""
    record = replace(read_record(first.record), lineage=lineage)
    assert position(record) == Position(step=0, epoch=0)
    assert planned_steps(record) is None
