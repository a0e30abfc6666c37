"""Rules about noise: what is added to the latents, and at which timesteps."""

import math
import sys
from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule

TIMESTEPS = 1000
"""Of the noise schedule (sdxl_train.py:598-600)."""
LARGEST_BASE = math.sqrt(sys.float_info.max)
"""A larger float has no square."""


@rule(
    "adaptive-noise",
    "error",
    phase="start",
    when="adaptive_noise_scale without noise_offset",
    why="It scales an offset that there is not; sd-scripts raises ValueError.",
    fix="set noise_offset, or unset adaptive_noise_scale",
    source="library/train_util.py:4443-4444",
)
def adaptive_noise(case: Case) -> Iterator[Hit]:
    scale = case.get("adaptive_noise_scale")
    if scale is not None and case.get("noise_offset") is None:
        yield Hit(what=f"adaptive_noise_scale = {scale} needs noise_offset", at=case.at("adaptive_noise_scale"))


@rule(
    "noise-both",
    "note",
    phase="never",
    when="noise_offset and multires_noise_iterations",
    why="Both shift the mean of the noise. They used to exclude each other; now the offset is added first, then the "
    "coarser noise, and the sum is scaled back.",
    fix="unset one of the two, unless both are meant",
    source="library/train_util.py:4430-4441, library/train_util.py:6076-6085",
)
def noise_both(case: Case) -> Iterator[Hit]:
    offset, levels = case.get("noise_offset"), case.get("multires_noise_iterations")
    if offset and levels:
        what = f"noise_offset = {offset} and multires_noise_iterations = {levels} are both applied"
        yield Hit(what=what, at=case.at("multires_noise_iterations"))


@rule(
    "noise-negative",
    "warning",
    phase="never",
    when="noise_offset or ip_noise_gamma below 0",
    why="It is multiplied with noise, which is as often negative: the sign does nothing.",
    fix="remove the sign",
    source="library/custom_train_functions.py:471-484, library/train_util.py:6095-6100",
)
def noise_negative(case: Case) -> Iterator[Hit]:
    for key in ("noise_offset", "ip_noise_gamma"):
        strength = case.get(key) or 0.0
        adapted = key == "noise_offset" and case.get("adaptive_noise_scale") is not None
        if strength < 0 and not adapted:
            yield Hit(what=f"{key} = {strength} acts like {-strength}", at=case.at(key))


@rule(
    "multires-negative",
    "warning",
    phase="never",
    when="multires_noise_iterations below 0",
    why="No level is added; the noise is only scaled to its mean strength.",
    fix="unset it, or set 6 to 10",
    source="library/train_util.py:6082-6085, library/custom_train_functions.py:458-467",
)
def multires_negative(case: Case) -> Iterator[Hit]:
    levels = case.get("multires_noise_iterations") or 0
    if levels < 0:
        what = f"multires_noise_iterations = {levels} adds no noise"
        yield Hit(what=what, at=case.at("multires_noise_iterations"))


@rule(
    "multires-discount",
    "warning",
    phase="never",
    when="multires_noise_discount not above 0 and up to 1",
    why="Each level weighs as much as the discount to the power of its number: above 1 the coarsest outweighs all "
    "others, 0 leaves plain noise, and a negative one acts like its absolute value.",
    fix="set multires_noise_discount between 0 and 1; 0.3 is the default",
    source="library/custom_train_functions.py:461-467",
)
def multires_discount(case: Case) -> Iterator[Hit]:
    discount = case.get("multires_noise_discount")
    if (case.get("multires_noise_iterations") or 0) > 0 and not 0 < discount <= 1:
        what = f"multires_noise_discount = {discount} is not between 0 and 1"
        yield Hit(what=what, at=case.at("multires_noise_discount"))


