"""Values that sd-scripts accepts but that have no effect in their configuration.

A difference between two such values is shown but does not count. Only the configuration is consulted: an option that
another one overrides, a threshold of an unused loss, a bucket size without buckets.
"""

from collections.abc import Callable, Mapping

from fork_wrapper.check.rules.case import Case, Level
from fork_wrapper.check.rules.optimizers import optimizer
from fork_wrapper.check.rules.rates import block_rates
from fork_wrapper.compare.values import Value

Why = Callable[[Case], str]
"""Why an option has no effect, in words that follow `no effect`; empty if it has one."""

BOTH_OFF = frozenset(
    ("noise_offset", "ip_noise_gamma", "multires_noise_iterations", "min_snr_gamma", "v_pred_like_loss", "block_lr")
)
"""Options tested for truth only, so that 0 and absent both mean off (library/train_util.py:6076-6095,
sdxl_train.py:113-120, 714-736).
"""

CUTS = ("shuffle_caption", "token_warmup_step", "caption_tag_dropout_rate")
"""Options that split captions into tags (library/train_util.py:867)."""


NEEDED = frozenset(
    (
        *("adaptive_noise_scale", "async_upload", "conditioning_data_dir"),
        *("dynamo_backend", "fp16_master_weights_and_gradients", "highvram"),
        *("huggingface_path_in_repo", "huggingface_repo_type", "huggingface_repo_visibility"),
        *("ip_noise_gamma_random_strength", "multires_noise_discount", "noise_offset_random_strength"),
        *("offload_optimizer_device", "offload_optimizer_nvme_path", "offload_param_device", "offload_param_nvme_path"),
        *("resume_from_huggingface", "sample_prompts", "sample_sampler", "save_state_to_huggingface"),
        *("use_safetensors", "vae_batch_size", "wandb_run_name", "zero3_init_flag", "zero3_save_16bit_model"),
        "zero_stage",
    )
)
"""Options covered by the rule `no-effect`, which says what each of them needs. Options that need several processes
are left out: their number is not part of a configuration.
"""


def why_idle(case: Case, key: str) -> str:
    """Return why an option has no effect; empty if it has one, or if unknown."""
    if key in NEEDED:
        from fork_wrapper.check.rules.no_effect import NEEDS  # noqa: PLC0415 - a tenth of all rules come with it

        needs, used = NEEDS[key]
        return "" if used(case) else needs.strip().removeprefix(": ")
    return _WHY[key](case) if key in _WHY else ""


def why_idle_in(case: Case, level: Level, key: str) -> str:
    """Return why a dataset key has no effect at a data set or subset; empty if it has one, or if unknown."""
    if key in _NEVER:
        return "a full fine-tune never reads it"
    if key in _BUCKETS and not level.get("enable_bucket"):
        return "without enable_bucket"
    if key == "validation_seed" and not level.get("validation_split"):
        return "without validation_split"
    return _why_caption(case, level, key)


def both_off(key: str, before: Value, after: Value) -> str:
    """Return why sd-scripts treats two different values alike; empty if it does not."""
    if key in BOTH_OFF and not before.raw and not after.raw:
        return f"{before.shown} and {after.shown} are both off"
    return ""


def _why_caption(case: Case, level: Level, key: str) -> str:
    if key == "token_warmup_min" and not level.get("token_warmup_step"):
        return "without token_warmup_step"
    if key in _RAW and (case.get("cache_text_encoder_outputs") or case.get("cache_text_encoder_outputs_to_disk")):
        return "with cached text encoder outputs"
    cut = any(level.get(one) for one in CUTS)
    if key == "caption_separator" and level.get("secondary_separator"):
        return ""
    idle = key in ("keep_tokens", "keep_tokens_separator", "caption_separator") and not cut
    return "without shuffle_caption, token_warmup_step or caption_tag_dropout_rate" if idle else ""


_NEVER = ("network_multiplier", "custom_attributes")
"""Never used: library/train_util.py:1785, 1822; library/config_util.py:496-503."""

_RAW = (
    *("caption_dropout_every_n_epochs", "caption_prefix", "caption_suffix", "enable_wildcard", "secondary_separator"),
    *("keep_tokens", "keep_tokens_separator"),
)
"""Unused with cached text encoder outputs: library/strategy_sdxl.py:263-281."""

_BUCKETS = ("min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale")
"""Bucket options: library/train_util.py:1931-1944."""


def _huber(case: Case) -> str:
    """See library/train_util.py:6110-6128."""
    return "" if case.get("loss_type") in ("huber", "smooth_l1") else f'with loss_type = "{case.get("loss_type")}"'


def _huber_scale(case: Case) -> str:
    snr = 'with huber_schedule = "snr"' if case.get("huber_schedule") == "snr" else ""
    return _huber(case) or snr


