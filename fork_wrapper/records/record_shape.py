"""The shape of a record below its sections: of which type each part is that readers rely on.

A record may be older than a part, so a part that is absent passes unless it is needed; one of another type is damage,
and is named before anybody counts with it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dataset_tools.names import are_plain, is_plain
from fork_wrapper.experiment.schema import fits
from fork_wrapper.files import canonical_json
from fork_wrapper.sdscripts.names import SUFFIX
from fork_wrapper.sdscripts.options import dataset_keys, pinned_commit, pinned_table

Shape = Callable[[Any, str], Iterator[str]]
"""From a value and its key path to the paths of what is damaged in it."""

MOST_NAMED = 8
"""Damaged parts that are named."""

ORIGINS = ("documented", "assumed", "recovered", "measured", "chosen", "kft")
"""Kinds of an origin (`resolve.OriginKind`)."""

_LARGEST = 2**63


def _plain(test: Callable[[Any], bool]) -> Shape:
    def shape(value: Any, path: str) -> Iterator[str]:
        if not test(value):
            yield path

    return shape


def _or_nothing(shape: Shape) -> Shape:
    return lambda value, path: iter(()) if value is None else shape(value, path)


def _rows(shape: Shape) -> Shape:
    def each(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield path
            return
        for number, item in enumerate(value):
            yield from shape(item, f"{path}[{number}]")

    return each


def _table(parts: Mapping[str, Shape], needed: tuple[str, ...] = (), every: Shape | None = None) -> Shape:
    """A table whose `needed` parts are there; what is not in `parts` is of the shape `every`, or is not judged."""

    def shape(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield path
            return
        yield from (f"{path}.{key}" for key in needed if key not in value)
        for key, item in value.items():
            if (part := parts.get(key, every)) is not None:
                yield from part(item, f"{path}.{key}")

    return shape


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_number(value: Any) -> bool:
    return _is_count(value) or (isinstance(value, float) and math.isfinite(value))


TEXT = _plain(lambda value: isinstance(value, str))
COUNT = _plain(_is_count)
NUMBER = _plain(_is_number)
FLAG = _plain(lambda value: isinstance(value, bool))
MAYBE_TEXT, MAYBE_COUNT, MAYBE_NUMBER, MAYBE_FLAG = map(_or_nothing, (TEXT, COUNT, NUMBER, FLAG))
ANY_TABLE = _table({})

NAME = _plain(is_plain)
"""Of a file or an experiment: files and folders are opened and written by it."""

FILE = _plain(lambda value: is_plain(value) and value.endswith(SUFFIX))
"""The name of a checkpoint, beside which a sidecar is written."""

RUN_ID = _plain(are_plain)
"""EXPERIMENT/RUN: a path below the folder of all runs."""
MAYBE_RUN_ID = _or_nothing(RUN_ID)

_CHANGE = _table({"key": TEXT, "why": TEXT}, needed=("key", "was", "value", "why"))

_PICK = _table({"key": TEXT, "from": TEXT, "of": COUNT, "files": _rows(TEXT)})
"""What a rehearsal took of a subset."""

CHECKPOINT = _table(
    {
        "file": FILE,
        **dict.fromkeys(("kind", "written"), TEXT),
        **dict.fromkeys(("bytes", "step", "epoch", "training_step", "training_epoch"), MAYBE_COUNT),
        "sha256": MAYBE_TEXT,
        "loss": MAYBE_NUMBER,
    },
    needed=("file",),
)
"""An entry of `checkpoints`, and the `checkpoint` of a sidecar."""

_EXPERIMENT = _table(
    {
        "name": NAME,
        "files": _rows(_table({"name": TEXT, "text": TEXT, "path": TEXT}, needed=("name", "text"))),
        "story": _or_nothing(ANY_TABLE),
        "origins": _table({}, every=_table({"kind": _plain(ORIGINS.__contains__), "by": TEXT}, needed=("kind", "by"))),
        "overrides": _rows(TEXT),
        "allowed_unknown": _rows(TEXT),
        "acknowledged": _table({}, every=_table({"reason": TEXT, "by": TEXT}, needed=("reason", "by"))),
    }
)

_RUN = _table(
    {
        "id": RUN_ID,
        **dict.fromkeys(("steps", "total_steps", "epochs", "exit_code", "nan_step"), MAYBE_COUNT),
        **dict.fromkeys(("seconds", "steps_per_second"), MAYBE_NUMBER),
        "loss": _or_nothing(_table({}, needed=("first", "last", "lowest"), every=NUMBER)),
        "failure": _or_nothing(_table({"what": TEXT}, needed=("what",))),
        "facts": _table({}, every=COUNT),
        "stops": _rows(TEXT),
        "parent": MAYBE_RUN_ID,
        "evidence": MAYBE_TEXT,
        "peak_vram_mib": _or_nothing(_rows(COUNT)),
    }
)

_PARTS: Mapping[str, Shape] = {
    "base_model": _table({"path": TEXT, "kind": TEXT, "bytes": MAYBE_COUNT, "sha256": MAYBE_TEXT}, needed=("path",)),
    "dataset": _table(
        {
            **dict.fromkeys(("images", "captions", "bytes"), MAYBE_COUNT),
            "sha256": MAYBE_TEXT,
            "folders": _or_nothing(_plain(lambda value: isinstance(value, list))),  # a damaged one spoils no digest
        }
    ),
    "sd_scripts": _table({"commit": MAYBE_TEXT, "path": MAYBE_TEXT, "dirty": MAYBE_FLAG}),
    "project": _table({"commit": MAYBE_TEXT, "patch": MAYBE_TEXT, "dirty": MAYBE_FLAG}),
    "python": _table({"version": MAYBE_TEXT, "packages": _or_nothing(_table({}, every=MAYBE_TEXT))}),
    "gpus": _rows(_table({"name": TEXT}, needed=("name",))),
    "host": ANY_TABLE,
    "accelerate": ANY_TABLE,
}
"""Of `provenance`."""

_BUCKET = _table(
    {"count": COUNT, "resolution": _plain(lambda value: isinstance(value, list) and len(value) == 2)},
    needed=("count", "resolution"),
)
_PLANNED = _table(
    {"buckets": _or_nothing(_rows(_BUCKET)), "subsets": _or_nothing(_rows(ANY_TABLE)), "repeats": MAYBE_COUNT}
)

_LINEAGE = _table({"parent": MAYBE_RUN_ID, "consequences": _rows(TEXT), "changes": _rows(_CHANGE)})


def _option(value: Any, path: str) -> Iterator[str]:
    """A value of an option that kft knows has its type; of one that takes effect also nothing, or the default."""
    option = pinned_table().options.get(path.partition(".")[2])
    if option is None:
        return
    absent = path.startswith("effective.") and (value is None or value == option.default)
    if not absent and not fits(value, option.type):
        yield path


def _dataset_value(value: Any, path: str) -> Iterator[str]:
    key = dataset_keys().get(path.rpartition(".")[2])
    if key is not None and not fits(value, key.type):
        yield path


_SUBSET = _table({}, every=_dataset_value)
_DATASET = _table({"subsets": _rows(_SUBSET)}, every=_dataset_value)

SECTIONS: Mapping[str, Shape] = {
    "experiment": _EXPERIMENT,
    "training": _table({}, every=_option),
    "dataset": _table({"general": _SUBSET, "datasets": _rows(_DATASET)}),
    "effective": _table({}, every=_option),
    "effective_dataset": _or_nothing(_table({"datasets": _rows(_table({"subsets": _rows(ANY_TABLE)}))})),
    "launch": _table({"argv": _rows(TEXT)}),
    "rehearsal": _or_nothing(_table({"changes": _rows(_CHANGE), "picked": _rows(_PICK)})),
    "run": _RUN,
    "checkpoints": _rows(CHECKPOINT),
    "checkpoint": _or_nothing(CHECKPOINT),
    "plan": _or_nothing(_table({"datasets": _or_nothing(_rows(_PLANNED))})),
    "lineage": _or_nothing(_LINEAGE),
    "findings": _rows(ANY_TABLE),
}
"""By section of a record, or of a sidecar."""


_OTHER_PROGRAM: Mapping[str, Shape] = {"training": ANY_TABLE, "effective": ANY_TABLE}
"""Of a run of another commit of sd-scripts, whose options may be of other types: a record is not refused for that."""


def damaged(raw: Mapping[str, Any]) -> list[str]:
    """Key paths of what is of another type than readers rely on, or is needed and not there; the first few of them."""
    shapes = {**SECTIONS, **(_OTHER_PROGRAM if _is_of_another_commit(raw) else {})}
    found = [path for name, shape in shapes.items() if name in raw for path in shape(raw[name], name)]
    if not found and not _can_be_written(raw):
        found = ["a value that is no number (NaN), or half of a character"]
    more = [f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    return found[:MOST_NAMED] + more


def _is_of_another_commit(raw: Mapping[str, Any]) -> bool:
    provenance = raw.get("provenance")
    scripts = provenance.get("sd_scripts") if isinstance(provenance, dict) else None
    commit = scripts.get("commit") if isinstance(scripts, dict) else None
    return isinstance(commit, str) and commit != pinned_commit()


def is_sound_fact(name: str, value: Any) -> bool:
    """Whether a part of `provenance` has its shape; a fact of another one is as good as unknown."""
    shape = _PARTS.get(name)
    return value is None or shape is None or not any(True for _ in shape(value, name))


def damaged_config(training: Any, dataset: Any) -> list[str]:
    """Likewise of a configuration alone, such as the one in a checkpoint's header."""
    return [*SECTIONS["training"](training, "training"), *SECTIONS["dataset"](dataset, "dataset")]


def _can_be_written(raw: Mapping[str, Any]) -> bool:
    """Whether kft can have written it: JSON holds no NaN, and UTF-8 no half of a character."""
    try:
        canonical_json(raw).encode()
    except ValueError:
        return False
    return True
