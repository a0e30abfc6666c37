"""Rules about the loss: its target, its weights, its shape."""

import math
from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule

LARGEST = 3.4028234663852886e38
"""The largest float of 32 bits."""
HUBER = {"huber", "smooth_l1"}


@rule(
    "vpred-scale",
    "error",
    phase="start",
    when="scale_v_pred_loss_like_noise_pred without v_parameterization",
    why="There is no velocity loss to scale; sd-scripts raises ValueError.",
    fix="unset scale_v_pred_loss_like_noise_pred, or set v_parameterization for a base model that predicts velocity",
    source="library/train_util.py:4446-4449",
)
def vpred_scale(case: Case) -> Iterator[Hit]:
    key = "scale_v_pred_loss_like_noise_pred"
    if case.get(key) and not case.get("v_parameterization"):
        yield Hit(what=f"{key} needs v_parameterization", at=case.at(key))


@rule(
    "vpred-like",
    "error",
    phase="start",
    when="v_pred_like_loss with v_parameterization",
    why="It adds to a noise loss what a velocity loss would weigh; sd-scripts raises ValueError.",
    fix="unset one of the two",
    source="library/train_util.py:4451-4454",
)
def vpred_like(case: Case) -> Iterator[Hit]:
    if case.get("v_pred_like_loss") and case.get("v_parameterization"):
        what = f"v_pred_like_loss = {case.get('v_pred_like_loss')} excludes v_parameterization"
        yield Hit(what=what, at=case.at("v_pred_like_loss"))


@rule(
    "vpred-like-negative",
    "warning",
    phase="never",
    when="v_pred_like_loss below 0",
    why="It is added to the loss as a factor of it: where the sum is below 0, training moves away from the images.",
    fix="set v_pred_like_loss above 0, or unset it",
    source="library/custom_train_functions.py:94-98",
)
def vpred_like_negative(case: Case) -> Iterator[Hit]:
    factor = case.get("v_pred_like_loss") or 0.0
    if factor < 0 and not case.get("v_parameterization"):
        yield Hit(what=f"v_pred_like_loss = {factor} takes away from the loss", at=case.at("v_pred_like_loss"))


@rule(
    "vpred",
    "note",
    phase="never",
    when="v_parameterization",
    why="The target is velocity instead of noise. SDXL base predicts noise and would have to learn anew; sd-scripts "
    "does not look at what the base model predicts. Headers of checkpoints say prediction_type v.",
    fix="check that the base model predicts velocity",
    source="sdxl_train.py:707-711, library/sai_model_spec.py:435-439",
)
def vpred(case: Case) -> Iterator[Hit]:
    if case.get("v_parameterization"):
        yield Hit(what="v_parameterization is for base models that predict velocity", at=case.at("v_parameterization"))


@rule(
    "ztsnr",
    "warning",
    phase="start",
    when="zero_terminal_snr without v_parameterization",
    why="At the last timestep the input is noise alone, and predicting noise from it teaches nothing; sd-scripts warns "
    "and goes on.",
    fix="unset zero_terminal_snr, or set v_parameterization for a base model that predicts velocity",
    source="library/train_util.py:4456-4460",
)
def ztsnr(case: Case) -> Iterator[Hit]:
    if case.get("zero_terminal_snr") and not case.get("v_parameterization"):
        yield Hit(what="zero_terminal_snr is meant for v_parameterization", at=case.at("zero_terminal_snr"))


@rule(
    "ztsnr-weights",
    "note",
    phase="never",
    when="zero_terminal_snr with a loss that is weighed by signal to noise",
    why="The ratios are tabulated before the noise schedule is changed: weights are those of the old schedule, at the "
    "last timestep 0.0047 instead of 0.",
    fix="nothing, if that is near enough; else unset the weights",
    source="sdxl_train.py:598-603, library/custom_train_functions.py:16-27",
)
def ztsnr_weights(case: Case) -> Iterator[Hit]:
    for key in _weights(case) if case.get("zero_terminal_snr") else ():
        yield Hit(what=f"{key} goes by the noise schedule without zero_terminal_snr", at=case.at(key))


@rule(
    "snr-weights-both",
    "note",
    phase="never",
    when="min_snr_gamma and debiased_estimation_loss",
    why="Each is a weighting of its own. Both are applied, and what counts is their product.",
    fix="unset one of the two, unless both are meant",
    source="sdxl_train.py:727-734",
)
def snr_weights_both(case: Case) -> Iterator[Hit]:
    gamma = case.get("min_snr_gamma")
    if gamma and case.get("debiased_estimation_loss"):
        what = f"min_snr_gamma = {gamma} and debiased_estimation_loss are multiplied"
        yield Hit(what=what, at=case.at("debiased_estimation_loss"))


@rule(
    "snr-gamma-negative",
    "warning",
    phase="never",
    when="min_snr_gamma below 0",
    why="The weight is the smaller of the ratio and gamma, so every loss becomes negative: training moves away from "
    "the images.",
    fix="set min_snr_gamma = 5.0, or unset it",
    source="library/custom_train_functions.py:68-76",
)
def snr_gamma_negative(case: Case) -> Iterator[Hit]:
    gamma = case.get("min_snr_gamma") or 0.0
    if gamma < 0:
        yield Hit(what=f"min_snr_gamma = {gamma} turns the loss round", at=case.at("min_snr_gamma"))


