"""The sample set as files."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from dataset_tools.errors import DatasetError
from dataset_tools.scan.scan import scan_folder
from dataset_tools.sets.figures import caption, figure
from dataset_tools.sets.sample_set import SAMPLE_SET_VERSION, draw_sample_set, sample_set_folder

if TYPE_CHECKING:
    from pathlib import Path


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_draws_pictures_with_captions(tmp_path: Path) -> None:
    """As many square RGB PNG files as asked for, each with the caption of its character."""
    folder = tmp_path / "not" / "yet"
    assert draw_sample_set(folder, count=3, size=64) == 3
    scan = scan_folder(folder, ".txt")
    assert [picture.image.name for picture in scan.pictures] == [f"character_000{n}.png" for n in (1, 2, 3)]
    for index, picture in enumerate(scan.pictures):
        with Image.open(picture.image) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (64, 64))
        assert picture.caption is not None
        assert picture.caption.read_text(encoding="utf-8") == caption(figure(2024, index)) + "\n"


def test_says_what_it_is(tmp_path: Path) -> None:
    """The marker holds version, seed, count and size; nothing temporary stays beside the folder."""
    draw_sample_set(tmp_path / "set", count=1, size=32, seed=5)
    stored = json.loads((tmp_path / "set" / "sample_set.json").read_bytes())
    assert stored == {"version": SAMPLE_SET_VERSION, "seed": 5, "count": 1, "size": 32}
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_seed_decides_every_byte(tmp_path: Path) -> None:
    """The same seed gives the same files, another one other files."""
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        draw_sample_set(tmp_path / name, count=2, size=32, seed=seed)
    assert _hashes(tmp_path / "one") == _hashes(tmp_path / "same")
    assert _hashes(tmp_path / "one") != _hashes(tmp_path / "other")


def test_a_longer_set_begins_like_a_shorter_one(tmp_path: Path) -> None:
    """How many there are does not change the first ones."""
    draw_sample_set(tmp_path / "two", count=2, size=32)
    draw_sample_set(tmp_path / "four", count=4, size=32)
    two, four = _hashes(tmp_path / "two"), _hashes(tmp_path / "four")
    assert {name: four[name] for name in two if name != "sample_set.json"} == {
        name: two[name] for name in two if name != "sample_set.json"
    }


def test_a_complete_set_is_left_alone(tmp_path: Path) -> None:
    """The second time nothing is drawn, also when caches or notes have come to lie beside it."""
    draw_sample_set(tmp_path / "set", count=2, size=32)
    (tmp_path / "set" / "notes.md").write_text("mine", encoding="utf-8")
    before = _hashes(tmp_path / "set")
    assert draw_sample_set(tmp_path / "set", count=2, size=32) == 0
    assert _hashes(tmp_path / "set") == before


@pytest.mark.parametrize("lost", ["character_0002.png", "character_0001.txt"])
def test_an_incomplete_set_is_drawn_again(tmp_path: Path, lost: str) -> None:
    """A missing file makes the set incomplete, and it is made whole."""
    draw_sample_set(tmp_path / "set", count=2, size=32)
    before = _hashes(tmp_path / "set")
    (tmp_path / "set" / lost).unlink()
    assert draw_sample_set(tmp_path / "set", count=2, size=32) == 2
    assert _hashes(tmp_path / "set") == before


def test_another_set_is_replaced_with_its_stale_caches(tmp_path: Path) -> None:
    """Latents cached for the old pictures would be trained on silently, so they go with them."""
    draw_sample_set(tmp_path / "set", count=2, size=32)
    (tmp_path / "set" / "character_0001_0032x0032_sdxl.npz").write_bytes(b"old latents")
    assert draw_sample_set(tmp_path / "set", count=1, size=48) == 1
    assert sorted(_hashes(tmp_path / "set")) == ["character_0001.png", "character_0001.txt", "sample_set.json"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """A folder made in advance is as good as none."""
    (tmp_path / "set").mkdir()
    assert draw_sample_set(tmp_path / "set", count=1, size=32) == 1


@pytest.mark.parametrize("name", ["holiday.png", "character_0001.png"])
def test_never_touches_what_is_not_its_own(tmp_path: Path, name: str) -> None:
    """A folder with other files, or with such files but no marker, is refused and left as it was."""
    (tmp_path / name).write_bytes(b"precious")
    with pytest.raises(DatasetError, match="something else in place of the sample set"):
        draw_sample_set(tmp_path, count=1, size=32)
    assert (tmp_path / name).read_bytes() == b"precious"


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """A file is never replaced by a folder."""
    (tmp_path / "set").write_bytes(b"precious")
    with pytest.raises(DatasetError):
        draw_sample_set(tmp_path / "set", count=1, size=32)
    assert (tmp_path / "set").read_bytes() == b"precious"


def test_an_interrupted_drawing_leaves_nothing(tmp_path: Path) -> None:
    """The folder appears whole or not at all."""

    def interrupt(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_sample_set(tmp_path / "set", count=3, size=32, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_loses_a_race_gracefully(tmp_path: Path) -> None:
    """If another process finishes the same set first, its set stays and nothing is counted as drawn."""

    def other_process(done: int, _total: int) -> None:
        if done == 1:
            draw_sample_set(tmp_path / "set", count=2, size=32)

    assert draw_sample_set(tmp_path / "set", count=2, size=32, progress=other_process) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_reports_progress(tmp_path: Path) -> None:
    """One call per picture."""
    calls: list[tuple[int, int]] = []
    draw_sample_set(tmp_path / "set", count=2, size=32, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("count", "size"), [(0, 64), (-1, 64), (10_000, 64), (1, 15), (1, 5000)])
def test_refuses_numbers_out_of_range(tmp_path: Path, count: int, size: int) -> None:
    """The error says which number and what would do."""
    with pytest.raises(DatasetError, match=r"cannot be drawn\. Give a (count|size) from \d+ to \d+\."):
        draw_sample_set(tmp_path / "set", count=count, size=size)


def test_each_choice_has_its_own_folder(tmp_path: Path) -> None:
    """Two programs that want different sets never fight over one folder."""
    folders = {sample_set_folder(tmp_path), sample_set_folder(tmp_path, size=64), sample_set_folder(tmp_path, seed=1)}
    assert len(folders) == 3
    assert all(folder.parent == tmp_path for folder in folders)
