"""Configurations as forms of the GUI: every key, typed as its field, and nothing lost in silence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fork_wrapper.experiment.keypath import DATASET_NAMES
from fork_wrapper.experiment.resolve import resolve, with_defaults
from fork_wrapper.formats.found import NOTHING
from fork_wrapper.formats.gui_export import GuiExport, to_form
from fork_wrapper.formats.gui_handed import Images, handed
from fork_wrapper.formats.gui_keys import NEWEST, TABS, Tab, allows, fresh_form
from fork_wrapper.machine.settings import load_settings
from fork_wrapper.sdscripts.options import options
from tests.unit.formats.gui_golden import exported, read

RUN = {
    "output_dir": "/data/out",
    "output_name": "made",
    "logging_dir": "/data/out/logs",
    "dataset_config": "/data/out/dataset.toml",
}
DATASET = {"datasets": [{"resolution": 1024, "batch_size": 4, "subsets": [{"image_dir": "/img", "num_repeats": 1}]}]}
SAID = {"save_model_as": "safetensors", "save_precision": "fp16", "learning_rate": 1e-5}
"""What every configuration of these tests says, so that nothing of it is lost."""

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ["humanoid_02", "humanoid_03", "humanoid_04", "humanoid_05", "humanoid_06", "humanoid_07", "sdxl_base"]


def _made(tab: Tab, dataset: Mapping[str, Any] = DATASET, prompts: str | None = None, **training: Any) -> GuiExport:
    return to_form(tab, {**SAID, **training}, dataset, run=RUN, prompts=prompts)


def _passed(made: GuiExport) -> Mapping[str, Any]:
    return handed(read(made.form), NEWEST, Images(repeated=None)).options


def _unlike(
    training: Mapping[str, Any], dataset: Mapping[str, Any], made: GuiExport, passed: Mapping[str, Any]
) -> list[str]:
    """Options that sd-scripts would have another value of, though no dataset config decides them and none is lost."""
    subsets = [subset for one in dataset["datasets"] for subset in one["subsets"]]
    settled = {*dataset.get("general", {}), *made.general, *DATASET["datasets"][0], *subsets[0]}
    trained = training.get("train_text_encoder")
    idle = {"sample_prompts", "wandb_run_name", "optimizer_type", "dynamo_backend", "in_json", *RUN}
    idle |= set() if trained else {"learning_rate_te1", "learning_rate_te2"}
    idle |= set() if training.get("multires_noise_iterations") else {"multires_noise_discount"}
    rate = training.get("learning_rate", options()["learning_rate"].default)
    usual = {"learning_rate_te1": rate, "learning_rate_te2": rate, "max_token_length": 75, "clip_skip": None}
    return [
        name
        for name, option in options().items()
        if DATASET_NAMES.get(name, name) not in settled and name not in made.lost
        if name not in idle or name in training.keys() - {"sample_prompts", "multires_noise_discount"} - RUN.keys()
        if not _alike(*(values.get(name, usual.get(name, option.default)) for values in (training, passed)))
    ]


def _alike(one: Any, two: Any) -> bool:
    if not one and not two:
        return one is two or 0.0 not in (one, two) or type(one) is not type(two) or one == two
    return bool(one == two) and isinstance(one, bool) == isinstance(two, bool)


def test_twenty_golden_exports() -> None:
    """The goldens are three shipped experiments in both tabs, and fourteen that were drawn at random."""
    names = [one["name"] for one in exported()]
    assert len(names) == 20
    assert sum(name in SHIPPED for name in names) == 6


@pytest.mark.parametrize("number", range(20))
def test_what_the_newest_gui_passed_for_an_export(number: int) -> None:
    """The form is the one that the GUI's own code was given, and it passed what the configuration says."""
    one = exported()[number]
    tab, training = one["tab"], one["training"]
    made = to_form(tab, training, one["dataset"], run=RUN, prompts="a cat")
    fresh = fresh_form(tab)
    changed = {key: value for key, value in made.form.items() if repr(value) != repr(fresh[key])}
    assert changed == {**one["form"], "sample_prompts": "a cat"}
    assert _unlike(training, one["dataset"], made, one["passed"]) == []


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_experiments_travel_whole(tmp_path: Path, name: str, tab: Tab) -> None:
    """Nothing of them is lost; the only word that the form does not have is about the log."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    settings = load_settings({"experiments": str(ROOT / "experiments")}, environ=environ, cwd=ROOT)
    resolved = with_defaults(resolve(name, settings))
    made = to_form(tab, resolved.training, resolved.dataset, run=RUN, prompts="a cat")
    assert (made.lost, made.general) == ({}, {})
    frozen = [f" --{key}=0" for key in ("learning_rate_te1", "learning_rate_te2") if resolved.training.get(key) == 0]
    assert made.form["additional_parameters"] == "--console_log_simple" + "".join(frozen)
    assert _unlike(resolved.training, resolved.dataset, made, _passed(made)) == []


@pytest.mark.parametrize(("tab", "count"), [("finetune", 215), ("dreambooth", 175)])
def test_every_key_has_the_type_of_its_field(tab: Tab, count: int) -> None:
    """Numbers stay numbers and texts texts, whatever the configuration says; the keys are in order."""
    whole = {name: option.default for name, option in options().items() if option.default is not None}
    for training in ({}, whole, {"lr_warmup_steps": 0.1, "min_bucket_reso": 512, "resolution": "512"}):
        form = _made(tab, **training).form
        assert (len(form), list(form)) == (count, sorted(fresh_form(tab)))
        for key, fresh in fresh_form(tab).items():
            assert _kind(form[key]) == _kind(fresh), key
            assert allows(key, form[key])


def _kind(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


@pytest.mark.parametrize(
    ("tab", "training", "key", "field"),
    [
        ("finetune", {"min_bucket_reso": 512}, "min_bucket_reso", "512"),
        ("dreambooth", {"min_bucket_reso": 512}, "min_bucket_reso", 512),
        ("finetune", {"resolution": "1024"}, "max_resolution", "1024,1024"),
        ("finetune", {}, "max_resolution", "1024,1024"),
        ("finetune", {}, "max_train_steps", 1600),
        ("finetune", {}, "seed", 0),
        ("finetune", {"seed": 42}, "seed", 42),
        ("finetune", {}, "clip_skip", 0),
        ("finetune", {}, "max_token_length", 75),
        ("finetune", {"max_token_length": 225}, "max_token_length", 225),
        ("finetune", {}, "optimizer", "AdamW"),
        ("finetune", {"optimizer_type": "Lion"}, "optimizer", "Lion"),
        ("finetune", {"optimizer_args": ["a=1", "b=2"]}, "optimizer_args", "a=1 b=2"),
        ("finetune", {"xformers": True}, "xformers", "xformers"),
        ("finetune", {"sdpa": True}, "xformers", "sdpa"),
        ("finetune", {}, "xformers", "none"),
        ("finetune", {"no_half_vae": True}, "sdxl_no_half_vae", True),
        ("dreambooth", {"cache_text_encoder_outputs": True}, "sdxl_cache_text_encoder_outputs", True),
        ("finetune", {"lr_warmup_steps": 500}, "lr_warmup_steps", 500),
        ("finetune", {"lr_warmup_steps": 500}, "lr_warmup", 0),
        ("finetune", {"lr_warmup_steps": 0.1}, "lr_warmup", 10),
        ("finetune", {"lr_warmup_steps": 0.29}, "lr_warmup", 29),
        ("finetune", {"lr_warmup_steps": 1.0}, "lr_warmup", 100),
        ("finetune", {"lr_warmup_steps": 0.035}, "lr_warmup", 0),
        ("finetune", {}, "sdxl_checkbox", True),
        ("dreambooth", {}, "sdxl", True),
        ("finetune", {}, "model_list", "custom"),
        ("finetune", {}, "create_caption", False),
        ("finetune", {}, "create_buckets", False),
        ("finetune", {}, "learning_rate_te1", 1e-5),
        ("finetune", {"learning_rate_te1": 0.0, "train_text_encoder": True}, "learning_rate_te1", 0.0),
        ("dreambooth", {}, "learning_rate_te1", 0.0),
        ("dreambooth", {"train_text_encoder": True}, "learning_rate_te1", 1e-5),
        ("dreambooth", {"train_text_encoder": True, "learning_rate_te1": 2e-6}, "learning_rate_te1", 2e-6),
        ("finetune", {"output_dir": "/mine", "output_name": "mine"}, "output_dir", "/data/out"),
        ("finetune", {"keep_tokens": 100}, "keep_tokens", 0),
        ("finetune", {"learning_rate": 1.5}, "learning_rate", 1e-5),
        ("finetune", {"metadata_kft_run": "x"}, "additional_parameters", ""),
    ],
)
def test_fields(tab: Tab, training: dict[str, Any], key: str, field: Any) -> None:
    """A field says the option's value, or what stands for its default; one that cannot hold it stays as it was."""
    assert repr(_made(tab, **training).form[key]) == repr(field)


