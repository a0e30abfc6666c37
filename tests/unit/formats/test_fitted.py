"""From what was found to values of an experiment: all that kft takes, a reason for all that it leaves."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.experiment.schema import check_dataset, check_training
from fork_wrapper.formats.fitted import fit
from fork_wrapper.formats.found import NOTHING, Found, SourceFile
from fork_wrapper.sdscripts.options import options

FILE = SourceFile(path=Path("/a/x.toml"), read="0", what="x")


def found(options: dict[str, Any], **more: Any) -> Found:
    """What a config file says."""
    return Found(**{"kind": "config", "what": "x", "files": (FILE,), "options": options, "dataset": {}, **more})


@pytest.mark.parametrize(
    ("key", "value", "taken", "why"),
    [
        ("seed", "42", 42, "written as text"),
        ("seed", " 42 ", 42, "written as text"),
        ("max_train_epochs", 2.0, 2, None),
        ("learning_rate", "1e-5", 1e-5, "written as text"),
        ("learning_rate", 1, 1.0, None),
        ("lr_warmup_steps", "100", 100, "written as text"),
        ("xformers", "false", True, "a switch counts as on with any text or number but 0 and the empty text"),
        ("xformers", 1, True, None),
        ("xformers", 0, False, None),
        ("xformers", "", False, "a switch counts as on with any text or number but 0 and the empty text"),
        ("xformers", False, False, None),
        ("resolution", 1024, "1024", "written as text"),
        ("resolution", [1024, 768], "1024,768", "written as text"),
        ("optimizer_args", "a=1 b=2", ["a=1", "b=2"], "written as text"),
        ("seed", None, None, "written as text"),
    ],
)
def test_values_as_they_took_effect(key: str, value: Any, taken: Any, why: str | None) -> None:
    """Python's truth for switches, numbers out of quotes; both are said where they differ."""
    fitted = fit(found({key: value}))
    assert repr(fitted.training.get(key)) == repr(taken)
    said = [(one.key, one.saved, one.why) for one in fitted.found.then]
    assert said == ([] if why is None else [(key, value, why)])
    assert fitted.found.left_out == ()


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("output_dir", "/x", "kft manages it"),
        ("output_name", "x", "kft manages it"),
        ("wandb_api_key", "hush", "a secret: set the environment variable WANDB_API_KEY"),
        ("huggingface_token", "hush", "a secret: set the environment variable HF_TOKEN"),
        ("network_dim", 4, "sdxl_train.py ignores it: it is an option of sdxl_train_network.py"),
        ("lerning_rate", 1, "sdxl_train.py has no such option: it took no effect"),
        ("image_dir", "x", "sdxl_train.py has no such option: it took no effect"),
        ("mixed_precision", "bf17", "mixed_precision cannot be 'bf17'"),
        (
            "save_model_as",
            "ckpt",
            "such checkpoints cannot hold their configuration: kft's are safetensors",
        ),
        ("seed", 1.5, "seed must be a whole number, not 1.5"),
        ("seed", "x", 'seed must be a whole number, not the string "x"'),
        ("noise_offset", float("nan"), "noise_offset must be a number, not nan"),
        ("learning_rate", 10**400, f"learning_rate must be a number, not {10**400}"),
        ("optimizer_args", 5, "optimizer_args must be a list of strings, not 5"),
    ],
)
def test_what_stays_out(key: str, value: Any, why: str) -> None:
    """By name or by value, with the reason; a secret's value goes nowhere."""
    fitted = fit(found({key: value}))
    assert (fitted.training, fitted.dataset) == ({}, {})
    (left,) = fitted.found.left_out
    assert (left.key, left.why) == (key, why)
    assert left.value is NOTHING if "secret" in why else repr(left.value) == repr(value)


def test_what_needs_no_word() -> None:
    """The metadata of kft itself, and the one value of the GUI that says nothing, go without a line."""
    fitted = fit(found({"metadata_kft_config": "x", "dynamo_backend": "no"}))
    assert (fitted.training, fitted.found.left_out) == ({}, ())
    assert fit(found({"dynamo_backend": "inductor"})).training == {"dynamo_backend": "inductor"}


def test_dataset_keys_of_the_namespace() -> None:
    """The dataset reader looks at them, so they go into `[general]`, below what stands there."""
    dataset = {"general": {"class_tokens": "b"}, "datasets": [{"subsets": []}]}
    fitted = fit(found({"class_tokens": "a", "validation_seed": 3}, dataset=dataset))
    assert fitted.dataset["general"] == {"class_tokens": "b", "validation_seed": 3}
    assert dataset["general"] == {"class_tokens": "b"}


@pytest.mark.parametrize(
    ("more", "dataset", "notes"),
    [
        ({"dataset": None}, {}, ("it names no images: no train_data_dir, in_json or dataset_config",)),
        ({"dataset": None, "kind": "checkpoint"}, {}, ()),
        ({"dataset": {"datasets": []}}, {"datasets": []}, ()),
    ],
)
def test_where_the_images_are(more: dict[str, Any], dataset: dict[str, Any], notes: tuple[str, ...]) -> None:
    """A dataset config that was found, else what the folder options say; a checkpoint says nothing."""
    fitted = fit(found({}, **more))
    assert (fitted.dataset, fitted.found.notes) == (dataset, notes)


