"""A comparison as a Markdown document, to be pasted into a pull request."""

from collections.abc import Iterator, Sequence

from fork_wrapper.diff.document import Diff
from fork_wrapper.diff.sections import Line, Section, file_lines, rule_lines, sections, short_names, summary

NAMES = 20
"""Images that are named before the rest is counted."""


def markdown(diff: Diff, *, everything: bool = False, only_training: bool = False) -> str:
    """The whole document."""
    lines = [f"# {_code(diff.names[0])} → {_code(diff.names[1])}", "", f"{summary(diff) or 'No difference'}."]
    if diff.why:
        lines += ["", f"> {_plain(diff.why)}"]
    for note in diff.notes:
        lines += ["", f"**{_plain(note)}**"]
    for table in sections(diff, everything=everything, only_training=only_training):
        lines += _table(table, short_names(diff))
    lines += _files(diff)
    lines += [] if only_training else _rules(diff)
    return "\n".join(lines) + "\n"


def _table(table: Section, names: tuple[str, str]) -> Iterator[str]:
    grouped = any(line.group for line in table.lines)
    origins = any(line.origin for line in table.lines)
    heads = [*(["part"] if grouped else []), "key", *map(_code, names), *(["origin"] if origins else [])]
    yield from ("", f"## {table.title.capitalize()}", "")
    yield _row(heads)
    yield _row(["---"] * len(heads))
    for line in table.lines:
        yield _row(_cells(line, grouped=grouped, origins=origins))


def _cells(line: Line, *, grouped: bool, origins: bool) -> list[str]:
    key = _code(line.key) + (f"<br>{_plain(line.remark)}" if line.remark else "")
    cells = [*([line.group] if grouped else []), key, _code(line.before), _code(line.after)]
    return [*cells, *([line.origin] if origins else [])]


def _files(diff: Diff) -> Iterator[str]:
    lines = file_lines(diff, NAMES)
    if lines:
        yield from ("", "## Images and captions", "")
    yield from (f"- {what}: {_plain(names)}" for what, names in lines)


def _rules(diff: Diff) -> Iterator[str]:
    lines = rule_lines(diff.rules)
    if lines:
        yield from ("", "## Rules", "")
    for sign, name, what in lines:
        yield f"- {'appears' if sign == '+' else 'vanishes'}: {_plain(name)}: {_plain(what)}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """A value, letter by letter; a table's bar has to be escaped even there."""
    if not text:
        return ""
    fence = "``" if "`" in text else "`"
    inner = f" {text} " if "`" in text else text
    return f"{fence}{inner}{fence}".replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    """Words in which nothing is taken for markup; an underscore within a word is none."""
    return "".join(f"\\{letter}" if letter in "\\`*[]<>|" else letter for letter in text).replace("\n", " ")
