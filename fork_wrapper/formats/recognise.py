"""Recognise a file by its content and read it: the single entry to this package for single files."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import TABLES
from fork_wrapper.files import read_text
from fork_wrapper.formats.commands_import import mentions_training, nearby, read_command
from fork_wrapper.formats.config_files import (
    flat,
    is_dataset,
    read_config_toml,
    read_named_dataset_config,
    read_plain_json,
    refuse_odd,
)
from fork_wrapper.formats.found import SCRIPTS, Found, is_folder, refuse, source_file
from fork_wrapper.formats.gui_form import is_gui
from fork_wrapper.formats.gui_import import read_gui, read_gui_and_toml
from fork_wrapper.formats.gui_keys import Version
from fork_wrapper.formats.kft_import import is_export, read_checkpoint, read_export, read_record_file
from fork_wrapper.sdscripts.options import dataset_keys, elsewhere, options

_LORA = ("network_module", "network_dim", "network_alpha", "network_args", "unet_lr", "network_weights")
_OTHER_MODELS: Mapping[str, str] = {
    "gemma2": "a Lumina model",
    "ae": "a FLUX.1 model",
    "clip_g": "an SD3 model",
    "qwen3": "an Anima model",
    "byt5": "a HunyuanImage model",
    "t5xxl": "a FLUX.1 or SD3 model",
}
"""Options for a part that SDXL does not have, and the model that has it; the surest first."""

_OLD_BASE = re.compile(r"(?:^|[/\\])(?:stable-diffusion-v1-|v1-5-pruned|sd-?v?1[-.]?5)", re.IGNORECASE)
"""Base models of SD 1.x, by their common file names."""

_FORMS = (
    "a kohya_ss GUI JSON, a TOML of sd-scripts or the GUI, a dataset config, a command line or script, a sidecar, "
    "a run's record or a .safetensors checkpoint"
)


_DATASET_NAME = re.compile("data", re.IGNORECASE)
"""Matches the name of a dataset config, which may be empty, as for a training without images."""

LARGEST = 10_000_000
"""The longest config accepted, in characters; only logs are longer."""

_PROGRAMS: Sequence[tuple[frozenset[str], str]] = (
    (frozenset(["training_method", "model_type"]), "a config of OneTrainer"),
    (frozenset(["base_model_name", "model_type"]), "a config of OneTrainer"),
    (frozenset(["--model_type"]), "a config of SimpleTuner"),
    (frozenset(["model_family", "model_type"]), "a config of SimpleTuner"),
    (frozenset(["resume_ckpt"]), "a config of EveryDream2"),
    (frozenset(["nodes", "links"]), "a workflow of ComfyUI"),
    (frozenset(["_class_name"]), "a part of a Diffusers model"),
    (frozenset(["architectures"]), "a part of a Transformers model"),
)
"""JSON files of other programs, by keys that they have."""

_TEXTS: Mapping[str, str] = {
    "a config of ai-toolkit": r"(?m)^job:\s*\S[\s\S]*^config:",
    "a config of accelerate": r"(?m)^compute_environment:",
}
"""Other files of other programs, by their content."""


def is_literal_command(text: str) -> bool:
    """Return whether an argument is a command line itself, not a file name."""
    return bool(re.search(r"\s", text)) and mentions_training(text)


def is_experiment(raw: Mapping[str, Any]) -> bool:
    """Return whether a parsed TOML is an experiment of kft: it has tables of an experiment, and nothing else."""
    return bool(raw) and raw.keys() <= TABLES.keys()


def read_any(path: Path, *, gui_version: Version | None = None, images: int | None = None, pairs: bool = True) -> Found:
    """Read a file of any kind; InputError says what it is if it is not for kft, or that it is unknown.

    With `pairs`, a GUI JSON is read together with the TOML of the same start, if that lies beside it.
    """
    suffix = path.suffix.lower()
    if is_folder(path):
        finding = Finding(what="it is a folder", where=str(path), todo="name the files in it")
        raise InputError(f"cannot import {path.name}", [finding])
    if suffix == ".safetensors":
        return read_checkpoint(path)
    if suffix in (".ckpt", ".pt", ".bin", ".pth"):
        raise refuse(path, "such files hold no configuration", "look for the JSON or TOML beside it")
    text = read_text(path)
    if not text.strip():
        return _empty(text, path)
    if suffix not in (".json", ".toml", ".ipynb") and mentions_training(text):
        return read_command(text, path)
    if len(text) > LARGEST:
        raise refuse(path, f"it holds {len(text):,} characters, and no config is that long", f"name {_FORMS}")
    if suffix in (".json", ".ipynb") or (suffix != ".toml" and _is_json(text)):
        return _json(path, text, gui_version, images, pairs=pairs)
    try:
        raw, text, notes = read_config_toml(path)
    except InputError:
        if suffix == ".toml":
            raise
        raise _unknown(text, path) from None
    return _toml(raw, text, notes, path)


def _empty(text: str, path: Path) -> Found:
    """Read an empty dataset config, as kft exports for a training without images; InputError for other empty files."""
    if path.suffix.lower() == ".toml" and _DATASET_NAME.search(path.name):
        return _dataset({}, text, ["it is empty: it names no images"], path)
    raise refuse(path, "it is empty", f"name {_FORMS}")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _unknown(text: str, path: Path) -> InputError:
    """Make the error for a text that is no sd-scripts config: what the text starts or sets up, if that shows."""
    if started := re.search(r"(?:accelerate launch|torchrun|python\d?)\b[^\n;|&]*?([\w-]*train[\w-]*\.py)\b", text):
        what = f"it starts {started[1]}, which is no script of sd-scripts"
    else:
        what = next((f"it is {name}" for name, marks in _TEXTS.items() if re.search(marks, text)), "nothing kft knows")
    return refuse(path, what, f"name {_FORMS}")


def _json(path: Path, text: str, version: Version | None, images: int | None, *, pairs: bool) -> Found:
    raw = read_plain_json(path)
    if isinstance(raw, str) and _is_json(raw):  # JSON that was quoted twice
        raw = json.loads(raw)
        refuse_odd(raw, path)
    if isinstance(raw, Mapping) and raw.get("kind") in ("run", "sidecar"):
        return read_record_file(raw, text, path)
    if isinstance(raw, Mapping) and isinstance(raw.get("cells"), list):
        return read_command(_cells(raw["cells"]), path)
    if is_export(raw):
        return read_export(raw, text, path)
    if is_dataset(raw):
        return _dataset(raw, text, (), path)
    if is_gui(raw):
        read = read_gui_and_toml if pairs else read_gui
        return with_dataset_config(read(raw, text, path, version=version, images=images))
    raise refuse(path, f"its content is {_shape(raw)}", f"name {_FORMS}")


def _cells(cells: Sequence[Any]) -> str:
    """Return the text of a notebook's code cells."""
    code = [cell.get("source", "") for cell in cells if isinstance(cell, Mapping) and cell.get("cell_type") == "code"]
    return "\n".join("".join(map(str, source)) if isinstance(source, list) else str(source) for source in code)


