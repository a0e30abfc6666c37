"""The run that a command is about, by whatever leads to it; none is guessed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats.named_run import named_run, run_of
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.records import recorded

TEXT = "[training]\nseed = 1\n[[dataset.datasets]]\nresolution = 512\n"


@pytest.fixture
def run(write: Callable[..., Path], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run, and a sidecar in its folder."""
    monkeypatch.chdir(settings.root)
    write("one", TEXT)
    folder = recorded("one", settings)
    raw = json.loads(folder.record.read_text(encoding="utf-8"))
    sidecar = {**raw, "kind": "sidecar", "checkpoint": {"file": "one.safetensors"}}
    (folder.folder / "one.json").write_text(json.dumps(sidecar), encoding="utf-8")
    return folder


def test_whatever_leads_to_a_run(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """Its id, its folder, its record, a sidecar in it, a copy of a sidecar elsewhere."""
    copy = shutil.copy(run.folder / "one.json", tmp_path / "copied.json")
    for text in (run.run_id, run.folder, run.record, run.folder / "one.json", copy):
        found = named_run(str(text), settings)
        assert (found.folder, found.record.run["id"]) == (run, run.run_id)


def test_a_folder_that_was_moved_is_still_its_run(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """The folder that is named is the one that is meant."""
    moved = tmp_path / "elsewhere"
    shutil.copytree(run.folder, moved)
    assert named_run(str(moved), settings).folder.folder == moved


def test_a_sidecar_without_its_run(run: RunFolder, settings: Settings) -> None:
    """Is said to be one, and a run that lies in its folder is not taken for it."""
    raw = json.loads((run.folder / "one.json").read_text(encoding="utf-8"))
    raw["run"]["id"] = "one/20200101-000000"
    stray = run.folder / "stray.json"
    stray.write_text(json.dumps(raw), encoding="utf-8")
    assert run_of(open_source(str(stray), settings), settings) is None
    with pytest.raises(InputError) as refused:
        named_run(str(stray), settings)
    (finding,) = refused.value.findings
    assert finding.what == "the run of this sidecar is not on this machine"


def test_an_experiment_is_none_of_its_runs(run: RunFolder, settings: Settings, write: Callable[..., Path]) -> None:
    """They are named, and so is the way to find some where there are none."""
    write("two", TEXT)
    for name, todo in (("one", f"name one of its runs: {run.run_id}"), ("two", "name EXPERIMENT/RUN; `kft list`")):
        with pytest.raises(InputError) as refused:
            named_run(name, settings)
        (finding,) = refused.value.findings
        assert (refused.value.title, finding.what) == (f"{name} is not a run", f"{name} is an experiment")
        assert finding.todo.startswith(todo)
