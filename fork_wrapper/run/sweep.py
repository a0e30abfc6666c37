"""A sweep over a run folder after the fact: `kft archive`.

Progress is read back from the raw log, so a run whose kft was killed is described as fully as any other.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.records.progress import read_log
from fork_wrapper.records.record import Status, read_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import is_alive, status_of
from fork_wrapper.run.archive import Archive
from fork_wrapper.run.verdict import judge_left


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep did."""

    status: Status
    """The run's status now."""
    archived: int
    """Checkpoints with a sidecar."""
    new: tuple[str, ...]
    """File names archived by this sweep."""


def sweep_run(run: RunFolder, cache: HashCache, *, over: bool = False) -> Swept:
    """Archive what is whole and has no sidecar, and close a record whose kft is gone.

    A run whose kft is alive, or may be on another host, is left to it: two writers would undo each other. `over`
    says that it is not. InputError without a readable record.
    """
    record = read_record(run.record)
    archive = Archive(run, record, read_log(run.log), cache)
    if record.status == "running" and not over and status_of(record) == "running":
        # Its kft may be gone while its trainer goes on: what is whole is archived by whoever comes.
        new = [] if is_alive(record.run["process"]) else archive.sweep()
        return Swept(status="running", archived=archive.archived, new=tuple(new))
    archive.release()
    if record.status == "running":
        archive.write_end(**_end(archive))
    archive.describe_inputs(lambda: False, until=datetime.fromisoformat(record.run["started"]).timestamp())
    new = archive.close()
    return Swept(status=archive.record.status, archived=archive.archived, new=tuple(new))


def _end(archive: Archive) -> dict[str, Any]:
    """What the record of a run says whose kft is gone: how it ended, by its log and its files."""
    verdict = judge_left(archive.record, archive.run.folder, archive.progress)
    stops = ["kft was killed"] if verdict.status == "interrupted" else []
    return {**verdict.to_run(), "stops": stops, "ended": _last_write(archive.run.log)}


def _last_write(log: Path) -> str | None:
    if not log.is_file():
        return None
    return datetime.fromtimestamp(log.stat().st_mtime).astimezone().isoformat(timespec="seconds")
