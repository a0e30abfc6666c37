"""Which optimizer: its name, its package, and what it wants."""

from collections.abc import Mapping
from typing import Any

from tests.rules.casebook import Entry

FEW: Mapping[str, Any] = {"packages": {"torch": "2.13.0", "bitsandbytes": "0.45.0", "transformers": "4.54.1"}}
"""A Python with few packages, one of them in another version than the tables know."""
PRODIGY = {"training.optimizer_type": "Prodigy", "training.learning_rate": 1.0}
TWO_RATES = {"training.train_text_encoder": True, "training.learning_rate_te1": 0.5}
BLOCKS = ",".join(["1.0"] * 23)


def optimizer(name: str | None, *arguments: str, **options: Any) -> dict[str, Any]:
    """Changes to BASE: an optimizer, its arguments, and other training options."""
    said = {"optimizer_type": name, **options, **({"optimizer_args": list(arguments)} if arguments else {})}
    return {f"training.{key}": value for key, value in said.items()}


def dies(rule: str, trips: Mapping[str, Any], spares: Mapping[str, Any], what: str, says: str) -> Entry:
    """An entry that the program dies of."""
    return Entry(rule=rule, trips=trips, spares=spares, what=what, program="dies", says=says)


def goes_on(rule: str, trips: Mapping[str, Any], spares: Mapping[str, Any], what: str) -> Entry:
    """An entry that the program trains with."""
    return Entry(rule=rule, trips=trips, spares=spares, what=what, program="goes on")


def unusable(name: str, nearest: str, why: str, says: str) -> Entry:
    """An optimizer that sd-scripts cannot use, and one that it can."""
    what = f"{name} cannot train here: {why}"
    return dies("opt-unusable", optimizer(name), optimizer(nearest), what, says)


def unknown(name: str, nearest: str, why: str, says: str) -> Entry:
    """A name of an optimizer that does not exist, and one that does."""
    what = f'optimizer_type = "{name}" {why}'
    return dies("opt-unknown", optimizer(name), optimizer(nearest), what, says)


CLOSURE = "its step needs a closure, and gets none"
NO_CLASS = "does not exist: torch.optim has no such class"

