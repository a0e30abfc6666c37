"""Rules about the run around the data: the base model, noise and loss, its length, what is saved, drawn and logged."""

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.length import batches, interval_in_force, length
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.text import counted

KEY = "pretrained_model_name_or_path"


@rule("model-symlink")
def model_symlink(case: Case) -> Iterator[Hit]:
    path = Path(str(case.get(KEY) or ""))
    if not path.is_symlink():
        return
    target = os.readlink(path)  # noqa: PTH115 - its text, as sd-scripts reads it
    if not Path(target).is_absolute():
        yield Hit(what=f"the base model is a link to a relative path, {target}", at=case.at(KEY), where=str(path))
    elif path.suffix.lower() == ".safetensors" and path.is_file() and not target.lower().endswith(".safetensors"):
        what = f"the base model is a link to a file without the suffix .safetensors, {Path(target).name}"
        yield Hit(what=what, at=case.at(KEY), where=str(path))


@rule("fp16-variant")
def fp16_variant(case: Case) -> Iterator[Hit]:
    folder = Path(str(case.get(KEY) or ""))
    if case.get("mixed_precision") == "fp16" and (folder / "model_index.json").is_file() and not _has_fp16(folder):
        what = 'mixed_precision = "fp16" needs fp16 files in the Diffusers folder'
        yield Hit(what=what, at=case.at(KEY), where=str(folder))


def _has_fp16(folder: Path) -> bool:
    """Whether one of its parts has a file that diffusers takes for one in half precision."""
    return any("".join(path.name.split(".")[1:2]).startswith("fp16") for path in folder.glob("*/*"))


TIMESTEPS = 1000
"""Of the noise schedule (sdxl_train.py:598-600)."""


@rule("timestep-range")
def timestep_range(case: Case) -> Iterator[Hit]:
    first, last = _timesteps(case)
    lowest = 0 if _looks_timesteps_up(case) else -TIMESTEPS
    if last >= TIMESTEPS or first < lowest:
        yield Hit(what=f"{_range(first, last)}, and the noise schedule has 0 to 999", at=_at(case))


@rule("timestep-single")
def timestep_single(case: Case) -> Iterator[Hit]:
    low, high = _bounds(case)
    if high <= low and high < TIMESTEPS:
        what = f"min_timestep = {low} is not below max_timestep = {high}: only timestep {high} is trained"
        yield Hit(what=what, at=_at(case))


@rule("timestep-negative")
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


LARGEST = 3.4028234663852886e38
"""The largest float of 32 bits."""
HUBER = {"huber", "smooth_l1"}


@rule("huber-threshold")
def huber_threshold(case: Case) -> Iterator[Hit]:
    schedule, loss = case.get("huber_schedule"), case.get("loss_type")
    c, scale = case.get("huber_c"), case.get("huber_scale")
    factors = {"constant": c * scale, "exponential": scale, "snr": c or 1.0}
    if loss in HUBER and factors[schedule] <= 0 and (schedule != "exponential" or c > 0):
        key = "huber_scale" if schedule != "snr" and scale <= 0 else "huber_c"
        size = "0" if factors[schedule] == 0 else "negative"
        yield Hit(what=f'{key} = {case.get(key)} makes the threshold of loss_type = "{loss}" {size}', at=case.at(key))


@rule("loss-overflow")
def loss_overflow(case: Case) -> Iterator[Hit]:
    if abs(case.get("min_snr_gamma") or 0.0) > LARGEST:
        yield Hit(what=f"min_snr_gamma = {case.get('min_snr_gamma')} is too large", at=case.at("min_snr_gamma"))
    threshold = case.get("huber_c") * case.get("huber_scale")
    constant = case.get("loss_type") in HUBER and case.get("huber_schedule") == "constant"
    if constant and math.isfinite(threshold) and abs(threshold) > LARGEST:
        yield Hit(what=f"huber_c times huber_scale = {threshold} is too large", at=case.at("huber_c"))


@rule("steps-huge")
def steps_huge(case: Case) -> Iterator[Hit]:
    key = "max_train_steps" if case.get("max_train_epochs") is None else "max_train_epochs"
    if case.get(key) > sys.maxsize // batches(case):
        yield Hit(what=f"{key} = {case.get(key)} is too large to count", at=case.at(key))


@rule("sample-never")
def sample_never(case: Case) -> Iterator[Hit]:
    unit, every = interval_in_force(case)
    if every is not None and not length(case).reaches(every, unit):
        what = f"sample_every_n_{unit} = {every} never comes: training ends after {_end(case, unit)}"
        yield Hit(what=what, at=case.at(f"sample_every_n_{unit}"))


def _end(case: Case, unit: str) -> str:
    """The length of the training, in words."""
    return counted(length(case).of(unit) or 0, unit[:-1])


UNITS = ("epochs", "steps")


