"""What a file is, by its content, and its reader: the one door to this package for single files."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment import TABLES
from fork_wrapper.files import read_json, read_text
from fork_wrapper.formats.commands_import import mentions_training, nearby, read_command
from fork_wrapper.formats.config_files import flat, is_dataset, read_config_toml, read_dataset_config
from fork_wrapper.formats.found import SCRIPTS, Found, refuse, source_file
from fork_wrapper.formats.gui_file import is_gui
from fork_wrapper.formats.gui_import import read_gui, tomls_beside, with_toml
from fork_wrapper.formats.gui_table import Version
from fork_wrapper.formats.kft_import import is_export, read_checkpoint, read_export, read_record_file
from fork_wrapper.sdscripts.options import dataset_keys, elsewhere, options

_LORA = ("network_module", "network_dim", "network_alpha", "network_args", "unet_lr", "network_weights")
_FORMS = (
    "a kohya_ss GUI JSON, a TOML of sd-scripts or the GUI, a dataset config, a command line or script, a sidecar, "
    "a run's record or a .safetensors checkpoint"
)


def is_literal_command(text: str) -> bool:
    """Whether an argument is a command line itself and no file's name."""
    return bool(re.search(r"\s", text)) and mentions_training(text)


def is_experiment(raw: Mapping[str, Any]) -> bool:
    """Whether a parsed TOML is an experiment of kft: tables of an experiment, and nothing else."""
    return bool(raw) and raw.keys() <= TABLES.keys()


def read_any(path: Path, *, gui_version: Version | None = None, images: int | None = None, pairs: bool = True) -> Found:
    """What the file holds; InputError says what it is when it is not for kft, or that nobody knows it.

    With `pairs`, a GUI JSON is read together with the TOML of the same start, where that lies beside it.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        finding = Finding(what="it is a folder", where=str(path), todo="name the files in it")
        raise InputError(f"cannot import {path.name}", [finding])
    if suffix == ".safetensors":
        return read_checkpoint(path)
    if suffix in (".ckpt", ".pt", ".bin", ".pth"):
        raise refuse(path, "such files hold no configuration", "look for the JSON or TOML beside it")
    if suffix == ".json":
        return _json(path, gui_version, images, pairs=pairs)
    if suffix == ".toml":
        return _toml(path)
    text = read_text(path)
    if mentions_training(text):
        return read_command(text, path)
    return _by_content(text, path, gui_version, images, pairs=pairs)


def _by_content(text: str, path: Path, version: Version | None, images: int | None, *, pairs: bool) -> Found:
    """A file whose suffix says nothing: JSON, TOML, or unknown."""
    try:
        json.loads(text)
    except ValueError:
        pass
    else:
        return _json(path, version, images, pairs=pairs)
    try:
        return _toml(path)
    except InputError:
        raise refuse(path, "nothing that kft knows", f"name {_FORMS}") from None


def _json(path: Path, version: Version | None, images: int | None, *, pairs: bool) -> Found:
    raw, text = read_json(path), read_text(path)
    if isinstance(raw, Mapping) and raw.get("kind") in ("run", "sidecar"):
        return read_record_file(raw, text, path)
    if is_export(raw):
        return read_export(raw, text, path)
    if is_dataset(raw):
        return _dataset(path)
    if is_gui(raw):
        found = read_gui(raw, text, path, version=version, images=images)
        beside = tomls_beside(path) if pairs else []
        found = with_toml(found, beside[0]) if beside else found
        return with_dataset_config(found)
    raise refuse(path, f"its content is {_shape(raw)}", f"name {_FORMS}")


def _shape(raw: Any) -> str:
    """What a foreign JSON looks like, for a message."""
    if isinstance(raw, Mapping) and raw and all(isinstance(value, Mapping) for value in raw.values()):
        keys = {key for value in raw.values() for key in value}
        if keys & {"caption", "tags", "train_resolution"}:
            return "image metadata of sd-scripts: a GUI file or a dataset config names it"
    if isinstance(raw, Mapping):
        names = ", ".join(map(str, list(raw)[:4]))
        return f"a JSON object that no program of the family writes ({names or 'empty'})"
    return f"JSON, but {'a list' if isinstance(raw, list) else 'a single value'}"


def _toml(path: Path) -> Found:
    raw, text, notes = read_config_toml(path)
    if is_dataset(raw):
        return _dataset(path)
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
    """InputError for a TOML of another script, or of no script at all."""
    todo = "kft is for full fine-tunes of SDXL, which are sdxl_train.py's"
    if lora := [key for key in _LORA if key in written]:
        raise refuse(path, f"it trains a LoRA: it sets {', '.join(lora[:3])}", todo)
    if "num_vectors_per_token" in written or "token_string" in written:
        raise refuse(path, "it trains a textual inversion", todo)
    foreign = sorted({script for key in written for script in elsewhere(key) if len(elsewhere(key)) == 1})
    known = [key for key in written if key in options() or key in dataset_keys()]
    if not known:
        raise refuse(path, "it holds no option of sdxl_train.py", f"name {_FORMS}")
    if foreign and len(known) < len(written) / 2:
        raise refuse(path, f"it is for {foreign[0]}, which trains {SCRIPTS.get(foreign[0], 'another model')}", todo)


def _dataset(path: Path) -> Found:
    raw, text, notes = read_dataset_config(path)
    what = "a dataset config of sd-scripts"
    return Found(
        kind="dataset", what=what, files=(source_file(path, text, what),), options={}, dataset=raw, notes=tuple(notes)
    )


def with_dataset_config(found: Found) -> Found:
    """`found` with the dataset config that it names, where that file can be found."""
    from dataclasses import replace  # noqa: PLC0415

    named = found.options.get("dataset_config")
    path = nearby(str(named), found.path.parent) if named and found.dataset is None else None
    if path is None:
        return found
    raw, text, notes = read_dataset_config(path)
    files = (*found.files, source_file(path, text, "the dataset config that it names"))
    return replace(found, files=files, dataset=raw, notes=(*found.notes, *notes))
