"""Versions of the kohya_ss GUI: forms of thirteen are recognised, and what each passed to sd-scripts is computed.

The golden data are what the GUI's own code of those versions passed, run with stand-ins for gradio.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.formats.experiment_text import then_text
from fork_wrapper.formats.found import NOTHING, Then
from fork_wrapper.formats.gui_form import shown
from fork_wrapper.formats.gui_handed import handed
from fork_wrapper.formats.gui_keys import TABS, Tab, quirks_of
from fork_wrapper.formats.recognise import read_any
from fork_wrapper.sdscripts.options import options
from tests.unit.formats.gui_golden import PLACES, TAGS, cases, fresh, hand, images_of, number, plain, read

SPANS: dict[str, tuple[str, str]] = {
    "v21.8.9": ("v21.8.8 to v22.1.1", "v21.8.8 to v22.1.1"),
    "v22.6.2": ("v22.6.1 to v23.0.11", "v22.6.1 to v23.0.11"),
    "v23.1.5": ("v23.1.1 to v23.1.5", "v23.1.1 to v23.1.5"),
    "v24.0.3": ("v24.0.0 to v24.0.4", "v24.0.0 to v24.0.4"),
    "v24.0.4": ("v24.0.0 to v24.0.4", "v24.0.0 to v24.0.4"),
    "v24.0.9": ("v24.0.5 to v24.1.7", "v24.0.5 to v24.1.7"),
    "v24.1.7": ("v24.0.5 to v24.1.7", "v24.0.5 to v24.1.7"),
    "v25.0.0": ("v25.0.0 to v25.2.2", "v25.0.0 to v25.0.3"),
    "v25.0.3": ("v25.0.0 to v25.2.2", "v25.0.0 to v25.0.3"),
    "v25.2.1": ("v25.0.0 to v25.2.2", "v25.1.0 to v25.2.2"),
    "v25.2.2": ("v25.0.0 to v25.2.2", "v25.1.0 to v25.2.2"),
    "v26.0.0": ("v26.0.0 or newer", "v26.0.0 or newer"),
    "HEAD": ("v26.0.0 or newer", "v26.0.0 or newer"),
}
"""What the keys of a version's form tell: by tag, the finetune tab first."""


DOUBT = (
    "its keys are those of v24.0.0 to v24.0.4: up to v24.0.3 the GUI passed on learning_rate_te2 otherwise; it is read "
    "as of v24.0.4 (say --gui-version where you know better)"
)

IDLE = (
    "learning_rate_te1 and learning_rate_te2 had no effect: the dreambooth tab trains no text encoder of SDXL before "
    "v25.0.0"
)


def _idle_rates(tab: Tab, tag: str) -> bool:
    """The dreambooth tab got rates for text encoders with v22.2.0, and passed on that it trains them with v25.0.0."""
    return tab == "dreambooth" and (22, 2) <= number(tag) < (25,)


def test_thirteen_versions_of_two_tabs() -> None:
    """Nothing is left out of what follows: 26 forms, and 280 cases of what became of one."""
    assert (len(PLACES), tuple(SPANS)) == (26, TAGS)
    assert sum(len(cases(tab, tag)) for tab, tag in PLACES) == 280
    assert min(len(cases(tab, tag)) for tab, tag in PLACES) == 9


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_a_fresh_form_is_recognised(tmp_path: Path, tab: Tab, tag: str, *, by_hand: bool) -> None:
    """Saved by a start or by hand, a new form tells its tab and its versions, and nothing in it is strange."""
    path = tmp_path / "made_20240203-040506.json"
    path.write_text(json.dumps(fresh(tab, tag, by_hand=by_hand)), encoding="utf-8")
    found = read_any(path)
    span = SPANS[tag][TABS.index(tab)]
    assert (found.kind, found.what) == (f"gui-{tab}", f"a kohya_ss GUI file of the {tab} tab, {span}")
    assert [(file.path, file.what) for file in found.files] == [(path, found.what)]
    assert found.left_out == ()
    assert found.options["pretrained_model_name_or_path"] == "/data/model/sd_xl_base_1.0.safetensors"
    assert found.notes == ((IDLE,) if _idle_rates(tab, tag) else ())


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_the_two_ways_of_saving_differ_in_names_only(tab: Tab, tag: str) -> None:
    """A form saved by hand was handed over like the one that its start saved."""
    one, two = read(fresh(tab, tag)), read(fresh(tab, tag, by_hand=True))
    assert one.span == two.span
    assert handed(one, number(tag), images_of(one.values)) == handed(two, number(tag), images_of(two.values))


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_what_a_version_handed_over(tab: Tab, tag: str) -> None:
    """Every option of every case is the one that the GUI's own code of that version passed."""
    for case in cases(tab, tag):
        form = read(case.form)
        assert plain(handed(form, number(tag), images_of(form.values)).options) == case.passed


