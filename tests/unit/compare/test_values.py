"""Options as sd-scripts would use them: defaults, aliases, optimizers, arguments, rates that fall back."""

from typing import Any

import pytest

from fork_wrapper.check.rules.case import ARGUMENT_NAMES
from fork_wrapper.check.rules.optimizers import FLAGS
from fork_wrapper.compare.values import ALIAS, ARGUMENTS, understand
from fork_wrapper.experiment.resolve import Origin
from fork_wrapper.experiment.schema import MANAGED
from fork_wrapper.sdscripts.options import dataset_keys
from fork_wrapper.sdscripts.options import options as options_table
from tests.unit.compare.building import compared, options, source

Table = dict[str, Any]


def test_unset_options_count_as_their_default() -> None:
    """Set to its default an option is no difference; a default is marked as one."""
    assert options({}, {"learning_rate": 2e-06, "xformers": False, "max_train_steps": 1600}) == {}
    assert options({}, {"max_train_steps": 8}) == {"max_train_steps": ("1600 (default)", "8")}


def test_zero_false_and_absent() -> None:
    """Three different things, but 0 and 0.0 are one number."""
    values: list[Table] = [{}, {"noise_offset": 0.0}, {"noise_offset": False}, {"noise_offset": 0.1}]
    for number, first in enumerate(values):
        for other, second in enumerate(values):
            assert bool(options(first, second)) is (number != other)
    assert options({"noise_offset": 0.0}, {"noise_offset": 0}) == {}
    assert options({"noise_offset": 0.0}, {}) == {"noise_offset": ("0.0", "(absent)")}


@pytest.mark.parametrize("key", [*sorted(MANAGED), "metadata_kft_config", "metadata_kft_run"])
def test_what_names_a_run_is_left_out(key: str) -> None:
    """Folders, names and records differ between any two runs."""
    assert options({key: "x"}, {key: "y"}) == {}


def test_files_of_the_run_itself_do_not_differ() -> None:
    """Sample prompts that kft wrote lie in another folder each time."""
    one, two = ({"output_dir": f"/runs/{name}", "sample_prompts": f"/runs/{name}/p.txt"} for name in "ab")
    assert options(one, two) == {}
    assert options(one, {**two, "sample_prompts": "/x/p.txt"}) == {"sample_prompts": ("{run}/p.txt", "/x/p.txt")}
    assert options({"output_dir": "/runs/a", "sample_prompts": "/runs/ab/p.txt"}, one) != {}


def test_other_metadata_is_compared() -> None:
    """A title of the user's own is a value like any other."""
    assert options({"metadata_title": "a"}, {}) == {"metadata_title": ("a", "(absent)")}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"optimizer_type": "AdamW"}),
        ({}, {"optimizer_type": ""}),
        ({"optimizer_type": "adamw8BIT"}, {"optimizer_type": "AdamW8bit"}),
        ({"use_8bit_adam": True}, {"optimizer_type": "AdamW8bit"}),
        ({"use_lion_optimizer": True}, {"optimizer_type": "lion"}),
        ({"optimizer_type": "torch.optim.AdamW"}, {"optimizer_type": "AdamW"}),
        ({"optimizer_type": "DAdaptation"}, {"optimizer_type": "DAdaptAdamPreprint"}),
        ({"optimizer_type": "SGDNesterov"}, {"optimizer_type": "SGDNesterov", "optimizer_args": ["momentum=0.9"]}),
        ({"optimizer_type": "Adafactor"}, {"optimizer_type": "adafactor", "optimizer_args": ["relative_step=True"]}),
    ],
)
def test_one_optimizer(first: Table, second: Table) -> None:
    """As library/train_util.py:4825-5134 makes it."""
    assert options(first, second) == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"optimizer_type": "AdamW"}, {"optimizer_type": "AdamW8bit"}),
        ({"optimizer_type": "SGD"}, {"optimizer_type": "SGDNesterov", "optimizer_args": ["momentum=0.9"]}),
        ({"optimizer_type": "SGD"}, {"optimizer_type": "sgd"}),
        ({"optimizer_type": "transformers.optimization.Adafactor"}, {"optimizer_type": "Adafactor"}),
    ],
)
def test_two_optimizers(first: Table, second: Table) -> None:
    """Names of torch keep their case, and sd-scripts' own ways are not those of the class."""
    assert "optimizer_type" in options(first, second)


