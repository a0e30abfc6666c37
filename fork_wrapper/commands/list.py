"""`kft list`."""

from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.commands.flags import PLACES, json_flag, setting_flags, settings_from
from fork_wrapper.experiment import experiment_names, find_experiment
from fork_wrapper.history import RunLine, list_runs
from fork_wrapper.run_state import KILLED
from fork_wrapper.selection import KEYS, SORTS, parse_selection, select
from fork_wrapper.words import clock, counted, pace

PATIENCE = 0.5
"""Seconds of reading records before a bar says so."""

HEADERS = ("run", "status", "steps", "loss", "time", "saved")
"""Of checkpoints it says `saved`: a run's line fits a terminal of 80 columns."""

GOING = ("speed", "left")
"""What only a run in progress has."""

EPILOG = """\b
Examples:
  kft list --sort -loss
  kft list --filter status=completed --filter "loss<0.1"
  kft list --filter "experiment=humanoid_0*" --filter since=2026-11-01 --filter rehearsal=no
  kft list --filter decision=selected,candidate --json
"""


@click.command(name="list", epilog=EPILOG, short_help="List experiments and runs.")
@click.argument("experiment", required=False)
@click.option("--sort", metavar="KEY", help=f"Sort by {', '.join(SORTS)}; -KEY for the greatest first.")
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="EXPR",
    help=f"Only runs for which EXPR holds, such as loss<0.1. Keys: {', '.join(KEYS)}. Repeatable.",
)
@json_flag
@setting_flags(*PLACES)
def command(
    experiment: str | None, sort: str | None, reverse: bool, filters: tuple[str, ...], as_json: bool, **flags: Any
) -> None:
    """List the experiments and every run, or the runs of one EXPERIMENT, oldest first.

    Texts are compared with = and !=, several with commas between them, * for anything; numbers and dates also with
    <, <=, > and >=. A time is in seconds, or 1:30:00, 90m, 2h; since and until take a date or a time of day. The
    decision is the last one in a run's notes, or none.
    """
    selection = parse_selection(filters, sort, reverse=reverse)
    settings = settings_from(flags)
    with output.counting("reading records", patience=PATIENCE) as tell:
        every = list_runs(settings.outputs, experiment, cache=settings.cache, tell=tell)
    runs = select(every, selection, settings.outputs)
    names = [name for name in experiment_names(settings.experiments) if experiment in (None, name)]
    if experiment is not None and not names and not every:
        find_experiment(experiment, settings.experiments)  # says which name it may have been
    if as_json:
        output.print_json({"experiments": names, "runs": [run.__dict__ for run in runs]})
        return
    if experiment is None:
        output.print_text(f"experiments: {', '.join(names) or '(none)'}\n")
    if runs:
        going = any(run.seconds_left is not None for run in runs)
        output.print_table((*HEADERS, *GOING) if going else HEADERS, [_row(run, going=going) for run in runs])
    elif every:
        output.say(f"none of {counted(len(every), 'run')} passes the filters")
    else:
        output.say(f"no runs in {settings.outputs}")
    if killed := sum(run.status == KILLED for run in runs):
        output.say(f"{counted(killed, 'run')} ended with kft; `kft archive RUN` closes what it left open")


def _row(run: RunLine, *, going: bool = False) -> tuple[str, ...]:
    loss = "-" if run.loss is None else f"{run.loss:.4f}"
    time = "-" if run.seconds is None else clock(run.seconds)
    done = f"{run.before}+{run.steps}" if run.before else str(run.steps)
    steps = f"{done}/{run.total_steps}" if run.total_steps else done
    row = (run.run_id, run.status, steps, loss, time, str(run.checkpoints))
    return (*row, *_going(run)) if going else row


def _going(run: RunLine) -> tuple[str, str]:
    """Speed and time left, of a run that goes on."""
    if run.status != "running" or not run.steps_per_second:
        return "-", "-"
    return pace(run.steps_per_second), "-" if run.seconds_left is None else clock(run.seconds_left)
