"""Numbers as people say them."""

import pytest

from fork_wrapper.words import clock, size


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3599.4, "59:59"), (36_000, "10:00:00")]
)
def test_seconds_as_a_clock(seconds: float, text: str) -> None:
    """Minutes and seconds, with hours only where there are any."""
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "-"), (0, "0 B"), (999, "999 B"), (206_434_902, "206 MB"), (6_938_040_736, "6.94 GB")]
)
def test_bytes_as_people_say_them(count: int | None, text: str) -> None:
    """Decimal units, as disks are sold."""
    assert size(count) == text
