"""Sidecars: beside every whole checkpoint, the JSON that says exactly how it was made.

An idempotent sweep over a run folder. It runs in a thread of its own while the trainer trains (hashing 7 GB must
never delay reading its output), once more at the end, and by `kft archive` after kft was killed. Sidecars stay
when sd-scripts prunes their checkpoint.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.hashing import HashCache, sha256_file
from fork_wrapper.checkpoints import Checkpoint, find_checkpoints, is_whole
from fork_wrapper.files import pretty_json, write_whole
from fork_wrapper.paths import RunFolder, sidecar_of
from fork_wrapper.progress import Progress
from fork_wrapper.provenance import base_model
from fork_wrapper.record import Record, summary, write_record
from fork_wrapper.subsets import fingerprint_subsets

INTERVAL = 2.0
"""Seconds between sweeps while the trainer runs: a directory listing each."""


class Archive:
    """The archive of one run: its record, and a sidecar for every checkpoint.

    Threads may share it; whoever sweeps or changes the record holds the lock.
    """

    def __init__(self, run: RunFolder, record: Record, progress: Progress, cache: HashCache) -> None:
        self.run = run
        self.record = record
        self.progress = progress
        self._cache = cache
        self._lock = threading.RLock()
        self._entries = {str(entry["file"]): dict(entry) for entry in record.checkpoints}

    @property
    def archived(self) -> int:
        """How many checkpoints have a sidecar."""
        return len(self._entries)

    def write(self, **run_changes: Any) -> None:
        """Write the record with these changes to its `run` section."""
        with self._lock:
            self.record = self.record.with_run(**run_changes)
            write_record(self.run, self.record)

    def describe_inputs(self, stop: Callable[[], bool]) -> None:
        """Hash the data set and the base model into the record, unless it has them or `stop()` says so."""
        known = self.record.provenance
        if known.get("dataset") is None and not stop():
            found = fingerprint_subsets(self.record.training, self.record.dataset, self._cache)
            self._add_provenance(dataset=found.to_json() if found else None)
        if (known.get("base_model") or {}).get("sha256") is None and not stop():
            name = str(self.record.training.get("pretrained_model_name_or_path", ""))
            self._add_provenance(base_model=base_model(name, self._cache, stop))

    def sweep(self, stop: Callable[[], bool] = lambda: False) -> list[str]:
        """Write the sidecars that are missing or lack their hash; returns the file names newly archived."""
        new = []
        for checkpoint in find_checkpoints(self.run.folder, self.record.name):
            entry = self._entries.get(checkpoint.path.name)
            done = entry is not None and entry["sha256"] and sidecar_of(checkpoint.path).is_file()
            if done or stop() or not is_whole(checkpoint.path):
                continue
            if self._archive(checkpoint, stop):
                new.append(checkpoint.path.name)
        return new

    def close(self, **run_changes: Any) -> list[str]:
        """The last sweep of a run that is over: record and all sidecars get how it ended."""
        new = self.sweep()
        with self._lock:
            self.record = self.record.with_run(**summary(self.progress), **run_changes)
            for entry in self._entries.values():
                self._write_sidecar(entry)
            self._write_entries()
        self._cache.save()
        return new

    def _archive(self, checkpoint: Checkpoint, stop: Callable[[], bool]) -> bool:
        """One checkpoint: its sidecar at once, then again with the hash. False when it was pruned first."""
        try:
            entry = self._entry(checkpoint)
        except OSError:
            return False
        with self._lock:
            self._write_sidecar(entry)
        try:
            entry["sha256"] = sha256_file(checkpoint.path, self._cache, stop)
        except DatasetError:  # pruned, or still changing: the sidecar stands, the next sweep tries again
            entry["sha256"] = None
        with self._lock:
            self._entries[checkpoint.path.name] = entry
            self._write_sidecar(entry)
            self._write_entries()
        return True

    def _entry(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """The `checkpoint` section of a sidecar; OSError when the file is gone."""
        status = checkpoint.path.stat()
        name, progress = checkpoint.name, self.progress
        if name.kind == "final":
            step, epoch = progress.total or progress.step or None, progress.epochs or None
        elif name.epoch is not None:
            step, epoch = progress.step_of_epoch(name.epoch), name.epoch
        else:
            step, epoch = name.step, progress.epoch_of_step(name.step or 0)
        return {
            "file": checkpoint.path.name,
            "kind": name.kind,
            "epoch": epoch,
            "step": step,
            "bytes": status.st_size,
            "sha256": None,
            "loss": progress.loss_at(step) if step else None,
            "written": datetime.fromtimestamp(status.st_mtime).astimezone().isoformat(timespec="seconds"),
        }

    def _write_sidecar(self, entry: Mapping[str, Any]) -> None:
        path = sidecar_of(self.run.folder / str(entry["file"]))
        live = self.record.with_run(**summary(self.progress))
        write_whole(path, pretty_json(sidecar(live, entry)))

    def _write_entries(self) -> None:
        entries = tuple(self._entries[name] for name in sorted(self._entries))
        self.record = Record(**{**self.record.__dict__, "checkpoints": entries})
        write_record(self.run, self.record)

    def _add_provenance(self, **facts: Any) -> None:
        with self._lock:
            self.record = self.record.with_provenance(**facts)
            write_record(self.run, self.record)


class Archivist(threading.Thread):
    """Sweeps an archive while the trainer runs, after hashing what the run reads."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(name="kft-archive", daemon=True)
        self._archive = archive
        self._over = threading.Event()
        self._abandon = threading.Event()

    def run(self) -> None:
        """Hash the inputs, then sweep every `INTERVAL` seconds until `finish`."""
        self._archive.describe_inputs(self._abandon.is_set)
        while not self._over.wait(INTERVAL):
            self._archive.sweep(self._abandon.is_set)
        # Again for what was not there at the start: a rehearsal's first run builds its base model itself.
        self._archive.describe_inputs(self._abandon.is_set)

    def finish(self, *, abandon: bool) -> None:
        """Stop and wait; `abandon` gives up hashing in mid-file (a run that failed has nothing worth the wait)."""
        self._over.set()
        if abandon:
            self._abandon.set()
        self.join()


def sidecar(record: Record, checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a sidecar: the record of its run and this one checkpoint."""
    content = record.to_json()
    del content["checkpoints"]
    return {**content, "kind": "sidecar", "checkpoint": dict(checkpoint)}
