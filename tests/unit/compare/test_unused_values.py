"""Values that do nothing: each reason with the neighbour in which the same value does something."""

from typing import Any

import pytest

from fork_wrapper.check.rules.no_effect import DDP, NEEDS
from fork_wrapper.compare.unused_values import NEEDED
from tests.unit.compare.building import compared, source, subsets

Table = dict[str, Any]
PEOPLE = {"image_dir": "/p"}


BLOCKS = ",".join(["0"] * 20 + ["1e-5"] * 3)


@pytest.mark.parametrize(
    ("common", "key", "values", "why", "enough"),
    [
        ({}, "huber_c", (0.1, 0.2), 'with loss_type = "l2"', {"loss_type": "huber"}),
        ({}, "huber_schedule", ("snr", "constant"), 'with loss_type = "l2"', {"loss_type": "smooth_l1"}),
        (
            {"loss_type": "huber"},
            "huber_scale",
            (1.0, 2.0),
            'with huber_schedule = "snr"',
            {"huber_schedule": "constant"},
        ),
        ({}, "learning_rate_te1", (1e-6, 2e-6), "without train_text_encoder", {"train_text_encoder": True}),
        ({"noise_offset": 0.0}, "adaptive_noise_scale", (0.1, 0.2), "with noise_offset = 0", None),
        (
            {},
            "multires_noise_discount",
            (0.3, 0.8),
            "without multires_noise_iterations",
            {"multires_noise_iterations": 6},
        ),
        ({}, "fp8_base", (False, True), "a full fine-tune never reads it", None),
        ({"max_train_epochs": 3}, "max_train_steps", (100, 200), "max_train_epochs wins", None),
        ({"xformers": True}, "sdpa", (False, True), "xformers wins", {"xformers": False}),
        (
            {"diffusers_xformers": True},
            "xformers",
            (False, True),
            "diffusers_xformers wins",
            {"diffusers_xformers": False},
        ),
        ({}, "lr_scheduler_power", (1, 2), 'with lr_scheduler = "constant"', {"lr_scheduler": "polynomial"}),
        ({}, "lr_decay_steps", (10, 20), 'with lr_scheduler = "constant"', {"lr_scheduler": "warmup_stable_decay"}),
        ({"lr_scheduler_type": "StepLR"}, "lr_scheduler", ("cosine", "linear"), "lr_scheduler_type wins", None),
        (
            {"lr_scheduler": "piecewise_constant"},
            "lr_warmup_steps",
            (10, 20),
            'with lr_scheduler = "piecewise_constant"',
            {"lr_scheduler": "cosine"},
        ),
        (
            {"optimizer_type": "AdamWScheduleFree"},
            "lr_scheduler",
            ("cosine", "linear"),
            "AdamWScheduleFree takes no scheduler",
            {"optimizer_type": "AdamW"},
        ),
        (
            {"optimizer_type": "Adafactor"},
            "learning_rate",
            (1e-5, 2e-5),
            "Adafactor finds its own rates",
            {"optimizer_args": ["relative_step=False"]},
        ),
        (
            {"optimizer_type": "Adafactor"},
            "lr_scheduler",
            ("cosine", "linear"),
            "Adafactor brings its own scheduler",
            None,
        ),
        ({"learning_rate": 0.0}, "block_lr", ("1", "2"), "with learning_rate = 0", {"learning_rate": 1e-5}),
        ({"block_lr": BLOCKS}, "learning_rate", (1e-5, 2e-5), "beside block_lr", {"train_text_encoder": True}),
        ({"block_lr": BLOCKS}, "learning_rate", (1e-5, 2e-5), "beside block_lr", {"lr_scheduler": "polynomial"}),
    ],
)
def test_an_option_without_effect(
    common: Table, key: str, values: tuple[Any, Any], why: str, enough: Table | None
) -> None:
    """Shown, with its reason, and no difference of training; with what it needs it is one."""
    (row,) = compared(*(source({**common, key: value}) for value in values))
    assert (row.key, row.idle, row.trains) == (key, why, False)
    if enough is not None:
        found = compared(*(source({**common, **enough, key: value}) for value in values))
        assert all(row.trains and not row.idle for row in found if row.key == key)
        assert key in {row.key for row in found}


def test_one_side_is_enough_to_count() -> None:
    """What the first ignores and the second uses is a difference; which of them ignores it is said."""
    first, second = source({"huber_c": 0.2}), source({"huber_c": 0.1, "loss_type": "huber"})
    row = next(row for row in compared(first, second) if row.key == "huber_c")
    assert row.trains
    assert row.idle_in == ('with loss_type = "l2"', "")


