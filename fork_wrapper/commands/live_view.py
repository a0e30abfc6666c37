"""The view of a running run: a live bar on a terminal, plain lines for a log or a scheduler."""

import os
import sys
import time
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fork_wrapper.check.plan import Plan
from fork_wrapper.check.plan_text import rows
from fork_wrapper.commands.output import Part, finding_lines, findings_lines
from fork_wrapper.errors import Finding
from fork_wrapper.records.progress import Progress
from fork_wrapper.run.render import Rendered, shell_line
from fork_wrapper.text import clock, counted, harmless, pace, size

PLAIN_INTERVAL = 5.0
"""Seconds between progress lines when stderr is not a terminal."""

BAR = 30
"""Width of the bar in columns; on a narrow terminal it gets a line of its own."""

RICH: Mapping[str, str] = {
    "error": "bold red",
    "warning": "yellow",
    "note": "cyan",
    "title": "bold",
    "dim": "dim",
}
"""The styles of `output`, as rich spells them."""


class _Console(Console):
    """A console that survives losing its reader; rich's own ends the process."""

    def on_broken_pipe(self) -> None:
        """Send further output to /dev/null; rich calls this inside its handler of BrokenPipeError."""
        self.quiet = True
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends


def watch_run() -> "RunWatch":
    """Return the live view that suits stderr: a bar on a terminal, plain lines elsewhere."""
    console = _Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
    drawing = console.is_terminal and not console.is_dumb_terminal
    return TerminalWatch(console) if drawing else RunWatch(console)


class RunWatch:
    """A run shown as plain lines, for logs, pipes and schedulers."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._shown = (0, 0)
        self._counted = ("", 0, 0)
        self._last = 0.0

    def hashing(self, file: str, bytes_: int) -> None:
        """Say that a file is being hashed, to explain a pause of some seconds."""
        self.console.print(Text(f"hashing {file} ({size(bytes_)})", style="dim"))

    def started(self, rendered: Rendered, plan: Plan, findings: tuple[Finding, ...]) -> None:
        """Say what starts, where it writes, what it runs and what it will produce."""
        self.console.print(Text.assemble(("run ", "bold"), rendered.run.run_id, f"  ({rendered.trainer.kind})"))
        self.console.print(Text(harmless(f"  folder  {rendered.run.folder}"), style="dim"))
        self.console.print(Text(harmless(f"  command {shell_line(rendered.argv)}"), style="dim"))
        for label, text in rows(plan):
            self.console.print(Text(harmless(f"  {label:<12} {text}"), style="dim"))
        self._say(findings_lines(findings))

    def remark(self, finding: Finding) -> None:
        """Print a finding above the bar."""
        self._say(finding_lines(finding))

    def _say(self, lines: Iterable[list[Part]]) -> None:
        for line in lines:
            self.console.print(Text.assemble(*((harmless(text), RICH.get(style, "")) for text, style in line)))

    def line(self, text: str) -> None:
        """Ignore the trainer's own lines: they are in train.log."""

    def progress(self, progress: Progress, archived: int) -> None:
        """Print a line per new step or cached item, at most every few seconds, and one per archived checkpoint."""
        step, files = self._shown
        now = time.monotonic()
        if counts(progress) and progress.counter != self._counted and now - self._last >= PLAIN_INTERVAL:
            self._counted, self._last = progress.counter, now
            self.console.print(Text(describe_counter(progress)))
        due = progress.step != step and (now - self._last >= PLAIN_INTERVAL or progress.step == progress.total)
        if due or archived != files:
            self._shown, self._last = (progress.step, archived), now
            self.console.print(Text(describe(progress, archived)))

    def stopping(self, rung: str, grace: int) -> None:
        """Say what signal was sent, and what the next Ctrl-C does."""
        words = {
            "interrupt": f"interrupt sent; the trainer has {grace} s to finish. Ctrl-C again terminates it",
            "terminate": "terminate sent; Ctrl-C again kills it",
            "kill": "kill sent",
        }
        self.console.print(Text(words[rung], style="yellow"))

    def finishing(self) -> None:
        """Say that the trainer has ended and archiving goes on."""
        self.console.print(Text("trainer ended; archiving", style="dim"))


class TerminalWatch(RunWatch):
    """A run shown on a terminal: the trainer's phase until the first step, then a bar."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._phase = "starting"
        self._live = Live(Text(""), console=console, refresh_per_second=8, transient=True)

    def started(self, rendered: Rendered, plan: Plan, findings: tuple[Finding, ...]) -> None:
        """Print the opening lines, then start the live view."""
        super().started(rendered, plan, findings)
        self._live.start()

    def line(self, text: str) -> None:
        """Show the trainer's last line as the phase until a step is done."""
        self._phase = harmless(text)

    def progress(self, progress: Progress, archived: int) -> None:
        """Redraw the live view."""
        if progress.step:
            words = describe(progress, archived)
            beside = BAR + 2 + len(words) < self.console.width
            width = BAR if beside else self.console.width - 1
            full = int(width * progress.step / max(progress.total, 1))
            between = "  " if beside else "\n"
            bar = Text.assemble(("━" * full, "green"), ("━" * (width - full), "dim"), between, words)
        else:
            text = describe_counter(progress) if counts(progress) else self._phase
            bar = Text.assemble(("… ", "green"), (text[: self.console.width - 4], "dim"))
        self._live.update(bar)

    def finishing(self) -> None:
        """End the live view."""
        self._live.update(Text("… archiving", style="dim"))
        self._live.stop()


def counts(progress: Progress) -> bool:
    """Return whether the trainer is counting something before its first step."""
    _, done, total = progress.counter
    return not progress.step and done < total


def describe_counter(progress: Progress) -> str:
    """Format the counter, e.g. `caching latents 312/1486`."""
    name, done, total = progress.counter
    return f"{name} {done}/{total}"


def describe(progress: Progress, archived: int) -> str:
    """Describe progress in one line: step, epoch, loss, speed, time left, checkpoints archived."""
    parts = [f"step {progress.step}/{progress.total}"]
    if progress.epochs:
        parts.append(f"epoch {progress.epoch}/{progress.epochs}")
    if progress.losses:
        step, loss = progress.losses[-1]
        span = min(step, progress.step_of_epoch(1) or 0)
        parts.append(f"loss {loss:.4f}" + (f" (mean of {counted(span, 'step')})" if span else " (running mean)"))
    if progress.nan_step:
        parts.append(f"loss is NaN since step {progress.nan_step}")
    speed = progress.steps_per_second
    if speed:
        parts.append(pace(speed))
    if (left := progress.seconds_left) is not None:
        parts.append(f"ETA {clock(left)}")
    parts.append(f"{archived} archived")
    return "  ".join(parts)
