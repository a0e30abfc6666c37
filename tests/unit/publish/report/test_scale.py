"""Places, round numbers and how numbers are written."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.publish.report.scale import Range, range_of, shown, ticks, whole_ticks


def test_a_range_holds_its_lines() -> None:
    """With a margin; rates begin at zero."""
    known = range_of([[(1.0, 0.0), (9.0, 4e-6)], [(3.0, 1e-6)]])
    assert (known.left, known.right, known.low) == (1.0, 9.0, 0.0)
    assert known.high == pytest.approx(4.2e-6)
    assert known.across(5.0) == 0.5
    assert known.up(known.high) == 1.0


def test_a_few_wild_values_lie_outside() -> None:
    """Where they would press all others flat; a line that is long in itself is shown whole."""
    chance = random.Random(0)
    row = [(float(step), chance.random()) for step in range(1000)]
    assert range_of([[*row, (1000.0, 2.0)]]).high > 2.0
    assert range_of([[*row, (1000.0, 1e30)]]).high < 1.5


def test_nothing_and_one_point() -> None:
    """There is always something to divide by."""
    cases: list[list[list[tuple[float, float]]]] = [
        [],
        [[]],
        [[(3.0, 0.5)]],
        [[(0.0, 0.0)]],
        [[(1.0, -2.0), (1.0, -2.0)]],
    ]
    for lines in cases:
        known = range_of(lines)
        assert known.right > known.left
        assert known.high > known.low


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9), st.integers(2, 12))
def test_ticks(low: float, span: float, count: int) -> None:
    """Round, within the range, and about as many as wanted."""
    high = low + span
    found = ticks(low, high, count)
    if high > low and span > abs(low) * 1e-9:
        assert 0 <= len(found) <= count * 2 + 1
        assert all(low - span * 0.01 <= one <= high + span * 0.01 for one in found)
        assert found == sorted(found)
    assert ticks(1.0, 1.0, 5) == []
    assert whole_ticks(1.0, 3.0, 8) == [1.0, 2.0, 3.0]


def test_numbers() -> None:
    """As short as they can be read."""
    values = [0, 4e-6, 0.0001, 0.13, 0.08506, 1, 250, 1999.5, 2e6, -3.2e-7]
    said = ["0", "4e-6", "1e-4", "0.13", "0.08506", "1", "250", "1999.5", "2e6", "-3.2e-7"]
    assert list(map(shown, values)) == said


def test_places() -> None:
    """The corners of a range."""
    known = Range(left=10, right=20, low=-1, high=1)
    assert (known.across(10), known.across(20), known.up(-1), known.up(1)) == (0, 1, 0, 1)
