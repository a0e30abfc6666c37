"""Learning rates, and gradients on their way to the optimizer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.rules.casebook import Entry, dies, goes_on


def training(**options: Any) -> dict[str, Any]:
    """Changes to BASE."""
    return {f"training.{key}": value for key, value in options.items()}


def blocks(*first: str, rest: str = "1e-5", count: int = 23) -> str:
    """A block_lr that begins with `first`."""
    return ",".join((*first, *[rest] * (count - len(first))))


ENCODERS = training(train_text_encoder=True, learning_rate_te1=1e-6, learning_rate_te2=1e-6)
"""Both text encoders trained, with rates of their own."""
PRODIGY = training(optimizer_type="Prodigy", learning_rate=1.0)
ONLY_ENCODERS = {**ENCODERS, "training.learning_rate": 0.0}

RATES = (
    dies(
        "nothing-to-train",
        training(learning_rate=0.0),
        ONLY_ENCODERS,
        "learning_rate = 0 leaves nothing to train",
        "empty parameter list",
    ),
    dies(
        "nothing-to-train",
        training(learning_rate=0.0, train_text_encoder=True),
        training(learning_rate=0.0, train_text_encoder=True, learning_rate_te2=1e-6),
        "learning_rate = 0 leaves nothing to train",
        "empty parameter list",
    ),
    dies(
        "lr-refused",
        training(learning_rate=-1e-5),
        training(learning_rate=1e-5),
        "learning_rate of AdamW must be a number from 0, not -1e-05",
        "Invalid learning rate",
    ),
    dies(
        "lr-refused",
        {**ONLY_ENCODERS, "training.optimizer_type": "Lion"},
        {**ONLY_ENCODERS, "training.optimizer_type": "bitsandbytes.optim.Lion"},
        "learning_rate of Lion must be a number above 0, not 0.0",
        "AssertionError",
    ),
    goes_on(
        "lr-negative",
        {**ENCODERS, "training.learning_rate_te1": -1e-6},
        ENCODERS,
        "learning_rate_te1 = -1e-06: it unlearns",
    ),
    goes_on(
        "lr-negative",
        training(block_lr=blocks("-1e-6")),
        training(block_lr=blocks("1e-6")),
        "block_lr holds -1e-06: it unlearns",
    ),
    goes_on(
        "lr-high",
        training(learning_rate=1.0),
        PRODIGY,
        "learning_rate is 1.0, and AdamW takes it as it is",
    ),
    goes_on(
        "lr-default",
        training(learning_rate=None),
        training(learning_rate=2e-6),
        "no learning_rate is set: it is 2e-06",
    ),
    goes_on(
        "te-lr-without-train",
        training(learning_rate_te1=1e-6),
        ENCODERS,
        "learning_rate_te1 = 1e-06 does not count without train_text_encoder",
    ),
    goes_on(
        "te-lr-none",
        {**ENCODERS, "training.learning_rate_te2": None},
        ENCODERS,
        "text encoder 2 has the rate of the U-Net, 1e-05",
    ),
    goes_on(
        "te-idle",
        {**ENCODERS, "training.learning_rate_te1": 0.0, "training.learning_rate_te2": 0.0},
        {**ENCODERS, "training.learning_rate_te1": 0.0},
        "both text encoders have the rate 0, and are not trained",
    ),
    goes_on(
        "te-freeze",
        ENCODERS,
        {**ENCODERS, "training.learning_rate_te1": 0.0},
        "the last layer of text encoder 1 is not trained, nor its final norm",
    ),
)

BLOCKS = (
    *(
        dies("block-lr-count", training(block_lr=text), training(block_lr=blocks()), f"block_lr holds {what}", says)
        for text, what, says in (
            (blocks(count=22), "22 numbers instead of 23", "AssertionError"),
            (blocks(count=24), "24 numbers instead of 23", "AssertionError"),
            (blocks(count=22) + ",", '"", which is no number', "could not convert string to float"),
            (blocks("one"), '"one", which is no number', "could not convert string to float"),
        )
    ),
    dies(
        "block-lr-count",
        training(block_lr=" "),
        training(block_lr=""),
        'block_lr holds " ", which is no number',
        "could not convert string to float",
    ),
    goes_on(
        "block-lr-nan",
        training(block_lr=blocks("nan")),
        training(block_lr=blocks("0")),
        "block_lr holds nan for block 0",
    ),
    dies(
        "block-lr-base-zero",
        training(block_lr=blocks(), learning_rate=0.0),
        training(block_lr=blocks(), learning_rate=1e-9),
        "learning_rate = 0 freezes the U-Net, whatever block_lr says",
        "empty parameter list",
    ),
    goes_on(
        "block-lr-ignored",
        {**ONLY_ENCODERS, "training.block_lr": blocks()},
        {**ENCODERS, "training.block_lr": blocks()},
        "block_lr does not count beside learning_rate = 0",
    ),
    dies(
        "block-lr-all-zero",
        training(block_lr=blocks(rest="0")),
        {**ENCODERS, "training.block_lr": blocks(rest="0")},
        "block_lr freezes every block, and nothing is left to train",
        "empty parameter list",
    ),
)

GRADIENTS = (
    dies(
        "accumulation-zero",
        training(gradient_accumulation_steps=0),
        training(gradient_accumulation_steps=1),
        "gradient_accumulation_steps = 0 leaves nothing to train",
        "ZeroDivisionError",
    ),
    dies(
        "accumulation-zero",
        training(gradient_accumulation_steps=-2),
        training(gradient_accumulation_steps=2),
        "gradient_accumulation_steps = -2 leaves nothing to train",
        "UnboundLocalError",
    ),
    replace(  # of several batches the one is no step of the optimizer: the program leaves with 0 and nothing learned
        goes_on(
            "accumulation-negative",
            training(gradient_accumulation_steps=-2, max_train_epochs=1, max_train_steps=None),
            training(gradient_accumulation_steps=2, max_train_epochs=1, max_train_steps=None),
            "gradient_accumulation_steps = -2 trains one batch an epoch, away from the images",
        ),
        program="no data",
    ),
    goes_on(
        "grad-norm-negative",
        training(max_grad_norm=-1.0),
        training(max_grad_norm=0.0),
        "max_grad_norm = -1.0 turns gradients around",
    ),
)


def _link(target: str) -> Callable[[Path], None]:
    """Makes a link to a file beside it; what trains has another working folder."""

    def make(images: Path) -> None:
        models = images.parent / "models"
        models.mkdir()
        (models / "blob").write_bytes(b"")
        (models / "base.safetensors").symlink_to(target.format(models=models))

    return make


def _diffusers(images: Path) -> None:
    """A Diffusers folder as far as diffusers reads it before it looks for variants."""
    (images.parent / "models" / "unet").mkdir(parents=True)
    (images.parent / "models" / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')


FOLDER_MODEL = training(pretrained_model_name_or_path="FOLDER/../models", mixed_precision="fp16")
LINK = training(pretrained_model_name_or_path="FOLDER/../models/base.safetensors")

MODEL = (
    dies("model-missing", training(pretrained_model_name_or_path=None), {}, "no base model is named", "TypeError"),
    Entry(
        rule="model-symlink",
        trips=LINK,
        trips_files=_link("blob"),
        spares={},
        what="the base model is a link to a relative path, blob",
        program="dies",
        says="Error",
    ),
    Entry(
        rule="model-symlink",
        trips=LINK,
        trips_files=_link("{models}/blob"),
        spares={},
        what="the base model is a link to a file without the suffix .safetensors, blob",
        program="dies",
        says="EOFError",
    ),
    Entry(
        rule="fp16-variant",
        trips=FOLDER_MODEL,
        trips_files=_diffusers,
        spares=training(mixed_precision="bf16"),
        what='mixed_precision = "fp16" needs fp16 files in the Diffusers folder',
        program="dies",
        says="variant=fp16",
    ),
)

ENTRIES: tuple[Entry, ...] = (*RATES, *BLOCKS, *GRADIENTS, *MODEL)
