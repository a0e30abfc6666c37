"""Turn what was found into values for an experiment: everything that kft takes, and a reason for everything it leaves.

Values are as they took effect. Left out, each with a reason, are: what kft manages, secrets, names that sdxl_train.py
ignores, and values that cannot have been meant for it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.resolve import PATH_OPTIONS
from fork_wrapper.experiment.schema import MANAGED, SECRETS, check_dataset, check_training, fits
from fork_wrapper.formats.folders import FOLDER_OPTIONS, dataset_of
from fork_wrapper.formats.found import NOTHING, Found, LeftOut, Then, holds_secret, sounds_secret
from fork_wrapper.sdscripts.options import dataset_keys, elsewhere, options
from fork_wrapper.text import shown

_ELSEWHERE = frozenset((*FOLDER_OPTIONS, "dataset_config"))
"""Options that the dataset config replaces."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Values for an experiment."""

    training: Mapping[str, Any]
    """Options of sdxl_train.py."""
    dataset: Mapping[str, Any]
    """The dataset config as a tree."""
    found: Found
    """The source of the values, with every `then`, `left_out` and note."""


def fit(found: Found) -> Fitted:
    """Return the experiment values in what was found."""
    training: dict[str, Any] = {}
    general: dict[str, Any] = {}
    left = list(found.left_out)
    then = list(found.then)
    for key in sorted(found.options):
        value = found.options[key]
        if key.startswith("metadata_kft_") or (key, value) == ("dynamo_backend", "no"):
            continue
        if key in _ELSEWHERE:
            if why := _passed_over(key, found):
                left.append(LeftOut(key=key, value=value, why=why))
            continue
        if reason := _stays_out(key):
            left.append(LeftOut(key=key, value=NOTHING if key in SECRETS else value, why=reason))
        elif key in options():
            _take(key, value, training, left, then)
        else:
            general[key] = value
    dataset, notes = _dataset(found, general)
    _prune(dataset, left)
    notes = (*notes, *_relative(training, dataset))
    changed = replace(found, left_out=_safe(left), then=_told(then, left), notes=(*found.notes, *notes))
    return Fitted(training=training, dataset=dataset, found=changed)


def _passed_over(key: str, found: Found) -> str:
    """Return why an option about the location of images does not count; empty if it counts, or is not set."""
    value = found.options[key]
    if not value:
        return ""
    if key == "dataset_config":
        read = {file.path.name for file in found.files}
        named = PureWindowsPath(str(value)).name
        return (
            "the dataset config that was read stands for it" if found.dataset is not None and named not in read else ""
        )
    if found.dataset is not None or found.options.get("dataset_config"):
        return "beside a dataset config sd-scripts ignores it"
    if key == "reg_data_dir" and found.options.get("in_json"):
        return "beside in_json sd-scripts ignores it: regularisation images are for folders of captions"
    if key == "reg_data_dir" and not found.options.get("train_data_dir"):
        return "without train_data_dir it has no effect"
    return ""


def _safe(left: list[LeftOut]) -> tuple[LeftOut, ...]:
    """Return what is left out, without the values of secrets."""
    return tuple(
        replace(one, value=NOTHING) if sounds_secret(one.key) or holds_secret(one.value) else one for one in left
    )


def _told(then: list[Then], left: list[LeftOut]) -> tuple[Then, ...]:
    """Return the differences between saved and effective values, except for secrets and for what is left out anyway."""
    out = {one.key for one in left}
    return tuple(one for one in then if one.key not in out and not sounds_secret(one.key))


def _stays_out(key: str) -> str:
    """Return why a key is not for an experiment; empty if it may be."""
    if key in MANAGED:
        return "kft manages it"
    if key in SECRETS:
        return f"a secret: set the environment variable {SECRETS[key]}"
    if key in options() or (key in dataset_keys() and "general" in dataset_keys()[key].levels):
        return ""
    if scripts := elsewhere(key):
        likely = min(scripts, key=lambda script: "train_network" not in script)
        return f"sdxl_train.py ignores it: it is an option of {likely}"
    return "sdxl_train.py has no such option: it had no effect"


def _take(key: str, value: Any, training: dict[str, Any], left: list[LeftOut], then: list[Then]) -> None:
    """Put an option's value into `training` as sd-scripts took it, or into `left` with the reason."""
    kind = options()[key].type
    meant = _as_taken(kind, value)
    if repr(meant) != repr(value) and not _same_number(meant, value):
        then.append(Then(key=key, saved=value, then=meant, why=_WHY[kind if kind in _WHY else "other"]))
    if meant is NOTHING:
        return
    clean, findings = check_training({key: meant}, str)
    if findings:
        why = _DIFFUSERS if key == "save_model_as" else findings[0].what
        left.append(LeftOut(key=key, value=value, why=why))
    else:
        training |= clean


