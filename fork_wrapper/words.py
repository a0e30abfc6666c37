"""Numbers as people say them."""

import re


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


def counted(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