@pytest.mark.parametrize(
    ("tab", "training", "words"),
    [
        ("finetune", {}, ""),
        ("finetune", {"sample_at_first": True, "max_grad_norm": 0.5}, "--max_grad_norm=0.5 --sample_at_first"),
        ("dreambooth", {"max_grad_norm": 0.5}, ""),
        ("finetune", {"seed": 0}, "--seed=0"),
        ("finetune", {"xformers": True, "sdpa": True}, "--sdpa"),
        ("finetune", {"lr_warmup_steps": 0.035}, "--lr_warmup_steps=0.035"),
        ("finetune", {"learning_rate": 1.5}, "--learning_rate=1.5"),
        (
            *("finetune", {"learning_rate": 1.5, "train_text_encoder": True}),
            "--learning_rate=1.5 --learning_rate_te1=1.5 --learning_rate_te2=1.5",
        ),
        ("dreambooth", {"train_text_encoder": True, "learning_rate": 0.0}, "--train_text_encoder"),
        ("dreambooth", {"block_lr": "1e-5,1e-5"}, "--block_lr=1e-5,1e-5"),
        ("finetune", {"block_lr": "1e-5,1e-5"}, ""),
        ("finetune", {"min_snr_gamma": 25.0}, "--min_snr_gamma=25.0"),
        ("finetune", {"use_8bit_adam": True}, "--optimizer_type= --use_8bit_adam"),
        ("finetune", {"torch_compile": True, "dynamo_backend": "eager"}, "--dynamo_backend=eager --torch_compile"),
        ("finetune", {"resume_from_huggingface": True}, "--resume_from_huggingface"),
        ("finetune", {"optimizer_args": ["a=1", "b=2"], "lr_scheduler_args": ["c=3"]}, ""),
        ("finetune", {"optimizer_args": ["word", "b=2"]}, "--optimizer_args word b=2"),
    ],
)
def test_additional_parameters(tab: Tab, training: dict[str, Any], words: str) -> None:
    """What a tab has no field for, and what its field cannot hold, is said in words."""
    made = _made(tab, **training)
    assert (made.form["additional_parameters"], made.lost) == (words, {})


