"""Captions as they are trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_tools.errors import DatasetError
from dataset_tools.scan.captions import caption_path, captioned, read_caption, selected, tags_of
from dataset_tools.scan.scan import scan_folder
from tests.unit.dataset_tools.captioned import drawn, spoken


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"  one, two \r\nthree\n", "one, two"),
        (b"\nsecond", ""),
        (b"one\rtwo", "one"),
        ("uno\u2028dos\u0085tres".encode(), "uno\u2028dos\u0085tres"),
        (b"caf\xe9, x", "caf\ufffd, x"),
    ],
)
def test_the_first_line_is_the_caption(tmp_path: Path, content: bytes, text: str) -> None:
    """Lines end where Python's text files end them, and nowhere else."""
    (tmp_path / "a.txt").write_bytes(content)
    assert read_caption(tmp_path / "a.txt") == text


def test_a_caption_that_is_gone_is_named(tmp_path: Path) -> None:
    """No traceback for a file deleted after the scan."""
    with pytest.raises(DatasetError, match="cannot be read"):
        read_caption(tmp_path / "a.txt")


def test_tags_are_what_stands_between_separators() -> None:
    """Blanks go, empty ones too; another separator leaves commas alone."""
    assert tags_of(" a b ,c,, d , ") == ("a b", "c", "d")
    assert tags_of("a, b | c", "|") == ("a, b", "c")


def test_an_image_without_a_caption_has_no_tags(tmp_path: Path) -> None:
    """It is there, with nothing to say."""
    folder = drawn(tmp_path / "d", a="one, two", b=None)
    assert [(one.name, one.tags) for one in captioned(scan_folder(folder, ".txt").pictures)] == [
        ("a.png", ("one", "two")),
        ("b.png", ()),
    ]


def test_a_selection_is_by_tag_or_name() -> None:
    """A tag is meant as a whole, a name as a shell would."""
    pictures = [spoken("cat_1.png", "red cape, hat"), spoken("cat_2.png", "cape"), spoken("dog[1].png", "red")]
    names = {
        words: [one.name for one in selected(pictures, words)]
        for words in ((), ("cape",), ("cat_*",), ("red", "*2.png"), ("dog[[]1].png",), ("nothing",))
    }
    assert names == {
        (): ["cat_1.png", "cat_2.png", "dog[1].png"],
        ("cape",): ["cat_2.png"],
        ("cat_*",): ["cat_1.png", "cat_2.png"],
        ("red", "*2.png"): ["cat_2.png", "dog[1].png"],
        ("dog[[]1].png",): ["dog[1].png"],
        ("nothing",): [],
    }


def test_a_new_caption_has_the_images_stem() -> None:
    """As sd-scripts splits names: at the last dot, and not before the first."""
    assert [caption_path(Path("/d") / name, ".txt").name for name in ("a.b.png", "x..png")] == ["a.b.txt", "x..txt"]
