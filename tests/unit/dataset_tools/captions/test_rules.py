"""What rules make of a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.captions.rules import CaptionRules, Pattern
from dataset_tools.captions.rules_file import load_rules
from dataset_tools.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path


def _rules(folder: Path, text: str) -> CaptionRules:
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    return load_rules(folder / "rules.toml")


@pytest.mark.parametrize(
    ("rules", "before", "after"),
    [
        ("prefix = ['x']", "a, b", "x, a, b"),
        ("prefix = ['x', 'y']", "a, y, b", "x, y, a, b"),
        ("prefix = ['x, y']", "a", "x, y, a"),
        ("prefix = 'x'", "", "x"),
        ("suffix = ['x']", "x, a", "a, x"),
        ("prefix = ['p']\nsuffix = ['s']", "s, a, p", "p, a, s"),
        ("remove = ['b']", "a, b, ab, b c", "a, ab, b c"),
        ("remove = [{ text = 'b' }]", "a, b, ab, b c, d", "a, d"),
        ("remove = [{ regex = '^b|d$' }]", "ab, bc, d, da", "ab, da"),
        ("replace = [{ tag = 'b', to = 'x' }]", "a, b, ab", "a, x, ab"),
        ("replace = [{ tag = 'b', to = '' }]", "a, b, c", "a, c"),
        ("replace = [{ tag = 'b', to = 'x, y' }]", "a, b, c", "a, x, y, c"),
        ("replace = [{ text = 'grey', to = 'gray' }]", "greyish grey, b", "grayish gray, b"),
        ("replace = [{ text = '.', to = '' }]", "a.b, c", "ab, c"),
        ("replace = [{ regex = '^(\\w+) (\\w+)$', to = '\\2 of \\1' }]".replace("\\", "\\"), "a b, c", "b of a, c"),
        ("replace = [{ tag = 'a', to = 'b' }, { tag = 'b', to = 'c' }]", "a, b", "c"),
        ("replace = [{ tag = 'a', to = 'b' }]\nremove = ['b']", "a, c", "c"),
        ("", "a, b, a,  b , c", "a, b, c"),
        ("duplicates = 'keep'", "a, b, a", "a, b, a"),
        ("separator = '|'\nremove = ['b']", "a, x|b|c", "a, x| c"),
        ("separator = ' | '\nremove = ['b']", "a, x | b | c", "a, x | c"),
        ("remove = ['café']", "café, té", "té"),
    ],
)
def test_a_rule_does_what_it_says(tmp_path: Path, rules: str, before: str, after: str) -> None:
    """Each kind, and the order of the kinds; the order of tags is kept."""
    assert _rules(tmp_path, rules).text(before) == after


@pytest.mark.parametrize(
    "text", ["", "a,b ,  c", "a, b\r\n", "\ufeffa, b\n", "a\n\nb", "  a  ", ",a,", "a, b\n\n", "a\u2028b, c"]
)
def test_a_caption_without_a_change_keeps_its_bytes(text: str) -> None:
    """Blanks, line ends and byte order mark included: no diff without a reason."""
    assert CaptionRules(remove=(Pattern(kind="tag", wanted="zzz"),)).text(text) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x, a\r\nx, b\r\n", "a\r\nb\r\n"),
        ("x, a\n\nb, x", "a\n\nb"),
        ("\ufeffx, a", "a"),
        ("x\ny", "\ny"),
    ],
)
def test_each_line_is_a_caption(before: str, after: str) -> None:
    """Line ends stay what they were; a byte order mark goes with a change."""
    assert CaptionRules(remove=(Pattern(kind="tag", wanted="x"),)).text(before) == after


def test_empty_lines_get_no_prefix() -> None:
    """The first line does: it is the caption."""
    assert CaptionRules(prefix=("p",)).text("\n\na\n") == "p\n\np, a\n"


def test_merged_tags_go_behind_the_first_line_and_through_the_rules() -> None:
    """In their order, those that are there already only once."""
    rules = CaptionRules(remove=(Pattern(kind="tag", wanted="bad"),), suffix=("end",))
    assert rules.text("a, b\nc", ["x", "a", "bad", "y"]) == "a, b, x, y, end\nc, end"


_tags = st.lists(st.sampled_from(["a", "b", "c", "d d", "é"]), max_size=6)


@given(tags=_tags, prefix=_tags, suffix=_tags, remove=_tags)
def test_twice_is_once(tags: list[str], prefix: list[str], suffix: list[str], remove: list[str]) -> None:
    """What was mended stays as it is, no tag comes twice, and the others keep their order."""
    edges = list(dict.fromkeys(prefix)), [tag for tag in dict.fromkeys(suffix) if tag not in prefix]
    rules = CaptionRules(
        prefix=tuple(edges[0]),
        suffix=tuple(edges[1]),
        remove=tuple(Pattern(kind="tag", wanted=tag) for tag in remove if tag not in {*prefix, *suffix}),
    )
    once = rules.text(", ".join(tags))
    new = once.split(", ") if once else []
    assert rules.text(once) == once
    assert len(new) == len(set(new))
    middle = [tag for tag in new if tag not in {*prefix, *suffix}]
    assert middle == [tag for tag in dict.fromkeys(tags) if tag in middle]


def _wrong() -> list[tuple[str, list[str]]]:
    return [
        ("prefx = ['a']", ["no rule called prefx"]),
        ("prefix = 3", ["prefix must be a list of tags"]),
        ("prefix = ['a', ' ']", ["prefix must be a list of tags"]),
        ("suffix = [3]", ["suffix must be a list of tags"]),
        ("remove = 'a'", ["remove must be a list"]),
        ("remove = [3]", [r"remove\[0\] needs one of"]),
        ("remove = [{ tag = 'a', text = 'b' }]", [r"remove\[0\] needs one of"]),
        ("remove = [{ tag = 'a', to = 'b' }]", [r"remove\[0\] says what no rule knows: to"]),
        ("remove = ['a', { regex = '(' }]", [r"remove\[1\]: '\(' is no regular expression"]),
        ("replace = [{ tag = 'a' }]", [r"replace\[0\] needs to"]),
        ("replace = [{ to = 'a' }]", [r"replace\[0\] needs one of"]),
        ("replace = [{ regex = '(a)', to = '\\2' }]", ["does not fit its regex"]),
        ("replace = [{ regex = '(?i)a', to = '\\g<x>' }]", ["does not fit its regex"]),
        ("duplicates = true", ["duplicates must be"]),
        ("separator = ' '", ["separator must be"]),
        ("prefix = [", ["not TOML"]),
        ("x = 1\nduplicates = 2\nremove = [3]", ["no rule called x", "duplicates", "remove"]),
    ]


@pytest.mark.parametrize(("text", "said"), _wrong())
def test_wrong_rules_are_refused_all_at_once(tmp_path: Path, text: str, said: list[Any]) -> None:
    """With the file, and every problem in it."""
    for words in said:
        with pytest.raises(DatasetError, match=words) as caught:
            _rules(tmp_path, text)
        assert caught.value.where == str(tmp_path / "rules.toml")


def test_flags_within_an_expression(tmp_path: Path) -> None:
    """`(?i)` stands at its beginning and counts."""
    assert _rules(tmp_path, "replace = [{ regex = '(?i)GREY', to = 'gray' }]").text("Grey, b") == "gray, b"
