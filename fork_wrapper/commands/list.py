"""`kft list`."""

from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.commands.flags import PLACES, json_flag, setting_flags, settings_from
from fork_wrapper.experiment import experiment_names
from fork_wrapper.history import KILLED, RunLine, list_runs
from fork_wrapper.words import clock, counted

PATIENCE = 0.5
"""Seconds of reading records before a bar says so."""

HEADERS = ("run", "status", "steps", "loss", "time", "saved")
"""Of checkpoints it says `saved`: a run's line fits a terminal of 80 columns."""


@click.command(name="list", short_help="List experiments and runs.")
@click.argument("experiment", required=False)
@json_flag
@setting_flags(*PLACES)
def command(experiment: str | None, as_json: bool, **flags: Any) -> None:
    """List the experiments and every run, or the runs of one EXPERIMENT, oldest first."""
    settings = settings_from(flags)
    with output.counting("reading records", patience=PATIENCE) as tell:
        runs = list_runs(settings.outputs, experiment, cache=settings.cache, tell=tell)
    names = [name for name in experiment_names(settings.experiments) if experiment in (None, name)]
    if as_json:
        output.print_json({"experiments": names, "runs": [run.__dict__ for run in runs]})
        return
    if experiment is None:
        output.print_text(f"experiments: {', '.join(names) or '(none)'}\n")
    if runs:
        output.print_table(HEADERS, [_row(run) for run in runs])
    else:
        output.say(f"no runs in {settings.outputs}")
    if killed := sum(run.status == KILLED for run in runs):
        output.say(f"{counted(killed, 'run')} ended with kft; `kft archive RUN` closes what it left open")


def _row(run: RunLine) -> tuple[str, ...]:
    loss = "-" if run.loss is None else f"{run.loss:.4f}"
    time = "-" if run.seconds is None else clock(run.seconds)
    done = f"{run.before}+{run.steps}" if run.before else str(run.steps)
    steps = f"{done}/{run.total_steps}" if run.total_steps else done
    return run.run_id, run.status, steps, loss, time, str(run.checkpoints)
