"""`kft settings`."""

from typing import Any

import click

from fork_wrapper.commands import output
from fork_wrapper.commands.flags import PLACES, SCALE, json_flag, setting_flags, settings_from
from fork_wrapper.machine.settings import NAMES


@click.command(name="settings", short_help="Show every setting and where it comes from.")
@json_flag
@setting_flags(*PLACES, *SCALE)
def command(as_json: bool, **flags: Any) -> None:
    """Show every setting in force and the layer that said it.

    Weakest first: built in, kft.toml, ~/.config/kft/kft.toml, kft.local.toml, KFT_* variables, command line.
    """
    settings = settings_from(flags)
    values = {name: getattr(settings, name) for name in NAMES}
    if as_json:
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        plain = {name: value if isinstance(value, int | list) else str(value) for name, value in plain.items()}
        output.print_json({name: {"value": plain[name], "source": settings.sources[name]} for name in NAMES})
        return
    rows = [(name, _spell(values[name]), settings.sources[name]) for name in NAMES]
    output.print_table(("setting", "value", "said by"), rows)


def _spell(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