def test_two_reasons_are_both_given() -> None:
    """Neither scheduler looks at it, each for itself."""
    first = source({"lr_scheduler": "cosine", "lr_scheduler_power": 2.0})
    row = next(row for row in compared(first, source()) if row.key == "lr_scheduler_power")
    assert row.idle == 'with lr_scheduler = "cosine" and with lr_scheduler = "constant"'


def test_a_rate_of_zero_freezes_even_under_adafactor() -> None:
    """sdxl_train.py:286."""
    common = {"optimizer_type": "Adafactor"}
    (row,) = compared(source({**common, "learning_rate": 0.0}), source({**common, "learning_rate": 1e-5}))
    assert row.trains


@pytest.mark.parametrize("key", ["noise_offset", "min_snr_gamma", "v_pred_like_loss", "ip_noise_gamma"])
def test_zero_and_absent_are_shown_apart_where_both_are_off(key: str) -> None:
    """sd-scripts asks for their truth alone."""
    (row,) = compared(source({key: 0.0}), source())
    assert (row.idle, row.trains) == ("0.0 and (absent) are both off", False)
    (row,) = compared(source({key: 0.1}), source())
    assert (row.idle, row.trains) == ("", True)


@pytest.mark.parametrize(
    ("key", "value", "why", "enough"),
    [
        ("min_bucket_reso", 512, "without enable_bucket", {"enable_bucket": True}),
        (
            "keep_tokens",
            2,
            "without shuffle_caption, token_warmup_step or caption_tag_dropout_rate",
            {"shuffle_caption": True},
        ),
        (
            "caption_separator",
            ";",
            "without shuffle_caption, token_warmup_step or caption_tag_dropout_rate",
            {"secondary_separator": "|"},
        ),
        ("token_warmup_min", 3, "without token_warmup_step", {"token_warmup_step": 0.5}),
        ("validation_seed", 3, "without validation_split", {"validation_split": 0.1}),
        ("network_multiplier", 2.0, "a full fine-tune never reads it", None),
        ("custom_attributes", {"a": 1}, "a full fine-tune never reads it", None),
    ],
)
def test_a_dataset_key_without_effect(key: str, value: Any, why: str, enough: Table | None) -> None:
    """Likewise, in force for a data set or a subset."""
    (row,) = compared(source({}, subsets(PEOPLE)), source({}, {"general": {key: value}, **subsets(PEOPLE)}))
    assert (row.key, row.idle, row.trains) == (key, why, False)
    if enough is not None:
        first = source({}, {"general": enough, **subsets(PEOPLE)})
        (row,) = compared(first, source({}, {"general": {**enough, key: value}, **subsets(PEOPLE)}))
        assert row.trains


def test_captions_that_are_cached_stay_as_they_are() -> None:
    """library/strategy_sdxl.py:263-281."""
    first = source({"cache_text_encoder_outputs": True}, subsets(PEOPLE))
    second = source({"cache_text_encoder_outputs": True}, subsets({**PEOPLE, "caption_prefix": "photo"}))
    (row,) = compared(first, second)
    assert row.idle == "with cached text encoder outputs"


def test_a_value_that_works_somewhere_counts() -> None:
    """Two subsets of which one shuffles: keep_tokens counts there."""
    first = subsets({"image_dir": "/a"}, {**PEOPLE, "shuffle_caption": True})
    found = compared(source({}, first), source({}, {"general": {"keep_tokens": 1}, **first}))
    assert [(row.key, row.trains) for row in found] == [("keep_tokens", True)]


def test_folders_of_options_are_ignored_beside_a_dataset_config() -> None:
    """sdxl_train.py:141-149; without one they are what is trained on."""
    (row,) = compared(
        source({"train_data_dir": "/a"}, subsets(PEOPLE)), source({"train_data_dir": "/b"}, subsets(PEOPLE))
    )
    assert row.idle == "the dataset config names the images"
    (row,) = compared(source({"train_data_dir": "/a"}), source({"train_data_dir": "/b"}))
    assert row.trains


def test_the_rule_about_no_effect_is_asked_for_all_it_knows() -> None:
    """Its names are repeated, so that it is loaded for them alone."""
    assert set(NEEDS) - set(DDP) == NEEDED
    assert len(NEEDED) == 26
