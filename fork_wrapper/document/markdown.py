"""Markdown that reads well raw and rendered: aligned tables, lists, values letter by letter."""

import re
from collections.abc import Iterator, Sequence
from unicodedata import combining, east_asian_width

from fork_wrapper.spelling import harmless

WIDEST = 48
"""Columns up to which a table's column is aligned; a longer cell stands out of it."""


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table, aligned for who reads it raw, and a blank line behind it."""
    if not rows:
        return
    cells = [list(headers), *(list(row) for row in rows)]
    widths = [max(3, *(min(_width(cell), WIDEST) for cell in column)) for column in zip(*cells, strict=True)]
    yield _row(cells[0], widths)
    yield _row(["-" * width for width in widths], widths)
    yield from (_row(row, widths) for row in cells[1:])
    yield ""


def plain(text: str) -> str:
    """Words in which nothing is taken for markup; an underscore within a word is none."""
    flat = " ".join(harmless(text).split())
    return "".join(f"\\{letter}" if letter in "\\`*[]<>|" else letter for letter in flat)


def code(text: str) -> str:
    """A value, letter by letter; a table's bar has to be escaped even there."""
    text = harmless(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))  # longer than any run of them in it
    inner = f" {text} " if "`" in text else text
    return f"{fence}{inner}{fence}".replace("|", "\\|").replace("\n", " ") if text else ""


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
    return f"| {' | '.join(padded)} |"


def _width(text: str) -> int:
    """Columns that a text takes: two for a Chinese character, none for an accent of its own."""
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
