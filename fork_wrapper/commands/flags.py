"""Command-line options that several verbs share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fork_wrapper.check.machine_kinds import MACHINE_KINDS
from fork_wrapper.commands import completing, output
from fork_wrapper.machine.checkout import detached_head, is_checkout
from fork_wrapper.machine.settings import NAMES, Settings, load_settings
from fork_wrapper.sdscripts.options import table_for, using

if TYPE_CHECKING:
    from fork_wrapper.records.short_names import Meant, Purpose

F = TypeVar("F", bound=Callable[..., Any])

_HELP = {
    "models": "Folder of base models.",
    "datasets": "Folder of training sets.",
    "outputs": "Folder of runs.",
    "experiments": "Folder of experiment files.",
    "sd_scripts": "Checkout of kohya-ss/sd-scripts.",
    "python": "The trainer's Python.",
    "cache": "Folder for what kft can make again.",
    "num_processes": "GPUs in all.",
    "num_machines": "Machines in all.",
    "machine_rank": "This machine's rank.",
    "main_process_ip": "Address of rank 0.",
    "main_process_port": "Port of rank 0.",
    "accelerate_args": "More arguments for `accelerate launch`, as one string.",
    "interrupt_grace": "Seconds to finish after Ctrl-C.",
}

PLACES = ("models", "datasets", "outputs", "experiments", "sd_scripts", "python", "cache")
"""Settings that every verb may need."""

SCALE = tuple(name for name in NAMES if name not in PLACES)
"""Settings that only a launch needs."""


def setting_flags(*names: str) -> Callable[[F], F]:
    """A decorator that adds one flag per setting; the command gets them as keyword arguments of their names."""

    def decorate(function: F) -> F:
        for name in reversed(names):
            flag = "--" + name.replace("_", "-")
            function = click.option(flag, name, metavar="VALUE", help=f"{_HELP[name]} [setting]")(function)
        return function

    return decorate


def settings_from(flags: dict[str, Any]) -> Settings:
    """The settings in force, with what the command line said.

    For the rest of the command, the options are those of the checkout that they name.
    """
    settings = load_settings({name: flags[name] for name in NAMES if name in flags})
    find = using(lambda: table_for(_commit(settings), settings.cache))
    click.get_current_context().with_resource(find)
    return settings


def _commit(settings: Settings) -> str | None:
    """Of the checkout of sd-scripts; git itself is asked only where a branch is checked out."""
    if (head := detached_head(settings.sd_scripts)) or not is_checkout(settings.sd_scripts):
        return head
    from fork_wrapper.machine.provenance import git_commit  # noqa: PLC0415 - most commands start no process

    return git_commit(settings.sd_scripts)


def full_name(text: str, settings: Settings, bare: "Purpose | None" = None) -> str:
    """What is meant by a short name, which is said on stderr; any other name as it is.

    `bare` is what a run is asked for, where an experiment's name alone means one of its runs.
    """
    found = short_name(text, settings, bare)
    return found.text if found else text


def short_name(text: str, settings: Settings, bare: "Purpose | None" = None) -> "Meant | None":
    """The run, and the checkpoint, that a short name stands for, which is said on stderr; None where it is none."""
    if bare is None and "@" not in text and ":" not in text:
        return None
    from fork_wrapper.records.short_names import meant  # noqa: PLC0415 - most names are whole

    if found := meant(text, settings, bare=bare):
        file = f", {found.checkpoint.name}" if found.checkpoint else ""
        output.say(f"{text} is {found.run.run_id}{file}", (f": {found.why}" if found.why else "", "dim"))
    return found


def json_flag(function: F) -> F:
    """`--json` on a reader."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def allow_flag(function: F) -> F:
    """`--allow-unknown`."""
    text = "Let a name pass that kft does not know: for a newer sd-scripts. Recorded. Repeatable."
    return click.option("--allow-unknown", "allow", multiple=True, metavar="KEY", help=text)(function)


ROOM = tuple(kind for kind, one in MACHINE_KINDS.items() if one.allowable)
"""What `--allow` lets a run go on without: room on a disk, memory of a GPU."""


def room_flag(function: F) -> F:
    """`--allow` for what the machine has too little of."""
    text = "Start although it has too little of this. Recorded. Repeatable."
    return click.option("--allow", "allowed", multiple=True, type=click.Choice(ROOM), help=text)(function)


def override_flags(function: F) -> F:
    """`--set`, `--unset` and `--allow-unknown`."""
    unset = click.option(
        "--unset", "unset", multiple=True, metavar="KEY", help="Make an option absent.", shell_complete=completing.keys
    )
    sets = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        shell_complete=completing.assignments,
        help="Override a value, by name or key path (seed, dataset.general.flip_aug). Repeatable.",
    )
    return sets(unset(allow_flag(function)))
