"""What the lines that `sdxl_train.py` prints say, at the pinned commit: progress, facts, and causes of failure.

One line in, one small value out; a line that says nothing known gives None. Folding them into a state is
`progress`'s work.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_STEPS = re.compile(
    r"^steps:\s*\d+%\|[^|]*\|\s*(?P<step>\d+)/(?P<total>\d+)\s*\[(?P<elapsed>\d+(?::\d+)+)<[^,\]]*"
    r"(?:,\s*[\d.?]+(?:it/s|s/it))?(?:,\s*avr_loss=(?P<loss>[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|(?i:nan|inf))))?\](?P<rest>.*)$"
)
_EPOCH = re.compile(r"^epoch (?P<epoch>\d+)/(?P<epochs>\d+)$")
_FACT = re.compile(r"^(?P<name>[^/=:]+?)\s*(?:/[^:=]*)?[:=]\s*(?P<value>\d+)$")
_PAUSE = re.compile(r"\b(?:saving (?:checkpoint|model): |saving state at |generating sample images at step)")

_COUNT = re.compile(r"^(?:(?P<name>[^|%:]*):)?\s*\d{1,3}%\|[^|]*\|\s*(?P<done>\d{1,9})/(?P<total>\d{1,9}) \[")
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


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A failure with a name."""

    name: str
    """Short: out of memory, missing package, no data, disk full."""
    what: str
    """What happened, in the trainer's words where they help."""
    todo: str
    """What usually helps."""


def parse_line(line: str) -> StepLine | EpochLine | FactLine | None:
    """What a line says; `line` is one redraw or one line, without its end."""
    if match := _STEPS.match(line):
        loss = match["loss"]
        return StepLine(
            step=int(match["step"]),
            total=int(match["total"]),
            elapsed=_seconds(match["elapsed"]),
            loss=float(loss) if loss else None,
            rest=match["rest"],
        )
    text = line.strip()
    if match := _EPOCH.match(text):
        return EpochLine(epoch=int(match["epoch"]), epochs=int(match["epochs"]))
    if (match := _FACT.match(text)) and match["name"] in FACTS:
        return FactLine(name=FACTS[match["name"]], value=int(match["value"]))
    return None


def parse_count(line: str) -> CountLine | None:
    """A redraw of one of the bars before training.

    library/train_util.py:new_cache_latents, cache_latents, new_cache_text_encoder_outputs, load_dreambooth_dir.
    """
    match = _COUNT.match(line)
    name = (match["name"] or "").strip() if match else ""
    if match is None or (name and name not in _NAMED):
        return None
    return CountLine(name=name, done=int(match["done"]), total=int(match["total"]))


def work_of(line: str) -> str:
    """The work that a line says begins now, whose bar has no name of its own; empty where it says none."""
    match = _WORK.search(line)
    return match[1].lower() if match else ""


def is_pause(line: str) -> bool:
    """Whether the trainer now writes a checkpoint or a state, or draws samples, in the middle of its training loop.

    library/train_util.py:5889, 5914, 5942, 5964, 6394; without console_log_simple a date and a level stand before it.
    """
    return bool(_PAUSE.search(line))


def is_bar(line: str) -> bool:
    """Whether the line is a redraw of any tqdm bar: noise in the tail of a failed run."""
    return bool(re.search(r"\d+%\|.*\|\s*\d+/\d+ \[|^\s*\d+it \[", line))


_CAUSES: tuple[tuple[str, str, str, str], ...] = (
    (
        r"OutOfMemoryError|CUDA out of memory|CUDA error: out of memory",
        "out of memory",
        "the GPU has too little memory for this configuration",
        "lower batch_size and raise gradient_accumulation_steps, or set gradient_checkpointing and cache_latents",
    ),
    (
        r"^ModuleNotFoundError: No module named '(?P<detail>[\w.]+)'"
        r"|(?P<detail2>xformers) is not available|No (?P<detail3>xformers)\b",
        "missing package",
        "the trainer's Python lacks a package: {detail}",
        'install it there: pip install -c constraints.txt -e ".[train]"',
    ),
    (
        r"^NotImplementedError: No operator found for `memory_efficient_attention",
        "xformers without kernels",
        "xformers has no kernels for this GPU and this torch",
        "set sdpa = true in its place: --unset xformers --set sdpa=true",
    ),
    (
        r"unscale_\(\) has already been called",
        "gradients unscaled twice",
        'fused_backward_pass and fused_optimizer_groups cannot clip gradients with mixed_precision = "fp16"',
        'set mixed_precision = "bf16", or unset the fused option (`kft rules fused-fp16`)',
    ),
    (
        r"^ValueError: .*`variant=fp16`, but no such modeling files are available",
        "no fp16 files",
        'mixed_precision = "fp16" needs fp16 files in the Diffusers folder of the base model',
        'name a single .safetensors file, or set mixed_precision = "bf16" (`kft rules fp16-variant`)',
    ),
    (
        r"No data found\. Please verify",
        "no data",
        "sd-scripts found no image and left with exit code 0",
        "check image_dir of every subset: images must lie directly in it",
    ),
    (
        r"(?i)No space left on device|\[Errno 28\]|disk quota exceeded",
        "disk full",
        "the disk of the run folder is full",
        "free space or move `outputs`; what is whole is archived",
    ),
    (
        r"(?i)MetadataIncompleteBuffer|HeaderTooLarge|InvalidHeader|Error while deserializing header",
        "damaged model file",
        "a safetensors file that the trainer reads is damaged or incomplete",
        "download the base model again and compare its sha256",
    ),
    (
        r"torch\.cuda\.is_available\(\) is False|no NVIDIA driver|CUDA driver version is insufficient|No CUDA GPUs",
        "no usable GPU",
        "torch cannot use a CUDA GPU",
        "`kft check NAME` shows GPU, driver and torch build",
    ),
    (
        r"MultipleInvalid: (?P<detail>.*)",
        "dataset config refused",
        "sd-scripts refuses the dataset config: {detail}",
        "correct [dataset] in the experiment",
    ),
    (r"^(?P<detail>AssertionError: .*)", "refused by sd-scripts", "{detail}", "change the option that it names"),
)


OUT_OF_MEMORY = "out of memory"
"""The name of the cause that hangs on the configuration alone."""


def find_cause(lines: list[str]) -> Cause | None:
    """The named cause of a failure, looked for from the last line back; None when nothing known is said."""
    for line in reversed(lines):
        for pattern, name, what, todo in _CAUSES:
            if match := re.search(pattern, line):
                detail = next((text for text in match.groupdict().values() if text), "")
                return Cause(name=name, what=what.format(detail=detail), todo=todo)
    return None


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total
