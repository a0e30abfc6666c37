"""Rules about learning rates: what is trained, what is frozen, and numbers that no optimizer takes."""

import math
from collections.abc import Iterator

from fork_wrapper.rules.arguments import fits, in_words
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import optimizer
from fork_wrapper.rules.rates import BLOCKS, block_rates, blocks_in_words, rates
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.sizes import trained
from fork_wrapper.words import counted

ENCODERS = ("learning_rate_te1", "learning_rate_te2")
DESTRUCTIVE = 0.1
"""From here on a rate is meant for Prodigy or D-Adaptation: sd-scripts draws its line there, too."""
GENTLE = ("SGD", "Adadelta", "ASGD", "Rprop", "LARS")
"""How optimizers are called that large rates suit."""


@rule(
    "nothing-to-train",
    "error",
    phase="model",
    when="learning_rate = 0, and no text encoder trained with a rate of its own",
    why="0 freezes the U-Net; the optimizer gets no parameters, and stops.",
    fix="set learning_rate above 0, or train_text_encoder with learning_rate_te1 or learning_rate_te2",
    source="sdxl_train.py:286-359",
)
def nothing_to_train(case: Case) -> Iterator[Hit]:
    if not rates(case) and not case.get("block_lr"):
        yield Hit(what="learning_rate = 0 leaves nothing to train", at=case.at("learning_rate"))


@rule(
    "lr-refused",
    "error",
    phase="model",
    when="a learning_rate that the optimizer refuses",
    why="The optimizer is constructed with learning_rate, whatever the rates of its groups are. All refuse a negative "
    "one but Adafactor and some schedule-free ones; Lion, Prodigy and most of D-Adaptation refuse 0, too.",
    fix="set learning_rate above 0; to freeze the U-Net beside a trained text encoder, choose another optimizer",
    source="sdxl_train.py:286, library/train_util.py:4877-5134",
)
def lr_refused(case: Case) -> Iterator[Hit]:
    one, rate = optimizer(case), case.get("learning_rate")
    if one.known and one.checkable and not one.relative and rates(case) and not fits(rate, one.known.lr):
        what = f"learning_rate of {one.name} must be {in_words(one.known.lr)}, not {rate}"
        yield Hit(what=what, at=case.at("learning_rate"))


