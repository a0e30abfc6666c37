"""Expressions mean what they mean to `re`, and come to an end."""

from __future__ import annotations

import re
import time
from itertools import count
from typing import TYPE_CHECKING

import pytest

from dataset_tools.captions import regex as caption_regex
from dataset_tools.captions.regex import Patience, TooSlowError, wrong_with

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = (
    "gray a{e} {x} aa{} b{,2}[x] x--y [:alpha:] a&&b",
    "Ünïcode K ß SS",
    "aab  bb_cc-dd",
    "(weight:1.2) <lora:x:1>",
    "two\nlines\t!",
    r"a{i} a{d}b, gray{e<=1} a{s<2}, aa{e} b{e}{e} a{1 x{ 2}, \{x}",
    "",
)
"""Letters, marks and blanks as captions have them, and what only looks like an expression."""

EXPRESSIONS: tuple[tuple[str, str], ...] = (
    *((wanted, "-") for wanted in (r"x*", r"a??", r"(a*)*", r"\w+", r"\s", r"\W", r"[^\w\s]", r"(?s).", r"(?a)\w")),
    *((wanted, "<") for wanted in (r"^", r"$", r"\Z", r"\A", r"\b", r"(?m)^", r"(?m)$", r"[\b]")),
    *((wanted, "-") for wanted in (r"(?<=a)b", r"(?<!a)b", r"(?=b)", r"(?!b)", r"(?i)ss", r"(?i:GRAY)", r"(?-i:a)")),
    *((wanted, "-") for wanted in (r"a{2}", r"a{1,2}", r"a{,2}b", r"a{1,}", r"a{,}", r"a{1,2}?", r"[]x]", r"[^]x]")),
    *((wanted, "-") for wanted in (r"a{e}", r"(?:gray){e<=1}", r"a{i}", r"a{d}b", r"a{s<2}", r"a{2}{e}", r"b{e}{e}")),
    *((wanted, "-") for wanted in (r"a{}", r"a{1", r"a{", r"{x}", r"\{x\}", r"[{}]", r"[\{x]", r"x{ 2}", r"\\{x}")),
    *((wanted, "-") for wanted in (r"\N{LATIN SMALL LETTER A}", r"\x61", r"\u0061", r"\041", "(?x) a # {e}\n b")),
    *(
        (wanted, "-")
        for wanted in (r"\(.*?\)", r"<lora:[^>]+>", r"(?#c)a", r"(\w)\1", r"(?P<n>b)(?P=n)", r"(a)?(?(1)a|b)")
    ),
    *((r"(a)|b", by) for by in (r"[\1]", r"\g<1>x", r"\g<0>\g<0>", r"\n", r"\\", r"\t.", "")),
    (r"(?P<first>\w)(?P<second>\w)?", r"\g<second>\1"),
)


def by_re(wanted: str, by: str) -> list[str]:
    """What Python's own makes of the texts."""
    return [re.sub(wanted, by, text) for text in TEXTS]


def test_expressions_mean_what_they_mean_to_re() -> None:
    """Searched for and replaced, braces that are no number included."""
    for wanted, by in EXPRESSIONS:
        assert wrong_with(wanted, by) == ""
        patience = Patience()
        assert [patience.replaced(wanted, by, text) for text in TEXTS] == by_re(wanted, by), wanted
        assert [patience.is_found(wanted, text) for text in TEXTS] == [bool(re.search(wanted, one)) for one in TEXTS]
    assert len(EXPRESSIONS) == 67
    assert sum(by_re(wanted, by) != list(TEXTS) for wanted, by in EXPRESSIONS) > 64  # they do something


@pytest.mark.parametrize(
    ("wanted", "by", "said"),
    [
        ("(", None, r"'(' is no regular expression ("),
        ("a{99999999999}", None, "is no regular expression (the repetition number is too large)"),
        ("(" * 9999 + ")" * 9999, None, "is no regular expression (maximum recursion depth"),
        ("[[:alpha:]]", None, "'[[:alpha:]]' may mean two things (possible nested set at position 1): write \\ before"),
        ("[a&&b]", None, "may mean two things"),
        (r"\p{L}", None, "is no regular expression (bad escape"),
        ("(a)", r"\2", r"to = '\\2' does not fit its regex (invalid group reference 2"),
        ("(?P<n>a)", r"\g<m>", "does not fit its regex (unknown group name 'm'"),
        ("a", r"\q", "does not fit its regex (bad escape"),
        ("(?P<n>a)(b)", r"\g<n>\2", ""),
    ],
)
def test_what_is_wrong_is_said(wanted: str, by: str | None, said: str) -> None:
    """Of what `re` does not take, of what it takes for something else, and of groups that are not there."""
    assert (said in wrong_with(wanted, by)) if said else wrong_with(wanted, by) == ""


ENDLESS = ("(a|aa)+$", "(a|a)*$", "^(a|aa)+?$", "(?=(a|aa)+$)a", r"(?:(a|aa)\1?)*$")


@pytest.mark.parametrize("wanted", ENDLESS)
@pytest.mark.parametrize("ask", [lambda p, w, t: p.is_found(w, t), lambda p, w, t: p.replaced(w, "x", t)])
def test_what_has_no_end_is_given_up(wanted: str, ask: Callable[[Patience, str, str], object]) -> None:
    """After the time it was given; the text and the expression are told."""
    begun = time.process_time()
    with pytest.raises(TooSlowError) as caught:
        ask(Patience(0.1), wanted, "a" * 60 + "!")
    assert time.process_time() - begun < 1
    assert (caught.value.wanted, caught.value.text, caught.value.seconds) == (wanted, "a" * 60 + "!", 0.1)


def test_it_is_not_looked_for_what_is_wrong_either() -> None:
    """What finds no end on nothing at all."""
    begun = time.process_time()
    assert wrong_with("(?:|){60}b", "x") == ""
    assert time.process_time() - begun < 1


def test_all_rules_share_the_time_of_a_caption() -> None:
    """Many that are slow, each in time, are too slow together."""
    patience, asked = Patience(0.3), count()
    with pytest.raises(TooSlowError):
        all(number < 1000 and not patience.is_found("(a|aa)+$", "a" * 22 + "!") for number in asked)
    assert 2 < next(asked) < 1000


def test_no_memory_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way that may still be tried takes some."""

    class Full:
        def search(self, *_: object, **__: object) -> None:
            raise MemoryError

    monkeypatch.setattr(caption_regex, "_compiled", lambda _wanted: Full())
    with pytest.raises(TooSlowError):
        Patience().is_found("a", "a")
