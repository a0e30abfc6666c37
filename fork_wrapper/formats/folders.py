"""The images that sd-scripts finds without a dataset config, expressed as a dataset config.

`in_json` makes one fine-tuning subset; otherwise every REPEATS_NAME folder below `train_data_dir` and `reg_data_dir`
is a subset (sdxl_train.py:139-170, library/config_util.py:607-644).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

IMAGES = frozenset([".jpg", ".jpeg", ".png", ".webp"])
"""Suffixes that the GUI counts as images (kohya_gui/finetune_gui.py:1026, v26.0.0)."""

FOLDER_OPTIONS = ("train_data_dir", "reg_data_dir", "in_json")
"""Options that a dataset config replaces."""

_NUMBER = re.compile(r"[+-]?\d+(?:_\d+)*")
"""Folder-name prefixes that Python's int() accepts."""


def dataset_of(options: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the dataset config of `train_data_dir`, `reg_data_dir` and `in_json`, and what could not be seen here."""
    train = options.get("train_data_dir")
    if options.get("in_json"):
        subset = {"metadata_file": options["in_json"], **({"image_dir": train} if train else {})}
        return {"datasets": [{"subsets": [subset]}]}, ()
    if not train:
        return {}, ("it names no images: no train_data_dir, in_json or dataset_config",)
    notes: list[str] = []
    subsets = _subsets(str(train), {}, "train_data_dir", notes)
    if options.get("reg_data_dir"):
        subsets += _subsets(str(options["reg_data_dir"]), {"is_reg": True}, "reg_data_dir", notes)
    return {"datasets": [{"subsets": subsets}]}, tuple(notes)


def _subsets(folder: str, mark: Mapping[str, Any], key: str, notes: list[str]) -> list[dict[str, Any]]:
    found = concept_folders(folder)
    if found is None:
        notes.append(
            f"{key} is not on this machine ({folder}): sd-scripts made one subset of each REPEATS_NAME folder in it; "
            "here one stands for all, to be split by hand"
        )
        return [{"image_dir": folder, **mark}]
    if not found:
        notes.append(f"{key} holds no REPEATS_NAME folder ({folder}): sd-scripts finds no images in it")
    return [
        {"image_dir": _below(folder, name), "num_repeats": repeats, "class_tokens": words, **mark}
        for name, repeats, words in found
    ]


def _below(folder: str, name: str) -> str:
    mark = "\\" if "\\" in folder and "/" not in folder else "/"
    return f"{folder.rstrip('/').rstrip(chr(92))}{mark}{name}"


def concept_folders(folder: str) -> list[tuple[str, int, str]] | None:
    """List folders that sd-scripts would use as (name, repeats, class tokens), sorted; None if `folder` is not here."""
    try:
        names = sorted(entry.name for entry in Path(folder).iterdir() if entry.is_dir())
    except (OSError, ValueError):  # missing, or a name that no folder can have
        return None
    parted = [(name, *name.split("_", 1)) for name in names]
    return [
        (name, int(parts[0]), parts[1] if len(parts) > 1 else "")
        for name, *parts in parted
        if _NUMBER.fullmatch(parts[0].strip()) and int(parts[0]) >= 1
    ]


def count_images(folder: str) -> int | None:
    """Count the images directly in a folder, as the GUI does; None if it is not here."""
    try:
        return sum(1 for entry in Path(folder).iterdir() if entry.suffix.lower() in IMAGES)
    except (OSError, ValueError):
        return None
