"""Runs of the shipped experiments as kft records them, made without training."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dataset_tools.scan.fingerprint import Fingerprint
from fork_wrapper.experiment.resolve import Override, resolve
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.document.gather import Document, document_of
from fork_wrapper.records.record import Record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.rehearsal.rehearse import rehearse
from tests.builders.records import NOW, begun

SCRIPTS = "48d368fa557731ad0488c07304dfeba8c07910eb"
GPU = {"name": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "used_mib": 0, "driver": "580.126.20"}
LOSS = {
    "first": 0.131,
    "last": 0.0912,
    "lowest": 0.0874,
    "epoch_steps": 186,
    "first_epoch": 0.1265,
    "lowest_epoch": 0.0874,
}
SIX = ["humanoid_02", "humanoid_03", "humanoid_04", "humanoid_05", "humanoid_06", "humanoid_07"]


def provenance(**changed: Any) -> dict[str, Any]:
    """Where a run comes from, as the record has it."""
    packages = {"accelerate": "1.6.0", "diffusers": "0.32.1", "torch": "2.11.0", "xformers": "0.0.35", "zipp": "3.0"}
    return {
        "base_model": {
            "path": "/m/sd_xl_base_1.0.safetensors",
            "kind": "file",
            "bytes": 6_938_040_682,
            "sha256": "31" * 32,
        },
        "dataset": None,
        "sd_scripts": {"commit": SCRIPTS, "dirty": False, "path": "/sd-scripts"},
        "project": {"commit": "d" * 40, "dirty": False, "patch": ""},
        "python": {"executable": "/venv/bin/python", "version": "3.11.7", "packages": packages},
        "gpus": [],
        "host": {"cpus": 8, "hostname": "anvil", "machine": "x86_64", "system": "Linux-6.1-x86_64"},
        "accelerate": {"path": None, "text": None},
        **changed,
    }


def manifest(images: int) -> dict[str, Any]:
    """A data set of so many images, each with a caption."""
    files = {f"{number:04}.png": ["a" * 64, "b" * 64] for number in range(images)}
    folder = {"folder": "/d/humanoid", "subset": "dataset.datasets[0].subsets[0]", "repeats": 1, "files": files}
    return {"sha256": "d5" * 32, "images": images, "captions": images, "bytes": 9, "folders": [folder]}


def rehearsed(name: str, settings: Settings, stamp: str = "20260102-030405-rehearsal") -> RunFolder:
    """A rehearsal of an experiment by the stand-in, over."""
    job = rehearse(resolve(name, settings), settings, stand_in=True)
    origin = provenance(sd_scripts=None, dataset=manifest(24))
    made = begun(
        job.resolved, settings, trainer=job.trainer, stamp=stamp, provenance=origin, rehearsal=job.rehearsal, process={}
    )
    ended = {
        "status": "rehearsed",
        "steps": 3,
        "total_steps": 3,
        "epochs": 1,
        "seconds": 46.0,
        "exit_code": 0,
        "steps_per_second": 0.3,
    }
    return _write(
        made.folder, made.record.with_run(**ended, loss={"first": 1.11, "last": 1.14, "lowest": 1.11}), (3, [101])
    )


def trained(
    name: str,
    settings: Settings,
    stamp: str = "20260102-030405",
    *,
    sets: tuple[str, ...] = (),
    lineage: Mapping[str, Any] | None = None,
    origin: Mapping[str, Any] | None = None,
    started: datetime = NOW,
    **run_facts: Any,
) -> RunFolder:
    """A real training of an experiment on a GPU, over."""
    overrides = [Override(key=text.split("=")[0], text=text.split("=")[1]) for text in sets]
    told = provenance(gpus=[GPU], **{"dataset": manifest(1486), **(origin or {})})
    made = begun(
        resolve(name, settings, overrides), settings, stamp=stamp, started=started, provenance=told, process={}
    )
    facts: dict[str, Any] = {
        "status": "completed",
        "steps": 1860,
        "total_steps": 1860,
        "epochs": 10,
        "seconds": 2194.0,
        "loss": LOSS,
    }
    facts |= {"exit_code": 0, "peak_vram_mib": [37425], "steps_per_second": 0.847, **run_facts}
    return _write(made.folder, made.record.with_lineage(lineage).with_run(**facts), (int(facts["steps"]), [101, 202]))


def _write(run: RunFolder, record: Record, drawn: tuple[int, list[int]]) -> RunFolder:
    step, seeds = drawn
    file = f"{record.name}.safetensors"
    entry = {
        "file": file,
        "kind": "final",
        "step": step,
        "epoch": record.run["epochs"],
        "loss": record.run["loss"]["last"],
    }
    entry |= {"bytes": 6_940_000_000, "sha256": "c4" * 32, "written": NOW.isoformat()}
    write_record(run, replace(record, checkpoints=(entry,)))
    run.samples.mkdir(parents=True)
    for index, seed in enumerate(seeds):
        name = f"{record.name}_e{record.run['epochs']:06}_{index:02}_20260102030405_{seed}.png"
        (run.samples / name).write_bytes(b"")
    return run


def document(names: list[str], settings: Settings, language: str = "en") -> Document:
    """What `kft document` makes of these names."""
    return document_of(names, language, settings)


def answer(made: Document, field: str, number: int = 0) -> tuple[str, str] | None:
    """Text and origin of one field of one subject; None where it is missing."""
    found = made.columns[number].answers[field]
    return (found.text, found.kind) if found else None


def measured_now(name: str, settings: Settings) -> Fingerprint:
    """The fingerprint of an experiment's images as they are."""
    from dataset_tools.scan.hashing import HashCache  # noqa: PLC0415 - one test needs it

    made = resolve(name, settings)
    found = fingerprint_subsets(made.training, made.dataset, HashCache(settings.cache / "h.json"), lambda: False)
    assert found is not None
    return found


def story(path: Path, text: str) -> None:
    """More of a story, in front of the [training] of an experiment file."""
    path.write_text(path.read_text(encoding="utf-8").replace("[training]", f"{text}\n[training]", 1), encoding="utf-8")


def reread(run: RunFolder) -> dict[str, Any]:
    """A record as it lies on disk."""
    loaded: dict[str, Any] = json.loads(run.record.read_text(encoding="utf-8"))
    return loaded