def test_what_says_where_images_are_and_does_not_count() -> None:
    """Each with the reason: another dataset config was read, or sd-scripts does not look at it."""
    images = {"in_json": "x", "train_data_dir": "/y", "reg_data_dir": "/z"}
    beside = [(one.key, one.why) for one in fit(found(images, dataset=None)).found.left_out]
    assert beside == [
        ("reg_data_dir", "beside in_json sd-scripts ignores it: regularisation images are for folders of captions")
    ]
    both = fit(found({**images, "dataset_config": "other.toml"}, dataset={})).found.left_out
    assert {one.key: one.why for one in both} == {
        "dataset_config": "the dataset config that was read stands for it",
        **dict.fromkeys(images, "beside a dataset config sd-scripts ignores it"),
    }
    alone = fit(found({"reg_data_dir": "/z"}, dataset=None)).found.left_out
    assert [one.why for one in alone] == ["without train_data_dir it has no effect"]


def test_a_dataset_config_that_was_not_read_is_asked_for() -> None:
    """No folder is made up in its place."""
    fitted = fit(found({"dataset_config": "d.toml", "train_data_dir": "/x"}, dataset=None))
    assert fitted.dataset == {}
    assert fitted.found.notes == ("its images are said in d.toml, which was not read: name that file too",)


def test_relative_paths_are_pointed_out() -> None:
    """They were meant from where the trainer started; whole ones of any system and placeholders are not."""
    subsets = [{"image_dir": one} for one in ("img", "b/c", "/x", "D:\\y", "{datasets}/z", "~/w")]
    fitted = fit(
        found({"in_json": "x", "resume": "state", "vae": "v"}, dataset={"datasets": [{"subsets": subsets[:4]}]})
    )
    start = "relative paths were meant from the folder in which the trainer started, and should be made whole: "
    assert fitted.found.notes == (f"{start}b/c, img, state",)
    many = [{"image_dir": name} for name in "dcba"]
    assert fit(found({}, dataset={"datasets": [{"subsets": many}]})).found.notes == (f"{start}a, b, c, ...",)
    assert fit(found({}, dataset={"datasets": [{"subsets": subsets[2:]}]})).found.notes == ()


def test_wrong_places_are_taken_out_and_nothing_else() -> None:
    """Unknown, misplaced and mistyped keys of a dataset config, whatever they are called, however many."""
    subsets = [{"image_dir": str(number), "foo": number, "a.b": 1} for number in range(300)]
    tree = {
        "general": {"flip_aug": True, "image_dir": "x", "": 1, "x\n": 2, "x\\n": 3},
        "datasets": [{"batch_size": "4", "resolution": 512, "subsets": subsets}, {"subsets": "x"}],
        "[0]": 1,
        "more": {},
    }
    fitted = fit(found({}, dataset=tree))
    assert fitted.dataset == {
        "general": {"flip_aug": True},
        "datasets": [{"resolution": 512, "subsets": [{"image_dir": str(number)} for number in range(300)]}, {}],
    }
    assert len(fitted.found.left_out) == 600 + 4 + 2 + 2
    said = {one.key: (one.value, one.why) for one in fitted.found.left_out}
    assert said["datasets[0].batch_size"] == ("4", 'batch_size must be a whole number, not the string "4"')
    assert said["datasets[0].subsets[7].a.b"] == (1, "a.b is not a key of the dataset config")
    assert said["datasets[1].subsets"][0] == "x"


def test_what_toml_cannot_hold_goes() -> None:
    """Null is allowed in a table of JSON alone."""
    tree = {"general": {"custom_attributes": {"a": {"b": [1, None]}}}, "datasets": [{"custom_attributes": {"a": 1}}]}
    fitted = fit(found({}, dataset=tree))
    assert fitted.dataset == {"general": {}, "datasets": [{"custom_attributes": {"a": 1}}]}
    assert [(one.key, one.why) for one in fitted.found.left_out] == [("general.custom_attributes", "TOML has no null")]


@pytest.mark.parametrize("tree", [{"general": 5}, {"datasets": 5}, {"datasets": [1]}, {"general": [], "datasets": {}}])
def test_what_is_no_dataset_config(tree: dict[str, Any]) -> None:
    """Tables that are none go, and what the namespace says stays."""
    fitted = fit(found({"class_tokens": "x"}, dataset=tree))
    assert check_dataset(fitted.dataset, str) == []
    assert {one.key for one in fitted.found.left_out} == tree.keys()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(["general", "datasets", "subsets", "image_dir", "flip_aug", "batch_size", "", "a.b", "[0]"])
_TREES = st.recursive(
    _JSON, lambda inner: st.dictionaries(_KEYS, inner, max_size=4) | st.lists(inner, max_size=3), max_leaves=12
)


@given(
    st.dictionaries(st.sampled_from(sorted(options())) | st.text(max_size=6), _JSON, max_size=6),
    st.none() | st.dictionaries(_KEYS, _TREES, max_size=4),
)
def test_whatever_was_found_fits(values: dict[str, Any], dataset: dict[str, Any] | None) -> None:
    """No values are too odd: what comes out is an experiment's, and each of the others has a reason."""
    fitted = fit(found(values, dataset=dataset))
    assert check_training(fitted.training, str) == (dict(fitted.training), [])
    assert check_dataset(fitted.dataset, str) == []
    assert all(one.why for one in fitted.found.left_out)
