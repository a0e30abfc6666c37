"""The command line of GUI versions before v24: what they left out of it, and changed on the way there."""

from typing import Any

import pytest

from fork_wrapper.formats.found import NOTHING, Then
from fork_wrapper.formats.gui_table import Tab
from tests.unit.formats.gui_golden import hand

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
