"""Rules about learning rates: numbers that nothing takes, rates that Adafactor replaces, steps too small to count."""

import math
from collections.abc import Iterator

from fork_wrapper.check.rules.arguments import fits, in_words
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.optimizers import ADAFACTOR, optimizer, scheduler_classes
from fork_wrapper.check.rules.rates import BLOCKS, block_rates, rates
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.text import counted

DESTRUCTIVE = 0.1
"""From here on a rate is meant for Prodigy or D-Adaptation: sd-scripts draws its line there, too."""
GENTLE = ("SGD", "Adadelta", "ASGD", "Rprop", "LARS")
"""How optimizers are called that large rates suit."""


@rule("lr-refused")
def lr_refused(case: Case) -> Iterator[Hit]:
    one, rate = optimizer(case), case.get("learning_rate")
    if one.known and one.checkable and not one.relative and rates(case) and not fits(rate, one.known.lr):
        what = f"learning_rate of {one.name} must be {in_words(one.known.lr)}, not {rate}"
        yield Hit(what=what, at=case.at("learning_rate"))


@rule("lr-negative")
def lr_negative(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    refused = one.known is not None and not fits(-1.0, one.known.lr)
    for rate in {rate.key: rate for rate in rates(case) if rate.value < 0}.values():
        if not one.relative and not (refused and rate.key == "learning_rate"):
            value = "holds" if rate.key == "block_lr" else "="
            yield Hit(what=f"{rate.key} {value} {rate.value}: it unlearns", at=case.at(rate.key))


@rule("lr-high")
def lr_high(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    kind = one.path.rpartition(".")[2]
    unknown = one.known is None or one.known.arguments is None
    if unknown or one.relative or one.adapts or kind.startswith(GENTLE) or "SGD" in kind:
        return
    for rate in {rate.key: rate for rate in rates(case) if DESTRUCTIVE <= rate.value < math.inf}.values():
        yield Hit(what=f"{rate.key} is {rate.value}, and {one.name} takes it as it is", at=case.at(rate.key))


@rule("block-lr-count")
def block_lr_count(case: Case) -> Iterator[Hit]:
    text = case.get("block_lr")
    if not text or block_rates(case) is not None:
        return
    parts = text.split(",")
    if wrong := [part for part in parts if not _is_number(part)]:
        yield Hit(what=f'block_lr holds "{wrong[0]}", which is no number', at=case.at("block_lr"))
    else:
        yield Hit(what=f"block_lr holds {counted(len(parts), 'number')} instead of {BLOCKS}", at=case.at("block_lr"))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@rule("block-lr-nan")
def block_lr_nan(case: Case) -> Iterator[Hit]:
    blocks = block_rates(case) or ()
    for number, value in enumerate(blocks):
        if not math.isfinite(value) and not optimizer(case).relative:
            yield Hit(what=f"block_lr holds {value} for block {number}", at=case.at("block_lr"))


@rule("block-lr-all-zero")
def block_lr_all_zero(case: Case) -> Iterator[Hit]:
    blocks = block_rates(case)
    if blocks is not None and not any(blocks) and case.get("learning_rate") != 0 and not rates(case):
        yield Hit(what="block_lr freezes every block, and nothing is left to train", at=case.at("block_lr"))


SETS_RATES = {"CyclicLR", "OneCycleLR"}
"""Schedulers that need no rate to begin with."""


@rule("adafactor-relative")
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


@rule("adafactor-warmup-init")
def adafactor_warmup_init(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if one.adafactor and not one.values.get("relative_step", True) and one.values.get("warmup_init"):
        yield Hit(what="warmup_init=True undoes relative_step=False", at=case.at("optimizer_args"))


@rule("adafactor-soft")
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


@rule("adafactor-decay-rate")
def adafactor_decay_rate(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    rate = one.values.get("decay_rate", -0.8)
    if one.path == ADAFACTOR and isinstance(rate, (int, float)) and rate > 0:
        yield Hit(what=f"decay_rate={rate} makes NaN of the weights: it must be negative", at=case.at("optimizer_args"))


@rule("adafactor-scheduler")
def adafactor_scheduler(case: Case) -> Iterator[Hit]:
    one, name = optimizer(case), str(case.get("lr_scheduler"))
    if not name.startswith("adafactor") or case.get("lr_scheduler_type") or one.schedule_free or one.relative:
        return
    if one.path != ADAFACTOR and one.known:
        yield Hit(what=f'lr_scheduler = "{name}" is for Adafactor, not for {one.name}', at=case.at("lr_scheduler"))
    elif one.path == ADAFACTOR and not _is_number(name.partition(":")[2].partition(":")[0]):
        what = f'lr_scheduler = "{name}" is for Adafactor with relative_step=True'
        yield Hit(what=what, at=case.at("lr_scheduler"))


@rule("adafactor-scheduler-type")
def adafactor_scheduler_type(case: Case) -> Iterator[Hit]:
    name = (case.get("lr_scheduler_type") or "").removeprefix("torch.optim.lr_scheduler.")
    if optimizer(case).relative and name in scheduler_classes() and name not in SETS_RATES:
        what = f'lr_scheduler_type = "{name}" needs a learning rate, and Adafactor finds its own'
        yield Hit(what=what, at=case.at("lr_scheduler_type"))


SMALLEST = 2.0**-25
"""Half precision makes 0 of this number and of all below it."""
EPS = {
    **{f"torch.optim.{name}": 1e-8 for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop")},
    **{f"schedulefree.{name}": 1e-8 for name in ("AdamWScheduleFree", "AdamWScheduleFreeReference")},
    "schedulefree.AdamWScheduleFreePaper": 1e-8,
    "torch.optim.Adagrad": 1e-10,
}
"""Optimizers that add `eps` to a root in the precision of the weights, and its default."""
ROUNDING = 1e-3
"""Half of the least relative step of bfloat16 is 2 ** -9: a rate of more moves most weights."""


@rule("full-fp16-eps")
def full_fp16_eps(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    eps = one.values.get("eps", EPS.get(one.path))
    if case.get("full_fp16") and one.path in EPS and not one.values.get("fused") and _vanishes(eps):
        yield Hit(what=f"eps={eps} of {one.name} is 0 in half precision", at=case.at("full_fp16"))


def _vanishes(eps: object) -> bool:
    return isinstance(eps, (int, float)) and eps <= SMALLEST


@rule("full-bf16-rounding")
def full_bf16_rounding(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    plain = one.known is not None and one.known.arguments is not None and one.path != ADAFACTOR
    half = case.get("full_bf16") and case.get("mixed_precision") == "bf16"
    if half and plain and not one.adapts and found and max(rate.value for rate in found) < ROUNDING:
        yield Hit(what=f"full_bf16 rounds away most of what {one.name} learns", at=case.at("full_bf16"))


@rule("frozen-block-gradients")
def frozen_block_gradients(case: Case) -> Iterator[Hit]:
    zeros, limit = (block_rates(case) or ()).count(0), case.get("max_grad_norm")
    learns = case.get("learning_rate") != 0 and rates(case)
    fused = case.get("fused_backward_pass") or case.get("fused_optimizer_groups")  # sdxl_train.py:742
    if zeros and limit != 0 and learns and not fused:
        what = f"max_grad_norm = {limit} counts gradients of frozen blocks ({zeros}), which are never cleared"
        yield Hit(what=what, at=case.at("max_grad_norm"))
