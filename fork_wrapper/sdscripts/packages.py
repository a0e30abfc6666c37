"""Which Python packages `sdxl_train.py` needs for a configuration, before it says so after minutes.

The fixed ones are imported at its start or by library/train_util.py; the others when an option asks for them
(library/train_util.py:4772-5102 for optimizers).
"""

from collections.abc import Mapping
from typing import Any

ALWAYS = (
    *("torch", "torchvision", "accelerate", "transformers", "diffusers", "safetensors", "huggingface-hub"),
    *("toml", "voluptuous", "einops", "opencv-python", "imagesize", "ftfy", "numpy", "pillow", "tqdm", "rich"),
)
STAND_IN = ("torch", "accelerate", "transformers", "diffusers", "safetensors", "toml", "numpy", "pillow", "tqdm")

ALTERNATIVES: Mapping[str, tuple[str, ...]] = {
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
}
"""Distributions that provide the same module."""

_OPTIMIZERS = (
    ("8bit", "bitsandbytes"),
    ("paged", "bitsandbytes"),
    ("dadapt", "dadaptation"),
    ("prodigyplus", "prodigy-plus-schedule-free"),
    ("prodigy", "prodigyopt"),
    ("schedulefree", "schedulefree"),
    ("lion", "lion-pytorch"),
)


def needed_packages(training: Mapping[str, Any], *, stand_in: bool = False) -> dict[str, str]:
    """Distribution names and the option that needs each (empty for those that are always needed)."""
    needed = dict.fromkeys(STAND_IN if stand_in else ALWAYS, "")
    optimizer = str(training.get("optimizer_type", "")).lower()
    for word, package in _OPTIMIZERS:
        if word in optimizer:
            needed[package] = f'optimizer_type = "{training["optimizer_type"]}"'
            break
    for flag, package in (("use_8bit_adam", "bitsandbytes"), ("use_lion_optimizer", "lion-pytorch")):
        if training.get(flag):
            needed[package] = f"{flag} = true"
    if training.get("xformers") and not stand_in:
        needed["xformers"] = "xformers = true"
    if training.get("deepspeed"):
        needed["deepspeed"] = "deepspeed = true"
    for tracker in ("tensorboard", "wandb"):
        if training.get("log_with") in (tracker, "all"):
            needed[tracker] = f'log_with = "{training["log_with"]}"'
    return needed
