"""Rules about what the base model was trained for, against what it is trained for now."""

from collections.abc import Iterator

from fork_wrapper.check.rules.base_kind import hit, whole_file
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.model_kinds import (
    Model,
    distillation_of,
    has_eight_bits,
    is_sdxl,
    merge_of,
    prediction_of,
    zero_snr_of,
)
from fork_wrapper.text import shown


def _sdxl(case: Case) -> Iterator[Model]:
    """A base model that is one of SDXL, whole or not, or is only known by a name on the Hub."""
    if case.base and (case.base.on_hub or case.base.parts or any(is_sdxl(header) for header in whole_file(case))):
        yield case.base


@rule("base-v-prediction")
def base_v_prediction(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = prediction_of(base)
        if said and said[0] == "v" and not case.get("v_parameterization"):
            yield hit(case, f"the base model predicts v, and is trained to predict noise: {shown(said[1])}")


@rule("base-epsilon")
def base_epsilon(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = prediction_of(base)
        if said and said[0] == "epsilon" and case.get("v_parameterization"):
            what = f"the base model predicts noise, and is trained to predict v: {shown(said[1])}"
            yield Hit(what=what, at=case.at("v_parameterization"), where="")


@rule("base-edm")
def base_edm(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = prediction_of(base)
        if said and said[0] == "EDM":
            yield hit(case, f"the base model is one of EDM, which is not what is trained: {shown(said[1])}")


@rule("base-zero-snr")
def base_zero_snr(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        said = zero_snr_of(base)
        if said and not case.get("zero_terminal_snr"):
            yield hit(case, f"the base model was trained with zero_terminal_snr: {said}")


@rule("base-eight-bits")
def base_eight_bits(case: Case) -> Iterator[Hit]:
    for header in whole_file(case):
        if has_eight_bits(header) and is_sdxl(header):
            yield hit(case, "the base model's weights have eight bits")


@rule("base-merged")
def base_merged(case: Case) -> Iterator[Hit]:
    for header in whole_file(case):
        if is_sdxl(header) and (key := merge_of(header)):
            yield hit(case, f"the base model is a merge: {key} in its metadata says so")


@rule("base-distilled")
def base_distilled(case: Case) -> Iterator[Hit]:
    for base in _sdxl(case):
        if said := distillation_of(base):
            yield hit(case, f"the base model may be one for few steps: {said}")
