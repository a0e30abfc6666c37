"""`kft list`."""

from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, json_flag, setting_flags, settings_from
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import experiment_names, find_experiment
from fork_wrapper.machine.settings import begin
from fork_wrapper.records.columns import COLUMNS, GOING, HEADS, parse_columns, row, values_of
from fork_wrapper.records.history import list_runs
from fork_wrapper.records.run_state import KILLED
from fork_wrapper.records.selection import KEYS, SORTS, parse_selection, select
from fork_wrapper.text import counted

PATIENCE = 0.5
"""Seconds spent reading records before a bar appears."""

EPILOG = """\b
Examples:
  kft list --sort -loss
  kft list --filter status=completed --filter "loss<0.1"
  kft list --filter "experiment=humanoid_0*" --filter since=2026-11-01 --filter rehearsal=no
  kft list --filter decision=selected,candidate --json
  kft list --columns status,loss,decision,learning_rate,resolution
"""


@click.command(name="list", epilog=EPILOG, short_help="List experiments and runs.")
@click.argument("experiment", required=False, shell_complete=completing.experiments)
@click.option(
    "--sort",
    shell_complete=completing.sorts,
    metavar="KEY",
    help=f"Sort by {', '.join(SORTS)}; -KEY for the greatest first.",
)
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="EXPR",
    shell_complete=completing.filters,
    help=f"Only runs for which EXPR holds, such as loss<0.1. Keys: {', '.join(KEYS)}. Repeatable.",
)
@click.option(
    "--columns",
    metavar="NAMES",
    shell_complete=completing.columns,
    help=f"Show these, with commas between them: {', '.join(COLUMNS)}, or any option or dataset key.",
)
@json_flag
@setting_flags(*PLACES)
def command(
    experiment: str | None,
    sort: str | None,
    reverse: bool,
    filters: tuple[str, ...],
    columns: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """List the experiments and every run, or the runs of one EXPERIMENT, oldest first.

    Texts are compared with = and !=, several with commas between them, * for anything; numbers and dates also with
    <, <=, > and >=. A time is in seconds, or 1:30:00, 90m, 2h; since and until take a date or a time of day. The
    decision is the last one in a run's notes, or none. A mean loss is the last that the trainer showed: over an epoch's
    length, or over all steps where there were fewer. The values of other columns are those that trained; - is absent.
    """
    selection = parse_selection(filters, sort, reverse=reverse)
    settings = settings_from(flags)
    shown = parse_columns(columns)
    with output.counting("reading records", patience=PATIENCE) as tell:
        every = list_runs(settings.outputs, experiment, cache=settings.cache, tell=tell)
    runs = select(every, selection, settings.outputs)
    names = [name for name in experiment_names(settings.experiments) if experiment in (None, name)]
    if experiment is not None and not names and not every:
        find_experiment(experiment, settings.experiments)  # raises, with the names that may be meant
    if not names and not every and (todo := begin(settings.outputs)):
        raise InputError(
            "there is nothing to list", [Finding(what="there is no project", where=str(Path.cwd()), todo=todo)]
        )
    if not columns and any(run.seconds_left is not None for run in runs):
        shown = (*shown, *GOING)
    values = [values_of(run, shown, settings.outputs) for run in runs]
    if as_json:
        more = [{"columns": known} if columns else {} for known in values]
        rows = [{**run.__dict__, **extra} for run, extra in zip(runs, more, strict=True)]
        output.print_json({"experiments": names, "runs": rows})
        return
    if experiment is None:
        output.print_folded(f"experiments: {', '.join(names) or '(none)'}", indent=13)
    if runs:
        output.print_table(
            ("run", *(HEADS.get(name, name) for name in shown)),
            [row(run, shown, known) for run, known in zip(runs, values, strict=True)],
        )
    elif every:
        output.say(f"none of {counted(len(every), 'run')} passes the filters")
    else:
        output.say(f"no runs in {settings.outputs}")
    if killed := sum(run.status == KILLED for run in runs):
        output.say(f"{counted(killed, 'run')} ended with kft; `kft archive RUN` closes what it left open")
