"""The names in a run folder, and which folders are runs."""

from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

import pytest

from fork_wrapper.records.run_folder import RunFolder, new_run_folder, newest_records, run_folders, sidecar_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def _run(outputs: Path, experiment: str, run: str) -> RunFolder:
    """A run folder with a record in it."""
    folder = RunFolder(folder=outputs / experiment / run)
    folder.folder.mkdir(parents=True)
    folder.record.write_text("{}", encoding="utf-8")
    return folder


def test_names_of_a_run_folder() -> None:
    """Every file of a run has one name, and the run's id is experiment and folder."""
    folder = Path("/runs/niño 05/20260102-030405")
    run = RunFolder(folder=folder)
    assert (run.experiment, run.run_id) == ("niño 05", "niño 05/20260102-030405")
    paths = [run.train_toml, run.dataset_toml, run.record, run.log, run.logs, run.samples]
    names = ["train.toml", "dataset.toml", "record.json", "train.log", "logs", "sample"]
    assert paths == [folder / name for name in names]


def test_sidecar_beside_its_checkpoint() -> None:
    """The sidecar has the checkpoint's name; dots in the name stay."""
    assert sidecar_of(Path("a/v1.5-000002.safetensors")) == Path("a/v1.5-000002.json")


def test_a_new_folder_every_time(tmp_path: Path) -> None:
    """A run folder is never one that exists, even within one second; asking creates nothing."""
    first = new_run_folder(tmp_path, "one", NOW, rehearsal=False)
    assert (first.folder, list(tmp_path.iterdir())) == (tmp_path / "one" / "20260102-030405", [])
    for number in ("", "-2", "-3"):
        run = new_run_folder(tmp_path, "one", NOW, rehearsal=False)
        assert run.run_id == f"one/20260102-030405{number}"
        run.folder.mkdir(parents=True)


def test_rehearsals_are_told_apart_by_name(tmp_path: Path) -> None:
    """A rehearsal is never mistaken for a real run, and has its own count."""
    (tmp_path / "one" / "20260102-030405").mkdir(parents=True)
    rehearsal = new_run_folder(tmp_path, "one", NOW, rehearsal=True)
    assert rehearsal.folder.name == "20260102-030405-rehearsal"
    rehearsal.folder.mkdir()
    assert new_run_folder(tmp_path, "one", NOW, rehearsal=True).folder.name == "20260102-030405-rehearsal-2"


def test_runs_oldest_first(tmp_path: Path) -> None:
    """Runs of all experiments by time, then by name; only folders with a record are runs."""
    for experiment, run in [("b", "20260103-000000"), ("b", "20260101-000000"), ("a", "20260103-000000")]:
        _run(tmp_path, experiment, run)
    (tmp_path / "b" / "20260102-000000").mkdir()
    (tmp_path / "notes.txt").write_text("no run", encoding="utf-8")
    _run(tmp_path, "b/20260101-000000", "nested")
    found = [run.run_id for run in run_folders(tmp_path)]
    assert found == ["b/20260101-000000", "a/20260103-000000", "b/20260103-000000"]
    assert [run.run_id for run in run_folders(tmp_path, "a")] == ["a/20260103-000000"]


def test_no_runs(tmp_path: Path) -> None:
    """An outputs folder or an experiment that is not there has no runs."""
    assert run_folders(tmp_path / "missing") == run_folders(tmp_path, "missing") == run_folders(tmp_path) == []


def test_a_record_is_found_with_what_tells_it_from_another(tmp_path: Path) -> None:
    """Its run, its path and its state; the newest first, and no more are looked at than are asked for."""
    first, second, third = (_run(tmp_path, "a", f"2026010{number}-000000") for number in (1, 2, 3))
    files = newest_records(tmp_path)
    assert [file.run_id for file in islice(files, 1)] == [third.run_id]
    second.record.unlink()
    (file,) = files
    assert (file.run_id, file.path, file.stat) == (first.run_id, str(first.record), first.record.stat())


def test_a_link_that_leads_nowhere_hides_no_run(tmp_path: Path) -> None:
    """Nor does one that leads to itself; a link to a folder is one."""
    run = _run(tmp_path / "disk", "a", "20260101-000000")
    outputs = tmp_path / "runs"
    outputs.mkdir()
    try:
        (outputs / "a").symlink_to(run.folder.parent)
        (outputs / "loop").symlink_to("loop")
        (outputs / "gone").symlink_to("nowhere")
        (run.folder.parent / "loop").symlink_to("loop")
    except OSError as error:
        pytest.skip(f"this system makes no links: {error}")
    assert [found.run_id for found in run_folders(outputs)] == [run.run_id]


@pytest.mark.parametrize("name", ["a/", "../runs/a"])
def test_an_experiment_may_be_named_as_a_folder(tmp_path: Path, name: str) -> None:
    """As a shell completes it; the run's id is the same."""
    _run(tmp_path / "runs", "a", "20260101-000000")
    assert [run.run_id for run in run_folders(tmp_path / "runs", name)] == ["a/20260101-000000"]
    assert [file.run_id for file in newest_records(tmp_path / "runs", name)] == ["a/20260101-000000"]
