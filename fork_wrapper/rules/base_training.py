"""Rules about what the base model was trained for, against what it is trained for now."""

from collections.abc import Iterator

from fork_wrapper.model_kinds import (
    Model,
    distillation_of,
    has_eight_bits,
    is_sdxl,
    merge_of,
    prediction_of,
    zero_snr_of,
)
from fork_wrapper.rules.base_kind import hit, whole_file
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.spelling import shown


def _sdxl(case: Case) -> Iterator[Model]:
    """A base model that is one of SDXL, whole or not, or is only known by a name on the Hub."""
    if case.base and (case.base.on_hub or case.base.parts or any(is_sdxl(header) for header in whole_file(case))):
        yield case.base


@rule(
    "base-v-prediction",
    "warning",
    phase="never",
    when="a base model trained for v-prediction, without v_parameterization",
    why="The U-Net would have to unlearn what it predicts: samples turn into noise or flat colours.",
    fix="set v_parameterization = true",
    source="sdxl_train.py:707-711",
)
def base_v_prediction(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = prediction_of(base)
        if said and said[0] == "v" and not case.get("v_parameterization"):
            yield hit(case, f"the base model predicts v, and is trained to predict noise: {shown(said[1])}")


@rule(
    "base-epsilon",
    "warning",
    phase="never",
    when="v_parameterization with a base model that was trained to predict noise",
    why="The U-Net has to unlearn what it predicts, which takes long; until then samples are noise.",
    fix="unset v_parameterization, unless the change is what you want",
    source="sdxl_train.py:707-711",
)
def base_epsilon(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = prediction_of(base)
        if said and said[0] == "epsilon" and case.get("v_parameterization"):
            what = f"the base model predicts noise, and is trained to predict v: {shown(said[1])}"
            yield Hit(what=what, at=case.at("v_parameterization"), where="")


@rule(
    "base-edm",
    "warning",
    phase="never",
    when="a base model of EDM, as Playground v2.5 and CosXL are",
    why="Its U-Net knows noise of other strengths, and predicts something else, than sd-scripts trains: samples turn "
    "into noise.",
    fix="name another base model",
    source="sdxl_train.py:598-606, sdxl_train.py:707-711",
)
def base_edm(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = prediction_of(base)
        if said and said[0] == "EDM":
            yield hit(case, f"the base model is one of EDM, which is not what is trained: {shown(said[1])}")


@rule(
    "base-zero-snr",
    "warning",
    phase="never",
    when="a base model whose noise schedule ends at a signal of zero, without zero_terminal_snr",
    why="It is then trained on a schedule that ends earlier than its own, and loses its blacks and whites.",
    fix="set zero_terminal_snr = true, and v_parameterization = true",
    source="sdxl_train.py:602-603",
)
def base_zero_snr(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = zero_snr_of(base)
        if said and not case.get("zero_terminal_snr"):
            yield hit(case, f"the base model was trained with zero_terminal_snr: {said}")


@rule(
    "base-eight-bits",
    "warning",
    phase="never",
    when="a base model with weights of eight bits",
    why="They are loaded, but hold two or three digits in binary: training begins with what is left of the model, and "
    "checkpoints are as large as those of the whole one.",
    fix="name the checkpoint in 16 bits",
    source="library/sdxl_model_util.py:146-157",
)
def base_eight_bits(case: Case) -> Iterator[Hit]:
    for header in whole_file(case):
        if has_eight_bits(header) and is_sdxl(header):
            yield hit(case, "the base model's weights have eight bits")


@rule(
    "base-merged",
    "note",
    phase="never",
    when="a base model that is a merge of others",
    why="Nothing is wrong with it: its licence and its origin are those of all that went in.",
    fix="say in the documentation what it was merged from",
    source="library/sdxl_model_util.py:170-179",
)
def base_merged(case: Case) -> Iterator[Hit]:
    for header in whole_file(case):
        if is_sdxl(header) and (key := merge_of(header)):
            yield hit(case, f"the base model is a merge: {key} in its metadata says so")


@rule(
    "base-distilled",
    "note",
    phase="never",
    when="a base model called Turbo, Lightning, LCM, Hyper-SD or DMD2",
    why="It was made to need a few steps and no guidance. Training with noise at all steps undoes that.",
    fix="train the model that it was made from, and distil that afterwards",
    source="sdxl_train.py:698-711",
)
def base_distilled(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        if said := distillation_of(base):
            yield hit(case, f"the base model may be one for few steps: {said}")
