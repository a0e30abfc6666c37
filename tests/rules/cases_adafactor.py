"""Adafactor, and steps inside the backward pass."""

from tests.rules.casebook import Entry
from tests.rules.cases_optimizer import PRODIGY, dies, goes_on, optimizer

OWN = ("relative_step=False",)
BLOCKS = ",".join(["1e-5"] * 23)
ADAFACTOR = optimizer("Adafactor", max_grad_norm=0.0)
OWN_RATES = optimizer("Adafactor", *OWN, max_grad_norm=0.0, lr_scheduler="constant_with_warmup")
"""Adafactor with the rates of the options, as sd-scripts advises it."""
FUSED = "fused_backward_pass"
GROUPS = "fused_optimizer_groups"

ENTRIES: tuple[Entry, ...] = (
    goes_on(
        "adafactor-relative",
        ADAFACTOR,
        OWN_RATES,
        "Adafactor finds its own rates: learning_rate = 1e-05 does not count",
    ),
    goes_on(
        "adafactor-relative",
        {**ADAFACTOR, "training.block_lr": BLOCKS},
        {**OWN_RATES, "training.block_lr": BLOCKS},
        "Adafactor finds its own rates: block_lr does not count",
    ),
    goes_on(
        "adafactor-relative",
        {**ADAFACTOR, "training.lr_scheduler": "no such scheduler"},
        {**OWN_RATES, "training.lr_scheduler": "cosine"},
        'Adafactor has its own scheduler: lr_scheduler = "no such scheduler" does not count',
    ),
    goes_on(
        "adafactor-relative",
        {**ADAFACTOR, "training.lr_scheduler_args": ["no_such_argument=1"]},
        {**OWN_RATES, "training.lr_scheduler_args": ["last_epoch=-1"]},
        "Adafactor has its own scheduler: lr_scheduler_args do not count",
    ),
    goes_on(
        "adafactor-warmup-init",
        optimizer("Adafactor", *OWN, "warmup_init=True"),
        optimizer("Adafactor", "warmup_init=True"),
        "warmup_init=True undoes relative_step=False",
    ),
    goes_on(
        "adafactor-soft",
        {**OWN_RATES, "training.max_grad_norm": 1.0},
        OWN_RATES,
        "Adafactor clips by itself, and max_grad_norm = 1.0 clips before it",
    ),
    goes_on(
        "adafactor-soft",
        {**OWN_RATES, "training.lr_scheduler": "cosine"},
        OWN_RATES,
        'sd-scripts advises constant_with_warmup with Adafactor, not "cosine"',
    ),
    goes_on(
        "adafactor-soft",
        {**OWN_RATES, "training.optimizer_args": [*OWN, "clip_threshold=2.0"]},
        {**OWN_RATES, "training.optimizer_args": [*OWN, "clip_threshold=1.0"]},
        "sd-scripts advises clip_threshold=1.0, not 2.0",
    ),
    goes_on(
        "adafactor-decay-rate",
        optimizer("Adafactor", "decay_rate=0.8"),
        optimizer("Adafactor", "decay_rate=-0.8"),
        "decay_rate=0.8 makes NaN of the weights: it must be negative",
    ),
    dies(
        "adafactor-scheduler",
        optimizer("AdamW", lr_scheduler="adafactor"),
        optimizer("Adafactor", lr_scheduler="adafactor"),
        'lr_scheduler = "adafactor" is for Adafactor, not for AdamW',
        "AssertionError",
    ),
    dies(
        "adafactor-scheduler",
        {**OWN_RATES, "training.lr_scheduler": "adafactor"},
        {**OWN_RATES, "training.lr_scheduler": "adafactor:1e-5"},
        'lr_scheduler = "adafactor" is for Adafactor with relative_step=True',
        "IndexError",
    ),
    dies(
        "adafactor-scheduler-type",
        {**ADAFACTOR, "training.lr_scheduler_type": "ConstantLR"},
        {**OWN_RATES, "training.lr_scheduler": "constant", "training.lr_scheduler_type": "ConstantLR"},
        'lr_scheduler_type = "ConstantLR" needs a learning rate, and Adafactor finds its own',
        "TypeError",
    ),
    dies(
        "fused-optimizer",
        optimizer("AdamW", fused_backward_pass=True),
        optimizer("adafactor", fused_backward_pass=True),
        "fused_backward_pass is for Adafactor, not for AdamW",
        "AssertionError",
    ),
    dies(
        "fused-accumulation",
        optimizer("Adafactor", fused_backward_pass=True, gradient_accumulation_steps=2),
        optimizer("Adafactor", fused_backward_pass=True, gradient_accumulation_steps=1),
        "fused_backward_pass cannot accumulate, and gradient_accumulation_steps is 2",
        "AssertionError",
    ),
    goes_on(
        "fused-groups-accumulation",
        optimizer("AdamW", fused_optimizer_groups=3, gradient_accumulation_steps=2),
        optimizer("AdamW", fused_optimizer_groups=3),
        "the first of the optimizer groups steps 2 times as often as the others",
    ),
    Entry(
        rule="fused-fp16",
        trips=optimizer("AdamW", fused_optimizer_groups=3, mixed_precision="fp16"),
        spares=optimizer("AdamW", fused_optimizer_groups=3, mixed_precision="bf16"),
        what='fused_optimizer_groups cannot clip gradients with mixed_precision = "fp16"',
        program="not on a CPU",
    ),
    Entry(
        rule="fused-fp16",
        trips=optimizer("Adafactor", fused_backward_pass=True, mixed_precision="fp16"),
        spares=optimizer("Adafactor", fused_backward_pass=True, mixed_precision="bf16"),
        what='fused_backward_pass cannot clip gradients with mixed_precision = "fp16"',
        program="not on a CPU",
    ),
    Entry(
        rule="fused-fp16-scaled",
        trips={**ADAFACTOR, f"training.{FUSED}": True, "training.mixed_precision": "fp16"},
        spares={**ADAFACTOR, f"training.{FUSED}": True, "training.mixed_precision": "bf16"},
        what='fused_backward_pass steps with scaled gradients with mixed_precision = "fp16"',
        program="not on a CPU",
    ),
    goes_on(
        "fused-both",
        {**OWN_RATES, f"training.{FUSED}": True, f"training.{GROUPS}": 3},
        {**OWN_RATES, f"training.{FUSED}": True, f"training.{GROUPS}": 1},
        "of 3 optimizer groups fused_backward_pass trains the first one alone",
    ),
    dies(
        "fused-groups-adafactor",
        {**ADAFACTOR, f"training.{GROUPS}": 3},
        {**OWN_RATES, f"training.{GROUPS}": 3},
        "Adafactor with relative_step=True cannot be split into 3 groups",
        "could not convert string to float: 'None'",
    ),
    dies(
        "fused-groups-adafactor",
        {**ADAFACTOR, f"training.{GROUPS}": 1, "training.train_text_encoder": True, "training.learning_rate_te1": 1e-6},
        {**ADAFACTOR, f"training.{GROUPS}": 1, "training.train_text_encoder": True},
        "Adafactor with relative_step=True cannot be split into 3 groups",
        "could not convert string to float: 'None'",
    ),
    goes_on(
        "fused-groups-adapting",
        {**PRODIGY, f"training.{GROUPS}": 3},
        PRODIGY,
        "each of 3 groups has a Prodigy of its own, with its own step size",
    ),
    goes_on(
        "fused-groups-idle",
        optimizer("AdamW", fused_optimizer_groups=-3),
        optimizer("AdamW", fused_optimizer_groups=3),
        "fused_optimizer_groups = -3 makes no groups",
    ),
    Entry(
        rule="fused-processes",
        trips=optimizer("AdamW", fused_optimizer_groups=3),
        spares=optimizer("AdamW", fused_optimizer_groups=3),
        what="with fused_optimizer_groups each of 2 processes trains a model of its own",
        program="not asked",
        host={"processes": 2},
    ),
)
