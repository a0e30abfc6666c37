"""Rules about the two ways to step inside the backward pass: fused_backward_pass and fused_optimizer_groups."""

from collections.abc import Iterator
from itertools import groupby

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import optimizer
from fork_wrapper.rules.rates import rates
from fork_wrapper.rules.rule import Hit, rule


def groups(case: Case) -> int:
    """`fused_optimizer_groups` as far as sd-scripts looks at it: 0 is off."""
    return int(case.get("fused_optimizer_groups") or 0)


def _optimizers(case: Case) -> int:
    """How many optimizers there will be at least (sdxl_train.py:374-414); a new rate begins a new one."""
    return max(groups(case), len(list(groupby(rate.value for rate in rates(case)))))


@rule(
    "fused-optimizer",
    "error",
    phase="model",
    when="fused_backward_pass with an optimizer other than Adafactor",
    why="sd-scripts has the fused step for Adafactor alone, and stops with an AssertionError.",
    fix='set optimizer_type = "Adafactor", or fused_optimizer_groups = 10 instead of fused_backward_pass',
    source="library/train_util.py:4848-4851",
)
def fused_optimizer(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if case.get("fused_backward_pass") and not one.adafactor:
        yield Hit(what=f"fused_backward_pass is for Adafactor, not for {one.name}", at=case.at("fused_backward_pass"))


@rule(
    "fused-accumulation",
    "error",
    phase="model",
    when="fused_backward_pass with gradient_accumulation_steps other than 1",
    why="Gradients are gone after each backward pass; sd-scripts stops with an AssertionError.",
    fix="set gradient_accumulation_steps = 1, and raise batch_size, or unset fused_backward_pass",
    source="library/train_util.py:4852-4854",
)
def fused_accumulation(case: Case) -> Iterator[Hit]:
    steps = case.get("gradient_accumulation_steps")
    if case.get("fused_backward_pass") and steps != 1:
        what = f"fused_backward_pass cannot accumulate, and gradient_accumulation_steps is {steps}"
        yield Hit(what=what, at=case.at("gradient_accumulation_steps"))


@rule(
    "fused-groups-accumulation",
    "warning",
    phase="never",
    when="fused_optimizer_groups with gradient_accumulation_steps above 1",
    why="accelerate holds back the steps of all optimizers but the first, which it does not wrap: that one steps after "
    "each batch, the others after all of them.",
    fix="set gradient_accumulation_steps = 1, and raise batch_size, or unset fused_optimizer_groups",
    source="sdxl_train.py:411-414, sdxl_train.py:501, sdxl_train.py:540-568",
)
def fused_groups_accumulation(case: Case) -> Iterator[Hit]:
    steps = case.get("gradient_accumulation_steps")
    if groups(case) and steps > 1 and not case.get("fused_backward_pass"):
        what = f"the first of the optimizer groups steps {steps} times as often as the others"
        yield Hit(what=what, at=case.at("gradient_accumulation_steps"))


@rule(
    "fused-fp16",
    "error",
    phase="step",
    when='mixed_precision = "fp16" with fused_backward_pass or fused_optimizer_groups, and max_grad_norm not 0',
    why="Clipping takes the loss scale off again for every single parameter, and torch allows that once a step.",
    fix='set mixed_precision = "bf16"',
    source="sdxl_train.py:532-536, sdxl_train.py:560-568",
)
def fused_fp16(case: Case) -> Iterator[Hit]:
    if (key := _fused_in_fp16(case)) and case.get("max_grad_norm") != 0:
        yield Hit(what=f'{key} cannot clip gradients with mixed_precision = "fp16"', at=case.at(key))


@rule(
    "fused-fp16-scaled",
    "warning",
    phase="never",
    when='mixed_precision = "fp16" with fused_backward_pass or fused_optimizer_groups, and max_grad_norm = 0',
    why="fused_backward_pass, and the first of the groups, steps with gradients that still carry the loss scale, and "
    "goes on where half precision overflows.",
    fix='set mixed_precision = "bf16"',
    source="sdxl_train.py:501, sdxl_train.py:532-536, sdxl_train.py:555-568",
)
def fused_fp16_scaled(case: Case) -> Iterator[Hit]:
    if (key := _fused_in_fp16(case)) and case.get("max_grad_norm") == 0:
        yield Hit(what=f'{key} steps with scaled gradients with mixed_precision = "fp16"', at=case.at(key))


def _fused_in_fp16(case: Case) -> str:
    """The fused option in force where the loss is scaled; else empty."""
    if case.get("mixed_precision") != "fp16":
        return ""
    if case.get("fused_backward_pass"):
        return "fused_backward_pass"
    return "fused_optimizer_groups" if groups(case) else ""


@rule(
    "fused-both",
    "warning",
    phase="never",
    when="fused_backward_pass and fused_optimizer_groups",
    why="The optimizer is split into groups, and fused_backward_pass then looks after the first one. The weights of "
    "the others never change.",
    fix="unset fused_optimizer_groups",
    source="sdxl_train.py:414, sdxl_train.py:523-540",
)
def fused_both(case: Case) -> Iterator[Hit]:
    if case.get("fused_backward_pass") and groups(case) and _optimizers(case) > 1:
        what = f"of {_optimizers(case)} optimizer groups fused_backward_pass trains the first one alone"
        yield Hit(what=what, at=case.at("fused_optimizer_groups"))


@rule(
    "fused-groups-adafactor",
    "error",
    phase="model",
    when="fused_optimizer_groups with an Adafactor that finds its own rates, and more than one group",
    why="The first Adafactor clears the learning rate, and the second one writes None into the scheduler's name.",
    fix='add "relative_step=False" to optimizer_args, or set fused_backward_pass instead of fused_optimizer_groups',
    source="library/train_util.py:5058-5081, library/train_util.py:5317, sdxl_train.py:383-413",
)
def fused_groups_adafactor(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    own = not case.get("lr_scheduler_type")  # which is made instead of Adafactor's scheduler
    if groups(case) and one.relative and own and _optimizers(case) > 1:
        what = f"Adafactor with relative_step=True cannot be split into {_optimizers(case)} groups"
        yield Hit(what=what, at=case.at("fused_optimizer_groups"))


@rule(
    "fused-groups-adapting",
    "warning",
    phase="never",
    when="fused_optimizer_groups with Prodigy or D-Adaptation",
    why="They measure over all weights how far to go. Every group is an optimizer of its own, and finds its own.",
    fix="unset fused_optimizer_groups, or choose another optimizer",
    source="sdxl_train.py:409-414",
)
def fused_groups_adapting(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if groups(case) and one.adapts and _optimizers(case) > 1:
        what = f"each of {_optimizers(case)} groups has a {one.name} of its own, with its own step size"
        yield Hit(what=what, at=case.at("fused_optimizer_groups"))


@rule(
    "fused-groups-idle",
    "warning",
    phase="never",
    when="fused_optimizer_groups of 0 or below",
    why="0 is off. With a negative number no group is ever full, so that there is one for each learning rate.",
    fix="set fused_optimizer_groups = 10 or so, or unset it",
    source="sdxl_train.py:374-407",
)
def fused_groups_idle(case: Case) -> Iterator[Hit]:
    count = case.get("fused_optimizer_groups")
    if count is not None and count <= 0:
        what = f"fused_optimizer_groups = {count} makes no groups"
        yield Hit(what=what, at=case.at("fused_optimizer_groups"))


@rule(
    "fused-processes",
    "warning",
    phase="never",
    when="fused_backward_pass or fused_optimizer_groups with several processes",
    why="Each process steps with its own gradients, before they are averaged: the models drift apart, and the first "
    "process saves its own. The others train for nothing.",
    fix="train with one process, or unset it",
    source="sdxl_train.py:523-572",
)
def fused_processes(case: Case) -> Iterator[Hit]:
    for key in ("fused_backward_pass", "fused_optimizer_groups"):
        if case.get(key) and case.host.processes > 1:
            what = f"with {key} each of {case.host.processes} processes trains a model of its own"
            yield Hit(what=what, at=case.at(key))
