"""Which learning rate scheduler sd-scripts makes of a configuration, and what is known about it.

No rules here. The order of library/train_util.py:5270-5399: a schedule-free optimizer gets none, lr_scheduler_type
wins over lr_scheduler, and an Adafactor that finds its own rates over that.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from fork_wrapper.check.rules.arguments import Argument, read_arguments, values
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.length import length
from fork_wrapper.check.rules.optimizers import Class, optimizer, scheduler_classes

TORCH = "torch.optim.lr_scheduler"
LAST_EPOCH: Mapping[str, Any] = {"last_epoch": {"one of": [-1]}}
SHAPES = {"one of": ["linear", "cosine", "1-sqrt"]}

NAMED: Mapping[str, Mapping[str, Any]] = {
    "constant": {},
    "constant_with_warmup": {},
    "cosine": {"num_cycles": "number"},
    "cosine_with_min_lr": {"min_lr": "number or none"},
    "cosine_with_restarts": {},
    "inverse_sqrt": {},
    "linear": {},
    "piecewise_constant": {"step_rules": "any"},
    "polynomial": {"lr_end": "number"},
    "warmup_stable_decay": {"num_training_steps": "any", "warmup_type": SHAPES, "decay_type": SHAPES},
}
"""What `lr_scheduler` may be, and the kinds of what `lr_scheduler_args` may say then, besides last_epoch."""
BROKEN = ("reduce_lr_on_plateau", "cosine_warmup_with_min_lr")
"""Names that transformers knows and sd-scripts calls wrongly."""
OPTION_OF: Mapping[str, str] = {
    "num_warmup_steps": "lr_warmup_steps",
    "num_decay_steps": "lr_decay_steps",
    "num_training_steps": "max_train_steps",
    "num_stable_steps": "lr_decay_steps",
    "num_cycles": "lr_scheduler_num_cycles",
    "power": "lr_scheduler_power",
    "timescale": "lr_scheduler_timescale",
    "min_lr_rate": "lr_scheduler_min_lr_ratio",
    "min_lr_ratio": "lr_scheduler_min_lr_ratio",
}
"""Arguments that sd-scripts gives itself, and the options that they come from."""
WARMING = frozenset(NAMED) - {"constant", "piecewise_constant"}
"""Schedulers that look at lr_warmup_steps."""


class Scheduler(NamedTuple):
    """The scheduler of a configuration."""

    kind: Literal["none", "class", "adafactor", "named", "unknown"]
    """none: nothing is scheduled; class: lr_scheduler_type; adafactor: its own."""
    name: str
    """The name that counts, without the path of torch's own module."""
    at: str
    """Key path that says it."""
    arguments: tuple[Argument, ...]
    """What `lr_scheduler_args` says."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The arguments that can be read."""
        return values(self.arguments)

    @property
    def known(self) -> Class | None:
        """What is known about the class behind lr_scheduler_type."""
        return scheduler_classes().get(self.name) if self.kind == "class" else None

    @property
    def takes(self) -> Mapping[str, Any] | None:
        """Kinds of the arguments that may be given; None where nobody knows."""
        if self.kind == "named":
            return {**NAMED[self.name], **LAST_EPOCH}
        return self.known.arguments if self.known else None

    @property
    def warms(self) -> bool:
        """Whether it looks at lr_warmup_steps."""
        return self.kind == "named" and self.name in WARMING


def scheduler(case: Case) -> Scheduler:
    """What `lr_scheduler` and `lr_scheduler_type` come to."""
    one, said, path = optimizer(case), str(case.get("lr_scheduler")), str(case.get("lr_scheduler_type") or "")
    arguments = read_arguments(case.get("lr_scheduler_args"))
    at = case.at("lr_scheduler_type" if path else "lr_scheduler")
    kind: Literal["none", "class", "adafactor", "named", "unknown"] = "named" if said in NAMED else "unknown"
    if one.relative or said.startswith("adafactor"):
        kind = "adafactor"
    if path:
        kind, said = "class", path.removeprefix(f"{TORCH}.")
    if one.schedule_free:
        kind = "none"
    return Scheduler(kind=kind, name=said, at=at, arguments=arguments)


def total(case: Case) -> int | None:
    """The steps that a scheduler is told: one for each process (library/train_util.py:5274); None if nobody knows."""
    steps = length(case).steps
    return None if steps is None else steps * case.host.processes


def in_steps(case: Case, key: str) -> int | None:
    """lr_warmup_steps or lr_decay_steps as the scheduler is told (library/train_util.py:5275-5280).

    A float is a ratio, whatever its size. None where the length of the training would tell.
    """
    value = case.get(key)
    if not isinstance(value, float):
        return int(value)
    steps = total(case)
    return int(value * steps) if steps is not None else (None if value else 0)
