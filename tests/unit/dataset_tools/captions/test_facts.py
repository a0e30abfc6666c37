"""What a caption file says, whatever its bytes are."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.captions.clip_tokens import ClipTokenizer
from dataset_tools.captions.facts import CaptionFacts, caption_facts, read_captions
from tests.unit.dataset_tools.planted import settle


@given(st.binary(max_size=200))
def test_any_bytes_give_facts(content: bytes) -> None:
    """No crash, and garbled exactly where Python cannot decode."""
    facts = caption_facts(content)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        assert facts.garbled
    else:
        assert not facts.garbled


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a".encode("utf-16"), "UTF-16"),
        ("\ufeffcafé".encode("utf-32-le"), "UTF-32"),
        ("é, a caption".encode("utf-16-le"), "probably UTF-16"),
        (b"caf\xe9", "perhaps Latin-1 or Windows-1252"),
    ],
)
def test_an_encoding_is_guessed_in_words(content: bytes, words: str) -> None:
    """What it announces, or what it looks like."""
    assert caption_facts(content).garbled == words


def test_good_captions_of_all_scripts_are_not_odd() -> None:
    """Joined emoji, accents of their own, right to left, tabs and Windows' line ends."""
    text = "a café, cafe\u0301, 日本, עברית, 👩\u200d🚀, नमस्ते\tΩ\r\n"
    facts = caption_facts(text.encode())
    assert (facts.odd, facts.doubtful, facts.more_lines, facts.blank, facts.mark) == ("", "", 0, False, "")


@pytest.mark.parametrize("text", ["I'm sorry, but I can't help", "I cannot see", "As an AI model", "Sure! Here is"])
def test_answers_are_no_captions(text: str) -> None:
    """What a model says instead of a caption."""
    assert "captioning model" in caption_facts(text.encode()).doubtful


@pytest.mark.parametrize("text", ["a sorry sight", "surely here", "an ai robot", "i", "[a] cat", "{cat|dog}, red"])
def test_captions_are_no_answers(text: str) -> None:
    """Words that only begin alike, weights and wildcards."""
    assert caption_facts(text.encode()).doubtful == ""


def test_facts_are_remembered_for_each_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look opens nothing; another tokenizer counts anew."""
    path, memory = tmp_path / "a.txt", tmp_path / "memory"
    path.write_text("one two three")
    settle(tmp_path)
    assert [facts.tokens for _, facts in read_captions([path], None, memory)] == [3]
    monkeypatch.setattr("dataset_tools.captions.facts._content", lambda _path: b"never read")
    assert [facts.tokens for _, facts in read_captions([path], None, memory)] == [3]
    monkeypatch.setattr(ClipTokenizer, "__init__", lambda *_: None)
    monkeypatch.setattr(ClipTokenizer, "count", lambda *_: 9)
    assert [facts.tokens for _, facts in read_captions([path], tmp_path / "merges.txt", memory)] == [9]


def test_what_is_gone_is_left_out(tmp_path: Path) -> None:
    """It went after the folder was listed."""
    there = tmp_path / "b.txt"
    there.write_text("x")
    assert [number for number, _ in read_captions([tmp_path / "a.txt", there], None, None)] == [1]
    assert CaptionFacts() == caption_facts(b"")
    assert os.path.exists(there)  # noqa: PTH110
