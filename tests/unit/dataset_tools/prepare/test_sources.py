"""Which pictures and captions there are, and which of them would become one file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dataset_tools.errors import DatasetError
from dataset_tools.prepare.sources import PICTURE_SUFFIXES, Source, clashes, find_sources
from dataset_tools.scan.scan import IMAGE_SUFFIXES, PLUGIN_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path


def test_everything_below_a_folder(tmp_path: Path) -> None:
    """Sub-folders, any spelling, captions with their picture; what is hidden or something else is not."""
    for name in (
        *("b.JPG", "a.png", "a.txt", "a.caption", "a.json", "deep/er/c.webp", "deep/er/c.TXT", "lonely.txt"),
        *(".hidden.png", ".cache/x.png", "movie.mp4", "noext", "d.e.png", "d.txt", "d.e.txt"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_sources(tmp_path)
    assert [(one.name, one.captions) for one in found.pictures] == [
        ("a.png", ("a.caption", "a.txt")),
        ("b.JPG", ()),
        ("d.e.png", ("d.e.txt",)),
        ("deep/er/c.webp", ("deep/er/c.TXT",)),
    ]
    assert dict(found.others) == {"": 1, ".json": 1, ".mp4": 1, ".txt": 2}
    assert found.path("deep/er/c.webp") == tmp_path / "deep" / "er" / "c.webp"
    assert found.pictures[3].stem == "deep/er/c"


def test_what_was_put_aside_stays_there(tmp_path: Path) -> None:
    """`check` moves what is damaged or there twice into a folder below: it does not come back."""
    for name in ("a.png", "kft-aside/now/a.png", "sub/kft-aside/b.png", "sub/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [one.name for one in find_sources(tmp_path).pictures] == ["a.png", "sub/c.png"]


@pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")
def test_links_to_folders_are_named_and_not_followed(tmp_path: Path) -> None:
    """Those with pictures, at any depth, that are found nowhere else; links to files are files; circles have an end."""
    folder, other = tmp_path / "photos", tmp_path / "other"
    for path in (folder / "a.png", folder / "sub" / "b.png", folder / ".store" / "d.png", other / "deep" / "C.TIFF"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    (tmp_path / "texts" / "round").symlink_to(tmp_path / "texts")
    for name, target in (
        *(("sub/out", other), ("hidden", folder / ".store"), ("again", folder / "sub"), ("round", folder)),
        *(("words", tmp_path / "texts"), (".secret", other), ("file.png", folder / "a.png"), ("gone", tmp_path / "no")),
    ):
        (folder / name).symlink_to(target)
    found = find_sources(folder)
    assert [one.name for one in found.pictures] == ["a.png", "file.png", "sub/b.png"]
    assert found.linked == {"hidden": str(folder / ".store"), "sub/out": str(other)}
    assert dict(found.others) == {"": 1}


def test_what_sd_scripts_reads_is_found() -> None:
    """All of its suffixes, and those it cannot read."""
    assert {*IMAGE_SUFFIXES, *PLUGIN_SUFFIXES} < PICTURE_SUFFIXES
    assert len(PICTURE_SUFFIXES) == 22


def test_clashing_names() -> None:
    """By suffix, by case, by the form of an accent; the same name in another folder is another one."""
    names = ("a.png", "a.jpg", "B.png", "b.webp", "x/a.png", "e\u0301.png", "\u00e9.png", "c.png")
    groups = clashes(Source(name=name, captions=()) for name in names)
    assert groups == [("a.png", "a.jpg"), ("B.png", "b.webp"), ("e\u0301.png", "\u00e9.png")]


def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    """An error with a next step."""
    with pytest.raises(DatasetError, match="cannot be listed"):
        find_sources(tmp_path / "missing")
