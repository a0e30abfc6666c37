"""Steps, epochs, the scheduler's counts, and what is written when."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.sdscripts.names import parse_checkpoint
from fork_wrapper.sdscripts.options import options
from fork_wrapper.sdscripts.steps import Planned, Schedule, Series, StepsError, Writes, plan_steps


def plan(batches: int = 10, processes: int = 1, **values: Any) -> Schedule:
    """A schedule of these values; everything else as the parser has it."""
    table = {name: option.default for name, option in options().items()} | values
    return plan_steps(table.__getitem__, batches=batches, processes=processes, name="one")


def refusal(**values: Any) -> str:
    """What is said where no steps can be counted."""
    with pytest.raises(StepsError) as caught:
        plan(**values)
    return str(caught.value)


def files(writes: Writes) -> list[tuple[str, int, bool]]:
    """Names, steps, and whether they stay."""
    return [(one.file, one.step, one.kept) for one in writes]


@pytest.mark.parametrize(
    ("values", "shared", "per_epoch", "total", "epochs"),
    [
        ({"max_train_epochs": 3}, 10, 10, 30, 3),
        ({"max_train_epochs": 3, "max_train_steps": 7}, 10, 10, 30, 3),
        ({"max_train_steps": 30}, 10, 10, 30, 3),
        ({"max_train_steps": 31}, 10, 10, 31, 4),
        ({}, 10, 10, 1600, 160),
        ({"max_train_epochs": 3, "gradient_accumulation_steps": 4}, 10, 3, 9, 3),
        ({"max_train_epochs": 3, "processes": 4}, 3, 3, 9, 3),
        ({"max_train_epochs": 3, "processes": 4, "gradient_accumulation_steps": 2}, 3, 2, 6, 3),
        ({"max_train_steps": 10, "processes": 3, "gradient_accumulation_steps": 20}, 4, 1, 10, 10),
    ],
)
def test_counts(values: dict[str, Any], shared: int, per_epoch: int, total: int, epochs: int) -> None:
    """Epochs override steps; batches are shared out among processes, then gathered, and both round up."""
    one = plan(**values)
    assert (one.batches_per_epoch, one.steps_per_epoch, one.total_steps, one.epochs) == (
        *(shared, per_epoch, total, epochs),
    )


def test_where_there_is_nothing_to_count() -> None:
    """Each refusal with its values."""
    assert refusal(batches=0) == "there is no batch to train on"
    assert refusal(gradient_accumulation_steps=0) == "gradient_accumulation_steps is 0"
    assert refusal(max_train_steps=0) == "it would train 0 steps"
    assert refusal(max_train_epochs=-2) == "it would train -20 steps"
    assert refusal(max_train_steps=1 << 53) == "it would train 9007199254740992 steps"
    assert refusal(lr_warmup_steps=1e306) == "a number of steps or epochs is too large to calculate with"
    assert refusal(gradient_accumulation_steps=10**400) == "a number of steps or epochs is too large to calculate with"


@pytest.mark.parametrize(
    ("said", "processes", "told"),
    [(0, 1, 0), (100, 1, 100), (100, 4, 100), (0.1, 1, 30), (0.1, 8, 31), (0.999, 1, 299), (2.0, 1, 600)],
)
def test_what_the_scheduler_is_told(said: float, processes: int, told: int) -> None:
    """Steps as they are; any float times all steps of all processes, rounded down."""
    one = plan(batches=100, processes=processes, max_train_epochs=3, lr_warmup_steps=said, lr_decay_steps=said)
    assert (one.warmup_steps, one.decay_steps) == (told, told)


def test_only_the_end_is_saved_unless_asked() -> None:
    """One checkpoint, no state, no sample."""
    one = plan(max_train_epochs=2)
    assert list(one.checkpoints) == [Planned(file="one.safetensors", step=20, epoch=None, kept=True)]
    assert (list(one.states), list(one.samples), one.checkpoints.kept) == ([], [], 1)


def test_every_epoch_but_the_last() -> None:
    """The last epoch's weights are the final file."""
    one = plan(max_train_epochs=3, save_every_n_epochs=1)
    assert list(one.checkpoints) == [
        Planned(file="one-000001.safetensors", step=10, epoch=1, kept=True),
        Planned(file="one-000002.safetensors", step=20, epoch=2, kept=True),
        Planned(file="one.safetensors", step=30, epoch=None, kept=True),
    ]


def test_every_so_many_steps_the_last_one_included() -> None:
    """Then two files hold the same weights; a step goes before an epoch that ends with it."""
    one = plan(batches=5, max_train_epochs=2, save_every_n_epochs=1, save_every_n_steps=5)
    assert files(one.checkpoints) == [
        ("one-step00000005.safetensors", 5, True),
        ("one-000001.safetensors", 5, True),
        ("one-step00000010.safetensors", 10, True),
        ("one.safetensors", 10, True),
    ]


def test_the_last_few_epochs_are_kept() -> None:
    """As many epoch files as said, and the final one."""
    one = plan(max_train_epochs=6, save_every_n_epochs=1, save_last_n_epochs=2)
    assert [file for file, _, kept in files(one.checkpoints) if kept] == [
        *("one-000004.safetensors", "one-000005.safetensors", "one.safetensors"),
    ]
    assert (len(one.checkpoints), one.checkpoints.kept) == (6, 3)


def test_the_last_so_many_steps_are_kept() -> None:
    """The limit counts steps, not files: 10 leaves two files of every 10."""
    one = plan(max_train_steps=50, save_every_n_steps=10, save_last_n_steps=10)
    assert [step for _, step, kept in files(one.checkpoints) if kept] == [40, 50, 50]
    assert one.checkpoints.by_step == Series(at=range(10, 51, 10), kept=range(40, 51, 10))


