"""Sources for the tests of a comparison: made of plain values, and records of runs that never ran."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset_tools.scan.fingerprint import FolderManifest, _assemble
from fork_wrapper.compare.differences import Row, rows
from fork_wrapper.compare.values import understand
from fork_wrapper.experiment.resolve import Origin
from fork_wrapper.formats.source import Source
from fork_wrapper.records.record import Record


def source(
    training: Mapping[str, Any] | None = None,
    dataset: Mapping[str, Any] | None = None,
    label: str = "one",
    origins: Mapping[str, Origin] | None = None,
    record: Record | None = None,
) -> Source:
    """A source that says this and nothing else."""
    return Source(
        kind="experiment" if record is None else "run",
        label=label,
        path=Path(f"{label}.toml"),
        training=training or {},
        dataset=dataset or {},
        origins=origins or {},
        record=record,
    )


def subsets(*own: Mapping[str, Any], **dataset: Any) -> dict[str, Any]:
    """A dataset config of one data set with these subsets."""
    return {"datasets": [{**dataset, "subsets": [dict(one) for one in own]}]}


def compared(first: Source, second: Source) -> list[Row]:
    """The rows that differ."""
    return [row for row in rows(understand(first), understand(second)) if row.differs]


def options(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What is shown of two [training] tables: key to both values."""
    found = compared(source(before), source(after))
    return {row.key: (row.before.shown, row.after.shown) for row in found}


def in_dataset(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What is shown of two dataset configs, a place before its key."""
    found = compared(source({}, before), source({}, after))
    return {f"{row.place} {row.key}".strip(): (row.before.shown, row.after.shown) for row in found}


PYTHON = {"executable": "/usr/bin/python", "version": "3.11.7", "packages": {"torch": "2.6.0", "rich": "14.1.0"}}
GPU = {"name": "RTX 4090", "memory_mib": 24564, "used_mib": 1, "driver": "550.54"}


def record(name: str = "one", run: Mapping[str, Any] | None = None, **sections: Any) -> Record:
    """The record of a run; `run` changes what came of it, the rest whole sections or parts of `provenance`."""
    provenance = {
        "base_model": {"path": "/m/base.safetensors", "kind": "file", "bytes": 1, "sha256": "b" * 64},
        "dataset": None,
        "sd_scripts": {"commit": "c" * 40, "dirty": False},
        "project": {"commit": "d" * 40, "dirty": False},
        "python": PYTHON,
        "gpus": [GPU],
        "host": {"hostname": "anvil", "system": "Linux"},
    }
    provenance |= {key: sections.pop(key) for key in [*sections] if key in provenance}
    told = {
        "id": f"{name}/20260101-101500",
        "parent": None,
        "status": "completed",
        "started": "2026-01-01T10:15:00+00:00",
        "ended": "2026-01-01T15:28:20+00:00",
        "seconds": 18800.0,
        "exit_code": 0,
        "failure": None,
        "process": {},
        "steps": 1860,
        "total_steps": 1860,
        "steps_per_second": 0.1,
        "loss": {"first": 0.14, "last": 0.12, "lowest": 0.11},
        "peak_vram_mib": [21500],
    }
    values: dict[str, Any] = {
        "experiment": {"name": name, "story": {}, "origins": {}, "files": [], "sample_prompts": None},
        "training": {},
        "dataset": {},
        "toml": {"train": "", "dataset": ""},
        "launch": {"argv": ["python", "--num_processes", "1"], "trainer": "sd-scripts"},
        "effective": {},
        "rehearsal": None,
    }
    return Record(**{**values, **sections, "provenance": provenance, "run": told | dict(run or {})})


def run(label: str = "one/a", training: Mapping[str, Any] | None = None, made: Record | None = None) -> Source:
    """A run as a source."""
    return source(training, label=label, record=made or record())


def manifest(**files: tuple[str, str | None]) -> dict[str, Any]:
    """A data set as a record holds it: image name to the digests of image and caption."""
    return described(None, **files)


def described(metadata: str | None, **files: tuple[str, str | None]) -> dict[str, Any]:
    """Likewise, with a `metadata_file` of this digest."""
    named = {name.replace("__", "."): digests for name, digests in files.items()}
    one = FolderManifest(folder=Path("/d"), files=named, subset="datasets[0].subsets[0]", metadata=metadata)
    return _assemble((one,), 1).to_json()
