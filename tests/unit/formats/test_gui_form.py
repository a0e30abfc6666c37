"""GUI files as forms: what is one, what it trains, and values freed of the noise of their types."""

import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fork_wrapper.errors import InputError
from fork_wrapper.formats.gui_form import FEWEST, is_gui, read_form
from fork_wrapper.formats.gui_keys import Tab
from tests.unit.formats.gui_golden import PATH, PLACES, fresh, read

TODO = "kft is for full fine-tunes of SDXL: name a file of the finetune or the dreambooth tab"


def _refused(raw: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        read_form(raw, Path("a folder/form.json"))
    return str(caught.value)


@pytest.mark.parametrize(("tab", "tag"), PLACES)
def test_a_form_is_a_file_of_the_gui(tab: Tab, tag: str) -> None:
    """Every golden form is one, of its own tab; a few of its keys are none."""
    form = fresh(tab, tag)
    assert is_gui(form)
    assert read(form).tab == tab
    assert not is_gui(dict(list(form.items())[: FEWEST - 1]))
    assert is_gui(dict(list(form.items())[:FEWEST]))


@pytest.mark.parametrize("raw", [None, 1, "text", [], {}, {"a": 1}, {"image": {"caption": "a", "tags": "b"}}])
def test_other_json_is_none(raw: Any) -> None:
    """Whatever has no keys of the GUI is not for it to read."""
    assert not is_gui(raw)


def test_a_form_is_flat() -> None:
    """An object in an object is something else, however many keys of the GUI stand around it."""
    assert not is_gui({**fresh("finetune", "HEAD"), "inner": {}})


def test_lora_files_are_recognised() -> None:
    """Files of the other tabs are the GUI's too: the refusal is better than not knowing them."""
    lora = {"LoRA_type": "Standard", "network_dim": 8, "unet_lr": 1e-4, "text_encoder_lr": 1e-5, "seed": 1}
    assert is_gui({**lora, "epoch": 1, "optimizer": "AdamW", "xformers": "xformers"})


@pytest.mark.parametrize(
    ("change", "what", "todo"),
    [
        ({"LoRA_type": "LyCORIS/LoCon"}, "it is a LoRA (LyCORIS/LoCon) of the kohya_ss GUI", TODO),
        ({"network_dim": 8}, "it is a LoRA (LoRA) of the kohya_ss GUI", TODO),
        ({"num_vectors_per_token": 1}, "it is a textual inversion of the kohya_ss GUI", TODO),
        (
            {"sdxl_checkbox": False},
            "it trains an SD 1.x model: its sdxl_checkbox box is not ticked",
            f'{TODO}, or, should it be one after all, write "sdxl_checkbox": true',
        ),
        (
            {"sdxl_checkbox": None, "v2": True},
            "it trains an SD 2.x model: its sdxl_checkbox box is not ticked",
            f'{TODO}, or, should it be one after all, write "sdxl_checkbox": true',
        ),
        ({"sdxl_checkbox": False, "sd3_checkbox": True}, "it trains an SD3 model: its sd3_checkbox is ticked", TODO),
        (
            {"sdxl_checkbox": False, "flux1_checkbox": True},
            "it trains a FLUX.1 model: its flux1_checkbox is ticked",
            TODO,
        ),
        (
            {"sdxl_checkbox": False, "anima_checkbox": True},
            "it trains an Anima model: its anima_checkbox is ticked",
            TODO,
        ),
    ],
)
def test_what_is_no_full_sdxl_model(change: dict[str, Any], what: str, todo: str) -> None:
    """A form that trains something else is refused with what that is."""
    path = Path("a folder/form.json")
    assert (
        _refused({**fresh("finetune", "HEAD"), **change})
        == f"cannot import form.json\n- {what}\n  in {path}\n  -> {todo}"
    )


def test_the_box_of_the_dreambooth_tab() -> None:
    """Its box has another name, and the message says that one."""
    assert 'write "sdxl": true' in _refused(fresh("dreambooth", "HEAD", sdxl=False))
    assert read(fresh("dreambooth", "HEAD", sdxl="True")).tab == "dreambooth"


@pytest.mark.parametrize(
    ("keys", "tab"),
    [
        ({"image_folder": "x"}, "finetune"),
        ({"train_dir": "x"}, "finetune"),
        ({"train_data_dir": "x"}, "dreambooth"),
        ({"block_lr": "", "dataset_repeats": 1}, "finetune"),
        ({"prior_loss_weight": 1, "vae": ""}, "dreambooth"),
    ],
)
def test_the_tab_of_a_file_with_few_keys(keys: dict[str, Any], tab: Tab) -> None:
    """The folder of the images tells the tab, else the keys that only one tab has."""
    assert (
        read({**keys, "sdxl": True, "sdxl_checkbox": True} if tab == "finetune" else {**keys, "sdxl": True}).tab == tab
    )


@pytest.mark.parametrize("value", ["", "  ", None])
@pytest.mark.parametrize("key", ["seed", "learning_rate", "optimizer_args", "additional_parameters", "flip_aug"])
def test_empty_fields_say_nothing(key: str, value: Any) -> None:
    """An empty text and a null are no value: neither 0 nor false, and nothing to report."""
    form = read(fresh("finetune", "HEAD", **{key: value}))
    assert key not in form.values
    assert form.left_out == ()


@pytest.mark.parametrize(
    ("key", "raw", "clean"),
    [
        ("max_train_epochs", "10", 10),
        ("max_train_epochs", "10.0", 10),
        ("epoch", 7.0, 7),
        ("seed", "0", 0),
        ("learning_rate", "4e-06", 4e-6),
        ("learning_rate_te1", 0, 0.0),
        ("noise_offset", False, 0.0),
        ("lr_warmup", "10", 10.0),
        ("lr_warmup_steps", "0.5", 0.5),
        ("max_token_length", "225", 225),
        ("min_bucket_reso", "256", 256),
        ("max_bucket_reso", 2048.0, 2048),
        ("flip_aug", "true", True),
        ("flip_aug", "False", False),
        ("flip_aug", 1, True),
        ("flip_aug", 0.0, False),
        ("persistent_data_loader_workers", 1, True),
        ("sdxl_no_half_vae", "1", True),
        ("no_token_padding", False, False),
        ("train_inpainting", "True", True),
        ("xformers", True, "xformers"),
        ("xformers", False, "none"),
        ("xformers", "sdpa", "sdpa"),
        ("optimizer_args", ["a=1", "b=2"], "a=1 b=2"),
        ("optimizer_args", "a=1", "a=1"),
        ("caption_extension", ".txt", ".txt"),
        ("resume_from_huggingface", "yes", "yes"),
        ("max_resolution", "1024,1024", "1024,1024"),
        ("wandb_run_name", 7, "7"),
        ("num_processes", "2", "2"),
        ("gpu_ids", 0, 0),
        ("not a key", [1], [1]),
    ],
)
def test_values_have_the_type_of_their_key(key: str, raw: Any, clean: Any) -> None:
    """Numbers in quotes, boxes as numbers and lists of words are what they mean; settings of the launch stay as is."""
    form = read(fresh("finetune", "HEAD", **{key: raw}))
    assert repr(form.values[key]) == repr(clean)
    assert form.left_out == ()


@pytest.mark.parametrize(
    ("key", "said"), [("optimizer_args", False), ("lr_scheduler_args", False), ("model_list", True)]
)
def test_an_empty_list_is_an_empty_text(key: str, *, said: bool) -> None:
    """Versions saved [] where they meant nothing by it; of what is no option it stays as it is."""
    empty: Any = []
    form = read(fresh("finetune", "HEAD", **{key: empty}))
    assert ((key in form.values), form.left_out) == (said, ())


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("epoch", "ten", "epoch must be a number, not 'ten'"),
        ("epoch", "1.5", "epoch must be a whole number, not '1.5'"),
        ("epoch", 1.5, "epoch must be a whole number, not 1.5"),
        ("seed", float("inf"), "seed must be a number, not inf"),
        ("learning_rate", "nan", "learning_rate must be a number, not 'nan'"),
        ("learning_rate", [1e-5], "learning_rate must be a number, not [1e-05]"),
        ("flip_aug", "maybe", "flip_aug is a box, ticked or not, and cannot be 'maybe'"),
        ("flip_aug", 2, "flip_aug is a box, ticked or not, and cannot be 2"),
        ("optimizer_args", [["a"]], "optimizer_args must be text, not [['a']]"),
    ],
)
def test_values_that_are_none_of_their_key(key: str, value: Any, why: str) -> None:
    """They are kept aside with the reason and never guessed; the rest of the file is read."""
    form = read(fresh("finetune", "HEAD", **{key: value}))
    assert key not in form.values
    assert [(one.key, repr(one.value), one.why) for one in form.left_out] == [(key, repr(value), why)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cache_latent", "cache_latents"),
        ("caption_extention", "caption_extension"),
        ("stop_text_encoder_training_pct", "stop_text_encoder_training"),
    ],
)
def test_early_names(old: str, new: str) -> None:
    """What an early version called a key is found under today's name."""
    form = fresh("dreambooth", "v21.8.9")
    form.pop(new, None)
    values = read({**form, old: "1"}).values
    assert (old in values, str(values[new])) == (False, "True" if new == "cache_latents" else "1")


