"""Everything users see: data on stdout, talk on stderr, errors and tables. A run's live view is in `live_view`.

Plain lines are styled by click, which is loaded anyway. rich takes a tenth of a second to load, so it is loaded only
to draw tables and bars on a terminal.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import click

from fork_wrapper import __version__
from fork_wrapper.errors import Finding, KftError
from fork_wrapper.text import harmless

STYLES: Mapping[str, Mapping[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow"},
    "note": {"fg": "cyan"},
    "title": {"bold": True},
    "dim": {"dim": True},
    "": {},
}
"""How each kind of text is styled."""

INDENT = 6
"""Indent of a finding's continuation lines, in columns."""

LONG = 1000
"""The number of rows from which a table counts as long."""

Part = tuple[str, str]
"""A piece of text and the name of its style."""


def say(*parts: str | Part) -> None:
    """Print one line on stderr. If its reader is gone, output goes to /dev/null: that is no reason to end a run."""
    try:
        click.echo(_styled(parts, sys.stderr), err=True)
    except BrokenPipeError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends


def print_json(value: Any) -> None:
    """Print JSON on stdout, without colour or wrapping."""
    sys.stdout.write(_escaped(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)) + "\n")


def _escaped(text: str) -> str:
    """Escape terminal control characters in JSON text; the values stay the same."""
    return re.sub(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]", lambda match: f"\\u{ord(match[0]):04x}", text)


def print_text(text: str) -> None:
    """Print kft's own text on stdout, with control characters in names and values made harmless."""
    sys.stdout.write(harmless(text))


def print_file(text: str) -> None:
    """Print the text of a file on stdout: byte for byte to a program, made harmless on a terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)


def draw(text: str) -> None:
    """Write kft's own terminal control sequences: colours, redrawn lines."""
    sys.stdout.write(text)


