"""Learning rate schedulers, and how long their phases are."""

from typing import Any

from tests.rules.casebook import Entry
from tests.rules.cases_optimizer import dies, goes_on
from tests.rules.cases_rates import training

EPOCH = {"max_train_steps": None, "max_train_epochs": 1}
"""Four steps."""


def schedule(name: str, *arguments: str, **options: Any) -> dict[str, Any]:
    """Changes to BASE: a scheduler, its arguments, and other training options."""
    given = {"lr_scheduler_args": list(arguments)} if arguments else {}
    return training(lr_scheduler=name, **given, **options)


def of_class(name: str, *arguments: str, **options: Any) -> dict[str, Any]:
    """Likewise, with lr_scheduler_type."""
    return schedule("constant", *arguments, lr_scheduler_type=name, **options)


NAMES = (
    *(
        dies("scheduler-unknown", schedule(bad), schedule(good), f'lr_scheduler = "{bad}" is not known', "ValueError")
        for bad, good in (("Cosine", "cosine"), ("linear ", "linear"), ("", "constant"), ("plateau", "polynomial"))
    ),
    *(
        dies(
            "scheduler-broken",
            schedule(name),
            good,
            f'lr_scheduler = "{name}" cannot be used with sd-scripts',
            "TypeError",
        )
        for name, good in (
            ("reduce_lr_on_plateau", schedule("constant")),
            ("cosine_warmup_with_min_lr", schedule("cosine_with_min_lr", lr_scheduler_min_lr_ratio=0.1)),
        )
    ),
    dies(
        "scheduler-needs",
        schedule("cosine_with_min_lr"),
        schedule("cosine_with_min_lr", lr_scheduler_min_lr_ratio=0.0),
        "cosine_with_min_lr needs lr_scheduler_min_lr_ratio",
        "One of min_lr or min_lr_rate",
    ),
    dies(
        "scheduler-needs",
        schedule("piecewise_constant"),
        schedule("piecewise_constant", "step_rules='0.5'"),
        """piecewise_constant needs lr_scheduler_args = ["step_rules='1:10,0.1'"]""",
        "step_rules",
    ),
    dies(
        "scheduler-type-unknown",
        of_class("steplr", "step_size=1"),
        of_class("StepLR", "step_size=1"),
        'lr_scheduler_type = "steplr" is no class of torch.optim.lr_scheduler',
        "AttributeError",
    ),
    dies(
        "scheduler-type-unknown",
        of_class(".StepLR", "step_size=1"),
        of_class("torch.optim.lr_scheduler.StepLR", "step_size=1"),
        'lr_scheduler_type = ".StepLR" names no class',
        "ValueError",
    ),
    dies(
        "scheduler-type-unusable",
        of_class("ReduceLROnPlateau"),
        of_class("ConstantLR"),
        "ReduceLROnPlateau cannot be used here: its step needs a loss, and gets none",
        "metrics",
    ),
    dies(
        "scheduler-type-unusable",
        of_class("LambdaLR", "lr_lambda=0.5"),
        of_class("ExponentialLR", "gamma=0.5"),
        "LambdaLR cannot be used here: it needs a function, which no argument can be",
        "TypeError",
    ),
    goes_on(
        "scheduler-type-unchecked",
        of_class("transformers.get_constant_schedule"),
        of_class("ConstantLR"),
        "the scheduler transformers.get_constant_schedule is not known here",
    ),
    goes_on(
        "scheduler-type-wins",
        {**of_class("ConstantLR"), "training.lr_scheduler": "cosine"},
        of_class("ConstantLR"),
        'lr_scheduler = "cosine" does not count beside lr_scheduler_type',
    ),
    goes_on(
        "schedule-unused",
        schedule("cosine", lr_scheduler_num_cycles=2),
        schedule("cosine_with_restarts", lr_scheduler_num_cycles=2),
        "lr_scheduler_num_cycles = 2 does not count with cosine",
    ),
    goes_on(
        "schedule-unused",
        schedule("cosine", lr_decay_steps=0.5),
        schedule("warmup_stable_decay", lr_decay_steps=0.5),
        "lr_decay_steps = 0.5 does not count with cosine",
    ),
    goes_on(
        "schedule-unused",
        schedule("piecewise_constant", "step_rules='1:2,0.1'", lr_warmup_steps=1),
        schedule("constant_with_warmup", lr_warmup_steps=1),
        "lr_warmup_steps = 1 does not count with piecewise_constant",
    ),
)

