"""Rules about the learning rate scheduler: which one, and what its class or its name needs."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.rules.schedulers import BROKEN, NAMED, TORCH, scheduler


@rule(
    "scheduler-unknown",
    "error",
    phase="model",
    when="an lr_scheduler that neither transformers nor sd-scripts knows",
    why="Names are compared letter by letter, once the base model is loaded.",
    fix=f"choose from: {', '.join(sorted(NAMED))}",
    source="library/train_util.py:5321-5326",
)
def scheduler_unknown(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    if one.kind == "unknown" and one.name not in BROKEN:
        yield Hit(what=f'lr_scheduler = "{one.name}" is not known', at=one.at)


@rule(
    "scheduler-broken",
    "error",
    phase="model",
    when='lr_scheduler = "reduce_lr_on_plateau" or "cosine_warmup_with_min_lr"',
    why="transformers knows both, but sd-scripts calls them with arguments that they do not take.",
    fix='set lr_scheduler = "cosine_with_min_lr" with lr_scheduler_min_lr_ratio',
    source="library/train_util.py:5393-5399",
)
def scheduler_broken(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    if one.kind == "unknown" and one.name in BROKEN:
        yield Hit(what=f'lr_scheduler = "{one.name}" cannot be used with sd-scripts', at=one.at)


@rule(
    "scheduler-needs",
    "error",
    phase="model",
    when="cosine_with_min_lr without a least rate, or piecewise_constant without step_rules",
    why="The function behind the name asks for it, and stops.",
    fix="set what the message names",
    source="library/train_util.py:5321-5324, library/train_util.py:5360-5368",
)
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


@rule(
    "scheduler-type-unknown",
    "error",
    phase="model",
    when="an lr_scheduler_type that is no class of torch.optim.lr_scheduler, and no path of another one",
    why="Without a dot it is looked up in torch.optim.lr_scheduler, letter by letter; with one, behind the last dot of "
    "a module's path.",
    fix='write the name of a class, as in lr_scheduler_type = "CosineAnnealingLR"',
    source="library/train_util.py:5299-5311",
)
def scheduler_type_unknown(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    module, _, name = one.name.rpartition(".")
    if one.kind != "class" or one.known:
        return
    if "." not in one.name:
        yield Hit(what=f'lr_scheduler_type = "{one.name}" is no class of {TORCH}', at=one.at)
    elif not module.strip(".") or not name:
        yield Hit(what=f'lr_scheduler_type = "{one.name}" names no class', at=one.at)


@rule(
    "scheduler-type-unusable",
    "error",
    phase="step",
    when="a scheduler that wants more than an optimizer, plain arguments, and steps",
    why="Arguments come as literals from a file, and sd-scripts calls step() without a loss.",
    fix="choose another scheduler",
    source="library/train_util.py:5299-5311, sdxl_train.py:750",
)
def scheduler_type_unusable(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    if one.known and one.known.unusable:
        yield Hit(what=f"{one.name} cannot be used here: {one.known.unusable}", at=one.at)


@rule(
    "scheduler-type-unchecked",
    "note",
    phase="never",
    when="an lr_scheduler_type of another module than torch.optim.lr_scheduler",
    why="Names and values of its arguments are not checked before the model is loaded.",
    fix="rehearse the experiment: a rehearsal constructs the real scheduler within a minute",
    source="library/train_util.py:5299-5311",
)
def scheduler_type_unchecked(case: Case) -> Iterator[Hit]:
    one = scheduler(case)
    module, _, name = one.name.rpartition(".")
    if one.kind == "class" and not one.known and module.strip(".") and name:
        yield Hit(what=f"the scheduler {one.name} is not known here", at=one.at)


@rule(
    "scheduler-type-wins",
    "warning",
    phase="never",
    when="lr_scheduler beside lr_scheduler_type",
    why="lr_scheduler_type is looked at first, and lr_scheduler not at all.",
    fix="unset one of the two",
    source="library/train_util.py:5299-5311",
)
def scheduler_type_wins(case: Case) -> Iterator[Hit]:
    if scheduler(case).kind == "class" and case.get("lr_scheduler") != "constant":
        what = f'lr_scheduler = "{case.get("lr_scheduler")}" does not count beside lr_scheduler_type'
        yield Hit(what=what, at=case.at("lr_scheduler"))


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


@rule(
    "schedule-unused",
    "warning",
    phase="never",
    when="an option of a scheduler beside another scheduler, which does not look at it",
    why="Each scheduler takes what it knows, and the rest is dropped. Plain cosine has its number of cycles from "
    "lr_scheduler_args; piecewise_constant has no warm-up.",
    fix="remove it, or choose a scheduler that it is for",
    source="library/train_util.py:5321-5399",
)
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
