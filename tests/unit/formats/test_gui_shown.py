"""What a form shows, in sd-scripts' names, before any version has its way with it."""

from typing import Any

import pytest

from fork_wrapper.formats.gui_shown import BY_NAME, shown
from fork_wrapper.formats.gui_table import Tab, gui_keys
from fork_wrapper.formats.gui_ways import ways_of
from fork_wrapper.sdscripts.options import options
from tests.unit.formats.gui_golden import PLACES, fresh, number, read

GONE = "gone"


def _shown(tab: Tab, tag: str, **changes: Any) -> dict[str, Any]:
    return shown(read(fresh(tab, tag, **changes)), ways_of(tab, number(tag)))


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_only_options_are_shown(tab: Tab, tag: str) -> None:
    """Every name is an option of sdxl_train.py, or a key of the GUI's TOML that it ignores."""
    made = _shown(tab, tag)
    assert len(made) > 30
    assert {name for name in made if name not in options()} <= {"noise_offset_type", "train_inpainting"}


def test_the_lists_of_special_keys_are_of_the_table() -> None:
    """Each of them is a special key of the table that is an option's, under its own name or another."""
    assert len(BY_NAME) == 32
    for key in BY_NAME:
        assert gui_keys()[key].how == "special"
        assert gui_keys()[key].option in options()


@pytest.mark.parametrize(
    ("changes", "option", "value"),
    [
        ({"flip_aug": True}, "flip_aug", True),
        ({"flip_aug": False}, "flip_aug", GONE),
        ({"bucket_reso_steps": 0}, "bucket_reso_steps", 0),
        ({"min_snr_gamma": 5}, "min_snr_gamma", 5.0),
        ({"min_snr_gamma": 0}, "min_snr_gamma", GONE),
        ({"clip_skip": 0}, "clip_skip", GONE),
        ({"clip_skip": 1}, "clip_skip", 1),
        ({"seed": 0}, "seed", GONE),
        ({"max_train_epochs": 0}, "max_train_epochs", GONE),
        ({"max_train_steps": 0}, "max_train_steps", GONE),
        ({"keep_tokens": 0}, "keep_tokens", 0),
        ({"learning_rate_te2": 0}, "learning_rate_te2", 0.0),
        ({"persistent_data_loader_workers": True}, "persistent_data_loader_workers", True),
        ({"persistent_data_loader_workers": False}, "persistent_data_loader_workers", GONE),
        ({"sdxl_no_half_vae": True}, "no_half_vae", True),
        ({"sdxl_cache_text_encoder_outputs": True}, "cache_text_encoder_outputs", True),
        ({"max_resolution": "512,768"}, "resolution", "512,768"),
        ({"optimizer": "Lion"}, "optimizer_type", "Lion"),
        ({"optimizer": ""}, "optimizer_type", GONE),
        ({"optimizer_args": 'a=1  "b=2"'}, "optimizer_args", ["a=1", "b=2"]),
        ({"optimizer_args": '""'}, "optimizer_args", GONE),
        ({"lr_scheduler_args": "T_max=3"}, "lr_scheduler_args", ["T_max=3"]),
        ({"xformers": "xformers"}, "xformers", True),
        ({"xformers": "sdpa"}, "sdpa", True),
        ({"xformers": "sdpa"}, "xformers", GONE),
        ({"xformers": "none"}, "xformers", GONE),
        ({"save_model_as": "same as source model"}, "save_model_as", GONE),
        ({"save_model_as": "diffusers"}, "save_model_as", "diffusers"),
        ({"log_with": "wandb"}, "log_with", "wandb"),
        ({"use_latent_files": "No"}, "in_json", "/data/meta/meta_cap.json"),
        ({"use_latent_files": "Yes"}, "in_json", "/data/meta/meta_lat.json"),
        ({"latent_metadata_filename": "my.json"}, "in_json", "/data/meta/my.json"),
        ({"train_dir": ""}, "in_json", GONE),
        ({"image_folder": "D:/img"}, "train_data_dir", "D:/img"),
        ({"image_folder": ""}, "train_data_dir", GONE),
        ({}, "enable_bucket", True),
        ({"flux1_cache_text_encoder_outputs": True}, "cache_text_encoder_outputs", GONE),
        ({"mixed_precision": "bf16"}, "mixed_precision", "bf16"),
        ({"num_processes": 2}, "num_processes", GONE),
    ],
)
def test_a_field_of_the_finetune_tab(changes: dict[str, Any], option: str, value: Any) -> None:
    """Fields become options by name, boxes only where ticked; where 0 means nothing it shows nothing."""
    assert repr(_shown("finetune", "HEAD", **changes).get(option, GONE)) == repr(value)


@pytest.mark.parametrize(
    ("tag", "changes", "option", "value"),
    [
        ("v23.1.5", {"seed": "0"}, "seed", 0),
        ("v23.1.5", {"max_train_epochs": "0"}, "max_train_epochs", 0),
        ("v23.1.5", {"use_wandb": True}, "log_with", "wandb"),
        ("v24.0.4", {"use_wandb": True}, "log_with", GONE),
        ("v23.1.5", {"use_wandb": False}, "log_with", GONE),
        ("v24.1.7", {"sdxl_no_half_vae": True}, "no_half_vae", GONE),
        ("v25.0.0", {"sdxl_no_half_vae": True}, "no_half_vae", True),
        ("v24.1.7", {"sdxl_cache_text_encoder_outputs": True}, "cache_text_encoder_outputs", GONE),
        ("v25.0.0", {"sdxl_cache_text_encoder_outputs": True}, "cache_text_encoder_outputs", True),
        ("HEAD", {"reg_data_dir": "D:/reg"}, "reg_data_dir", "D:/reg"),
        ("HEAD", {"reg_data_dir": ""}, "reg_data_dir", GONE),
        ("HEAD", {"enable_bucket": False}, "enable_bucket", GONE),
        ("HEAD", {"enable_bucket": True}, "enable_bucket", True),
        ("HEAD", {"vae": "D:/vae.pt"}, "vae", "D:/vae.pt"),
        ("HEAD", {"lr_scheduler_power": 2}, "lr_scheduler_power", 2.0),
        ("HEAD", {"block_lr": "1e-5"}, "block_lr", GONE),
    ],
)
def test_a_field_of_the_dreambooth_tab(tag: str, changes: dict[str, Any], option: str, value: Any) -> None:
    """Likewise; a box that a version had but never passed on shows nothing, and so does a key of the other tab."""
    assert repr(_shown("dreambooth", tag, **changes).get(option, GONE)) == repr(value)


@pytest.mark.parametrize(("ticked", "expected"), [(True, "AdamW8bit"), (False, "AdamW")])
def test_the_box_before_there_were_optimizers(ticked: bool, expected: str) -> None:
    """`use_8bit_adam` counts where no optimizer is named."""
    form = fresh("finetune", "v21.8.9", use_8bit_adam=ticked)
    assert shown(read(form), ways_of("finetune", (20, 7)))["optimizer_type"] == form["optimizer"]
    del form["optimizer"]
    assert shown(read(form), ways_of("finetune", (20, 7)))["optimizer_type"] == expected
