"""Words as options and back: what argparse would take, and a line for all that it would refuse."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.formats.command_line import options_to_words, words_to_options
from fork_wrapper.sdscripts.options import options


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--seed 42", {"seed": 42}),
        ("--seed=42", {"seed": 42}),
        ("--seed 1 --seed 2", {"seed": 2}),
        ("--learning_rate=1e-5", {"learning_rate": 1e-5}),
        ("--learning_rate 1", {"learning_rate": 1.0}),
        ("--xformers --sdpa", {"xformers": True, "sdpa": True}),
        ("--max_train_e 5", {"max_train_epochs": 5}),
        ("--gradient_c", {"gradient_checkpointing": True}),
        ("--learning_rate_te1=-1", {"learning_rate_te1": -1.0}),
        ("--learning_rate_te1 -.5", {"learning_rate_te1": -0.5}),
        ("--lr_warmup_steps 100", {"lr_warmup_steps": 100}),
        ("--lr_warmup_steps 10%", {"lr_warmup_steps": 0.1}),
        ("--lr_warmup_steps 0", {"lr_warmup_steps": 0.0}),
        ("--lr_warmup_steps .25", {"lr_warmup_steps": 0.25}),
        ("--optimizer_args a=1 b=2 --seed 3", {"optimizer_args": ["a=1", "b=2"], "seed": 3}),
        ("--optimizer_args", {"optimizer_args": []}),
        ("--caption_prefix=", {"caption_prefix": ""}),
        ("--max_token_length 150", {"max_token_length": 150}),
        ("", {}),
    ],
)
def test_words_are_options(line: str, expected: dict[str, Any]) -> None:
    """Both ways to give a value, switches, lists, abbreviations, negative numbers; the last one wins."""
    found, problems = words_to_options(line.split())
    assert (repr(found), problems) == (repr(expected), ())


def test_texts_with_spaces_are_values_even_after_dashes() -> None:
    """A text with spaces is a value to argparse, unless it names an option."""
    assert words_to_options(["--caption_prefix", "--a b"]) == ({"caption_prefix": "--a b"}, ())
    assert words_to_options(["--caption_prefix=a b", "--seed", "1"]) == ({"caption_prefix": "a b", "seed": 1}, ())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["1", "--seed", "2"], "'1' belongs to no option"),
        (["--lerning_rate", "1"], "--lerning_rate 1 is no option of sdxl_train.py, which refuses it"),
        (["--network_dim", "4"], "--network_dim 4 is an option of sdxl_train_network.py, not of sdxl_train.py, "),
        (["--learning", "1"], "--learning 1 can mean learning_rate, learning_rate_te1, learning_rate_te2: "),
        (["-x"], "-x is no option of sdxl_train.py, which refuses it"),
        (["--seed", "x"], "--seed cannot be 'x'"),
        (["--seed", "1.5"], "--seed cannot be '1.5'"),
        (["--seed", "1", "2"], "--seed takes one value, not 2 (['1', '2'])"),
        (["--seed"], "--seed takes one value, not 0"),
        (["--optimizer_args=a=1", "b=2"], "what follows --optimizer_args=... belongs to no option: b=2"),
        (["--xformers", "true"], "--xformers is a switch and takes no value, not 'true'"),
        (["--xformers=true"], "--xformers is a switch and takes no value, not 'true'"),
        (["--mixed_precision", "bf17"], "--mixed_precision cannot be 'bf17': sdxl_train.py refuses it"),
        (["--max_token_length", "75"], "--max_token_length cannot be '75': sdxl_train.py refuses it"),
        (["--lr_warmup_steps", "1.5"], "--lr_warmup_steps cannot be '1.5'"),
        (["--lr_warmup_steps", "x%"], "--lr_warmup_steps cannot be 'x%'"),
        (["--"], "-- is no option of sdxl_train.py, which refuses it"),
    ],
)
def test_what_argparse_refuses_is_said(words: list[str], problem: str) -> None:
    """One line for each, and the option is not set."""
    found, problems = words_to_options(words)
    (said,) = problems
    assert said.startswith(problem)
    assert found in ({}, {"seed": 2}, {"optimizer_args": ["a=1"]})


@pytest.mark.parametrize(
    "words",
    [
        ["--wandb_api_key", "hush", "hush"],
        ["--wandb_api_key=hush", "hush"],
        ["--wandb_api", "hush", "hush"],
        ["--hf_token=hush"],
        ["--hf_token", "hush"],
        ["--my_password", "hush", "hush"],
    ],
)
def test_no_secret_is_in_a_message(words: list[str]) -> None:
    """A name that sounds like a secret's is said, what stands behind it is not."""
    _found, problems = words_to_options(words)
    assert len(problems) == 1
    assert "hush" not in problems[0]


