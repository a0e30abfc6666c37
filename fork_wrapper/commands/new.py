"""`kft new`."""

from datetime import datetime
from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.commands.flags import PLACES, override_flags, setting_flags, settings_from
from fork_wrapper.new_experiment import next_steps, plan_new, write_new
from fork_wrapper.resolve import parse_overrides
from fork_wrapper.source import open_source

EPILOG = """\b
Examples:
  kft new humanoid_08 --from humanoid_05 --set learning_rate=3e-6 --changes "a lower rate"
  kft new humanoid_08 --from humanoid_05 --unset xformers --set sdpa=true
  kft new recovered --from runs/humanoid_05/20261122-101500/humanoid_05.json
"""


@click.command(name="new", epilog=EPILOG, short_help="Write a new experiment, made of another or of a run.")
@click.argument("name")
@click.option("--from", "source", required=True, metavar="SOURCE", help="What it is made of.")
@override_flags
@click.option("--purpose", metavar="TEXT", help="What it is for.")
@click.option("--changes", metavar="TEXT", help="Why these values moved.")
@setting_flags(*PLACES)
def command(
    name: str,
    source: str,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    allow: tuple[str, ...],
    purpose: str | None,
    changes: str | None,
    **flags: Any,
) -> None:
    """Write experiments/NAME.toml, and check it before: nothing is written that would not load, nothing replaced.

    Of an experiment it becomes a child, which holds only what changes. Of a run, a sidecar, a checkpoint or a config
    of the kohya_ss GUI or of sd-scripts it becomes a whole experiment, as `kft import-config` makes one. Values given
    with --set are your choice: their origin is "chosen".
    """
    settings = settings_from(flags)
    opened = open_source(source, settings, allow)
    story = {key: text for key, text in (("purpose", purpose), ("changes", changes)) if text}
    new = plan_new(name, opened, settings, parse_overrides(assignments, unset), story, datetime.now().astimezone())
    write_new(new)
    output.print_text("".join(f"{path}\n" for path in new.files))
    output.show_findings(new.findings)
    for step in next_steps(new):
        output.say(("  → ", "title"), step)
