"""The options of sd-scripts as data: names, types, defaults and choices, and the keys of the dataset config.

The tables are files beside this module. What `read_parser.py` prints for the pinned commit is `options.json` and
`elsewhere.json` (the options of the other training scripts); `dataset_keys.json` is the schema of
library/config_util.py:183-376, by level. The words are ours: `option_notes.json` has a line for every name,
`gui_names.json` the names that the kohya_ss GUI gives to some of them. Rules about values live elsewhere.

A checkout at another commit may have a table of its own, read from its parser and kept in the cache. Exactly one
table is in force: ours, unless the command has begun with `using`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Level = Literal["general", "dataset", "subset"]

_HERE = Path(__file__).parent

READER = _HERE / "read_parser.py"
"""Prints the table of a checkout, in the trainer's Python."""

TYPES = ("bool", "int", "float", "str", "int_or_float", "list[str]", "any")
"""Types of options; `any` where only a checkout's own parser knows."""

FEWEST = 100
"""A table with fewer options is no parser's: the pinned commit has 176."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of `sdxl_train.py`."""

    name: str
    """As in TOML, with underscores."""
    type: str
    """One of `TYPES`; `int_or_float` is steps or a ratio."""
    default: Any
    """The parser's default; None where an absent option means unset."""
    choices: tuple[Any, ...] = ()
    """What the command line would accept, None for absent; the config file is not checked by sd-scripts."""
    line: str = ""
    """What it does, in one line of ours; empty for an option that the pinned commit lacks."""


@dataclass(frozen=True, kw_only=True)
class DatasetKey:
    """One key of the dataset config."""

    name: str
    """As in TOML."""
    type: str
    """`bool`, `int`, `float` (ints refused), `number`, `str`, `int_or_pair`, `float_pair` or `table`."""
    levels: tuple[Level, ...]
    """Where it may stand: `[general]`, `[[datasets]]`, `[[datasets.subsets]]`."""
    line: str
    """What it does, in one line of ours."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """All options of `sdxl_train.py` at one commit."""

    commit: str
    """Full hash; empty where the checkout has none."""
    options: Mapping[str, Option]
    """By name."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference between two tables."""

    name: str
    """The option."""
    what: Literal["added", "removed", "type", "default", "choices"]
    """What became of it."""
    before: Any = None
    """The old type, default or choices; of a removed option its type."""
    after: Any = None
    """The new one; of an added option its type."""


def options() -> Mapping[str, Option]:
    """All options by name, of the table in force."""
    return _IN_FORCE[-1]().options


def default_of(name: str) -> Any:
    """The default of an option that kft's rules speak of; where another commit lacks it, that of the pinned one."""
    return (options().get(name) or pinned_table().options[name]).default


@lru_cache(maxsize=1)
def dataset_keys() -> Mapping[str, DatasetKey]:
    """All keys of the dataset config by name."""
    rows, lines = _read("dataset_keys.json")["keys"], _read("option_notes.json")["dataset"]
    return {
        name: DatasetKey(name=name, type=row["type"], levels=tuple(row["levels"]), line=lines[name])
        for name, row in rows.items()
    }


@lru_cache(maxsize=1)
def pinned_commit() -> str:
    """The commit of sd-scripts that kft's own tables and rules describe."""
    return pinned_table().commit


@lru_cache(maxsize=1)
def pinned_table() -> Table:
    """The table of the pinned commit."""
    return table(_read("options.json"))


def table(document: Mapping[str, Any]) -> Table:
    """A table from its JSON: `commit`, and `options` as `read_parser.py` prints them."""
    lines = _read("option_notes.json")["training"]
    rows = {
        str(name): Option(
            name=str(name),
            type=str(row["type"]),
            default=row["default"],
            choices=tuple(row.get("choices", ())),
            line=lines.get(name, ""),
        )
        for name, row in sorted(document["options"].items())
    }
    return Table(commit=str(document["commit"]), options=rows)


def is_whole(found: Table) -> bool:
    """Whether a table can be that of a parser: enough options, each of a known type."""
    return len(found.options) >= FEWEST and all(row.type in TYPES for row in found.options.values())


def table_for(commit: str | None, cache: Path) -> Table | None:
    """The table of a commit: ours, or one that `keep` has written; None when nobody has read its parser."""
    if commit == pinned_commit():
        return pinned_table()
    try:
        found = table(json.loads(_kept(cache, str(commit)).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):  # absent or damaged: read anew
        return None
    return found if found.commit == commit and is_whole(found) else None


def keep(found: Table, cache: Path) -> Path:
    """Write a table for `table_for` to find. Only for a clean checkout: the commit must say all."""
    path = _kept(cache, found.commit)
    rows = {
        name: {"type": row.type, "default": row.default, "choices": row.choices} for name, row in found.options.items()
    }
    from fork_wrapper.files import write_whole  # noqa: PLC0415 - rules read options, and write nothing

    write_whole(path, json.dumps({"commit": found.commit, "options": rows}, indent=1) + "\n")
    return path


@contextmanager
def using(find: Callable[[], Table | None]) -> Iterator[None]:
    """Within it, the table that `find` finds is in force, ours where it finds none.

    Looked for when the first option is asked for, once: a command that needs no option does not wait for git.
    """
    _IN_FORCE.append(lru_cache(maxsize=1)(lambda: find() or pinned_table()))
    try:
        yield
    finally:
        _IN_FORCE.pop()


_IN_FORCE: list[Callable[[], Table]] = [pinned_table]


def changes(old: Table, new: Table) -> tuple[Change, ...]:
    """How the options of one table differ from another's, by name."""
    found = []
    for name in sorted(old.options.keys() | new.options.keys()):
        before, after = old.options.get(name), new.options.get(name)
        if before is None and after is not None:
            found.append(Change(name=name, what="added", after=after.type))
        elif after is None:
            found.append(Change(name=name, what="removed", before=old.options[name].type))
        elif before is not None:
            found += _moved(before, after)
    return tuple(found)


def _moved(before: Option, after: Option) -> Iterator[Change]:
    if before.type != after.type:
        yield Change(name=before.name, what="type", before=before.type, after=after.type)
    if before.default != after.default:
        yield Change(name=before.name, what="default", before=before.default, after=after.default)
    if before.choices != after.choices:
        yield Change(name=before.name, what="choices", before=before.choices, after=after.choices)


def elsewhere(name: str) -> tuple[str, ...]:
    """The training scripts of the pinned commit that have this option while `sdxl_train.py` lacks it, SDXL first."""
    return tuple(_read("elsewhere.json")["options"].get(name, ()))


def gui_name(name: str) -> str | None:
    """What sd-scripts calls a key of the kohya_ss GUI, where the two names differ: an option or a dataset key."""
    found: str | None = _read("gui_names.json").get(name)
    return found


def effective(training: Mapping[str, Any], config_file: Path, dataset_config: Path) -> dict[str, Any]:
    """All options as `sdxl_train.py` will hold them: parser defaults, then the file, then the two paths of argv.

    After loading, sd-scripts drops the suffix of `config_file` (library/train_util.py:4762). Keys of `training`
    that are no options (`metadata_kft_*`) are left out.
    """
    known = options()
    values = {name: option.default for name, option in known.items()}
    values.update({name: value for name, value in training.items() if name in known})
    values["config_file"] = str(config_file.with_suffix(""))
    values["dataset_config"] = str(dataset_config)
    return values


def _kept(cache: Path, commit: str) -> Path:
    return cache / f"options-{commit}.json"


@lru_cache
def _read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((_HERE / name).read_text(encoding="utf-8"))
    return loaded
