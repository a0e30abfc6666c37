"""Sample images in rows and columns."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.report.sheets import Sheet, sheet_of
from fork_wrapper.records.lineage import segments
from fork_wrapper.records.record import read_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.trainings import draw_sample, run_with_samples, went_on
from tests.unit.publish.report.conftest import PROMPTS


@pytest.fixture
def first(settings: Settings, write: Callable[..., Path]) -> RunFolder:
    """A run with samples of two prompts after two epochs of 20 steps."""
    write("one")
    return run_with_samples("one", settings, prompts=PROMPTS)


def sheet(run: RunFolder, settings: Settings) -> Sheet:
    """The sheet of the training that ended with a run."""
    return sheet_of(segments(settings.outputs, run, read_record(run.record)))


def test_prompts_and_checkpoints(first: RunFolder, settings: Settings) -> None:
    """Each image knows what was asked for, and each column the checkpoint of its moment."""
    found = sheet(first, settings)
    assert [moment.label for moment in found.moments] == ["epoch 1", "epoch 2"]
    assert [moment.checkpoint for moment in found.moments] == ["one-000001.safetensors", "one.safetensors"]
    assert list(found.lines) == [0, 1]
    assert len(found.samples()) == 4
    knight, fox = found.lines[0][0], found.lines[1][1]
    assert knight is not None
    assert fox is not None
    assert (knight.prompt, knight.seed) == ("a knight", 101)
    assert knight.details == "not: blurry; 64 x 64; 8 steps, scale 7.0"
    assert (fox.prompt, fox.seed, fox.details) == ("a <b>fox</b>", 202, "64 x 64; 30 steps, scale 7.5")


def test_by_steps_at_first_and_without_a_seed(first: RunFolder, settings: Settings) -> None:
    """Names of samples as sd-scripts makes them; other files are none, of two the newer one counts."""
    for path in first.samples.iterdir():
        path.unlink()
    names = ["one_e000000_00_20260102030400_1", "one_000020_00_20260102030401", "one_000040_00_20260102030402"]
    for name in [*names, "one_000040_00_20260102030409", "notes", "one_000040_0_20260102030409"]:
        draw_sample(first.samples / f"{name}.png", 16, 1)
    (first.samples / "one_000040_00_20260102030402.txt").write_text("no image")
    found = sheet(first, settings)
    assert [moment.label for moment in found.moments] == ["before training", "step 20", "step 40"]
    assert [moment.checkpoint for moment in found.moments] == ["", "one-000001.safetensors", "one.safetensors"]
    assert [sample.path.stem for sample in found.lines[0] if sample] == [*names[:2], "one_000040_00_20260102030409"]
    assert [sample.seed for sample in found.lines[0] if sample] == [1, None, None]


def test_a_missing_image_leaves_a_gap(first: RunFolder, settings: Settings) -> None:
    """The others keep their places."""
    next(first.samples.glob("one_e000001_01_*")).unlink()
    line = sheet(first, settings).lines[1]
    assert line[0] is None
    assert line[1] is not None


def test_a_resumed_training_is_one_sheet(first: RunFolder, settings: Settings) -> None:
    """Epochs go on; those that the parent trained past the state are not of this training."""
    child = went_on("one", settings, first, step=20, epoch=1, stamp="20260103-000000")
    found = sheet(child, settings)
    assert [moment.label for moment in found.moments] == ["epoch 1", "epoch 2", "epoch 3"]
    by = [sample.path.parent.parent.name for sample in found.lines[0] if sample]
    assert by == [first.folder.name, child.folder.name, child.folder.name]


def test_prompts_that_nobody_recorded(first: RunFolder, settings: Settings) -> None:
    """The seed still stands in the name."""
    record = read_record(first.record)
    record = type(record)(**{**record.__dict__, "experiment": {**record.experiment, "sample_prompts": None}})
    from fork_wrapper.records.record import write_record  # noqa: PLC0415

    write_record(first, record)
    sample = sheet(first, settings).lines[0][0]
    assert sample is not None
    assert (sample.prompt, sample.seed, sample.details) == ("", 101, "")


def test_no_samples(first: RunFolder, settings: Settings) -> None:
    """An empty sheet."""
    for path in first.samples.iterdir():
        path.unlink()
    assert sheet(first, settings) == Sheet(moments=(), lines={})
