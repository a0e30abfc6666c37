"""Rules about sample images: when they are drawn, with which sampler, and from which file."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.length import length
from fork_wrapper.rules.prompt_file import SUFFIXES
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.words import counted

UNITS = ("epochs", "steps")
BROKEN_SAMPLER = "dpmsolver"
SCIPY_SAMPLERS = {"lms", "k_lms"}


def interval(case: Case, unit: str) -> int | None:
    """`sample_every_n_…`; what is below 1 is switched off (library/train_util.py:4462-4472)."""
    every = case.get(f"sample_every_n_{unit}")
    return every if every is not None and every > 0 else None


def draws(case: Case) -> bool:
    """Whether samples are drawn, as far as anybody knows how long the training is."""
    if case.get("sample_at_first"):
        return True
    unit, every = _interval_in_force(case)
    return every is not None and length(case).reaches(every, unit)


def _interval_in_force(case: Case) -> tuple[str, int | None]:
    unit = "steps" if interval(case, "epochs") is None else "epochs"
    return unit, interval(case, unit)


@rule(
    "sample-prompts-none",
    "error",
    phase="sample",
    when="sample images without sample_prompts",
    why="TypeError when the first ones are due; with sample_at_first before the first step.",
    fix="set sample_prompts to a .txt file with a prompt in each line, or unset the interval and sample_at_first",
    source="library/train_util.py:6395-6397",
)
def sample_prompts_none(case: Case) -> Iterator[Hit]:
    if draws(case) and case.get("sample_prompts") is None:
        keys = ("sample_at_first", *(f"sample_every_n_{unit}" for unit in UNITS))
        key = next(key for key in keys if case.get(key))
        yield Hit(what=f"{key} needs sample_prompts", at=case.at(key))


@rule(
    "sample-prompts-suffix",
    "error",
    phase="sample",
    when="sample_prompts that does not end in .txt, .toml or .json",
    why="UnboundLocalError: the file is not read at all. Capital letters do not count.",
    fix="rename the file",
    source="library/train_util.py:6411-6422",
)
def sample_prompts_suffix(case: Case) -> Iterator[Hit]:
    name = case.get("sample_prompts")
    if name and draws(case) and not name.endswith(SUFFIXES):
        yield Hit(what=f"sample_prompts is none of {', '.join(SUFFIXES)}: {name}", at=case.at("sample_prompts"))


@rule(
    "sample-interval-zero",
    "note",
    phase="start",
    when="sample_every_n_epochs or sample_every_n_steps of 0 or below",
    why="sd-scripts warns and draws no samples at that interval.",
    fix="unset it",
    source="library/train_util.py:4462-4472",
)
def sample_interval_zero(case: Case) -> Iterator[Hit]:
    for unit in UNITS:
        key = f"sample_every_n_{unit}"
        if case.get(key) is not None and case.get(key) <= 0:
            yield Hit(what=f"{key} = {case.get(key)} switches it off", at=case.at(key))


@rule(
    "sample-both",
    "warning",
    phase="never",
    when="sample_every_n_epochs and sample_every_n_steps",
    why="With an interval in epochs, the one in steps is not looked at.",
    fix="unset one of the two",
    source="library/train_util.py:6385-6391",
)
def sample_both(case: Case) -> Iterator[Hit]:
    epochs, steps = (interval(case, unit) for unit in UNITS)
    if epochs is not None and steps is not None:
        what = f"sample_every_n_steps = {steps} does not count beside sample_every_n_epochs = {epochs}"
        yield Hit(what=what, at=case.at("sample_every_n_steps"))


@rule(
    "sample-never",
    "warning",
    phase="never",
    when="sample_every_n_epochs or sample_every_n_steps beyond the end of training",
    why="Samples are drawn when the number of epochs or steps is a multiple of the interval, and none is.",
    fix="set a shorter interval, or unset it",
    source="library/train_util.py:6385-6391",
)
def sample_never(case: Case) -> Iterator[Hit]:
    unit, every = _interval_in_force(case)
    if every is not None and not length(case).reaches(every, unit):
        ends = counted(length(case).of(unit) or 0, unit[:-1])
        what = f"sample_every_n_{unit} = {every} never comes: training ends after {ends}"
        yield Hit(what=what, at=case.at(f"sample_every_n_{unit}"))


@rule(
    "sample-sampler",
    "error",
    phase="sample",
    when='sample_sampler = "dpmsolver"',
    why="diffusers refuses it: this solver cannot end at a noise of 0, which is its default.",
    fix='set sample_sampler = "dpmsolver++"',
    source="library/train_util.py:6217-6219, library/train_util.py:6234-6240",
)
def sample_sampler(case: Case) -> Iterator[Hit]:
    if draws(case) and case.get("sample_sampler") == BROKEN_SAMPLER:
        what = f'sample_sampler = "{BROKEN_SAMPLER}" does not work with diffusers 0.32'
        yield Hit(what=what, at=case.at("sample_sampler"))


@rule(
    "sampler-scipy",
    "error",
    phase="sample",
    when="sample_sampler = lms or k_lms, and the trainer's Python has no scipy",
    why="diffusers has this sampler only beside scipy, which nothing else in sd-scripts needs.",
    fix='set sample_sampler = "euler_a", or install scipy in the trainer\'s Python',
    source="library/train_util.py:6211-6212",
)
def sampler_scipy(case: Case) -> Iterator[Hit]:
    name = case.get("sample_sampler")
    if draws(case) and name in SCIPY_SAMPLERS and not case.host.has("scipy"):
        yield Hit(what=f'sample_sampler = "{name}" needs scipy', at=case.at("sample_sampler"))


@rule(
    "sample-ztsnr",
    "note",
    phase="never",
    when="sample images with zero_terminal_snr",
    why="Samples are drawn with the usual noise schedule, which the model is being trained away from: they look worse "
    "than the model is.",
    fix="judge by images that another program draws",
    source="library/train_util.py:6231-6240, sdxl_train.py:602-603",
)
def sample_ztsnr(case: Case) -> Iterator[Hit]:
    if case.get("zero_terminal_snr") and draws(case):
        what = "samples are drawn without zero_terminal_snr"
        yield Hit(what=what, at=case.at("zero_terminal_snr"))
