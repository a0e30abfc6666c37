"""Words and values in Markdown, escaped so that nothing users or files say is read as markup."""

import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import combining, east_asian_width

from fork_wrapper.text import harmless

WIDEST = 48
"""The width up to which a table column is aligned; longer cells stick out."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; its cells are Markdown."""
    yield row(heads)
    yield row(["---"] * len(heads))
    for cells in rows:
        yield row(cells)


def row(cells: Sequence[str]) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(cells)} |"


def aligned_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table aligned for reading raw, and a blank line after it; nothing without rows."""
    if not rows:
        return
    widths = [max(3, *(min(_width(cell), WIDEST) for cell in column)) for column in zip(heads, *rows, strict=True)]
    for cells in (heads, ["-" * width for width in widths], *rows):
        yield row([cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)])
    yield ""


def code(text: str) -> str:
    """Return a value as inline code; a `|` has to be escaped even there, because of tables."""
    if not text:
        return ""
    text = harmless(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))  # longer than any run of them in it
    inner = f" {text} " if "`" in text else text
    return f"{fence}{inner}{fence}".replace("|", "\\|").replace("\n", " ")


def escape(text: str) -> str:
    """Escape text so that nothing is read as markup; an underscore inside a word needs no escape."""
    flat = " ".join(harmless(text).split())
    return "".join(f"\\{letter}" if letter in "\\`*[]<>|" else letter for letter in flat)


def _width(text: str) -> int:
    """Return the columns a text takes: two for a Chinese character, none for a combining accent."""
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)
