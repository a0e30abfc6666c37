"""Sidecars: beside every whole checkpoint, the JSON that says exactly how it was made.

An idempotent sweep over a run folder. It runs in a thread of its own while the trainer trains (hashing 7 GB must
never delay reading its output), once more at the end, and by `kft archive` after kft was killed. Sidecars stay
when sd-scripts prunes their checkpoint.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.names import is_plain
from dataset_tools.scan.hashing import HashCache, sha256_file
from fork_wrapper.errors import Finding
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.files import pretty_json, write_whole
from fork_wrapper.machine.provenance import base_model, newest
from fork_wrapper.records.checkpoints import RUN_KEY, Checkpoint, find_checkpoints, read_metadata, stamp_position
from fork_wrapper.records.lineage import counted_on, planned_steps, resumed_from
from fork_wrapper.records.progress import Progress
from fork_wrapper.records.record import Record, summary, write_record
from fork_wrapper.records.run_folder import RunFolder, sidecar_of
from fork_wrapper.sdscripts.names import parse_checkpoint

SPARE = 1 << 17
"""Bytes of room that are kept beside what the record takes: for the last of the log, and the record's own growth."""

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

    def reserve(self) -> None:
        """Keep some room on the disk for the word of how the run ended; OSError where there is none."""
        size = 3 * len(pretty_json(self.record.to_json()).encode()) + SPARE
        self.run.reserve.write_bytes(os.urandom(size))  # a file of zeros may take no room at all

    def release(self) -> None:
        """Give that room back."""
        with contextlib.suppress(OSError):
            self.run.reserve.unlink(missing_ok=True)

    def write_end(self, **run_changes: Any) -> None:
        """Write how the run ended, in the room that was kept for it on a full disk.

        A disk that refuses even so is left for `close` to try again, and to report.
        """
        for _ in range(2):
            try:
                self.write(**run_changes)
            except OSError:
                self.release()
            else:
                return

    def remark(self, finding: Finding) -> None:
        """Add what was found while it ran to the record's findings, as far as the disk takes it."""
        with self._lock, contextlib.suppress(OSError):
            self.record = replace(self.record, findings=(*self.record.findings, asdict(finding)))
            write_record(self.run, self.record)

    def describe_inputs(self, stop: Callable[[], bool], *, until: float = float("inf")) -> None:
        """Hash the data set and the base model into the record, unless it has them or `stop()` says so.

        Files changed after `until` (seconds since the epoch) are not what trained: then nothing is recorded.
        """
        known = self.record.provenance
        if known.get("dataset") is None and not stop():
            training, dataset = self.record.training, self.record.dataset
            found = fingerprint_subsets(training, dataset, self._cache, stop, until=until)
            if found:
                write_whole(self.run.dataset_manifest, pretty_json(found.to_json()))
                self._add_provenance(dataset=found.to_json())
        if (known.get("base_model") or {}).get("sha256") is None and not stop():
            name = str(self.record.training.get("pretrained_model_name_or_path", ""))
            if newest(name) <= until:
                self._add_provenance(base_model=base_model(name, self._cache, stop))

    def sweep(self, stop: Callable[[], bool] = lambda: False) -> list[str]:
        """Write the sidecars that are missing or lack their hash; returns the file names newly archived.

        One that cannot be written (OSError) keeps no other from its sidecar: the first error is raised at the end.
        """
        new, errors = [], []
        for checkpoint in find_checkpoints(self.run.folder, self.record.name):
            entry = self._entries.get(checkpoint.path.name)
            done = entry is not None and entry["sha256"] and sidecar_of(checkpoint.path).is_file()
            if done or not self._is_ours(checkpoint.path):
                continue
            try:
                if self._archive(checkpoint, stop):
                    new.append(checkpoint.path.name)
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return new

    def close(self, stop: Callable[[], bool] = lambda: False) -> list[str]:
        """The last sweep of a run that is over: record and all sidecars say how it ended; OSError on a full disk.

        `stop` leaves out hashes: a sidecar without one gets it by `kft archive`.
        """
        errors: list[OSError] = []
        new = self._attempt(lambda: self.sweep(stop), errors) or []
        with self._lock:
            self.record = self.record.with_run(**summary(self.progress))
            self._attempt(self._write_entries, errors)
            for entry in self._entries.values():
                entry.update(self._position(str(entry["file"])))
                self._attempt(lambda entry=entry: self._write_sidecar(entry), errors)  # type: ignore[misc]
            self._attempt(self._write_entries, errors)
        self._cache.save()
        if errors:
            raise errors[0]
        self.release()
        return new

    def _is_named(self, file: str) -> bool:
        """Whether a name is that of a checkpoint of this run: beside any other one a sidecar could replace a file."""
        return is_plain(file) and parse_checkpoint(file, self.record.name) is not None

    def _attempt(self, work: Callable[[], list[str] | None], errors: list[OSError]) -> list[str] | None:
        """Do what can be done on a disk that refuses: first in the room that was kept, then not at all."""
        for last in (False, True):
            try:
                return work()
            except OSError as error:
                if last:
                    errors.append(error)
                self.release()
        return None

    def _is_ours(self, path: Path) -> bool:
        """Whether the file is whole and not a checkpoint of another run that was copied here."""
        metadata = read_metadata(path)
        if metadata is None:
            return False
        try:
            made_by = json.loads(metadata.get(RUN_KEY, "{}")).get("run", self.record.run["id"])
        except (ValueError, AttributeError):
            return False
        return bool(made_by == self.record.run["id"])

    def _archive(self, checkpoint: Checkpoint, stop: Callable[[], bool]) -> bool:
        """One checkpoint: its sidecar at once, then again with the hash. False when it was pruned first."""
        try:
            entry = self._entry(checkpoint)
        except OSError:
            return False
        with self._lock:
            self._write_sidecar(entry)
        if not (self._entries.get(checkpoint.path.name) or entry)["sha256"]:  # what has a hash stays as it was hashed
            self._stamp(checkpoint.path, entry)
        try:
            entry["sha256"] = sha256_file(checkpoint.path, self._cache, stop)
        except DatasetError:  # pruned, or still changing: the sidecar stands, the next sweep tries again
            entry["sha256"] = None
        with self._lock:
            self._entries[checkpoint.path.name] = entry
            self._write_sidecar(entry)
            self._write_entries()
        return True

    def _stamp(self, path: Path, entry: Mapping[str, Any]) -> None:
        """Tell the checkpoint its place in the whole training, where it is known."""
        step, epoch = (entry.get(f"training_{name}", entry[name]) for name in ("step", "epoch"))
        if step:
            steps = planned_steps(self.record) if resumed_from(self.record) else self.progress.total
            stamp_position(path, step, steps or None, epoch)

    def _entry(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """The `checkpoint` section of a sidecar; OSError when the file is gone."""
        status = checkpoint.path.stat()
        return {
            "file": checkpoint.path.name,
            "kind": checkpoint.name.kind,
            "bytes": status.st_size,
            "sha256": None,
            "written": datetime.fromtimestamp(status.st_mtime).astimezone().isoformat(timespec="seconds"),
            **self._position(checkpoint.path.name),
        }

    def _position(self, file: str) -> dict[str, Any]:
        """Step, epoch and loss of a checkpoint as far as the trainer has told.

        It saves before it shows the step's loss (sdxl_train.py:777-813), so `close` asks once more.
        """
        name, progress = parse_checkpoint(file, self.record.name), self.progress
        if name is None or name.kind == "final":
            step, epoch = progress.total or progress.step or None, progress.epochs or None
        elif name.epoch is not None:
            step, epoch = progress.step_of_epoch(name.epoch), name.epoch
        else:
            step, epoch = name.step, progress.epoch_of_step(name.step or 0)
        loss = progress.loss_at(step) if step else None
        return {"step": step, "epoch": epoch, "loss": loss, **counted_on(self.record, step, epoch)}

    def _write_sidecar(self, entry: Mapping[str, Any]) -> None:
        if not self._is_named(str(entry["file"])):
            return
        live = self.record.with_run(**summary(self.progress))
        path, text = sidecar_of(self.run.folder / str(entry["file"])), pretty_json(sidecar(live, entry))
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if path.read_text(encoding="utf-8") == text:
                return
        write_whole(path, text)

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

    def __init__(self, archive: Archive, hurried: Callable[[], bool] = lambda: False) -> None:
        """`hurried` says whether somebody waits for the end: then nothing more is hashed."""
        super().__init__(name="kft-archive", daemon=True)
        self._archive = archive
        self._over = threading.Event()
        self._abandon = threading.Event()
        self._hurried = hurried

    def run(self) -> None:
        """Hash the inputs, then sweep every `INTERVAL` seconds until `finish`."""
        self._quietly(self._archive.describe_inputs)
        while not self._over.wait(INTERVAL):
            self._quietly(self._archive.sweep)
        # Again for what was not there at the start: a rehearsal's first run builds its base model itself.
        self._quietly(self._archive.describe_inputs)

    def _quietly(self, work: Callable[[Callable[[], bool]], Any]) -> None:
        """What refuses now may not later, and the last sweep reports it: the thread must go on."""
        with contextlib.suppress(Exception):
            work(self._enough)

    def _enough(self) -> bool:
        return self._abandon.is_set() or (self._over.is_set() and self._hurried())

    def finish(self, *, abandon: bool) -> None:
        """Stop and wait; `abandon` gives up hashing in mid-file (a run that failed has nothing worth the wait)."""
        self._over.set()
        if abandon:
            self._abandon.set()
        while self.is_alive():
            self.join(0.2)  # a Ctrl-C is heard in between, on Windows too


def sidecar(record: Record, checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a sidecar: the record of its run and this one checkpoint."""
    content = record.to_json()
    del content["checkpoints"]
    return {**content, "kind": "sidecar", "checkpoint": dict(checkpoint)}
