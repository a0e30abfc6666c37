"""Text layout of tables: columns that fit a terminal, cells broken at sensible points. Nothing is printed here."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from unicodedata import combining, east_asian_width

LEAST = 8
"""The width that a column keeps in a terminal that is too narrow."""

SHORT = 16
"""The width up to which a cell is not broken anywhere, as long as other columns can shrink."""

LONGEST = 24
"""The width up to which a word is kept whole, as long as other columns can shrink."""

GAP = "  "
"""The space between two columns."""


def widths_of(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of the widest cell in each column."""
    return [max(map(_width, column)) for column in zip(*rows, strict=True)]


def _longest(cell: str) -> int:
    """Return the width of the longest unbreakable part of a cell; a short cell counts as one part."""
    if _width(cell) <= SHORT:
        return _width(cell)
    return max(map(_width, _JOINT.split(cell)), default=0) + 1


def fitted(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return column widths that fit side by side into `room` columns: the widest shrink, down to a readable minimum.

    The first column, which names the row, shrinks last unless it takes most of the room. Columns keep enough for their
    longest word as long as any other can shrink.
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
    """Lay out the rows as lines; cells wider than their column continue on the lines below."""
    for row in rows:
        folded = [
            [cell] if _width(cell) <= width else list(_pieces(cell, width))
            for cell, width in zip(row, widths, strict=True)
        ]
        for cells in zip_longest(*folded, fillvalue=""):
            padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
            yield GAP.join(padded).rstrip()


_JOINT = re.compile(r"[\s/\\_,;=](?=\S)|[.:-](?=[^\W\d])")
"""Where a cell may be broken: after a space between words, or between the parts of a path or a name."""


def _pieces(text: str, width: int) -> Iterator[str]:
    """Break a text into lines of `width` columns at its joints, inside a word only if there is no joint."""
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
    """Return the columns a text takes on a terminal: two for a Chinese character, none for a combining accent."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
