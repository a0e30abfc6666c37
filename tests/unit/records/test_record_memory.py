"""What is remembered of records, when it is trusted, and that losing it costs nothing but time."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.record import Record, write_record
from fork_wrapper.records.record_memory import RecordMemory
from fork_wrapper.records.run_folder import RecordFile, RunFolder, newest_records

LONG_AGO = 1_700_000_000
Memory = RecordMemory[str]


@pytest.fixture
def put(settings: Settings, record: Record) -> Callable[..., Path]:
    """Write a record with a status into a run folder, by number, with a modification time."""

    def write(status: str, number: int = 1, when: float = LONG_AGO) -> Path:
        run = RunFolder(folder=settings.outputs / "one" / f"2026010{number}-000000")
        write_record(run, record.with_run(status=status))
        os.utime(run.record, (when, when))
        return run.record

    return write


def _status(record: Record) -> str:
    return record.status


def opened(settings: Settings, *, form: int = 1, outputs: Path | None = None) -> Memory:
    """The memory as a new process opens it."""
    return RecordMemory(
        settings.cache,
        outputs or settings.outputs,
        name="statuses",
        form=form,
        find=_status,
        sound=lambda value: isinstance(value, str),
    )


def look(settings: Settings, memory: Memory | None = None) -> list[str | None]:
    """The status of every run, newest first, as one process after the other finds it."""
    memory = memory or opened(settings)
    found = [memory.recall(file) or memory.read(file) for file in newest_records(settings.outputs)]
    memory.save()
    return found


def recalled(settings: Settings) -> list[str | None]:
    """What would be taken from memory."""
    memory = opened(settings)
    return [memory.recall(file) for file in newest_records(settings.outputs)]


def stored(settings: Settings) -> Path:
    """The one file that holds the memory."""
    (path,) = settings.cache.glob("statuses-*.json")
    return path


def test_what_was_read_is_recalled(settings: Settings, put: Callable[..., Path]) -> None:
    """In the next process too."""
    put("failed")
    assert recalled(settings) == [None]
    assert look(settings) == ["failed"]
    assert recalled(settings) == ["failed"]


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")
    os.utime(path, (LONG_AGO, LONG_AGO))


def _later(path: Path) -> None:
    os.utime(path, (LONG_AGO + 1, LONG_AGO + 1))


def _replaced(path: Path) -> None:
    """As `write_whole` does it, by a file of the same size and time."""
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes())
    os.utime(new, (LONG_AGO, LONG_AGO))
    new.replace(path)


@pytest.mark.parametrize("change", [_longer, _later, _replaced])
def test_a_changed_record_is_read_again(
    settings: Settings, put: Callable[..., Path], change: Callable[[Path], None]
) -> None:
    """Another size, another time, or another file of the same size and time."""
    path = put("failed")
    look(settings)
    change(path)
    assert recalled(settings) == [None]
    assert look(settings) == ["failed"]
    assert recalled(settings) == ["failed"]


@pytest.mark.parametrize("age", [0.0, 1.5, -3600.0], ids=["now", "within a tick", "to come"])
def test_a_young_record_is_not_remembered(settings: Settings, put: Callable[..., Path], age: float) -> None:
    """Where clocks count in two seconds, a second writing of the same size would not show; a clock may be ahead."""
    when = time.time() - age
    path = put("complete", when=when)
    assert look(settings) == ["complete"]
    text = path.read_text(encoding="utf-8").replace('"complete"', '"rehearse"')
    path.write_text(text, encoding="utf-8")  # in place: the inode stays
    os.utime(path, (when, when))
    assert look(settings) == ["rehearse"]


def test_the_age_is_that_before_the_scan(
    settings: Settings, put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that comes of age while ten thousand others are read may have been written again in its tick."""
    put("failed", when=time.time() - 1)
    memory = opened(settings)
    later = time.time_ns() + 60_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert look(settings, memory) == ["failed"]
    assert recalled(settings) == [None]


