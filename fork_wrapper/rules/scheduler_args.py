"""Rules about `lr_scheduler_args`, and about options of single schedulers."""

from collections.abc import Iterator
from typing import Any

from fork_wrapper.rules.arguments import fits, in_words
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import Optimizer, optimizer
from fork_wrapper.rules.rates import rates
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.rules.schedulers import OPTION_OF, Scheduler, scheduler
from fork_wrapper.words import counted

CYCLES = {"CyclicLR", "OneCycleLR"}
PER_GROUP = ("base_lr", "max_lr", "base_momentum", "max_momentum")


@rule(
    "scheduler-args-name",
    "error",
    phase="model",
    when="an argument that the scheduler does not take, or that sd-scripts gives it already",
    why="Python stops with a TypeError. Steps, cycles, power, timescale and the least ratio have options of their own.",
    fix="remove it, or correct its name",
    source="library/train_util.py:5287-5399",
)
def scheduler_args_name(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    for argument in one.arguments:
        if one.takes is not None and not argument.problem and argument.name not in one.takes:
            option = OPTION_OF.get(argument.name, "") if one.kind == "named" else ""
            todo = f"set {option} instead" if option else f"choose from: {', '.join(one.takes)}"
            what = f"lr_scheduler_args: {one.name} takes no {argument.name!r}"
            yield Hit(what=what, at=case.at("lr_scheduler_args"), todo=todo)


@rule(
    "scheduler-args-value",
    "error",
    phase="model",
    when="a value that the scheduler refuses, or fails with",
    why="Some are checked when the scheduler is made; with others it fails while it calculates.",
    fix="write a value that the message names",
    source="library/train_util.py:5287-5399",
)
def scheduler_args_value(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    for name, value in one.values.items():
        kind = (one.takes or {}).get(name, "any")
        if not fits(value, kind):
            what = f"lr_scheduler_args: {name} of {one.name} must be {in_words(kind)}, not {value!r}"
            yield Hit(what=what, at=case.at("lr_scheduler_args"))


@rule(
    "scheduler-args-required",
    "error",
    phase="model",
    when="an lr_scheduler_type without an argument that its class needs",
    why="Python stops with a TypeError.",
    fix="add it to lr_scheduler_args, as name=value",
    source="library/train_util.py:5299-5311",
)
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


@rule(
    "scheduler-args-clash",
    "error",
    phase="model",
    when="arguments of a scheduler that do not go together, or not with the optimizer and its groups",
    why="The scheduler refuses them, or fails with them, once the model is loaded.",
    fix="change one of the two that the message names",
    source="library/train_util.py:5299-5311, library/train_util.py:5360-5368",
)
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


@rule(
    "step-rules",
    "error",
    phase="model",
    when="step_rules of piecewise_constant that cannot be read",
    why="It is a text of factor:step pairs with commas between, and a last factor alone: '1:100,0.1:200,0.01'.",
    fix="""write lr_scheduler_args = ["step_rules='1:100,0.1:200,0.01'"]""",
    source="library/train_util.py:5321-5324",
)
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


@rule(
    "polynomial-end",
    "error",
    phase="model",
    when="polynomial with a learning_rate that is not above lr_end, which is 1e-7 where nobody says it",
    why="The scheduler compares both when it is made. It looks at learning_rate even when block_lr or the text "
    "encoders have rates of their own.",
    fix="raise learning_rate, or lower lr_end in lr_scheduler_args",
    source="library/train_util.py:5355-5358",
)
def polynomial_end(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    end = one.values.get("lr_end", 1e-7)
    rate = case.get("learning_rate")
    if one.kind == "named" and one.name == "polynomial" and isinstance(end, (int, float)) and rate <= end:
        what = f"polynomial ends at {end}, and begins at learning_rate = {rate}"
        yield Hit(what=what, at=case.at("learning_rate"))


@rule(
    "least-ratio",
    "warning",
    phase="never",
    when="lr_scheduler_min_lr_ratio outside of 0 to 1",
    why="It is the part of the rate that is left at the end: above 1 the rate grows, below 0 it is 0 before the end.",
    fix="set a number from 0 to 1",
    source="library/train_util.py:5360-5368, library/train_util.py:5382-5391",
)
def least_ratio(case: Case) -> Iterator[Hit]:
    one, ratio = scheduler(case), case.get("lr_scheduler_min_lr_ratio")
    used = one.kind == "named" and one.name in {"cosine_with_min_lr", "warmup_stable_decay"}
    if used and ratio is not None and not 0 <= ratio <= 1:
        what = f"lr_scheduler_min_lr_ratio = {ratio} is no part of the rate"
        yield Hit(what=what, at=case.at("lr_scheduler_min_lr_ratio"))


@rule(
    "cycles-idle",
    "warning",
    phase="never",
    when="lr_scheduler_num_cycles below 1 with a scheduler that counts cycles",
    why="0 cycles are a constant rate, and a negative number begins in the middle of one.",
    fix="set lr_scheduler_num_cycles to 1 or more",
    source="library/train_util.py:5345-5353, library/train_util.py:5360-5368",
)
def cycles_idle(case: Case) -> Iterator[Hit]:
    one, cycles = scheduler(case), case.get("lr_scheduler_num_cycles")
    if one.kind == "named" and one.name in {"cosine_with_restarts", "cosine_with_min_lr"} and cycles < 1:
        what = f"lr_scheduler_num_cycles = {cycles} makes no cycle of {one.name}"
        yield Hit(what=what, at=case.at("lr_scheduler_num_cycles"))
