"""What is trained, and at which rate: the U-Net, its blocks, the text encoders; steps within backpropagation."""

from typing import Any

from tests.rules.casebook import Entry

ENCODERS = {"training.train_text_encoder": True}
FROZEN_UNET = {"training.learning_rate": 0.0}
FIRST = {"training.learning_rate_te1": 1e-6}
FP16 = {"training.mixed_precision": "fp16"}
OWN_RATES = {
    "training.optimizer_type": "Adafactor",
    "training.optimizer_args": ["scale_parameter=False", "relative_step=False", "warmup_init=False"],
}
FUSED = OWN_RATES | {"training.fused_backward_pass": True}


def _blocks(*rates: str) -> dict[str, Any]:
    """block_lr with these rates first, and 1e-5 up to the 23rd."""
    return {"training.block_lr": ",".join([*rates, *["1e-5"] * (23 - len(rates))])}


ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="nothing-to-train",
        trips=FROZEN_UNET,
        spares=FROZEN_UNET | ENCODERS | FIRST,
        what="learning_rate = 0 leaves nothing to train",
        program="dies",
        says="optimizer got an empty parameter list",
    ),
    Entry(
        rule="nothing-to-train",
        trips=FROZEN_UNET | ENCODERS,
        spares=FROZEN_UNET | ENCODERS | {"training.learning_rate_te2": 1e-6},
        what="learning_rate = 0 leaves nothing to train",
        program="dies",
        says="optimizer got an empty parameter list",
    ),
    Entry(
        rule="nothing-to-train",
        trips=FROZEN_UNET | {"training.fused_optimizer_groups": 2},
        spares={"training.fused_optimizer_groups": 2},
        what="learning_rate = 0 leaves nothing to train",
        program="dies",
        says="IndexError",
    ),
    Entry(
        rule="te-lr-without-train",
        trips=FIRST,
        spares=FIRST | ENCODERS,
        what="learning_rate_te1 = 1e-06 does not count without train_text_encoder",
        program="goes on",
    ),
    Entry(
        rule="te-lr-none",
        trips=ENCODERS | FIRST,
        spares=ENCODERS | FIRST | {"training.learning_rate_te2": 1e-6},
        what="text encoder 2 has the rate of the U-Net, 1e-05",
        program="goes on",
    ),
    Entry(
        rule="te-freeze",
        trips=ENCODERS,
        spares=ENCODERS | {"training.learning_rate_te1": 0.0},
        what="the last layer of text encoder 1 is not trained, nor its final norm",
        program="goes on",
    ),
    Entry(
        rule="block-lr-count",
        trips={"training.block_lr": ",".join(["1e-5"] * 22)},
        spares=_blocks(),
        what="block_lr holds 22 numbers instead of 23",
        program="dies",
        says="block_lr must have 23 values",
    ),
    Entry(
        rule="block-lr-count",
        trips={"training.block_lr": ",".join(["1e-5"] * 24)},
        spares=_blocks(" 1_0e-6 "),
        what="block_lr holds 24 numbers instead of 23",
        program="dies",
        says="block_lr must have 23 values",
    ),
    Entry(
        rule="block-lr-count",
        trips=_blocks("x"),
        spares=_blocks("0"),
        what='block_lr holds "x", which is no number',
        program="dies",
        says="could not convert string to float: 'x'",
    ),
    Entry(
        rule="block-lr-count",
        trips={"training.block_lr": "1e-5," * 23},
        spares=_blocks(),
        what='block_lr holds "", which is no number',
        program="dies",
        says="could not convert string to float: ''",
    ),
    Entry(
        rule="block-lr-base-zero",
        trips=_blocks() | FROZEN_UNET,
        spares=_blocks() | {"training.learning_rate": 1e-9},
        what="learning_rate = 0 freezes the U-Net, whatever block_lr says",
        program="dies",
        says="optimizer got an empty parameter list",
    ),
    Entry(
        rule="block-lr-all-zero",
        trips=_blocks(*["0"] * 23),
        spares=_blocks(*["0"] * 22),
        what="block_lr freezes every block, and nothing is left to train",
        program="dies",
        says="optimizer got an empty parameter list",
    ),
    Entry(
        rule="fused-fp16",
        trips=FUSED | FP16,
        spares=FUSED | {"training.mixed_precision": "bf16"},
        what='fused_backward_pass cannot clip gradients with mixed_precision = "fp16"',
        program="not on a CPU",
    ),
    Entry(
        rule="fused-both",
        trips=FUSED | {"training.fused_optimizer_groups": 2},
        spares=FUSED | {"training.fused_optimizer_groups": 1},
        what="of 2 optimizer groups fused_backward_pass trains the first one alone",
        program="goes on",
    ),
)
