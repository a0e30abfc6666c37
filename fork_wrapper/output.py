"""What people see: two consoles (data on stdout, talk on stderr), errors, tables, and the live view of a run."""

import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from fork_wrapper import __version__
from fork_wrapper.errors import Finding, KftError
from fork_wrapper.progress import Progress
from fork_wrapper.render import Rendered

PLAIN_INTERVAL = 5.0
"""Seconds between progress lines where stderr is no terminal."""

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


class _Console(Console):
    """A console whose vanished reader does not end the process, as rich's own does."""

    def on_broken_pipe(self) -> None:
        """Called by rich inside its handler of BrokenPipeError: talk goes on into the void, data has no point."""
        if not self.stderr:
            raise BrokenPipeError
        self.quiet = True
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends


def stdout() -> Console:
    """The console for data."""
    return _console(stderr=False)


def stderr() -> Console:
    """The console for talk."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return _Console(stderr=stderr, highlight=False, soft_wrap=not stream.isatty())


def say(text: str) -> None:
    """One line of talk."""
    stderr().print(escape(text))


def print_json(value: Any) -> None:
    """JSON on stdout, as it is: no colour, no wrapping."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def print_text(text: str) -> None:
    """Text on stdout, byte for byte."""
    sys.stdout.write(text)


def show_error(error: KftError) -> None:
    """A known error: title, then every finding with its place and next step."""
    console = stderr()
    console.print(Text.assemble(("error: ", "bold red"), error.title))
    show_findings(error.findings, console)


def show_findings(findings: Iterable[Finding], console: Console | None = None) -> None:
    """Findings as a list: what, where, what to do."""
    console = console or stderr()
    for finding in findings:
        mark = "" if finding.severity == "error" else f"{finding.severity}: "
        first, *rest = finding.what.splitlines()
        console.print(Text.assemble("  ", ("• ", STYLES[finding.severity]), (mark, STYLES[finding.severity]), first))
        for line in rest:
            console.print(Text(f"    │ {line}", style="dim"))
        if finding.where:
            console.print(Text(f"    {finding.where}", style="dim"))
        if finding.todo:
            console.print(Text.assemble("    ", ("→ ", "bold"), finding.todo))


