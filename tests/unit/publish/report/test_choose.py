"""Which runs names mean."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.files import pretty_json
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.report.choose import best_runs, choose, folder_of
from fork_wrapper.records.record import read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.archive import sidecar
from tests.builders.trainings import run_with_samples


@pytest.fixture
def runs(settings: Settings, write: Callable[..., Path]) -> list[RunFolder]:
    """Four runs of one experiment, oldest first: completed, completed, rehearsed, failed."""
    write("one")
    made = [
        run_with_samples("one", settings, stamp=f"20260102-03040{number}", rehearsal=number == 3)
        for number in range(1, 5)
    ]
    write_record(made[3], read_record(made[3].record).with_run(status="failed"))
    return made


def labels(names: list[str], settings: Settings) -> list[str]:
    """What names mean, as run ids."""
    return [str(source.record.run["id"]) for source in choose(names, settings) if source.record]


def test_an_experiment_is_its_newest_completed_run(runs: list[RunFolder], settings: Settings) -> None:
    """Then its newest rehearsal, then whatever there is; every time asked anew, for memory is no truth."""
    for left in (runs[1], runs[0], runs[2], runs[3]):
        assert labels(["one"], settings) == labels([], settings) == [left.run_id]
        shutil.rmtree(left.folder)
    assert best_runs(settings) == {}


def test_a_run_that_comes_to_its_end_is_seen(runs: list[RunFolder], settings: Settings) -> None:
    """What was remembered of a record holds while the file does."""
    assert labels(["one"], settings) == [runs[1].run_id]
    write_record(runs[3], read_record(runs[3].record).with_run(status="completed"))
    assert labels(["one"], settings) == [runs[3].run_id]


def test_runs_sidecars_and_folders(runs: list[RunFolder], settings: Settings) -> None:
    """Each is itself, and its run is found; one that is named twice is one."""
    record = read_record(runs[0].record)
    (path := runs[0].folder / "one.json").write_text(pretty_json(sidecar(record, record.checkpoints[-1])))
    names = [runs[0].run_id, str(path), str(runs[2].folder), runs[0].run_id]
    sources = choose(names, settings)
    assert [source.kind for source in sources] == ["run", "sidecar", "run"]
    assert [folder_of(source, settings) for source in sources] == [runs[0], runs[0], runs[2]]


def test_a_sidecar_elsewhere(runs: list[RunFolder], settings: Settings, tmp_path: Path) -> None:
    """Its run is looked for among the runs, and is nobody else's of the same name."""
    record = read_record(runs[0].record)
    text = pretty_json(sidecar(record, record.checkpoints[-1]))
    (path := tmp_path / "elsewhere.json").write_text(text)
    (source,) = choose([str(path)], settings)
    assert folder_of(source, settings) == runs[0]
    write_record(runs[0], record.with_run(started="2025-01-01T00:00:00+00:00"))
    assert folder_of(source, settings) is None


def test_a_checkpoint_with_its_sidecar(runs: list[RunFolder], settings: Settings) -> None:
    """It means the sidecar, which says more than a header."""
    record = read_record(runs[0].record)
    (runs[0].folder / "one.json").write_text(pretty_json(sidecar(record, record.checkpoints[-1])))
    (source,) = choose([str(runs[0].folder / "one.safetensors")], settings)
    assert source.kind == "sidecar"


def test_an_experiment_whose_file_is_gone(runs: list[RunFolder], settings: Settings) -> None:
    """Its runs still tell: what reads records reads no experiment."""
    (settings.experiments / "one.toml").unlink()
    assert labels(["one"], settings) == [runs[1].run_id]


@pytest.mark.usefixtures("runs")
def test_all_that_is_wrong_at_once(settings: Settings, write: Callable[..., Path]) -> None:
    """What, where, and what to do for each."""
    write("fresh")
    with pytest.raises(InputError) as caught:
        choose(["one", "fresh", "onee", "nowhere/at-all"], settings)
    said = str(caught.value)
    assert said.startswith("cannot report on these\n")
    assert "fresh has not run" in said
    assert "run it first: kft run fresh --rehearse" in said
    assert "did you mean one?" in said
    assert "no such experiment, run or file" in said
    assert len(caught.value.findings) == 3


def test_no_runs_at_all(settings: Settings) -> None:
    """It is said where they were looked for."""
    with pytest.raises(InputError, match="there is nothing to report") as caught:
        choose([], settings)
    assert str(settings.outputs) in str(caught.value)


def test_a_broken_record_is_passed_over(runs: list[RunFolder], settings: Settings) -> None:
    """The next best run is taken."""
    runs[1].record.write_text("{")
    assert labels(["one"], settings) == [runs[0].run_id]