@pytest.mark.parametrize(
    ("training", "lost"),
    [
        ({"log_prefix": "two words"}, {"log_prefix": "additional_parameters would spoil its blanks or signs"}),
        ({"log_prefix": "it's"}, {"log_prefix": "additional_parameters would spoil its blanks or signs"}),
        ({"log_prefix": "ñ"}, {"log_prefix": "additional_parameters would spoil its blanks or signs"}),
        ({"metadata_title": "it's two words"}, {}),
        ({"optimizer_args": ["a=(1, 2)"]}, {"optimizer_args": "additional_parameters would spoil its blanks or signs"}),
        (
            {"save_precision": None},
            {"save_precision": "the form always passes 'float', and the command line cannot take it back"},
        ),
        (
            {"save_model_as": None},
            {"save_model_as": "the form always passes 'safetensors', and the command line cannot take it back"},
        ),
        ({"not_an_option": 1}, {"not_an_option": "neither the form nor sdxl_train.py has such an option"}),
        ({"sample_prompts": "/p.txt"}, {"sample_prompts": "the file is not here, and the form holds its text"}),
        (
            {"lr_warmup_steps": 10.0},
            {
                "lr_warmup_steps": "the command line cannot say the ratio 10.0: from 1 on it takes steps, and 0 is a "
                "ratio there"
            },
        ),
        ({"max_token_length": 300}, {"max_token_length": "the command line refuses 300, a config file takes it"}),
    ],
)
def test_what_is_lost(training: dict[str, Any], lost: dict[str, str]) -> None:
    """What neither the form nor the words can say is named with the reason; None takes a value away."""
    said = {key: value for key, value in {**SAID, **training}.items() if value is not None}
    assert to_form("finetune", said, DATASET, run=RUN, prompts=None).lost == lost


