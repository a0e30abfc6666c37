"""Which optimizer sd-scripts makes of a configuration, and what is known about its class.

No rules here. Names without a dot are looked up as library/train_util.py:4826-5134 does it: some of its own in any
case, all others as classes of torch.optim, and with a dot as a class of any module.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fork_wrapper.check.rules.arguments import Argument, read_arguments, values
from fork_wrapper.check.rules.case import Case

ADAFACTOR = "transformers.optimization.Adafactor"
FLAGS: Mapping[str, str] = {"use_8bit_adam": "AdamW8bit", "use_lion_optimizer": "Lion"}
"""Options from older days that name an optimizer; the first one wins."""

SHORT: Mapping[str, str] = {
    "": "torch.optim.AdamW",
    "adamw": "torch.optim.AdamW",
    "sgdnesterov": "torch.optim.SGD",
    "adafactor": ADAFACTOR,
    "lion": "lion_pytorch.Lion",
    "prodigy": "prodigyopt.Prodigy",
    "adamw8bit": "bitsandbytes.optim.AdamW8bit",
    "lion8bit": "bitsandbytes.optim.Lion8bit",
    "sgdnesterov8bit": "bitsandbytes.optim.SGD8bit",
    "pagedadamw": "bitsandbytes.optim.PagedAdamW",
    "pagedadamw32bit": "bitsandbytes.optim.PagedAdamW32bit",
    "pagedadamw8bit": "bitsandbytes.optim.PagedAdamW8bit",
    "pagedlion8bit": "bitsandbytes.optim.PagedLion8bit",
    "adamwschedulefree": "schedulefree.AdamWScheduleFree",
    "radamschedulefree": "schedulefree.RAdamScheduleFree",
    "sgdschedulefree": "schedulefree.SGDScheduleFree",
    "dadaptation": "dadaptation.experimental.DAdaptAdamPreprint",
    "dadaptadampreprint": "dadaptation.experimental.DAdaptAdamPreprint",
    "dadaptadanip": "dadaptation.experimental.DAdaptAdanIP",
    "dadaptadagrad": "dadaptation.DAdaptAdaGrad",
    "dadaptadam": "dadaptation.DAdaptAdam",
    "dadaptadan": "dadaptation.DAdaptAdan",
    "dadaptlion": "dadaptation.DAdaptLion",
    "dadaptsgd": "dadaptation.DAdaptSGD",
}
"""sd-scripts' own names in lower case, and the class that each stands for."""

PACKAGES: Mapping[str, str] = {
    "bitsandbytes": "bitsandbytes",
    "dadaptation": "dadaptation",
    "lion_pytorch": "lion-pytorch",
    "prodigyopt": "prodigyopt",
    "prodigyplus": "prodigy-plus-schedule-free",
    "pytorch_optimizer": "pytorch-optimizer",
    "schedulefree": "schedulefree",
    "torch": "torch",
    "transformers": "transformers",
}
"""The distribution of each module whose classes are known."""


class Class(NamedTuple):
    """What is known about an optimizer's class, or a scheduler's."""

    lr: Any
    """Kind of the learning rate."""
    arguments: Mapping[str, Any] | None
    """Kind of each argument by name; None where nobody looked."""
    required: tuple[str, ...]
    """Arguments that it does not live without."""
    unusable: str
    """Why sd-scripts cannot use it at all; empty when it can."""


