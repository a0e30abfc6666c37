"""Columns that fit a terminal: what is too long shows where it differs. No colours here, and no terminal."""

from collections.abc import Sequence

LEAST = 12
"""Columns that a value gets in the narrowest terminal."""

GAP = 2
"""Columns between two."""


def fit(table: Sequence[tuple[str, str, str, str]], width: int | None) -> list[tuple[str, str, str, str]]:
    """Rows of key, two values and a last word, cut so that they stand in `width` columns; None leaves them alone."""
    if width is None or not table:
        return list(table)
    widest = [max(len(row[place]) for row in table) for place in range(4)]
    room = max(width - widest[0] - widest[3] - GAP * (3 if widest[3] else 2), 2 * LEAST)
    first, second = _shares(widest[1], widest[2], room)
    return [(row[0], *shorten(row[1], row[2], (first, second)), row[3]) for row in table]


def columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column."""
    return [max((len(cell) for cell in column), default=0) for column in zip(*rows, strict=True)]


def shorten(before: str, after: str, room: tuple[int, int]) -> tuple[str, str]:
    """Two values cut to their room: of what both begin with only the end is kept, of what is still too long the end."""
    if len(before) <= room[0] and len(after) <= room[1]:
        return before, after
    start = _common(before, after)
    cut = [f"…{text[start:]}" if start > 1 else text for text in (before, after)]
    return _ending(cut[0], room[0]), _ending(cut[1], room[1])


def wrap(text: str, width: int | None, indent: int) -> list[str]:
    """Text broken between words, each line but the first with `indent` blanks before it."""
    if width is None:
        return [text]
    lines, here = [], ""
    for word in text.split(" "):
        if here and len(here) + 1 + len(word) > max(width - indent, LEAST):
            lines.append(here)
            here = word
        else:
            here = f"{here} {word}" if here else word
    return [line if number == 0 else " " * indent + line for number, line in enumerate([*lines, here])]


def _shares(first: int, second: int, room: int) -> tuple[int, int]:
    """Half of the room each, or more for one where the other needs less."""
    half = room // 2
    if first + second <= room:
        return first, second
    if first <= half:
        return first, room - first
    return (room - second, second) if second <= half else (half, room - half)


def _common(before: str, after: str) -> int:
    """How much both begin with, up to a separator, so that names stay whole."""
    count = 0
    for one, two in zip(before, after, strict=False):
        if one != two:
            break
        count += 1
    return max(0, *(before.rfind(mark, 0, count) for mark in "/\\, "))


def _ending(text: str, room: int) -> str:
    return text if len(text) <= room else f"…{text[len(text) - room + 1 :]}"