def show_bug(error: BaseException, argv: Sequence[str]) -> None:
    """A bug: a log shaped as an issue report, and where it lies."""
    trace = "".join(traceback.format_exception(error))
    report = (
        f"### kft {__version__} failed\n\n- command: `kft {' '.join(argv)}`\n"
        f"- Python {platform.python_version()} on {platform.platform()}\n\n```\n{trace}```\n"
    )
    with tempfile.NamedTemporaryFile(
        "w", prefix="kft-bug-", suffix=".md", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(report)
    console = stderr()
    console.print(Text.assemble(("bug: ", "bold red"), f"{type(error).__name__}: {error}"))
    console.print(Text(f"  this is kft's fault; please report it with {file.name}"))


def show_changes(title: str, changes: Iterable[Mapping[str, Any]]) -> None:
    """What a rehearsal changes in an experiment, under the reason for each change."""
    console = stderr()
    console.print(Text.assemble((title, "bold"), ": the experiment's own options, but for"))
    reasons: dict[str, list[str]] = {}
    for change in changes:
        before, after = ("absent" if change[name] is None else str(change[name]) for name in ("was", "value"))
        reasons.setdefault(str(change["why"]), []).append(f"{change['key'].rsplit('.', 1)[-1]}: {before} -> {after}")
    for why, lines in reasons.items():
        console.print(Text(f"  {why}"))
        for line in lines:
            console.print(Text(f"    {line}", style="dim"))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout: fitted to a terminal, or with columns as wide as their cells where a program reads it."""
    cells = [tuple(row) for row in rows]
    console = stdout()
    if not console.is_terminal:
        _print_columns([tuple(headers), *cells])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in cells:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def _print_columns(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows if any(rows[0]) else rows[1:]:
        print_text("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


@contextmanager
def counting(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for work that kft does itself; the callable takes (done, all). Silent where stderr is no terminal."""
    console = stderr()
    bar = Bar(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=console, transient=True)
    with bar:
        task = bar.add_task(escape(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def watch_run() -> "RunWatch":
    """The live view that fits stderr: a bar on a terminal, lines elsewhere."""
    console = stderr()
    drawing = console.is_terminal and not console.is_dumb_terminal
    return TerminalWatch(console) if drawing else RunWatch(console)


class RunWatch:
    """A run as plain lines: for logs, pipes and schedulers."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._shown = (0, 0)
        self._last = 0.0

    def started(self, rendered: Rendered, findings: tuple[Finding, ...]) -> None:
        """Say what starts, where it writes and what it runs."""
        self.console.print(Text.assemble(("run ", "bold"), rendered.run.run_id, f"  ({rendered.trainer.kind})"))
        self.console.print(Text(f"  folder  {rendered.run.folder}", style="dim"))
        self.console.print(Text(f"  command {_quote(rendered.argv)}", style="dim"))
        show_findings(findings, self.console)

    def line(self, text: str) -> None:
        """The trainer's own lines are in train.log."""

    def progress(self, progress: Progress, archived: int) -> None:
        """A line when a step is done, at most every few seconds; one for each archived checkpoint."""
        step, files = self._shown
        now = time.monotonic()
        due = progress.step != step and (now - self._last >= PLAIN_INTERVAL or progress.step == progress.total)
        if due or archived != files:
            self._shown, self._last = (progress.step, archived), now
            self.console.print(Text(describe(progress, archived)))

    def stopping(self, rung: str, grace: int) -> None:
        """Say what was sent, and what the next Ctrl-C does."""
        words = {
            "interrupt": f"interrupt sent; the trainer has {grace} s to finish. Ctrl-C again terminates it",
            "terminate": "terminate sent; Ctrl-C again kills it",
            "kill": "kill sent",
        }
        self.console.print(Text(words[rung], style="yellow"))

    def finishing(self) -> None:
        """The trainer's output has ended."""
        self.console.print(Text("trainer ended; archiving", style="dim"))


class TerminalWatch(RunWatch):
    """A run on a terminal: the trainer's phase until the first step, then a bar."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._phase = "starting"
        self._live = Live(Text(""), console=console, refresh_per_second=8, transient=True)

    def started(self, rendered: Rendered, findings: tuple[Finding, ...]) -> None:
        """As lines, then the live view begins."""
        super().started(rendered, findings)
        self._live.start()

    def line(self, text: str) -> None:
        """The last line is the phase while no step is done."""
        self._phase = text

    def progress(self, progress: Progress, archived: int) -> None:
        """Redraw."""
        if progress.step:
            width = 30
            full = int(width * progress.step / max(progress.total, 1))
            bar = Text.assemble(
                ("━" * full, "green"), ("━" * (width - full), "dim"), "  ", describe(progress, archived)
            )
        else:
            bar = Text.assemble(("… ", "green"), (self._phase[: self.console.width - 4], "dim"))
        self._live.update(bar)

    def finishing(self) -> None:
        """The live view ends."""
        self._live.update(Text("… archiving", style="dim"))
        self._live.stop()


def describe(progress: Progress, archived: int) -> str:
    """One line: step, epoch, loss, speed, time left, checkpoints archived."""
    parts = [f"step {progress.step}/{progress.total}"]
    if progress.epochs:
        parts.append(f"epoch {progress.epoch}/{progress.epochs}")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.4f}")
    if progress.nan_step:
        parts.append(f"loss is NaN since step {progress.nan_step}")
    speed = progress.steps_per_second
    if speed:
        parts.append(f"{speed:.2f} it/s" if speed >= 1 else f"{1 / speed:.2f} s/it")
        parts.append(f"ETA {clock((progress.total - progress.step) / speed)}")
    parts.append(f"{archived} archived")
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def size(count: float | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def _quote(argv: Sequence[str]) -> str:
    if sys.platform == "win32":
        import subprocess  # noqa: PLC0415 - its quoting rules; nothing is started here

        return subprocess.list2cmdline(argv)
    import shlex  # noqa: PLC0415

    return shlex.join(argv)