def test_what_belongs_to_a_run_stays_behind() -> None:
    """Folders of the run are the export's to say, and kft's own record is written anew by the next run."""
    made = _made("finetune", metadata_kft_run="x", config_file="train.toml", logging_dir="/mine")
    assert (made.lost, made.form["additional_parameters"], made.form["logging_dir"]) == ({}, "", RUN["logging_dir"])


def test_the_prompts_travel_as_text() -> None:
    """The form holds the text itself, and nothing is lost."""
    made = _made("finetune", prompts="a cat --w 64", sample_prompts="/p.txt")
    assert (made.form["sample_prompts"], made.lost) == ("a cat --w 64", {})
    assert _made("finetune").form["sample_prompts"] == ""


def test_the_dataset_config_decides_about_the_images() -> None:
    """Where a field would change the images, the dataset config puts it right; what it says already stays as it is."""
    assert _made("finetune").general == {"enable_bucket": False}
    assert _made("finetune", enable_bucket=True).general == {}
    assert _made("finetune", {**DATASET, "general": {"enable_bucket": False}}).general == {}
    assert _made("dreambooth").general == {}
    assert _made("finetune", enable_bucket=True, caption_separator="; ").general == {"caption_separator": "; "}
    assert _made("finetune", enable_bucket=True, keep_tokens=100).general == {"keep_tokens": 100}


def test_a_reader_sees_what_the_dataset_config_says() -> None:
    """What holds for all images stands in the fields, too; what holds for some does not."""
    general = {"flip_aug": True, "enable_bucket": True, "keep_tokens": 2, "caption_extension": ".cap"}
    dataset = {**DATASET, "general": general}
    form = _made("finetune", dataset).form
    assert [form[key] for key in ("flip_aug", "keep_tokens", "caption_extension")] == [True, 2, ".cap"]
    assert (form["train_batch_size"], form["max_resolution"]) == (4, "1024,1024")
    bare: dict[str, Any] = {"datasets": [{"subsets": []}]}
    form = _made("finetune", bare, resolution="512, 768", train_batch_size=2).form
    assert (form["train_batch_size"], form["max_resolution"]) == (2, "512,768")
    mixed = {**dataset, "datasets": [*DATASET["datasets"], {"resolution": 512, "batch_size": 2, "flip_aug": False}]}
    form = _made("finetune", {**mixed, "datasets": [*mixed["datasets"]]}).form
    assert [form[key] for key in ("flip_aug", "train_batch_size", "keep_tokens")] == [False, 1, 2]


_VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "bool": st.just(value=True),
    "int": st.sampled_from([1, 3, 64, 100]),
    "float": st.sampled_from([0.1, 1.0, 1e-6, 30.0]),
    "int_or_float": st.sampled_from([10, 0.25, 0.035]),
    "str": st.sampled_from(["word", "two words", "/a/b.c"]),
    "list[str]": st.sampled_from([["a=1"], ["a=1", "b=2"], ["a=(1, 2)"]]),
}
_OURS = {*RUN, "config_file", "sample_prompts", "resolution", "in_json", "train_data_dir", "reg_data_dir"}
_FREE = sorted(name for name, option in options().items() if not option.choices and name not in _OURS)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(TABS), st.data(), st.booleans())
def test_nothing_is_lost_in_silence(tab: Tab, data: st.DataObject, buckets: bool) -> None:
    """For any options: each is passed on, decided by the dataset config, or lost with a reason; every field holds."""
    names = data.draw(st.lists(st.sampled_from(_FREE), max_size=12, unique=True))
    training = {**SAID, **{name: data.draw(_VALUES[options()[name].type]) for name in names}}
    dataset = {**DATASET, "general": {"enable_bucket": buckets, "caption_extension": ".txt"}}
    made = to_form(tab, training, dataset, run=RUN, prompts=None)
    assert _unlike(training, dataset, made, _passed(made)) == []
    assert all(made.lost.values())
    assert [key for key, value in made.form.items() if not allows(key, value)] == []
    for key, value in made.general.items():
        names = [name for name in options() if DATASET_NAMES.get(name, name) == key]
        assert value == training.get(names[0], options()[names[0]].default)
    assert NOTHING not in made.form.values()
