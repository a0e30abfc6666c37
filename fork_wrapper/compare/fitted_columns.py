"""Columns that fit a terminal: long values are cut to show where they differ. No colours or terminal access here."""

from collections.abc import Sequence

LEAST = 12
"""Columns that a value gets in the narrowest terminal."""

GAP = 2
"""Blanks between two columns."""


def fit(table: Sequence[tuple[str, str, str, str]], width: int | None) -> list[tuple[str, str, str, str]]:
    """Cut rows of key, two values and a last word to fit `width` columns; None leaves them as they are."""
    if width is None or not table:
        return list(table)
    widest = [max(len(row[place]) for row in table) for place in range(4)]
    room = max(width - widest[0] - widest[3] - GAP * (3 if widest[3] else 2), 2 * LEAST)
    first, second = _shares(widest[1], widest[2], room)
    cut = [shorten(row[1], row[2], (first, second)) for row in table]
    first = max(len(before) for before, _ in cut)  # the second gets what the first does not need
    cut = [shorten(row[1], row[2], (first, room - first)) for row in table]
    return [(row[0], *values, row[3]) for row, values in zip(table, cut, strict=True)]


def columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column."""
    return [max((len(cell) for cell in column), default=0) for column in zip(*rows, strict=True)]


def shorten(before: str, after: str, room: tuple[int, int]) -> tuple[str, str]:
    """Cut two values to their room: paths to the part where they diverge, others at the end."""
    if len(before) <= room[0] and len(after) <= room[1]:
        return before, after
    return _cut(before, after, room[0]), _cut(after, before, room[1])


def wrap(text: str, width: int | None, indent: int) -> list[str]:
    """Wrap text between words; lines after the first are indented by `indent` blanks."""
    if width is None:
        return [text]
    words = text.split()
    lines, here = [], " " * (len(text) - len(text.lstrip())) + "".join(words[:1])
    for word in words[1:]:
        if len(here) + 1 + len(word) > max(width, indent + LEAST):
            lines.append(here)
            here = " " * indent + word
        elif word:
            here = f"{here} {word}"
    return [*lines, here]


def _shares(first: int, second: int, room: int) -> tuple[int, int]:
    """Split the room in half, or give one more if the other needs less."""
    half = room // 2
    if first + second <= room:
        return first, second
    if first <= half:
        return first, room - first
    return (room - second, second) if second <= half else (half, room - half)


def _cut(text: str, other: str, room: int) -> str:
    if len(text) <= room:
        return text
    if not _is_path(text):
        return f"{text[: room - 1]}…"
    if _is_path(other) and (start := _common(text, other)) > 1:
        text = f"…{text[start:]}"
    if len(text) > room and (end := _common(text[::-1], other[::-1])) > 1:
        text = f"{text[: len(text) - end]}…"
    return text if len(text) <= room else f"…{text[len(text) - room + 1 :]}"


def _common(one: str, two: str) -> int:
    """Return the length of the common start of two paths, up to the separator before the first different folder."""
    count = 0
    for first, second in zip(one, two, strict=False):
        if first != second:
            break
        count += 1
    return max(0, one.rfind("/", 0, count), one.rfind("\\", 0, count))


def _is_path(text: str) -> bool:
    return "/" in text or "\\" in text
