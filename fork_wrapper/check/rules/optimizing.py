"""Rules about the optimizer and `optimizer_args`: whether it is there, and takes what it is given."""

from collections.abc import Iterator

from fork_wrapper.check.rules.arguments import Argument, fits, in_words, read_arguments
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.optimizers import ADAFACTOR, FLAGS, PACKAGES, Optimizer, classes, known_modules, optimizer
from fork_wrapper.check.rules.rates import rates
from fork_wrapper.check.rules.rule import Hit, rule

ONE_RATE = {
    "prodigyopt.Prodigy",
    "dadaptation.DAdaptAdam",
    "dadaptation.DAdaptLion",
    "dadaptation.DAdaptSGD",
    "dadaptation.experimental.DAdaptAdamPreprint",
}
"""Optimizers that stop when parameter groups have different rates, but for 0."""
FIRST_RATE = {"dadaptation.DAdaptAdaGrad", "dadaptation.DAdaptAdan", "dadaptation.experimental.DAdaptAdanIP"}
"""Those that take the first group's rate for all."""


@rule("opt-conflict")
def opt_conflict(case: Case) -> Iterator[Hit]:
    said = [key for key in ("optimizer_type", *FLAGS) if case.get(key)]
    if len(said) > 1:
        yield Hit(what=f"{' and '.join(said)} each name an optimizer", at=case.at(said[-1]))


@rule("opt-unknown")
def opt_unknown(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if reason := _unknown(one):
        what, todo = reason
        yield Hit(what=f'optimizer_type = "{one.said}" {what}', at=one.at, todo=todo)


def _unknown(one: Optimizer) -> tuple[str, str] | None:
    """What is wrong with the name, and the next step where one is near; None when nothing is."""
    module, _, name = one.said.rpartition(".")
    if not one.path:
        return ("is no D-Adaptation that sd-scripts knows" if _adapts(one.said) else "is no class of torch.optim"), (
            _near(one.said)
        )
    if "." not in one.said or one.known:
        return None
    if not module.strip(".") or not name:
        return "names no class", ""
    return (f"does not exist: {module} has no such class", _near(name)) if module in known_modules() else None


def _adapts(said: str) -> bool:
    return said.lower().startswith("dadapt")


def _near(name: str) -> str:
    """The step to a class of the same letters, wherever it is; empty when there is none."""
    for path in sorted(classes(), key=lambda path: not path.startswith("torch.")):
        if path.rsplit(".", 1)[-1].lower() == name.rsplit(".", 1)[-1].strip().lower():
            own = path.rsplit(".", 1)[-1]
            spelled = own if path.startswith(("torch.optim.", "dadaptation.")) else path
            return f'write optimizer_type = "{spelled}"'
    return ""


@rule("opt-package")
def opt_package(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    for package in sorted(_packages(one)):
        if not case.host.has(package):
            yield Hit(what=f"{one.name} needs the package {package}, which is not installed", at=one.at)


def _packages(one: Optimizer) -> set[str]:
    """Every distribution that is imported for it; two endings import one whatever stands before them."""
    lower = one.said.lower()
    packages = {PACKAGES[one.module]} if one.module in PACKAGES else set()
    packages |= {"bitsandbytes"} if lower.endswith("8bit") else set()
    packages |= {"schedulefree"} if lower.endswith("schedulefree") else set()
    return packages | ({"dadaptation"} if _adapts(one.said) else set())


@rule("opt-unchecked")
def opt_unchecked(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.path and not one.known and not _unknown(one):
        yield Hit(what=f"the optimizer {one.said} is not known here", at=one.at)
    elif one.known and one.arguments and not one.known.unusable:
        if not one.checkable:
            what = f"the arguments of {one.name} are known for another version of {PACKAGES[one.module]}"
            yield Hit(what=what, at=case.at("optimizer_args"))
        elif one.known.arguments is None:
            yield Hit(what=f"the arguments of {one.name} are not known here", at=case.at("optimizer_args"))


@rule("dadapt-lr")
def dadapt_lr(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    if one.adapts and found and 0 < found[0].value <= 0.1:
        what = f"{one.name} wants a rate near 1.0, and {found[0].key} is {found[0].value}"
        yield Hit(what=what, at=case.at(found[0].key))


@rule("dadapt-rates")
def dadapt_rates(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    several = sorted({rate.value for rate in found})
    if one.path in ONE_RATE and len(several) > 1 and not case.get("fused_optimizer_groups"):
        words = ", ".join(map(str, several))
        other = next(rate for rate in found if rate.value != found[0].value)
        yield Hit(what=f"{one.name} takes one learning rate, and there are {words}", at=case.at(other.key))


@rule("dadapt-first-rate")
def dadapt_first_rate(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    other = next((rate for rate in found if rate.value != found[0].value), None)
    if one.path in FIRST_RATE and other and not case.get("fused_optimizer_groups"):
        what = f"{one.name} trains all of it with {found[0].value}: {other.key} does not count"
        yield Hit(what=what, at=case.at(other.key))


NESTEROV = "sgdnesterov"
"""How the names of two optimizers begin that sd-scripts gives this argument itself."""

_SCHEDULER_FIX = 'write each as "name=value" with a literal of Python: "lr_end=1e-7", "num_stable_steps=100"'


@rule("opt-args")
def opt_args(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    for key in ("optimizer_args", "lr_scheduler_args"):
        if key == "lr_scheduler_args" and one.schedule_free:
            continue
        todo = _SCHEDULER_FIX if key == "lr_scheduler_args" else ""
        for argument in read_arguments(case.get(key)):
            if argument.problem:
                yield Hit(what=f'{key}: "{argument.text}" {argument.problem}', at=case.at(key), todo=todo)


@rule("opt-args-name")
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


@rule("opt-args-value")
def opt_args_value(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if not one.known or one.known.arguments is None or not one.checkable:
        return
    for name, value in one.values.items():
        kind = one.known.arguments.get(name, "any")
        if not fits(value, kind):
            what = f"optimizer_args: {name} of {one.name} must be {in_words(kind)}, not {value!r}"
            yield Hit(what=what, at=case.at("optimizer_args"))


@rule("opt-args-required")
def opt_args_required(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.known and one.checkable:
        for name in one.known.required:
            if name not in one.values:
                yield Hit(what=f"{one.name} needs {name} in optimizer_args", at=one.at)


@rule("opt-args-clash")
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


@rule("opt-args-twice")
def opt_args_twice(case: Case) -> Iterator[Hit]:
    for key in ("optimizer_args", "lr_scheduler_args"):
        names = [one.name for one in read_arguments(case.get(key)) if not one.problem]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield Hit(what=f"{key}: {name} is said {names.count(name)} times, and the last one counts", at=case.at(key))
