"""Notes are added, never rewritten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.records.notes import Note, add_note, read_notes
from fork_wrapper.records.run_folder import RunFolder

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run folder."""
    return RunFolder(folder=tmp_path)


def test_what_was_noted_is_read(run: RunFolder) -> None:
    """In order, with the time; what was there stays byte for byte."""
    assert read_notes(run) == ()
    first = add_note(run, NOW, problems=["ojos asimétricos", " "], decision="candidate")
    before = run.notes.read_bytes()
    second = add_note(run, NOW, solutions=["min_snr_gamma 5"], text="  see\nthe samples ")
    assert run.notes.read_bytes().startswith(before)
    assert read_notes(run) == (first, second)
    assert first == Note(time="2026-01-02T03:04:05+01:00", problems=("ojos asimétricos",), decision="candidate")
    assert second.text == "see\nthe samples"


def test_what_is_no_text_makes_no_file(run: RunFolder) -> None:
    """Bytes of another encoding come from the command line as halves of characters."""
    with pytest.raises(UnicodeEncodeError):
        add_note(run, NOW, text="caf\udce9")
    assert not run.notes.exists()


def test_half_a_line_costs_one_note(run: RunFolder) -> None:
    """The one that was being written; a line of another program as well."""
    add_note(run, NOW, text="first")
    with run.notes.open("ab") as file:
        file.write(b'[1]\n{"time": "2026-01-02T03:0')
    add_note(run, NOW, text="second")
    assert [note.text for note in read_notes(run)] == ["first", "second"]


def test_many_at_once(run: RunFolder) -> None:
    """Nothing is lost."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add_note(run, NOW, text=f"{number} " * 50), range(80)))
    assert len(read_notes(run)) == 80


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({}, "there is nothing to note"),
        ({"problems": [" "]}, "there is nothing to note"),
        ({"decision": "chosen"}, "there is no decision called 'chosen'"),
    ],
)
def test_what_cannot_be_noted(run: RunFolder, said: dict[str, Any], what: str) -> None:
    """Nothing is written."""
    with pytest.raises(InputError) as caught:
        add_note(run, NOW, **said)
    assert [finding.what for finding in caught.value.findings] == [what]
    assert not run.notes.exists()
