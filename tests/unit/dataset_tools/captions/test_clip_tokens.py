"""Tokens are counted as CLIP counts them, and estimated where its tokenizer is not at hand."""

from pathlib import Path

import pytest

from dataset_tools.captions import clip_tokens
from dataset_tools.captions.clip_tokens import ClipTokenizer, estimate, find_merges, pieces

TINY = "#version: 0.2\nc a\nca t</w>\nd o\ndo g</w>\n' s</w>\nà ©</w>\n"


@pytest.fixture
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClipTokenizer:
    """One that knows cats and dogs."""
    monkeypatch.setattr(clip_tokens, "MERGES", 6)
    path = tmp_path / "merges.txt"
    path.write_text(TINY, encoding="utf-8")
    return ClipTokenizer(path)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("cat", 1),
        ("CAT\t\n dog", 2),
        ("cats", 3),  # ca, t, s</w>
        ("cat's", 2),
        ("dog 42", 3),
        ("cat, dog!!", 5),  # a run of signs is one piece, and here two tokens
        ("d", 1),
        ("é CAT", 3),  # two bytes that no merge joins, and a word
        ("½ x²", 5),  # numbers of two bytes each
        ("\ud800", 1),  # half a surrogate pair, from a metadata file: a question mark
    ],
)
def test_pieces_are_merged_in_the_order_of_the_file(tokenizer: ClipTokenizer, text: str, count: int) -> None:
    """Each piece that is left is one token."""
    assert tokenizer.count(text) == count


def test_text_is_taken_apart_as_clip_does() -> None:
    """Words, single digits, runs of signs, English endings; the same with and without foreign letters."""
    assert pieces("A 3d cat's hat, don't (x:1.2)") == [
        *("a", "3", "d", "cat", "'s", "hat", ",", "don", "'t", "(", "x", ":", "1", ".", "2", ")"),
    ]
    assert pieces("Straße №5 日本語! ½ don't") == ["straße", "№", "5", "日本語", "!", "½", "don", "'t"]
    assert pieces("under_score") == ["under", "_", "score"]


def test_an_estimate_is_near() -> None:
    """The real tokenizer counts 39, 11 and 0."""
    prose = (
        "A confident young woman stands beside a weathered wooden fence, wearing a faded denim jacket over a cream "
        "turtleneck; her auburn curls catch the late afternoon sunlight while mountains rise softly behind her."
    )
    assert abs(estimate(prose) - 39) <= 4
    assert abs(estimate("1girl, solo, long hair, looking at viewer") - 11) <= 1
    assert estimate("") == 0


def test_the_real_tokenizer_is_found_and_a_miniature_is_not(tmp_path: Path) -> None:
    """By the names that sd-scripts and Hugging Face's libraries use."""
    real = b"#version: 0.2\n" + b"x y\n" * 100_000
    own = tmp_path / "own" / "openai_clip-vit-large-patch14" / "merges.txt"
    hub = tmp_path / "hf" / "hub" / "models--openai--clip-vit-large-patch14" / "snapshots" / "abc" / "merges.txt"
    environ = {"HF_HOME": str(tmp_path / "hf"), "XDG_CACHE_HOME": str(tmp_path / "none")}
    for path in (own, hub):
        path.parent.mkdir(parents=True)
        path.write_text("#version: 0.2\n")
    assert find_merges(environ, [tmp_path / "own"]) is None
    hub.write_bytes(real)
    assert find_merges(environ, [tmp_path / "own"]) == hub
    own.write_bytes(real)
    assert find_merges(environ, [tmp_path / "own"]) == own
    assert find_merges({"XDG_CACHE_HOME": str(tmp_path)}) is None


def test_what_is_not_the_whole_tokenizer_is_refused(tmp_path: Path) -> None:
    """A miniature's counts would be of letters."""
    path = tmp_path / "merges.txt"
    path.write_text(TINY, encoding="utf-8")
    with pytest.raises(ValueError, match="whole"):
        ClipTokenizer(path)
