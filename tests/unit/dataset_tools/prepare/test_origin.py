"""Results of one folder do not give way to those of another, and a folder that was moved is no other."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from dataset_tools.errors import DatasetError
from dataset_tools.prepare.origin import Origin
from dataset_tools.prepare.sources import find_sources
from tests.unit.dataset_tools.prepare.test_prepare import manifest, noise, run, state, times

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures, prepared into `out`."""
    for name in ("a.png", "b.jpg", "sub/c.webp", "sub/d.png"):
        noise(tmp_path / "photos" / name)
    assert run(tmp_path / "photos").made == 4
    return tmp_path / "photos"


def origin(folder: Path, contents: dict[str, str], **values: Any) -> Origin:
    """A folder of these files."""
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_text(content)
    return Origin(found=find_sources(folder), **values)


def entries(contents: dict[str, str]) -> dict[str, dict[str, str]]:
    """Lines of a manifest about pictures of this content."""
    return {name: {"sha256": hashlib.sha256(text.encode()).hexdigest()} for name, text in contents.items()}


def test_other_pictures_are_refused_and_nothing_changes(photos: Path, tmp_path: Path) -> None:
    """Under the same names: by the folder that they were made from, and with both ways on."""
    for name in ("a.png", "b.jpg", "sub/c.webp", "sub/d.png", "e.png"):
        noise(tmp_path / "others" / name, seed="other")
    before, written = state(tmp_path / "out"), times(tmp_path / "out")
    with pytest.raises(DatasetError) as caught:
        run(tmp_path / "others", tmp_path / "out")
    assert caught.value.what == (
        f"its pictures were made from those in {photos}, and {tmp_path / 'others'} has none of them by name and content"
    )
    assert caught.value.where == str(tmp_path / "out")
    assert "another folder" in caught.value.next_step
    assert "--same-source" in caught.value.next_step
    assert (state(tmp_path / "out"), times(tmp_path / "out")) == (before, written)
    assert not (tmp_path / "out" / ".prepare").exists()
    assert run(photos).kept == 4


def test_a_folder_that_was_moved_goes_on(photos: Path, tmp_path: Path) -> None:
    """It is said where it was, once; pictures that were added, edited and removed on the way are as ever."""
    moved = tmp_path / "moved" / "pictures"
    moved.parent.mkdir()
    shutil.move(photos, moved)
    noise(moved / "b.jpg", seed="edited")
    (moved / "sub" / "d.png").unlink()
    for number in range(9):
        noise(moved / f"new{number}.png")
    outcome = run(moved, tmp_path / "out")
    assert (outcome.made, outcome.kept, outcome.moved_from) == (10, 2, str(photos))
    assert [(one.source, one.kind) for one in outcome.problems] == [("sub/d.png", "gone")]
    again = run(moved, tmp_path / "out")
    assert (again.made, again.moved_from) == (0, "")


def test_whoever_says_that_they_are_the_same_is_believed(photos: Path, tmp_path: Path) -> None:
    """Everything is made anew, from now on from there."""
    for name in ("a.png", "b.jpg", "sub/c.webp", "sub/d.png"):
        noise(tmp_path / "others" / name, seed="other")
    outcome = run(tmp_path / "others", tmp_path / "out", same_source=True)
    assert (outcome.made, outcome.moved_from) == (4, str(photos))
    assert run(tmp_path / "others", tmp_path / "out").kept == 4
    with pytest.raises(DatasetError, match="made from those in"):
        run(photos, tmp_path / "out")


def test_where_it_was_is_nobodys_question(photos: Path, tmp_path: Path) -> None:
    """All pictures may change in their place; the path may be spelled otherwise."""
    for name in ("a.png", "b.jpg", "sub/c.webp", "sub/d.png"):
        noise(photos / name, seed="edited")
    outcome = run(photos / "sub" / "..", tmp_path / "out")
    assert (outcome.made, outcome.moved_from) == (4, "")


def test_a_manifest_of_before_that_was_written_down(photos: Path, tmp_path: Path) -> None:
    """Goes on as it did, from wherever, and then has it; so does one of nothing."""
    path = tmp_path / "out" / "prepare.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored.pop("made_from") == str(photos)
    path.write_text(json.dumps(stored), encoding="utf-8")
    noise(tmp_path / "others" / "a.png", seed="other")
    assert [one.kind for one in run(tmp_path / "others", tmp_path / "out").problems] == ["gone"] * 3
    assert json.loads(path.read_text(encoding="utf-8"))["made_from"] == str(tmp_path / "others")
    assert set(manifest(tmp_path / "out")) == {"a.png", "b.jpg", "sub/c.webp", "sub/d.png"}


@pytest.mark.parametrize(
    ("now", "refused"),
    [
        ({"a.png": "A", "b.png": "B"}, ""),  # most were removed
        ({"a.png": "A", "b.png": "B", "x.png": "X", "y.png": "Y"}, ""),  # half of those before
        ({"a.png": "A", "x.png": "X", "y.png": "Y"}, "has 1 of them"),  # a logo in both
        ({"a.png": "A", "b.png": "other"}, ""),
        ({"a.png": "other", "b.png": "B2", "c.png": "C"}, "has 1 of them"),
        ({"b.png": "A", "c.png": "B"}, "has none of them"),  # the same contents under other names
    ],
)
def test_half_of_the_fewer_must_agree(tmp_path: Path, now: dict[str, str], refused: str) -> None:
    """By name and content."""
    before = entries({"a.png": "A", "b.png": "B", "c.png": "C", "d.png": "D"})
    here = origin(tmp_path / "here", now)
    with pytest.raises(DatasetError, match=refused) if refused else nullcontext():
        here.refuse_others("/elsewhere", before, tmp_path)
    here.refuse_others("/elsewhere", {}, tmp_path)
    here.refuse_others("/elsewhere", {"a.png": {"sha256": ""}}, tmp_path)  # it could not be read then
