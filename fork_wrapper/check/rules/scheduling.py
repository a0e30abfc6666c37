"""Rules about the learning rate scheduler: its arguments, and its phases against the length of the training."""

from collections.abc import Iterator
from typing import Any

from fork_wrapper.check.rules.arguments import fits, in_words
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.optimizers import Optimizer, optimizer
from fork_wrapper.check.rules.rates import rates
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.check.rules.schedulers import OPTION_OF, TORCH, Scheduler, in_steps, scheduler, total
from fork_wrapper.text import counted


@rule("scheduler-needs")
def scheduler_needs(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    if one.kind != "named":
        return
    least = case.get("lr_scheduler_min_lr_ratio") is not None or one.values.get("min_lr") is not None
    if one.name == "cosine_with_min_lr" and not least and "min_lr_rate" not in one.values:
        yield Hit(what="cosine_with_min_lr needs lr_scheduler_min_lr_ratio", at=one.at)
    if one.name == "piecewise_constant" and "step_rules" not in one.values:
        what = """piecewise_constant needs lr_scheduler_args = ["step_rules='1:10,0.1'"]"""
        yield Hit(what=what, at=one.at)


@rule("scheduler-type-unknown")
def scheduler_type_unknown(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    module, _, name = one.name.rpartition(".")
    if one.kind != "class" or one.known:
        return
    if "." not in one.name:
        yield Hit(what=f'lr_scheduler_type = "{one.name}" is no class of {TORCH}', at=one.at)
    elif not module.strip(".") or not name:
        yield Hit(what=f'lr_scheduler_type = "{one.name}" names no class', at=one.at)


@rule("scheduler-type-unchecked")
def scheduler_type_unchecked(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    module, _, name = one.name.rpartition(".")
    if one.kind == "class" and not one.known and module.strip(".") and name:
        yield Hit(what=f"the scheduler {one.name} is not known here", at=one.at)


USES = {
    "lr_scheduler_num_cycles": ("cosine_with_restarts", "cosine_with_min_lr", "warmup_stable_decay"),
    "lr_scheduler_power": ("polynomial",),
    "lr_scheduler_timescale": ("inverse_sqrt",),
    "lr_scheduler_min_lr_ratio": ("cosine_with_min_lr", "warmup_stable_decay"),
    "lr_decay_steps": ("warmup_stable_decay",),
}
"""Options of single schedulers, and who looks at them."""
UNSET = {"lr_scheduler_num_cycles": 1, "lr_scheduler_power": 1, "lr_decay_steps": 0}
"""Their values where nobody says any, if not None."""


@rule("schedule-unused")
def schedule_unused(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    if one.kind == "none":
        return
    for key, users in USES.items():
        if case.get(key) != UNSET.get(key) and not (one.kind == "named" and one.name in users):
            what = f"{key} = {case.get(key)} does not count with {_spelled(one.kind, one.name)}"
            yield Hit(what=what, at=case.at(key))
    if one.kind == "named" and one.name == "piecewise_constant" and case.get("lr_warmup_steps"):
        what = f"lr_warmup_steps = {case.get('lr_warmup_steps')} does not count with piecewise_constant"
        yield Hit(what=what, at=case.at("lr_warmup_steps"))


def _spelled(kind: str, name: str) -> str:
    return "Adafactor's own scheduler" if kind == "adafactor" else name


CYCLES = {"CyclicLR", "OneCycleLR"}
PER_GROUP = ("base_lr", "max_lr", "base_momentum", "max_momentum")


@rule("scheduler-args-name")
def scheduler_args_name(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    for argument in one.arguments:
        if one.takes is not None and not argument.problem and argument.name not in one.takes:
            option = OPTION_OF.get(argument.name, "") if one.kind == "named" else ""
            todo = f"set {option} instead" if option else f"choose from: {', '.join(one.takes)}"
            what = f"lr_scheduler_args: {one.name} takes no {argument.name!r}"
            yield Hit(what=what, at=case.at("lr_scheduler_args"), todo=todo)


@rule("scheduler-args-value")
def scheduler_args_value(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    for name, value in one.values.items():
        kind = (one.takes or {}).get(name, "any")
        if not fits(value, kind):
            what = f"lr_scheduler_args: {name} of {one.name} must be {in_words(kind)}, not {value!r}"
            yield Hit(what=what, at=case.at("lr_scheduler_args"))


@rule("scheduler-args-required")
def scheduler_args_required(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    if one.known is None:
        return
    for name in one.known.required:
        if name not in one.values:
            yield Hit(what=f"{one.name} needs {name} in lr_scheduler_args", at=one.at)
    if one.name == "OneCycleLR" and not _has_length(one):
        yield Hit(what="OneCycleLR needs total_steps in lr_scheduler_args", at=one.at)


def _has_length(one: Scheduler) -> bool:
    parts = [one.values.get(name) for name in ("epochs", "steps_per_epoch")]
    return one.values.get("total_steps") is not None or all(isinstance(part, int) and part > 0 for part in parts)


@rule("scheduler-args-clash")
def scheduler_args_clash(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    for words in (*_clashes_of_least(one, case), *_clashes_of_cycles(one, case)):
        yield Hit(what=words, at=case.at("lr_scheduler_args"))


def _clashes_of_least(one: Scheduler, case: Case) -> Iterator[str]:
    if one.kind != "named" or one.name != "cosine_with_min_lr" or one.values.get("min_lr") is None:
        return
    if case.get("lr_scheduler_min_lr_ratio") is not None:
        yield "min_lr in lr_scheduler_args and lr_scheduler_min_lr_ratio both say the least rate"
    elif case.get("learning_rate") == 0:
        yield "min_lr in lr_scheduler_args is divided by learning_rate, which is 0"


def _clashes_of_cycles(one: Scheduler, case: Case) -> Iterator[str]:
    if one.known is None or one.name not in CYCLES:
        return
    chosen, count = optimizer(case), 1 if case.get("fused_optimizer_groups") else len(rates(case))
    if one.values.get("cycle_momentum", True) and _has_no_momentum(chosen):
        yield f"{one.name} needs cycle_momentum=False: {chosen.name} has no momentum"
    for name in PER_GROUP:
        value = one.values.get(name)
        if isinstance(value, (list, tuple)) and len(value) != count:
            values, groups = counted(len(value), "value"), counted(count, "parameter group")
            yield f"{name} in lr_scheduler_args has {values} for {groups}"


def _has_no_momentum(one: Optimizer) -> bool:
    taken: Any = one.known.arguments if one.known else None
    return one.module in {"torch", "transformers"} and taken is not None and not {"momentum", "betas"} & set(taken)


@rule("step-rules")
def step_rules(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    if one.kind == "named" and one.name == "piecewise_constant" and "step_rules" in one.values:
        rules = one.values["step_rules"]
        if not _are_rules(rules):
            what = f"step_rules must be a text of factor:step pairs and a last factor, not {rules!r}"
            yield Hit(what=what, at=case.at("lr_scheduler_args"))


def _are_rules(rules: Any) -> bool:
    try:
        *pairs, last = rules.split(",")
        for pair in pairs:
            factor, step = pair.split(":")
            float(factor), int(step)
        float(last)
    except (AttributeError, ValueError):
        return False
    return True


@rule("polynomial-end")
def polynomial_end(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    end = one.values.get("lr_end", 1e-7)
    rate = case.get("learning_rate")
    if one.kind == "named" and one.name == "polynomial" and isinstance(end, (int, float)) and rate <= end:
        what = f"polynomial ends at {end}, and begins at learning_rate = {rate}"
        yield Hit(what=what, at=case.at("learning_rate"))


KEYS = ("lr_warmup_steps", "lr_decay_steps")


@rule("warmup-needless")
def warmup_needless(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    without = one.kind in {"class", "adafactor"} or (one.kind == "named" and one.name == "constant")
    if without and in_steps(case, "lr_warmup_steps") != 0:
        name = "Adafactor's own scheduler" if one.kind == "adafactor" else one.name
        what = f"{name} has no warm-up, and lr_warmup_steps is {case.get('lr_warmup_steps')}"
        yield Hit(what=what, at=case.at("lr_warmup_steps"))


@rule("warmup-float")
def warmup_float(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    for key, used in zip(KEYS, (one.warms, _decays(one)), strict=True):
        value = case.get(key)
        if used and isinstance(value, float) and value >= 1:
            yield Hit(what=f"{key} = {value} is {value:g} times the whole training", at=case.at(key))


def _decays(one: Scheduler) -> bool:
    return _is_named(one, "warmup_stable_decay")


@rule("warmup-long")
def warmup_long(case: Case) -> Iterator[Hit]:
    value = case.get("lr_warmup_steps")
    if scheduler(case).warms and isinstance(value, int) and value > 0:
        steps = total(case)
        if steps is not None and 0 < steps <= value:
            what = f"lr_warmup_steps = {value} takes the whole training of {counted(steps, 'scheduler step')}"
            yield Hit(what=what, at=case.at("lr_warmup_steps"))


@rule("schedule-processes")
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


@rule("polynomial-warmup")
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


@rule("polynomial-power")
def polynomial_power(case: Case) -> Iterator[Hit]:
    power = case.get("lr_scheduler_power")
    if _is_named(scheduler(case), "polynomial") and power < 0 and not _warms_beyond_end(case):
        what = f"polynomial divides by zero at its last step: lr_scheduler_power = {power}"
        yield Hit(what=what, at=case.at("lr_scheduler_power"))


def _warms_beyond_end(case: Case) -> bool:
    warmup, steps = in_steps(case, "lr_warmup_steps"), total(case)
    return warmup is not None and steps is not None and warmup > steps


@rule("inverse-sqrt-timescale")
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


@rule("decay-long")
def decay_long(case: Case) -> Iterator[Hit]:
    if not _decays(scheduler(case)):
        return
    warmup, decay, steps = in_steps(case, "lr_warmup_steps"), in_steps(case, "lr_decay_steps"), total(case)
    if warmup is not None and decay is not None and steps is not None and decay > 0 and warmup + decay > steps > 0:
        what = f"warm-up and decay take {counted(warmup + decay, 'scheduler step')}, and the training has {steps}"
        yield Hit(what=what, at=case.at("lr_decay_steps"))
