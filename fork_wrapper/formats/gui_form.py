"""A kohya_ss GUI file as a form: its tab, the versions it can come from, its values freed of type noise.

The GUI's JSON holds numbers as strings, empty strings for numbers, `false` for 0, booleans where newer versions have
words, lists where they have text. What cannot be a value of its key is kept aside, never guessed.

A file speaks of the start that saved it. A GUI that loads it changes it first, by its own version (fractions cut by
int(), empty fields filled with what the form shows); what it then starts it saves anew, and that is the file to read.
"""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.formats.found import LeftOut, refuse
from fork_wrapper.formats.gui_keys import TABS, Span, Tab, gui_keys, span_of
from fork_wrapper.sdscripts.options import options

_NUMBERS: Mapping[str, type] = {
    **dict.fromkeys(["lr_warmup", "lr_warmup_steps", "prior_loss_weight"], float),
    **dict.fromkeys(["epoch", "max_train_epochs", "max_train_steps", "dataset_repeats", "seed"], int),
    **dict.fromkeys(["stop_text_encoder_training", "stop_text_encoder_training_pct"], int),
}
"""Number fields of the form whose option has another type, or none."""

_SWITCHES = frozenset(
    (
        *("no_token_padding", "sdxl", "sdxl_checkbox", "sdxl_no_half_vae", "train_inpainting"),
        *("use_8bit_adam", "use_wandb"),
    )
)
"""Boxes whose option has another name, or none."""

_TEXTS = frozenset(["xformers", "sample_prompts", "optimizer_args", "lr_scheduler_args", "resume_from_huggingface"])
"""Texts of the form whose option has another type."""

_BOXES: Mapping[Any, bool] = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}

_OLD_NAMES: Mapping[str, str] = {
    "cache_latent": "cache_latents",
    "caption_extention": "caption_extension",
    "stop_text_encoder_training_pct": "stop_text_encoder_training",
}
"""What early versions called a key, and what it is called since."""

_OTHERS: Mapping[str, str] = {
    "sd3_checkbox": "an SD3 model",
    "flux1_checkbox": "a FLUX.1 model",
    "anima_checkbox": "an Anima model",
    "lumina_checkbox": "a Lumina model",
    "flux1_t5xxl": "",
}
"""Boxes that choose another model family."""

FEWEST = 8
"""A JSON object with fewer known keys is no GUI file."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a GUI file says."""

    path: Path
    """The file."""
    tab: Tab
    """The tab that saved it."""
    span: Span
    """The versions it can come from."""
    values: Mapping[str, Any]
    """Values that are said, by key, freed of type noise: an empty field is not in here, 0 and false are."""
    left_out: tuple[LeftOut, ...]
    """Values that are none of their key."""


def is_gui(raw: Any) -> bool:
    """Whether a JSON value is a file of the GUI, of whichever tab."""
    if not isinstance(raw, Mapping) or any(isinstance(value, Mapping) for value in raw.values()):  # it is flat
        return False
    known = {*gui_keys(), "LoRA_type", "network_dim", "num_vectors_per_token", "unet_lr", "text_encoder_lr"}
    return sum(1 for key in raw if key in known) >= FEWEST


def read_form(raw: Mapping[str, Any], path: Path) -> Form:
    """The form that a GUI file holds; InputError names what it trains when that is no full SDXL model."""
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
    for key, what in _OTHERS.items():
        if values.get(key) is True:
            raise refuse(path, f"it trains {what}: its {key} is ticked", _FULL_ONLY)
    family = "SD 2.x" if values.get("v2") is True else "SD 1.x"
    todo = f'{_FULL_ONLY}, or, should it be one after all, write "{box}": true'
    raise refuse(path, f"it trains an {family} model: its {box} box is not ticked", todo)


def _clean(key: str, value: Any) -> Any:
    """The value as its key means it; None for a field left empty, ValueError for what it cannot mean."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    known = gui_keys().get(key)
    if known is None or known.how in ("ui", "other", "launch"):
        return value
    kind = _kind(key, known.option)
    if kind == "bool":
        return _box(key, value)
    return _number(key, value, kind) if kind in ("int", "float") else _text(key, value)


def _kind(key: str, option: str) -> str:
    if key in _NUMBERS:
        return "int" if _NUMBERS[key] is int else "float"
    if key in _SWITCHES:
        return "bool"
    if key in _TEXTS or option not in options():
        return "str"
    kind = options()[option].type
    return "str" if kind not in ("bool", "int", "float") else kind


def _box(key: str, value: Any) -> bool:
    ticked = _BOXES.get(str(value).strip().lower())
    if ticked is None:
        raise ValueError(f"{key} is a box, ticked or not: {value!r} is neither")
    return ticked


def _number(key: str, value: Any, kind: str) -> int | float:
    number = math.nan
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        number = float(value)
        if kind == "int" and not isinstance(value, float):
            return int(value)
    if not math.isfinite(number):
        raise ValueError(f"{key} is a number: {value!r} is none")
    if kind == "int":
        if number != int(number):
            raise ValueError(f"{key} is a whole number: {value!r} is none")
        return int(number)
    return number


def _text(key: str, value: Any) -> str | None:
    """A text; lists of words as the text that a newer version has, an empty list as an empty field."""
    if key == "xformers" and isinstance(value, bool):
        return "xformers" if value else "none"
    if not isinstance(value, list):
        return str(value)
    if not all(isinstance(item, (str, int, float)) for item in value):
        raise ValueError(f"{key} is a text: {value!r} is none")
    return " ".join(map(str, value)) or None
