"""Words and values in Markdown, in which nothing that people or files say is taken for markup."""

import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import combining, east_asian_width

from fork_wrapper.text import harmless

WIDEST = 48
"""Columns up to which a table's column is aligned; a longer cell stands out of it."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; its cells are Markdown."""
    yield row(heads)
    yield row(["---"] * len(heads))
    for cells in rows:
        yield row(cells)


def row(cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def aligned_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table that is aligned for who reads it raw, and a blank line behind it; nothing where it has no rows."""
    if not rows:
        return
    widths = [max(3, *(min(_width(cell), WIDEST) for cell in column)) for column in zip(heads, *rows, strict=True)]
    for cells in (heads, ["-" * width for width in widths], *rows):
        yield row([cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)])
    yield ""


def code(text: str) -> str:
    """A value, letter by letter; a table's bar has to be escaped even there."""
    if not text:
        return ""
    text = harmless(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))  # longer than any run of them in it
    inner = f" {text} " if "`" in text else text
    return f"{fence}{inner}{fence}".replace("|", "\\|").replace("\n", " ")


def escape(text: str) -> str:
    """Words in which nothing is taken for markup; an underscore within a word is none."""
    flat = " ".join(harmless(text).split())
    return "".join(f"\\{letter}" if letter in "\\`*[]<>|" else letter for letter in flat)


def _width(text: str) -> int:
    """Columns that a text takes: two for a Chinese character, none for an accent of its own."""
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
