"""The checkpoints of a run folder: which files they are, whether they are whole, what their headers say.

The log is never asked: sd-scripts prints "saving checkpoint" before it writes (library/train_util.py:5889-5890).
A file is whole when the safetensors library opens it, that is when the data reaches as far as the header says.
"""

import json
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.names import are_plain, is_plain, lies_in
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import canonical_json
from fork_wrapper.sdscripts.names import CheckpointName, parse_checkpoint

CONFIG_KEY = "modelspec.kft_config"
RUN_KEY = "modelspec.kft_run"
INPUTS_KEY = "modelspec.kft_inputs"
POSITION_KEY = "modelspec.kft_position"

NO_POSITION = " " * 60
"""What the trainer writes where a position will stand: room for it."""
_POSITION = re.compile(r"step (?P<step>\d+)(?: of (?P<steps>\d+))?(?: epoch (?P<epoch>\d+))? end *")
_ROOM = re.compile(rf'"{re.escape(POSITION_KEY)}"\s*:\s*"(?P<room>{NO_POSITION})"'.encode())
_MOST_HEADER = 100_000_000
"""Bytes; the safetensors library reads no longer one."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One checkpoint file of a run."""

    path: Path
    """The file."""
    name: CheckpointName
    """What its name says."""


def find_checkpoints(folder: Path, output_name: str) -> list[Checkpoint]:
    """Checkpoints of `output_name` directly in `folder`, oldest first; whole or not.

    A link to a file elsewhere is none: what lies there is not this run's.
    """
    found = []
    for path in sorted(folder.glob("*.safetensors"), key=_age):
        name = parse_checkpoint(path.name, output_name)
        if name is not None and lies_in(path, folder):
            found.append(Checkpoint(path=path, name=name))
    return found


def read_metadata(path: Path) -> dict[str, str] | None:
    """The header's `__metadata__` of a whole file; None when it is truncated, no safetensors file, or gone."""
    # Imported here: safetensors opens files through numpy, which no reader of records should wait for.
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    try:
        with safe_open(str(path), framework="np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return None


def is_whole(path: Path) -> bool:
    """Whether the file is a complete safetensors file."""
    return read_metadata(path) is not None


def stamp_position(path: Path, step: int, steps: int | None, epoch: int | None) -> bool:
    """Write into a checkpoint's header at which optimizer step, of how many, and in which epoch it was saved.

    The trainer left room for it: characters of a string give way to as many others, so that neither a kill nor a power
    cut, wherever it strikes, leaves a header that cannot be read, or moves a tensor. A file that has no such room,
    or has other names, is left alone; its modification time stays. False when nothing was written.
    """
    said = f"step {step}{f' of {steps}' if steps else ''}{f' epoch {epoch}' if epoch else ''} end"
    try:
        with path.open("r+b", buffering=0) as file:
            stat = os.fstat(file.fileno())
            (length,) = struct.unpack("<Q", file.read(8))
            header = file.read(length) if length <= _MOST_HEADER else b""
            rooms = list(_ROOM.finditer(header))
            if len(said) > len(NO_POSITION) or stat.st_nlink > 1 or path.is_symlink() or len(rooms) != 1:
                return False
            file.seek(8 + rooms[0].start("room"))
            file.write(said.ljust(len(NO_POSITION)).encode())
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    except (OSError, struct.error):
        return False
    return True


def position_of(metadata: Mapping[str, str]) -> dict[str, int] | None:
    """`step`, `steps` and `epoch` as far as a header says them; None where nothing was written, or not all of it."""
    match = _POSITION.fullmatch(metadata.get(POSITION_KEY, ""))
    return {name: int(number) for name, number in match.groupdict().items() if number} if match else None


def inputs_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a checkpoint was made from, as far as its header says it soundly: base_model, dataset, sample_prompts."""
    from fork_wrapper.records.record_shape import is_sound_fact  # noqa: PLC0415 - a sweep over checkpoints needs no options

    try:
        said = json.loads(metadata.get(INPUTS_KEY, "{}"))
        canonical_json(said).encode()
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    facts = {
        name: said[name] for name in ("base_model", "dataset") if said.get(name) and is_sound_fact(name, said[name])
    }
    prompts = said.get("sample_prompts")
    return {**facts, **({"sample_prompts": prompts} if isinstance(prompts, str) else {})}


def embedded_config(path: Path) -> dict[str, Any]:
    """The configuration and the run that kft put into a checkpoint's header.

    InputError when the file is not whole or was not made through kft.
    """
    from fork_wrapper.records.record_shape import damaged_config  # noqa: PLC0415 - a sweep over checkpoints needs no options

    metadata = read_metadata(path)
    if metadata is None:
        finding = Finding(what="not a complete safetensors file", where=str(path), todo="copy or download it again")
        raise InputError(f"cannot read {path.name}", [finding])
    if CONFIG_KEY not in metadata:
        from fork_wrapper.sdscripts.model_kinds import in_words, look_at_model  # noqa: PLC0415 - kft's own hold one

        made_by = metadata.get("modelspec.implementation_version", "another program")
        finding = Finding(
            what=f"{in_words(look_at_model(str(path)))}; its header holds no kft configuration (written by {made_by})",
            where=str(path),
            todo="name its sidecar or config file instead",
        )
        raise InputError(f"{path.name} was not trained through kft", [finding])
    try:
        config, run = (json.loads(metadata.get(key, "{}")) for key in (CONFIG_KEY, RUN_KEY))
        canonical_json(config).encode()  # half of a character, which no file can hold, is damage too
        wrong = damaged_config(config["training"], config["dataset"])
        if wrong or not is_plain(config.get("experiment", "unnamed")) or not are_plain({**run}.get("run", "unnamed")):
            raise ValueError
        return {
            **config,
            "training": {**config["training"]},
            "dataset": {**config["dataset"]},
            "run": {**run},
            "header": metadata,
        }
    except (ValueError, RecursionError, TypeError, KeyError):
        finding = Finding(
            what="the kft configuration in its header is damaged", where=str(path), todo="use its sidecar"
        )
        raise InputError(f"cannot read {path.name}", [finding]) from None


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except OSError:  # pruned by save_last_n_* between listing and asking
        return 0.0, path.name
