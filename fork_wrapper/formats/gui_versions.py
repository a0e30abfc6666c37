"""How the versions of the kohya_ss GUI passed a form on to sd-scripts, as far as they differ.

Each way was seen by running the tabs' own code of thirteen versions from v21.8.9 on; the lines are of kohya_gui/
(before v23.1: the root and library/) at the versions named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fork_wrapper.formats.gui_form import Form
from fork_wrapper.formats.gui_keys import Tab, Version, gui_keys


@dataclass(frozen=True, kw_only=True)
class Ways:
    """The ways of one version of one tab."""

    flags: bool
    """All options on the command line, none in a config file (before v24)."""
    drops_zeros: bool
    """Every 0 was left out of the config file: `0 in ["", False, None]` (finetune_gui.py:875, v24.0.4)."""
    drops_rate: bool
    """A `learning_rate` of 0 was not passed on (library/common_gui.py:651, v22.6.0)."""
    drops_rates: bool
    """Nor was that of a text encoder, and other empty fields (library/common_gui.py:785-800, v22.6.2)."""
    fraction: bool
    """Warm-up is a fraction of all steps (finetune_gui.py:878-885, v25.0.0), before that steps."""
    own_steps: bool
    """`max_train_steps` of the form counts; the finetune tab computed its own before v24."""
    trains_encoders: bool
    """The dreambooth tab trains the text encoders that have a rate (dreambooth_gui.py:929, v26.0.0)."""
    stops_encoders: bool
    """The dreambooth tab passed stop_text_encoder_training on, which SDXL's script refuses (up to v23.0.14)."""
    sdxl_boxes: bool
    """The dreambooth tab passes the boxes no_half_vae and cache_text_encoder_outputs on (since v25)."""
    names_wandb: bool
    """An empty wandb_run_name is the output name (since v25)."""
    quotes: bool
    """Quotes in `additional_parameters` held words together; since v24 double quotes are removed."""
    spoils: bool
    """Unusual words of `additional_parameters` got literal quotes around them (common_gui.py:1145, v24.1.7)."""
    loses: bool
    """`additional_parameters` stand first on the command line, so the form wins (common_gui.py:1025, v23.1.5)."""


def ways_of(tab: Tab, version: Version) -> Ways:
    """How one version of a tab passed its form on."""
    return Ways(
        flags=version < (24,),
        drops_zeros=(24, 0, 4) <= version < ((26,) if tab == "finetune" else (25,)),
        drops_rate=version < (23,) and (tab == "dreambooth" or version >= (22, 2)),
        drops_rates=(22, 6, 1) <= version < (23,),
        fraction=version >= (25,),
        own_steps=tab == "dreambooth" or version >= (24,),
        trains_encoders=version >= (25,),
        stops_encoders=version < (23, 0, 15),
        sdxl_boxes=tab == "finetune" or version >= (25,),
        names_wandb=version >= (25,),
        quotes=version < (24,),
        spoils=version >= (24, 1),
        loses=(22, 6, 1) <= version < (24,),
    )


_NEUTRAL: Mapping[str, Any] = {
    **dict.fromkeys(["keep_tokens", "caption_dropout_rate", "caption_dropout_every_n_epochs", "lr_warmup_steps"], 0),
    "clip_skip": 1,
    "gradient_accumulation_steps": 1,
    "max_token_length": 75,
}
"""Values that were left out, as they change nothing."""

_ORIGINAL = ("noise_offset", "adaptive_noise_scale", "noise_offset_random_strength")
_MULTIRES = ("multires_noise_iterations", "multires_noise_discount")


def as_flags(options: dict[str, Any], why: dict[str, str], form: Form, ways: Ways) -> None:
    """Change `options` in place to what stood on the command line, with a reason in `why` where that matters."""

    def drop(key: str, reason: str) -> None:
        if key in options:
            del options[key]
            why[key] = reason

    if options.get("lr_scheduler") == "constant":
        drop("lr_warmup_steps", "versions before v24 pass no warm-up with the scheduler constant")
    kind = form.values.get("noise_offset_type", "Original")
    for key in _ORIGINAL if kind == "Multires" else _MULTIRES:
        drop(key, f"versions before v24 passed only the noise of noise_offset_type, {kind}")
    if not options.get("noise_offset"):
        drop("adaptive_noise_scale", "versions before v24 pass it only with a noise offset")
    for key, reason in _no_zeros(ways).items():
        if options.get(key) == 0:
            drop(key, reason)
    if ways.drops_rates and not (options.get("min_bucket_reso") and options.get("max_bucket_reso")):
        drop("enable_bucket", "v22.6.1 and v22.6.2 pass it only with both bucket sizes")
    _whole_gamma(options, why)
    _cycles(options, why, form)
    _left_out(options)


def _no_zeros(ways: Ways) -> Mapping[str, str]:
    """Options whose 0 was not passed though it means something, with the reason."""
    reasons = dict.fromkeys(["multires_noise_discount", "huber_c"], "versions before v24 pass no 0 for it")
    if ways.drops_rate:
        reasons["learning_rate"] = "versions before v23 pass no learning_rate of 0"
    if ways.drops_rates:
        reasons |= dict.fromkeys(["learning_rate_te1", "learning_rate_te2"], "v22.6.1 and v22.6.2 pass no rate of 0")
    return reasons


def _whole_gamma(options: dict[str, Any], why: dict[str, str]) -> None:
    gamma = options.get("min_snr_gamma")
    if gamma is None or gamma == int(gamma):
        return
    del options["min_snr_gamma"]
    why["min_snr_gamma"] = "versions before v24 cut it to a whole number, and pass none below 1"
    if gamma >= 1:
        options["min_snr_gamma"] = float(int(gamma))


def _cycles(options: dict[str, Any], why: dict[str, str], form: Form) -> None:
    if form.tab == "dreambooth" and not options.get("lr_scheduler_num_cycles") and "epoch" in form.values:
        options["lr_scheduler_num_cycles"] = form.values["epoch"]
        why["lr_scheduler_num_cycles"] = "left empty, it is the number of epochs"


def _left_out(options: dict[str, Any]) -> None:
    """Options that were not passed as they could not matter."""
    if not options.get("enable_bucket"):
        options.pop("min_bucket_reso", None)
        options.pop("max_bucket_reso", None)
    if not options.get("sample_every_n_steps") and not options.get("sample_every_n_epochs"):
        options.pop("sample_sampler", None)
    for key, usual in _NEUTRAL.items():
        if options.get(key) == usual:
            del options[key]


def deadly_flags(form: Form, ways: Ways) -> tuple[str, ...]:
    """Flags that sdxl_train.py does not know, and so refused to start with."""
    if ways.drops_rates and "block_lr" in form.values:
        return ("v22.6.1 and v22.6.2 pass the word (block_lr) in place of its rates: such a run died",)
    if not ways.flags or form.tab == "finetune":
        return ()
    usual: dict[str, Any] = {"no_token_padding": False, "prior_loss_weight": 1}
    if ways.stops_encoders:
        usual["stop_text_encoder_training"] = 0
    named = [key for key, harmless in usual.items() if form.values.get(key, harmless) != harmless]
    return tuple(f"{key} was on the command line, and sdxl_train.py refuses it: such a run died" for key in named)


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
