"""Rules about what stands in the file of sample prompts."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.length import draws
from fork_wrapper.check.rules.prompt_file import SUFFIXES, Prompt, PromptFileError, read_prompts
from fork_wrapper.check.rules.reading import some, value
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.options import options
from fork_wrapper.text import counted

SIDES = ("width", "height")
SIDE = 512
"""Of a sample that says none."""
BROKEN_SAMPLER = "dpmsolver"
SCIPY_SAMPLERS = {"lms", "k_lms"}
SEEDS = range(-(2**63), 2**64)
"""What torch takes."""
LONGEST = 1000
"""Steps of DDIM."""
LEAST: Mapping[str, int] = {
    "pndm": 4,
    "heun": 1,
    **dict.fromkeys(("euler", "k_euler", "euler_a", "k_euler_a", "dpm_2", "k_dpm_2", "dpm_2_a", "k_dpm_2_a"), 0),
    **dict.fromkeys(("lms", "k_lms"), 0),
    **dict.fromkeys(("dpmsolver++", "dpmsingle"), -1),
}
"""Fewest steps of which a sampler does not die; DDIM, for which unknown names stand, is not among them."""

_WEIGHT = re.compile(r"\\[()\[\]\\]|\(|:([+-]?[.\d]+)\)|\)")


@rule("sample-prompts-broken")
def sample_prompts_broken(case: Case) -> Iterator[Hit]:
    _, fault = _read(case)
    if fault:
        yield _hit(case, f"the sample prompts cannot be read: {fault}")


@rule("sample-prompts-empty")
def sample_prompts_empty(case: Case) -> Iterator[Hit]:
    prompts, fault = _read(case)
    if prompts == () and not fault:
        yield _hit(case, "there is no sample prompt")


@rule("sample-size")
def sample_size(case: Case) -> Iterator[Hit]:
    lacking = [one.place for one in _prompts(case) if not all(side in one.values for side in SIDES)]
    if lacking:
        yield _hit(case, f"sample prompts without width or height are drawn at {SIDE}: {some(lacking)}")


@rule("sample-size-32")
def sample_size_32(case: Case) -> Iterator[Hit]:
    for one in _prompts(case):
        for side in SIDES:
            wanted = one.values.get(side, SIDE)
            if _is_number(wanted) and _drawn(wanted) % 32:
                yield _hit(case, f"{one.place}: {side} {wanted} is drawn as {_drawn(wanted)}, no multiple of 32")


@rule("sample-value")
def sample_value(case: Case) -> Iterator[Hit]:
    for one in _prompts(case):
        for fault in (*_number_faults(one), *_text_faults(one), *_step_faults(one, _sampler(case, one))):
            yield _hit(case, f"{one.place}: {fault}")


@rule("sample-weight")
def sample_weight(case: Case) -> Iterator[Hit]:
    for one in _prompts(case):
        texts = [one.values.get("prompt", ""), one.values.get("negative_prompt") if _is_guided(one) else ""]
        for weight in (bad for text in texts if isinstance(text, str) for bad in _bad_weights(text)):
            yield _hit(case, f"{one.place}: the weight {weight} is no number")


@rule("sample-controlnet")
def sample_controlnet(case: Case) -> Iterator[Hit]:
    for one in _prompts(case):
        if one.values.get("controlnet_image") is not None:
            yield _hit(case, f"{one.place}: there is no ControlNet for {one.values['controlnet_image']}")


@rule("sample-prompt-sampler")
def sample_prompt_sampler(case: Case) -> Iterator[Hit]:
    for one in _prompts(case):
        name = one.values.get("sample_sampler")
        if name == BROKEN_SAMPLER or (_is_one_of(name, SCIPY_SAMPLERS) and not case.host.has("scipy")):
            yield _hit(case, f"{one.place}: the sampler {name} does not work here")


@rule("sample-sampler-unknown")
def sample_sampler_unknown(case: Case) -> Iterator[Hit]:
    for one in _prompts(case):
        name = one.values.get("sample_sampler", "ddim")
        if not _is_one_of(name, {"ddpm", *options()["sample_sampler"].choices}):
            yield _hit(case, f"{one.place}: there is no sampler {value(name)}, ddim is taken")


@rule("sample-flag-ignored")
def sample_flag_ignored(case: Case) -> Iterator[Hit]:
    for one in _prompts(case):
        for flag in one.ignored:
            yield _hit(case, f"{one.place}: {flag} is ignored")


def _read(case: Case) -> tuple[tuple[Prompt, ...] | None, str]:
    """The prompts that will be drawn, None where none will or nobody knows them; and why they cannot be read."""
    name = case.get("sample_prompts") or ""
    if case.prompts is None or not name.endswith(SUFFIXES) or not draws(case):
        return None, ""
    try:
        return read_prompts(case.prompts, name), ""
    except PromptFileError as error:
        return None, str(error)


def _prompts(case: Case) -> tuple[Prompt, ...]:
    return _read(case)[0] or ()


def _hit(case: Case, what: str) -> Hit:
    return Hit(what=what, at=case.at("sample_prompts"), where=f"{case.get('sample_prompts')} (training.sample_prompts)")


def _is_number(item: Any) -> bool:
    return isinstance(item, (int, float))


def _is_one_of(name: Any, names: set[Any]) -> bool:
    return isinstance(name, str) and name in names


def _drawn(side: float) -> float:
    """What it is rounded to, in the program's own words, so that NaN goes the same way."""
    return max(64, side - side % 8)


