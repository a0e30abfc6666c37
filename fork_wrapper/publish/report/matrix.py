"""The values of several runs side by side, and where one changes from the run before it, by meaning."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fork_wrapper.compare.comparison import Diff, compare_sources
from fork_wrapper.compare.differences import Row
from fork_wrapper.compare.values import Value
from fork_wrapper.formats.source import Source
from fork_wrapper.sdscripts.meaning import TITLES

Key = tuple[str, str]
"""Name of an option or dataset key, and which data set or subset it is of."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value of one run."""

    shown: str
    """As people read it; a default says so."""
    origin: str = ""
    """documented, recovered, measured, chosen, assumed or kft; empty where nobody says the value."""
    change: str = ""
    """`trains` where it differs from the run before and training with it, `other` where only it differs, else empty."""
    remark: str = ""
    """What is said below it, such as why a change has no effect; mostly empty."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One value of all runs."""

    group: str
    """Part of the configuration."""
    name: str
    """The key, with its place where it does not hold for all."""
    cells: tuple[Cell, ...]
    """One for each run."""

    @property
    def changes(self) -> bool:
        """Whether it differs anywhere."""
        return any(cell.change for cell in self.cells)


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """All values of all runs."""

    lines: tuple[Line, ...]
    """In the order of the groups; defaults that nobody names are left out."""
    steps: tuple[Diff, ...]
    """From each run to the next."""


def matrix_of(sources: Sequence[Source], cache: Path) -> Matrix:
    """The matrix of sources in their order; a single one has values and no changes."""
    pairs = list(pairwise(sources)) or [(sources[0], sources[0])]
    steps = tuple(compare_sources(one, two, cache) for one, two in pairs)
    tables = [{(row.key, row.place): row for row in step.rows} for step in steps]
    seen = {key: row for table in tables for key, row in table.items()}
    placed = {name for name, place in seen if place}
    lines = []
    for (name, place), row in sorted(seen.items(), key=lambda item: _rank(item[1])):
        if not place and name in placed:  # in one step it holds for all, in another it does not
            continue
        rows = [table.get((name, place)) or table.get((name, "")) for table in tables]
        if any(one and (one.differs or one.before.said or one.after.said) for one in rows):
            label = f"{name}, {place}" if place else name
            lines.append(Line(group=TITLES[row.group], name=label, cells=_cells(rows, len(sources))))
    return Matrix(lines=tuple(lines), steps=steps if len(sources) > 1 else ())


def _rank(row: Row) -> tuple[int, int, str, str]:
    return list(TITLES).index(row.group), row.kind.rank, row.key, row.place


def _cells(rows: Sequence[Row | None], count: int) -> tuple[Cell, ...]:
    first = rows[0]
    cells = [_cell(first.before if first else None, "", "")]
    for row in rows[: count - 1]:
        change = "" if row is None or not row.differs else "trains" if row.trains else "other"
        cells.append(
            _cell(row.after if row else None, change, f"no effect: {row.idle}" if row and change and row.idle else "")
        )
    return tuple(cells)


def _cell(value: Value | None, change: str, remark: str) -> Cell:
    if value is None:
        return Cell(shown="(absent)", origin="", change=change, remark=remark)
    origin = value.origin.kind if value.origin and value.said else ""
    return Cell(shown=value.shown, origin=origin, change=change, remark=remark)
