"""`kft check`."""

from collections import Counter
from dataclasses import asdict
from typing import Any

import click

from fork_wrapper.check.check import Checked, check
from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import (
    PLACES,
    full_name,
    json_flag,
    override_flags,
    room_flag,
    setting_flags,
    settings_from,
)
from fork_wrapper.errors import SEVERITIES
from fork_wrapper.experiment.resolve import Resolved, parse_overrides
from fork_wrapper.formats.configuration import configuration
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.run.render import try_render
from fork_wrapper.text import counted


@click.command(name="check", short_help="Check an experiment before its launch, everything at once.")
@click.argument("name", shell_complete=completing.experiments)
@override_flags
@room_flag
@json_flag
@setting_flags(*PLACES, "num_processes")
def command(
    name: str,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    allow: tuple[str, ...],
    allowed: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Check the experiment NAME: its keys and values, sd-scripts' traps, and what a run needs on this machine.

    NAME is an experiment, a run, a sidecar, a checkpoint, or a file that `kft import-config` takes: nothing is written.

    Exit code 0 when it could start, 1 when something stands against it, 2 when the file itself cannot be read.
    """
    settings = settings_from(flags)
    resolved = configuration(full_name(name, settings), settings, parse_overrides(assignments, unset), allow)
    trainer = real_trainer(settings)
    try_render(resolved, settings, trainer)
    checked = check(resolved, settings, trainer, allowed=allowed)
    if as_json:
        output.print_json({"name": resolved.name, "findings": [asdict(finding) for finding in checked.findings]})
    else:
        output.say(f"{resolved.name}: {_known(resolved)}")
        output.print_findings(checked.findings)
        output.say(_verdict(checked))
    if checked.errors:
        click.get_current_context().exit(1)


def _known(resolved: Resolved) -> str:
    through = sum(key in resolved.allowed for key in resolved.training)
    text = f"{counted(len(resolved.training) - through, 'option')}, all known and well typed"
    return f"{text}; {through} let through" if through else text


def _verdict(checked: Checked) -> str:
    counts = Counter(finding.severity for finding in checked.findings if not finding.acknowledged)
    parts = [counted(counts[name], name) for name in SEVERITIES if counts[name]]
    found = f" ({', '.join(parts)}; `kft rules ID` explains one)" if parts else ""
    return f"{'not ready to run' if checked.errors else 'ready to run'}{found}"
