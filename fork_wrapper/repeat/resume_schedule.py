"""What a resumed training does otherwise than an unbroken one: its learning rate first, and the rest in words.

The restored scheduler goes on from its count, but its length is made anew from `max_train_steps`
(library/train_util.py:5274), which is now that of the rest: a cosine would jump, and rise again at the end. The same
function of transformers is therefore named by its path in `lr_scheduler_type`, where sd-scripts hands over
`lr_scheduler_args` alone (library/train_util.py:5300-5311), and these say the planned length.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.schedulers import Scheduler, scheduler
from fork_wrapper.experiment.resolve import Resolved
from fork_wrapper.records.lineage import Position
from fork_wrapper.run.states import Length
from fork_wrapper.text import counted

MODULE = "transformers.optimization"

WITH_LENGTH: Mapping[str, str] = {
    "linear": "get_linear_schedule_with_warmup",
    "cosine": "get_cosine_schedule_with_warmup",
    "cosine_with_restarts": "get_cosine_with_hard_restarts_schedule_with_warmup",
    "polynomial": "get_polynomial_decay_schedule_with_warmup",
    "cosine_with_min_lr": "get_cosine_with_min_lr_schedule_with_warmup",
    "warmup_stable_decay": "get_wsd_schedule",
}
"""Schedulers that are told how long the training is, and the functions behind them (transformers/optimization.py)."""

_BY_PATH = {f"{MODULE}.{function}": name for name, function in WITH_LENGTH.items()}

WARMED = ("constant_with_warmup", "inverse_sqrt")
"""Schedulers that are told the warm-up alone."""

REPLACED = (
    *("lr_scheduler", "lr_warmup_steps", "lr_decay_steps", "lr_scheduler_num_cycles", "lr_scheduler_power"),
    "lr_scheduler_min_lr_ratio",
)
"""Options that `lr_scheduler_args` take the place of."""

WHY = "the learning rate goes on along the planned curve"


@dataclass(frozen=True, kw_only=True)
class Continued:
    """How the learning rate goes on."""

    wanted: Mapping[str, Any]
    """Training options to set; None unsets one."""
    words: str
    """What becomes of it, in one line."""


def continued(training: Mapping[str, Any], *, total: int, processes: int) -> Continued:
    """How to go on with the scheduler of `training`, planned for `total` optimizer steps.

    The scheduler counts one for each process in each step (library/train_util.py:5274).
    """
    case = Case(training=training, dataset={})
    one, steps = scheduler(case), total * processes
    if one.kind == "named" and one.name in WITH_LENGTH:
        return _by_path(case, one, steps)
    if one.kind == "named" and one.name in WARMED:
        return _warmed(case, one, steps, processes)
    return Continued(wanted={}, words=_words(one))


def _by_path(case: Case, one: Scheduler, steps: int) -> Continued:
    arguments = {**_arguments(case, one.name, steps), **_said(case)}
    wanted: dict[str, Any] = {key: None for key in REPLACED if case.said(key)}
    wanted |= {
        "lr_scheduler_type": f"{MODULE}.{WITH_LENGTH[one.name]}",
        "lr_scheduler_args": [f"{key}={value}" for key, value in arguments.items()],
    }
    words = f"{one.name}: it goes on along the planned curve; sd-scripts would compute it anew for the rest"
    return Continued(wanted=wanted, words=words)


def _arguments(case: Case, name: str, steps: int) -> dict[str, str]:
    """What sd-scripts would pass for the whole training (library/train_util.py:5345-5399), spelled for it to read."""
    warmup, decay = (_in_steps(case.get(key), steps) for key in ("lr_warmup_steps", "lr_decay_steps"))
    cycles, least = case.get("lr_scheduler_num_cycles"), case.get("lr_scheduler_min_lr_ratio")
    passed: dict[str, Any] = {"num_warmup_steps": warmup}
    if name == "warmup_stable_decay":
        passed |= {"num_stable_steps": steps - warmup - decay, "num_decay_steps": decay, "num_cycles": cycles / 2}
        passed |= {"min_lr_ratio": 0.0 if least is None else least}
    else:
        passed |= {"num_training_steps": steps}
    if name == "cosine_with_restarts":
        passed |= {"num_cycles": cycles}
    elif name == "polynomial":
        passed |= {"power": case.get("lr_scheduler_power")}
    elif name == "cosine_with_min_lr":
        passed |= {"num_cycles": cycles / 2, "min_lr_rate": least}
    return {key: repr(value) for key, value in passed.items()}


def _said(case: Case) -> dict[str, str]:
    """What `lr_scheduler_args` says already, as it is written."""
    return dict(text.split("=", 1) for text in case.get("lr_scheduler_args") or [])


def _warmed(case: Case, one: Scheduler, steps: int, processes: int) -> Continued:
    value = case.get("lr_warmup_steps")
    warmup = _in_steps(value, steps)
    wanted = {"lr_warmup_steps": warmup} if isinstance(value, float) else {}
    words = f"{one.name}: it goes on as planned, its warm-up over at step {warmup // processes}"
    return Continued(wanted=wanted, words=words)


def _in_steps(value: float | None, steps: int) -> int:
    """A float is a ratio of all steps (library/train_util.py:5275-5280)."""
    return int(value * steps) if isinstance(value, float) else int(value or 0)


def _words(one: Scheduler) -> str:
    if one.kind == "none":
        return "none: a schedule-free optimizer keeps its own count, which is restored"
    if one.kind == "adafactor":
        return "Adafactor's own: it follows the optimizer, which is restored"
    if one.name in _BY_PATH:
        return f"{_BY_PATH[one.name]}: it goes on along the planned curve, whose length stands in lr_scheduler_args"
    if one.kind == "class":
        return f"{one.name}: its length stands in lr_scheduler_args; it goes on as planned"
    return f"{one.name}: it goes on as planned"


LIMITS = ("save_last_n_epochs", "save_last_n_steps", "save_last_n_epochs_state", "save_last_n_steps_state")


def consequences(resolved: Resolved, done: Position, own: int, length: Length, processes: int) -> list[str]:
    """One line for each.

    Args:
        resolved: the values of the run that saved the state.
        done: where the training was then.
        own: the steps that this run had done then.
        length: of this run.
        processes: that trained, on all machines.
    """
    case = Case(training=resolved.training, dataset=resolved.dataset)
    epochs = _epochs(done, own, length.steps_per_epoch)
    return [*_counts(done), *epochs, *_data(case), *_spacing(case, done), *_others(case, processes)]


def _counts(done: Position) -> Iterator[str]:
    yield (
        f"the new run counts from 0: its checkpoints are named so, and sidecars add {counted(done.step, 'step')} "
        f"and {counted(done.epoch, 'epoch')}"
    )
    yield "the mean loss that the trainer shows begins anew with the first step"


def _epochs(done: Position, own: int, per_epoch: int | None) -> Iterator[str]:
    if not per_epoch:
        return
    if into := own % per_epoch:
        yield (
            f"the state was saved {counted(into, 'step')} into an epoch of {per_epoch}: the data loader begins a new "
            "one, so that some images come once more and others once less"
        )
    if late := done.step - done.epoch * per_epoch:
        yield f"epochs, and what they set off, end {counted(late, 'step')} later than planned, the last one unfinished"


def _data(case: Case) -> Iterator[str]:
    """library/train_util.py:1086-1091 shuffles by seed + epoch, 833 and 891-895 look at epoch and step."""
    if case.get("seed") is not None:
        yield "the data set is shuffled by seed and epoch, counted from 1 again: the batches of the first epochs return"
    keys = ("token_warmup_step", "caption_dropout_every_n_epochs")
    for key in keys:
        if any(subset.get(key) for subset in case.subsets):
            yield f"{key} counts from the beginning of the new run"


def _spacing(case: Case, done: Position) -> Iterator[str]:
    for what in ("save", "sample"):
        for unit, count in (("steps", done.step), ("epochs", done.epoch)):
            every = case.get(f"{what}_every_n_{unit}")
            if every and count % every:
                yield f"{what}_every_n_{unit} = {every} comes due at {unit[:-1]} {count + every} of the training next"


def _others(case: Case, processes: int) -> Iterator[str]:
    if processes > 1:  # states are saved by the main process alone (sdxl_train.py:777-781, 826)
        yield "random numbers of the first process alone are in a state: those of the others begin anew"
    if any(case.get(key) is not None for key in LIMITS):
        yield "save_last_n_* removes files of the new run alone; those of the run before it stay"
    groups = case.get("fused_optimizer_groups") or 0
    if groups > 1:  # sdxl_train.py:520-544
        yield "of the fused optimizer groups the first one alone is restored; the others and their rates begin anew"
