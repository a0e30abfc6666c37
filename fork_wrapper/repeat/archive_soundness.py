"""Whether an archive is sound: its values are some that sd-scripts could have been started with, and agree.

What is wrong with values is an error, all of it at once. What is wrong with the facts around them makes these unknown.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.experiment.schema import Where, check_dataset, check_training
from fork_wrapper.files import canonical_json, flatten
from fork_wrapper.records.record import Record
from fork_wrapper.run.render import INPUTS, POSITION
from fork_wrapper.sdscripts.options import dataset_keys, options

CONFIG, RUN = "metadata_kft_config", "metadata_kft_run"
SEALS = (INPUTS, POSITION)
"""What is added to a train.toml last; records of an older kft have none."""
MANAGED = ("output_dir", "output_name", "logging_dir", CONFIG, RUN, *SEALS)
"""Options of a train.toml that belong to one run, and are made anew."""

LARGEST = 2**63 - 1
"""The largest whole number of TOML."""


def unknown_names(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> tuple[str, ...]:
    """Options and dataset keys that this kft does not know, sorted."""
    said = {key for key in training if key not in options()}
    for path in flatten(dataset):
        key = _option(path.split(".custom_attributes")[0])
        if key not in dataset_keys() and ".custom_attributes" not in path:
            said.add(key)
    return tuple(sorted(said))


def _option(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _in(path: Path) -> Where:
    return lambda key: f"{path}: {key}"


def check_values(path: Path, training: Mapping[str, Any], dataset: Mapping[str, Any]) -> None:
    """InputError where values are none that sd-scripts could have been started with."""
    unknown = unknown_names(training, dataset)
    _, findings = check_training(without_run(training), _in(path), unknown)
    findings += check_dataset(dataset, _in(path), unknown)
    own = {key: training[key] for key in MANAGED if not isinstance(training.get(key, ""), str)}
    large = {
        key: value
        for key, value in flatten({"training": training, "dataset": dataset}).items()
        if isinstance(value, int) and abs(value) > LARGEST
    }
    findings += [
        Finding(what=f"{key} cannot be {str(value)[:40]}", where=str(path), todo="use another copy")
        for key, value in (own | large).items()
    ]
    raise_if_any(f"cannot use {path.name}", findings)


def check_agreement(path: Path, record: Record, training: Mapping[str, Any], dataset: Mapping[str, Any]) -> None:
    """InputError where the values of a record are not those of its two texts: one of them did not train."""
    said = flatten({"training": record.training, "dataset": record.dataset})
    texts = flatten({"training": training, "dataset": dataset})
    wrong = sorted(key for key in said.keys() | texts.keys() if repr(said.get(key)) != repr(texts.get(key)))
    findings = [
        Finding(
            what=f"{key} is {said.get(key)!r} in the values and {texts.get(key)!r} in the TOML",
            where=str(path),
            todo="the file was changed since it was written: use another copy",
        )
        for key in wrong
    ]
    raise_if_any(f"{path.name} contradicts itself", findings)


def identity_of(text: Any, path: Path) -> Mapping[str, Any]:
    """What a run writes into its checkpoints' headers, from its text; InputError where it is no such text."""
    try:
        identity = json.loads(text)
        if isinstance(identity, dict) and canonical_json(identity) == text:
            return identity
    except (ValueError, TypeError, RecursionError):
        pass
    finding = Finding(what=f"{CONFIG} is damaged", where=str(path), todo="use another copy of the archive")
    raise InputError(f"cannot use {path.name}", [finding])


def without_run(training: Mapping[str, Any]) -> dict[str, Any]:
    """Options without those that belong to one run."""
    return {key: value for key, value in training.items() if key not in MANAGED}


def sound_facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of its surroundings, without parts of another shape: these are as good as unknown."""
    sound = {name: part for name, part in provenance.items() if isinstance(part, Mapping)}
    if "python" in sound and not isinstance(sound["python"].get("packages"), Mapping):
        del sound["python"]
    gpus = provenance.get("gpus")
    return {**sound, "gpus": tables_of(gpus) if isinstance(gpus, list) else None}


def tables_of(value: Any) -> list[Mapping[str, Any]]:
    """The tables in a list; none where it is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def texts_of(value: Any) -> tuple[str, ...]:
    """A list as texts; none where it is no list."""
    return tuple(map(str, value)) if isinstance(value, list) else ()


def text_of(value: Any) -> str | None:
    """A text, or None."""
    return value if isinstance(value, str) else None
