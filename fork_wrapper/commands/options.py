"""`kft options`."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, json_flag, setting_flags, settings_from
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.sdscripts.options import DatasetKey, Option, dataset_keys, elsewhere, gui_name, options


@click.command(name="options", short_help="Explain the options of sdxl_train.py and the keys of the data set.")
@click.argument("pattern", nargs=-1, shell_complete=completing.keys)
@json_flag
@setting_flags(*PLACES)
def command(pattern: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """List options of sdxl_train.py, for [training], and keys of the dataset config, with a line on each.

    PATTERN are words that name or line must hold (kft options noise offset), or one name with * and ? in it
    (kft options 'save_*').
    """
    settings_from(flags)
    training = [row for row in options().values() if _matches(row, pattern)]
    dataset = [row for row in dataset_keys().values() if _matches(row, pattern)]
    if not training and not dataset:
        name = " ".join(pattern)
        raise InputError(f"no option and no dataset key matches {name!r}", [_nothing(name)])
    if as_json:
        output.print_json({"training": [asdict(row) for row in training], "dataset": [asdict(row) for row in dataset]})
    else:
        _print(training, dataset)


def _matches(row: Option | DatasetKey, pattern: Sequence[str]) -> bool:
    if any(mark in word for word in pattern for mark in "*?"):
        return any(fnmatchcase(row.name, word.lower()) for word in pattern)
    text = f"{row.name} {row.line}".lower()
    return all(word.lower().replace("-", "_") in text or word.lower() in text for word in pattern)


def _print(training: Iterable[Option], dataset: Iterable[DatasetKey]) -> None:
    tables = (
        (("in training", "type", "default", "what it does"), [_option(row) for row in training]),
        (("in dataset", "type", "where", "what it does"), [_key(row) for row in dataset]),
    )
    shown = [(headers, rows) for headers, rows in tables if rows]
    for number, (headers, rows) in enumerate(shown):
        output.print_text("\n" if number else "")
        output.print_table(headers, rows)


def _option(row: Option) -> tuple[str, ...]:
    choices = ", ".join("absent" if choice is None else str(choice) for choice in row.choices)
    line = f"{row.line} [{choices}]" if choices else row.line
    return row.name, row.type, _spell(row.default), line


def _key(row: DatasetKey) -> tuple[str, ...]:
    where = "anywhere" if len(row.levels) == 3 else ", ".join(row.levels)
    return row.name, row.type, where, row.line


def _spell(default: Any) -> str:
    """Spell a default as TOML would; a dash if the option is unset when absent."""
    if default is None:
        return "-"
    if isinstance(default, bool):
        return str(default).lower()
    return f'"{default}"' if isinstance(default, str) else str(default)


def _nothing(pattern: str) -> Finding:
    """Say where an unknown name comes from, if kft knows it, and which existing names are closest."""
    if name := gui_name(pattern):
        what = f"`{pattern}` is a key of the kohya_ss GUI; sd-scripts calls it `{name}`"
        return Finding(what=what, todo=f"`kft options {name}`")
    if scripts := elsewhere(pattern):
        more = f" and {len(scripts) - 3} more" if len(scripts) > 3 else ""
        what = f"`{pattern}` is an option of {', '.join(scripts[:3])}{more}, not of sdxl_train.py"
        return Finding(what=what, todo="leave it out: kft starts sdxl_train.py alone")
    near = difflib.get_close_matches(pattern, [*options(), *dataset_keys()], n=3)
    todo = f"did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else "`kft options` lists them all"
    return Finding(what="no such option or key", where=pattern, todo=todo)
