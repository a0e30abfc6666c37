"""The command line of GUI versions before v24: what they left out of it, and changed on the way there.

`run_cmd_advanced_training` of kohya_gui/common_gui.py at v23.1.5, where nothing else is named.
"""

from collections.abc import Mapping
from typing import Any

from fork_wrapper.formats.gui_file import Form
from fork_wrapper.formats.gui_ways import Ways

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
