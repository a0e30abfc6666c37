"""Tables laid out as text: columns that fit a terminal, cells broken at their joints. Nothing is printed here."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from unicodedata import combining, east_asian_width

LEAST = 8
"""Columns that a column keeps where a terminal has too few."""

SHORT = 16
"""Columns up to which a cell is not to be broken anywhere, as long as other columns can give."""

LONGEST = 24
"""Columns up to which a word is kept whole as long as other columns can give."""

GAP = "  "
"""Between two columns."""


def widths_of(rows: Sequence[Sequence[str]]) -> list[int]:
    """Columns of the widest cell of each column."""
    return [max(map(_width, column)) for column in zip(*rows, strict=True)]


def _longest(cell: str) -> int:
    """Columns of the longest part of a cell that is not to be broken; a short cell is one part."""
    if _width(cell) <= SHORT:
        return _width(cell)
    return max(map(_width, _JOINT.split(cell)), default=0) + 1


def fitted(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of columns that fit side by side into `room`: the widest give, none below a readable least.

    The first, which names the row, gives last unless it takes most of the room. Columns keep what they need so that
    no word is broken as long as any other can give.
    """
    found = widths_of(rows)
    words = [min(LONGEST, max(map(_longest, column))) for column in zip(*rows, strict=True)]
    for first, least in ((1, words), (0, words), (0, [LEAST] * len(found))):
        start = first if found and found[0] <= room * 3 // 5 else 0
        while sum(found) + len(GAP) * (len(found) - 1) > room:
            giving = [(width, place) for place, width in enumerate(found) if place >= start and width > least[place]]
            if not giving:
                break
            found[max(giving)[1]] -= 1
    return found


def aligned(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """The rows as lines of columns; what is wider than its column goes on below."""
    for row in rows:
        folded = [
            [cell] if _width(cell) <= width else list(_pieces(cell, width))
            for cell, width in zip(row, widths, strict=True)
        ]
        for cells in zip_longest(*folded, fillvalue=""):
            padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
            yield GAP.join(padded).rstrip()


_JOINT = re.compile(r"[\s/\\_,;=](?=\S)|[.:-](?=[^\W\d])")
"""Behind these a cell may be broken: between words, and between the parts of a path or a name."""


def _pieces(text: str, width: int) -> Iterator[str]:
    """A text in lines of so many columns, broken at its joints, and within a word only where there is none."""
    rest = text.strip()
    while _width(rest) > width:
        most = next(end for end in range(len(rest), 0, -1) if _width(rest[:end]) <= width or end == 1)
        space = rest.rfind(" ", 0, most + 1)
        joints = [match.end() for match in _JOINT.finditer(rest, 0, most + 1) if match.end() <= most]
        folders = [end for end in joints if rest[end - 1] in "/\\"]
        good = max(space, *folders[-1:], 0)
        end = good if good >= most // 3 else max([*joints, good]) or most
        yield rest[:end].rstrip()
        rest = rest[end:].lstrip()
    if rest:
        yield rest


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: two for a Chinese character, none for an accent of its own."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
