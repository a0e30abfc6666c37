"""How a run stands while it goes on."""

import os
from pathlib import Path

import psutil
import pytest

from fork_wrapper.machine.provenance import host
from fork_wrapper.records import run_state
from fork_wrapper.records.record import Record, read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import SUCCESSES, RunState


def test_a_run_from_its_beginning_to_its_end(
    run_folder: RunFolder, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is read when it has changed, and only then."""
    read: list[Path] = []

    def watched(path: Path) -> Record:
        read.append(path)
        return read_record(path)

    monkeypatch.setattr(run_state, "read_record", watched)
    here = {"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]}
    state = RunState(run=run_folder)
    assert state.status() == "unreadable"
    write_record(run_folder, record.with_run(process=here))
    assert [state.status() for _ in range(3)] == ["running"] * 3
    assert len(read) == 1
    write_record(run_folder, record.with_run(status="completed", steps=12345))
    assert [state.status() for _ in range(3)] == ["completed"] * 3
    assert len(read) == 2
    assert (state.record or record).run["steps"] == 12345
    run_folder.record.unlink()
    assert state.status() == "unreadable"
    assert RunState(run=run_folder).record is state.record


def test_a_run_whose_kft_is_gone(run_folder: RunFolder, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is asked for every time: its record never changes again."""
    here = {"pid": os.getpid(), "created": psutil.Process().create_time(), "host": host()["hostname"]}
    write_record(run_folder, record.with_run(process=here))
    state = RunState(run=run_folder)
    assert state.status() == "running"
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: here["created"] + 60)
    assert state.status() == "killed"
    assert "killed" not in SUCCESSES
