"""A kohya_ss GUI file as a form: its tab, the versions it can come from, its values with types cleaned up, its options.

The GUI's JSON holds numbers as strings, empty strings for numbers, `false` for 0, booleans where newer versions have
words, lists where they have text. Values that their key cannot have are set aside, never guessed.

A file describes the start that saved it. A GUI that loads it changes it first, depending on its own version (int()
truncates fractions, empty fields take the form's values), and saves what it then starts to a new file: read that one.
"""

import contextlib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.formats.found import LeftOut, refuse
from fork_wrapper.formats.gui_keys import TABS, GuiKey, Quirk, Span, Tab, gui_keys, span_of
from fork_wrapper.sdscripts.options import options

_TICKS: Mapping[Any, bool] = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}

_OLD_NAMES: Mapping[str, str] = {
    "cache_latent": "cache_latents",
    "caption_extention": "caption_extension",
    "stop_text_encoder_training_pct": "stop_text_encoder_training",
}
"""Key names of early versions, and their names since."""

FEWEST = 8
"""The minimum of known keys in a GUI file: a JSON object with fewer is not one."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """The content of a GUI file."""

    path: Path
    """The path of the file."""
    tab: Tab
    """The tab that saved it."""
    span: Span
    """The versions it can come from."""
    values: Mapping[str, Any]
    """The values set, by key, with types cleaned up: an empty field is left out, 0 and false are kept."""
    left_out: tuple[LeftOut, ...]
    """Values that their key cannot have."""


def is_gui(raw: Any) -> bool:
    """Return whether a JSON value is a file of the GUI, from any tab."""
    if not isinstance(raw, Mapping) or any(isinstance(value, Mapping) for value in raw.values()):  # a GUI file is flat
        return False
    known = {*gui_keys(), "LoRA_type", "network_dim", "num_vectors_per_token", "unet_lr", "text_encoder_lr"}
    return sum(1 for key in raw if key in known) >= FEWEST


def read_form(raw: Mapping[str, Any], path: Path) -> Form:
    """Read the form in a GUI file; InputError says what it trains if that is not a full SDXL model."""
    tab = _tab(raw, path)
    values: dict[str, Any] = {}
    left_out = []
    for key, value in raw.items():
        name = _OLD_NAMES.get(key, key)
        try:
            clean = _clean(name, value)
        except ValueError as error:
            left_out.append(LeftOut(key=key, value=value, why=str(error)))
            continue
        if clean is not None:
            values[name] = clean
    _refuse_other_models(values, tab, path)
    return Form(path=path, tab=tab, span=span_of(tab, raw), values=values, left_out=tuple(left_out))


def _tab(raw: Mapping[str, Any], path: Path) -> Tab:
    if "num_vectors_per_token" in raw:
        raise refuse(path, "it is a textual inversion of the kohya_ss GUI", _FULL_ONLY)
    if "LoRA_type" in raw or "network_dim" in raw:
        kind = raw.get("LoRA_type") or "LoRA"
        raise refuse(path, f"it is a LoRA ({kind}) of the kohya_ss GUI", _FULL_ONLY)
    if "sdxl_checkbox" in raw or "image_folder" in raw or "train_dir" in raw:
        return "finetune"
    if "sdxl" in raw or "train_data_dir" in raw:
        return "dreambooth"
    misfits = {tab: sum(1 for key in raw if key in gui_keys() and tab not in gui_keys()[key].tabs) for tab in TABS}
    return min(TABS, key=lambda tab: misfits[tab])


_FULL_ONLY = "kft is for full fine-tunes of SDXL: name a file of the finetune or the dreambooth tab"


def _refuse_other_models(values: Mapping[str, Any], tab: Tab, path: Path) -> None:
    box = "sdxl_checkbox" if tab == "finetune" else "sdxl"
    if values.get(box) is True:
        return
    for key, known in gui_keys().items():
        if known.family and values.get(key) is True:
            raise refuse(path, f"it trains {known.family}: its {key} is ticked", _FULL_ONLY)
    family = "SD 2.x" if values.get("v2") is True else "SD 1.x"
    todo = f'{_FULL_ONLY}, or, should it be one after all, write "{box}": true'
    raise refuse(path, f"it trains an {family} model: its {box} box is not ticked", todo)


def _clean(key: str, value: Any) -> Any:
    """Return the value in the type of its key; None for an empty field, ValueError for an impossible value."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    known = gui_keys().get(key)
    if known is None or known.how in ("ui", "other", "launch"):
        return value
    kind = known.type or (options()[known.option].type if known.option in options() else "str")
    if kind == "bool":
        return _box(key, value)
    return _number(key, value, kind) if kind in ("int", "float") else _text(key, value)


