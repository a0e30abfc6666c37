"""The folder of links that a captioner gets, and what is taken from it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from dataset_tools.captions.work import wanting, work_folder, written
from dataset_tools.errors import DatasetError
from dataset_tools.linking import link_or_copy
from dataset_tools.scan.scan import scan_folder
from tests.unit.dataset_tools.captioned import drawn


def test_only_images_without_a_caption_are_wanted(tmp_path: Path) -> None:
    """All of them, where overwriting was asked for."""
    scan = scan_folder(drawn(tmp_path, a="hat", b=None, c=None), ".txt")
    assert [one.image.name for one in wanting(scan, overwrite=False)] == ["b.png", "c.png"]
    assert len(wanting(scan, overwrite=True)) == 3


def test_a_captioner_sees_images_and_nothing_else(tmp_path: Path) -> None:
    """Whatever it does there, the captions of the data set are out of its reach; the folder goes."""
    folder = drawn(tmp_path / "set", a="hat", b=None)
    scan = scan_folder(folder, ".txt")
    with work_folder(wanting(scan, overwrite=True), folder) as work:
        assert sorted(path.name for path in work.iterdir()) == ["a.png", "b.png"]
        assert (work / "a.png").read_bytes() == (folder / "a.png").read_bytes()
        (work / "a.txt").write_text("new")
    assert (folder / "a.txt").read_text() == "hat"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_what_it_wrote_comes_home_as_edits(tmp_path: Path) -> None:
    """Blank captions are none; other files are not looked at."""
    folder = drawn(tmp_path / "set", a="hat", b=None, c=None, d=None)
    pictures = scan_folder(folder, ".txt").pictures
    with work_folder(pictures, folder) as work:
        for name, text in (("a.txt", "new a"), ("b.txt", "new b"), ("c.txt", " \n"), ("e.txt", "stray")):
            (work / name).write_text(text)
        edits = written(work, pictures, ".txt", whole=True)
    assert [(one.path, one.before, one.after) for one in edits] == [
        (folder / "a.txt", b"hat", b"new a"),
        (folder / "b.txt", None, b"new b"),
    ]


def test_the_last_one_of_an_interrupted_captioner_is_left_out(tmp_path: Path) -> None:
    """It may be half written, and would pass for whole ever after."""
    folder = drawn(tmp_path / "set", a=None, b=None, c=None)
    pictures = scan_folder(folder, ".txt").pictures
    with work_folder(pictures, folder) as work:
        for moment, name in ((3, "a.txt"), (9, "b.txt"), (5, "c.txt")):
            (work / name).write_text("words")
            os.utime(work / name, (moment, moment))
        edits = written(work, pictures, ".txt", whole=False)
        assert written(work, pictures[:0], ".txt", whole=False) == []
    assert [one.path.name for one in edits] == ["a.txt", "c.txt"]


def test_an_error_within_is_the_callers_own(tmp_path: Path) -> None:
    """It is not taken for a failure to link, and the folder goes all the same."""
    folder = drawn(tmp_path / "set", a=None)
    with pytest.raises(OSError, match="mine"), work_folder(scan_folder(folder, ".txt").pictures, folder):
        raise OSError(5, "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_an_image_that_went_is_named(tmp_path: Path) -> None:
    """Between the scan and the linking."""
    folder = drawn(tmp_path / "set", a=None)
    pictures = scan_folder(folder, ".txt").pictures
    (folder / "a.png").unlink()
    with pytest.raises(DatasetError, match="cannot be linked"), work_folder(pictures, folder):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_another_disk_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be made beside the data set, the system's folder for such things is taken."""
    real = tempfile.mkdtemp

    def refuse(prefix: str, dir: str | None = None) -> str:  # noqa: A002
        if dir:
            raise PermissionError(13, "Permission denied", dir)
        return real(prefix=prefix, dir=tmp_path / "elsewhere")

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("dataset_tools.captions.work.tempfile.mkdtemp", refuse)
    folder = drawn(tmp_path / "set", a=None)
    with work_folder(scan_folder(folder, ".txt").pictures, folder) as work:
        assert work.parent.parent == tmp_path / "elsewhere"


def _refuse(*_: object, **__: object) -> None:
    raise OSError(95, "Operation not supported")


def test_a_file_is_linked_or_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hard, else symbolic where that will do, else a copy with its time."""
    source = tmp_path / "a"
    source.write_bytes(b"x")
    os.utime(source, (5, 5))
    assert link_or_copy(source, tmp_path / "hard") == "hard link"
    assert (tmp_path / "hard").stat().st_ino == source.stat().st_ino
    monkeypatch.setattr("dataset_tools.linking.os.link", _refuse)
    assert link_or_copy(source, tmp_path / "soft", symbolic=True) == "symbolic link"
    assert link_or_copy(source, tmp_path / "copy") == "copy"
    monkeypatch.setattr(Path, "symlink_to", _refuse)
    assert link_or_copy(source, tmp_path / "copy2", symbolic=True) == "copy"
    assert ((tmp_path / "copy").read_bytes(), (tmp_path / "copy").stat().st_mtime) == (b"x", 5)


def test_a_link_leads_to_the_file_itself(tmp_path: Path) -> None:
    """A link to a link would break with the first."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    link_or_copy(tmp_path / "b", tmp_path / "c")
    assert not (tmp_path / "c").is_symlink()


def test_nothing_is_overwritten_by_a_link(tmp_path: Path) -> None:
    """Not even where a copy would."""
    for name in "ab":
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError):
        link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "b"
