"""`kft check`."""

from dataclasses import asdict
from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.commands.options import PLACES, json_flag, override_flags, setting_flags, settings_from
from fork_wrapper.preflight import preflight
from fork_wrapper.render import real_trainer
from fork_wrapper.resolve import parse_overrides, resolve


@click.command(name="check", short_help="Say everything that stands between an experiment and its launch.")
@click.argument("name")
@override_flags
@json_flag
@setting_flags(*PLACES)
def command(name: str, assignments: tuple[str, ...], unset: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Check the experiment NAME: its keys and types, and what a run needs on this machine.

    Exit code 0 when it could start, 1 when something is missing, 2 when the experiment itself is wrong.
    """
    settings = settings_from(flags)
    resolved = resolve(name, settings, parse_overrides(assignments, unset))
    looked = preflight(resolved, settings, real_trainer(settings))
    if as_json:
        output.print_json({"name": resolved.name, "findings": [asdict(finding) for finding in looked.findings]})
    else:
        values = len(resolved.training)
        output.say(f"{resolved.name}: {values} options, all known and well typed")
        output.show_findings(looked.findings, output.stdout())
        if not looked.errors:
            output.say("ready to run")
    if looked.errors:
        click.get_current_context().exit(1)