def test_states_have_limits_of_their_own() -> None:
    """Where those are not said, or 0, the limits of checkpoints hold."""
    values = {"max_train_epochs": 5, "save_every_n_epochs": 1, "save_last_n_epochs": 3, "save_state": True}
    assert files(plan(**values, save_last_n_epochs_state=1).states) == [
        ("one-000001-state", 10, False),
        ("one-000002-state", 20, False),
        ("one-000003-state", 30, False),
        ("one-000004-state", 40, True),
        ("one-state", 50, True),
    ]
    assert plan(**values, save_last_n_epochs_state=0).states.kept == plan(**values).states.kept == 4


def test_one_state_at_the_end() -> None:
    """Without save_state, save_state_on_train_end writes no other."""
    one = plan(max_train_epochs=3, save_every_n_epochs=1, save_state_on_train_end=True)
    assert files(one.states) == [("one-state", 30, True)]


@pytest.mark.parametrize(("ratio", "saved"), [(2, [5]), (3, [3, 6, 9]), (100, [*range(1, 10)]), (0, [4, 8])])
def test_a_ratio_of_epochs(ratio: int, saved: list[int]) -> None:
    """So many parts, rounded down, but no part shorter than an epoch; it overrides the interval."""
    one = plan(max_train_epochs=10, save_n_epoch_ratio=ratio, save_every_n_epochs=4)
    assert list(one.checkpoints.by_epoch.at) == saved


def test_an_interval_of_zero_saves_nothing() -> None:
    """sd-scripts divides by it: nothing is left to plan."""
    one = plan(max_train_epochs=3, save_every_n_epochs=0, save_every_n_steps=0)
    assert len(one.checkpoints) == 1


def test_samples_by_epoch() -> None:
    """Before the first step if asked, after every interval, the last epoch included; steps are not looked at."""
    one = plan(max_train_epochs=4, sample_at_first=True, sample_every_n_epochs=2, sample_every_n_steps=1)
    assert list(one.samples) == [
        Planned(file="one_e000000", step=0, epoch=0, kept=True),
        Planned(file="one_e000002", step=20, epoch=2, kept=True),
        Planned(file="one_e000004", step=40, epoch=4, kept=True),
    ]
    assert (len(one.samples), one.samples.kept) == (3, 3)


def test_samples_by_step() -> None:
    """Where no interval in epochs is in force; one below 1 is none."""
    one = plan(max_train_steps=12, sample_every_n_epochs=0, sample_every_n_steps=5)
    assert files(one.samples) == [("one_000005", 5, True), ("one_000010", 10, True)]
    assert files(plan(sample_every_n_steps=-1).samples) == []


def test_a_broken_last_epoch() -> None:
    """It ends with the last step."""
    one = plan(max_train_steps=25, sample_every_n_epochs=1)
    assert [(sample.epoch, sample.step) for sample in one.samples] == [(1, 10), (2, 20), (3, 25)]


def test_a_plan_without_end_is_made_at_once() -> None:
    """Nobody waits for a list of what nobody will print."""
    values = {"save_every_n_epochs": 1, "save_last_n_epochs": 2, "save_state": True, "sample_every_n_steps": 1}
    one = plan(max_train_epochs=10**12, **values)
    assert (len(one.checkpoints), one.checkpoints.kept, len(one.samples)) == (10**12, 3, 10**13)
    assert next(iter(one.states)).file == "one-000001-state"


EVERY = st.none() | st.integers(1, 9)
LAST = st.none() | st.integers(0, 30)


@given(st.integers(1, 12), st.integers(1, 120), EVERY, EVERY, LAST, LAST)
def test_what_is_written_is_read_back(
    batches: int, steps: int, epochs: int | None, every: int | None, last_epochs: int | None, last_steps: int | None
) -> None:
    """Names say their epoch or step, time goes on, no name comes twice, and what stays is the newest of its kind."""
    values: dict[str, Any] = {"save_every_n_epochs": epochs, "save_every_n_steps": every, "max_train_steps": steps}
    one = plan(batches, **values, save_last_n_epochs=last_epochs, save_last_n_steps=last_steps)
    planned = list(one.checkpoints)
    assert len({item.file for item in planned}) == len(planned) == len(one.checkpoints)
    assert [item.step for item in planned] == sorted(item.step for item in planned)
    assert (planned[-1].file, planned[-1].step, planned[-1].kept) == ("one.safetensors", steps, True)
    for item in planned[:-1]:
        name = parse_checkpoint(item.file, "one")
        assert name is not None
        assert (name.epoch, name.step) == (item.epoch, None if item.epoch else item.step)
    for kind in (0, 1):
        stays = [item.kept for item in planned[:-1] if (item.epoch is None) == bool(kind)]
        assert stays == sorted(stays)
    assert sum(item.kept for item in planned) == one.checkpoints.kept


@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 9), st.integers(1, 4))
def test_epochs_hold_all_steps(batches: int, steps: int, gathered: int, processes: int) -> None:
    """Just enough epochs for the steps; an epoch has a step for every batch, or fewer."""
    one = plan(batches=batches, processes=processes, max_train_steps=steps, gradient_accumulation_steps=gathered)
    assert (one.epochs - 1) * one.steps_per_epoch < steps <= one.epochs * one.steps_per_epoch
    assert batches <= one.steps_per_epoch * gathered * processes < batches + gathered * processes + processes
