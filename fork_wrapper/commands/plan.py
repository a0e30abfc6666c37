"""`kft plan`."""

from typing import Any

import click

from fork_wrapper.check.check import check
from fork_wrapper.check.plan_text import bucket_rows, rows
from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, full_name, json_flag, override_flags, setting_flags, settings_from
from fork_wrapper.experiment.resolve import parse_overrides
from fork_wrapper.formats.configuration import configuration
from fork_wrapper.machine.trainer import real_trainer


@click.command(name="plan", short_help="Say what a run would do: images, buckets, steps, rates, files, disk.")
@click.argument("name", shell_complete=completing.experiments)
@override_flags
@json_flag
@setting_flags(*PLACES, "num_processes")
def command(
    name: str,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    allow: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Say what a run of the experiment NAME would do, computed as sd-scripts computes it.

    NAME is an experiment, a run, a sidecar, a checkpoint, or a file that `kft import-config` takes.

    Time and VRAM are given only where an earlier run of this machine has measured a configuration whose steps cost the
    same; its id stands beside them.
    """
    settings = settings_from(flags)
    resolved = configuration(full_name(name, settings), settings, parse_overrides(assignments, unset), allow)
    plan = check(resolved, settings, real_trainer(settings)).plan
    if as_json:
        output.print_json(plan.to_json())
        return
    output.print_table(("", ""), rows(plan))
    if buckets := bucket_rows(plan):
        output.print_text("\n")
        output.print_table(("dataset", "bucket", "images"), buckets)
