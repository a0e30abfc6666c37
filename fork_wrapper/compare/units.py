"""The data sets and subsets of two configurations side by side, and the values in force for each.

A value is looked up as in library/config_util.py:437-471: subset, data set, [general], training options, default. So
it does not matter where it is set, and a value that is overridden everywhere does not count. (The header's
`modelspec.resolution` is the one place where sd-scripts reads the training option alone.)
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from fork_wrapper.check.rules.case import Level
from fork_wrapper.compare import canonical
from fork_wrapper.compare.values import Understood, Value, by_default, origin_of
from fork_wrapper.sdscripts.options import dataset_keys

DEFAULTS: Mapping[str, Any] = {
    "is_reg": False,
    "network_multiplier": 1.0,
    "validation_split": 0.0,
}
"""Defaults of keys that have no matching option (library/config_util.py:42-107)."""

OWN = frozenset(["image_dir", "metadata_file", "conditioning_data_dir", "is_reg"])
"""Keys that are read from the subset alone."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two data sets, or two subsets, that correspond; None if one side has none."""

    label: str
    """The display name, e.g. `subset 2 (reg)`; empty if there is only one."""
    before: Level | None
    """The one in the first configuration."""
    after: Level | None
    """The one in the second."""


def keys_of(level: str) -> list[str]:
    """Return the keys of the dataset config that belong to a `subset`, or to a whole `dataset`."""
    inner = [key for key, row in dataset_keys().items() if "subset" in row.levels]
    return inner if level == "subset" else [key for key in dataset_keys() if key not in inner]


def dataset_pairs(first: Understood, second: Understood) -> list[Pair]:
    """Pair data sets by position."""
    before, after = _datasets(first), _datasets(second)
    several = max(len(before), len(after)) > 1
    return [
        Pair(label=f"dataset {number}" if several else "", before=one, after=two)
        for number, (one, two) in enumerate(zip_longest(before, after), start=1)
    ]


def subset_pairs(first: Understood, second: Understood) -> list[Pair]:
    """Pair subsets by what they read, and the remaining ones by position."""
    before, after = _subsets(first), _subsets(second)
    several = max(len(before), len(after)) > 1
    return [
        Pair(label=_label(two, second) if two else _label(one, first) if one else "", before=one, after=two)
        if several
        else Pair(label="", before=one, after=two)
        for one, two in _matched(before, after)
    ]


def value_of(side: Understood, level: Level, key: str) -> Value:
    """Return the value in force at a level."""
    said = key in level.tables[0][1] if key in OWN and level.tables else level.said(key)
    raw = level.get(key) if said or key not in OWN else None
    taken = DEFAULTS.get(key) if raw is None else raw
    text = canonical.shown_size(taken) if key == "resolution" and taken is not None else canonical.shown(taken)
    path = level.at(key) if said else f"{level.path}.{key}"
    return Value(
        meaning=canonical.meaning(key, taken, dataset_keys()[key].type),
        shown=by_default(text, said=said and raw is not None),
        raw=raw,
        said=said and raw is not None,
        path=path,
        origin=origin_of(side.source, path),
    )


def said_at(level: Level) -> str:
    """Return what a data set or subset sets itself, in one line."""
    own = {key: value for key, value in level.tables[0][1].items() if key != "subsets"} if level.tables else {}
    folder = own.pop("image_dir", own.pop("metadata_file", None))
    words = [str(folder)] if folder else []
    return ", ".join([*words, *(f"{key} = {canonical.shown(value)}" for key, value in sorted(own.items()))]) or "{}"


def _datasets(side: Understood) -> Sequence[Level]:
    return side.case.datasets or [_nothing(side)]


def _subsets(side: Understood) -> Sequence[Level]:
    return side.case.subsets or [_nothing(side)]


def _nothing(side: Understood) -> Level:
    """Return the level whose values would apply to a data set if none is named."""
    general = side.case.dataset.get("general", {})
    return Level(path="dataset.general", tables=(("dataset.general", general), ("training", side.case.training)))


def _label(level: Level, side: Understood) -> str:
    """Return `subset 2 (reg)`, with its data set if there are several."""
    for number, dataset in enumerate(side.case.datasets, start=1):
        for position, subset in enumerate(dataset.subsets, start=1):
            if subset.path == level.path:
                name = f"subset {position}{' (reg)' if subset.own.get('is_reg') else ''}"
                return name if len(side.case.datasets) == 1 else f"dataset {number}, {name}"
    return "subset"


def _matched(before: Sequence[Level], after: Sequence[Level]) -> Iterator[tuple[Level | None, Level | None]]:
    """Pair levels in the order of the second side; those only in the first come last."""
    left = list(before)
    partners: list[Level | None] = []
    for two in after:
        same = next((one for one in left if _reads(one) == _reads(two)), None)
        if same is not None:
            left.remove(same)
        partners.append(same)
    for number, two in enumerate(after):
        if partners[number] is None and left:
            partners[number] = left.pop(0)
        yield partners[number], two
    yield from ((one, None) for one in left)


def _reads(level: Level) -> Hashable:
    own = level.tables[0][1]
    return tuple(canonical.meaning(name, own.get(name), "str") for name in ("image_dir", "metadata_file"))