def pass_on(text: str) -> None:
    """Pass on another program's output on stderr, keeping its line ends and redrawn lines."""
    with suppress(BrokenPipeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def print_parts(lines: Iterable[Iterable[Part]]) -> None:
    """Print lines that were laid out for `width` columns on stdout."""
    for line in lines:
        draw(_styled(line, sys.stdout) + "\n")


def width() -> int | None:
    """Return the columns of the terminal on stdout; None if stdout is not a terminal."""
    return _columns() if sys.stdout.isatty() else None


def _columns() -> int:
    from shutil import get_terminal_size  # noqa: PLC0415 - brings three kinds of compression with it

    return get_terminal_size().columns


def show_error(error: KftError) -> None:
    """Print a known error: the title, then each finding with its place and next step."""
    say(("error: ", "error"), error.title)
    show_findings(error.findings)


def show_findings(findings: Iterable[Finding]) -> None:
    """Print findings on stderr: what, where, what to do."""
    for line in findings_lines(findings):
        say(*line)


def print_folded(text: str, *, indent: int) -> None:
    """Print text on stdout; on a terminal, long lines are broken between words."""
    lines = text.splitlines()
    if sys.stdout.isatty():
        import textwrap  # noqa: PLC0415

        width = _columns()
        lines = [
            textwrap.fill(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
            for line in lines
        ]
    print_text("\n".join(lines) + "\n")


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings on stdout, as data."""
    for line in findings_lines(findings):
        draw(_styled(line, sys.stdout) + "\n")


def findings_lines(findings: Iterable[Finding]) -> Iterator[list[Part]]:
    """Lay out findings as lines; acknowledged ones are named in one line at the end."""
    known: dict[str, None] = {}
    for finding in findings:
        if finding.acknowledged:
            known[finding.rule] = None
        else:
            yield from finding_lines(finding)
    if known:
        yield [("  • ", "note"), (f"acknowledged: {', '.join(known)}", "dim")]


def finding_lines(finding: Finding) -> list[list[Part]]:
    """Lay out one finding; a rule's note takes one line, and `kft rules ID` has the rest."""
    mark = "" if finding.severity == "error" else f"{finding.severity}: "
    first, *rest = finding.what.splitlines()
    name = f"  [{finding.rule}]" if finding.rule else ""
    lines = [[("  ", ""), (f"• {mark}", finding.severity), (first, ""), (name, "dim")]]
    if finding.severity == "note" and finding.rule:
        return lines
    lines += [[(f"    │ {line}", "dim")] for line in rest]
    if finding.where:
        lines.append([(f"    {finding.where}", "dim")])
    if finding.todo:
        lines.append([("    → ", "title"), (finding.todo, "")])
    return lines


def _styled(parts: Iterable[str | Part], stream: Any) -> str:
    """Return one line, wrapped and coloured if the stream is a terminal."""
    pairs = [(harmless(part), "") if isinstance(part, str) else (harmless(part[0]), part[1]) for part in parts]
    if stream.isatty():
        pairs = _folded(pairs, _columns())
    return _coloured(pairs, stream)


def _coloured(parts: Iterable[Part], stream: Any) -> str:
    """Join the parts, coloured if the stream is a terminal that wants colour (https://no-color.org)."""
    colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return "".join(click.style(text, **STYLES[style]) if colour and style else text for text, style in parts)


def _folded(parts: Iterable[Part], width: int) -> list[Part]:
    """Wrap a line between words where a terminal would break inside them; continuation lines are indented."""
    folded: list[Part] = []
    column = 0
    for text, style in parts:
        for word in re.findall(r"\s*\S+|\s+$", text):
            if folded and column + len(word) > width and word.strip():
                word = "\n" + " " * INDENT + word.lstrip()  # noqa: PLW2901 - the same word, moved to a new line
                column = -1
            folded.append((word, style))
            column += len(word)
    return folded


def show_bug(error: BaseException, argv: Sequence[str]) -> None:
    """Report a bug: write a log in the form of an issue report, and say where it is."""
    import platform  # noqa: PLC0415 - only a bug pays for these
    import tempfile  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    trace = "".join(traceback.format_exception(error))
    report = (
        f"### kft {__version__} failed\n\n- command: `kft {' '.join(argv)}`\n"
        f"- Python {platform.python_version()} on {platform.platform()}\n\n```\n{trace}```\n"
    )
    with tempfile.NamedTemporaryFile(
        "w", prefix="kft-bug-", suffix=".md", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(report)
    say(("bug: ", "error"), f"{type(error).__name__}: {error}")
    say(f"  this is kft's fault; please report it with {file.name}")


def show_changes(title: str, changes: Iterable[Mapping[str, Any]]) -> None:
    """Print what a rehearsal changes in an experiment, grouped by reason."""
    say((title, "title"), ": the experiment's own options, but for")
    reasons: dict[str, list[str]] = {}
    for change in changes:
        before, after = ("absent" if change[name] is None else str(change[name]) for name in ("was", "value"))
        reasons.setdefault(str(change["why"]), []).append(f"{change['key'].rsplit('.', 1)[-1]}: {before} -> {after}")
    for why, lines in reasons.items():
        say(f"  {why}")
        for line in lines:
            say((f"    {line}", "dim"))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout: fitted to a terminal, or with columns as wide as their cells for a program.

    A long table repeats its headers at the bottom, where the reader is after printing.
    """
    from fork_wrapper.commands.tables import aligned, fitted, widths_of  # noqa: PLC0415 - completion prints none

    cells = [tuple(map(harmless, row)) for row in rows]
    headed = [tuple(headers), *cells] if any(headers) else cells
    widths = fitted(headed, _columns()) if sys.stdout.isatty() else widths_of(headed)
    head = "".join(_coloured([(f"{line}\n", "title")], sys.stdout) for line in aligned(headed[: any(headers)], widths))
    body = "".join(f"{line}\n" for line in aligned(cells, widths))
    draw(head + body + (head if len(cells) > LONG and sys.stdout.isatty() else ""))


@contextmanager
def counting(label: str, *, patience: float = 0) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for kft's own work; the callable takes (done, total). Silent if stderr is not a terminal.

    With `patience`, the bar appears only after that many seconds: often the work is done by then.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    begun = time.monotonic()
    with ExitStack() as stack:
        tell = None if patience else stack.enter_context(_bar(label))

        def told(done: int, total: int) -> None:
            nonlocal tell
            if tell is None and time.monotonic() - begun >= patience:
                tell = stack.enter_context(_bar(label))
            if tell is not None:
                tell(done, total)

        yield told


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
