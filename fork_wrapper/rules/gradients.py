"""Rules about gradients on their way to the optimizer: accumulation and clipping."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule


@rule(
    "accumulation-zero",
    "error",
    phase="step",
    when="gradient_accumulation_steps = 0, or below 0 without max_train_epochs",
    why="The number of batches is divided by it. 0 ends in a ZeroDivisionError; with a negative number no epoch is "
    "trained, and saving fails.",
    fix="set gradient_accumulation_steps to 1 or more",
    source="sdxl_train.py:438-444, sdxl_train.py:574-576, sdxl_train.py:626, sdxl_train.py:873-887",
)
def accumulation_zero(case: Case) -> Iterator[Hit]:
    steps = case.get("gradient_accumulation_steps")
    if steps == 0 or (steps < 0 and case.get("max_train_epochs") is None):
        what = f"gradient_accumulation_steps = {steps} leaves nothing to train"
        yield Hit(what=what, at=case.at("gradient_accumulation_steps"))


@rule(
    "accumulation-negative",
    "warning",
    phase="never",
    when="gradient_accumulation_steps below 0 with max_train_epochs",
    why="The negative length of an epoch and the negative number of steps make one batch an epoch, with a loss that is "
    "divided by a negative number: the model learns the opposite.",
    fix="set gradient_accumulation_steps to 1 or more",
    source="sdxl_train.py:438-444, sdxl_train.py:574-576, sdxl_train.py:815-816",
)
def accumulation_negative(case: Case) -> Iterator[Hit]:
    steps = case.get("gradient_accumulation_steps")
    if steps < 0 and case.get("max_train_epochs") is not None:
        what = f"gradient_accumulation_steps = {steps} trains one batch an epoch, away from the images"
        yield Hit(what=what, at=case.at("gradient_accumulation_steps"))


@rule(
    "grad-norm-negative",
    "warning",
    phase="never",
    when="max_grad_norm below 0",
    why="Gradients are scaled to this length: a negative one turns them around, and the model learns the opposite.",
    fix="set max_grad_norm = 1.0, or 0 for no clipping",
    source="library/train_util.py:3702-3707, sdxl_train.py:742-747",
)
def grad_norm_negative(case: Case) -> Iterator[Hit]:
    norm = case.get("max_grad_norm")
    if norm < 0:
        yield Hit(what=f"max_grad_norm = {norm} turns gradients around", at=case.at("max_grad_norm"))
