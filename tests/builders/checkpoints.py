"""What a training leaves of its weights: checkpoints with their sidecars, and training states."""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from fork_wrapper.files import pretty_json
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.record import Record, read_record, write_record
from fork_wrapper.records.run_folder import RunFolder, sidecar_of
from fork_wrapper.run.archive import sidecar
from fork_wrapper.sdscripts.known_bases import KNOWN
from fork_wrapper.sdscripts.names import parse_checkpoint
from tests.builders.records import recorded

STATE_FILES = ("model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl")
"""Files of a state as accelerate leaves one, in the order in which they are written, for a training of one part."""
PROVENANCE: Mapping[str, Any] = {
    "base_model": {
        "path": "/secret/models/sd_xl_base_1.0.safetensors",
        "kind": "file",
        "bytes": 9,
        "sha256": next(iter(KNOWN)),
    },
    "dataset": {
        "sha256": "d" * 64,
        "images": 3,
        "captions": 2,
        "bytes": 1_234_567,
        "folders": [
            {"folder": "/secret/datasets/people", "files": {"a.png": [], "b.png": [], "c.png": []}, "repeats": 2}
        ],
    },
    "sd_scripts": {"commit": "48d368fa557731ad0488c07304dfeba8c07910eb", "dirty": False, "path": "/secret/sd-scripts"},
    "project": {"commit": "c" * 40, "dirty": True, "patch": ""},
    "gpus": [{"name": "NVIDIA H100", "memory_mib": 81559, "driver": "1"}],
    "host": {"hostname": "secret-host", "system": "test"},
}
DONE: Mapping[str, Any] = {
    "status": "completed",
    "ended": "2026-01-02T04:00:00+00:00",
    "seconds": 3355.0,
    "exit_code": 0,
    "steps": 18,
    "total_steps": 18,
    "loss": {"first": 0.2, "last": 0.11, "lowest": 0.1},
    "peak_vram_mib": [37425],
}


def run_with_checkpoints(
    name: str,
    settings: Settings,
    files: tuple[str, ...] = ("-000002", ""),
    *,
    rehearsal: Mapping[str, Any] | None = None,
    **run: Any,
) -> RunFolder:
    """The folder of a run with these checkpoints, the oldest first, each with its sidecar."""
    folder = recorded(name, settings, rehearsal=rehearsal)
    record = read_record(folder.record).with_run(**{**DONE, **run}).with_provenance(**PROVENANCE)
    write_record(folder, record)
    for number, ending in enumerate(files, start=1):
        checkpoint(folder, record, f"{name}{ending}.safetensors", number)
    return folder


def checkpoint(folder: RunFolder, record: Record, file: str, number: int = 1) -> Path:
    """A whole checkpoint and its sidecar; the files of one name are the same everywhere."""
    path = folder.folder / file
    save_file({"weight": np.full(1000, number, dtype=np.float32)}, path)
    os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    said = parse_checkpoint(file, record.name)
    entry = {
        "file": file,
        "kind": said.kind if said else "final",
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "written": "2026-01-02T04:00:00+00:00",
        "step": 9 * number,
        "epoch": number,
        "loss": 0.1 + number / 100,
    }
    sidecar_of(path).write_text(pretty_json(sidecar(record, entry)), encoding="utf-8")
    return path


def change_sidecar(path: Path, **entry: Any) -> None:
    """A sidecar that says something else of its checkpoint."""
    raw = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
    raw["checkpoint"] |= entry
    sidecar_of(path).write_text(pretty_json(raw), encoding="utf-8")


def put_state(folder: Path, names: tuple[str, ...] = STATE_FILES) -> Path:
    """Write a state of these files, all whole."""
    folder.mkdir(parents=True)
    for name in names:
        if name.endswith(".safetensors"):
            save_file({"weight": np.zeros(4, dtype=np.float32)}, folder / name)
        else:
            with zipfile.ZipFile(folder / name, "w") as archive:
                archive.writestr("archive/data.pkl", b"pickled")
    return folder