ZEROS = ("keep_tokens", "lr_warmup_steps", "persistent_data_loader_workers", "caption_dropout_rate")


@pytest.mark.parametrize(
    ("tab", "tag", "drops"),
    [
        ("finetune", "v24.0.3", False),
        ("finetune", "v24.0.4", True),
        ("finetune", "v24.0.9", True),
        ("finetune", "v24.1.7", True),
        ("finetune", "v25.0.0", True),
        ("finetune", "v25.0.3", True),
        ("finetune", "v25.2.1", True),
        ("finetune", "v25.2.2", True),
        ("finetune", "v26.0.0", False),
        ("finetune", "HEAD", False),
        ("dreambooth", "v24.0.3", False),
        ("dreambooth", "v24.0.4", True),
        ("dreambooth", "v24.0.9", True),
        ("dreambooth", "v24.1.7", True),
        ("dreambooth", "v25.0.0", False),
        ("dreambooth", "v25.0.3", False),
        ("dreambooth", "v25.2.2", False),
        ("dreambooth", "v26.0.0", False),
        ("dreambooth", "HEAD", False),
    ],
)
def test_versions_that_dropped_zeros(tab: Tab, tag: str, *, drops: bool) -> None:
    """A rate of 0 for a text encoder was lost in these versions, and sd-scripts trained it at the U-Net's rate."""
    made = hand(tab, tag, learning_rate_te1=0, learning_rate_te2=0, huber_c=0, max_data_loader_n_workers=0)
    why = f"{tag} dropped every 0 from its config file"
    lost = Then(key="learning_rate_te2", saved=0.0, then=NOTHING, why=why)
    assert (lost in made.then) is drops
    assert [made.options.get(key) for key in ("learning_rate_te1", "learning_rate_te2", "huber_c")] == [
        *([None] * 3 if drops else [0.0] * 3)
    ]
    assert made.options["max_data_loader_n_workers"] == 0  # the one 0 that was put back
    assert bool([one for one in made.then if one.why == why]) is drops
    assert then_text(lost) == (
        f"learning_rate_te2: saved 0.0, effective then nothing, so the U-Net's rate ({tag} dropped every 0 from its "
        "config file)"
    )


@pytest.mark.parametrize("tag", ["v24.0.0", "v24.0.4"])
def test_the_version_can_be_said(tmp_path: Path, tag: str) -> None:
    """Where the keys leave it open whether zeros were lost, the newest version counts, with a doubt; unless told."""
    path = tmp_path / "made.json"
    path.write_text(json.dumps(fresh("finetune", "v24.0.3", learning_rate_te2=0, max_train_epochs=0)), encoding="utf-8")
    why = "v24.0.4 dropped every 0 from its config file"
    open_, told = read_any(path), read_any(path, gui_version=number(tag))
    assert Then(key="learning_rate_te2", saved=0.0, then=NOTHING, why=why) in open_.then
    assert open_.notes == (DOUBT,)
    assert ("learning_rate_te2" in told.options) is (tag == "v24.0.0")
    assert told.what == f"a kohya_ss GUI file of the finetune tab, {tag}"
    assert not [note for note in told.notes if "--gui-version" in note]


OLD = "versions before v24 pass"