def _shape(raw: Any) -> str:
    """Describe what a foreign JSON looks like, for a message."""
    if isinstance(raw, Mapping) and raw and all(isinstance(value, Mapping) for value in raw.values()):
        keys = {key for value in raw.values() for key in value}
        if keys & {"caption", "tags", "train_resolution"}:
            return "image metadata of sd-scripts: a GUI file or a dataset config names it"
    if isinstance(raw, Mapping):
        for marks, program in _PROGRAMS:
            if raw.keys() >= marks:
                return program
        names = ", ".join(map(str, list(raw)[:4]))
        return f"a JSON object that no program of the family writes ({names or 'empty'})"
    return f"JSON, but {'a list' if isinstance(raw, list) else 'a single value'}"


def _toml(raw: Mapping[str, Any], text: str, notes: Sequence[str], path: Path) -> Found:
    if is_dataset(raw):
        return _dataset(raw, text, notes, path)
    if is_experiment(raw):
        raise refuse(path, "it is an experiment of kft already", f"kft check {path}")
    if isinstance(raw.get("settings"), Mapping) and "use_shell" in raw["settings"]:
        raise refuse(path, "it holds the kohya_ss GUI's own settings, not a training", f"name {_FORMS}")
    written, left, more = flat(raw)
    _refuse_foreign(written, path)
    gui = path.name.startswith(("config_finetune-", "config_dreambooth-", "tmpfile"))
    what = "the TOML that a kohya_ss GUI started sd-scripts with" if gui else "a config TOML of sd-scripts"
    found = Found(
        kind="config",
        what=what,
        files=(source_file(path, text, what),),
        options=written,
        left_out=tuple(left),
        notes=(*notes, *more),
    )
    return with_dataset_config(found)


def _refuse_foreign(written: Mapping[str, Any], path: Path) -> None:
    """Raise InputError for a TOML of another script, or of no script at all."""
    todo = "kft is for full fine-tunes of SDXL, which are sdxl_train.py's"
    if lora := [key for key in _LORA if written.get(key)]:
        raise refuse(path, f"it trains a LoRA: it sets {', '.join(lora[:3])}", todo)
    if "num_vectors_per_token" in written or "token_string" in written:
        raise refuse(path, "it trains a textual inversion", todo)
    if models := [key for key in _OTHER_MODELS if written.get(key)]:
        raise refuse(path, f"it trains {_OTHER_MODELS[models[0]]}: it sets {', '.join(models)}", todo)
    base = str(written.get("pretrained_model_name_or_path", ""))
    if written.get("v2") or (_OLD_BASE.search(base) and "xl" not in base.lower()):
        what = f"an SD {'2.x' if written.get('v2') else '1.x'} model"
        reason = "its v2 is set" if written.get("v2") else f"its base model is {base}"
        raise refuse(path, f"it trains {what}: {reason}", todo)
    foreign = sorted({script for key in written for script in elsewhere(key) if len(elsewhere(key)) == 1})
    known = [key for key in written if key in options() or key in dataset_keys()]
    if not known:
        raise refuse(path, "it holds no option of sdxl_train.py", f"name {_FORMS}")
    if foreign and len(known) < len(written) / 2:
        raise refuse(path, f"it is for {foreign[0]}, which trains {SCRIPTS.get(foreign[0], 'another model')}", todo)


def _dataset(raw: Mapping[str, Any], text: str, notes: Sequence[str], path: Path) -> Found:
    what = "a dataset config of sd-scripts"
    return Found(
        kind="dataset", what=what, files=(source_file(path, text, what),), options={}, dataset=raw, notes=tuple(notes)
    )


def with_dataset_config(found: Found) -> Found:
    """Add to `found` the dataset config that it names, if that file can be found."""
    named = found.options.get("dataset_config")
    path = nearby(str(named), found.path.parent) if named and found.dataset is None else None
    if path is None:
        return found
    files = list(found.files)
    dataset, notes, left = read_named_dataset_config(str(named), path, files, "the dataset config that it names")
    options = {key: value for key, value in found.options.items() if not left or key != "dataset_config"}
    return replace(
        found,
        files=tuple(files),
        options=options,
        dataset=dataset,
        notes=(*found.notes, *notes),
        left_out=(*found.left_out, *left),
    )
