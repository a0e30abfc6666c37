"""Rules about Adafactor, whose arguments sd-scripts looks at and whose scheduler it may replace."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import ADAFACTOR, optimizer, scheduler_classes
from fork_wrapper.rules.rates import rates
from fork_wrapper.rules.rule import Hit, rule

OWN = 'optimizer_args = ["scale_parameter=False", "relative_step=False", "warmup_init=False"]'
"""Adafactor with the rates and the scheduler that the options name."""
SETS_RATES = {"CyclicLR", "OneCycleLR"}
"""Schedulers that need no rate to begin with."""


@rule(
    "adafactor-relative",
    "warning",
    phase="model",
    when="Adafactor without relative_step=False",
    why="relative_step is on unless it is switched off. Adafactor then makes rates from the steps done and the size of "
    "the weights. learning_rate, and with it block_lr and those of the text encoders, says only what is frozen (0), "
    "and the scheduler is replaced.",
    fix=f"write {OWN} for rates of your own, or leave the rates out",
    source="library/train_util.py:5049-5081",
)
def adafactor_relative(case: Case) -> Iterator[Hit]:
    if not optimizer(case).relative:
        return
    for rate in {rate.key: rate for rate in rates(case)}.values():
        value = "" if rate.key == "block_lr" else f" = {rate.value}"
        yield Hit(what=f"Adafactor finds its own rates: {rate.key}{value} does not count", at=case.at(rate.key))
    if case.get("lr_scheduler") not in {"constant", "adafactor"} and not case.get("lr_scheduler_type"):
        what = f'Adafactor has its own scheduler: lr_scheduler = "{case.get("lr_scheduler")}" does not count'
        yield Hit(what=what, at=case.at("lr_scheduler"))
    if case.get("lr_scheduler_args") and not case.get("lr_scheduler_type"):
        yield Hit(
            what="Adafactor has its own scheduler: lr_scheduler_args do not count", at=case.at("lr_scheduler_args")
        )


@rule(
    "adafactor-warmup-init",
    "warning",
    phase="model",
    when="Adafactor with relative_step=False and warmup_init=True",
    why="warmup_init works with relative steps alone, and so sd-scripts switches them on.",
    fix=f"write {OWN}",
    source="library/train_util.py:5051-5055",
)
def adafactor_warmup_init(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.adafactor and not one.values.get("relative_step", True) and one.values.get("warmup_init"):
        yield Hit(what="warmup_init=True undoes relative_step=False", at=case.at("optimizer_args"))


@rule(
    "adafactor-soft",
    "note",
    phase="model",
    when="Adafactor with relative_step=False, and max_grad_norm, a scheduler or clip_threshold that sd-scripts advises "
    "against",
    why="Adafactor clips updates by itself. sd-scripts advises max_grad_norm = 0, constant_with_warmup and "
    "clip_threshold 1.0 in the log.",
    fix='set max_grad_norm = 0 and lr_scheduler = "constant_with_warmup", if nothing speaks against it',
    source="library/train_util.py:5083-5090",
)
def adafactor_soft(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if not one.adafactor or one.relative:
        return
    if case.get("max_grad_norm") != 0:
        what = f"Adafactor clips by itself, and max_grad_norm = {case.get('max_grad_norm')} clips before it"
        yield Hit(what=what, at=case.at("max_grad_norm"))
    if case.get("lr_scheduler") != "constant_with_warmup":
        what = f'sd-scripts advises constant_with_warmup with Adafactor, not "{case.get("lr_scheduler")}"'
        yield Hit(what=what, at=case.at("lr_scheduler"))
    if one.values.get("clip_threshold", 1.0) != 1.0:
        what = f"sd-scripts advises clip_threshold=1.0, not {one.values['clip_threshold']!r}"
        yield Hit(what=what, at=case.at("optimizer_args"))


@rule(
    "adafactor-decay-rate",
    "error",
    phase="never",
    when="Adafactor with a decay_rate above 0",
    why="The exponent has to be negative. Above 0, averages of squares become negative, and their roots NaN: all "
    "weights are NaN from the second step on.",
    fix='write "decay_rate=-0.8", or leave it out',
    source="library/train_util.py:4857-4874, library/adafactor_fused.py:76-83",
)
def adafactor_decay_rate(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    rate = one.values.get("decay_rate", -0.8)
    if one.path == ADAFACTOR and isinstance(rate, (int, float)) and rate > 0:
        yield Hit(what=f"decay_rate={rate} makes NaN of the weights: it must be negative", at=case.at("optimizer_args"))


@rule(
    "adafactor-scheduler",
    "error",
    phase="model",
    when="lr_scheduler = adafactor without an Adafactor that finds its own rates",
    why="sd-scripts stops with an AssertionError for other optimizers. With relative_step=False it looks for the rate "
    "that it writes into the name in the other case, and fails.",
    fix='set lr_scheduler = "constant_with_warmup", or remove relative_step=False from optimizer_args',
    source="library/train_util.py:5313-5317",
)
def adafactor_scheduler(case: Case) -> Iterator[Hit]:
    one, name = optimizer(case), str(case.get("lr_scheduler"))
    if not name.startswith("adafactor") or case.get("lr_scheduler_type") or one.schedule_free or one.relative:
        return
    if one.path != ADAFACTOR and one.known:
        yield Hit(what=f'lr_scheduler = "{name}" is for Adafactor, not for {one.name}', at=case.at("lr_scheduler"))
    elif one.path == ADAFACTOR and not _is_number(name):
        what = f'lr_scheduler = "{name}" is for Adafactor with relative_step=True'
        yield Hit(what=what, at=case.at("lr_scheduler"))


def _is_number(name: str) -> bool:
    """Whether behind the first colon stands a number, which is what sd-scripts writes there itself."""
    parts = name.split(":")
    try:
        float(parts[1])
    except (IndexError, ValueError):
        return False
    return True


@rule(
    "adafactor-scheduler-type",
    "error",
    phase="step",
    when="lr_scheduler_type with an Adafactor that finds its own rates",
    why="Such an Adafactor has no rate, and schedulers of torch calculate with it.",
    fix=f"unset lr_scheduler_type, or write {OWN}",
    source="library/train_util.py:5049-5081, library/train_util.py:5299-5311",
)
def adafactor_scheduler_type(case: Case) -> Iterator[Hit]:
    name = (case.get("lr_scheduler_type") or "").removeprefix("torch.optim.lr_scheduler.")
    if optimizer(case).relative and name in scheduler_classes() and name not in SETS_RATES:
        what = f'lr_scheduler_type = "{name}" needs a learning rate, and Adafactor finds its own'
        yield Hit(what=what, at=case.at("lr_scheduler_type"))
