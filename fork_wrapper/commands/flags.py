"""Command-line options shared by several verbs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

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
"""The settings that any verb may need."""

SCALE = tuple(name for name in NAMES if name not in PLACES)
"""The settings that only a launch needs."""


def setting_flags(*names: str) -> Callable[[F], F]:
    """Return a decorator that adds one flag per setting; the command gets each as a keyword argument of that name."""

    def decorate(function: F) -> F:
        for name in reversed(names):
            flag = "--" + name.replace("_", "-")
            function = click.option(flag, name, metavar="VALUE", help=f"{_HELP[name]} [setting]")(function)
        return function

    return decorate


def settings_from(flags: dict[str, Any]) -> Settings:
    """Return the settings in force, including those given on the command line.

    It also selects the option table of their sd-scripts checkout for the rest of the command.
    """
    settings = load_settings({name: flags[name] for name in NAMES if name in flags})
    find = using(lambda: table_for(_commit(settings), settings.cache))
    click.get_current_context().with_resource(find)
    return settings


def _commit(settings: Settings) -> str | None:
    """The commit of the sd-scripts checkout; git itself is asked only if a branch is checked out."""
    if (head := detached_head(settings.sd_scripts)) or not is_checkout(settings.sd_scripts):
        return head
    from fork_wrapper.machine.provenance import git_commit  # noqa: PLC0415 - most commands start no process

    return git_commit(settings.sd_scripts)


def full_name(text: str, settings: Settings, bare: "Purpose | None" = None) -> str:
    """Expand a short name and say on stderr what it stands for; return any other name unchanged.

    `bare` is the purpose of the run, for verbs where an experiment's name alone means one of its runs.
    """
    found = short_name(text, settings, bare)
    return found.text if found else text


def short_name(text: str, settings: Settings, bare: "Purpose | None" = None) -> "Meant | None":
    """Find the run or checkpoint that a short name stands for, and say it on stderr; None if it is not a short name."""
    if bare is None and "@" not in text and ":" not in text:
        return None
    from fork_wrapper.records.short_names import meant  # noqa: PLC0415 - most names are whole

    if found := meant(text, settings, bare=bare):
        file = f", {found.checkpoint.name}" if found.checkpoint else ""
        output.say(f"{text} is {found.run.run_id}{file}", (f": {found.why}" if found.why else "", "dim"))
    return found


def json_flag(function: F) -> F:
    """Add `--json` to a command that reads."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def allow_flag(function: F) -> F:
    """Add `--allow-unknown`."""
    text = "Let a name pass that kft does not know: for a newer sd-scripts. Recorded. Repeatable."
    return click.option("--allow-unknown", "allow", multiple=True, metavar="KEY", help=text)(function)


def room_names() -> tuple[str, ...]:
    """What `--allow` lets a run go on without: room on a disk, memory of a GPU."""
    from fork_wrapper.check.machine_kinds import MACHINE_KINDS  # noqa: PLC0415 - few verbs have the flag

    return tuple(kind for kind, one in MACHINE_KINDS.items() if one.allowable)


def room_flag(function: F) -> F:
    """Add `--allow`, for a machine that is short of disk space or GPU memory."""
    text = "Start although it has too little of this. Recorded. Repeatable."
    return click.option("--allow", "allowed", multiple=True, type=click.Choice(room_names()), help=text)(function)


def override_flags(function: F) -> F:
    """Add `--set`, `--unset` and `--allow-unknown`."""
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