_DIFFUSERS = "such checkpoints cannot hold their configuration: kft's are safetensors"

_WHY: Mapping[str, str] = {
    "bool": "a switch counts as on with any text or number but 0 and the empty text",
    "other": "written as text",
}


def _as_taken(kind: str, value: Any) -> Any:
    """Return the value as the trainer used it: a switch by Python truth, a quoted number as a number."""
    if value is None:
        return NOTHING
    if kind == "bool":
        return bool(value)
    if fits(value, kind) or kind not in _MEANT:
        return value
    meant = _MEANT[kind](value)
    return meant if fits(meant, kind) else value


def _number_meant(value: Any) -> Any:
    typed = keypath.typed("training.?", value.strip()) if isinstance(value, str) else value
    return int(typed) if isinstance(typed, float) and typed.is_integer() else typed


def _text_meant(value: Any) -> Any:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value) if plain else value


_MEANT: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(["int", "float", "int_or_float"], _number_meant),
    "str": _text_meant,
    "list[str]": lambda value: value.split() if isinstance(value, str) else value,
}
"""Conversions of a value of the wrong type to the option's type."""


def _same_number(one: Any, two: Any) -> bool:
    return isinstance(one, (int, float)) and isinstance(two, (int, float)) and one == two


def _dataset(found: Found, general: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the dataset config that was found, or one made from the folder options, with stray namespace keys.

    The dataset reader also looks at keys of the namespace that are not options (library/config_util.py:361-388).
    """
    notes: tuple[str, ...] = ()
    if found.dataset is not None:
        tree = keypath.merge(found.dataset, {})
    elif named := found.options.get("dataset_config"):
        tree = {}
        notes = (f"its images are said in {named}, which was not read: name that file too",)
    elif found.kind in ("checkpoint", "dataset"):
        tree = {}
    else:
        made, notes = dataset_of(found.options)
        tree = keypath.merge(made, {})
    if general and isinstance(tree.get("general", {}), Mapping):
        tree["general"] = {**general, **tree.get("general", {})}
    return tree, notes


def _relative(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> tuple[str, ...]:
    """Warn of relative paths: in an experiment they start from its file, in a command from where it was typed."""
    values = keypath.values({"training": {**training}, "dataset": {**dataset}})
    named = [
        value
        for path, value in values.items()
        if path.rsplit(".", 1)[-1] in PATH_OPTIONS and isinstance(value, str) and _is_relative(value)
    ]
    if not named:
        return ()
    shown = ", ".join(sorted(set(named))[:3]) + (", ..." if len(set(named)) > 3 else "")
    return (
        f"relative paths were meant from the folder in which the trainer started, and should be made whole: {shown}",
    )


def _is_relative(path: str) -> bool:
    return not (PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute() or path.startswith(("~", "{")))


def _prune(dataset: dict[str, Any], left: list[LeftOut]) -> None:
    """Remove from a dataset config, in place, what sd-scripts rejects there."""
    while wrong := check_dataset(dataset, str):
        places = dict(_places(dataset))
        for finding in wrong:
            table, key = places[finding.where]
            if key in table:  # two keys can share a name: the next turn gets the other
                where = finding.where.removeprefix("dataset.")
                left.append(LeftOut(key=where, value=table.pop(key), why=finding.what))
    for place, (table, key) in list(_places(dataset)):
        if key in dataset_keys() and _holds_null(table[key]):
            left.append(LeftOut(key=place.removeprefix("dataset."), value=table.pop(key), why="TOML has no null"))


def _holds_null(value: Any) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return value is None or any(map(_holds_null, inner))


def _places(dataset: dict[str, Any]) -> Iterator[tuple[str, tuple[dict[str, Any], str]]]:
    """Yield every place in a dataset config, by the name findings use, with its table and its key there."""
    yield from ((f"dataset.{shown(key)}", (dataset, key)) for key in dataset)
    tables = [("dataset.general", dataset.get("general"))]
    for index, one in enumerate(_tables(dataset.get("datasets"))):
        tables.append((f"dataset.datasets[{index}]", one))
        subsets = enumerate(_tables(one.get("subsets")))
        tables += [(f"dataset.datasets[{index}].subsets[{number}]", subset) for number, subset in subsets]
    for path, table in tables:
        if isinstance(table, dict):
            yield from ((f"{path}.{shown(key)}", (table, key)) for key in table)


def _tables(value: Any) -> list[dict[str, Any]]:
    whole = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return value if whole else []
