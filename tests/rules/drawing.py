"""Random configurations: what a person could write, the likely and the strange, the same for the same seed and index.

Each is a handful of changes to BASE. Values come from tables of plausible and borderline ones; what has no table
takes them by its type. `furnish` puts into the image folder what some of them name.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from fork_wrapper.experiment.schema import MANAGED, SECRETS
from fork_wrapper.sdscripts.options import dataset_keys, options
from tests.rules.building import SIZE
from tests.rules.casebook import BASE

COUNTS = {1: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1, 7: 1, 8: 1}
"""How many changes, and how likely that is: of many, the first to be fatal hides the others."""

EXCLUDED: Mapping[str, str] = {
    r"huggingface_\w+|wandb_\w+|resume_from_huggingface|save_state_to_huggingface|async_upload": "needs the network",
    r"deepspeed|zero_stage|zero3_\w+|offload_\w+|fp16_master\w+": "read by deepspeed alone, which is no dependency",
    r"torch_compile|dynamo_backend": "compiles for minutes",
    r"ddp_\w+": "for several processes",
    r"xformers|diffusers_xformers": "has no CPU kernel",
    r"debug_dataset": "opens windows",
    r"dataset_class": "names Python code",
    r"pretrained_model_name_or_path|tokenizer_cache_dir": "the miniature",
    r"vae|resume|log_tracker_config": "names files: for preflight and the casebook",
    r"train_data_dir|in_json|reg_data_dir|conditioning_data_dir": "names files that are not read where kft renders",
    r"save_model_as": "kft refuses all but safetensors, because only those carry their configuration",
    "|".join([*MANAGED, *SECRETS]): "kft refuses it, whatever its value",
}
"""Options that are never drawn, as patterns of whole names, and why."""

BLOCKS = ",".join(["1e-5"] * 23)
OPTIMIZERS = (
    *("AdamW", "adamw", "AdamW8bit", "PagedAdamW8bit", "PagedAdamW", "PagedAdamW32bit", "Lion", "Lion8bit", "Prodigy"),
    *("PagedLion8bit", "SGDNesterov", "SGDNesterov8bit", "Adafactor", "AdaFactor", "AdamWScheduleFree", "Adam", "SGD"),
    *(
        "RAdamScheduleFree",
        "SGDScheduleFree",
        "DAdaptAdam",
        "DAdaptation",
        "NAdam",
        "Adagrad",
        "Rprop",
        "adam",
        "Adamw",
    ),
    *("torch.optim.AdamW", "torch.optim.RMSprop", "bitsandbytes.optim.Lion", "bitsandbytes.optim.AdEMAMix8bit"),
    *("pytorch_optimizer.CAME", "prodigyplus.ProdigyPlusScheduleFree", "prodigyopt.Prodigy", "lion_pytorch.Lion"),
    *("transformers.optimization.Adafactor", "schedulefree.AdamWScheduleFree", "torch.optim.SparseAdam", "LBFGS"),
    *("Adam8bit", "nowhere.Adam", "torch.optim.Nothing", "AdamX", "", "FooScheduleFree", "torch.optim", "Optimizer"),
)
OPTIMIZER_ARGS: tuple[list[str], ...] = (
    *([], ["weight_decay=0.01"], ["betas=0.9,0.99"], ["betas=(0.9, 0.99)", "eps=1e-8"], ["relative_step=False"]),
    *(["scale_parameter=False", "relative_step=False", "warmup_init=False"], ["warmup_init=True"], ["decouple=True"]),
    *(["relative_step=False", "warmup_init=True"], ["momentum=0.9"], ["lr=0.1"], ["foreach=False"], ["eps=-1"]),
    *(["weight_decay"], ["weight_decay=abc"], ["weight_decay=0.01 eps=1e-8"], [""], ["a=b=c"], ["weight_decay='a'"]),
    *(["betas=0.9"], ["betas=(0.9, 1.5)"], ["weight_decay=-1"], ["d_coef=2"], ["fused=True"], ["nesterov=True"]),
    *(
        ["weight_decay = 0.01"],
        ["weight_decay=0.1", "weight_decay=0.2"],
        ["scale_parameter=True"],
        ["eps=(1e-30, 1e-3)"],
    ),
    *(["relative_step=True"], ["relative_step=0"], ["clip_threshold=2.0"], ["amsgrad=True"], ["=1"], ["eps=1e-8,"]),
)
SCHEDULERS = (
    *("constant", "constant_with_warmup", "cosine", "cosine_with_restarts", "linear", "polynomial", "adafactor"),
    *("adafactor:1e-5", "inverse_sqrt", "cosine_with_min_lr", "warmup_stable_decay", "piecewise_constant", "Cosine"),
    *("reduce_lr_on_plateau", "cosine_warmup_with_min_lr", "cosine_annealing", "", "adafactor:x", "adafactorish"),
)
SCHEDULER_ARGS: tuple[list[str], ...] = (
    *(
        [],
        ["T_max=10"],
        ["step_size=1", "gamma=0.9"],
        ["step_rules='1:10,0.1'"],
        ["min_lr_rate=0.1"],
        ["last_epoch=-1"],
    ),
    *(["T_max"], ["T_max=x"], ["min_lr=1e-7"], ["factor=0.5"], ["gamma=0.9"], ["step_rules='x'"], ["num_cycles=2"]),
    *(["lr_lambda=1"], ["T_max=0"], ["power=2.0"], ["lr_end=0.1"], ["decay_type='linear'"], ["warmup_type='no'"]),
)
OPTIMIZING = (
    *("optimizer_type", "optimizer_args", "lr_scheduler", "lr_scheduler_type", "lr_scheduler_args", "lr_warmup_steps"),
    *("lr_decay_steps", "lr_scheduler_num_cycles", "lr_scheduler_power", "lr_scheduler_timescale", "learning_rate"),
    *("lr_scheduler_min_lr_ratio", "block_lr", "learning_rate_te1", "learning_rate_te2", "fused_optimizer_groups"),
    *("fused_backward_pass", "max_grad_norm", "train_text_encoder", "gradient_accumulation_steps", "full_bf16"),
)
"""Options that are judged together when the optimizer is made, after the base model is loaded."""
TRAINING: Mapping[str, tuple[Any, ...]] = {
    "optimizer_type": OPTIMIZERS,
    "optimizer_args": OPTIMIZER_ARGS,
    "lr_scheduler": SCHEDULERS,
    "lr_scheduler_type": ("CosineAnnealingLR", "StepLR", "torch.optim.lr_scheduler.ExponentialLR", "NoLR", "no.LR", ""),
    "lr_scheduler_args": SCHEDULER_ARGS,
    "lr_warmup_steps": (0, 1, 2, 100, 0.0, 0.1, 0.5, 1.0, 100.0, -1),
    "lr_decay_steps": (0, 1, 0.5, 1.0, -1),
    "lr_scheduler_num_cycles": (1, 2, 0, -1),
    "lr_scheduler_power": (1.0, 2.0, 0.0, -1.0),
    "lr_scheduler_timescale": (1, 10, 0, -1),
    "lr_scheduler_min_lr_ratio": (0.0, 0.1, 1.0, 2.0, -0.1),
    "learning_rate": (1e-5, 1e-4, 1.0, 0.0, -1e-5),
    "learning_rate_te1": (1e-6, 0.0, -1e-6),
    "learning_rate_te2": (1e-6, 0.0, -1e-6),
    "block_lr": (BLOCKS, BLOCKS[5:], ",".join(["0"] * 23), "1e-5", "", BLOCKS + ",", "a" + BLOCKS[4:]),
    "max_train_steps": (1, 2, 3, 100, 0, -1),
    "max_train_epochs": (1, 2, 0, -1),
    "gradient_accumulation_steps": (1, 2, 4, 0, -1),
    "max_data_loader_n_workers": (0, 1, 2, -1),
    "max_grad_norm": (0.0, 1.0, -1.0),
    "train_batch_size": (1, 2, 0, -1),
    "dataset_repeats": (1, 2, 0, -1),
    "vae_batch_size": (1, 2, 0, -1),
    "fused_optimizer_groups": (0, 1, 3, 100_000, -1),
    "resolution": ("64", "64,64", "128", "96,64", "64, 64", "64,64,64", "x", "64.0", "", "100", "0", "-64"),
    "bucket_reso_steps": (64, 32, 16, 0, -32, 48),
    "min_bucket_reso": (64, 0, 32, 128, -1),
    "max_bucket_reso": (128, 64, 32, 0, 2048),
    "face_crop_aug_range": ("1.0,2.0", "2.0,1.0", "1", "a,b", ""),
    "min_timestep": (0, 100, 999, 1000, 2000, -1),
    "max_timestep": (1000, 100, 1, 0, 2000, -1),
    "min_snr_gamma": (5.0, 1.0, 0.0, -1.0),
    "noise_offset": (0.05, 0.0, -0.1),
    "multires_noise_iterations": (6, 1, 0, -1),
    "ip_noise_gamma": (0.1, 0.0),
    "huber_c": (0.1, 0.0, -0.1, 1.0),
    "huber_scale": (1.0, 0.0, -1.0),
    "v_pred_like_loss": (0.5, 0.0, -1.0),
    "save_every_n_steps": (1, 2, 0, -1),
    "save_every_n_epochs": (1, 2, 0, -1),
    "save_n_epoch_ratio": (1, 2, 0, -1),
    "save_last_n_steps": (1, 2, 0, -1),
    "save_last_n_epochs": (1, 0, -1),
    "save_last_n_steps_state": (1, 0, -1),
    "save_last_n_epochs_state": (1, 0, -1),
    "sample_every_n_steps": (1, 2, 0, -1),
    "sample_every_n_epochs": (1, 0, -1),
    "sample_prompts": ("FOLDER/prompts.txt", "FOLDER/prompts.txt", "FOLDER/prompts.md"),
    "seed": (0, 42, 2**32 - 1, 2**32, 2**64, -1),
    "clip_skip": (1, 2, 0),
    "console_log_file": ("kohya.log", "FOLDER/kohya.log", "nowhere/kohya.log"),
    "log_prefix": ("a-", "a/b", ""),
    "log_tracker_name": ("name", "a/b", ""),
    "metadata_thumbnail": ("data:image/png;base64,AA==", "x"),
    "keep_tokens": (1, 0, -1),
    "caption_extension": (".txt", "txt", ".caption", "", ".tags"),
    "caption_extention": (".txt", ".caption"),
    "token_warmup_step": (0.0, 0.5, 2.0, -1.0),
    "token_warmup_min": (1, 0, 3, -1),
    "caption_dropout_rate": (0.0, 0.1, 1.0, 2.0, -1.0),
    "caption_tag_dropout_rate": (0.0, 0.1, 1.0, 2.0, -1.0),
    "caption_dropout_every_n_epochs": (0, 1, 2, -1),
    "caption_separator": (",", ";", "", " "),
}
"""Values by option: plausible ones first and most."""
DATASET: Mapping[str, tuple[Any, ...]] = {
    "batch_size": (1, 2, 3, 4, 100, 0, -1),
    "resolution": (64, 128, [64, 64], [128, 64], [96, 64], 96, 100, 48, 32, 0, -64, 200, [64, 0]),
    "num_repeats": (1, 2, 3, 0, -1),
    "validation_split": (0.0, 0.25, 0.5, 1.0, 2.0, -0.5),
    "validation_seed": (0, 42, -1),
    "face_crop_aug_range": ([1.0, 2.0], [2.0, 1.0], [0.0, 0.0]),
    "network_multiplier": (1.0, 0.5),
    "class_tokens": ("a square", ""),
    "custom_attributes": ({}, {"a": 1}),
    "image_dir": ("FOLDER", "FOLDER/more", "FOLDER/empty", "FOLDER/nowhere", "FOLDER/alpha"),
    "metadata_file": ("FOLDER/metadata.json", "FOLDER/metadata.json", "FOLDER/nowhere.json"),
    "conditioning_data_dir": ("FOLDER/masks", "FOLDER/more", "FOLDER/nowhere"),
}
"""Values by key of the dataset config, where the option of the same name has others."""
GENERIC: Mapping[str, tuple[Any, ...]] = {
    "bool": (True, True, True, False),
    "int": (1, 2, 0, -1, 10**6),
    "float": (0.5, 1.0, 0.0, -1.0, 1e6),
    "number": (0.5, 1, 0, 1.0),
    "str": ("a, b", "||", "", " "),
}
WRONG: Mapping[str, tuple[Any, ...]] = {
    "bool": ("true", 1),
    "int": (1.0, "1", True),
    "float": ("0.1", True),
    "str": (1, False),
    "list[str]": ("a=1", [1]),
}
"""Values of another type; there is little to learn from them, so they are rare."""
LIKELY = (
    *("cache_text_encoder_outputs", "train_text_encoder", "mixed_precision", "full_bf16", "gradient_checkpointing"),
    *("max_train_epochs", "sample_prompts", "sample_every_n_steps", "save_every_n_steps", "save_state", "masked_loss"),
)
"""Options that people think about; the others are drawn less."""
NEEDED = ("training.pretrained_model_name_or_path", "training.tokenizer_cache_dir")
"""What BASE says about the miniature."""
SUBSET = "dataset.datasets[0].subsets[0]"
SECOND = "dataset.datasets[0].subsets[1]"
OTHER = "dataset.datasets[1]"
CHANGES: tuple[Mapping[str, Any], ...] = (
    {f"{SECOND}.image_dir": "FOLDER/more"},
    {f"{SECOND}.image_dir": "FOLDER"},
    {f"{SECOND}.image_dir": "FOLDER/more", f"{SECOND}.is_reg": True},
    {f"{SECOND}.image_dir": "FOLDER/empty"},
    {f"{OTHER}.resolution": 128, f"{OTHER}.subsets[0].image_dir": "FOLDER/more"},
    {f"{OTHER}.resolution": 64, f"{OTHER}.batch_size": 2, f"{OTHER}.subsets[0].image_dir": "FOLDER"},
    {f"{SUBSET}.image_dir": "FOLDER/alpha", f"{SUBSET}.alpha_mask": True, "training.masked_loss": True},
    {f"{SUBSET}.conditioning_data_dir": "FOLDER/masks", "training.masked_loss": True},
    {f"{SUBSET}.metadata_file": "FOLDER/metadata.json"},
    {f"{SUBSET}.metadata_file": "FOLDER/metadata.json", "dataset.general.caption_extension": None},
    {"training.cache_latents": None, "dataset.general.enable_bucket": None},
    {"training.cache_latents": None},
    {"training.cache_latents_to_disk": True},
    {"training.cache_text_encoder_outputs": True, "training.cache_text_encoder_outputs_to_disk": True},
    {"dataset.general.enable_bucket": False},
    {"training.optimizer_type": "Adafactor", "training.fused_backward_pass": True},
    {"training.optimizer_type": "Adafactor", "training.lr_scheduler": "adafactor"},
    {"training.v_parameterization": True, "training.zero_terminal_snr": True},
    {"training.sample_prompts": "FOLDER/prompts.txt", "training.sample_every_n_steps": 1},
)
"""Changes that belong together."""


def draw(seed: int, index: int) -> dict[str, Any]:
    """Changes to BASE, by key path; None unsets."""
    dice = random.Random(f"{seed}/{index}")
    changes: dict[str, Any] = {}
    for _ in range(dice.choices(list(COUNTS), weights=list(COUNTS.values()))[0]):
        kind: Callable[[random.Random], Mapping[str, Any]] = dice.choices(
            (_option, _optimizing, _dataset_key, _together, _less), weights=(8, 5, 6, 3, 1)
        )[0]
        changes |= kind(dice)
    return changes


def furnish(images: Path) -> None:
    """What drawn configurations name below FOLDER; sd-scripts does not look into folders of a folder."""
    for name, mode, sizes in (("more", "RGB", ((64, 64), (96, 64), (200, 130))), ("alpha", "RGBA", (SIZE, SIZE))):
        (images / name).mkdir()
        for number, size in enumerate(sizes):
            Image.new(mode, size, 60 * number).save(images / name / f"{number}.png")
            (images / name / f"{number}.txt").write_text("one; two, three", encoding="utf-8")
    (images / "masks").mkdir()
    for path in sorted(images.glob("*.png")):
        Image.new("L", SIZE, 200).save(images / "masks" / path.name)
    (images / "empty").mkdir()
    prompt = "a square --w 64 --h 64 --s 2\n"
    for name in ("prompts.txt", "prompts.md"):
        (images / name).write_text(prompt, encoding="utf-8")
    captions = {str(path): {"caption": "a square", "tags": "red"} for path in sorted(images.glob("*.png"))}
    (images / "metadata.json").write_text(json.dumps(captions), encoding="utf-8")


@cache
def drawable() -> tuple[str, ...]:
    """The options that are drawn."""
    return tuple(name for name in options() if not any(re.fullmatch(pattern, name) for pattern in EXCLUDED))


def _option(dice: random.Random) -> dict[str, Any]:
    return _said(dice, dice.choice(LIKELY) if dice.random() < 0.3 else dice.choice(drawable()))


def _optimizing(dice: random.Random) -> dict[str, Any]:
    return {path: value for name in dice.sample(OPTIMIZING, 2) for path, value in _said(dice, name).items()}


def _said(dice: random.Random, name: str) -> dict[str, Any]:
    option = options()[name]
    values = [*TRAINING.get(name, ()), *(one for one in option.choices if one is not None)]
    if option.default is not None and dice.random() < 0.1:
        values = [option.default]
    if option.choices and dice.random() < 0.05:
        values = ["something else"]
    return {f"training.{name}": _value(dice, option.type, values)}


def _dataset_key(dice: random.Random) -> dict[str, Any]:
    key = dice.choice(list(dataset_keys().values()))
    place = {"general": "dataset.general", "dataset": "dataset.datasets[0]", "subset": SUBSET}[dice.choice(key.levels)]
    values = [*DATASET.get(key.name, TRAINING.get(key.name, ()))]
    return {f"{place}.{key.name}": _value(dice, key.type, values)}


def _together(dice: random.Random) -> Mapping[str, Any]:
    return dice.choice(CHANGES)


def _less(dice: random.Random) -> dict[str, Any]:
    return {dice.choice([path for path in BASE if path not in NEEDED]): None}


def _value(dice: random.Random, kind: str, values: Sequence[Any]) -> Any:
    if kind in WRONG and dice.random() < 0.02:
        return dice.choice(WRONG[kind])
    return dice.choice(values or GENERIC[kind])
