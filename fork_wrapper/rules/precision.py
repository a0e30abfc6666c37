"""Rules about the numbers that training calculates with: mixed precision, and weights in half precision."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.optimizers import ADAFACTOR, optimizer
from fork_wrapper.rules.rates import rates
from fork_wrapper.rules.rule import Hit, rule

SMALLEST = 2.0**-25
"""Half precision makes 0 of this number and of all below it."""
EPS = {
    **{f"torch.optim.{name}": 1e-8 for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop")},
    **{f"schedulefree.{name}": 1e-8 for name in ("AdamWScheduleFree", "AdamWScheduleFreeReference")},
    "schedulefree.AdamWScheduleFreePaper": 1e-8,
    "torch.optim.Adagrad": 1e-10,
}
"""Optimizers that add `eps` to a root in the precision of the weights, and its default."""
ROUNDING = 1e-3
"""Half of the least relative step of bfloat16 is 2 ** -9: a rate of more moves most weights."""


@rule(
    "full-fp16",
    "error",
    phase="dataset",
    when='full_fp16 without mixed_precision = "fp16"',
    why="sd-scripts stops with an AssertionError before it reads the base model.",
    fix='set mixed_precision = "fp16", or unset full_fp16',
    source="library/sdxl_train_util.py:167-172, sdxl_train.py:458-461",
)
def full_fp16(case: Case) -> Iterator[Hit]:
    precision = case.get("mixed_precision")
    if case.get("full_fp16") and precision != "fp16":
        what = f'full_fp16 needs mixed_precision = "fp16", and it is "{precision}"'
        yield Hit(what=what, at=case.at("full_fp16"))


@rule(
    "full-bf16",
    "error",
    phase="dataset",
    when='full_bf16 without mixed_precision = "bf16"',
    why="sd-scripts stops with an AssertionError before it reads the base model.",
    fix='set mixed_precision = "bf16", or unset full_bf16',
    source="library/sdxl_train_util.py:173-177, sdxl_train.py:466-469",
)
def full_bf16(case: Case) -> Iterator[Hit]:
    precision = case.get("mixed_precision")
    if case.get("full_bf16") and not case.get("full_fp16") and precision != "bf16":
        what = f'full_bf16 needs mixed_precision = "bf16", and it is "{precision}"'
        yield Hit(what=what, at=case.at("full_bf16"))


@rule(
    "full-both",
    "warning",
    phase="never",
    when="full_fp16 and full_bf16",
    why="full_fp16 is looked at first, and full_bf16 not at all.",
    fix="unset one of the two",
    source="library/sdxl_train_util.py:168-177, sdxl_train.py:458-473",
)
def full_both(case: Case) -> Iterator[Hit]:
    if case.get("full_fp16") and case.get("full_bf16"):
        yield Hit(what="full_bf16 does not count beside full_fp16", at=case.at("full_bf16"))


@rule(
    "full-fp16-eps",
    "warning",
    phase="never",
    when="full_fp16 with an optimizer of the Adam family whose eps is too small for half precision",
    why="Squares of gradients become 0 in half precision, and so does an eps of 1e-8: the optimizer divides by zero, "
    "and weights are NaN after the first steps.",
    fix='choose full_bf16, or add "eps=1e-4" to optimizer_args',
    source="sdxl_train.py:458-465, library/train_util.py:5095-5098",
)
def full_fp16_eps(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    eps = one.values.get("eps", EPS.get(one.path))
    if case.get("full_fp16") and one.path in EPS and not one.values.get("fused") and _vanishes(eps):
        yield Hit(what=f"eps={eps} of {one.name} is 0 in half precision", at=case.at("full_fp16"))


def _vanishes(eps: object) -> bool:
    return isinstance(eps, (int, float)) and eps <= SMALLEST


@rule(
    "full-bf16-rounding",
    "warning",
    phase="never",
    when="full_bf16 with a learning rate below 1e-3 and an optimizer that rounds to the nearest number",
    why="bfloat16 has three digits: a step smaller than about a five-hundredth of the weight rounds back to where it "
    "came from. Most weights stay as they are.",
    fix="unset full_bf16, or take Adafactor with fused_backward_pass, which rounds at random",
    source="sdxl_train.py:466-473, library/train_util.py:5095-5098",
)
def full_bf16_rounding(case: Case) -> Iterator[Hit]:
    one, found = optimizer(case), rates(case)
    plain = one.known is not None and one.known.arguments is not None and one.path != ADAFACTOR
    if _is_full_bf16(case) and plain and not one.adapts and found and max(rate.value for rate in found) < ROUNDING:
        yield Hit(what=f"full_bf16 rounds away most of what {one.name} learns", at=case.at("full_bf16"))


@rule(
    "adafactor-bf16-rounding",
    "warning",
    phase="never",
    when="full_bf16 with Adafactor, and no fused_backward_pass",
    why="sd-scripts has a step for Adafactor that rounds at random, so that small steps add up. It belongs to "
    "fused_backward_pass; without it, small steps are rounded away.",
    fix="set fused_backward_pass = true",
    source="library/adafactor_fused.py:107-113, sdxl_train.py:523-527",
)
def adafactor_bf16_rounding(case: Case) -> Iterator[Hit]:
    one = optimizer(case)
    if _is_full_bf16(case) and one.path == ADAFACTOR and not case.get("fused_backward_pass"):
        what = "full_bf16 rounds away small steps of Adafactor without fused_backward_pass"
        yield Hit(what=what, at=case.at("full_bf16"))


def _is_full_bf16(case: Case) -> bool:
    return bool(case.get("full_bf16")) and case.get("mixed_precision") == "bf16"


@rule(
    "fp8-base",
    "warning",
    phase="never",
    when="fp8_base",
    why="It is for the training of adapters: sdxl_train.py does not look at it.",
    fix="unset fp8_base",
    source="library/train_util.py:3997-4001",
)
def fp8_base(case: Case) -> Iterator[Hit]:
    if case.get("fp8_base"):
        yield Hit(what="fp8_base has no effect on a full fine-tune", at=case.at("fp8_base"))


@rule(
    "fp16-cpu",
    "error",
    phase="step",
    when='mixed_precision = "fp16" on a machine without a GPU',
    why="accelerate mixes half precision on GPUs alone. The U-Net stays in 32 bits, gets latents in 16, and stops.",
    fix='set mixed_precision = "no", or train on a GPU',
    source="library/train_util.py:5494-5502, sdxl_train.py:701-705",
)
def fp16_cpu(case: Case) -> Iterator[Hit]:
    learns = case.get("learning_rate") != 0 or case.get("full_fp16")  # a frozen U-Net is put in 16 bits as a whole
    if case.get("mixed_precision") == "fp16" and case.host.cuda is False and learns:
        yield Hit(what='mixed_precision = "fp16" needs a GPU', at=case.at("mixed_precision"))


@rule(
    "precision-default",
    "note",
    phase="never",
    when="no mixed_precision, on a machine with a GPU",
    why='The default is "no": all is calculated in 32 bits, which takes twice the memory and several times as long.',
    fix='set mixed_precision = "bf16"; write "no", if 32 bits are meant',
    source="library/train_util.py:3980-3986",
)
def precision_default(case: Case) -> Iterator[Hit]:
    if not case.said("mixed_precision") and case.host.cuda:
        yield Hit(what="no mixed_precision is set: it trains in 32 bits", at=case.at("mixed_precision"))
