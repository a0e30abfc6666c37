"""What an experiment may say: every key known, every value of its type, nothing that kft manages, no secret.

sd-scripts takes unknown keys, wrong types and illegal choices from its config file without a word
(library/train_util.py:4748-4764), so all of that is refused here, all at once. Whether values make sense
together is not judged here.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fork_wrapper.errors import Finding
from fork_wrapper.experiment import value_rules as shape
from fork_wrapper.files import canonical_json
from fork_wrapper.sdscripts.options import Level, Option, dataset_keys, elsewhere, gui_name, options
from fork_wrapper.text import WORDS, advice, nearest, shown, spell

Where = Callable[[str], str]
"""From a key path such as `training.seed` to the words that point at it: file and line, or the flag."""

MANAGED: Mapping[str, str] = {
    "output_dir": "every run gets a folder of its own; set `outputs` in the settings to move them all",
    "output_name": "checkpoints are named after the experiment; rename the file",
    "logging_dir": "TensorBoard events go to the run's own `logs` folder",
    "config_file": "kft renders it",
    "dataset_config": "kft renders it from [dataset]",
    "output_config": "it makes sd-scripts print its config and leave without training; use `kft export-config`",
}
"""Options that kft sets itself, with what to do instead."""

SECRETS: Mapping[str, str] = {"wandb_api_key": "WANDB_API_KEY", "huggingface_token": "HF_TOKEN"}
"""Options whose value would end in every archive, with the environment variable that carries it instead."""

ARCHIVABLE = "safetensors"
"""The only `save_model_as` whose files can carry their own configuration."""

MORE_CHOICES: Mapping[str, tuple[Any, ...]] = {"max_token_length": (75,)}
"""What a config file may say although the command line may not: 75 tokens, which is the default."""

LARGEST = 10**300
"""Whole numbers beyond this are no float."""

_INDEX = re.compile(r"\[\d+\]")

TOP = ("extends", "template", "unset", "story", "origin")
"""What an experiment says of itself; it ends under [training] where it is written below that header."""


def check_training(
    values: Mapping[str, Any], where: Where, allow: Collection[str] = ()
) -> tuple[dict[str, Any], list[Finding]]:
    """The `[training]` values as sd-scripts wants them (an int for a float option becomes one), and what is wrong.

    Unknown names in `allow` pass, whatever plain value they have.
    """
    clean: dict[str, Any] = {}
    findings: list[Finding] = []
    for key, value in values.items():
        known = key in options()
        finding = _forbidden(key, "") or (
            _training_value(key, value, "") if known or key not in allow else _allowed(key, value, "")
        )
        if finding:  # its place is a search through the file: only for what is wrong
            findings.append(replace(finding, where=where(f"training.{shown(key)}")))
        else:
            clean[key] = float(value) if known and options()[key].type == "float" else value
    return clean, findings


def check_dataset(tree: Mapping[str, Any], where: Where, allow: Collection[str] = ()) -> list[Finding]:
    """What is wrong with a `[dataset]` tree: unknown keys, keys at a level where sd-scripts refuses them, types.

    Unknown names in `allow` pass at every level.
    """
    findings = [
        _unknown(
            key,
            ("general", "datasets"),
            where(f"dataset.{shown(key)}"),
            "a table of the dataset config",
            shape.DATASET_KEY,
        )
        for key in tree
        if key not in ("general", "datasets")
    ]
    findings += _check_table(tree.get("general", {}), "general", "dataset.general", where, allow)
    datasets, wrong = _tables(tree.get("datasets", []), "dataset.datasets", where)
    findings += wrong
    for index, dataset in enumerate(datasets):
        path = f"dataset.datasets[{index}]"
        own = {key: value for key, value in dataset.items() if key != "subsets"}
        findings += _check_table(own, "dataset", path, where, allow)
        subsets, wrong = _tables(dataset.get("subsets", []), f"{path}.subsets", where)
        findings += wrong
        for number, subset in enumerate(subsets):
            findings += _check_table(subset, "subset", f"{path}.subsets[{number}]", where, allow)
    return findings


def fits(value: Any, kind: str) -> bool:
    """Whether a TOML value has the type that sd-scripts needs; a bool is never a number here, NaN never a value."""
    if kind in ("int_or_pair", "float_pair"):
        scalar = kind == "int_or_pair" and fits(value, "int")
        return scalar or (
            isinstance(value, list) and len(value) == 2 and all(_is(item, kind.split("_", 1)[0]) for item in value)
        )
    if kind == "any":
        return _is_json(value)
    if kind == "list[str]":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind in ("number", "int_or_float"):
        return _is(value, "int") or _is(value, "float")
    return _is(value, kind) or (kind == "float" and _is(value, "int") and abs(value) < LARGEST)


def _is(value: Any, kind: str) -> bool:
    if kind == "float":
        return isinstance(value, float) and math.isfinite(value)
    if kind == "table":
        return isinstance(value, Mapping) and _is_json(value)
    if kind == "str":
        return isinstance(value, str) and "\0" not in value
    types = {"bool": bool, "int": int}
    return isinstance(value, types[kind]) and (kind != "int" or not isinstance(value, bool))


def _is_json(value: Any) -> bool:
    """Whether a value can be archived: no dates, no NaN."""
    try:
        canonical_json(value)
    except (TypeError, ValueError):
        return False
    return True


def _forbidden(key: str, where: str) -> Finding | None:
    if key in SECRETS:
        return Finding(
            what=f"{key} is a secret and would be archived with every checkpoint",
            where=where,
            todo=f"remove it and set the environment variable {SECRETS[key]} before the run",
            rule=shape.SECRET,
        )
    if key in MANAGED or key.startswith("metadata_kft_"):
        todo = MANAGED.get(key, "kft writes its own records under these names")
        return Finding(
            what=f"{shown(key)} is managed by kft", where=where, todo=f"remove it: {todo}", rule=shape.MANAGED
        )
    return None


def _training_value(key: str, value: Any, where: str) -> Finding | None:
    option = options().get(key)
    if option is None:
        return _no_option(key, where)
    if not fits(value, option.type):
        return _wrong_type(key, value, option.type, where, shape.TYPE)
    return None if value in MORE_CHOICES.get(key, ()) else _choice(key, value, option, where)


def _no_option(key: str, where: str) -> Finding:
    if key not in dataset_keys():
        return _unknown(key, options(), where, "an option of sdxl_train.py", shape.UNKNOWN)
    levels = " or ".join(_LEVEL_NAMES[level] for level in dataset_keys()[key].levels)
    todo = f"it belongs to the dataset config: move it to {levels}"
    return Finding(what=f"{key} is not an option of sdxl_train.py", where=where, todo=todo, rule=shape.UNKNOWN)


def _choice(key: str, value: Any, option: Option, where: str) -> Finding | None:
    if key == "save_model_as" and value in option.choices and value != ARCHIVABLE:
        what = f"{key} = {value!r} makes checkpoints that cannot hold their configuration, so kft does not archive them"
        todo = f'write {key} = "{ARCHIVABLE}" and convert afterwards'
        return Finding(what=what, where=where, todo=todo, rule=shape.CHOICES[key])
    if option.choices and value not in option.choices:
        rule = shape.CHOICES.get(key, shape.CHOICE)
        return Finding(what=f"{key} cannot be {value!r}", where=where, todo=_offer(key, option), rule=rule)
    return None


def _offer(key: str, option: Option) -> str:
    offered = [ARCHIVABLE] if key == "save_model_as" else [item for item in option.choices if item is not None]
    return f"choose one of: {', '.join(map(str, [*MORE_CHOICES.get(key, ()), *offered]))}"


def _allowed(key: str, value: Any, where: str) -> Finding | None:
    """What is wrong with the value of a name that nobody here knows: only that no archive could hold it."""
    if _is_json(value) and not isinstance(value, Mapping):
        return None
    what = f"{shown(key)} must be a plain value, not {spell(value)}"
    return Finding(
        what=what, where=where, todo="write a number, a text, true, false or a list of them", rule=shape.TYPE
    )


_LEVEL_NAMES: Mapping[Level, str] = {
    "general": "[dataset.general]",
    "dataset": "[[dataset.datasets]]",
    "subset": "[[dataset.datasets.subsets]]",
}


def _check_table(table: Any, level: Level, path: str, where: Where, allow: Collection[str]) -> list[Finding]:
    if not isinstance(table, Mapping):
        what = f"{path} must be a table, not {spell(table)}"
        todo = f"write {_LEVEL_NAMES[level]} as a table"
        return [Finding(what=what, where=where(path), todo=todo, rule=shape.DATASET_TYPE)]
    unjudged = {key for key in allow if key not in dataset_keys() and key not in MANAGED and key not in SECRETS}
    return [
        replace(finding, where=where(f"{path}.{shown(key)}"))
        for key, value in table.items()
        if key not in unjudged and (finding := _dataset_value(key, value, level, "")) is not None
    ]


def _dataset_value(key: str, value: Any, level: Level, where: str) -> Finding | None:
    known = dataset_keys().get(key)
    if known is None:
        if forbidden := _forbidden(key, where):
            return forbidden
        if key in options():
            what, todo = f"{key} is not a key of the dataset config", "it is an option: move it to [training]"
            return Finding(what=what, where=where, todo=todo, rule=shape.DATASET_KEY)
        names = [name for name, row in dataset_keys().items() if level in row.levels]
        return _unknown(key, names, where, "a key of the dataset config", shape.DATASET_KEY)
    if level not in known.levels:
        levels = " or ".join(_LEVEL_NAMES[name] for name in known.levels)
        what = f"{key} may not stand in {_LEVEL_NAMES[level]}: sd-scripts refuses it there"
        return Finding(what=what, where=where, todo=f"move it to {levels}", rule=shape.DATASET_KEY)
    if known.type == "float" and not _is(value, "float"):
        what = f"{key} must be a number with a decimal point, not {spell(value)}"
        todo = advice(key, value, "float", None)
        return Finding(what=what, where=where, todo=todo, rule=shape.DATASET_TYPE)
    return None if fits(value, known.type) else _wrong_type(key, value, known.type, where, shape.DATASET_TYPE)


def _tables(value: Any, path: str, where: Where) -> tuple[list[Mapping[str, Any]], list[Finding]]:
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return value, []
    what, todo = f"{path} must be an array of tables", f"write it as [[{_INDEX.sub('', path)}]]"
    return [], [Finding(what=what, where=where(path), todo=todo, rule=shape.DATASET_TYPE)]


def _unknown(key: str, names: Iterable[str], where: str, noun: str, rule: str) -> Finding:
    """A name that is not `noun`, with the best guess at what was meant."""
    near = nearest(key, names, 3)
    if key.replace("-", "_") in names:
        near, rule = [key.replace("-", "_")], shape.DASHED
    todo = f"did you mean {' or '.join(near)}?" if near else "remove it; sd-scripts knows no similar name"
    if key in TOP:
        todo = "it belongs at the top of the file, above every table"
    elif scripts := elsewhere(key):
        todo = f"remove it: it is an option of {_some(scripts)}, not of sdxl_train.py"
    elif meant := gui_name(key):
        todo = f"that is the kohya_ss GUI's name; sd-scripts calls it {meant}"
    return Finding(what=f"{shown(key)} is not {noun}", where=where, todo=todo, rule=rule)


def _some(scripts: Sequence[str]) -> str:
    """Up to two names, those of LoRA training first, and how many more there are."""
    names = sorted(scripts, key=lambda name: ("train_network" not in name, scripts.index(name)))
    more = f" and {len(names) - 2} more scripts" if len(names) > 2 else ""
    return (", " if more else " and ").join(names[:2]) + more


def _wrong_type(key: str, value: Any, kind: str, where: str, rule: str) -> Finding:
    if value == "" and kind != "str":
        what, todo = f"{key} must be {WORDS[kind]}, not an empty text", "remove the line, or unset what a parent sets"
        return Finding(what=what, where=where, todo=todo, rule=shape.EMPTY)
    if kind == "str" and isinstance(value, str):
        return Finding(what=f"{key} holds a null character", where=where, todo="remove it", rule=rule)
    spelt = spell(value)
    if kind == "table" and isinstance(value, Mapping):
        spelt = "one with dates or NaN, which no archive can hold"
    option = options().get(key)
    todo = _offer(key, option) if option and rule == shape.TYPE and option.choices else ""
    todo = todo or advice(key, value, kind, option.default if option else None)
    return Finding(what=f"{key} must be {WORDS[kind]}, not {spelt}", where=where, todo=todo, rule=rule)
