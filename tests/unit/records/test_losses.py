"""What a loss is a mean of, against the trainer's own way of taking it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.records.losses import losses_of, mean_at, summary


def _shown(losses: list[float], epoch: int) -> list[tuple[int, float]]:
    """What sd-scripts shows at each step (library/train_util.py:LossRecorder): written down here once more."""
    kept: list[float] = []
    shown = []
    for number, loss in enumerate(losses):
        if number < epoch:
            kept.append(loss)
        else:
            kept[number % epoch] = loss
        shown.append((number + 1, sum(kept) / len(kept)))
    return shown


@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=40), st.integers(1, 12))
def test_a_mean_is_over_the_steps_that_are_said(losses: list[float], epoch: int) -> None:
    """For every length of a run and of an epoch, the mean of the steps that `mean_at` names is what was shown."""
    shown = _shown(losses, epoch)
    run = {"steps": len(losses), "facts": {"batches_per_epoch": epoch}, "loss": summary(shown, epoch)}
    for step, value in shown:
        mean = mean_at(run, step, value)
        assert mean.first is not None
        part = losses[mean.first - 1 : step]
        assert sum(part) / len(part) == pytest.approx(value)
    found = losses_of(run)
    assert found is not None
    if len(losses) > epoch:  # then, and only then, two means over equally many steps are compared
        assert found.first == pytest.approx(sum(losses[:epoch]) / epoch)
        assert found.lowest == pytest.approx(min(value for step, value in shown if step >= epoch))
    else:
        assert (found.first, found.lowest) == (None, None)


@pytest.mark.parametrize(
    ("loss", "facts", "steps", "said"),
    [
        (
            {"first": 0.9, "last": 0.5, "lowest": 0.1, "last_step": 3},
            {"batches_per_epoch": 12},
            3,
            "0.5000, mean of steps 1 to 3",
        ),
        (
            {"first": 0.9, "last": 0.9, "lowest": 0.9, "last_step": 1},
            {"batches_per_epoch": 12},
            1,
            "0.9000, mean of step 1 alone",
        ),
        ({"first": 0.9, "last": 0.5, "lowest": 0.1}, {}, 30, "0.5000, running mean"),
        ({"first": 0.9, "last": 0.5, "lowest": 0.1}, {"batches_per_epoch": 12}, 30, "0.5000, mean of steps 19 to 30"),
        (
            {"first": 0.9, "last": 0.5, "lowest": 0.1, "last_step": 30, "first_epoch": 0.7, "lowest_epoch": 0.4},
            {"batches_per_epoch": 12, "gradient_accumulation_steps": 2},
            30,
            "0.7000 -> 0.5000, lowest 0.4000, means of an epoch (6 steps)",
        ),
        (
            {"first": 0.9, "last": 0.5, "lowest": 0.1},
            {"batches_per_epoch": 12, "gradient_accumulation_steps": 0},
            12,
            "0.5000, mean of steps 1 to 12",
        ),
    ],
)
def test_in_words(loss: dict[str, Any], facts: dict[str, int], steps: int, said: str) -> None:
    """The value of step 1 is never put beside the mean of an epoch; older records say what they can."""
    assert str(losses_of({"loss": loss, "facts": facts, "steps": steps})) == said


def test_none() -> None:
    """A run that showed no loss has none."""
    assert summary([], 3) is None
    assert losses_of({"loss": None, "steps": 0}) is None