@rule(
    "huber-unused",
    "warning",
    phase="never",
    when="huber_schedule, huber_c or huber_scale where the loss does not look at them",
    why="They belong to the losses huber and smooth_l1; of these, the schedule snr does not look at huber_scale.",
    fix='unset it, or set loss_type = "huber"; for huber_scale also huber_schedule = "constant" or "exponential"',
    source="library/train_util.py:6110-6130",
)
def huber_unused(case: Case) -> Iterator[Hit]:
    loss, schedule = case.get("loss_type"), case.get("huber_schedule")
    for key in ("huber_schedule", "huber_c", "huber_scale"):
        if not case.said(key):
            continue
        if loss not in HUBER:
            yield Hit(what=f'{key} is ignored with loss_type = "{loss}"', at=case.at(key))
        elif key == "huber_scale" and schedule == "snr":
            yield Hit(what='huber_scale is ignored with huber_schedule = "snr"', at=case.at(key))


@rule(
    "huber-c",
    "error",
    phase="step",
    when="huber_c of 0 or below with the exponential schedule of a huber loss",
    why="Its logarithm is taken, and there is none.",
    fix="set huber_c = 0.1, or another value above 0",
    source="library/train_util.py:6115-6117",
)
def huber_c(case: Case) -> Iterator[Hit]:
    exponential = case.get("loss_type") in HUBER and case.get("huber_schedule") == "exponential"
    if exponential and case.get("huber_c") <= 0:
        what = f'huber_c = {case.get("huber_c")} has no logarithm, which huber_schedule = "exponential" needs'
        yield Hit(what=what, at=case.at("huber_c"))


@rule(
    "huber-threshold",
    "warning",
    phase="never",
    when="a threshold of a huber loss that is not above 0",
    why="The loss huber is multiplied with it: at 0 nothing is learned, below 0 training moves away from the images. "
    "smooth_l1 with 0 is the absolute error, without a gradient where there is none; below 0 the sign does nothing.",
    fix="set huber_c = 0.1 and huber_scale = 1.0, their defaults, or others above 0",
    source="library/train_util.py:6115-6128, library/train_util.py:6143-6162",
)
def huber_threshold(case: Case) -> Iterator[Hit]:
    schedule, loss = case.get("huber_schedule"), case.get("loss_type")
    c, scale = case.get("huber_c"), case.get("huber_scale")
    factors = {"constant": c * scale, "exponential": scale, "snr": c or 1.0}
    if loss in HUBER and factors[schedule] <= 0 and (schedule != "exponential" or c > 0):
        key = "huber_scale" if schedule != "snr" and scale <= 0 else "huber_c"
        size = "0" if factors[schedule] == 0 else "negative"
        yield Hit(what=f'{key} = {case.get(key)} makes the threshold of loss_type = "{loss}" {size}', at=case.at(key))


@rule(
    "loss-overflow",
    "error",
    phase="step",
    when="min_snr_gamma, or huber_c times huber_scale of the constant schedule, beyond the floats of 32 bits",
    why="torch refuses to make a tensor of it.",
    fix="set a smaller number",
    source="library/custom_train_functions.py:70, library/train_util.py:6125-6126",
)
def loss_overflow(case: Case) -> Iterator[Hit]:
    if abs(case.get("min_snr_gamma") or 0.0) > LARGEST:
        yield Hit(what=f"min_snr_gamma = {case.get('min_snr_gamma')} is too large", at=case.at("min_snr_gamma"))
    threshold = case.get("huber_c") * case.get("huber_scale")
    constant = case.get("loss_type") in HUBER and case.get("huber_schedule") == "constant"
    if constant and math.isfinite(threshold) and abs(threshold) > LARGEST:
        yield Hit(what=f"huber_c times huber_scale = {threshold} is too large", at=case.at("huber_c"))


@rule(
    "zero-is-off",
    "note",
    phase="never",
    when="0 for noise_offset, multires_noise_iterations, ip_noise_gamma, min_snr_gamma or v_pred_like_loss",
    why="sd-scripts asks whether there is a value, and 0 counts as none.",
    fix="unset it, if off is what is meant",
    source="library/train_util.py:6076, library/train_util.py:6082, library/train_util.py:6095, sdxl_train.py:714-732",
)
def zero_is_off(case: Case) -> Iterator[Hit]:
    keys = ("noise_offset", "multires_noise_iterations", "ip_noise_gamma", "min_snr_gamma", "v_pred_like_loss")
    for key in keys:
        if case.get(key) == 0:
            yield Hit(what=f"{key} = {case.get(key)} switches it off", at=case.at(key))


def _weights(case: Case) -> Iterator[str]:
    keys = ("min_snr_gamma", "scale_v_pred_loss_like_noise_pred", "v_pred_like_loss", "debiased_estimation_loss")
    return (key for key in keys if case.get(key))