@rule(
    "lr-negative",
    "warning",
    phase="never",
    when="a negative rate that nothing refuses",
    why="Optimizers check learning_rate alone. A group with a negative rate is trained away from the images.",
    fix="write the rate without its minus",
    source="sdxl_train.py:345-359",
)
def lr_negative(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    refused = one.known is not None and not fits(-1.0, one.known.lr)
    for rate in {rate.key: rate for rate in rates(case) if rate.value < 0}.values():
        if not one.relative and not (refused and rate.key == "learning_rate"):
            value = "holds" if rate.key == "block_lr" else "="
            yield Hit(what=f"{rate.key} {value} {rate.value}: it unlearns", at=case.at(rate.key))


@rule(
    "lr-high",
    "warning",
    phase="never",
    when="a rate of 0.1 or more with an optimizer that takes it as it is",
    why="Such rates are for Prodigy and D-Adaptation, which multiply them by a very small number. With others, every "
    "step throws the weights far away, and they end as NaN.",
    fix="set learning_rate = 1e-5 or near it, or choose Prodigy",
    source="library/train_util.py:4990-4998",
)
def lr_high(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    kind = one.path.rpartition(".")[2]
    unknown = one.known is None or one.known.arguments is None
    if unknown or one.relative or one.adapts or kind.startswith(GENTLE) or "SGD" in kind:
        return
    for rate in {rate.key: rate for rate in rates(case) if DESTRUCTIVE <= rate.value < math.inf}.values():
        yield Hit(what=f"{rate.key} is {rate.value}, and {one.name} takes it as it is", at=case.at(rate.key))


@rule(
    "lr-default",
    "note",
    phase="never",
    when="no learning_rate",
    why="sd-scripts trains with 2e-6 then.",
    fix="set learning_rate",
    source="library/train_util.py:3701",
)
def lr_default(case: Case) -> Iterator[Hit]:
    if not case.said("learning_rate") and not optimizer(case).relative:
        what = f"no learning_rate is set: it is {case.get('learning_rate')}"
        yield Hit(what=what, at=case.at("learning_rate"))


@rule(
    "te-lr-without-train",
    "warning",
    phase="never",
    when="learning_rate_te1 or learning_rate_te2 without train_text_encoder",
    why="Text encoders are frozen unless train_text_encoder is set, and their rates are not looked at.",
    fix="set train_text_encoder = true, or remove the rate",
    source="sdxl_train.py:293-319",
)
def te_lr_without_train(case: Case) -> Iterator[Hit]:
    for key in ENCODERS:
        if case.get(key) is not None and not case.get("train_text_encoder"):
            what = f"{key} = {case.get(key)} does not count without train_text_encoder"
            yield Hit(what=what, at=case.at(key))


@rule(
    "te-lr-none",
    "note",
    phase="never",
    when="train_text_encoder without learning_rate_te1 or learning_rate_te2",
    why="A text encoder without a rate of its own takes the U-Net's, which is high for it; 0 freezes it.",
    fix="set learning_rate_te1 and learning_rate_te2",
    source="sdxl_train.py:299-302",
)
def te_lr_none(case: Case) -> Iterator[Hit]:
    if case.get("train_text_encoder") and not optimizer(case).relative:
        for number, key in enumerate(ENCODERS, start=1):
            if case.get(key) is None:
                what = f"text encoder {number} has {_whose(case)}"
                yield Hit(what=what, at=case.at(key))


def _whose(case: Case) -> str:
    """The rate that a text encoder takes where it has none of its own, and that of the U-Net where it is another."""
    rate, blocks = case.get("learning_rate"), block_rates(case)
    if rate == 0:
        return "the rate of the U-Net, 0: both are frozen"
    if blocks is None:
        return f"the rate of the U-Net, {rate}"
    return f"learning_rate, {rate}, and the U-Net {blocks_in_words(blocks)}"


@rule(
    "te-idle",
    "warning",
    phase="never",
    when="train_text_encoder with a rate of 0 for both text encoders",
    why="0 freezes a text encoder.",
    fix="set a rate above 0, or unset train_text_encoder",
    source="sdxl_train.py:299-302",
)
def te_idle(case: Case) -> Iterator[Hit]:
    parts = trained(case.get)
    if case.get("train_text_encoder") and not (parts.text_encoder_1 or parts.text_encoder_2):
        yield Hit(what="both text encoders have the rate 0, and are not trained", at=case.at("train_text_encoder"))


@rule(
    "te-freeze",
    "note",
    phase="never",
    when="the first text encoder is trained",
    why="SDXL takes the output of its last layer but one; sd-scripts keeps what comes behind as it is.",
    fix="nothing: it is as it should be",
    source="sdxl_train.py:475-478",
)
def te_freeze(case: Case) -> Iterator[Hit]:
    if trained(case.get).text_encoder_1:
        what = "the last layer of text encoder 1 is not trained, nor its final norm"
        yield Hit(what=what, at=case.at("train_text_encoder"))


@rule(
    "block-lr-count",
    "error",
    phase="start",
    when="block_lr is not exactly 23 numbers",
    why="It has one rate for the embeddings, nine for the blocks on the way in, three for the middle, nine for the way "
    "out and one for the output. sd-scripts stops when it is another count, or when one is no number.",
    fix='write 23 numbers with commas between them: block_lr = "0,1e-5,…"; 0 freezes a block',
    source="sdxl_train.py:49-65, sdxl_train.py:113-117",
)
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


@rule(
    "block-lr-nan",
    "error",
    phase="never",
    when="block_lr holds nan or inf",
    why="Python reads both as numbers, and so nothing stops: the weights of the block are NaN after the first step.",
    fix="write a number",
    source="sdxl_train.py:113-117",
)
def block_lr_nan(case: Case) -> Iterator[Hit]:
    blocks = block_rates(case) or ()
    for number, value in enumerate(blocks):
        if not math.isfinite(value) and not optimizer(case).relative:
            yield Hit(what=f"block_lr holds {value} for block {number}", at=case.at("block_lr"))


@rule(
    "block-lr-base-zero",
    "error",
    phase="model",
    when="block_lr with learning_rate = 0, and no text encoder trained",
    why="learning_rate = 0 freezes the U-Net before block_lr is looked at. The optimizer gets nothing, and stops.",
    fix="set learning_rate to any number above 0: it does not count beside block_lr",
    source="sdxl_train.py:286, sdxl_train.py:347-352",
)
def block_lr_base_zero(case: Case) -> Iterator[Hit]:
    if case.get("block_lr") and case.get("learning_rate") == 0 and not rates(case):
        yield Hit(what="learning_rate = 0 freezes the U-Net, whatever block_lr says", at=case.at("learning_rate"))


@rule(
    "block-lr-ignored",
    "warning",
    phase="never",
    when="block_lr with learning_rate = 0, while a text encoder is trained",
    why="learning_rate = 0 freezes the U-Net before block_lr is looked at.",
    fix="set learning_rate to any number above 0, or remove block_lr",
    source="sdxl_train.py:286, sdxl_train.py:347-352",
)
def block_lr_ignored(case: Case) -> Iterator[Hit]:
    if case.get("block_lr") and case.get("learning_rate") == 0 and rates(case):
        yield Hit(what="block_lr does not count beside learning_rate = 0", at=case.at("block_lr"))


@rule(
    "block-lr-all-zero",
    "error",
    phase="model",
    when="block_lr is 0 for every block, and no text encoder is trained",
    why="Every block is frozen: the optimizer gets no parameters, and stops.",
    fix="give one block a rate above 0",
    source="sdxl_train.py:71-77",
)
def block_lr_all_zero(case: Case) -> Iterator[Hit]:
    blocks = block_rates(case)
    if blocks is not None and not any(blocks) and case.get("learning_rate") != 0 and not rates(case):
        yield Hit(what="block_lr freezes every block, and nothing is left to train", at=case.at("block_lr"))