@given(st.lists(st.text(min_size=1) | st.sampled_from([f"--{name}" for name in options()]), max_size=6))
def test_no_words_are_too_odd(words: list[str]) -> None:
    """Whatever the words are, the answer is options of their type and lines of text."""
    found, problems = words_to_options(words)
    assert found.keys() <= options().keys()
    assert all(isinstance(problem, str) and problem for problem in problems)


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"seed": 42}, ["--seed=42"]),
        ({"xformers": True, "sdpa": False}, ["--xformers"]),
        ({"learning_rate": 1}, ["--learning_rate=1"]),
        ({"caption_prefix": "a 'b' \"c\""}, ["--caption_prefix=a 'b' \"c\""]),
        ({"caption_prefix": "--x"}, ["--caption_prefix=--x"]),
        ({"optimizer_args": ["a=1", "b=(1, 2)"]}, ["--optimizer_args", "a=1", "b=(1, 2)"]),
        ({"lr_warmup_steps": 0.1}, ["--lr_warmup_steps=0.1"]),
        ({"lr_warmup_steps": 100}, ["--lr_warmup_steps=100"]),
        ({"optimizer_args": []}, ["--optimizer_args"]),
    ],
)
def test_options_are_words(training: dict[str, Any], words: list[str]) -> None:
    """By name, with `=` so that no value can be taken for an option; a switch that is off says nothing."""
    assert options_to_words(training) == (words, {})


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (
            "lr_warmup_steps",
            2.0,
            "the command line cannot say the ratio 2.0: from 1 on it takes steps, and 0 is a ratio there",
        ),
        ("max_token_length", 75, "the command line refuses 75, a config file takes it"),
        ("optimizer_args", ["--x"], "one of its words would begin an option of its own"),
        ("class_tokens", "x", "it is no option of sdxl_train.py"),
    ],
)
def test_what_the_command_line_cannot_say_is_named(key: str, value: Any, why: str) -> None:
    """Each with its reason, and nothing else is lost with it."""
    assert options_to_words({key: value, "seed": 1}) == (["--seed=1"], {key: why})


_VALUES = {
    "bool": st.just(value=True),
    "int": st.integers(-(10**12), 10**12),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "str": st.text(),
    "int_or_float": st.integers(1, 10**6) | st.floats(0, 1, exclude_max=True),
    "list[str]": st.lists(st.text(alphabet="abc=1,. ", min_size=1)),
}


@given(st.data())
def test_values_come_back(data: st.DataObject) -> None:
    """Words read again are the options, but for those that are named as lost."""
    names = data.draw(st.lists(st.sampled_from(sorted(options())), unique=True, max_size=8))
    training = {
        name: data.draw(
            st.sampled_from([one for one in options()[name].choices if one is not None])
            if options()[name].choices
            else _VALUES[options()[name].type]
        )
        for name in names
    }
    words, lost = options_to_words(training)
    back, problems = words_to_options(words)
    assert problems == ()
    assert repr(sorted(back.items())) == repr(sorted((k, v) for k, v in training.items() if k not in lost))
    assert all(options()[name].type in ("int_or_float", "int") for name in lost)
