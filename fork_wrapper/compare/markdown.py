"""A comparison as a Markdown document, for pasting into a pull request."""

from collections.abc import Iterator

from fork_wrapper.compare.comparison import Diff
from fork_wrapper.compare.markdown_text import code, escape, table
from fork_wrapper.compare.sections import Line, Section, file_lines, rule_lines, sections, short_names, summary

NAMES = 20
"""The number of images named; the rest are counted."""


def markdown(diff: Diff, *, everything: bool = False, only_training: bool = False) -> str:
    """Return the whole document."""
    lines = [f"# {code(diff.names[0])} → {code(diff.names[1])}", "", f"{summary(diff) or 'No difference'}."]
    if diff.why:
        lines += ["", f"> {escape(diff.why)}"]
    for note in diff.notes:
        lines += ["", f"**{escape(note)}**"]
    for section in sections(diff, everything=everything, only_training=only_training):
        lines += _section(section, short_names(diff))
    lines += _files(diff)
    lines += [] if only_training else _rules(diff)
    return "\n".join(lines) + "\n"


def _section(section: Section, names: tuple[str, str]) -> Iterator[str]:
    grouped = any(line.group for line in section.lines)
    origins = any(line.origin for line in section.lines)
    heads = [*(["part"] if grouped else []), "key", *map(code, names), *(["origin"] if origins else [])]
    yield from ("", f"## {section.title.capitalize()}", "")
    yield from table(heads, (_cells(line, grouped=grouped, origins=origins) for line in section.lines))


def _cells(line: Line, *, grouped: bool, origins: bool) -> list[str]:
    key = code(line.key) + (f"<br>{escape(line.remark)}" if line.remark else "")
    cells = [*([line.group] if grouped else []), key, code(line.before), code(line.after)]
    return [*cells, *([line.origin] if origins else [])]


def _files(diff: Diff) -> Iterator[str]:
    lines = file_lines(diff, NAMES)
    if lines:
        yield from ("", "## Images and captions", "")
    yield from (f"- {what}: {escape(names)}" for what, names in lines)


def _rules(diff: Diff) -> Iterator[str]:
    lines = rule_lines(diff.rules)
    if lines:
        yield from ("", "## Rules", "")
    for sign, name, what in lines:
        yield f"- {'appears' if sign == '+' else 'vanishes'}: {escape(name)}: {escape(what)}"