def test_what_cannot_be_read_is_asked_again(
    settings: Settings, put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights may be mended, or kft updated, without a change of the file."""
    put("failed")
    with monkeypatch.context() as older:
        older.setattr("fork_wrapper.records.record.SCHEMA_VERSION", 0)
        assert look(settings) == [None]
    assert look(settings) == ["failed"]


@pytest.mark.parametrize("error", [AttributeError, IndexError, KeyError, TypeError, ValueError])
def test_a_record_of_odd_shape_is_none(settings: Settings, put: Callable[..., Path], error: type[Exception]) -> None:
    """One file that somebody has edited does not stop those who look at all of them."""
    put("failed")

    def find(_: Record) -> Any:
        raise error

    memory = RecordMemory[Any](settings.cache, settings.outputs, name="odd", form=1, find=find, sound=lambda _: True)
    assert [memory.read(file) for file in newest_records(settings.outputs)] == [None]


def test_an_unsound_fact_is_none(settings: Settings, put: Callable[..., Path], record: Record) -> None:
    """Whether it was found or remembered."""
    put("failed")
    look(settings)
    path = stored(settings)
    path.write_text(path.read_text(encoding="ascii").replace('"failed"', "7"), encoding="ascii")
    assert recalled(settings) == [None]
    memory = RecordMemory[Any](
        settings.cache, settings.outputs, name="odd", form=1, find=lambda _: record, sound=lambda _: False
    )
    assert [memory.read(file) for file in newest_records(settings.outputs)] == [None]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "\x00\xff", "[" * 100_000),
        *('{"form": 2, "files": {}}', '{"form": 1, "files": []}', '{"form": 1, "files": {"x": [1]}}'),
    ],
)
def test_a_damaged_memory_is_an_empty_one(settings: Settings, put: Callable[..., Path], text: str) -> None:
    """Whatever the file holds, records are read, and the next saving makes it whole."""
    put("failed")
    look(settings)
    stored(settings).write_text(text, encoding="latin-1")
    assert look(settings) == ["failed"]
    assert recalled(settings) == ["failed"]


@pytest.mark.parametrize("entry", [None, 1, [], [1], [0, "failed"], ["x", "failed", 1], {"0": 1, "1": 2}])
def test_a_damaged_entry_is_none(settings: Settings, put: Callable[..., Path], entry: Any) -> None:
    """Neither an error nor an answer."""
    put("failed")
    look(settings)
    content = json.loads(stored(settings).read_bytes())
    (path,) = content["files"]
    content["files"][path][2] = entry
    stored(settings).write_text(json.dumps(content), encoding="ascii")
    assert recalled(settings) == [None]
    assert look(settings) == ["failed"]


def test_facts_of_another_form_are_foreign(settings: Settings, put: Callable[..., Path]) -> None:
    """A newer kft that finds other facts reads again."""
    put("failed")
    look(settings)
    memory = opened(settings, form=2)
    assert [memory.recall(file) for file in newest_records(settings.outputs)] == [None]


def test_another_folder_of_runs_has_another_memory(
    settings: Settings, tmp_path: Path, put: Callable[..., Path]
) -> None:
    """So that what is gone from the one does not drop what is left in the other."""
    put("failed")
    look(settings)
    other = opened(settings, outputs=tmp_path / "others")
    for file in newest_records(settings.outputs):
        other.read(file)
    other.save(only=())
    assert len(list(settings.cache.glob("statuses-*.json"))) == 2
    assert recalled(settings) == ["failed"]


def test_a_memory_may_be_deleted_at_any_time(settings: Settings, put: Callable[..., Path]) -> None:
    """It costs reading, once."""
    put("failed")
    look(settings)
    stored(settings).unlink()
    assert look(settings) == ["failed"]
    assert recalled(settings) == ["failed"]


def test_a_cache_that_is_no_folder_is_no_error(settings: Settings, put: Callable[..., Path]) -> None:
    """As where it may not be written to."""
    put("failed")
    settings.cache.parent.mkdir(exist_ok=True)
    settings.cache.write_bytes(b"")
    assert look(settings) == ["failed"]
    assert look(settings) == ["failed"]


def test_a_full_disk_leaves_the_old_memory(
    settings: Settings, put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no temporary file."""
    put("failed")
    look(settings)
    put("completed", 2)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        assert look(settings) == ["completed", "failed"]
    assert recalled(settings) == [None, "failed"]
    assert list(settings.cache.glob(".*")) == []


def test_two_processes_add_to_each_other(settings: Settings, put: Callable[..., Path]) -> None:
    """Each saves what it read; nothing is lost, and no reading of the file is torn."""
    for number in range(1, 10):
        put("failed", number)

    def one(file: RecordFile) -> None:
        memory = opened(settings)
        memory.read(file)
        memory.save()
        json.loads(stored(settings).read_bytes())

    files = list(newest_records(settings.outputs))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, files))
    for file in files:
        one(file)  # the last of two that save at once wins: what it did not know is read again
    assert recalled(settings) == ["failed"] * 9


def test_what_is_gone_is_dropped_when_something_is_saved(settings: Settings, put: Callable[..., Path]) -> None:
    """The memory does not grow with runs that were deleted."""
    first = put("failed")
    look(settings)
    first.unlink()
    second = put("failed", 2)
    memory = opened(settings)
    files = list(newest_records(settings.outputs))
    for file in files:
        memory.read(file)
    memory.save({file.path for file in files})
    assert list(json.loads(stored(settings).read_bytes())["files"]) == [str(second)]


def test_a_folder_whose_name_is_not_unicode(settings: Settings, put: Callable[..., Path]) -> None:
    """Such names exist on Linux."""
    put("failed")
    outputs = settings.outputs.parent / os.fsdecode(b"\xff")
    try:
        settings.outputs.rename(outputs)
    except (OSError, UnicodeError) as error:
        pytest.skip(f"this file system refuses the name: {error}")
    odd = replace(settings, outputs=outputs)
    assert look(odd) == ["failed"]
    assert recalled(odd) == ["failed"]


def test_a_file_system_without_inodes(settings: Settings, put: Callable[..., Path]) -> None:
    """Where every inode is 0, size and time decide."""
    put("failed")
    (file,) = newest_records(settings.outputs)
    facts = tuple(file.stat)
    stat = os.stat_result((facts[0], 0, *facts[2:10]), {"st_mtime_ns": file.stat.st_mtime_ns})
    bare = RecordFile(run_id=file.run_id, path=file.path, stat=stat)
    memory = opened(settings)
    memory.read(bare)
    memory.save()
    assert opened(settings).recall(bare) == "failed"
