"""The learning rate of a resumed training: which values let it go on as planned, and what to say of it.

The restored scheduler goes on from its count, but its length is made anew from `max_train_steps`
(library/train_util.py:5274), which is now that of the rest: a cosine would jump, and rise again at the end. The same
function of transformers is therefore named by its path in `lr_scheduler_type`, where sd-scripts hands over
`lr_scheduler_args` alone (library/train_util.py:5300-5311), and these say the planned length.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.schedulers import Scheduler, scheduler

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
