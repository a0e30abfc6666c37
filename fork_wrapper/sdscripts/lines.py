"""What the lines that `sdxl_train.py` prints say, at the pinned commit: progress and facts.

One line in, one small value out; a line that says nothing known gives None. Folding them into a state is
`progress`'s work, causes of failure are `causes`'.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 2000
"""Characters of a line that are looked at: a bar is as wide as a terminal, and a line of a MB would take long."""

_COUNT = r"\d{1,12}"
"""A number of steps, images or parameters; what is longer is damage, and no number that kft could count with."""

_STEPS = re.compile(
    rf"^steps:\s*\d{{1,9}}%\|[^|]*\|\s*(?P<step>{_COUNT})/(?P<total>{_COUNT})\s*"
    r"\[(?P<elapsed>\d{1,9}(?::\d{1,2}){1,3})<[^,\]]*(?:,\s*[\d.?]+(?:it/s|s/it))?"
    r"(?:,\s*avr_loss=(?P<loss>[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|(?i:nan|inf))))?\](?P<rest>.*)$"
)
_EPOCH = re.compile(rf"^epoch (?P<epoch>{_COUNT})/(?P<epochs>{_COUNT})$")
_FACT = re.compile(rf"^(?P<name>[a-z][a-z ]{{1,60}}[a-z]) ?(?:/[^:=]*)?[:=]\s?(?P<value>{_COUNT})$")
_BAR = re.compile(
    rf"\d{{1,9}}%\|.*?\|\s*{_COUNT}/{_COUNT} \[[^\]]*\]?"
    rf"|\d{{1,3}}% {_COUNT}/{_COUNT} \[\d[^\]]*\]?"  # in a notebook
    rf"|^\s*{_COUNT}it \[[^\]]*\]?"
)
_PAUSE = re.compile(r"\b(?:saving (?:checkpoint|model): |saving state at |generating sample images at step)")

_COUNTER = re.compile(r"^(?:(?P<name>[^|%:]*):)?\s*\d{1,3}%\|[^|]*\|\s*(?P<done>\d{1,9})/(?P<total>\d{1,9}) \[")
_WORK = re.compile(
    r"(?i)\b(caching latents|caching text encoder outputs|checking cache validity|loading image sizes)\b"
)
_NAMED = ("read caption", "get image size")

FACTS: Mapping[str, str] = {
    "num examples": "examples",
    "num batches per epoch": "batches_per_epoch",
    "num epochs": "epochs",
    "gradient accumulation steps": "gradient_accumulation_steps",
    "total optimization steps": "total_steps",
    "number of trainable parameters": "trainable_parameters",
}
"""The numbers that sdxl_train.py:541-590 prints before the first step, and kft's names for them."""


@dataclass(frozen=True, kw_only=True)
class StepLine:
    """One redraw of the progress bar (sdxl_train.py:595, 810-813)."""

    step: int
    """Steps done."""
    total: int
    """Steps in all."""
    elapsed: int
    """Seconds since the bar began, as it prints them."""
    loss: float | None
    """Mean loss over the last epoch's length, once there is one."""
    rest: str = ""
    """What follows the bar on its line: a traceback begins right behind it."""


@dataclass(frozen=True, kw_only=True)
class EpochLine:
    """The beginning of an epoch."""

    epoch: int
    """From 1."""
    epochs: int
    """In all."""


@dataclass(frozen=True, kw_only=True)
class FactLine:
    """One of `FACTS`."""

    name: str
    """kft's name for it."""
    value: int
    """The number."""


@dataclass(frozen=True, kw_only=True)
class CountLine:
    """One redraw of a bar that counts images or batches before the first step."""

    name: str
    """What it counts, where the bar says it; else the line before it did."""
    done: int
    """How many."""
    total: int
    """Of how many."""


def parse_line(line: str) -> StepLine | EpochLine | FactLine | None:
    """What a line says; `line` is one redraw or one line, without its end. Never an error: a line is data."""
    if match := _STEPS.match(line):
        loss = match["loss"]
        return StepLine(
            step=int(match["step"]),
            total=int(match["total"]),
            elapsed=_seconds(match["elapsed"]),
            loss=float(loss) if loss else None,
            rest=match["rest"],
        )
    text = line[:LONGEST].strip()
    if match := _EPOCH.match(text):
        return EpochLine(epoch=int(match["epoch"]), epochs=int(match["epochs"]))
    if (match := _FACT.match(text)) and match["name"] in FACTS:
        return FactLine(name=FACTS[match["name"]], value=int(match["value"]))
    return None


def parse_count(line: str) -> CountLine | None:
    """A redraw of one of the bars before training.

    library/train_util.py:new_cache_latents, cache_latents, new_cache_text_encoder_outputs, load_dreambooth_dir.
    """
    match = _COUNTER.match(line[:LONGEST])
    name = (match["name"] or "").strip() if match else ""
    if match is None or (name and name not in _NAMED):
        return None
    return CountLine(name=name, done=int(match["done"]), total=int(match["total"]))


def work_of(line: str) -> str:
    """The work that a line says begins now, whose bar has no name of its own; empty where it says none."""
    match = _WORK.search(line[:LONGEST])
    return match[1].lower() if match else ""


def is_pause(line: str) -> bool:
    """Whether the trainer now writes a checkpoint or a state, or draws samples, in the middle of its training loop.

    library/train_util.py:5889, 5914, 5942, 5964, 6394; without console_log_simple a date and a level stand before it.
    """
    return bool(_PAUSE.search(line[:LONGEST]))


def is_bar(line: str) -> bool:
    """Whether the line is a redraw of any tqdm bar: noise in the tail of a failed run."""
    return bool(_BAR.search(line[:LONGEST]))


def behind_bar(line: str) -> str:
    """What follows the last bar on a line: another process or a traceback begins right behind one."""
    ends = [match.end() for match in _BAR.finditer(line[:LONGEST])]
    return line[ends[-1] :].strip() if ends else line


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total
