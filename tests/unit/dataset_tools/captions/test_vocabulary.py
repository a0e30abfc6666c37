"""Which part of the convention a caption has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dataset_tools.captions.vocabulary import Vocabulary, load_vocabulary, shipped_vocabulary_text
from dataset_tools.errors import DatasetError
from dataset_tools.sets.figures import caption, figure

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ["visual traits", "style tags", "anatomy and structure", "outfit and accessories"]


def test_the_shipped_one_has_the_four_parts() -> None:
    """In the order of the convention, each with words in English and Spanish."""
    vocabulary = load_vocabulary()
    assert list(vocabulary.parts) == PARTS
    assert all(len(words) > 25 for words in vocabulary.parts.values())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("red hair", ["visual traits"]),
        ("pelo corto, ojos verdes", ["visual traits"]),
        ("fortnite_style", ["style tags"]),
        ("Estilo Fortnite", ["style tags"]),
        ("muscular build", ["anatomy and structure"]),
        ("cuerpo delgado", ["anatomy and structure"]),
        ("a leather jacket", ["outfit and accessories"]),
        ("botas y guantes rojos", ["outfit and accessories"]),
        ("MÁSCARA", ["outfit and accessories"]),
        ("brown chairs, a carpet", []),
        ("", []),
    ],
)
def test_words_are_whole_and_of_any_case(text: str, parts: list[str]) -> None:
    """`hair` is not found in `chairs`, nor `cap` in `carpet`; an underscore is a blank."""
    assert list(load_vocabulary().found(text)) == parts


def test_every_drawn_caption_has_every_part() -> None:
    """The sample set's captions were written to the same convention."""
    vocabulary = load_vocabulary()
    found = [list(vocabulary.found(caption(figure(2024, index)))) for index in range(60)]
    assert len(found) == 60
    assert all(parts == PARTS for parts in found)


def test_the_longest_word_is_the_one_found() -> None:
    """And `*` stands for letters, none or more, but not for a blank."""
    vocabulary = Vocabulary(parts={"x": ("cape", "red cape", "glow*", "a.c")})
    assert vocabulary.found("red cape, glowing eyes, glow, abc a.c") == {"x": ("red cape", "glowing", "glow", "a.c")}


def test_the_text_to_edit_is_the_file_itself(tmp_path: Path) -> None:
    """What `--show-vocabulary` prints loads as what is shipped."""
    (tmp_path / "mine.toml").write_text(shipped_vocabulary_text(), encoding="utf-8")
    assert load_vocabulary(tmp_path / "mine.toml") == load_vocabulary()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no part"),
        ("x = 3", "x is no list of words"),
        ("x = []", "x is no list of words"),
        ("x = ['a', 3]", "x is no list of words"),
        ("x = [' ']", "x is no list of words"),
        ("x = [", "not TOML"),
        (b"x = ['\xff']", "not UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str | bytes | None, said: str) -> None:
    """With the file and the reason."""
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DatasetError, match=said) as caught:
        load_vocabulary(path)
    assert caught.value.where == str(path)
