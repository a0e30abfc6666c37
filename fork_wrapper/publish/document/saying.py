"""Answers as Markdown: with the mark of their origin, gathered where several subjects give the same one."""

from collections.abc import Callable, Iterator, Sequence

from fork_wrapper.compare.markdown_text import aligned_table, code, escape
from fork_wrapper.publish.document.answers import Answer
from fork_wrapper.publish.document.fields import Field, Section, fields_of
from fork_wrapper.publish.document.gather import Column, Document, hint

COLUMNS = 6
"""Subjects side by side in one table; more go on in another."""

Shown = Callable[[str], str]
"""How a value is written: as words, or letter by letter."""


def said(answer: Answer | None, document: Document, shown: Shown = escape) -> str:
    """An answer with its mark, and with what another origin says beside it."""
    words = document.words
    if answer is None:
        return f"**{words('unknown')}**"
    text = f"{shown(answer.text)} [{words(f'mark.{answer.kind}')}]"
    return f"{text} ({said(answer.also, document, shown)})" if answer.also else text


def label(field: Field, document: Document) -> str:
    """What a field is called."""
    return field.labels[document.words.language]


def listed(section: Section, document: Document, *, but: Sequence[str] = (), values: Shown = escape) -> Iterator[str]:
    """Every field of a section, one line each where all subjects answer the same, and a blank line."""
    for field in fields_of(section):
        if field.id not in but:
            yield from spread(field, document, values)
    yield ""


def spread(field: Field, document: Document, shown: Shown = escape) -> Iterator[str]:
    """One field of all subjects: each different answer once, with whose it is."""
    groups: dict[str, list[Column]] = {}
    for column in document.columns:
        groups.setdefault(said(column.answers[field.id], document, shown), []).append(column)
    lines = [(text + _why(field, columns, document), columns) for text, columns in groups.items()]
    if len(lines) == 1:
        yield f"- **{label(field, document)}:** {lines[0][0]}"
        return
    yield f"- **{label(field, document)}:**"
    for text, columns in lines:
        yield f"  - {', '.join(code(one.subject.label) for one in columns)}: {text}"


def _why(field: Field, columns: Sequence[Column], document: Document) -> str:
    """Behind what is unknown, where it could come from."""
    return "" if columns[0].answers[field.id] is not None else f": {hint_for(field, columns, document)}"


def hint_for(field: Field, columns: Sequence[Column], document: Document) -> str:
    """Where a gap of these subjects could be filled; of several, in words for any of them."""
    return hint(field, columns[0].subject if len(columns) == 1 else None, document.words)


def side_by_side(rows: Sequence[tuple[str, Sequence[str]]], document: Document, heading: str) -> Iterator[str]:
    """A table with a column for each subject, `COLUMNS` of them at a time."""
    labels = document.labels
    for start in range(0, len(labels), COLUMNS):
        part = slice(start, start + COLUMNS)
        yield from aligned_table([heading, *map(escape, labels[part])], [(name, *cells[part]) for name, cells in rows])
