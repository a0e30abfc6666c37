"""Words and values in Markdown, in which nothing that people or files say is taken for markup."""

import re
from collections.abc import Iterable, Iterator, Sequence

from fork_wrapper.spelling import harmless


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; its cells are Markdown."""
    yield row(heads)
    yield row(["---"] * len(heads))
    for cells in rows:
        yield row(cells)


def row(cells: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """A value, letter by letter; a table's bar has to be escaped even there."""
    if not text:
        return ""
    text = harmless(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))  # longer than any run of them in it
    inner = f" {text} " if "`" in text else text
    return f"{fence}{inner}{fence}".replace("|", "\\|").replace("\n", " ")


def plain(text: str) -> str:
    """Words in which nothing is taken for markup; an underscore within a word is none."""
    return "".join(f"\\{letter}" if letter in "\\`*[]<>|" else letter for letter in harmless(text)).replace("\n", " ")
