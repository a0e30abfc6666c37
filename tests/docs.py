"""The pages of `docs/` that the program itself knows: commands, rules, options. `make docs` writes them.

They come from the program's own tables and hold nothing of this machine: a test compares them with what lies there.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from dataset_tools.check.faults import KINDS
from fork_wrapper.check.machine_kinds import MACHINE_KINDS
from fork_wrapper.check.rules.rule import PHASES, Rule
from fork_wrapper.check.rules.table import gravity, rules
from fork_wrapper.cli import group
from fork_wrapper.errors import SEVERITIES
from fork_wrapper.experiment.value_rules import NOT_RULES
from fork_wrapper.repeat.compared import ALLOWABLE, COMPARED
from fork_wrapper.sdscripts.meaning import TITLES, Group, known
from fork_wrapper.sdscripts.options import DatasetKey, Option, dataset_keys, options, pinned_commit

WIDTH = 100
"""Columns of the help texts."""

_EFFECTS = {"trains": "weights", "cost": "cost", "output": "files"}

_MADE = "<!-- `make docs` writes this page. Edit the program instead. -->\n\n"


def pages() -> dict[str, str]:
    """The text of every generated page, by file name."""
    makers: Mapping[str, Callable[[], str]] = {"commands.md": _commands, "rules.md": _rules, "options.md": _options}
    return {name: _MADE + make() for name, make in makers.items()}


def main(folder: Path) -> None:
    """Write the pages into `folder`."""
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def verbs() -> dict[str, click.Command]:
    """Every command by the words that call it: `run`, `dataset check`."""
    return {" ".join(path): command for path, command, _ in _walk(group, (), None) if path}


def _walk(
    command: click.Command, path: tuple[str, ...], parent: click.Context | None
) -> Iterable[tuple[tuple[str, ...], click.Command, click.Context]]:
    """`command` and all below it, each with its words and the context that its help is made in."""
    context = _context(command, parent, path[-1] if path else "kft")
    yield path, command, context
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            below = command.get_command(context, verb)
            assert below is not None
            yield from _walk(below, (*path, verb), context)


def _context(command: click.Command, parent: click.Context | None, name: str) -> click.Context:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(command, parent, info_name=name, **settings)


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "What `--help` says, for every verb. Flags marked `[setting]` override a setting for one call;",
        "[experiments.md](experiments.md#settings) lists the other places that may say it.",
        "",
    ]
    for path, command, context in _walk(group, (), None):
        heading = "kft " + " ".join(path) if path else "kft"
        lines += [f"## `{heading}`", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def _rules() -> str:
    found = sorted(rules().values(), key=lambda one: (*gravity(one), one.id))
    lines = [
        "# Rules",
        "",
        f"The {len(found)} traps of sd-scripts at commit {pinned_commit()[:8]} that `kft check` knows, errors first.",
        "Within a severity, what sd-scripts reports last, or never, comes first. `kft rules ID` prints one.",
        "",
    ]
    for severity in SEVERITIES:
        lines += [f"## {severity.capitalize()}s", ""]
        lines += [line for one in found if one.severity == severity for line in _rule(one)]
    lines += ["## What cannot happen", "", "Traps of sd-scripts that the way kft launches it rules out.", ""]
    lines += _table(("trap", "why not"), ((f"`{key}`", why) for key, why in NOT_RULES.items()))
    lines += ["## What `kft dataset check` finds", ""]
    kinds = ((f"`{key}`", one.severity, one.title, one.fix) for key, one in KINDS.items())
    lines += _table(("kind", "severity", "what", "what to do"), kinds)
    lines += ["## What `kft check` finds on the machine", ""]
    unfit = ((f"`{key}`", one.severity, one.title, one.fix) for key, one in MACHINE_KINDS.items())
    lines += _table(("kind", "severity", "what", "what to do"), unfit)
    lines += ["## What `kft reproduce` compares", ""]
    items = ((f"`{key}`", what, "yes" if key in ALLOWABLE else "") for key, what in COMPARED.items())
    lines += _table(("item", "what", "`--allow` takes it"), items)
    return "\n".join(lines)


def _rule(one: Rule) -> Sequence[str]:
    facts = {"sd-scripts reports it": PHASES[one.phase], "What to do": one.fix, "Source": f"`{one.source}`"}
    return [
        f"### {one.id}",
        "",
        f"**{_plain(one.when)}**",
        "",
        _plain(one.why),
        "",
        *(f"- {name}: {_plain(text)}" for name, text in facts.items()),
        "",
    ]


def _options() -> str:
    lines = [
        "# Options",
        "",
        f"The {len(options())} options of `sdxl_train.py` and the {len(dataset_keys())} keys of the dataset config",
        f"at commit {pinned_commit()[:8]}, in the groups of `kft diff`. `kft options WORD` searches them.",
        "",
        "The column *changes* says what another value changes: `weights` (even if only their rounding), `cost` (memory",
        "and speed), or `files` (also logs and samples).",
        "",
        "## `[training]`",
        "",
    ]
    groups: dict[Group, list[Option]] = {}
    for name, kind in known("training").items():
        groups.setdefault(kind.group, []).append(options()[name])
    for group_name, rows in groups.items():
        lines += [f"### {TITLES[group_name].capitalize()}", ""]
        lines += _table(("option", "type", "default", "changes", "what it does"), (_option(row) for row in rows))
    lines += ["## `[dataset]`", ""]
    lines += _table(("key", "type", "where", "changes", "what it does"), (_key(row) for row in dataset_keys().values()))
    return "\n".join(lines)


def _option(row: Option) -> Sequence[str]:
    choices = ", ".join("absent" if choice is None else f"`{choice}`" for choice in row.choices)
    line = f"{row.line} ({choices})" if choices else row.line
    return f"`{row.name}`", row.type, _spelled(row.default), _EFFECTS[known("training")[row.name].effect], line


def _key(row: DatasetKey) -> Sequence[str]:
    where = "anywhere" if len(row.levels) == 3 else ", ".join(row.levels)
    return f"`{row.name}`", row.type, where, _EFFECTS[known("dataset")[row.name].effect], row.line


def _spelled(default: Any) -> str:
    """A default as TOML says it; nothing where the option is absent."""
    if default is None:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f'`"{default}"`' if isinstance(default, str) else f"`{default}`"


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [headers, ["---"] * len(headers), *([_plain(cell) for cell in row] for row in rows)]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no table cell ends in it; outside of code, no markup begins in it."""
    text = text.replace("|", "\\|")
    return text if "`" in text else text.replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
