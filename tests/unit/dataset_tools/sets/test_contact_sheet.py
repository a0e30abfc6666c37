"""Thumbnails in rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from dataset_tools.errors import DatasetError
from dataset_tools.pixels.png_stream import PngStream
from dataset_tools.scan.captions import Captioned, captioned
from dataset_tools.scan.scan import scan_folder
from dataset_tools.sets import contact_sheet
from dataset_tools.sets.contact_sheet import SheetLook, draw_sheet, evenly
from tests.unit.dataset_tools.captioned import all_spoken

if TYPE_CHECKING:
    from pathlib import Path

SIDE, GAP = 40, 8


def _colours(folder: Path, count: int) -> list[Captioned]:
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (30, 60), (20 * number, 90, 160)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"picture {number}, " + "a rather long caption, " * 20)
    return captioned(scan_folder(folder, ".txt").pictures)


def test_every_picture_stands_in_its_place(tmp_path: Path) -> None:
    """Row by row, fitted into a square, on a sheet of the size that was said."""
    sheet = draw_sheet(_colours(tmp_path / "d", 7), tmp_path / "s.png", SheetLook(columns=3, side=SIDE))
    with Image.open(tmp_path / "s.png") as drawn:
        assert (sheet.pictures, drawn.size) == (7, (sheet.width, sheet.height))
        row = (sheet.height - GAP) // 3
        middles = [
            drawn.getpixel((GAP + (n % 3) * (SIDE + GAP) + SIDE // 2, n // 3 * row + GAP + SIDE // 2)) for n in range(7)
        ]
        beside = drawn.getpixel((GAP + 2, GAP + SIDE // 2))
    assert middles == [(20 * number, 90, 160) for number in range(7)]
    assert beside == contact_sheet._PAPER


def test_words_stand_below_within_their_column(tmp_path: Path) -> None:
    """The name and the first words; a long caption does not run into the next picture."""
    draw_sheet(_colours(tmp_path / "d", 2), tmp_path / "s.png", SheetLook(columns=2, side=SIDE))
    with Image.open(tmp_path / "s.png") as drawn:
        lines = drawn.convert("L").crop((0, GAP + SIDE, drawn.width, drawn.height))
        gap = lines.crop((GAP + SIDE + 1, 0, 2 * GAP + SIDE - 1, lines.height))
        assert min(lines.tobytes()) < 120
        assert min(gap.tobytes()) > 240


@pytest.mark.parametrize("text", ["one two three four five six seven eight nine ten " * 3, "short", "", "W" * 300])
def test_text_is_folded_between_words(text: str) -> None:
    """No line is too wide, each takes as many words as fit, and the last says that there is more."""
    drawing = contact_sheet._Drawing(SheetLook())
    pen = ImageDraw.Draw(Image.new("RGB", (9, 9)))
    lines = drawing._folded(pen, text, 100, 2)
    words = text.split()
    assert all(drawing._fits(pen, line, 100) for line in lines)
    assert len(lines) == min(2, len(words))
    if len(words) > 9:
        first = len(lines[0].split())
        assert lines[0] == " ".join(words[:first])
        assert not drawing._fits(pen, " ".join(words[: first + 1]), 100)
        assert lines[1].endswith("...")
        assert " ".join(words[first:]).startswith(lines[1][:-3])


def test_what_is_no_picture_says_so_in_its_place(tmp_path: Path) -> None:
    """One broken file costs one thumbnail."""
    pictures = _colours(tmp_path / "d", 3)
    (tmp_path / "d" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    sheet = draw_sheet(pictures, tmp_path / "s.png", SheetLook(columns=3, side=SIDE))
    ((name, why),) = sheet.undecodable
    assert (name, bool(why)) == ("1.png", True)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_any_mode_is_drawn(tmp_path: Path, mode: str) -> None:
    """As sd-scripts converts it: without its alpha channel."""
    suffix = ".jpg" if mode == "CMYK" else ".png"
    (tmp_path / "d").mkdir()
    Image.new(mode, (30, 30)).save(tmp_path / "d" / f"a{suffix}")
    pictures = captioned(scan_folder(tmp_path / "d", ".txt").pictures)
    assert draw_sheet(pictures, tmp_path / "s.png").undecodable == ()


def test_names_that_no_font_has(tmp_path: Path) -> None:
    """Chinese, emoji, and bytes that are no UTF-8: boxes at worst."""
    pictures = all_spoken("角色 🦊", "\udcff")
    assert draw_sheet(pictures, tmp_path / "s.png").pictures == 2


def test_pillows_own_font_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no font, accents go."""
    monkeypatch.setattr(contact_sheet, "_FONTS", ())
    assert draw_sheet(all_spoken("niño 角"), tmp_path / "s.png").pictures == 1
    assert contact_sheet._Drawing(SheetLook())._drawable("niño 角") == "nino "


def test_memory_holds_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strip is written for every row, and none of them is as high as the sheet."""
    strips: list[int] = []

    class Watched(PngStream):
        def write(self, strip: Any) -> None:
            strips.append(strip.height)
            super().write(strip)

    monkeypatch.setattr(contact_sheet, "PngStream", Watched)
    sheet = draw_sheet(_colours(tmp_path / "d", 12), tmp_path / "s.png", SheetLook(columns=2, side=SIDE))
    assert (len(strips), sum(strips)) == (7, sheet.height)
    assert max(strips) == contact_sheet._Drawing(SheetLook(side=SIDE))._cell_height


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    """After each row."""
    calls: list[tuple[int, int]] = []
    look = SheetLook(columns=2, side=SIDE)
    draw_sheet(_colours(tmp_path / "d", 5), tmp_path / "s.png", look, lambda *done: calls.append(done))
    assert calls == [(2, 5), (4, 5), (5, 5)]


def test_a_sheet_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before stays when drawing fails, and nothing else is left."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "s.png").write_bytes(b"old")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PngStream, "close", fail)
    with pytest.raises(KeyboardInterrupt):
        draw_sheet(_colours(tmp_path / "d", 2), tmp_path / "out" / "s.png")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "out").iterdir()] == [("s.png", b"old")]


def test_nothing_to_draw_and_nowhere_to_draw_it(tmp_path: Path) -> None:
    """Both say what to do."""
    with pytest.raises(DatasetError, match="no picture to draw"):
        draw_sheet([], tmp_path / "s.png")
    with pytest.raises(DatasetError, match="cannot be written"):
        draw_sheet(all_spoken("x"), tmp_path / "no" / "s.png")


@pytest.mark.parametrize(("count", "names"), [(1, "0"), (3, "036"), (9, "012345678"), (10, "0123456789")])
def test_evenly_spaced(count: int, names: str) -> None:
    """So many of ten, from the first on."""
    assert "".join(one.name[0] for one in evenly(all_spoken(*"abcdefghij"), count)) == names
