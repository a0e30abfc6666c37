"""The stand-in trainer's optimizer: what is trained, at which rate, and how the rate moves.

It knows AdamW, AdamW8bit and the schedules of diffusers; everything else of sd-scripts is replaced, aloud.
"""

import ast
import importlib
from collections.abc import Iterable
from typing import Any

import torch
from diffusers.optimization import SchedulerType, get_scheduler

from fork_wrapper.rehearsal.standin_data import Options

ADAMW_ARGUMENTS = ("amsgrad", "betas", "eps", "weight_decay")


def parameter_groups(model: Any, options: Options) -> dict[str, dict[str, Any]]:
    """What is trained, at which rate; 0 freezes a part, an encoder's unset rate is learning_rate."""
    parts = {"unet": (model.unet, options["learning_rate"])}
    if options["train_text_encoder"]:
        for name, part in (("1", model.text_encoder), ("2", model.text_encoder_2)):
            rate = options[f"learning_rate_te{name}"]
            parts[f"text_encoder{name}"] = (part, options["learning_rate"] if rate is None else rate)
    trained = {name: (part.requires_grad_(), rate) for name, (part, rate) in parts.items() if rate != 0}
    return {name: {"params": list(part.parameters()), "lr": rate} for name, (part, rate) in trained.items()}


def trained_parts(model: Any, groups: Iterable[str]) -> list[Any]:
    """The models that are trained, in the order in which a state holds them (sdxl_train.py:494-500)."""
    parts = {"unet": model.unet, "text_encoder1": model.text_encoder, "text_encoder2": model.text_encoder_2}
    return [part for name, part in parts.items() if name in groups]


def optimizer_of(options: Options, groups: list[dict[str, Any]]) -> Any:
    """AdamW or AdamW8bit; others are replaced by AdamW, and said so."""
    kind = options["optimizer_type"] or "AdamW"
    arguments = {
        key: ast.literal_eval(value) for key, value in (text.split("=") for text in options["optimizer_args"] or [])
    }
    if kind.lower() == "adamw8bit":
        import bitsandbytes  # noqa: PLC0415

        print(f"use 8-bit AdamW optimizer | {arguments}")
        return bitsandbytes.optim.AdamW8bit(groups, lr=options["learning_rate"], **arguments)
    if kind.lower() != "adamw":
        print(f"stand-in: optimizer {kind} is replaced by AdamW, with those of its arguments that AdamW knows")
        arguments = {key: value for key, value in arguments.items() if key in ADAMW_ARGUMENTS}
    print(f"use AdamW optimizer | {arguments}")
    # fused: one kernel for all weights instead of a dozen per weight, which would be a fifth of a CPU step
    arguments = {"fused": "foreach" not in arguments} | arguments
    return torch.optim.AdamW(groups, lr=options["learning_rate"], **arguments)


def scheduler_of(options: Options, optimizer: Any, steps: int) -> Any:
    """A schedule of diffusers; the others of sd-scripts are replaced by a constant rate, and said so."""
    name, warmup = options["lr_scheduler"], options["lr_warmup_steps"]
    if isinstance(warmup, float):
        warmup = int(warmup * steps)
    if options["lr_scheduler_type"]:
        return _of_type(options, optimizer)
    if name not in {kind.value for kind in SchedulerType} - {"piecewise_constant"}:
        print(f"stand-in: lr_scheduler {name} is replaced by constant_with_warmup")
        name = "constant_with_warmup"
    if name == "constant" and warmup:
        raise ValueError("constant does not require `num_warmup_steps`. Set None or 0.")
    return get_scheduler(
        name,
        optimizer,
        num_warmup_steps=warmup,
        num_training_steps=steps,
        num_cycles=options["lr_scheduler_num_cycles"],
        power=options["lr_scheduler_power"],
    )


def _of_type(options: Options, optimizer: Any) -> Any:
    """A class or function by its path, or of torch by its name (library/train_util.py:5287-5311)."""
    module, _, name = options["lr_scheduler_type"].rpartition(".")
    arguments = dict(text.split("=") for text in options["lr_scheduler_args"] or [])
    print(f"use {options['lr_scheduler_type']} | {arguments} as lr_scheduler")
    found = getattr(importlib.import_module(module or "torch.optim.lr_scheduler"), name)
    return found(optimizer, **{key: ast.literal_eval(value) for key, value in arguments.items()})
