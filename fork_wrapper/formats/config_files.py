"""Read sd-scripts' own files as sd-scripts does: `--config_file` TOML and `--dataset_config` TOML or JSON."""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import toml

from fork_wrapper.errors import InputError, raise_if_any
from fork_wrapper.experiment.experiment import TABLES
from fork_wrapper.files import flatten, parse_toml, read_json, read_text
from fork_wrapper.formats.found import LeftOut, SourceFile, refuse, sounds_secret, source_file
from fork_wrapper.machine.backslashes import swallowed_backslashes
from fork_wrapper.sdscripts.options import dataset_keys, options

BOM = "\ufeff"

DEEPEST = 20
"""The deepest nesting accepted in a JSON file: a GUI file has one level, a record of kft a handful."""


def is_dataset(raw: Any) -> bool:
    """Return whether a parsed file is a dataset config: only `general` and `datasets` at its top.

    A config file may have a section `general` too.
    """
    if not isinstance(raw, Mapping) or not raw or not raw.keys() <= {"general", "datasets"}:
        return False
    general = raw.get("general")
    return "datasets" in raw or not isinstance(general, Mapping) or general.keys() <= dataset_keys().keys()


def flat(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[LeftOut], list[str]]:
    """Flatten a config file into the namespace that sd-scripts makes of it (library/train_util.py:4748-4761).

    Section names mean nothing, one level of sections is flattened, and later keys win. Tables below a section stay
    whole and reach no option.
    """
    options: dict[str, Any] = {}
    left: list[LeftOut] = []
    notes = []
    for name, value in _flattened(raw):
        if name in options and repr(options[name]) != repr(value):
            won = "" if sounds_secret(name) else f", {value!r},"
            notes.append(f"{name} stands there twice: the later value{won} won")
        options.pop(name, None)
        left = [one for one in left if one.key != name]
        if why := _why_unseen(name, value):
            left.append(LeftOut(key=name.removeprefix(BOM), value=value, why=why))
        else:
            options[name] = value
    return options, left, notes


def _flattened(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in raw.items():
        yield from value.items() if isinstance(value, Mapping) else [(key, value)]


def _why_unseen(name: str, value: Any) -> str:
    """Return why sd-scripts does not read a key of the namespace as an option; empty if it may be one."""
    if name.startswith(BOM):
        return "sd-scripts misreads it behind a byte order mark: it had no effect"
    if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(item, Mapping) for item in value)):
        return "sd-scripts flattens one level of tables and loses it"
    return ""


def read_config_toml(path: Path) -> tuple[dict[str, Any], str, list[str]]:
    """Read a TOML file with sd-scripts' reader: values, text, and notes on its misreadings; InputError if unusable."""
    text = read_text(path)
    notes = []
    start = path.read_bytes()[:3]
    mark = BOM if start == BOM.encode() else ""
    try:
        raw = toml.loads(mark + text)
    except (toml.TomlDecodeError, IndexError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raw = parse_toml(text, path)
        raise_if_any(f"cannot import {path.name}", swallowed_backslashes(flatten(raw), text, path))
        notes.append(f"sd-scripts' TOML reader cannot read this file ({error}); another one can")
    else:
        raise_if_any(f"cannot import {path.name}", swallowed_backslashes(_flat_or_none(raw), text, path))
        _same_or_note(raw, text, path, notes)
    refuse_odd(raw, path)
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        notes.append("it is UTF-16, which sd-scripts cannot read")
    return raw, text, notes


def _flat_or_none(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by key path; nothing for values nested so deep that they are refused anyway."""
    try:
        return flatten(raw)
    except RecursionError:
        return {}


def _same_or_note(raw: Mapping[str, Any], text: str, path: Path, notes: list[str]) -> None:
    """Add a note if sd-scripts' reader gets other values than a standard TOML reader."""
    try:
        standard = parse_toml(text, path)
    except InputError:
        notes.append("it is not valid TOML, though sd-scripts' reader takes it")
        return
    seen = {key.removeprefix(BOM): value for key, value in raw.items()}
    notes += [
        f"sd-scripts' TOML reader has another value for {key} than this file says"
        for key in standard
        if not _same(seen.get(key), standard[key])
    ]


def _same(one: Any, two: Any) -> bool:
    """Return whether two readings are equal: 1, 1.0 and true all differ; equal times of different classes are equal."""
    return repr(one) == repr(two) or (type(one) is type(two) and bool(one == two))


def read_plain_json(path: Path) -> Any:
    """Read a JSON file; InputError also if it looks unlike any config."""
    raw = read_json(path)
    refuse_odd(raw, path)
    if isinstance(raw, Mapping) and "kind" not in raw:  # kft's own files hold what was meant
        raise_if_any(f"cannot import {path.name}", swallowed_backslashes(flatten(raw), "", path))
    return raw


def refuse_odd(raw: Any, path: Path) -> None:
    """Raise InputError if values are nested like no config, or hold half a character (a lone surrogate)."""
    rest, depth = [raw], 0
    while rest and depth <= DEEPEST:
        tables = [one.values() if isinstance(one, dict) else one for one in rest if isinstance(one, (dict, list))]
        rest, depth = [item for table in tables for item in table], depth + 1
    if rest:
        raise refuse(path, f"it is nested deeper than {DEEPEST} levels, and no config is", "name another file")
    try:
        json.dumps(raw, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise refuse(path, "it holds half of a character (a lone surrogate)", "fix the file") from None


def no_dataset_config(raw: Mapping[str, Any]) -> str:
    """Say what a parsed file is that was named as a dataset config but is not one; empty if it is one."""
    if not raw or "datasets" in raw or is_dataset(raw):
        return ""
    if raw.keys() <= TABLES.keys():
        return "an experiment of kft"
    written, _, _ = flat(raw)
    known = [key for key in written if key in options()]
    if known:
        return f"a training config: it sets {', '.join(known[:3])}{', ...' if len(known) > 3 else ''}"
    return "something else: it has no [[datasets]]"


def read_named_dataset_config(
    named: str, path: Path, files: list[SourceFile], what: str
) -> tuple[dict[str, Any] | None, list[str], list[LeftOut]]:
    """Read the dataset config that another file names, and add it to `files`; return it with notes and left-out values.

    None if the file is something else.
    """
    raw, text, notes = read_dataset_config(path)
    if other := no_dataset_config(raw):
        return None, notes, [LeftOut(key="dataset_config", value=named, why=f"it is no dataset config but {other}")]
    files.append(source_file(path, text, what))
    return raw, notes if raw else [*notes, f"{path.name} is empty: it names no images"], []


def read_dataset_config(path: Path) -> tuple[dict[str, Any], str, list[str]]:
    """Read a dataset config: its values, text and notes; InputError if it cannot be read."""
    if path.suffix.lower() == ".json":
        raw: dict[str, Any] = read_plain_json(path)
        if not isinstance(raw, dict):
            raise refuse(path, "a dataset config is an object, and this is none", "name the right file")
        return raw, read_text(path), []
    return read_config_toml(path)