@rule(
    "multires-overflow",
    "error",
    phase="step",
    when="multires_noise_discount whose square is no float, with three levels or more",
    why="Python raises OverflowError at the third level.",
    fix="set multires_noise_discount between 0 and 1",
    source="library/custom_train_functions.py:461-466",
)
def multires_overflow(case: Case) -> Iterator[Hit]:
    discount = case.get("multires_noise_discount")
    if (case.get("multires_noise_iterations") or 0) > 2 and abs(discount) > LARGEST_BASE:
        what = f"multires_noise_discount = {discount} cannot be squared"
        yield Hit(what=what, at=case.at("multires_noise_discount"))


@rule(
    "timestep-range",
    "error",
    phase="step",
    when="timesteps that the noise schedule does not have: 1000 and above, below -1000, with the snr schedule of huber "
    "losses below 0",
    why="IndexError as soon as one of them is drawn. From min_timestep = max_timestep on, max_timestep is the only one "
    "that is trained, and 1000, its default, does not exist.",
    fix="set min_timestep between 0 and 999, and max_timestep above it, up to 1000",
    source="library/train_util.py:6062-6068, library/train_util.py:6087-6102, library/train_util.py:6118-6121",
)
def timestep_range(case: Case) -> Iterator[Hit]:
    first, last = _timesteps(case)
    lowest = 0 if _looks_timesteps_up(case) else -TIMESTEPS
    if last >= TIMESTEPS or first < lowest:
        yield Hit(what=f"{_range(first, last)}, and the noise schedule has 0 to 999", at=_at(case))


@rule(
    "timestep-single",
    "warning",
    phase="never",
    when="min_timestep not below max_timestep",
    why="sd-scripts trains max_timestep alone then, at every step and for every image.",
    fix="set min_timestep below max_timestep",
    source="library/train_util.py:6062-6068",
)
def timestep_single(case: Case) -> Iterator[Hit]:
    low, high = _bounds(case)
    if high <= low and high < TIMESTEPS:
        what = f"min_timestep = {low} is not below max_timestep = {high}: only timestep {high} is trained"
        yield Hit(what=what, at=_at(case))


@rule(
    "timestep-negative",
    "warning",
    phase="never",
    when="timesteps from -1000 to -1",
    why="They are counted from the end of the noise schedule, as Python does: -1 is as noisy as 999, and the U-Net is "
    "told -1.",
    fix="set min_timestep and max_timestep to 0 or more",
    source="library/train_util.py:6062-6068, library/train_util.py:6100-6102",
)
def timestep_negative(case: Case) -> Iterator[Hit]:
    first, last = _timesteps(case)
    if -TIMESTEPS <= first < 0 and not _looks_timesteps_up(case):
        yield Hit(what=f"{_range(first, last)}, and those below 0 count from the end", at=_at(case))


def _bounds(case: Case) -> tuple[int, int]:
    low, high = case.get("min_timestep"), case.get("max_timestep")
    return 0 if low is None else low, TIMESTEPS if high is None else high


def _timesteps(case: Case) -> tuple[int, int]:
    """The first and the last timestep that can be drawn."""
    low, high = _bounds(case)
    return (low, high - 1) if low < high else (high, high)


def _range(first: int, last: int) -> str:
    return f"timestep {last} is trained" if first == last else f"timesteps {first} to {last} are trained"


def _at(case: Case) -> str:
    return case.at("min_timestep" if case.get("min_timestep") is not None else "max_timestep")


def _looks_timesteps_up(case: Case) -> bool:
    """Whether the loss looks them up in a way that knows no negative ones."""
    return case.get("loss_type") in {"huber", "smooth_l1"} and case.get("huber_schedule") == "snr"


@rule(
    "noise-same",
    "note",
    phase="never",
    when="several processes",
    why="Every process starts its random numbers from the same seed, or from torch's own: at each step all of them "
    "draw the same timesteps and the same noise, for different images. The seed itself cannot differ between them.",
    fix="raise batch_size before the number of processes, where memory allows",
    source="sdxl_train.py:124-125, library/train_util.py:6075, library/train_util.py:6062-6068",
)
def noise_same(case: Case) -> Iterator[Hit]:
    if case.host.processes > 1:
        yield Hit(what=f"{case.host.processes} processes draw the same noise", at=case.at("seed"))