def _sampler(case: Case, one: Prompt) -> Any:
    return one.values.get("sample_sampler", case.get("sample_sampler"))


def _is_guided(one: Prompt) -> bool:
    """Whether the negative prompt is looked at (library/sdxl_lpw_stable_diffusion.py:836, 848-849)."""
    scale = one.values.get("scale", 7.5)
    return _is_number(scale) and scale > 1.0


def _number_faults(one: Prompt) -> Iterator[str]:
    for name in (*SIDES, "scale"):
        given = one.values.get(name, SIDE)
        if not _is_number(given) or (name != "scale" and isinstance(_drawn(given), float)):
            yield f"{name} = {value(given)} is no {'number' if name == 'scale' else 'whole number'}"
    seed = one.values.get("seed")
    try:
        if seed is not None and int(seed) not in SEEDS:
            yield f"seed = {value(seed)} is out of range"
    except (TypeError, ValueError, OverflowError):
        yield f"seed = {value(seed)} is no number"


def _step_faults(one: Prompt, sampler: Any) -> Iterator[str]:
    steps = one.values.get("sample_steps", 30)
    if not isinstance(steps, int):
        yield f"sample_steps = {value(steps)} is no whole number"
    elif isinstance(sampler, str) and sampler in LEAST:
        if steps < LEAST[sampler] or (sampler == "dpmsingle" and steps == 0):
            yield f"{sampler} cannot draw in {counted(steps, 'step')}"
    elif steps == 0 or steps > LONGEST:
        yield f"{value(sampler)} cannot draw in {counted(steps, 'step')}"


def _text_faults(one: Prompt) -> Iterator[str]:
    texts = one.values.get("prompt", "")
    if not isinstance(texts, (str, list)):
        yield f"prompt = {value(texts)} is no text"
    elif not _is_guided(one):
        if texts == []:
            yield "prompt is an empty list"
    elif _count(texts) is None or _count(texts) != _count(one.values.get("negative_prompt") or ""):
        yield "prompt and negative_prompt have to be one text each"


def _count(texts: Any) -> int | None:
    """How many texts; None for what is no text."""
    if isinstance(texts, str):
        return 1
    sound = isinstance(texts, (list, dict)) and texts and all(isinstance(text, str) for text in texts)
    return len(texts) if sound else None


def _bad_weights(text: str) -> Iterator[str]:
    """Weights that are no numbers; one behind no bracket is text."""
    open_brackets = 0
    for match in _WEIGHT.finditer(text):
        if match[0] == "(":
            open_brackets += 1
        elif match[0] == ")" or match[1]:
            if match[1] and open_brackets and not _is_float(match[1]):
                yield match[1]
            open_brackets = max(0, open_brackets - 1)


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
