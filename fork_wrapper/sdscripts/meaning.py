"""What every option and every key of the dataset config is about: its group, and what a change of it changes.

The table is `meaning.json`, ours, in the order in which a person reads it. An option `trains` when it changes the
weights, be it only their rounding; it is `cost` when it changes memory and speed, be it that random numbers then fall
otherwise, as they do with another machine; it is `output` when it changes files, logs and samples alone. Samples are
drawn with a state of the random numbers that is put back (library/train_util.py:6454-6487). Where that is not the
whole truth, a note says the rest with the lines of sd-scripts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Group = Literal[
    "model", "optimizer", "schedule", "precision", "regularisation", "dataset", "sampling", "output", "other"
]
Effect = Literal["trains", "cost", "output"]

TITLES: Mapping[Group, str] = {
    "model": "model",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "precision": "precision and memory",
    "regularisation": "loss and regularisation",
    "dataset": "dataset",
    "sampling": "sampling",
    "output": "output",
    "other": "not known to kft",
}
"""The groups in the order of every list, and what they are called."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What one option or key is about."""

    group: Group
    """Part of a configuration."""
    effect: Effect
    """What a change of it changes."""
    note: str
    """What there is to say about that; mostly empty."""
    rank: int
    """Its place in every list."""


def kind_of(key: str, *, dataset: bool = False) -> Kind:
    """The kind of an option, or with `dataset` of a key of the dataset config.

    What kft does not know, an option of a newer sd-scripts, is taken to change training.
    """
    found = _table("dataset" if dataset else "training").get(key)
    return found or Kind(group="other", effect="trains", note="kft does not know it", rank=len(_table("training")))


def known(table: Literal["training", "dataset"]) -> Mapping[str, Kind]:
    """Every kind of one of the two tables, in order."""
    return _table(table)


@lru_cache(maxsize=2)
def _table(name: str) -> dict[str, Kind]:
    document = _document()
    rows = [
        (key, group, effect)
        for group, effects in document[name].items()
        for effect, keys in effects.items()
        for key in keys
    ]
    if len({key for key, _, _ in rows}) < len(rows):
        raise ValueError(f"meaning.json names a key of {name} twice")
    notes = document["notes"]
    return {
        key: Kind(group=group, effect=effect, note=notes.get(key, ""), rank=rank)
        for rank, (key, group, effect) in enumerate(rows)
    }


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("meaning.json").read_text(encoding="utf-8"))
    return loaded