def _rate(key: str) -> Why:
    """Adafactor in relative mode ignores rates, except 0, which freezes a part (library/train_util.py:5049-5081)."""

    def why(case: Case) -> str:
        if key != "learning_rate" and not case.get("train_text_encoder"):
            return "without train_text_encoder"  # sdxl_train.py:293-319
        if case.get(key) == 0:
            return ""
        if optimizer(case).relative:
            return "Adafactor finds its own rates"
        return "beside block_lr" if key == "learning_rate" and _is_beside_blocks(case) else ""

    return why


def _is_beside_blocks(case: Case) -> bool:
    """Return whether block_lr takes the place of learning_rate (sdxl_train.py:train).

    Text encoders without a rate of their own use learning_rate, and some schedulers compute with it.
    """
    inherited = case.get("train_text_encoder") and None in [case.get(f"learning_rate_te{one}") for one in (1, 2)]
    return block_rates(case) is not None and not inherited and _scheduler(case) in _RELATIVE


_RELATIVE = [("named", name) for name in ("constant", "constant_with_warmup", "linear", "cosine")]
"""Schedulers that multiply the rates by a factor, whatever they are."""


def _block_rates(case: Case) -> str:
    frozen = "with learning_rate = 0" if case.get("learning_rate") == 0 else ""
    return frozen or _rate("learning_rate")(case)


def _scheduled_by(*names: str) -> Why:
    """Name the schedulers that use the option; all others ignore it (library/train_util.py:5273-5399)."""

    def why(case: Case) -> str:
        kind, name = _scheduler(case)
        return f'with lr_scheduler = "{name}"' if kind == "named" and name not in names else _not_named(case)

    return why


def _warmup(case: Case) -> str:
    """Schedulers without warm-up reject the option, except this one (library/train_util.py:5294-5327)."""
    ignored = _scheduler(case) == ("named", "piecewise_constant")
    return 'with lr_scheduler = "piecewise_constant"' if ignored else _no_scheduler(case)


def _not_named(case: Case) -> str:
    """Return why lr_scheduler has no effect (library/train_util.py:5270-5317)."""
    kind, _ = _scheduler(case)
    words = {"class": "lr_scheduler_type wins", "adafactor": "Adafactor brings its own scheduler"}
    return words.get(kind, _no_scheduler(case))


def _no_scheduler(case: Case) -> str:
    return f"{optimizer(case).name} takes no scheduler" if _scheduler(case)[0] == "none" else ""


def _scheduler_arguments(case: Case) -> str:
    return "" if _scheduler(case)[0] == "class" else _not_named(case)


def _scheduler(case: Case) -> tuple[str, str]:
    """Return the scheduler's kind and name."""
    from fork_wrapper.check.rules.schedulers import scheduler  # noqa: PLC0415 - only where a schedule differs

    found = scheduler(case)
    return found.kind, found.name


def _steps(case: Case) -> str:
    """See sdxl_train.py:438-444."""
    return "max_train_epochs wins" if case.get("max_train_epochs") is not None else ""


def _attention(*winners: str) -> Why:
    """See library/train_util.py:3362-3376; sdxl_train.py:258-268."""

    def why(case: Case) -> str:
        return next((f"{winner} wins" for winner in winners if case.get(winner)), "")

    return why


def _folders(case: Case) -> str:
    """See sdxl_train.py:141-149."""
    return "the dataset config names the images" if case.dataset.get("datasets") else ""


_WHY: Mapping[str, Why] = {
    "huber_c": _huber,
    "huber_schedule": _huber,
    "huber_scale": _huber_scale,
    "learning_rate": _rate("learning_rate"),
    "learning_rate_te1": _rate("learning_rate_te1"),
    "learning_rate_te2": _rate("learning_rate_te2"),
    "block_lr": _block_rates,
    "lr_scheduler": _not_named,
    "lr_scheduler_type": _no_scheduler,
    "lr_scheduler_args": _scheduler_arguments,
    "lr_warmup_steps": _warmup,
    "lr_decay_steps": _scheduled_by("warmup_stable_decay"),
    "lr_scheduler_num_cycles": _scheduled_by("cosine_with_restarts", "cosine_with_min_lr", "warmup_stable_decay"),
    "lr_scheduler_power": _scheduled_by("polynomial"),
    "lr_scheduler_timescale": _scheduled_by("inverse_sqrt"),
    "lr_scheduler_min_lr_ratio": _scheduled_by("cosine_with_min_lr", "warmup_stable_decay"),
    "max_train_steps": _steps,
    "xformers": _attention("diffusers_xformers"),
    "mem_eff_attn": _attention("diffusers_xformers"),
    "sdpa": _attention("diffusers_xformers", "mem_eff_attn", "xformers"),
    "fp8_base": lambda _case: "a full fine-tune never reads it",
    "train_data_dir": _folders,
    "reg_data_dir": _folders,
    "in_json": _folders,
}
"""A function per option that returns why it may have no effect."""
