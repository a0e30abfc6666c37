"""Rules about `optimizer_args`: whether sd-scripts can read them, and whether the optimizer takes them."""

from collections.abc import Iterator

from fork_wrapper.rules.arguments import Argument, fits, in_words, read_arguments
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import ADAFACTOR, Optimizer, optimizer
from fork_wrapper.rules.rule import Hit, rule

NESTEROV = "sgdnesterov"
"""How the names of two optimizers begin that sd-scripts gives this argument itself."""

_SCHEDULER_FIX = 'write each as "name=value" with a literal of Python: "lr_end=1e-7", "num_stable_steps=100"'


@rule(
    "opt-args",
    "error",
    phase="model",
    when="an item of optimizer_args or lr_scheduler_args that is no name=literal",
    why="Each item is split at its one =, and what stands behind it must be a literal of Python: False and not false, "
    "a text in quotes, a tuple as 0.9,0.99. Two arguments are two items.",
    fix='write each as "name=value" with a literal of Python: "betas=0.9,0.99", "weight_decay=0.01", "amsgrad=True"',
    source="library/train_util.py:4857-4874, library/train_util.py:5287-5292",
)
def opt_args(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    for key in ("optimizer_args", "lr_scheduler_args"):
        if key == "lr_scheduler_args" and one.schedule_free:
            continue
        todo = _SCHEDULER_FIX if key == "lr_scheduler_args" else ""
        for argument in read_arguments(case.get(key)):
            if argument.problem:
                yield Hit(what=f'{key}: "{argument.text}" {argument.problem}', at=case.at(key), todo=todo)


@rule(
    "opt-args-name",
    "error",
    phase="model",
    when="an argument that the optimizer's class does not take, or that sd-scripts gives it already",
    why="Python stops with a TypeError at the construction. Spaces before the = belong to the name.",
    fix="remove it, or correct its name",
    source="library/train_util.py:4857-4874, library/train_util.py:4968-4977, library/train_util.py:5133-5134",
)
def opt_args_name(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    for argument in one.arguments:
        if not argument.problem and (reason := _refused(argument, one)):
            yield Hit(what=f"optimizer_args: {reason}", at=case.at("optimizer_args"), todo=_nearest(argument, one))


def _refused(argument: Argument, one: Optimizer) -> str:
    """Why the class cannot be called with this name; empty when it can, or nobody knows."""
    if argument.name == "lr":
        return "lr comes from learning_rate, and cannot be given twice"
    if one.said.lower().startswith(NESTEROV) and argument.name == "nesterov":
        return f"nesterov is part of {one.said}, and cannot be given twice"
    known = one.known.arguments if one.known and one.checkable else None
    return f"{one.name} takes no {argument.name!r}" if known is not None and argument.name not in known else ""


def _nearest(argument: Argument, one: Optimizer) -> str:
    taken = ", ".join((one.known.arguments if one.known else None) or ())
    if argument.name == "lr":
        return "set learning_rate, and remove lr"
    if argument.name != argument.name.strip():
        return f'write "{argument.name.strip()}={argument.value!r}", without spaces before the ='
    return f"choose from: {taken}" if taken else ""


@rule(
    "opt-args-value",
    "error",
    phase="model",
    when="a value that the optimizer refuses, or fails with",
    why="Most optimizers check their arguments when they are constructed; the rest fails at the first step.",
    fix="write a value that the message names",
    source="library/train_util.py:4857-4874, library/train_util.py:5133-5134",
)
def opt_args_value(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if not one.known or one.known.arguments is None or not one.checkable:
        return
    for name, value in one.values.items():
        kind = one.known.arguments.get(name, "any")
        if not fits(value, kind):
            what = f"optimizer_args: {name} of {one.name} must be {in_words(kind)}, not {value!r}"
            yield Hit(what=what, at=case.at("optimizer_args"))


@rule(
    "opt-args-required",
    "error",
    phase="step",
    when="an optimizer that does not work without an argument, and optimizer_args without it",
    why="The default of its own class is one that the class refuses, or fails with at the first step.",
    fix='add it to optimizer_args, as in "momentum=0.9"',
    source="library/train_util.py:5121-5134",
)
def opt_args_required(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.known and one.checkable:
        for name in one.known.required:
            if name not in one.values:
                yield Hit(what=f"{one.name} needs {name} in optimizer_args", at=one.at)


@rule(
    "opt-args-clash",
    "error",
    phase="model",
    when="arguments of an optimizer that do not go together, or not with this machine",
    why="The optimizer refuses them when it is constructed, or fails at the first step. Lion without the package "
    "triton leaves without a traceback and with exit code 0.",
    fix="remove one of them",
    source="library/train_util.py:4857-4874, library/train_util.py:5133-5134",
)
def opt_args_clash(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    for words in (*_clashes_in_torch(one), *_clashes_with_machine(one, case)):
        yield Hit(what=f"optimizer_args: {words}", at=case.at("optimizer_args"))


def _clashes_in_torch(one: Optimizer) -> Iterator[str]:
    said = one.values
    if one.path == ADAFACTOR and not one.adafactor and (said.get("relative_step", True) or said.get("warmup_init")):
        yield f"{one.said} needs relative_step=False, and no warmup_init: sd-scripts gives it a rate"
    if not one.path.startswith("torch.optim."):
        return
    accelerated = said.get("nesterov") or one.said.lower().startswith(NESTEROV)
    if one.path == "torch.optim.SGD" and accelerated and (not said.get("momentum") or said.get("dampening")):
        yield "Nesterov momentum needs momentum above 0, and no dampening"
    if said.get("foreach") and said.get("fused"):
        yield "foreach and fused cannot both be True"
    if said.get("differentiable"):
        yield "differentiable=True forbids steps in place, and all steps are"


def _clashes_with_machine(one: Optimizer, case: Case) -> Iterator[str]:
    if one.path.startswith("torch.optim.") and one.values.get("capturable") and case.host.cuda is False:
        yield "capturable=True needs a GPU"
    if one.values.get("fsdp_in_use") and one.adapts and case.host.processes == 1:
        yield "fsdp_in_use=True needs several processes"
    triton = ("triton", "pytorch-triton", "pytorch-triton-rocm", "triton-windows")
    if one.path == "lion_pytorch.Lion" and one.values.get("use_triton") and not case.host.has(*triton):
        yield "use_triton=True needs the package triton, which is not installed"


@rule(
    "opt-args-twice",
    "warning",
    phase="never",
    when="two items of optimizer_args or lr_scheduler_args with one name",
    why="The last one counts.",
    fix="remove the others",
    source="library/train_util.py:4857-4874, library/train_util.py:5287-5292",
)
def opt_args_twice(case: Case) -> Iterator[Hit]:
    for key in ("optimizer_args", "lr_scheduler_args"):
        names = [one.name for one in read_arguments(case.get(key)) if not one.problem]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield Hit(what=f"{key}: {name} is said {names.count(name)} times, and the last one counts", at=case.at(key))


@rule(
    "opt-args-maximize",
    "warning",
    phase="never",
    when="maximize=True",
    why="The optimizer goes up instead of down: the model learns the opposite of the images.",
    fix="remove it",
    source="library/train_util.py:4857-4874",
)
def opt_args_maximize(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.values.get("maximize"):
        yield Hit(
            what=f"optimizer_args: with maximize=True {one.name} makes the loss larger", at=case.at("optimizer_args")
        )


@rule(
    "opt-args-fused-back-pass",
    "error",
    phase="never",
    when="fused_back_pass=True with ProdigyPlusScheduleFree",
    why="The optimizer then waits for calls that another trainer makes and sd-scripts does not: its steps do nothing, "
    "and every checkpoint is the base model.",
    fix="remove fused_back_pass",
    source="library/train_util.py:5121-5134, sdxl_train.py:749",
)
def opt_args_fused_back_pass(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.path == "prodigyplus.ProdigyPlusScheduleFree" and one.values.get("fused_back_pass"):
        yield Hit(what="optimizer_args: with fused_back_pass=True no weight changes", at=case.at("optimizer_args"))
