"""A comparison as text, line by line; each part of a line has the name of a style.

Without a width, columns are as wide as their cells, for programs.
"""

from collections.abc import Iterator

from fork_wrapper.compare.comparison import Diff
from fork_wrapper.compare.fitted_columns import GAP, columns, fit, wrap
from fork_wrapper.compare.sections import Line, Section, file_lines, rule_lines, sections, short_names

Part = tuple[str, str]
"""A piece of a line and the name of its style."""

INDENT = 4
"""Columns before a key; its heading starts two columns further left."""


def text_lines(
    diff: Diff, *, width: int | None, everything: bool = False, only_training: bool = False
) -> Iterator[list[Part]]:
    """Yield the lines of the whole comparison."""
    names = short_names(diff)
    yield [(" -> ".join(diff.names), "title")]
    yield from _story(diff, width)
    for note in diff.notes:
        yield from ([(line, "warning")] for line in wrap(note, width, 2))
    tables = sections(diff, everything=everything, only_training=only_training)
    yield from _tables(tables, names, width)
    yield from _files(diff, width)
    if not only_training:
        yield from _rules(diff, width)


def _story(diff: Diff, width: int | None) -> Iterator[list[Part]]:
    if diff.why:
        yield from ([(line, "dim")] for line in wrap(f"why: {diff.why}", width, 2))


def _tables(tables: list[Section], names: tuple[str, str], width: int | None) -> Iterator[list[Part]]:
    rows = [_cells(line) for table in tables for line in table.lines]
    heads = [(table.title, *names, "origin" if any(row[3] for row in rows) else "") for table in tables]
    fitted = iter(fit([*heads, *rows], width))
    heads = [next(fitted) for _ in tables]
    rows = list(fitted)
    widths = columns([*heads, *rows]) if heads else []
    for table, head in zip(tables, heads, strict=True):
        yield []
        yield [(_aligned(head, widths), "title")]
        yield from _body(table, rows[: len(table.lines)], widths, width)
        del rows[: len(table.lines)]


def _cells(line: Line) -> tuple[str, str, str, str]:
    return " " * (INDENT if line.group else INDENT // 2) + line.key, line.before, line.after, line.origin


def _body(
    table: Section, rows: list[tuple[str, str, str, str]], widths: list[int], width: int | None
) -> Iterator[list[Part]]:
    group = ""
    for line, row in zip(table.lines, rows, strict=True):
        if line.group != group:
            group = line.group
            yield [(f"  {group}", "note")]
        yield [(_aligned(row, widths), "")]
        if line.remark:
            indent = INDENT + 2
            yield from ([(text, "dim")] for text in wrap(" " * indent + line.remark, width, indent))


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    return (" " * GAP).join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)).rstrip()


def _files(diff: Diff, width: int | None) -> Iterator[list[Part]]:
    lines = file_lines(diff)
    if lines:
        yield []
        yield [("images and captions", "title")]
    for what, names in lines:
        yield from ([(line, "")] for line in wrap(f"  {what}: {names}", width, 4))


def _rules(diff: Diff, width: int | None) -> Iterator[list[Part]]:
    lines = rule_lines(diff.rules)
    if lines:
        yield []
        yield [("rules that appear (+) or vanish (-)", "title")]
    for sign, name, what in lines:
        for number, line in enumerate(wrap(f"  {sign} {name}: {what}", width, 4)):
            yield [(line, "" if number == 0 else "dim")]
