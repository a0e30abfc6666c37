"""A GUI form in sd-scripts' names: what its reader would take it to say, before any version has its way with it."""

from collections.abc import Callable, Mapping
from typing import Any

from fork_wrapper.formats.gui_file import Form
from fork_wrapper.formats.gui_table import gui_keys
from fork_wrapper.formats.gui_ways import Ways

SAME_AS_SOURCE = "same as source model"
"""What the form calls an absent `save_model_as`."""

_RENAMED = frozenset(
    (
        *("caption_dropout_every_n_epochs", "dataset_repeats", "logging_dir", "log_with"),
        *("learning_rate_te1", "learning_rate_te2", "lr_scheduler_power", "lr_scheduler_type", "mixed_precision"),
        *("lr_scheduler_num_cycles", "max_bucket_reso", "min_bucket_reso", "max_data_loader_n_workers", "vae"),
        *("max_grad_norm", "max_token_length", "save_precision", "max_resolution", "optimizer", "wandb_run_name"),
    )
)
"""Special keys whose value goes over as it is, under the option's name."""

_BOXES = frozenset(
    (
        *("enable_bucket", "fp8_base", "mem_eff_attn", "persistent_data_loader_workers", "train_text_encoder"),
        *("sdxl_cache_text_encoder_outputs", "sdxl_no_half_vae"),
    )
)
"""Special keys that are boxes: only a tick is passed on."""

_ZERO_IS_UNSET = frozenset(["clip_skip", "fused_optimizer_groups", "max_train_steps", "max_train_epochs", "seed"])
"""Special keys whose 0 means nothing; before v24 that of seed and max_train_epochs was passed on."""

_SDXL_BOXES = frozenset(["sdxl_cache_text_encoder_outputs", "sdxl_no_half_vae"])

BY_NAME = _RENAMED | _BOXES | _ZERO_IS_UNSET
"""Special keys whose field holds the option's value."""

_ODD: Mapping[str, Callable[[Any, Ways], dict[str, Any]]] = {
    "optimizer_args": lambda text, _: _words("optimizer_args", text),
    "lr_scheduler_args": lambda text, _: _words("lr_scheduler_args", text),
    "xformers": lambda word, _: {word: True} if word in ("xformers", "sdpa") else {},
    "save_model_as": lambda word, _: {} if word == SAME_AS_SOURCE else {"save_model_as": word},
    # v24.0.0 to v24.0.4 pass use_wandb on under a name that sd-scripts ignores.
    "use_wandb": lambda ticked, ways: {"log_with": "wandb"} if ticked and ways.flags else {},
    "use_8bit_adam": lambda _ticked, _: {},
}
"""Special keys with a translation of their own."""


def shown(form: Form, ways: Ways) -> dict[str, Any]:
    """The options that the form shows, by name."""
    options: dict[str, Any] = {}
    for key, value in form.values.items():
        known = gui_keys().get(key)
        if known is not None and form.tab in known.tabs:
            options |= _translated(key, value, known.how, known.option, ways)
    if "optimizer_type" not in options and "use_8bit_adam" in form.values:
        options["optimizer_type"] = "AdamW8bit" if form.values["use_8bit_adam"] else "AdamW"
    return options | _where_the_images_are(form)


def _translated(key: str, value: Any, how: str, option: str, ways: Ways) -> dict[str, Any]:
    if how == "same":
        return {} if value is False else {option: value}
    if how == "zero" or (key in _ZERO_IS_UNSET and not (ways.flags and key in ("seed", "max_train_epochs"))):
        return {option: value} if value else {}
    if how != "special":
        return {}
    if key in _BOXES:
        return {option: True} if value and (ways.sdxl_boxes or key not in _SDXL_BOXES) else {}
    if key in _RENAMED or key in _ZERO_IS_UNSET:
        return {option: value}
    return _ODD[key](value, ways) if key in _ODD else {}


def _words(option: str, text: str) -> dict[str, Any]:
    words = text.replace('"', "").split()
    return {option: words} if words else {}


def _where_the_images_are(form: Form) -> dict[str, Any]:
    said = form.values
    if form.tab == "dreambooth":
        return {key: said[key] for key in ("train_data_dir", "reg_data_dir") if key in said}
    found: dict[str, Any] = {
        "enable_bucket": True
    }  # the tab has no box for it (kohya_gui/finetune_gui.py:1146, v26.0.0)
    if "image_folder" in said:
        found["train_data_dir"] = said["image_folder"]
    if "train_dir" in said:
        found["in_json"] = f"{said['train_dir']}/{_metadata(said)}"
    return found


def _metadata(said: Mapping[str, Any]) -> str:
    """Which of the two metadata files is passed on (kohya_gui/finetune_gui.py:1076-1080, v26.0.0)."""
    if said.get("use_latent_files", "Yes") == "Yes":
        return str(said.get("latent_metadata_filename", "meta_lat.json"))
    return str(said.get("caption_metadata_filename", "meta_cap.json"))
