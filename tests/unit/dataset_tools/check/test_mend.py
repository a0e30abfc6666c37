"""What is safe is done, and nothing is ever lost."""

import json
import os
from pathlib import Path

import pytest

from dataset_tools.check.faults import Remedy
from dataset_tools.check.inspection import inspect
from dataset_tools.check.mend import Step, mend, plan
from dataset_tools.errors import DatasetError
from dataset_tools.scan.training_folder import TrainingFolder
from tests.unit.dataset_tools.planted import PLANTS, caption, clean_set, content, image


def contents(folder: Path) -> set[bytes]:
    """Every content that lies in or below a folder."""
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "moved.json"}


@pytest.mark.skipif(os.name == "nt", reason="some names and links cannot be made there")
def test_all_that_is_safe_is_mended_and_nothing_is_lost(tmp_path: Path) -> None:
    """After it, no fault that had a remedy is left, and every byte that was there still is."""
    folder = tmp_path / "set"
    clean_set(folder)
    for made in PLANTS.values():
        made(folder)
    before = contents(folder)
    faults = inspect([TrainingFolder(folder=folder)]).faults
    steps = plan(faults)
    assert len(steps) >= 15
    (aside,) = mend(steps, "20260102-030405")
    assert aside == folder / "kft-aside" / "20260102-030405"
    assert before - contents(folder) == set()
    left = inspect([TrainingFolder(folder=folder)]).faults
    assert [one for one in left if one.remedy is not None] == []
    assert len(json.loads((aside / "moved.json").read_text())) == len(steps)


def test_a_caption_is_written_anew(tmp_path: Path) -> None:
    """Without its mark, with its text and its line ends; the old one lies aside."""
    image(tmp_path, "a.png", content(1, "PNG"))
    caption(tmp_path, "a", "\ufeffone café\r\n".encode("utf-16"))
    steps = plan(inspect([TrainingFolder(folder=tmp_path)]).faults)
    assert [step.remedy.action for step in steps] == ["rewrite"]
    (aside,) = mend(steps, "now")
    assert (tmp_path / "a.txt").read_bytes() == "one café\r\n".encode()
    assert (aside / "a.txt").read_bytes() == "\ufeffone café\r\n".encode("utf-16")


def test_a_wrong_suffix_becomes_the_right_one(tmp_path: Path) -> None:
    """The caption's name has no suffix of the image in it and stays."""
    PLANTS["jpeg_called_png"](tmp_path)
    mend(plan(inspect([TrainingFolder(folder=tmp_path)]).faults), "now")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["really_jpeg.jpg", "really_jpeg.txt"]


def test_a_copy_with_another_caption_is_left_alone(tmp_path: Path) -> None:
    """Which of the two captions is right, nobody can tell but a person."""
    PLANTS["the_same_file_twice"](tmp_path)
    caption(tmp_path, "copy_a", "one text")
    caption(tmp_path, "copy_b", "another")
    faults = inspect([TrainingFolder(folder=tmp_path)]).faults
    assert plan(faults) == ()
    assert "with another caption" in faults[0].reason
    caption(tmp_path, "copy_b", "one text\n")
    (step,) = plan(inspect([TrainingFolder(folder=tmp_path)]).faults)
    assert [path.name for path in step.remedy.files] == ["copy_b.png", "copy_b.txt"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A name that is taken in the meantime stops it; what was done until then is on record."""
    PLANTS["jpeg_called_png"](tmp_path)
    PLANTS["zero_bytes"](tmp_path)
    steps = plan(inspect([TrainingFolder(folder=tmp_path)]).faults)
    (tmp_path / "really_jpeg.jpg").write_bytes(b"mine")
    with pytest.raises(DatasetError, match="there is a file of that name"):
        mend(steps, "now")
    assert (tmp_path / "really_jpeg.jpg").read_bytes() == b"mine"
    moved = json.loads((tmp_path / "kft-aside" / "now" / "moved.json").read_text())
    assert [one["moved"] for one in moved] == [["zero.png", "zero.txt"]]


def test_two_runs_in_one_second_do_not_meet(tmp_path: Path) -> None:
    """Each has a folder of its own."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
        step = Step(remedy=Remedy(action="aside", files=(tmp_path / name,)), reason="", kind="image-empty")
        mend((step,), "now")
    assert sorted(path.name for path in (tmp_path / "kft-aside").iterdir()) == ["now", "now-2"]
