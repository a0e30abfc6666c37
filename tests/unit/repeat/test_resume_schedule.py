"""The values with which a resumed learning rate goes on as planned."""

from typing import Any

import pytest

from fork_wrapper.check.rules.schedulers import BROKEN, NAMED
from fork_wrapper.repeat.resume_schedule import MODULE, WITH_LENGTH, continued

GONE = dict.fromkeys(("lr_scheduler", "lr_warmup_steps"))


def go_on(**training: Any) -> dict[str, Any]:
    """What is set for a training of 200 steps."""
    return dict(continued(training, total=200, processes=1).wanted)


@pytest.mark.parametrize(
    ("name", "options", "arguments"),
    [
        ("linear", {}, ["num_warmup_steps=20", "num_training_steps=200"]),
        ("cosine", {}, ["num_warmup_steps=20", "num_training_steps=200"]),
        (
            "cosine_with_restarts",
            {"lr_scheduler_num_cycles": 3},
            ["num_warmup_steps=20", "num_training_steps=200", "num_cycles=3"],
        ),
        ("polynomial", {"lr_scheduler_power": 2.0}, ["num_warmup_steps=20", "num_training_steps=200", "power=2.0"]),
        (
            "cosine_with_min_lr",
            {"lr_scheduler_min_lr_ratio": 0.1},
            ["num_warmup_steps=20", "num_training_steps=200", "num_cycles=0.5", "min_lr_rate=0.1"],
        ),
        (
            "warmup_stable_decay",
            {"lr_decay_steps": 0.25},
            [
                *("num_warmup_steps=20", "num_stable_steps=130", "num_decay_steps=50", "num_cycles=0.5"),
                "min_lr_ratio=0.0",
            ],
        ),
    ],
)
def test_a_scheduler_that_is_told_a_length(name: str, options: dict[str, Any], arguments: list[str]) -> None:
    """Becomes the function behind its name, told the planned length; the options it was made of are gone."""
    wanted = go_on(lr_scheduler=name, lr_warmup_steps=0.1, **options)
    assert wanted == {
        **GONE,
        **dict.fromkeys(options),
        "lr_scheduler_type": f"{MODULE}.{WITH_LENGTH[name]}",
        "lr_scheduler_args": arguments,
    }


def test_what_was_said_is_said_again() -> None:
    """Arguments of one's own stay, as they were written; a warm-up in steps stays in steps."""
    wanted = go_on(lr_scheduler="cosine", lr_warmup_steps=7, lr_scheduler_args=["num_cycles=1.5"])
    assert wanted["lr_scheduler_args"] == ["num_warmup_steps=7", "num_training_steps=200", "num_cycles=1.5"]


def test_each_process_counts() -> None:
    """A scheduler takes a step for each process."""
    wanted = continued({"lr_scheduler": "cosine", "lr_warmup_steps": 0.1}, total=200, processes=4).wanted
    assert wanted["lr_scheduler_args"] == ["num_warmup_steps=80", "num_training_steps=800"]
    warmed = continued({"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 0.1}, total=200, processes=4)
    assert warmed.wanted == {"lr_warmup_steps": 80}
    assert warmed.words == "constant_with_warmup: it goes on as planned, its warm-up over at step 20"


@pytest.mark.parametrize("name", ["constant_with_warmup", "inverse_sqrt"])
def test_a_scheduler_that_is_told_a_warm_up(name: str) -> None:
    """A ratio of the whole becomes steps; steps stay."""
    assert go_on(lr_scheduler=name, lr_warmup_steps=0.1) == {"lr_warmup_steps": 20}
    assert go_on(lr_scheduler=name, lr_warmup_steps=20) == {}


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({}, "constant: it goes on as planned"),
        ({"lr_scheduler": "piecewise_constant"}, "piecewise_constant: it goes on as planned"),
        (
            {"lr_scheduler_type": "CosineAnnealingLR", "lr_scheduler_args": ["T_max=9"]},
            "CosineAnnealingLR: its length stands in lr_scheduler_args; it goes on as planned",
        ),
        (
            {"lr_scheduler": "cosine", "optimizer_type": "AdamWScheduleFree"},
            "none: a schedule-free optimizer keeps its own count, which is restored",
        ),
        (
            {"lr_scheduler": "cosine", "optimizer_type": "Adafactor"},
            "Adafactor's own: it follows the optimizer, which is restored",
        ),
    ],
)
def test_what_needs_nothing(training: dict[str, Any], words: str) -> None:
    """A scheduler without a length, or with one of its own, goes on by its restored count."""
    one = continued(training, total=200, processes=1)
    assert (one.wanted, one.words) == ({}, words)


def test_a_second_resume_changes_nothing() -> None:
    """The length of the whole stands there already."""
    first = {key: value for key, value in go_on(lr_scheduler="cosine").items() if value is not None}
    again = continued(first, total=200, processes=1)
    assert again.wanted == {}
    assert again.words.startswith("cosine: it goes on along the planned curve")


def test_every_scheduler_is_thought_of() -> None:
    """All ten that sd-scripts can make: told a length, told a warm-up, or told neither."""
    without = {"constant", "constant_with_warmup", "inverse_sqrt", "piecewise_constant"}
    assert len(NAMED) == 10
    assert set(WITH_LENGTH) | without == set(NAMED)
    assert not set(WITH_LENGTH) & set(BROKEN)
