"""From what a form shows to what a version handed over: steps, warm-up, zeros, text encoders, additional parameters."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fork_wrapper.formats.found import NOTHING, Then
from fork_wrapper.formats.gui_handed import Handed, Images, additional_words, handed
from fork_wrapper.formats.gui_keys import NEWEST, Tab, quirks_of
from tests.unit.formats.gui_golden import PLACES, fresh, hand, number, read

RULE = "the GUI computed images x repeats / batch / accumulation x epochs"
HALVED = "the finetune tab halves it when flip_aug is ticked, also a number that was typed in"


def _steps(made: Handed) -> tuple[Any, str]:
    why = [one.why for one in made.then if one.key == "max_train_steps"]
    return made.options.get("max_train_steps"), why[0] if why else ""


@pytest.mark.parametrize(
    ("tab", "tag", "changes", "steps", "why"),
    [
        ("finetune", "HEAD", {"max_train_steps": 1001}, 1001, ""),
        ("finetune", "HEAD", {"max_train_steps": 1001, "flip_aug": True}, 501, HALVED),
        ("finetune", "HEAD", {"max_train_steps": 0, "epoch": 7, "train_batch_size": 4}, 70, RULE),
        ("finetune", "HEAD", {"max_train_steps": 0, "flip_aug": True}, 20, f"{RULE} / 2, as flip_aug is ticked"),
        ("finetune", "HEAD", {"max_train_steps": 0, "epoch": 1, "train_batch_size": 64}, 1, RULE),
        ("finetune", "HEAD", {"max_train_steps": 0, "gradient_accumulation_steps": 3}, 14, RULE),
        ("finetune", "v24.0.3", {"max_train_steps": 1001, "flip_aug": True}, 501, HALVED),
        ("finetune", "v23.1.5", {"max_train_steps": "1001"}, 40, RULE),
        (
            "finetune",
            "v23.1.5",
            {"max_train_steps": "1001", "flip_aug": True},
            20,
            f"{RULE} / 2, as flip_aug is ticked",
        ),
        ("dreambooth", "v23.1.5", {"max_train_steps": "1001"}, 1001, ""),
        ("dreambooth", "v21.8.9", {"max_train_steps": "0"}, 40, RULE),
        ("dreambooth", "v21.8.9", {"max_train_steps": ""}, 40, RULE),
        ("dreambooth", "HEAD", {"max_train_steps": 1001, "flip_aug": True}, 1001, ""),
        ("dreambooth", "HEAD", {"max_train_steps": 0, "flip_aug": True}, 40, RULE),
        ("dreambooth", "HEAD", {"max_train_steps": 0, "reg_data_dir": "/reg"}, 80, RULE),
        ("finetune", "HEAD", {"max_train_steps": 1001, "flip_aug": True, "dataset_config": "d.toml"}, 1001, ""),
        ("finetune", "HEAD", {"max_train_steps": 0, "dataset_config": "d.toml"}, None, ""),
        (
            *("finetune", "v23.1.5", {"max_train_steps": "0", "dataset_config": "d.toml"}, 0),
            "beside a dataset config, versions before v24 pass this 0 on: no steps",
        ),
        ("finetune", "v23.1.5", {"max_train_steps": "", "dataset_config": "d.toml"}, None, ""),
    ],
)
def test_steps(tab: Tab, tag: str, changes: dict[str, Any], steps: int | None, why: str) -> None:
    """`max_train_steps` is typed in, computed from the epochs, or halved; with 40 images, repeats counted."""
    assert _steps(hand(tab, tag, **changes)) == (steps, why)


@pytest.mark.parametrize("count", [None, 0])
@pytest.mark.parametrize(
    ("tab", "changes", "epochs", "more"),
    [
        ("finetune", {"epoch": 7}, 7, ""),
        ("finetune", {"epoch": 7, "flip_aug": True}, 4, ", and halved them for flip_aug"),
        ("dreambooth", {"epoch": 7, "flip_aug": True}, 7, ""),
    ],
)
def test_images_that_are_not_at_hand(
    tab: Tab, changes: dict[str, Any], epochs: int, more: str, count: int | None
) -> None:
    """Without the images nobody can compute the steps: the epochs stand for them, marked as ours."""
    form = read(fresh(tab, "HEAD", max_train_steps=0, **changes))
    made = handed(form, NEWEST, Images(repeated=count))
    why = f"the GUI computed the steps of 7 epochs from the number of images{more}; they are not at hand, so epochs "
    why += "stand for them; say --images N to compute the steps"
    assert Then(key="max_train_epochs", saved=NOTHING, then=epochs, why=why) in made.then
    assert made.assumed == {"max_train_epochs"}
    assert "max_train_steps" not in made.options


def test_epochs_that_are_said_need_no_images() -> None:
    """`max_train_epochs` wins over steps in sd-scripts, so nothing is assumed."""
    made = handed(read(fresh("finetune", "HEAD", max_train_steps=0, max_train_epochs=3)), NEWEST, Images(repeated=None))
    assert (made.options["max_train_epochs"], made.assumed) == (3, frozenset())


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.integers(1, 9), st.integers(1, 9), st.integers(1, 20), st.booleans(), st.booleans())
def test_computed_steps(images: int, batch: int, rounds: int, epochs: int, flip: bool, reg: bool) -> None:
    """The computed number is never below one, grows with the epochs, and is halved and doubled whole."""
    said: dict[str, Any] = {
        "max_train_steps": 0,
        "train_batch_size": batch,
        "gradient_accumulation_steps": rounds,
        "epoch": epochs,
    }
    said |= {"reg_data_dir": "/reg"} if reg else {}
    made = {
        tab: handed(read(fresh(tab, "HEAD", flip_aug=flip, **said)), NEWEST, Images(repeated=images)).options
        for tab in ("finetune", "dreambooth")
    }
    exact = images / batch / rounds * epochs
    assert made["dreambooth"]["max_train_steps"] == math.ceil(exact * (2 if reg else 1))
    whole = math.ceil(exact)
    assert made["finetune"]["max_train_steps"] == (math.ceil(whole / 2) if flip else whole) >= 1


@pytest.mark.parametrize(
    ("tag", "changes", "expected"),
    [
        ("HEAD", {"lr_warmup": 10}, 0.1),
        ("HEAD", {"lr_warmup": 10.5}, 0.105),
        ("HEAD", {"lr_warmup": 0}, 0),
        ("HEAD", {"lr_warmup": 10, "lr_warmup_steps": 50}, 50),
        ("HEAD", {"lr_warmup": 10, "lr_warmup_steps": 0.5}, 0),
        ("HEAD", {"lr_warmup": "", "lr_warmup_steps": ""}, None),
        ("v25.2.2", {"lr_warmup": 0}, None),
        ("v24.0.3", {"lr_warmup": 10, "max_train_steps": 105}, 10),
        ("v24.0.3", {"lr_warmup": 10, "max_train_steps": 115}, 12),
        ("v24.0.3", {"lr_warmup": 10.9, "max_train_steps": 100}, 10),
        ("v24.0.3", {"lr_warmup": 10, "max_train_steps": 101, "flip_aug": True}, 5),
        ("v24.0.3", {"lr_warmup": 0}, 0),
        ("v24.0.4", {"lr_warmup": 0}, None),
        ("v24.0.3", {"lr_warmup": 10, "dataset_config": "d.toml", "max_train_steps": 500}, 50),
        ("v23.1.5", {"lr_warmup": 10, "lr_scheduler": "cosine"}, 4),
        ("v23.1.5", {"lr_warmup": 10, "lr_scheduler": "constant"}, None),
    ],
)
def test_warm_up(tag: str, changes: dict[str, Any], expected: float | None) -> None:
    """A percentage is handed over as a fraction since v25; before, as steps, rounded half to even."""
    made = hand("finetune", tag, **changes)
    assert repr(made.options.get("lr_warmup_steps")) == repr(expected)


def test_warm_up_of_steps_that_are_not_said() -> None:
    """With a dataset config old versions took the percentage of a number that the form does not have."""
    made = hand("finetune", "v24.0.3", lr_warmup=10, dataset_config="d.toml", max_train_steps=0)
    why = "the GUI passed 10 % of max_train_steps, as steps, which the form does not say"
    assert Then(key="lr_warmup_steps", saved=0.1, then=0, why=why) in made.then


def test_warm_up_without_the_images() -> None:
    """Where the steps are not known, the fraction stands for them, marked as ours."""
    form = read(fresh("finetune", "v24.0.3", lr_warmup=10, max_train_steps=0, max_train_epochs=""))
    made = handed(form, (24, 0, 3), Images(repeated=None))
    assert made.options["lr_warmup_steps"] == 0.1
    assert made.assumed == {"lr_warmup_steps", "max_train_epochs"}


def test_words_for_an_absent_format() -> None:
    """Since v24 the words `same as source model` themselves reach sd-scripts, which takes them for Diffusers."""
    why = "since v24 the words themselves are passed on, and sd-scripts saves a Diffusers folder"
    remark = Then(key="save_model_as", saved=NOTHING, then="same as source model", why=why)
    assert remark in hand("finetune", "v24.0.3", save_model_as="same as source model").then
    assert "save_model_as" not in hand("finetune", "v23.1.5", save_model_as="same as source model").options


@pytest.mark.parametrize(
    ("tab", "tag", "changes", "key", "value"),
    [
        ("finetune", "v24.1.7", {"wandb_run_name": ""}, "wandb_run_name", None),
        ("finetune", "v25.0.0", {"wandb_run_name": "", "output_name": "x"}, "wandb_run_name", "x"),
        ("finetune", "v25.0.0", {"wandb_run_name": "own", "output_name": "x"}, "wandb_run_name", "own"),
        ("finetune", "v25.0.0", {"wandb_run_name": "", "output_name": ""}, "wandb_run_name", None),
        ("finetune", "HEAD", {"dynamo_backend": "inductor"}, "dynamo_backend", "inductor"),
        ("finetune", "HEAD", {"dynamo_backend": "no"}, "dynamo_backend", None),
        ("dreambooth", "HEAD", {"lr_scheduler_num_cycles": "", "epoch": 7}, "lr_scheduler_num_cycles", 7),
        ("finetune", "HEAD", {"max_data_loader_n_workers": ""}, "max_data_loader_n_workers", 0),
        ("finetune", "v24.0.4", {"max_data_loader_n_workers": 0}, "max_data_loader_n_workers", 0),
        ("finetune", "v23.1.5", {"max_data_loader_n_workers": ""}, "max_data_loader_n_workers", None),
        ("finetune", "v26.0.0", {"train_inpainting": True, "cache_latents": True}, "cache_latents", None),
        ("finetune", "v26.0.0", {"train_inpainting": False, "cache_latents": True}, "cache_latents", True),
        (
            "finetune",
            "v26.0.0",
            {"train_inpainting": True, "cache_latents_to_disk": True},
            "cache_latents_to_disk",
            None,
        ),
    ],
)
def test_what_versions_wrote_into_their_file(tab: Tab, tag: str, changes: dict[str, Any], key: str, value: Any) -> None:
    """Names, numbers of workers, and boxes that another box turns off."""
    assert repr(hand(tab, tag, **changes).options.get(key)) == repr(value)


def test_inpainting_is_given_as_the_reason() -> None:
    """A tick that another tick undid is said."""
    made = hand("dreambooth", "v26.0.0", train_inpainting=True, cache_latents=True)
    why = "train_inpainting is ticked, which turns it off"
    assert Then(key="cache_latents", saved=True, then=NOTHING, why=why) in made.then


@pytest.mark.parametrize(
    ("tag", "one", "two", "trains", "notes"),
    [
        ("v25.0.0", 1e-5, 0, True, ()),
        ("v25.0.0", 0, 1e-5, True, ()),
        ("v25.0.0", 0, 0, None, ()),
        ("v24.1.7", 0, 0, None, ()),
        (
            *("v24.1.7", 0, 1e-5, None),
            ("learning_rate_te2 had no effect: the dreambooth tab trains no text encoder of SDXL before v25.0.0",),
        ),
    ],
)
def test_text_encoders_of_the_dreambooth_tab(
    tag: str, one: float, two: float, trains: bool | None, notes: tuple[str, ...]
) -> None:
    """They are trained where one has a rate, since v25; before, a rate meant nothing."""
    made = hand("dreambooth", tag, learning_rate_te1=one, learning_rate_te2=two)
    assert (made.options.get("train_text_encoder"), made.notes) == (trains, notes)


def test_text_encoders_of_the_finetune_tab() -> None:
    """There is a box for them, and only it counts."""
    assert "train_text_encoder" not in hand("finetune", "HEAD", train_text_encoder=False).options
    assert hand("finetune", "HEAD", train_text_encoder=True).options["train_text_encoder"] is True


WIN = "additional_parameters say so, and they win"


@pytest.mark.parametrize(
    ("tag", "text", "then", "notes"),
    [
        ("HEAD", "--learning_rate 3e-6", [("learning_rate", 1e-5, 3e-6, WIN)], ()),
        ("HEAD", "--learning_rate=1e-5", [], ()),
        ("HEAD", "--sample_at_first", [("sample_at_first", NOTHING, True, "additional_parameters say so")], ()),
        ("v21.8.9", "--learning_rate=3e-6", [("learning_rate", 1e-5, 3e-6, WIN)], ()),
        (
            *("v23.1.5", "--learning_rate=3e-6", []),
            (
                "additional_parameters: learning_rate = 3e-06 stood first on the command line, and lost to the form's "
                "own value",
            ),
        ),
        ("v23.1.5", "--learning_rate=1e-5", [], ()),
        (
            *("v23.1.5", '--metadata_title "two words"'),
            [("metadata_title", NOTHING, "two words", "additional_parameters say so")],
            (),
        ),
        (
            *("v24.0.3", '--metadata_title "two words"', []),
            ("additional_parameters: --metadata_title takes one value, not 2 (['two', 'words'])",),
        ),
        ("v24.0.3", "--metadata_title=a;b", [("metadata_title", NOTHING, "a;b", "additional_parameters say so")], ()),
        (
            *("v24.1.7", "--metadata_title=a;b", []),
            (
                "additional_parameters: '--metadata_title=a;b' reached the trainer with quotes around it, as it holds "
                "unusual characters",
                "additional_parameters: \"'--metadata_title=a;b'\" belongs to no option",
            ),
        ),
        (
            *("HEAD", "--network_dim=8", []),
            (
                "additional_parameters: --network_dim=8 is an option of sdxl_train_network.py, not of sdxl_train.py, "
                "which refuses it",
            ),
        ),
    ],
)
def test_additional_parameters(
    tag: str, text: str, then: list[tuple[str, Any, Any, str]], notes: tuple[str, ...]
) -> None:
    """Last on the command line they win, first they lose; words are kept, broken up or spoilt by version."""
    made = hand("finetune", tag, additional_parameters=text)
    remarks = [one for one in made.then if one.overridden or one.key == "learning_rate"]
    assert remarks == [
        Then(key=key, saved=saved, then=value, why=why, overridden=True) for key, saved, value, why in then
    ]
    assert made.notes == notes


@settings(max_examples=50, deadline=None)
@given(st.lists(st.from_regex(r"[\w@%+=:,./-]+", fullmatch=True), max_size=4))
def test_usual_words_reach_the_trainer(words: list[str]) -> None:
    """Letters, digits and a few signs are passed on whole by versions since v24."""
    words = [word for word in words if word.isascii()]
    for tag in ("v24.0.3", "HEAD"):
        assert additional_words(" ".join(words), quirks_of("finetune", number(tag))) == (words, [])


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.sampled_from(PLACES))
def test_no_text_breaks_the_model(text: str, place: tuple[Tab, str]) -> None:
    """Any text in the box is taken apart somehow, and every remark is about a difference or the box."""
    made = hand(*place, additional_parameters=text)
    for one in made.then:
        assert repr(one.saved) != repr(one.then) or one.overridden
