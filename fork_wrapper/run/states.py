"""The training states of a run folder: which there are, which are whole, and what identifies one.

A state is a folder that accelerate writes file by file: weights, optimizer, scheduler, and the random numbers last
(accelerate 1.6.0, checkpointing.py:save_accelerator_state). A kill leaves half of one; removing an old one may leave
half of it too. Files are judged by their own ends, never loaded: they hold pickles.
"""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.names import lies_in
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.optimizers import optimizer
from fork_wrapper.records.checkpoints import is_whole
from fork_wrapper.sdscripts.names import CheckpointName, parse_state
from fork_wrapper.sdscripts.sizes import trained

SMALL = 1 << 20
"""Bytes up to which a file of a state is hashed for the record; scheduler and random numbers take some kilobytes."""

_ZIPPED = (".bin", ".pkl", ".pt")
"""Suffixes of what torch saves: a zip archive, whose directory is written at its end."""


@dataclass(frozen=True, kw_only=True)
class State:
    """One folder to resume from."""

    path: Path
    """The folder."""
    name: CheckpointName
    """What its name says: after which epoch or step, or at the end."""
    step: int | None
    """Optimizer steps of its run that were done when it was saved; None where the length of an epoch is unknown."""
    damage: str
    """What is missing or cut off; empty for a whole one."""


def find_states(folder: Path, output_name: str, training: Mapping[str, Any], length: "Length") -> list[State]:
    """The states of a run folder, the newest first, whole or not; links to folders elsewhere are none."""
    try:
        folders = [path for path in folder.iterdir() if path.is_dir() and lies_in(path, folder)]
    except OSError:
        return []
    named = [(path, name) for path in folders if (name := parse_state(path.name, output_name)) is not None]
    states = [
        State(path=path, name=name, step=length.step_of(name), damage=damage_of(path, training)) for path, name in named
    ]
    return sorted(states, key=lambda state: (-1 if state.step is None else state.step, state.path.name), reverse=True)


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long a run is, in its own count."""

    total_steps: int
    """Optimizer steps in all."""
    steps_per_epoch: int | None
    """Optimizer steps in one epoch; None where nobody said."""

    def step_of(self, name: CheckpointName) -> int | None:
        """The optimizer steps that were done when a state of this name was saved."""
        if name.kind == "final":
            return self.total_steps
        if name.epoch is None:
            return name.step
        return min(name.epoch * self.steps_per_epoch, self.total_steps) if self.steps_per_epoch else None


def damage_of(folder: Path, training: Mapping[str, Any]) -> str:
    """Why a state cannot be resumed from, in a few words; empty when it can."""
    missing = [name for name in needed_files(training) if not (folder / name).exists()]
    if missing:
        return f"{', '.join(missing)} missing"
    cut = [path.name for path in _files(folder) if not _is_complete(path)]
    return f"{', '.join(cut)} cut off" if cut else ""


def needed_files(training: Mapping[str, Any]) -> list[str]:
    """What a state of this training holds at least: a model for each part that learns (sdxl_train.py:494-501).

    A schedule-free optimizer has no scheduler that accelerate knows (library/train_util.py:5244-5258), and DeepSpeed
    keeps weights and optimizer in a folder of its own.
    """
    case = Case(training=training, dataset={})
    if case.get("deepspeed"):
        return ["pytorch_model", "random_states_0.pkl"]
    rates = trained(case.get)
    parts = sum(bool(rate) for rate in (rates.unet, rates.text_encoder_1, rates.text_encoder_2))
    names = ["model.safetensors", *(f"model_{number}.safetensors" for number in range(1, parts)), "optimizer.bin"]
    if not optimizer(case).schedule_free:
        names.append("scheduler.bin")
    if case.get("mixed_precision") == "fp16":
        names.append("scaler.pt")
    return [*names, "random_states_0.pkl"]


def identity_of(folder: Path) -> list[dict[str, Any]]:
    """Every file of a state with its bytes, and the sha256 of the small ones: the others are gigabytes."""
    found = []
    for path in _files(folder):
        size = path.stat().st_size
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if size <= SMALL else None
        found.append({"name": path.relative_to(folder).as_posix(), "bytes": size, "sha256": sha256})
    return found


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _is_complete(path: Path) -> bool:
    if path.suffix == ".safetensors":
        return is_whole(path)
    if path.suffix not in _ZIPPED:
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
