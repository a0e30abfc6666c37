"""`kft diff`."""

from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.commands.flags import PLACES, allow_flag, json_flag, setting_flags, settings_from
from fork_wrapper.diff import Difference, differences, to_json
from fork_wrapper.source import open_source


@click.command(name="diff", short_help="Compare two configurations by their values.")
@click.argument("first")
@click.argument("second")
@allow_flag
@json_flag
@setting_flags(*PLACES)
def command(first: str, second: str, allow: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Compare two experiments, runs, sidecars or checkpoints, key by key, with defaults filled in.

    Exit code 0 when they train the same, 1 when they differ.
    """
    settings = settings_from(flags)
    one, two = open_source(first, settings, allow), open_source(second, settings, allow)
    found = differences(one, two)
    if as_json:
        output.print_json({"first": one.label, "second": two.label, "differences": to_json(found)})
    elif found:
        output.print_table(("", one.label, two.label, "origin"), [_row(item) for item in found])
    else:
        output.say(f"{one.label} and {two.label} train the same")
    if found:
        click.get_current_context().exit(1)


def _row(item: Difference) -> tuple[str, str, str, str]:
    before = _spell(item.before, set_here=item.before_set)
    after = _spell(item.after, set_here=item.after_set)
    return item.key, before, after, item.origin.kind if item.origin else ""


def _spell(value: Any, *, set_here: bool) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if set_here or text == "(absent)" else f"{text} (default)"