def test_an_old_flag_is_named() -> None:
    """Who reads AdamW8bit and finds no such word in the file learns where it stands."""
    assert options({}, {"use_8bit_adam": True}) == {
        "optimizer_type": ("AdamW (default)", "AdamW8bit (use_8bit_adam)"),
    }


@pytest.mark.parametrize("key", ["optimizer_args", "lr_scheduler_args"])
def test_arguments_are_compared_by_name(key: str) -> None:
    """Order, blanks and spelling do not count; of two of one name the last does; each has a row of its own."""
    assert options({key: ["a=0.10", "b=(1,2)"]}, {key: ["b=(1, 2)", "a=.1"]}) == {}
    assert options({key: ["a=1", "a=2"]}, {key: ["a=2"]}) == {}
    assert options({key: ["a=1", "a=2"]}, {key: ["a=1"]}) == {f"{key}.a": ("2", "1")}
    assert options({key: ["a=True"]}, {key: ["a=1"]}) == {f"{key}.a": ("true", "1")}
    assert options({}, {key: ["a=None"]}) == {f"{key}.a": ("(absent)", "None")}
    assert options({key: ["a"]}, {}) == {f"{key}.a": ("a", "(absent)")}


def test_rates_of_text_encoders_fall_back() -> None:
    """Without one of its own a trained encoder takes learning_rate; 0 freezes it (sdxl_train.py:299-300)."""
    both = {"train_text_encoder": True, "learning_rate": 1e-5}
    assert options(both, {**both, "learning_rate_te1": 1e-5}) == {}
    assert options(both, {**both, "learning_rate_te1": 0.0}) == {"learning_rate_te1": ("1e-05 (learning_rate)", "0.0")}
    found = options(both, {**both, "learning_rate": 2e-5})
    assert found["learning_rate_te2"] == ("1e-05 (learning_rate)", "2e-05 (learning_rate)")
    assert set(options({"learning_rate": 1e-5}, {"learning_rate": 2e-5})) == {"learning_rate"}


@pytest.mark.parametrize("name", ["cache_latents", "cache_text_encoder_outputs"])
def test_a_cache_on_disk_is_a_cache(name: str) -> None:
    """library/train_util.py:4424-4428, library/sdxl_train_util.py:371-377."""
    assert set(options({f"{name}_to_disk": True}, {f"{name}_to_disk": True, name: True})) == set()
    assert options({}, {f"{name}_to_disk": True})[name] == ("false (default)", f"true ({name}_to_disk)")


@pytest.mark.parametrize(
    ("key", "value", "other"),
    [
        ("min_timestep", 0, 100),
        ("max_timestep", 1000, 900),
        ("max_token_length", 75, 225),
        ("console_log_level", "INFO", "DEBUG"),
        ("log_tracker_name", "finetuning", "people"),
    ],
)
def test_what_absent_means(key: str, value: Any, other: Any) -> None:
    """Some options have their default in the code, not in the parser."""
    assert options({}, {key: value}) == {}
    assert options({}, {key: other}) == {key: (f"{value} (default)", str(other))}


def test_the_old_misspelling_wins() -> None:
    """library/train_util.py:5404-5406."""
    origin = Origin(kind="assumed", by="two")
    first = source({"caption_extension": ".caption"})
    second = source(
        {"caption_extension": ".caption", "caption_extention": ".txt"}, origins={"training.caption_extention": origin}
    )
    (row,) = compared(first, second)
    assert (row.key, row.after.shown, row.after.origin) == ("caption_extension", ".txt", origin)
    assert options({"caption_extention": ".txt"}, {"caption_extension": "txt"}) == {}


def test_unknown_options_are_compared() -> None:
    """What --allow-unknown let through."""
    assert options({"brand_new": 1}, {}) == {"brand_new": ("1", "(absent)")}


def test_every_option_has_a_value() -> None:
    """None is lost on the way: those of the data set are looked up by level."""
    elsewhere = {ARGUMENT_NAMES.get(key, key) for key in dataset_keys()} & set(options_table())
    folded = {*MANAGED, *FLAGS, *ARGUMENTS, ALIAS}
    of_data = elsewhere - {"conditioning_data_dir"}
    assert set(understand(source()).options) == set(options_table()) - folded - of_data
    assert (len(folded), len(of_data), len(options_table())) == (11, 29, 176)
