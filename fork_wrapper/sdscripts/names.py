"""How sd-scripts names what it writes, and what a name tells.

Templates: library/train_util.py:90-100 and 5771-5783. A step checkpoint may be written at the last step too, beside
the final one.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CheckpointKind = Literal["epoch", "step", "final"]

SUFFIX = ".safetensors"
STATE_SUFFIX = "-state"
_TAIL = re.compile(r"^(?:-(?P<epoch>\d{6,})|-step(?P<step>\d{8,}))?$")


@dataclass(frozen=True, kw_only=True)
class CheckpointName:
    """What the file name of a checkpoint, or the folder's of a state, says."""

    kind: CheckpointKind
    """After an epoch, at a step, or at the end of training."""
    epoch: int | None
    """Of an epoch checkpoint, from 1."""
    step: int | None
    """Of a step checkpoint, from 1."""


def parse_checkpoint(file: str, output_name: str) -> CheckpointName | None:
    """What `file` says as a checkpoint of `output_name`; None when it is another file."""
    if not (file.startswith(output_name) and file.endswith(SUFFIX)):
        return None
    return _parse_tail(file[len(output_name) : -len(SUFFIX)])


def parse_state(folder: str, output_name: str) -> CheckpointName | None:
    """What the name of a folder says as a training state of `output_name`: saved when a checkpoint of that kind was."""
    if not (folder.startswith(output_name) and folder.endswith(STATE_SUFFIX)):
        return None
    return _parse_tail(folder[len(output_name) : -len(STATE_SUFFIX)])


def _parse_tail(tail: str) -> CheckpointName | None:
    match = _TAIL.match(tail)
    if match is None:
        return None
    if match["epoch"]:
        return CheckpointName(kind="epoch", epoch=int(match["epoch"]), step=None)
    if match["step"]:
        return CheckpointName(kind="step", epoch=None, step=int(match["step"]))
    return CheckpointName(kind="final", epoch=None, step=None)


def final_checkpoint(folder: Path, output_name: str) -> Path:
    """The checkpoint that sd-scripts writes at the end of training."""
    return folder / f"{output_name}{SUFFIX}"