class Optimizer(NamedTuple):
    """The optimizer of a configuration."""

    said: str
    """Its name as it is said; empty where nobody says one."""
    at: str
    """Key path that says it."""
    path: str
    """Module and class; empty where sd-scripts knows no such name."""
    arguments: tuple[Argument, ...]
    """What `optimizer_args` says."""
    checkable: bool
    """Whether the classes looked at are those of the trainer's Python: the same version, as far as anybody asked."""

    @property
    def name(self) -> str:
        """For messages: as it is said, or the default's."""
        return self.said or "AdamW"

    @property
    def short(self) -> bool:
        """Whether it is one of sd-scripts' own names."""
        return self.said.lower() in SHORT

    @property
    def module(self) -> str:
        """The first part of the path."""
        return self.path.split(".", maxsplit=1)[0]

    @property
    def known(self) -> Class | None:
        """What is known about the class; None when nothing is."""
        return _known(self.path)

    @property
    def values(self) -> Mapping[str, Any]:
        """The arguments that can be read, and those that sd-scripts adds (library/train_util.py:4968-4977)."""
        added = {"momentum": 0.9} if self.said.lower().startswith("sgdnesterov") else {}
        return added | values(self.arguments)

    @property
    def adafactor(self) -> bool:
        """Whether it is the Adafactor that sd-scripts treats as its own."""
        return self.said.lower() == "adafactor"

    @property
    def relative(self) -> bool:
        """Whether Adafactor finds its own rates (library/train_util.py:5049-5081)."""
        return self.adafactor and bool(self.values.get("relative_step", True) or self.values.get("warmup_init"))

    @property
    def schedule_free(self) -> bool:
        """Whether sd-scripts gives it no scheduler (library/train_util.py:5240-5241, 5270-5271)."""
        return self.said.lower().endswith("schedulefree")

    @property
    def adapts(self) -> bool:
        """Whether it multiplies the rate by a distance that it finds."""
        return self.said.lower().rpartition(".")[2].startswith(("dadapt", "prodigy"))


def optimizer(case: Case) -> Optimizer:
    """What `optimizer_type`, or one of the older options, comes to."""
    said, key = str(case.get("optimizer_type") or ""), "optimizer_type"
    for flag, name in FLAGS.items():
        if not said and case.get(flag):
            said, key = name, flag
    path = _path(said)
    return Optimizer(
        said=said,
        at=case.at(key),
        path=path,
        arguments=read_arguments(case.get("optimizer_args")),
        checkable=_is_same_version(case, path),
    )


def _path(said: str) -> str:
    """Module and class; of a class that its package offers under a shorter path, that one."""
    lower = said.lower()
    if lower in SHORT:
        return SHORT[lower]
    if lower.startswith("dadapt"):
        return ""
    if "." not in said:
        path = f"torch.optim.{said}"
        return path if path in classes() else ""
    return _shortest(said)


def _shortest(path: str) -> str:
    module, _, name = path.rpartition(".")
    if path in {"transformers.Adafactor", ADAFACTOR}:
        return ADAFACTOR
    while module:
        if f"{module}.{name}" in classes():
            return f"{module}.{name}"
        module = module.rpartition(".")[0]
    return path


def _is_same_version(case: Case, path: str) -> bool:
    """The classes of torch are taken for the same in all versions: they have hardly changed since 2.6."""
    package = PACKAGES.get(path.split(".", maxsplit=1)[0])
    if case.host.packages is None or package in {None, "torch"}:
        return True
    there = {name.lower().replace("_", "-"): version for name, version in case.host.packages.items()}
    return bool(there.get(str(package), "").split("+")[0] == _table()["made_with"][package])


def known_modules() -> frozenset[str]:
    """Modules whose classes are all known."""
    return frozenset(row["module"] for row in _table()["optimizers"])


@lru_cache(maxsize=1)
def classes() -> Mapping[str, Mapping[str, Any]]:
    """The path of every known optimizer class, and its row in the table."""
    table = _table()
    found = {f"{row['module']}.{name}": row for row in table["optimizers"] for name in row["names"]}
    return {**{path: {} for path in table["unusable"]}, **found}


@lru_cache(maxsize=64)
def _known(path: str) -> Class | None:
    row = classes().get(path)
    return None if row is None else _class(row, _table()["unusable"].get(path, ""))


@lru_cache(maxsize=1)
def scheduler_classes() -> Mapping[str, Class]:
    """Every known class of torch.optim.lr_scheduler by its name."""
    table = _table()
    found = {name: _class(row, "") for name, row in table["schedulers"].items()}
    return {**{name: _class({}, why) for name, why in table["unusable_schedulers"].items()}, **found}


def _class(row: Mapping[str, Any], unusable: str) -> Class:
    return Class(
        lr=row.get("lr", "number"),
        arguments=row.get("arguments"),
        required=tuple(row.get("required", ())),
        unusable=unusable,
    )


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    text = Path(__file__).with_name("optimizers.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
