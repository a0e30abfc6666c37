"""From values to places in a drawing, and the numbers that stand along its sides."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fork_wrapper.publish.report.curves import Point

OUTLIERS = 0.005
"""Part of the values, above and below, that may lie outside where they would press the rest flat."""

FLAT = 3.0
"""How many times higher the whole would be than what is inside, before anything lies outside."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """What a drawing shows."""

    left: float
    """First step."""
    right: float
    """Last step; more than the first."""
    low: float
    """Value at the bottom."""
    high: float
    """Value at the top; more than that at the bottom."""

    def across(self, step: float) -> float:
        """Where a step lies: 0 at the left, 1 at the right."""
        return (step - self.left) / (self.right - self.left)

    def up(self, value: float) -> float:
        """Where a value lies: 0 at the bottom, 1 at the top."""
        return (value - self.low) / (self.high - self.low)


def range_of(lines: Iterable[Sequence[Point]]) -> Range:
    """A range that holds all lines, but for rare values far from all others."""
    points = [point for line in lines for point in line]
    steps = [step for step, _ in points] or [0.0, 1.0]
    low, high = _inside(sorted(value for _, value in points) or [0.0, 1.0])
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    bottom = 0.0 if low >= 0 > low - margin else low - margin
    left, right = min(steps), max(steps)
    return Range(left=left, right=right if right > left else left + 1, low=bottom, high=high + margin)


def _inside(values: Sequence[float]) -> tuple[float, float]:
    cut = int(len(values) * OUTLIERS)
    low, high = values[cut], values[-1 - cut]
    whole = values[-1] - values[0]
    if cut and math.isfinite(whole) and whole <= FLAT * (high - low):
        return values[0], values[-1]
    return low, high


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers within a range."""
    if not (math.isfinite(high - low) and high > low):
        return []
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    size = next(unit * step for step in (1, 2, 5, 10) if unit * step >= rough * 0.999)
    return list(_multiples(low, high, size))


def whole_ticks(low: float, high: float, count: int) -> list[float]:
    """Likewise for steps, of which there are no halves."""
    return [one for one in ticks(low, high, count) if abs(one - round(one)) < 1e-9]


def _multiples(low: float, high: float, size: float) -> Iterator[float]:
    number = math.ceil(low / size - 1e-9)
    while number * size <= high + size * 1e-9:
        yield number * size
        number += 1


def shown(value: float) -> str:
    """A number as it stands beside a drawing or in a table: four digits, 4e-6 for small ones."""
    if value == 0:
        return "0"
    if abs(value) < 0.001 or abs(value) >= 1e6:
        digits, _, power = f"{value:.3e}".partition("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    if float(value).is_integer():
        return str(int(value))
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
