"""Numbers as people say them."""

import re
from collections.abc import Sequence


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(count: float | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A name as a sort key: digits by their value, so that luna_10 comes behind luna_2."""
    parts = re.split(r"(\d+)", name)
    return (*((int(part) if part.isdecimal() else -1, part.casefold()) for part in parts if part), (-2, name))


def sizes(counts: Sequence[float]) -> list[str]:
    """Bytes that are compared: all in the unit of the largest, but where that would leave nothing of one."""
    divisor, unit = next((pair for pair in _UNITS if max(counts, default=0) >= pair[0]), _UNITS[-1])
    digits = 2 if unit == "GB" else 0
    if any(0 < count / divisor < 0.5 / 10**digits for count in counts):
        return [size(count) for count in counts]
    return [f"{count / divisor:.{digits}f} {unit}" for count in counts]


_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))


def counted(count: float, noun: str, plural: str = "") -> str:
    """`1 step`, `2 steps`; `2 batches` where the plural is no more than an s."""
    return f"{count:g} {noun}" if count == 1 else f"{_plain(count)} {plural or f'{noun}s'}"


def part(count: int, total: int, noun: str, verbs: tuple[str, str]) -> str:
    """`1 of 6 images is`, `2 of 6 images are`: a part and its verb."""
    return f"{count} of {counted(total, noun)} {verbs[count != 1]}"


def pace(steps_per_second: float) -> str:
    """Speed as seconds a step, however fast it is: a unit that changed from line to line could not be compared."""
    seconds = 1 / steps_per_second
    digits = 0 if seconds >= 100 else 1 if seconds >= 10 else 2 if seconds >= 1 else 3
    return f"{seconds:.{digits}f} s/it"


def _plain(count: float) -> str:
    return str(count) if isinstance(count, int) else f"{count:g}"
