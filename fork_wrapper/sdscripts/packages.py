"""Which Python packages `sdxl_train.py` needs in any case, before it says so after minutes.

They are imported at its start or by library/train_util.py. What an option asks for beyond that, rules say: of the
optimizer, of attention, of trackers. TensorBoard alone is here: kft logs to it unless told otherwise.
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


def needed_packages(training: Mapping[str, Any], *, stand_in: bool = False) -> dict[str, str]:
    """Distribution names and the option that needs each (empty for those that are always needed)."""
    needed = dict.fromkeys(STAND_IN if stand_in else ALWAYS, "")
    if training.get("log_with") in ("tensorboard", "all"):
        needed["tensorboard"] = f'log_with = "{training["log_with"]}"'
    return needed
