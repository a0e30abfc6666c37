"""`kft log`."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, full_name, json_flag, setting_flags, settings_from
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.formats.named_run import named_run
from fork_wrapper.records.log_view import LogLines, LogTail, follow, last_lines, log_lines, read_lines
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import SUCCESSES, RunState
from fork_wrapper.run.diagnosis import Diagnosis, diagnose
from fork_wrapper.run.verdict import TAIL, explain
from fork_wrapper.text import pace

POLL = 0.25
"""Seconds between two looks at a growing log."""

INTERVAL = 5.0
"""Seconds between two printed states of a progress bar when stdout is not a terminal."""

EPILOG = """\b
Examples:
  kft log humanoid_05 -n 20
  kft log console.txt
  kft log humanoid_05/20261122-101500 -f && kft promote humanoid_05/20261122-101500
"""


@click.command(name="log", epilog=EPILOG, short_help="Show the trainer's log of a run, or follow it.")
@click.argument("run", metavar="RUN|FILE", shell_complete=completing.runs)
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the run ends.")
@click.option("-n", "--lines", "last", type=click.IntRange(min=0), help="Only the last LINES.", metavar="LINES")
@click.option("--raw", is_flag=True, help="The bytes as the trainer wrote them, colours and redrawn bars included.")
@json_flag
@setting_flags(*PLACES)
def command(run: str, following: bool, last: int | None, raw: bool, as_json: bool, **flags: Any) -> None:
    """Show what the trainer of RUN printed: of a progress bar its last state, and no colours.

    RUN is EXPERIMENT/RUN, its folder, or a sidecar or checkpoint of it; EXPERIMENT means its newest run, EXPERIMENT@-2
    the one before. A FILE in its place is the log of any training, one that kft did not run too: how far it came, why
    it ended and what helps, exit code 1 where it tells of a failure. With -f the exit code says how the run ended: 0
    when it did its job, 1 when it failed, was interrupted or killed. Ctrl-C ends the look and not the run.
    """
    if _is_log(Path(run)):
        _diagnose(Path(run), last, as_json=as_json, else_asked=following or raw)
        return
    if as_json and (following or raw):
        raise click.UsageError("--json is for the lines of a log as they are now: leave out -f and --raw")
    settings = settings_from(flags)
    folder = named_run(full_name(run, settings, "any"), settings).folder
    state = RunState(run=folder)
    if not folder.holds(folder.log):
        finding = Finding(what="it is a link to a file elsewhere", where=str(folder.log), todo="open that file itself")
        raise InputError(f"{folder.run_id} has no log of its own", [finding])
    if not following:
        _show(folder, state, last, raw=raw, as_json=as_json)
        return
    _follow(folder, state, last, raw=raw)
    status = state.status()
    failure = state.record.run["failure"] if state.record else None
    output.say((f"{folder.run_id}: {status}", "title"), f": {failure['what']}" if failure else "")
    if status not in SUCCESSES:
        click.get_current_context().exit(1)


def _is_log(path: Path) -> bool:
    """Return whether `path` is a file that can be a log, rather than a record, a sidecar or a checkpoint."""
    return path.is_file() and path.suffix.lower() not in (".json", ".toml", ".safetensors")


def _diagnose(path: Path, last: int | None, *, as_json: bool, else_asked: bool) -> None:
    """Diagnose the log of any trainer: data on stdout, exit code 1 if the log shows a failure."""
    if else_asked:
        raise click.UsageError("a log that is a FILE is diagnosed: leave out -f and --raw")
    found = diagnose(path, TAIL if last is None else last)
    if as_json:
        output.print_json(found.to_json())
    else:
        output.print_table(("", ""), _rows(found))
        if found.failure:
            output.print_text("\n")
            output.print_findings(explain(found.failure, path))
    if found.failure:
        click.get_current_context().exit(1)


def _rows(found: Diagnosis) -> list[tuple[str, str]]:
    progress, loss = found.progress, found.progress.loss
    rows = [("log", str(found.path))]
    if progress.total:
        speed = f", {pace(progress.steps_per_second)}" if progress.steps_per_second else ""
        rows.append(("steps", f"{progress.step} of {progress.total}{speed}"))
    if loss is not None:
        rows.append(("loss", f"{progress.losses[0][1]:.4f} -> {loss:.4f}"))
    if progress.nan_step:
        rows.append(("loss", f"NaN since step {progress.nan_step}"))
    return [*rows, ("end", found.ended)]


def _show(run: RunFolder, state: RunState, last: int | None, *, raw: bool, as_json: bool) -> None:
    if not run.log.is_file():
        finding = Finding(what="there is no log", where=str(run.log), todo="kft log -f waits for one")
        raise InputError(f"{run.run_id} has printed nothing", [finding])
    if raw:
        _Screen().bytes(last_lines(run.log.read_bytes(), last))
    elif as_json:
        output.print_json({"run": run.run_id, "status": state.status(), "lines": log_lines(run.log, last)})
    elif last is not None:
        output.print_text("".join(f"{line}\n" for line in log_lines(run.log, last)))
    else:
        for lines in read_lines(run.log):  # a reader of the first lines need not wait for all
            output.print_text("".join(f"{line}\n" for line in lines))


def _follow(run: RunFolder, state: RunState, last: int | None, *, raw: bool) -> None:
    screen, view, tail = _Screen(), LogLines(), LogTail(path=run.log)
    skipped = tail.read()  # everything so far, of which the last lines are shown
    if raw:
        screen.bytes(last_lines(skipped, last))
    else:
        lines = view.feed(skipped)
        screen.lines(lines if last is None else lines[max(len(lines) - last, 0) :])
    for chunk in follow(tail, lambda: state.status() != "running", lambda: time.sleep(POLL)):
        if raw:
            screen.bytes(chunk)
        else:
            screen.lines(view.feed(chunk))
            screen.pending(view.pending)
    screen.lines([] if raw else view.close())


class _Screen:
    """Stdout, where a bar is redrawn in place on a terminal and printed as a line now and then elsewhere."""

    def __init__(self) -> None:
        self._drawn = ""
        self._told = ""
        self._at = 0.0

    def bytes(self, data: bytes) -> None:
        """Write bytes unchanged."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def lines(self, lines: list[str]) -> None:
        """Print finished lines; the first is skipped if it was already printed while pending."""
        if lines:
            self._wipe()
            output.print_text("".join(f"{line}\n" for line in (lines[1:] if lines[0] == self._told else lines)))
            self._told = ""
        sys.stdout.flush()

    def pending(self, text: str) -> None:
        """Show the line that has not ended yet."""
        if (width := output.width()) is not None:
            if (text := text[: width - 1]) != self._drawn:
                self._wipe()
                output.print_text(text)
                self._drawn = text
        elif text and text != self._told and time.monotonic() - self._at >= INTERVAL:
            output.print_text(f"{text}\n")
            self._told, self._at = text, time.monotonic()
        sys.stdout.flush()

    def _wipe(self) -> None:
        if self._drawn:
            output.draw("\r" + " " * len(self._drawn) + "\r")
            self._drawn = ""
