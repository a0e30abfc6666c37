"""Arguments of schedulers, and options of single ones."""

from tests.rules.casebook import Entry
from tests.rules.cases_optimizer import dies, goes_on
from tests.rules.cases_schedule import of_class, schedule

RATIO = {"lr_scheduler_min_lr_ratio": 0.1}
ONE_CYCLE = ("max_lr=1e-4", "total_steps=2")
TWO_GROUPS = {"train_text_encoder": True, "learning_rate_te2": 0.0}

ENTRIES: tuple[Entry, ...] = (
    dies(
        "scheduler-args-name",
        schedule("polynomial", "power=2"),
        schedule("polynomial", "lr_end=1e-8"),
        "lr_scheduler_args: polynomial takes no 'power'",
        "multiple values",
    ),
    dies(
        "scheduler-args-name",
        schedule("linear", "num_cycles=2"),
        schedule("cosine", "num_cycles=2"),
        "lr_scheduler_args: linear takes no 'num_cycles'",
        "unexpected keyword",
    ),
    dies(
        "scheduler-args-name",
        of_class("CosineAnnealingLR", "t_max=2", "T_max=2"),
        of_class("CosineAnnealingLR", "T_max=2"),
        "lr_scheduler_args: CosineAnnealingLR takes no 't_max'",
        "unexpected keyword",
    ),
    dies(
        "scheduler-args-value",
        schedule("constant", "last_epoch=0"),
        schedule("constant", "last_epoch=-1"),
        "lr_scheduler_args: last_epoch of constant must be -1, not 0",
        "initial_lr",
    ),
    dies(
        "scheduler-args-value",
        schedule("warmup_stable_decay", "decay_type='exp'", lr_decay_steps=1),
        schedule("warmup_stable_decay", "decay_type='1-sqrt'", lr_decay_steps=1),
        "lr_scheduler_args: decay_type of warmup_stable_decay must be 'linear' or 'cosine' or '1-sqrt', not 'exp'",
        "Unknown decay type",
    ),
    dies(
        "scheduler-args-value",
        of_class("StepLR", "step_size=0"),
        of_class("StepLR", "step_size=1"),
        "lr_scheduler_args: step_size of StepLR must be a number other than 0, not 0",
        "ZeroDivisionError",
    ),
    dies(
        "scheduler-args-value",
        of_class("CosineAnnealingWarmRestarts", "T_0=2.0"),
        of_class("CosineAnnealingWarmRestarts", "T_0=2"),
        "lr_scheduler_args: T_0 of CosineAnnealingWarmRestarts must be a whole number from 1, not 2.0",
        "Expected positive integer T_0",
    ),
    dies(
        "scheduler-args-value",
        of_class("MultiStepLR", "milestones=1"),
        of_class("MultiStepLR", "milestones=[1]"),
        "lr_scheduler_args: milestones of MultiStepLR must be a list, not 1",
        "TypeError",
    ),
    dies(
        "scheduler-args-required",
        of_class("CosineAnnealingLR"),
        of_class("CosineAnnealingLR", "T_max=2"),
        "CosineAnnealingLR needs T_max in lr_scheduler_args",
        "T_max",
    ),
    dies(
        "scheduler-args-required",
        of_class("OneCycleLR", "max_lr=1e-4", "epochs=1"),
        of_class("OneCycleLR", "max_lr=1e-4", "epochs=1", "steps_per_epoch=2"),
        "OneCycleLR needs total_steps in lr_scheduler_args",
        "total_steps",
    ),
    dies(
        "scheduler-args-clash",
        schedule("cosine_with_min_lr", "min_lr=1e-6", **RATIO),
        schedule("cosine_with_min_lr", "min_lr=1e-6"),
        "min_lr in lr_scheduler_args and lr_scheduler_min_lr_ratio both say the least rate",
        "Only one of min_lr",
    ),
    dies(
        "scheduler-args-clash",
        schedule(
            "cosine_with_min_lr", "min_lr=1e-7", learning_rate=0.0, train_text_encoder=True, learning_rate_te1=1e-6
        ),
        schedule("cosine_with_min_lr", learning_rate=0.0, train_text_encoder=True, learning_rate_te1=1e-6, **RATIO),
        "min_lr in lr_scheduler_args is divided by learning_rate, which is 0",
        "ZeroDivisionError",
    ),
    dies(
        "scheduler-args-clash",
        of_class("OneCycleLR", *ONE_CYCLE, optimizer_type="Adagrad"),
        of_class("OneCycleLR", *ONE_CYCLE, "cycle_momentum=False", optimizer_type="Adagrad"),
        "OneCycleLR needs cycle_momentum=False: Adagrad has no momentum",
        "must support momentum",
    ),
    dies(
        "scheduler-args-clash",
        of_class("CyclicLR", "base_lr=[1e-6]", "max_lr=1e-4", **TWO_GROUPS),
        of_class("CyclicLR", "base_lr=[1e-6, 1e-7]", "max_lr=1e-4", **TWO_GROUPS),
        "base_lr in lr_scheduler_args has 1 value for 2 parameter groups",
        "same length",
    ),
    *(
        dies(
            "step-rules",
            schedule("piecewise_constant", f"step_rules={bad}"),
            schedule("piecewise_constant", f"step_rules={good}"),
            f"step_rules must be a text of factor:step pairs and a last factor, not {bad}",
            says,
        )
        for bad, good, says in (
            ("0.1", "'0.1'", "AttributeError"),
            ("'1:2,0.1:3'", "'1:2,0.1:3,0'", "ValueError"),
            ("'1:2.5,0.1'", "'1.5:2,0.1'", "ValueError"),
        )
    ),
    dies(
        "polynomial-end",
        schedule("polynomial", learning_rate=1e-7),
        schedule("polynomial", learning_rate=2e-7),
        "polynomial ends at 1e-07, and begins at learning_rate = 1e-07",
        "must be smaller than initial lr",
    ),
    dies(
        "polynomial-end",
        schedule("polynomial", "lr_end=1e-5"),
        schedule("polynomial", "lr_end=1e-6"),
        "polynomial ends at 1e-05, and begins at learning_rate = 1e-05",
        "must be smaller than initial lr",
    ),
    goes_on(
        "least-ratio",
        schedule("cosine_with_min_lr", lr_scheduler_min_lr_ratio=2.0),
        schedule("cosine_with_min_lr", lr_scheduler_min_lr_ratio=1.0),
        "lr_scheduler_min_lr_ratio = 2.0 is no part of the rate",
    ),
    goes_on(
        "cycles-idle",
        schedule("cosine_with_restarts", lr_scheduler_num_cycles=0),
        schedule("cosine_with_restarts", lr_scheduler_num_cycles=1),
        "lr_scheduler_num_cycles = 0 makes no cycle of cosine_with_restarts",
    ),
)
