"""A folder of ten thousand runs, each with a record as long as real ones are."""

import hashlib
import os
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.files import pretty_json
from fork_wrapper.machine.provenance import host
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records.record import Record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run.opening import begin
from fork_wrapper.run.render import render

RUNS = 10_000
EXPERIMENTS = 20
IMAGES = 600
"""In the manifest of each record."""
PACKAGES = 150
STAMP = "20260101-000000"
LONG_AGO = 1_700_000_000
"""So old that its modification time is trusted."""


def make_runs(outputs: Path, settings: Settings, count: int = RUNS) -> list[str]:
    """Write `count` runs of all kinds, oldest first; their ids."""
    texts = [pretty_json(one.to_json()) for one in _templates(settings)]
    first = datetime(2026, 1, 1, tzinfo=timezone.utc)
    ids = []
    for number in range(count):
        stamp = (first + timedelta(minutes=7 * number)).strftime("%Y%m%d-%H%M%S")
        name = f"exp_{number % EXPERIMENTS:02}"
        ids.append(f"{name}/{stamp}")
        text = texts[number % len(texts)].replace(f"humanoid_05/{STAMP}", ids[-1])
        folder = outputs / name / stamp
        folder.mkdir(parents=True)
        record = folder / "record.json"
        record.write_bytes(text.encode())
        os.utime(record, (LONG_AGO + number, LONG_AGO + number))
    return ids


def _templates(settings: Settings) -> list[Record]:
    """What the runs are copies of."""
    done = _template(settings)
    return [
        done,
        done.with_run(status="failed", steps=12, loss=None),
        done.with_run(status="rehearsed", steps=3, total_steps=3, seconds=46.0),
        done.with_run(status="interrupted", steps=700),
    ]


def _template(settings: Settings) -> Record:
    resolved = resolve("humanoid_05", settings)
    run = RunFolder(folder=settings.outputs / "humanoid_05" / STAMP)
    started = datetime(2026, 1, 1, tzinfo=timezone.utc)
    record = begin(
        resolved,
        render(resolved, settings, real_trainer(settings), run, started),
        started=started,
        provenance=_provenance(),
        foreseen=({}, ()),
        rehearsal=None,
        process={"pid": 1, "created": 0.0, "host": host()["hostname"]},
    )
    loss = {"first": 0.13, "last": 0.09, "lowest": 0.08}
    done = record.with_run(
        status="completed", steps=1860, total_steps=1860, seconds=5400.0, loss=loss, steps_per_second=0.34
    )
    checkpoints = [
        {"file": f"humanoid_05-{number:06}.safetensors", "sha256": _hash(str(number)), "kind": "epoch", "step": number}
        for number in range(5)
    ]
    return replace(done, checkpoints=tuple(checkpoints))


def _provenance() -> dict[str, object]:
    files = {f"{number:04}.png": [_hash(f"image {number}"), _hash(f"caption {number}")] for number in range(IMAGES)}
    packages = {f"a-package-{number}": f"{number}.1.2" for number in range(PACKAGES)}
    return {
        "base_model": {"path": "/models/sd_xl_base_1.0.safetensors", "sha256": _hash("base")},
        "dataset": {"sha256": _hash("set"), "images": IMAGES, "folders": [{"folder": "/data", "files": files}]},
        "python": {"executable": "/venv/bin/python", "version": "3.11.7", "packages": packages},
        "gpus": [{"name": "A card", "memory_mib": 24000}],
        "host": host(),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