_NOISE: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["1e999", "x", "0x1", "1_0", "٣"])
)
_NOISE |= st.lists(st.integers() | st.none(), max_size=2)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PLACES), st.lists(_NOISE, min_size=5, max_size=5), st.randoms(use_true_random=False))
def test_no_value_breaks_the_reader(place: tuple[Tab, str], noise: list[Any], rng: random.Random) -> None:
    """Whatever stands in a file, every value is taken, empty or kept aside, and no number is infinite."""
    form = fresh(*place)
    boxes = ("sdxl", "sdxl_checkbox")
    change = dict(zip(rng.sample(sorted(form.keys() - {*boxes}), len(noise)), noise, strict=True))
    made = read({**form, **change})
    aside = {one.key for one in made.left_out}
    assert aside <= change.keys()
    for key, value in change.items():
        if value not in (None, []):
            name = "stop_text_encoder_training" if key.startswith("stop_text_encoder_training") else key
            assert (name in made.values) is not (key in aside)
    for key in ("learning_rate", "epoch", "seed", "noise_offset"):
        assert math.isfinite(made.values.get(key, 0))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**40), st.floats(0, 1), st.sampled_from(PLACES))
def test_quotes_do_not_matter(whole: int, fraction: float, place: tuple[Tab, str]) -> None:
    """Numbers as texts make the same form as numbers."""
    plain: dict[str, Any] = {"seed": whole, "learning_rate": fraction, "noise_offset": fraction, "epoch": whole}
    one = read(fresh(*place, **plain))
    quoted: dict[str, Any] = {key: str(value) for key, value in plain.items()}
    two = read(fresh(*place, **quoted))
    assert one == two
    assert one.path == PATH
