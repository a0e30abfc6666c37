"""Precision, attention, and what accelerate is asked for."""

from collections.abc import Mapping
from typing import Any

from tests.rules.casebook import Entry
from tests.rules.cases_optimizer import PRODIGY, dies, goes_on
from tests.rules.cases_rates import training

NO_GPU: Mapping[str, Any] = {"cuda": False}
GPU: Mapping[str, Any] = {"cuda": True}
BARE: Mapping[str, Any] = {"packages": {"torch": "2.13.0"}}
UNFIT: Mapping[str, Any] = {
    **GPU,
    "torch_cuda": "13.0",
    "xformers_cuda": "12.8",
    "xformers_runtime": False,
}
FULL_BF16 = training(mixed_precision="bf16", full_bf16=True)


def machine(
    rule: str, trips: Mapping[str, Any], spares: Mapping[str, Any], what: str, host: Mapping[str, Any]
) -> Entry:
    """An entry about the machine that trains."""
    return Entry(rule=rule, trips=trips, spares=spares, what=what, program="not asked", host=host)


PRECISION = (
    dies(
        "full-fp16",
        training(full_fp16=True),
        training(full_fp16=False),
        'full_fp16 needs mixed_precision = "fp16", and it is "no"',
        "full_fp16 requires",
    ),
    dies(
        "full-fp16",
        training(full_fp16=True, full_bf16=True, mixed_precision="bf16"),
        FULL_BF16,
        'full_fp16 needs mixed_precision = "fp16", and it is "bf16"',
        "full_fp16 requires",
    ),
    dies(
        "full-bf16",
        training(full_bf16=True),
        FULL_BF16,
        'full_bf16 needs mixed_precision = "bf16", and it is "no"',
        "full_bf16 requires",
    ),
    Entry(
        rule="full-both",
        trips=training(full_fp16=True, full_bf16=True, mixed_precision="fp16"),
        spares=FULL_BF16,
        what="full_bf16 does not count beside full_fp16",
        program="not on a CPU",
    ),
    Entry(
        rule="full-fp16-eps",
        trips=training(full_fp16=True, mixed_precision="fp16"),
        spares=FULL_BF16,
        what="eps=1e-08 of AdamW is 0 in half precision",
        program="not on a CPU",
    ),
    goes_on(
        "full-bf16-rounding",
        FULL_BF16,
        {**FULL_BF16, **PRODIGY},
        "full_bf16 rounds away most of what AdamW learns",
    ),
    goes_on(
        "adafactor-bf16-rounding",
        {**FULL_BF16, "training.optimizer_type": "Adafactor"},
        {**FULL_BF16, "training.optimizer_type": "Adafactor", "training.fused_backward_pass": True},
        "full_bf16 rounds away small steps of Adafactor without fused_backward_pass",
    ),
    goes_on(
        "fp8-base",
        training(fp8_base=True),
        training(fp8_base=False),
        "fp8_base has no effect on a full fine-tune",
    ),
    machine(
        "fp16-cpu",
        training(mixed_precision="fp16"),
        training(mixed_precision="bf16"),
        'mixed_precision = "fp16" needs a GPU',
        NO_GPU,
    ),
    machine(
        "precision-default",
        training(mixed_precision=None),
        training(mixed_precision="no"),
        "no mixed_precision is set: it trains in 32 bits",
        GPU,
    ),
)

ATTENTION = (
    machine(
        "xformers-missing",
        training(xformers=True),
        {},
        "xformers needs the package xformers, which is not installed",
        BARE,
    ),
    machine(
        "xformers-build",
        training(xformers=True),
        {},
        "xformers has no operators here: xformers is built for CUDA 12.8, torch for CUDA 13.0",
        UNFIT,
    ),
    machine(
        "xformers-build",
        training(diffusers_xformers=True),
        {},
        "diffusers_xformers has no operators here: xformers is built for CUDA 12.8, torch for CUDA 13.0",
        UNFIT,
    ),
    machine("xformers-cpu", training(xformers=True), {}, "xformers needs a GPU", NO_GPU),
    machine("xformers-cpu", training(diffusers_xformers=True), {}, "diffusers_xformers needs a GPU", NO_GPU),
    goes_on(
        "attention-priority",
        training(mem_eff_attn=True),
        training(mem_eff_attn=True, sdpa=False),
        "sdpa does not count beside mem_eff_attn",
    ),
    goes_on(
        "attention-none",
        training(sdpa=None),
        training(sdpa=True),
        "no attention is chosen: the plain one takes far more memory",
    ),
    Entry(
        rule="diffusers-xformers",
        trips=training(diffusers_xformers=True),
        spares={},
        what="diffusers_xformers leaves the U-Net with plain attention, and sdpa cannot change that",
        program="not on a CPU",
    ),
)

ACCELERATE = (
    dies(
        "compile-backend",
        training(torch_compile=True, dynamo_backend="tensort"),
        training(torch_compile=True, dynamo_backend="eager"),
        'torch has no dynamo_backend "tensort"',
        "not a valid DynamoBackend",
    ),
    dies(
        "compile-backend",
        training(torch_compile=True, dynamo_backend="ofi"),
        training(torch_compile=True, dynamo_backend="aot_eager"),
        'torch has no dynamo_backend "ofi"',
        "Invalid backend",
    ),
    machine(
        "compile-backend",
        training(torch_compile=True, dynamo_backend="ipex"),
        training(torch_compile=False, dynamo_backend="ipex"),
        'dynamo_backend = "ipex" needs the package intel-extension-for-pytorch, which is not installed',
        BARE,
    ),
    goes_on(
        "compile-keys",
        training(torch_compile=True, dynamo_backend="eager"),
        training(torch_compile=False),
        "weights trained with torch_compile are saved as _orig_mod.NAME, which no program loads",
    ),
    machine(
        "deepspeed-missing",
        training(deepspeed=True),
        {},
        "deepspeed needs the package deepspeed, which is not installed",
        BARE,
    ),
    machine(
        "deepspeed-alone",
        training(deepspeed=True),
        {},
        "deepspeed needs WORLD_SIZE, which one process alone does not get",
        GPU,
    ),
    machine(
        "wandb-missing",
        training(log_with="all"),
        {},
        'log_with = "all" needs the package wandb, which is not installed',
        BARE,
    ),
    machine(
        "tensorboard-missing",
        training(log_with="tensorboard"),
        training(log_with="tensorboard"),
        "nothing is logged: the package tensorboard is not installed",
        BARE,
    ),
)

ENTRIES: tuple[Entry, ...] = (*PRECISION, *ATTENTION, *ACCELERATE)
