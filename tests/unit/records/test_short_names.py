"""Which run, and which of its checkpoints, a short name means."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.record import read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.short_names import checkpoint_names, meant
from tests.builders.checkpoints import run_with_checkpoints

TEXT = "[training]\nseed = 1\n[[dataset.datasets]]\nresolution = 512\n"
DAYS = ("20260102-030405", "20260103-030405", "20260104-030405", "20260105-030405")


@pytest.fixture
def runs(write: Callable[..., Path], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    """Four runs of one experiment, oldest first: completed, failed, completed, and one that goes on."""
    monkeypatch.chdir(settings.root)
    write("luna_04", TEXT)
    write("luna_05", TEXT)
    made = run_with_checkpoints("luna_04", settings, ("-000002", "-step00000015", ""))
    first = made.folder.rename(made.folder.with_name(DAYS[0]))
    found = [RunFolder(folder=first)]
    for day, status in zip(DAYS[1:], ("failed", "completed", "running"), strict=True):
        folder = RunFolder(folder=first.with_name(day))
        folder.folder.mkdir()
        record = read_record(found[0].record).with_run(id=folder.run_id, status=status)
        write_record(folder, record)
        found.append(folder)
    _enter(found[0], kind="epoch", epoch=2, step=12)
    return found


def _enter(run: RunFolder, **facts: Any) -> None:
    """Give the record of a run the checkpoints that lie there, the first with these facts."""
    record = read_record(run.record)
    entries = [
        {"file": "luna_04-000002.safetensors", "sha256": None, "written": "", **facts},
        {"file": "luna_04-step00000015.safetensors", "kind": "step", "epoch": 3, "step": 15, "sha256": None},
        {"file": "luna_04.safetensors", "kind": "final", "epoch": 3, "step": 18, "sha256": None},
    ]
    write_record(run, type(record)(**{**record.__dict__, "checkpoints": tuple(entries)}))


def test_runs_from_the_newest(runs: list[RunFolder], settings: Settings) -> None:
    """`@latest` and `@-1` are the newest of all, whatever became of it; larger numbers go back."""
    for name, place in (("@latest", 3), ("@LATEST", 3), ("@-1", 3), ("@-2", 2), ("@-4", 0)):
        found = meant(f"luna_04{name}", settings)
        assert found is not None
        assert (found.text, found.checkpoint) == (runs[place].run_id, None)


def test_an_experiment_alone_means_what_the_command_can_use(runs: list[RunFolder], settings: Settings) -> None:
    """To look at: the newest; to take: the newest completed; to go on with: the newest that was broken off."""
    said = {}
    for purpose in ("any", "done", "broken"):
        found = meant("luna_04", settings, bare=purpose)
        assert found is not None
        said[purpose] = (runs.index(found.run), found.why)
    assert said["done"] == (2, "its newest completed run")
    assert said["any"] == (3, "its newest run (running)")
    assert said["broken"] == (1, "its newest run that was broken off (failed)")
    assert meant("luna_04", settings) is None
    assert meant("luna_05", settings, bare="any") is None


def test_checkpoints(runs: list[RunFolder], settings: Settings) -> None:
    """By epoch, by step, and the last one; behind any spelling of a run; the sidecar where there is one."""
    first = runs[0]
    for run in ("luna_04@-4", first.run_id, str(first.folder)):
        for place, file in (
            ("epoch2", "luna_04-000002"),
            ("epoch3", "luna_04"),
            ("step12", "luna_04-000002"),
            ("step15", "luna_04-step00000015"),
            ("step0018", "luna_04"),
            ("final", "luna_04"),
        ):
            found = meant(f"{run}:{place}", settings)
            assert found is not None, place
            assert found.checkpoint == first.folder / f"{file}.safetensors"
            assert found.text == str(first.folder / f"{file}.json")
    (first.folder / "luna_04.json").unlink()
    bare = meant(f"{first.run_id}:final", settings)
    assert bare is not None
    assert bare.text.endswith("luna_04.safetensors")
    assert checkpoint_names(first) == ["epoch2", "step15", "final"]


def test_checkpoints_of_a_resumed_training(runs: list[RunFolder], settings: Settings) -> None:
    """Steps and epochs are those of the whole training, and the runs before count."""
    record = read_record(runs[2].record)
    lineage = {"kind": "resume", "parent": runs[0].run_id, "step": 18, "epoch": 3}
    entry = {"file": "luna_04-000002.safetensors", "kind": "epoch", "epoch": 2, "step": 12, "sha256": None}
    entry |= {"training_epoch": 5, "training_step": 30}
    write_record(runs[2], type(record)(**{**record.with_lineage(lineage).__dict__, "checkpoints": (entry,)}))
    for place, run in (("epoch5", 2), ("step30", 2), ("epoch2", 0), ("step15", 0)):
        found = meant(f"luna_04@-2:{place}", settings)
        assert found is not None
        assert found.run == runs[run], place
    assert checkpoint_names(runs[2]) == ["epoch5"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("luna_04@-5", "luna_04 has 4 runs"),
        ("luna_04@first", "there is no @first"),
        ("luna_04@-0", "say @latest"),
        ("luna_05@latest", "run it first: kft run luna_05"),
        ("lunaa_04@latest", "did you mean luna_04"),
        ("nobody:epoch3", "these have: luna_04"),
        ("luna_04@-4:epoch9", "there are epoch2, step15, final"),
        ("luna_04@-4:epcoh2", "a checkpoint is named epochN, stepN or final"),
        ("luna_04@-3:final", "it has no checkpoint yet"),
    ],
)
def test_what_there_is_not(runs: list[RunFolder], settings: Settings, text: str, said: str) -> None:
    """The message names what there is."""
    assert len(runs) == 4
    with pytest.raises(InputError) as caught:
        meant(text, settings)
    assert said in str(caught.value)


def test_what_exists_is_no_short_name(
    runs: list[RunFolder], settings: Settings, write: Callable[..., Path], tmp_path: Path
) -> None:
    """A file, an experiment or a folder of that very name; and paths of other systems."""
    write("luna_04@latest", TEXT)
    (settings.root / "a@b:epoch1").write_text("")
    for text in (
        "luna_04@latest",
        "a@b:epoch1",
        runs[0].run_id,
        "C:\\runs\\x",
        "x.safetensors",
        str(tmp_path),
    ):
        assert meant(text, settings) is None, text
    for text in ("..", ".", "../runs", "luna_04/../luna_04"):
        assert meant(text, settings, bare="any") is None, text