def _box(key: str, value: Any) -> bool:
    ticked = _TICKS.get(str(value).strip().lower())
    if ticked is None:
        raise ValueError(f"{key} is a box, ticked or not, and cannot be {value!r}")
    return ticked


def _number(key: str, value: Any, kind: str) -> int | float:
    number = math.nan
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        number = float(value)
        if kind == "int" and not isinstance(value, float):
            return int(value)
    if not math.isfinite(number):
        raise ValueError(f"{key} must be a number, not {value!r}")
    if kind == "int":
        if number != int(number):
            raise ValueError(f"{key} must be a whole number, not {value!r}")
        return int(number)
    return number


def _text(key: str, value: Any) -> str | None:
    """Return a text; a list of words becomes the text that newer versions have, an empty list an empty field."""
    if key == "xformers" and isinstance(value, bool):
        return "xformers" if value else "none"
    if not isinstance(value, list):
        return str(value)
    if not all(isinstance(item, (str, int, float)) for item in value):
        raise ValueError(f"{key} must be text, not {value!r}")
    return " ".join(map(str, value)) or None


SAME_AS_SOURCE = "same as source model"
"""What the form calls an absent `save_model_as`."""

_PASSED_ON_AS_0 = ("seed", "max_train_epochs")
"""Numbers whose 0 was passed on by versions that put all options on the command line."""

_ODD: Mapping[str, Callable[[Any, Collection[Quirk]], dict[str, Any]]] = {
    "optimizer_args": lambda text, _: _words("optimizer_args", text),
    "lr_scheduler_args": lambda text, _: _words("lr_scheduler_args", text),
    "xformers": lambda word, _: {word: True} if word in ("xformers", "sdpa") else {},
    "save_model_as": lambda word, _: {} if word == SAME_AS_SOURCE else {"save_model_as": word},
    # v24.0.0 to v24.0.4 pass use_wandb on under a name that sd-scripts ignores.
    "use_wandb": lambda ticked, quirks: {"log_with": "wandb"} if ticked and "command_line" in quirks else {},
}
"""Keys with a translation of their own; other odd keys are read together, in `shown` and in `gui_handed`."""


def shown(form: Form, quirks: Collection[Quirk]) -> dict[str, Any]:
    """Return the options that the form shows to a reader, by name, with only the boxes that the version has."""
    options: dict[str, Any] = {}
    for name, value in form.values.items():
        key = gui_keys().get(name)
        if key is not None and form.tab in key.tabs:
            options |= _translated(key, value, quirks)
    if "optimizer_type" not in options and "use_8bit_adam" in form.values:
        options["optimizer_type"] = "AdamW8bit" if form.values["use_8bit_adam"] else "AdamW"
    return options | _where_the_images_are(form)


def _translated(key: GuiKey, value: Any, quirks: Collection[Quirk]) -> dict[str, Any]:
    if key.how == "odd":
        return _ODD[key.name](value, quirks) if key.name in _ODD else {}
    if key.how == "box":
        unseen = key.option in ("no_half_vae", "cache_text_encoder_outputs") and "sdxl_boxes" not in quirks
        return {key.option: True} if value and not unseen else {}
    if key.how == "number" and key.name in _PASSED_ON_AS_0 and "command_line" in quirks:
        return {key.option: value}
    nothing = {"same": value is False, "zero": not value, "number": not value, "value": False}
    return {} if nothing.get(key.how, True) else {key.option: value}


def _words(option: str, text: str) -> dict[str, Any]:
    words = text.replace('"', "").split()
    return {option: words} if words else {}


def _where_the_images_are(form: Form) -> dict[str, Any]:
    said = form.values
    if form.tab == "dreambooth":
        return {key: said[key] for key in ("train_data_dir", "reg_data_dir") if key in said}
    # The tab has no box for buckets (kohya_gui/finetune_gui.py:1146, v26.0.0).
    found: dict[str, Any] = {"enable_bucket": True}
    if "image_folder" in said:
        found["train_data_dir"] = said["image_folder"]
    if "train_dir" in said:
        found["in_json"] = f"{said['train_dir']}/{_metadata(said)}"
    return found


def _metadata(said: Mapping[str, Any]) -> str:
    """Return which of the two metadata files is passed on (kohya_gui/finetune_gui.py:1076-1080, v26.0.0)."""
    if said.get("use_latent_files", "Yes") == "Yes":
        return str(said.get("latent_metadata_filename", "meta_lat.json"))
    return str(said.get("caption_metadata_filename", "meta_cap.json"))