ENTRIES: tuple[Entry, ...] = (
    dies(
        "opt-conflict",
        optimizer("AdamW", use_8bit_adam=True),
        optimizer(None, use_8bit_adam=True),
        "optimizer_type and use_8bit_adam each name an optimizer",
        "AssertionError",
    ),
    dies(
        "opt-conflict",
        optimizer("", use_8bit_adam=True, use_lion_optimizer=True),
        optimizer("", use_lion_optimizer=True),
        "use_8bit_adam and use_lion_optimizer each name an optimizer",
        "AssertionError",
    ),
    unknown("adam", "Adam", "is no class of torch.optim", "AttributeError"),
    unknown(" AdamW", "adamw", "is no class of torch.optim", "AttributeError"),
    unknown("AdEMAMix8bit", "bitsandbytes.optim.AdEMAMix8bit", "is no class of torch.optim", "AttributeError"),
    unknown("torch.optim.lr_scheduler", "torch.optim.AdamW", NO_CLASS, "TypeError"),
    unknown("torch.optim.", "torch.optim.adam.Adam", "names no class", "AttributeError"),
    unknown(".AdamW", "torch.optim.adamw.AdamW", "names no class", "ValueError"),
    unknown(
        "pytorch_optimizer.Came",
        "pytorch_optimizer.CAME",
        "does not exist: pytorch_optimizer has no such class",
        "AttributeError",
    ),
    # with the package installed it is a ValueError, without it an ImportError
    unknown("dadaptation.DAdaptAdam", "AdamW", "is no D-Adaptation that sd-scripts knows", "Error"),
    unusable("LBFGS", "SGDNesterov", CLOSURE, "TypeError"),
    unusable("SparseAdam", "Adam", "it takes sparse gradients alone", "does not support dense gradients"),
    unusable("Optimizer", "Adamax", "it is the base class of the others", "TypeError"),
    unusable("schedulefree.AdamWScheduleFreeClosure", "schedulefree.AdamWScheduleFree", CLOSURE, "TypeError"),
    unusable(
        "pytorch_optimizer.SAM",
        "pytorch_optimizer.AdaBelief",
        "it wraps another optimizer, and gets none",
        "base_optimizer",
    ),
    Entry(
        rule="opt-package",
        trips=optimizer("Lion"),
        spares=optimizer("Lion"),
        what="Lion needs the package lion-pytorch, which is not installed",
        program="not asked",
        host=FEW,
    ),
    Entry(
        rule="opt-package",
        trips=optimizer("prodigyplus.ProdigyPlusScheduleFree", learning_rate=1.0),
        spares=optimizer("prodigyplus.ProdigyPlusScheduleFree", learning_rate=1.0),
        what="prodigyplus.ProdigyPlusScheduleFree needs the package schedulefree, which is not installed",
        program="not asked",
        host=FEW,
    ),
    Entry(
        rule="opt-unchecked",
        trips=optimizer("my_optimizers.Best"),
        spares=optimizer("torch.optim.adam.Adam"),
        what="the optimizer my_optimizers.Best is not known here",
        program="not asked",
    ),
    Entry(
        rule="opt-unchecked",
        trips=optimizer("AdamW8bit", "percentile_clipping=5"),
        spares=optimizer("AdamW8bit", "eps=1e-7"),
        what="the arguments of AdamW8bit are known for another version of bitsandbytes",
        program="not asked",
        host=FEW,
    ),
    goes_on(
        "opt-unchecked",
        optimizer("pytorch_optimizer.AdaBelief", "eps=1e-8"),
        optimizer("pytorch_optimizer.AdaBelief"),
        "the arguments of pytorch_optimizer.AdaBelief are not known here",
    ),
    goes_on(
        "schedulefree",
        optimizer("AdamWScheduleFree"),
        optimizer("AdamW"),
        "AdamWScheduleFree: checkpoints hold the weights before averaging",
    ),
    goes_on(
        "schedulefree-scheduler",
        optimizer("AdamWScheduleFree", lr_scheduler="cosine"),
        optimizer("AdamWScheduleFree"),
        'lr_scheduler = "cosine" does not count with a schedule-free optimizer',
    ),
    goes_on(
        "schedulefree-scheduler",
        optimizer("AdamWScheduleFree", lr_warmup_steps=1),
        optimizer("AdamWScheduleFree", "warmup_steps=1"),
        "lr_warmup_steps does not count with a schedule-free optimizer",
    ),
    goes_on(
        "dadapt-lr",
        optimizer("Prodigy"),
        PRODIGY,
        "Prodigy wants a rate near 1.0, and learning_rate is 1e-05",
    ),
    dies(
        "dadapt-rates",
        {**PRODIGY, **TWO_RATES},
        {**PRODIGY, **TWO_RATES, "training.learning_rate_te1": 0.0},
        "Prodigy takes one learning rate, and there are 0.5, 1.0",
        "Setting different lr values",
    ),
    dies(
        "dadapt-rates",
        {**PRODIGY, "training.block_lr": f"0.5{BLOCKS[3:]}"},
        {**PRODIGY, "training.block_lr": f"0{BLOCKS[3:]}"},
        "Prodigy takes one learning rate, and there are 0.5, 1.0",
        "Setting different lr values",
    ),
    Entry(
        rule="dadapt-first-rate",
        trips=optimizer("DAdaptAdan", learning_rate=1.0, train_text_encoder=True, learning_rate_te2=0.5),
        spares={**PRODIGY, **TWO_RATES, "training.learning_rate_te1": 1.0},
        what="DAdaptAdan trains all of it with 1.0: learning_rate_te2 does not count",
        program="not asked",  # its package belongs to no requirements file
    ),
)
