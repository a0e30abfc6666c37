"""How much of what the authors' document lists is filled, by origin, and where the rest could come from."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fork_wrapper.publish.document.answers import KINDS, Answer
from fork_wrapper.publish.document.fields import Field, fields
from fork_wrapper.publish.document.gather import Document, hint


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One field of one subject."""

    field: Field
    """Which field."""
    label: str
    """Whose."""
    answer: Answer | None
    """What is known; None where it is missing."""
    hint: str
    """Where it could come from; empty where it is known."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """All listed fields of all subjects."""

    cells: tuple[Cell, ...]
    """Field by field, in the order of the document."""

    @property
    def percent(self) -> float:
        """Of the cells that a tool can know, how many are filled; 100 where there are none."""
        mine = [cell for cell in self.cells if cell.field.tool]
        return 100 * sum(cell.answer is not None for cell in mine) / len(mine) if mine else 100.0

    @property
    def filled(self) -> tuple[int, int]:
        """Cells that a tool can know: filled, and all."""
        mine = [cell for cell in self.cells if cell.field.tool]
        return sum(cell.answer is not None for cell in mine), len(mine)

    @property
    def told(self) -> tuple[int, int]:
        """Cells that only people can know: filled, and all."""
        theirs = [cell for cell in self.cells if not cell.field.tool]
        return sum(cell.answer is not None for cell in theirs), len(theirs)

    @property
    def missing(self) -> tuple[Cell, ...]:
        """What is not known."""
        return tuple(cell for cell in self.cells if cell.answer is None)

    def by_kind(self) -> list[tuple[str, int]]:
        """How many cells come from where; nothing that does not occur."""
        counts = Counter(cell.answer.kind for cell in self.cells if cell.answer is not None)
        return [(kind, counts[kind]) for kind in KINDS if counts[kind]]


def coverage(document: Document) -> Coverage:
    """The coverage of a document."""
    return Coverage(cells=tuple(_cells(document)))


def _cells(document: Document) -> Iterator[Cell]:
    for field in fields():
        for column in document.columns if field.listed else ():
            answer = column.answers[field.id]
            why = "" if answer is not None else hint(field, column.subject, document.words)
            yield Cell(field=field, label=column.subject.label, answer=answer, hint=why)
