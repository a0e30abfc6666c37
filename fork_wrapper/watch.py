"""What people see of a run while it goes on: a live bar on a terminal, lines where a log or a scheduler reads."""

import os
import sys
import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fork_wrapper.errors import Finding
from fork_wrapper.output import finding_lines
from fork_wrapper.plan import Plan
from fork_wrapper.plan_text import rows
from fork_wrapper.progress import Progress
from fork_wrapper.render import Rendered, shell_line
from fork_wrapper.words import clock, pace

PLAIN_INTERVAL = 5.0
"""Seconds between progress lines where stderr is no terminal."""

RICH: Mapping[str, str] = {
    "error": "bold red",
    "warning": "yellow",
    "note": "cyan",
    "title": "bold",
    "dim": "dim",
}
"""The styles of `output`, as rich spells them."""


class _Console(Console):
    """A console whose vanished reader does not end the process, as rich's own does."""

    def on_broken_pipe(self) -> None:
        """Called by rich inside its handler of BrokenPipeError: talk goes on into the void."""
        self.quiet = True
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends


def watch_run() -> "RunWatch":
    """The live view that fits stderr: a bar on a terminal, lines elsewhere."""
    console = _Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
    drawing = console.is_terminal and not console.is_dumb_terminal
    return TerminalWatch(console) if drawing else RunWatch(console)


class RunWatch:
    """A run as plain lines: for logs, pipes and schedulers."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._shown = (0, 0)
        self._last = 0.0

    def started(self, rendered: Rendered, plan: Plan, findings: tuple[Finding, ...]) -> None:
        """Say what starts, where it writes, what it runs and what will come of it."""
        self.console.print(Text.assemble(("run ", "bold"), rendered.run.run_id, f"  ({rendered.trainer.kind})"))
        self.console.print(Text(f"  folder  {rendered.run.folder}", style="dim"))
        self.console.print(Text(f"  command {shell_line(rendered.argv)}", style="dim"))
        for label, text in rows(plan):
            self.console.print(Text(f"  {label:<12} {text}", style="dim"))
        for finding in findings:
            self.remark(finding)

    def remark(self, finding: Finding) -> None:
        """Say what was found, above the bar."""
        for line in finding_lines(finding):
            self.console.print(Text.assemble(*((text, RICH.get(style, "")) for text, style in line)))

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

    def started(self, rendered: Rendered, plan: Plan, findings: tuple[Finding, ...]) -> None:
        """As lines, then the live view begins."""
        super().started(rendered, plan, findings)
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
        parts.append(pace(speed))
    if (left := progress.seconds_left) is not None:
        parts.append(f"ETA {clock(left)}")
    parts.append(f"{archived} archived")
    return "  ".join(parts)
