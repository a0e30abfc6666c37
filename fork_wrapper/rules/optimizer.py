"""Rules about which optimizer it is: its name, its package, and what sd-scripts can do with it."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import FLAGS, PACKAGES, Optimizer, classes, known_modules, optimizer
from fork_wrapper.rules.rates import rates
from fork_wrapper.rules.rule import Hit, rule

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


@rule(
    "opt-conflict",
    "error",
    phase="model",
    when="more than one of optimizer_type, use_8bit_adam and use_lion_optimizer",
    why="Each of them names the optimizer; sd-scripts stops with an AssertionError.",
    fix="keep optimizer_type alone",
    source="library/train_util.py:4829-4842",
)
def opt_conflict(case: Case) -> Iterator[Hit]:
    said = [key for key in ("optimizer_type", *FLAGS) if case.get(key)]
    if len(said) > 1:
        yield Hit(what=f"{' and '.join(said)} each name an optimizer", at=case.at(said[-1]))


@rule(
    "opt-unknown",
    "error",
    phase="model",
    when="an optimizer_type that is no name of sd-scripts, no class of torch.optim and no class of another module",
    why="sd-scripts has a dozen names of its own, in any case. What it does not know it looks up in torch.optim, "
    "letter by letter, or behind the last dot of a module's path.",
    fix='write a name of sd-scripts, as in optimizer_type = "AdamW8bit", or the whole path of a class',
    source="library/train_util.py:4826-5134",
)
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


@rule(
    "opt-unusable",
    "error",
    phase="step",
    when="an optimizer that wants more of its caller than parameters, a learning rate and steps",
    why="sd-scripts gives parameter groups and a rate, and calls step() without a closure.",
    fix="choose another optimizer",
    source="library/train_util.py:5121-5134, sdxl_train.py:749",
)
def opt_unusable(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.known and one.known.unusable:
        yield Hit(what=f"{one.name} cannot train here: {one.known.unusable}", at=one.at)


@rule(
    "opt-package",
    "error",
    phase="model",
    when="an optimizer whose package is not installed in the trainer's Python",
    why="The import fails once the model is loaded. dadaptation is the one that no requirements file names.",
    fix="install the package in the trainer's Python, or choose another optimizer",
    source="library/train_util.py:4881-5116",
)
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


@rule(
    "opt-unchecked",
    "note",
    phase="never",
    when="an optimizer that kft does not know, or arguments that it does not know, or of another version",
    why="Names and values of its arguments are not checked before the model is loaded.",
    fix="rehearse the experiment: a rehearsal constructs the real optimizer within a minute",
    source="library/train_util.py:5121-5134",
)
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


@rule(
    "schedulefree",
    "warning",
    phase="never",
    when="a schedule-free optimizer",
    why="Such an optimizer holds two sets of weights: those that gradients are taken at, and the averaged ones that "
    "are worth keeping. sdxl_train.py never asks for the second, so samples and checkpoints hold the first.",
    fix="choose another optimizer",
    source="sdxl_train.py:742-757, library/train_util.py:5221-5223",
)
def schedulefree(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if "schedulefree" in one.path.lower():
        yield Hit(what=f"{one.name}: checkpoints hold the weights before averaging", at=one.at)


@rule(
    "schedulefree-scheduler",
    "warning",
    phase="never",
    when="a scheduler or a warm-up beside an optimizer whose name ends in ScheduleFree",
    why="It gets a scheduler that does nothing. What looks like one of its own, such as warmup_steps, is an argument "
    "of the optimizer.",
    fix="unset it; for a warm-up write optimizer_args, if the optimizer has one",
    source="library/train_util.py:5240-5241, library/train_util.py:5270-5271",
)
def schedulefree_scheduler(case: Case) -> Iterator[Hit]:
    keys = ("lr_scheduler_type", "lr_warmup_steps", "lr_decay_steps", "lr_scheduler_args")
    if optimizer(case).schedule_free:
        if case.get("lr_scheduler") != "constant":
            what = f'lr_scheduler = "{case.get("lr_scheduler")}" does not count with a schedule-free optimizer'
            yield Hit(what=what, at=case.at("lr_scheduler"))
        for key in keys:
            if case.get(key):
                yield Hit(what=f"{key} does not count with a schedule-free optimizer", at=case.at(key))


@rule(
    "dadapt-lr",
    "warning",
    phase="model",
    when="D-Adaptation or Prodigy with a first learning rate of 0.1 or less",
    why="These multiply the rate by a distance that they find themselves; 1.0 leaves it as found, and 1e-5 trains a "
    "hundred thousand times slower. sd-scripts says so in the log.",
    fix="set learning_rate = 1.0",
    source="library/train_util.py:4979-4998",
)
def dadapt_lr(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    if one.adapts and found and 0 < found[0].value <= 0.1:
        what = f"{one.name} wants a rate near 1.0, and {found[0].key} is {found[0].value}"
        yield Hit(what=what, at=case.at(found[0].key))


@rule(
    "dadapt-rates",
    "error",
    phase="step",
    when="Prodigy, DAdaptation, DAdaptAdam, DAdaptLion or DAdaptSGD with more than one learning rate",
    why="They stop with a RuntimeError at the first step: parameter groups may have one rate, or 0.",
    fix="give text encoders and blocks the rate of the U-Net, or 0",
    source="sdxl_train.py:345-359, library/train_util.py:5011-5046",
)
def dadapt_rates(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    several = sorted({rate.value for rate in found})
    if one.path in ONE_RATE and len(several) > 1 and not case.get("fused_optimizer_groups"):
        words = ", ".join(map(str, several))
        other = next(rate for rate in found if rate.value != found[0].value)
        yield Hit(what=f"{one.name} takes one learning rate, and there are {words}", at=case.at(other.key))


@rule(
    "dadapt-first-rate",
    "warning",
    phase="model",
    when="DAdaptAdaGrad, DAdaptAdan or DAdaptAdanIP with more than one learning rate",
    why="They take the rate of the first group for all; sd-scripts says so in the log.",
    fix="give text encoders and blocks the rate of the U-Net",
    source="library/train_util.py:4979-4998",
)
def dadapt_first_rate(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    other = next((rate for rate in found if rate.value != found[0].value), None)
    if one.path in FIRST_RATE and other and not case.get("fused_optimizer_groups"):
        what = f"{one.name} trains all of it with {found[0].value}: {other.key} does not count"
        yield Hit(what=what, at=case.at(other.key))