@pytest.mark.parametrize(
    ("tab", "tag", "changes", "key", "saved", "then", "why"),
    [
        (
            *("finetune", "v23.1.5", {"lr_warmup": "10", "lr_scheduler": "constant", "lr_warmup_steps": 1}),
            *("lr_warmup_steps", 0.1, NOTHING, f"{OLD} no warm-up with the scheduler constant"),
        ),
        (
            *("finetune", "v23.1.5", {"noise_offset": 0.1, "noise_offset_type": "Multires"}),
            *("noise_offset", 0.1, NOTHING, f"{OLD}ed only the noise of noise_offset_type, Multires"),
        ),
        (
            *("finetune", "v22.6.2", {"multires_noise_iterations": 6, "noise_offset_type": "Original"}),
            *("multires_noise_iterations", 6, NOTHING, f"{OLD}ed only the noise of noise_offset_type, Original"),
        ),
        (
            *("finetune", "v22.6.2", {"adaptive_noise_scale": 0.01, "noise_offset": 0}),
            *("adaptive_noise_scale", 0.01, NOTHING, f"{OLD} it only with a noise offset"),
        ),
        (
            *("dreambooth", "v23.1.5", {"huber_c": 0}),
            *("huber_c", 0.0, NOTHING, f"{OLD} no 0 for it"),
        ),
        (
            *("finetune", "v22.6.2", {"multires_noise_discount": 0, "noise_offset_type": "Multires"}),
            *("multires_noise_discount", 0.0, NOTHING, f"{OLD} no 0 for it"),
        ),
        (
            *("finetune", "v22.6.2", {"learning_rate": 0}),
            *("learning_rate", 0.0, NOTHING, "versions before v23 pass no learning_rate of 0"),
        ),
        (
            *("dreambooth", "v21.8.9", {"learning_rate": 0}),
            *("learning_rate", 0.0, NOTHING, "versions before v23 pass no learning_rate of 0"),
        ),
        (
            *("finetune", "v22.6.2", {"learning_rate_te1": 0}),
            *("learning_rate_te1", 0.0, NOTHING, "v22.6.1 and v22.6.2 pass no rate of 0"),
        ),
        (
            *("dreambooth", "v22.6.2", {"enable_bucket": True, "min_bucket_reso": ""}),
            *("enable_bucket", True, NOTHING, "v22.6.1 and v22.6.2 pass it only with both bucket sizes"),
        ),
        (
            *("finetune", "v23.1.5", {"min_snr_gamma": 4.5}),
            *(
                "min_snr_gamma",
                4.5,
                4.0,
                f"{OLD.removesuffix(' pass')} cut it to a whole number, and pass none below 1",
            ),
        ),
        (
            *("finetune", "v23.1.5", {"min_snr_gamma": 0.5}),
            *(
                "min_snr_gamma",
                0.5,
                NOTHING,
                f"{OLD.removesuffix(' pass')} cut it to a whole number, and pass none below 1",
            ),
        ),
        (
            *("dreambooth", "v23.1.5", {"lr_scheduler_num_cycles": "", "epoch": 7}),
            *("lr_scheduler_num_cycles", NOTHING, 7, "left empty, it is the number of epochs"),
        ),
    ],
)
def test_what_did_not_reach_the_command_line(
    tab: Tab, tag: str, changes: dict[str, Any], key: str, saved: Any, then: Any, why: str
) -> None:
    """Each loss is said with the value in the file, the value that counted, and who changed it."""
    made = hand(tab, tag, **changes)
    found = [one for one in made.then if one.key == key]
    assert found == ([Then(key=key, saved=saved, then=then, why=why)] if why else [])
    assert repr(made.options.get(key, NOTHING)) == repr(then)


@pytest.mark.parametrize(
    ("tab", "tag", "changes", "key", "kept"),
    [
        ("finetune", "v21.8.9", {"learning_rate": 0}, "learning_rate", 0.0),
        ("finetune", "v23.1.5", {"learning_rate": 0}, "learning_rate", 0.0),
        ("dreambooth", "v23.1.5", {"learning_rate": 0}, "learning_rate", 0.0),
        ("finetune", "v23.1.5", {"learning_rate_te1": 0}, "learning_rate_te1", 0.0),
        ("finetune", "v23.1.5", {"noise_offset": 0.1}, "noise_offset", 0.1),
        ("finetune", "v23.1.5", {"min_snr_gamma": 5}, "min_snr_gamma", 5.0),
        ("dreambooth", "v23.1.5", {"lr_scheduler_num_cycles": "3", "epoch": 7}, "lr_scheduler_num_cycles", 3),
        ("dreambooth", "v23.1.5", {"min_bucket_reso": 0}, "enable_bucket", True),
        ("finetune", "v23.1.5", {"lr_warmup": "10", "lr_scheduler": "cosine"}, "lr_warmup_steps", 4),
    ],
)
def test_what_did(tab: Tab, tag: str, changes: dict[str, Any], key: str, kept: Any) -> None:
    """The neighbours of what was lost were passed on as they are."""
    made = hand(tab, tag, **changes)
    assert repr(made.options[key]) == repr(kept)
    assert key == "lr_warmup_steps" or key not in [one.key for one in made.then]


