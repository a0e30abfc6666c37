"""Whether pictures lie below, and where links lead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dataset_tools.below import hold_pictures, is_meant, leads_to

if TYPE_CHECKING:
    from pathlib import Path

ENDINGS = (".png", ".jpg")


def touch(path: Path) -> None:
    """An empty file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("a.png", True),
        ("deep/er/A.JPG", True),
        ("a.txt", False),
        (".hidden.png", False),
        (".cache/a.png", False),
        ("deep/kft-aside/now/a.png", False),
    ],
)
def test_pictures_at_any_depth(tmp_path: Path, name: str, held: bool) -> None:
    """By their endings, whatever their case; not what is hidden or was put aside."""
    touch(tmp_path / "folder" / name)
    assert hold_pictures(tmp_path / "folder", ENDINGS) is held


@pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")
def test_links_are_followed_once(tmp_path: Path) -> None:
    """Ways in circles, of which there would be more than anyone can go, have an end."""
    touch(tmp_path / "here" / "a.txt")
    touch(tmp_path / "other" / "b.txt")
    for number in range(4):
        (tmp_path / "here" / f"round{number}").symlink_to(tmp_path / "other")
        (tmp_path / "other" / f"round{number}").symlink_to(tmp_path / "here")
    assert not hold_pictures(tmp_path / "here", ENDINGS)
    touch(tmp_path / "other" / "deep" / "b.png")
    assert hold_pictures(tmp_path / "here", ENDINGS)


@pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")
def test_where_a_link_leads(tmp_path: Path) -> None:
    """To the end; what is no link, or not there, leads nowhere."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "further").symlink_to(tmp_path / "link")
    assert [leads_to(tmp_path / name) for name in ("further", "folder", "gone")] == [str(tmp_path / "folder"), "", ""]


def test_which_folders_are_meant() -> None:
    """Neither hidden ones nor what check put aside."""
    assert [is_meant(name) for name in ("more", ".cache", "kft-aside")] == [True, False, False]
