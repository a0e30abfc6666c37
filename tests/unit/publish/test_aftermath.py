"""What came after a run: notes and children, and how they are shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.aftermath import afterwards, came_from, note_rows, story_rows
from fork_wrapper.records.notes import Note, add_note
from fork_wrapper.records.record import Record, read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.records import NOW, recorded


def test_notes_and_children(write: Callable[..., Path], settings: Settings) -> None:
    """Of the run that is named; an experiment has none."""
    write("one")
    run = recorded("one", settings)
    note = add_note(run, NOW, problems=["too dark"], decision="rejected")
    child = RunFolder(folder=settings.outputs / "one" / "20260103-000000")
    record = read_record(run.record).with_lineage({"kind": "reproduction", "parent": run.run_id})
    write_record(child, replace(record, run={**record.run, "id": child.run_id}))
    found = afterwards(open_source(str(run.folder), settings), settings)
    assert found is not None
    assert (found.notes, found.children, found.repeated_by) == ((note,), (child.run_id,), (child.run_id,))
    assert found.to_json()["notes"][0]["problems"] == ("too dark",)
    other = afterwards(open_source(str(child.folder), settings), settings)
    assert other is not None
    assert (other.notes, other.children) == ((), ())
    assert afterwards(open_source("one", settings), settings) is None


@pytest.mark.parametrize(
    ("lineage", "words"),
    [
        (None, ""),
        ({"kind": "resume", "parent": "a/1", "step": 40, "epoch": 2}, "goes on from a/1, after step 40 (epoch 2)"),
        ({"kind": "reproduction", "parent": "a/1"}, "repeats a/1"),
        ({"kind": "sweep", "parent": "a/1"}, "comes from a/1"),
    ],
)
def test_where_a_run_comes_from(record: Record, lineage: dict[str, Any] | None, words: str) -> None:
    """In words, also for kinds that this kft does not know."""
    assert came_from(record.with_lineage(lineage)) == words


def test_rows() -> None:
    """A line for every line that was written, the time once; what cannot be printed is spelled."""
    note = Note(time="T", problems=("a", "b\nc"), solutions=("d",), decision="selected", text="\x1b[31mx")
    assert note_rows((note, Note(time="U", text="y"))) == [
        ("T", "problem", "a"),
        ("", "problem", "b"),
        ("", "problem", "c"),
        ("", "solution", "d"),
        ("", "decision", "selected"),
        ("", "note", "\\x1b[31mx"),
        ("U", "note", "y"),
    ]
    assert story_rows({"purpose": "a\n b", "problems": ["c", "d"]}) == [("purpose", "a b"), ("problems", "c; d")]
