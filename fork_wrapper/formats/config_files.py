"""sd-scripts' own files, read as sd-scripts reads them: `--config_file` TOML and `--dataset_config` TOML or JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import toml

from fork_wrapper.errors import InputError
from fork_wrapper.files import parse_toml, read_json, read_text
from fork_wrapper.formats.found import LeftOut

BOM = "\ufeff"


def is_dataset(raw: Any) -> bool:
    """Whether a parsed file is a dataset config: nothing but `general` and `datasets` at its top."""
    return isinstance(raw, Mapping) and bool(raw) and raw.keys() <= {"general", "datasets"}


def flat(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[LeftOut], list[str]]:
    """The namespace that sd-scripts makes of a config file (library/train_util.py:4748-4761).

    Section names mean nothing, one level of them is flattened, later keys win. Tables below a section stay whole and
    reach no option.
    """
    options: dict[str, Any] = {}
    left, notes = [], []
    for key, value in raw.items():
        for name, inner in value.items() if isinstance(value, Mapping) else [(key, value)]:
            if name in options and repr(options[name]) != repr(inner):
                notes.append(f"{name} stands there twice: the later value, {inner!r}, won")
            if isinstance(inner, Mapping) or (isinstance(inner, list) and any(isinstance(i, Mapping) for i in inner)):
                left.append(LeftOut(key=name, value=inner, why="sd-scripts flattens one level of tables and loses it"))
                continue
            options[name] = inner
    return options, left, notes


def read_config_toml(path: Path) -> tuple[dict[str, Any], str, list[str]]:
    """A TOML file as sd-scripts' reader has it, its text, and what that reader does to it; InputError if broken."""
    text = read_text(path)
    notes = []
    try:
        raw = toml.loads(text)
    except (toml.TomlDecodeError, IndexError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raw = parse_toml(text, path)
        notes.append(f"sd-scripts' TOML reader cannot read this file ({error}); another one can")
    else:
        _same_or_note(raw, text, path, notes)
    if path.read_bytes().startswith(BOM.encode()):
        notes.append("it begins with a byte order mark, through which sd-scripts loses the first key")
    return raw, text, notes


def _same_or_note(raw: Mapping[str, Any], text: str, path: Path, notes: list[str]) -> None:
    """Say where sd-scripts' reader has another value than the file's standard reading."""
    try:
        standard = parse_toml(text, path)
    except InputError:
        notes.append("it is not valid TOML, though sd-scripts' reader takes it")
        return
    notes += [
        f"sd-scripts' TOML reader has {raw.get(key)!r} for {key}"
        for key in standard
        if repr(raw.get(key)) != repr(standard[key])
    ]


def read_dataset_config(path: Path) -> tuple[dict[str, Any], str, list[str]]:
    """A dataset config, its text and notes; InputError when it cannot be read."""
    if path.suffix.lower() == ".json":
        raw: dict[str, Any] = read_json(path)
        return raw, read_text(path), []
    return read_config_toml(path)
