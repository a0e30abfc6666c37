"""Key paths such as `dataset.datasets[0].batch_size` on the two trees of an experiment, and values typed from text.

A bare name (`batch_size`) is what people type; it means every place that sets it, or else the one place where it
may stand. The trees are changed in place; the caller owns them.
"""

import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, TypeGuard

from fork_wrapper.files import flatten, parse_toml_value
from fork_wrapper.sdscripts.options import dataset_keys, options

DATASET_NAMES = {"train_batch_size": "batch_size", "dataset_repeats": "num_repeats"}
"""Training options that the dataset config has under another name, and wins over (library/config_util.py:261-264)."""

Tree = dict[str, Any]
"""`{"training": {...}, "dataset": {...}}`."""

_PART = re.compile(r"[^.\[\]]+")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_PATH = re.compile(r"(?:training|dataset)(?:\.[^.\[\]]+|\[\d+\])+")
_KNOWN = re.compile(r"training\.[^.]+|dataset\.(?:general|datasets\[\d+\](?:\.subsets\[\d+\])?)\.[^.\[]+")


def values(tree: Tree) -> dict[str, Any]:
    """The options and dataset keys of a tree by full key path, without what lies inside a `custom_attributes` table."""
    return {path: value for path, value in flatten(tree).items() if _KNOWN.fullmatch(path)}


def places(tree: Tree, key: str) -> list[str]:
    """The full key paths that `key` means in `tree`; KeyError when it is no key at all."""
    if key.startswith(("training.", "dataset.")):
        if not _PATH.fullmatch(key):
            raise KeyError(f"{key!r} is not a key path")
        return [key]
    if not key or not _PART.fullmatch(key):
        raise KeyError(f"{key!r} is not a key")
    found = [path for path in values(tree) if path.rsplit(".", 1)[-1] in (key, DATASET_NAMES.get(key))]
    # The dataset config wins over the same name in the training config (library/config_util.py:437-471),
    # so what the dataset says is what a bare name must change.
    in_dataset = [path for path in found if path.startswith("dataset.")]
    if in_dataset or found:
        return in_dataset or found
    if key in dataset_keys() and key not in options() and "general" in dataset_keys()[key].levels:
        return [f"dataset.general.{key}"]
    return [f"training.{key}"]


def type_of(path: str) -> str | None:
    """The type sd-scripts wants at a full key path; None when the name is unknown."""
    table, key = path.split(".", 1)[0], path.rsplit(".", 1)[-1]
    row: Any = options().get(key) if table == "training" else dataset_keys().get(key)
    return row.type if row else None


def typed(path: str, text: str) -> Any:
    """The text of `--set` as a value for the key: strings as they are, everything else as TOML reads it.

    What is not TOML stays text, so that the type check can say what it should have been. A string may be quoted.
    """
    value = parse_toml_value(text)
    if type_of(path) == "str":
        return value if isinstance(value, str) and text[:1] in ("'", '"') else text
    return value


def put(tree: Tree, path: str, value: Any) -> None:
    """Set `path`; tables on the way are made. KeyError when the way leads through a value or a missing entry."""
    *way, last = _parts(path)
    here: Any = tree
    for part in way:
        here = _entry(here, part, path) if isinstance(here, list) else here.setdefault(part, {})
        if not isinstance(here, dict | list):
            raise KeyError(f"{path}: {part} is a value, not a table")
    if isinstance(here, list):
        raise KeyError(f"{path}: name a key of the entry")
    here[last] = value


def drop(tree: Tree, path: str) -> bool:
    """Remove `path`; False when it is not set."""
    *way, last = _parts(path)
    here: Any = tree
    for part in way:
        if isinstance(here, list):
            here = here[int(part)] if part.isdecimal() and int(part) < len(here) else None
        else:
            here = here.get(part) if isinstance(here, Mapping) else None
    if not isinstance(here, dict) or last not in here:
        return False
    del here[last]
    return True


def get(tree: Mapping[str, Any], path: str) -> Any:
    """What stands at `path`, a table included; KeyError when nothing does."""
    here: Any = tree
    for part in _parts(path):
        try:
            here = here[int(part)] if isinstance(here, list) else here[part]
        except (IndexError, TypeError, ValueError):
            raise KeyError(path) from None
    return here


def has(tree: Mapping[str, Any], path: str) -> bool:
    """Whether anything stands at `path`."""
    try:
        get(tree, path)
    except KeyError:
        return False
    return True


def grow(tree: Tree, path: str, value: Any) -> None:
    """Set `path` in a tree that holds only a part: tables on the way are made, and empty entries before an entry."""
    *way, last = [int(index) if index else key for index, key in _STEP.findall(path)]
    here: Any = tree
    for part, following in zip(way, [*way, last][1:], strict=True):
        if isinstance(part, int):
            here.extend({} for _ in range(len(here), part + 1))
            here = here[part]
        else:
            here = here.setdefault(part, [] if isinstance(following, int) else {})
    here[last] = value


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Tree:
    """The child's values over the parent's: tables by key, arrays of tables by position, all else replaced."""
    merged = {key: _copy(value) for key, value in parent.items()}
    for key, value in child.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            merged[key] = merge(old, value)
        elif _is_tables(old) and _is_tables(value):
            nothing: Mapping[str, Any] = {}
            merged[key] = [merge(first, second) for first, second in zip_longest(old, value, fillvalue=nothing)]
        else:
            merged[key] = _copy(value)
    return merged


def _parts(path: str) -> list[str]:
    return _PART.findall(path)


def _entry(rows: list[Any], part: str, path: str) -> Any:
    if not part.isdecimal() or int(part) >= len(rows):
        raise KeyError(f"{path}: there is no entry [{part}], the experiment has {len(rows)} (counted from 0)")
    return rows[int(part)]


def _is_tables(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