@rule("save-never")
def save_never(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        every = abs(_every(case, unit) or 0)
        if every and not length(case).reaches(every, unit):
            what = f"save_every_n_{unit} = {every} never comes: training ends after {_end(case, unit)}"
            yield Hit(what=what, at=case.at(f"save_every_n_{unit}"))


@rule("last-epoch-not-saved")
def last_epoch_not_saved(case: Case) -> Iterator[Hit]:
    every = _every(case, "epochs")
    last = length(case).epochs if every else None
    if every and last and last % every == 0 and last > 1:
        what = f"epoch {last}, the last one, is saved as the final checkpoint alone"
        yield Hit(what=what, at=case.at("save_n_epoch_ratio" if _by_ratio(case) else "save_every_n_epochs"))


@rule("save-twice")
def save_twice(case: Case) -> Iterator[Hit]:
    every = _every(case, "steps")
    last = length(case).steps if every else None
    if every and last and last % every == 0:
        what = f"step {last}, the last one, is saved twice: with its number, and as the final checkpoint"
        yield Hit(what=what, at=case.at("save_every_n_steps"))


@rule("save-last-steps")
def save_last_steps(case: Case) -> Iterator[Hit]:
    every = _counted(case, "steps")
    for key, files in _limits(case, "steps") if every else ():
        last = case.get(key)
        if last >= 0:
            kept = last // every + 1
            what = f"{key} = {last} keeps {counted(kept, files)} of those every {counted(every, 'step')}"
            yield Hit(what=what, at=case.at(key))


@rule("save-last-deletes")
def save_last_deletes(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        every = _counted(case, unit)
        for key, files in _limits(case, unit) if every else ():
            last = case.get(key)
            if last == 0 if unit == "epochs" else -every <= last < 0:
                yield Hit(what=f"{key} = {last} removes each {files} right after it is written", at=case.at(key))


@rule("save-last-endless")
def save_last_endless(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        every = _counted(case, unit)
        for key, files in _limits(case, unit) if every else ():
            last = case.get(key)
            if last < (0 if unit == "epochs" else -every):
                yield Hit(what=f"{key} = {last} removes no {files}", at=case.at(key))
        own = f"save_last_n_{unit}_state"
        if every and case.get(own) == 0 and case.get("save_state"):
            yield Hit(what=f"{own} = 0 counts as unset", at=case.at(own))


@rule("save-no-interval")
def save_no_interval(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        for key in (f"save_last_n_{unit}", f"save_last_n_{unit}_state"):
            lacking = "" if _every(case, unit) is not None else f"save_every_n_{unit}"
            if not lacking and key.endswith("_state") and not case.get("save_state"):
                lacking = "save_state"
            if lacking and case.get(key) is not None:
                yield Hit(what=f"{key} = {case.get(key)} has no effect without {lacking}", at=case.at(key))
    if case.get("save_state") and all(_every(case, unit) is None for unit in UNITS):
        what = "save_state writes the final state alone: no interval is set"
        yield Hit(what=what, at=case.at("save_state"))


def _by_ratio(case: Case) -> bool:
    """Whether the interval in epochs is computed."""
    return (case.get("save_n_epoch_ratio") or 0) > 0


def _every(case: Case, unit: str) -> int | None:
    """The interval in force; 1 stands for one that only the number of epochs tells (sdxl_train.py:577-578)."""
    if unit == "epochs" and _by_ratio(case):
        last = length(case).epochs
        return last // case.get("save_n_epoch_ratio") or 1 if last else 1
    every: int | None = case.get(f"save_every_n_{unit}")
    return every


def _counted(case: Case, unit: str) -> int:
    """The interval that limits are counted in; 0 where there is none, or a negative one, which rounds otherwise."""
    return max(0, _every(case, unit) or 0)


def _limits(case: Case, unit: str) -> Iterator[tuple[str, str]]:
    """The limits that are set and looked at, and what they are limits of."""
    for key, file in ((f"save_last_n_{unit}", "checkpoint"), (f"save_last_n_{unit}_state", "state")):
        if case.get(key) is not None and (file == "checkpoint" or (case.get("save_state") and case.get(key))):
            yield key, file


LONGEST_NAME = 255
"""Bytes of a file's name on most file systems."""
STAMP = 14
"""Bytes of the time that sd-scripts puts behind log_prefix."""


@rule("console-log-folder")
def console_log_folder(case: Case) -> Iterator[Hit]:
    if case.get("console_log_file") and not Path(case.get("console_log_file")).parent.is_dir():
        folder = Path(case.get("console_log_file")).parent
        yield Hit(what=f"there is no folder {folder} for console_log_file", at=case.at("console_log_file"))


@rule("log-name")
def log_name(case: Case) -> Iterator[Hit]:
    for key, more in (("log_prefix", STAMP), ("log_tracker_name", 0)):
        *folders, last = (case.get(key) or "").split("/")
        if max(map(_bytes, folders), default=0) > LONGEST_NAME or _bytes(last) + more > LONGEST_NAME:
            yield Hit(what=f"{key} is too long for the name of a folder", at=case.at(key))


@rule("thumbnail-relative")
def thumbnail_relative(case: Case) -> Iterator[Hit]:
    path = case.get("metadata_thumbnail") or ""
    absolute = PurePath(path).is_absolute() or PurePosixPath(path).is_absolute()
    if path and not path.startswith("data:") and not absolute:
        what = f"metadata_thumbnail is not found from the run's folder: {path}"
        yield Hit(what=what, at=case.at("metadata_thumbnail"))


def _bytes(name: str) -> int:
    return len(name.encode(errors="surrogateescape"))


PARTS = 2
"""Of a repository's name: ORGANISATION/NAME."""


@rule("resume-hub-name")
def resume_hub_name(case: Case) -> Iterator[Hit]:
    name = case.get("resume") or ""
    parts = name.split("/")
    if case.get("resume_from_huggingface") and name and (len(parts) < PARTS or not parts[0] or ":" in parts[0]):
        yield Hit(what=f"resume_from_huggingface cannot fetch {name}", at=case.at("resume_from_huggingface"))


KINDS = ("mem_eff_attn", "xformers", "sdpa")
"""In the order in which sd-scripts looks."""


@rule("diffusers-xformers")
def diffusers_xformers(case: Case) -> Iterator[Hit]:
    if case.get("diffusers_xformers"):
        others = [key for key in KINDS if case.get(key)]
        also = f", and {' and '.join(others)} cannot change that" if others else ""
        what = f"diffusers_xformers leaves the U-Net with plain attention{also}"
        yield Hit(what=what, at=case.at("diffusers_xformers"))
