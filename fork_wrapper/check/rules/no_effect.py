"""The rule about options that sdxl_train.py takes and does nothing with, always or without another one."""

from collections.abc import Callable, Iterator, Mapping

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.length import draws
from fork_wrapper.check.rules.reading import caches_latents
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.options import default_of

Used = Callable[[Case], bool]
"""Whether a configuration makes use of the option."""


def _with(*keys: str) -> Used:
    """Used as soon as one of these has a value that counts."""
    return lambda case: any(bool(case.get(key)) for key in keys)


def _never(_case: Case) -> bool:
    return False


def _has_offset(case: Case) -> bool:
    """Without any, rule adaptive-noise speaks."""
    return bool(case.get("noise_offset") != 0)


def _logs_to_wandb(case: Case) -> bool:
    return case.get("log_with") in {"wandb", "all"}


def _saves_to_hub(case: Case) -> bool:
    return case.get("huggingface_repo_id") is not None


def _has_company(case: Case) -> bool:
    return case.host.processes > 1


DEEPSPEED = (
    *("zero_stage", "offload_optimizer_device", "offload_optimizer_nvme_path", "offload_param_device"),
    *("offload_param_nvme_path", "zero3_init_flag", "zero3_save_16bit_model", "fp16_master_weights_and_gradients"),
)
HUB = (
    *("huggingface_repo_type", "huggingface_path_in_repo", "huggingface_repo_visibility", "async_upload"),
    "save_state_to_huggingface",
)
DDP = ("ddp_timeout", "ddp_gradient_as_bucket_view", "ddp_static_graph")

NEEDS: Mapping[str, tuple[str, Used]] = {
    "conditioning_data_dir": (": masks are named in the subsets of the data set", _never),
    "use_safetensors": (': save_model_as = "safetensors" says it', _never),
    "noise_offset_random_strength": (" without noise_offset", _with("noise_offset")),
    "adaptive_noise_scale": (" with noise_offset = 0", _has_offset),
    "ip_noise_gamma_random_strength": (" without ip_noise_gamma", _with("ip_noise_gamma")),
    "multires_noise_discount": (" without multires_noise_iterations", _with("multires_noise_iterations")),
    "dynamo_backend": (" without torch_compile", _with("torch_compile")),
    "wandb_run_name": (' without log_with = "wandb" or "all"', _logs_to_wandb),
    "sample_prompts": (": no samples are drawn", draws),
    "sample_sampler": (": no samples are drawn", draws),
    "resume_from_huggingface": (" without resume", _with("resume")),
    "highvram": (" without cached latents", caches_latents),
    "vae_batch_size": (" without cached latents", caches_latents),
    **dict.fromkeys(DEEPSPEED, (" without deepspeed", _with("deepspeed"))),
    **dict.fromkeys(HUB, (" without huggingface_repo_id", _saves_to_hub)),
    **dict.fromkeys(DDP, (" with a single process", _has_company)),
}
"""What an option needs, in words that go on from `has no effect`, and whether it is there."""


@rule("no-effect")
def no_effect(case: Case) -> Iterator[Hit]:
    for key, (needs, used) in NEEDS.items():
        if case.get(key) != default_of(key) and not used(case):
            yield Hit(what=f"{key} has no effect{needs}", at=case.at(key))
    states = case.get("save_state") or case.get("save_state_on_train_end")
    if case.get("save_state_to_huggingface") and _saves_to_hub(case) and not states:
        what = "save_state_to_huggingface has no effect without save_state"
        yield Hit(what=what, at=case.at("save_state_to_huggingface"))
