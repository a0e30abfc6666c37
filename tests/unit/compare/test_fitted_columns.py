"""Columns that fit, and what is left of a value that does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.compare.fitted_columns import fit, shorten, wrap

CELL = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=80)


@given(st.lists(st.tuples(CELL, CELL, CELL, st.sampled_from(["", "assumed"])), min_size=1), st.integers(60, 200))
def test_a_table_fits_wherever_its_keys_leave_room(rows: list[tuple[str, str, str, str]], width: int) -> None:
    """Keys are never cut: nothing else says what a line is about."""
    widest = max(len(row[0]) for row in rows)
    fitted = fit(rows, width)
    assert [row[0] for row in fitted] == [row[0] for row in rows]
    sizes = [max(len(row[place]) for row in fitted) for place in range(4)]
    if widest + 9 + 24 + 7 <= width:
        assert (
            sum(sizes) + (6 if sizes[3] else 4) <= width
        )  # two columns between two, and no last one where it is empty


def test_a_program_gets_everything() -> None:
    """Without a width nothing is cut."""
    rows = [("key", "a" * 300, "b", "")]
    assert fit(rows, None) == rows


@pytest.mark.parametrize(
    ("before", "after", "room", "shown"),
    [
        ("short", "other", (5, 5), ("short", "other")),
        ("/data/sets/people/v1", "/data/sets/people/v2", (10, 10), ("…/v1", "…/v2")),
        ("/data/one/model.safetensors", "/data/two/model.safetensors", (12, 12), ("…/one/…", "…/two/…")),
        ("/a/very/long/place/of/sets", "(absent)", (12, 12), ("…ace/of/sets", "(absent)")),
        ("1600 and more (default)", "5", (10, 10), ("1600 and …", "5")),
        ("C:\\data\\people\\v1", "C:\\data\\people\\v2", (10, 10), ("…\\v1", "…\\v2")),
    ],
)
def test_what_is_left(before: str, after: str, room: tuple[int, int], shown: tuple[str, str]) -> None:
    """Of a path the part that differs, of anything else the beginning."""
    assert shorten(before, after, room) == shown


def test_room_goes_where_it_is_needed() -> None:
    """A long value beside a short one gets more than half."""
    ((_, before, after, _),) = fit([("key", "x" * 60, "y", "")], 80)
    assert (len(before), after) == (60, "y")


def test_wrapping() -> None:
    """Between words; the first line keeps its own indent, a word that is too long stays whole."""
    assert wrap("  one two three four", 16, 4) == ["  one two three", "    four"]
    assert wrap("a " + "b" * 40, 20, 2) == ["a", "  " + "b" * 40]
    assert wrap("one two", None, 2) == ["one two"]
    assert wrap("", 10, 2) == [""]
