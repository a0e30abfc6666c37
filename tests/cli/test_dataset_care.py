"""What the verbs of `kft dataset` must not harm, whatever lies in a folder."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Answer

Kft = Callable[..., Answer]


@pytest.fixture
def pictures(project: Path) -> Path:
    """A folder of two pictures with a caption each."""
    folder = project / "pictures"
    folder.mkdir()
    for number, name in enumerate(("a", "b")):
        Image.effect_noise((300, 300), 40 + number).convert("RGB").save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"tag {name}", encoding="utf-8")
    return folder


def names(folder: Path) -> list[str]:
    """What lies in a folder and is not hidden."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_caption_of_two_images_stays_with_the_other(kft: Kft, pictures: Path) -> None:
    """The broken one is moved aside, the caption is the whole one's as well."""
    (pictures / "a.jpg").write_bytes((pictures / "a.png").read_bytes()[:2000])
    kft("dataset", "check", "pictures", "--fix", "--yes")
    assert names(pictures) == ["a.png", "a.txt", "b.png", "b.txt", "kft-aside"]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights on Windows")
def test_what_a_link_leads_to_is_not_moved(kft: Kft, pictures: Path) -> None:
    """A link and its target are the same picture; moving the target would leave none."""
    (pictures / "a.png").rename(pictures / "z.png")  # without a caption, so that of equal files it would go
    (pictures / "a.png").symlink_to("z.png")
    kft("dataset", "check", "pictures", "--fix", "--yes")
    assert {"a.png", "z.png"} <= set(names(pictures))


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights on Windows")
def test_a_source_that_cannot_be_read_costs_nothing(kft: Kft, pictures: Path) -> None:
    """A share that is away for a moment is no reason to remove what was made from it."""
    made = ("dataset", "prepare", "pictures", "made", "--size", "256x256")
    assert kft(*made).code == 0
    (pictures / "a.png").rename(pictures.parent / "away.png")
    (pictures / "a.png").symlink_to("/nonexistent/a.png")
    again = kft(*made)
    assert (again.code, "a.png" in again.out + again.err) == (1, True)
    assert names(pictures.parent / "made") == ["a.png", "a.txt", "b.png", "b.txt", "prepare.json"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_for_a_caption_is_not_waited_for(kft: Kft, pictures: Path) -> None:
    """It is named, and the others go on."""
    (pictures / "a.txt").unlink()
    os.mkfifo(pictures / "a.txt")
    answer = kft("dataset", "prepare", "pictures", "made", "--size", "256x256")
    assert (answer.code, "its caption a.txt is no file" in answer.out + answer.err) == (1, True)
    assert names(pictures.parent / "made") == ["a.png", "b.png", "b.txt", "prepare.json"]


@pytest.mark.parametrize("target", ["pictures/list.txt", "pictures/a.txt", "there.txt"])
def test_a_list_takes_nothings_place(kft: Kft, pictures: Path, target: str) -> None:
    """Not that of an image or a caption, and not that of any other file."""
    (pictures.parent / "there.txt").write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() for path in pictures.parent.rglob("*.txt")}
    assert kft("dataset", "subset", "pictures", "--n", "1", "--list", target).code == 2
    assert {path: path.read_bytes() for path in pictures.parent.rglob("*.txt")} == before


@pytest.mark.skipif(sys.platform == "win32", reason="no such names on Windows")
def test_a_line_break_in_a_name_is_drawn_as_a_blank(kft: Kft, pictures: Path) -> None:
    """A contact sheet of it is drawn all the same."""
    (pictures / "b.png").rename(pictures / "b\nb.png")
    assert kft("dataset", "stats", "pictures", "--sheet", "sheet.png").code == 0
    assert (pictures.parent / "sheet.png").is_file()


def test_a_program_of_the_users_gets_copies(kft: Kft, pictures: Path) -> None:
    """It may write into images: the originals stay as they are."""
    spoil = pictures.parent / "spoil.py"
    spoil.write_text(
        "import pathlib, sys\n"
        "for path in pathlib.Path(sys.argv[1]).glob('*.png'):\n"
        "    path.write_bytes(b'spoilt')\n"
        "    path.with_suffix('.txt').write_text('new')\n",
        encoding="utf-8",
    )
    before = (pictures / "a.png").read_bytes()
    command = f'"{sys.executable}" "{spoil}" {{images}}'
    answer = kft("dataset", "caption", "pictures", "--overwrite", "--command", command)
    assert (answer.code, (pictures / "a.txt").read_text(encoding="utf-8")) == (0, "new")
    assert (pictures / "a.png").read_bytes() == before
