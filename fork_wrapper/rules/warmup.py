"""Rules about the phases of a schedule against the length of the training: warm-up, decay, and what divides by zero."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.rules.schedulers import Scheduler, in_steps, scheduler, total
from fork_wrapper.words import counted

KEYS = ("lr_warmup_steps", "lr_decay_steps")


@rule(
    "warmup-needless",
    "error",
    phase="model",
    when="lr_warmup_steps with a scheduler that has no warm-up: constant, Adafactor's own, any lr_scheduler_type",
    why="sd-scripts raises a ValueError once the base model is loaded. A ratio of less than one step passes.",
    fix='set lr_scheduler = "constant_with_warmup", or unset lr_warmup_steps',
    source="library/train_util.py:5294-5297, library/train_util.py:5311, library/train_util.py:5319, "
    "library/train_util.py:5329-5330",
)
def warmup_needless(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    without = one.kind in {"class", "adafactor"} or (one.kind == "named" and one.name == "constant")
    if without and in_steps(case, "lr_warmup_steps") != 0:
        name = "Adafactor's own scheduler" if one.kind == "adafactor" else one.name
        what = f"{name} has no warm-up, and lr_warmup_steps is {case.get('lr_warmup_steps')}"
        yield Hit(what=what, at=case.at("lr_warmup_steps"))


@rule(
    "warmup-float",
    "warning",
    phase="never",
    when="lr_warmup_steps or lr_decay_steps as a number with a decimal point, of 1.0 or more",
    why="In a config file every such number is a ratio: 100.0 is a hundred times the whole training.",
    fix="write a whole number for steps, or a ratio below 1.0",
    source="library/train_util.py:5275-5280",
)
def warmup_float(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    for key, used in zip(KEYS, (one.warms, _decays(one)), strict=True):
        value = case.get(key)
        if used and isinstance(value, float) and value >= 1:
            yield Hit(what=f"{key} = {value} is {value:g} times the whole training", at=case.at(key))


def _decays(one: Scheduler) -> bool:
    return _is_named(one, "warmup_stable_decay")


@rule(
    "warmup-long",
    "warning",
    phase="never",
    when="lr_warmup_steps as long as the training, or longer",
    why="The rate never gets to where it should.",
    fix="shorten the warm-up",
    source="library/train_util.py:5274-5280",
)
def warmup_long(case: Case) -> Iterator[Hit]:
    value = case.get("lr_warmup_steps")
    if scheduler(case).warms and isinstance(value, int) and value > 0:
        steps = total(case)
        if steps is not None and 0 < steps <= value:
            what = f"lr_warmup_steps = {value} takes the whole training of {counted(steps, 'scheduler step')}"
            yield Hit(what=what, at=case.at("lr_warmup_steps"))


@rule(
    "warmup-negative",
    "warning",
    phase="never",
    when="lr_warmup_steps below 0 with a scheduler that decays",
    why="The decay is stretched to begin before the training: the first rate is a lower one.",
    fix="set lr_warmup_steps to 0 or more",
    source="library/train_util.py:5274-5280",
)
def warmup_negative(case: Case) -> Iterator[Hit]:
    value, one = case.get("lr_warmup_steps"), scheduler(case)
    if value < 0 and one.warms and one.name != "constant_with_warmup":
        yield Hit(what=f"lr_warmup_steps = {value} begins in the middle of {one.name}", at=case.at("lr_warmup_steps"))


@rule(
    "schedule-processes",
    "warning",
    phase="never",
    when="steps of a schedule as whole numbers, with several processes",
    why="For each training step the scheduler takes one step per process: what is said in steps is over sooner. Ratios "
    "are right.",
    fix="write a ratio below 1.0, or the steps times the number of processes",
    source="library/train_util.py:5274-5280, sdxl_train.py:750",
)
def schedule_processes(case: Case) -> Iterator[Hit]:
    one, processes = scheduler(case), case.host.processes
    if processes == 1:
        return
    for key, used in zip(KEYS, (one.warms, _decays(one)), strict=True):
        value = case.get(key)
        if used and isinstance(value, int) and value > 0:
            what = f"{key} = {value} lasts {counted(value / processes, 'training step')} with {processes} processes"
            yield Hit(what=what, at=case.at(key))
    if one.arguments and (one.kind == "class" or one.name == "piecewise_constant"):
        what = f"{one.name} counts {processes} steps for each training step"
        yield Hit(what=what, at=case.at("lr_scheduler_args"))


@rule(
    "polynomial-warmup",
    "error",
    phase="end",
    when="polynomial with a warm-up exactly as long as the training",
    why="Nothing is left to decay over, and the scheduler divides by that at the last step: the training ends without "
    "its last checkpoint.",
    fix="shorten the warm-up",
    source="library/train_util.py:5355-5358, sdxl_train.py:750",
)
def polynomial_warmup(case: Case) -> Iterator[Hit]:
    value = case.get("lr_warmup_steps")
    if _is_named(scheduler(case), "polynomial") and value and _is_whole(case):
        what = f"polynomial divides by zero at its last step: lr_warmup_steps = {value} is the whole training"
        yield Hit(what=what, at=case.at("lr_warmup_steps"))


def _is_whole(case: Case) -> bool:
    """Whether the warm-up is exactly as long as the training; a ratio of 1.0 is, however long that be."""
    value = case.get("lr_warmup_steps")
    if isinstance(value, float) and value == 1.0:
        return True
    steps = total(case)
    return steps is not None and in_steps(case, "lr_warmup_steps") == steps


def _is_named(one: Scheduler, name: str) -> bool:
    return one.kind == "named" and one.name == name


@rule(
    "polynomial-power",
    "error",
    phase="end",
    when="polynomial with a negative lr_scheduler_power",
    why="What is left of the training is raised to that power, and at the last step nothing is left: a division by "
    "zero before the last checkpoint. On the way there the rate grows.",
    fix="set lr_scheduler_power above 0",
    source="library/train_util.py:5355-5358, sdxl_train.py:750",
)
def polynomial_power(case: Case) -> Iterator[Hit]:
    power = case.get("lr_scheduler_power")
    if _is_named(scheduler(case), "polynomial") and power < 0 and not _warms_beyond_end(case):
        what = f"polynomial divides by zero at its last step: lr_scheduler_power = {power}"
        yield Hit(what=what, at=case.at("lr_scheduler_power"))


def _warms_beyond_end(case: Case) -> bool:
    warmup, steps = in_steps(case, "lr_warmup_steps"), total(case)
    return warmup is not None and steps is not None and warmup > steps


@rule(
    "inverse-sqrt-timescale",
    "error",
    phase="step",
    when="inverse_sqrt that comes to a timescale of 0 or below, which is lr_warmup_steps where nobody says it",
    why="The rate is divided by a root that becomes 0 as soon as the warm-up is over: at once with a timescale of 0, "
    "after as many steps with a negative one.",
    fix="set lr_scheduler_timescale above 0, or unset it, and lr_warmup_steps to 0 or more",
    source="library/train_util.py:5339-5340",
)
def inverse_sqrt_timescale(case: Case) -> Iterator[Hit]:
    if _is_named(scheduler(case), "inverse_sqrt") and _divides_by_zero(case):
        key = "lr_warmup_steps" if case.get("lr_scheduler_timescale") is None else "lr_scheduler_timescale"
        yield Hit(what=f"inverse_sqrt divides by zero: {key} = {case.get(key)}", at=case.at(key))


def _divides_by_zero(case: Case) -> bool:
    """Whether the training is long enough to get to the step where the root is 0."""
    timescale, warmup = case.get("lr_scheduler_timescale"), in_steps(case, "lr_warmup_steps") or 0
    if timescale is None:
        return warmup < 0
    if timescale > 0:
        return False
    steps = total(case)
    return steps is None or bool(warmup - timescale <= steps)


@rule(
    "decay-missing",
    "warning",
    phase="never",
    when="warmup_stable_decay without lr_decay_steps",
    why="There is nothing to decay over: the rate stays what it is until the last step.",
    fix="set lr_decay_steps = 0.2 for the last fifth, or choose constant_with_warmup",
    source="library/train_util.py:5281, library/train_util.py:5382-5391",
)
def decay_missing(case: Case) -> Iterator[Hit]:
    value = case.get("lr_decay_steps")
    if _decays(scheduler(case)) and value <= 0:
        yield Hit(what=f"warmup_stable_decay does not decay: lr_decay_steps = {value}", at=case.at("lr_decay_steps"))


@rule(
    "decay-long",
    "warning",
    phase="never",
    when="warmup_stable_decay with a warm-up and a decay that are longer than the training together",
    why="The decay has begun before the warm-up is over, and the rate falls at once to where it would be by then.",
    fix="shorten one of the two",
    source="library/train_util.py:5281, library/train_util.py:5382-5391",
)
def decay_long(case: Case) -> Iterator[Hit]:
    if not _decays(scheduler(case)):
        return
    warmup, decay, steps = in_steps(case, "lr_warmup_steps"), in_steps(case, "lr_decay_steps"), total(case)
    if warmup is not None and decay is not None and steps is not None and decay > 0 and warmup + decay > steps > 0:
        what = f"warm-up and decay take {counted(warmup + decay, 'scheduler step')}, and the training has {steps}"
        yield Hit(what=what, at=case.at("lr_decay_steps"))
