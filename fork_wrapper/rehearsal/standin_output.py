"""The stand-in trainer's output as plain values: file names, the checkpoint header, the prompts to draw.

Names, header keys and prompt flags are those of sdxl_train.py, so that everything downstream of a rehearsal
sees what it will see after a real run. Nothing here writes a file or needs torch.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fork_wrapper.rehearsal.standin_data import parse_resolution

IMPLEMENTATION = "kft stand-in trainer (a rehearsal; not sd-scripts)"
_WRITTEN_APART = ("title", "author", "description", "license", "tags")


def epoch_file(name: str | None, epoch: int) -> str:
    """File name of the checkpoint after an epoch (library/train_util.py:90-100, 5771-5773)."""
    return f"{name or 'epoch'}-{epoch:06d}.safetensors"


def step_file(name: str | None, step: int) -> str:
    """File name of the checkpoint after a step (library/train_util.py:5776-5778)."""
    return f"{name or 'at'}-step{step:08d}.safetensors"


def final_file(name: str | None) -> str:
    """File name of the last checkpoint (library/train_util.py:5781-5783)."""
    return f"{name or 'last'}.safetensors"


def epoch_state(name: str | None, epoch: int) -> str:
    """Folder name of the state after an epoch (library/train_util.py:90, 5937-5946)."""
    return f"{name or 'epoch'}-{epoch:06d}-state"


def step_state(name: str | None, step: int) -> str:
    """Folder name of the state after a step (library/train_util.py:98, 5959-5968)."""
    return f"{name or 'at'}-step{step:08d}-state"


def final_state(name: str | None) -> str:
    """Folder name of the last state (library/train_util.py:93, 5986-5994)."""
    return f"{name or 'last'}-state"


def superseded_epoch(epoch: int, every: int, keep: int | None) -> int | None:
    """The epoch whose checkpoint goes now; `keep` counts files (library/train_util.py:5786-5793)."""
    old = None if keep is None else epoch - every * keep
    return old if old is not None and old >= 0 else None


def superseded_step(step: int, every: int, keep: int | None) -> int | None:
    """The step whose checkpoint goes now; `keep` counts steps (library/train_util.py:5796-5806)."""
    if keep is None:
        return None
    old = step - keep - 1
    old -= old % every
    return old if old >= 0 else None


def sample_file(name: str | None, when: tuple[int | None, int], index: int, seed: int | None, now: datetime) -> str:
    """File name of a drawn prompt; `when` is (epoch or None, step) (library/train_util.py:6572-6577)."""
    epoch, step = when
    parts = [name, f"{step:06d}" if epoch is None else f"e{epoch:06d}", f"{index:02d}", f"{now:%Y%m%d%H%M%S}"]
    parts += [] if seed is None else [str(seed)]
    return "_".join(part for part in parts if part is not None) + ".png"


def header(options: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The `modelspec.*` texts of a checkpoint (library/train_util.py:3506-3570, library/sai_model_spec.py).

    Every `metadata_<x>` becomes `modelspec.<x>`, known or not. Values are passed on as they are: one that
    is no text makes safetensors raise TypeError at the first save, which is what happens in sd-scripts.
    """
    tags = {key.removeprefix("metadata_"): options[key] for key in options if key.startswith("metadata_")}
    title = tags.get("title", options.get("output_name"))
    spec: dict[str, Any] = {
        "sai_model_spec": "1.0.1",
        "architecture": "stable-diffusion-xl-v1-base",
        "implementation": IMPLEMENTATION,
        "title": f"Checkpoint@{now.timestamp()}" if title is None else title,
        "resolution": "{}x{}".format(*parse_resolution(options.get("resolution") or 1024)),
        "date": now.replace(microsecond=0).isoformat(),
        "prediction_type": "v" if options.get("v_parameterization") else "epsilon",
        "implementation_version": "kft-stand-in",
    }
    spec |= {key: tags[key] for key in _WRITTEN_APART[1:] if key in tags}
    spec |= _ranges(options) | {key: value for key, value in tags.items() if key not in _WRITTEN_APART}
    return {f"modelspec.{key}": value for key, value in spec.items()}


def _ranges(options: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    low, high = options.get("min_timestep"), options.get("max_timestep")
    if low is not None or high is not None:
        found["timestep_range"] = f"{0 if low is None else low},{1000 if high is None else high}"
    if options.get("clip_skip") is not None:
        found["encoder_layer"] = str(options["clip_skip"])
    return found


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One line of a prompt file."""

    index: int
    text: str
    negative: str | None = None
    width: int = 512
    """Pixels, like `height`; a multiple of 8, at least 64."""
    height: int = 512
    seed: int | None = None
    """None draws another picture each time."""
    steps: int = 30
    scale: float = 7.5
    """Classifier-free guidance."""


def _pixels(value: str) -> int:
    return max(64, int(value) // 8 * 8)


_WHOLE = r"\d+"
_FLAGS: Mapping[str, tuple[str, str, Callable[[str], Any]]] = {
    "n": ("negative", r".+", str),
    "w": ("width", _WHOLE, _pixels),
    "h": ("height", _WHOLE, _pixels),
    "d": ("seed", _WHOLE, int),
    "s": ("steps", _WHOLE, lambda value: max(1, min(1000, int(value)))),
    "l": ("scale", r"[\d.]+", float),
}


def parse_prompt(line: str, index: int) -> Prompt:
    """A prompt and its ` --x value` flags (library/train_util.py:6254-6326); unknown flags are skipped."""
    text, *flags = line.split(" --")
    values: dict[str, Any] = {}
    for flag in flags:
        letter, _, value = flag.partition(" ")
        field, pattern, convert = _FLAGS.get(letter.lower(), ("", r"(?!)", str))
        match = re.match(pattern, value)
        if match:
            values[field] = convert(match.group())
    return Prompt(index=index, text=text, **values)


def read_prompts(path: Path) -> list[Prompt]:
    """The prompts of a .txt file; empty lines and comments are no prompts."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    return [parse_prompt(line.strip(), index) for index, line in enumerate(lines)]