@pytest.mark.parametrize(
    ("tab", "changes", "key"),
    [
        ("finetune", {"keep_tokens": "0"}, "keep_tokens"),
        ("finetune", {"caption_dropout_rate": 0}, "caption_dropout_rate"),
        ("finetune", {"clip_skip": 1}, "clip_skip"),
        ("finetune", {"gradient_accumulation_steps": 1}, "gradient_accumulation_steps"),
        ("finetune", {"max_token_length": "75"}, "max_token_length"),
        ("finetune", {"sample_every_n_steps": 0, "sample_every_n_epochs": 0}, "sample_sampler"),
        ("dreambooth", {"enable_bucket": False}, "min_bucket_reso"),
        ("dreambooth", {"enable_bucket": False}, "max_bucket_reso"),
    ],
)
def test_what_was_left_out_as_it_does_not_matter(tab: Tab, changes: dict[str, Any], key: str) -> None:
    """A value that changes nothing was not on the command line, and nobody needs to know."""
    made = hand(tab, "v23.1.5", **changes)
    assert key not in made.options
    assert key not in [one.key for one in made.then]


NO_RATES = {"learning_rate_te1": 0, "learning_rate_te2": 0}

DIED = "was on the command line, and sdxl_train.py refuses it: such a run died"


@pytest.mark.parametrize(
    ("tab", "tag", "changes", "notes"),
    [
        ("dreambooth", "v21.8.9", {}, ()),
        ("dreambooth", "v21.8.9", {"no_token_padding": True}, (f"no_token_padding {DIED}",)),
        ("dreambooth", "v21.8.9", {"prior_loss_weight": 0.5}, (f"prior_loss_weight {DIED}",)),
        ("dreambooth", "v21.8.9", {"prior_loss_weight": "1.0"}, ()),
        ("dreambooth", "v21.8.9", {"stop_text_encoder_training_pct": 50}, (f"stop_text_encoder_training {DIED}",)),
        (
            *("dreambooth", "v21.8.9", {"no_token_padding": "True", "prior_loss_weight": 0}),
            (f"no_token_padding {DIED}", f"prior_loss_weight {DIED}"),
        ),
        ("finetune", "v21.8.9", {"no_token_padding": True}, ()),
        ("finetune", "v21.8.9", {"block_lr": "1e-5,1e-5"}, ()),
        (
            *("finetune", "v22.6.2", {"block_lr": "1e-5,1e-5"}),
            ("v22.6.1 and v22.6.2 pass the word (block_lr) in place of its rates: such a run died",),
        ),
        ("finetune", "v23.1.5", {"block_lr": "1e-5,1e-5"}, ()),
        ("dreambooth", "v23.1.5", {"stop_text_encoder_training_pct": 50, **NO_RATES}, ()),
        ("dreambooth", "v24.0.3", {"no_token_padding": True, "prior_loss_weight": 0.5, **NO_RATES}, ()),
    ],
)
def test_runs_that_died(tab: Tab, tag: str, changes: dict[str, Any], notes: tuple[str, ...]) -> None:
    """Flags that sdxl_train.py does not know ended the run at once: it is said, as no checkpoint can be from it."""
    assert hand(tab, tag, **changes).notes == notes


GONE = "gone"


def _shown(tab: Tab, tag: str, **changes: Any) -> dict[str, Any]:
    return shown(read(fresh(tab, tag, **changes)), quirks_of(tab, number(tag)))


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_only_options_are_shown(tab: Tab, tag: str) -> None:
    """Every name is an option of sdxl_train.py, or a key of the GUI's TOML that it ignores."""
    made = _shown(tab, tag)
    assert len(made) > 30
    assert {name for name in made if name not in options()} <= {"noise_offset_type", "train_inpainting"}


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
    assert shown(read(form), quirks_of("finetune", (20, 7)))["optimizer_type"] == form["optimizer"]
    del form["optimizer"]
    assert shown(read(form), quirks_of("finetune", (20, 7)))["optimizer_type"] == expected