PHASES = (
    dies(
        "warmup-needless",
        schedule("constant", lr_warmup_steps=1),
        schedule("constant_with_warmup", lr_warmup_steps=1),
        "constant has no warm-up, and lr_warmup_steps is 1",
        "does not require `num_warmup_steps`",
    ),
    dies(
        "warmup-needless",
        schedule("constant", lr_warmup_steps=0.5),
        schedule("constant", lr_warmup_steps=0.25),
        "constant has no warm-up, and lr_warmup_steps is 0.5",
        "does not require `num_warmup_steps`",
    ),
    dies(
        "warmup-needless",
        schedule("constant", lr_warmup_steps=0.25, **EPOCH),
        schedule("constant", lr_warmup_steps=0.2, **EPOCH),
        "constant has no warm-up, and lr_warmup_steps is 0.25",
        "does not require `num_warmup_steps`",
    ),
    dies(
        "warmup-needless",
        of_class("ConstantLR", lr_warmup_steps=1),
        of_class("ConstantLR", lr_warmup_steps=0),
        "ConstantLR has no warm-up, and lr_warmup_steps is 1",
        "does not require `num_warmup_steps`",
    ),
    dies(
        "warmup-needless",
        schedule("constant_with_warmup", optimizer_type="Adafactor", lr_warmup_steps=1),
        schedule(
            "constant_with_warmup",
            optimizer_type="Adafactor",
            lr_warmup_steps=1,
            optimizer_args=["relative_step=False"],
        ),
        "Adafactor's own scheduler has no warm-up, and lr_warmup_steps is 1",
        "does not require `num_warmup_steps`",
    ),
    goes_on(
        "warmup-float",
        schedule("linear", lr_warmup_steps=100.0),
        schedule("linear", lr_warmup_steps=0.5),
        "lr_warmup_steps = 100.0 is 100 times the whole training",
    ),
    goes_on(
        "warmup-float",
        schedule("warmup_stable_decay", lr_decay_steps=1.0),
        schedule("warmup_stable_decay", lr_decay_steps=1),
        "lr_decay_steps = 1.0 is 1 times the whole training",
    ),
    goes_on(
        "warmup-long",
        schedule("cosine", lr_warmup_steps=2),
        schedule("cosine", lr_warmup_steps=1),
        "lr_warmup_steps = 2 takes the whole training of 2 scheduler steps",
    ),
    goes_on(
        "warmup-negative",
        schedule("linear", lr_warmup_steps=-2),
        schedule("constant_with_warmup", lr_warmup_steps=-2),
        "lr_warmup_steps = -2 begins in the middle of linear",
    ),
    Entry(
        rule="schedule-processes",
        trips=schedule("linear", lr_warmup_steps=1),
        spares=schedule("linear", lr_warmup_steps=0.5),
        what="lr_warmup_steps = 1 lasts 0.5 training steps with 2 processes",
        program="not asked",
        host={"processes": 2},
    ),
    Entry(
        rule="schedule-processes",
        trips=of_class("StepLR", "step_size=10"),
        spares=of_class("StepLR", "step_size=10"),
        what="StepLR counts 2 steps for each training step",
        program="not asked",
        host={"processes": 2},
    ),
    *(
        dies(
            "polynomial-warmup",
            schedule("polynomial", lr_warmup_steps=bad),
            schedule("polynomial", lr_warmup_steps=good),
            f"polynomial divides by zero at its last step: lr_warmup_steps = {bad} is the whole training",
            "ZeroDivisionError",
        )
        for bad, good in ((2, 3), (1.0, 1))
    ),
    dies(
        "polynomial-power",
        schedule("polynomial", lr_scheduler_power=-1.0),
        schedule("polynomial", lr_scheduler_power=0.0),
        "polynomial divides by zero at its last step: lr_scheduler_power = -1.0",
        "ZeroDivisionError",
    ),
    *(
        dies(
            "inverse-sqrt-timescale",
            schedule("inverse_sqrt", **{key: value}, **more),
            schedule("inverse_sqrt", **{key: good}, **more),
            f"inverse_sqrt divides by zero: {key} = {value}",
            "ZeroDivisionError",
        )
        for key, value, good, more in (
            ("lr_warmup_steps", -1, 0, {}),
            ("lr_scheduler_timescale", 0, 1, {}),
            ("lr_scheduler_timescale", -2, -3, {}),
            ("lr_scheduler_timescale", -1, -2, {"lr_warmup_steps": 1}),
        )
    ),
    goes_on(
        "decay-missing",
        schedule("warmup_stable_decay"),
        schedule("warmup_stable_decay", lr_decay_steps=1),
        "warmup_stable_decay does not decay: lr_decay_steps = 0",
    ),
    goes_on(
        "decay-long",
        schedule("warmup_stable_decay", lr_decay_steps=2, lr_warmup_steps=1),
        schedule("warmup_stable_decay", lr_decay_steps=1, lr_warmup_steps=1),
        "warm-up and decay take 3 scheduler steps, and the training has 2",
    ),
)

ENTRIES: tuple[Entry, ...] = (*NAMES, *PHASES)
