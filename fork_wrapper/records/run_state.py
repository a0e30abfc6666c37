"""How a run stands: the one answer to it, for lists and pages, for whoever waits, and before anything is written.

A record says `running` from before the launch. That holds while its kft lives, or its trainer does without it; else the
run was `killed`, until `kft archive` closes it by what its log and its files prove.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fork_wrapper.errors import InputError
from fork_wrapper.machine.provenance import host
from fork_wrapper.records.progress import Progress, read_tail
from fork_wrapper.records.record import Record, read_record, summary
from fork_wrapper.records.run_folder import RunFolder

KILLED = "killed"
"""Status of a run whose record says `running` though its kft is gone; `kft archive` closes it."""

UNREADABLE = "unreadable"
"""Status of a run whose record cannot be read."""

SUCCESSES = ("completed", "rehearsed")
"""Statuses of runs that did their job."""


def status_now(status: str, process: Mapping[str, Any] | None, argv: Sequence[str]) -> str:
    """A running record's word holds while its kft or its trainer lives, which is asked every time.

    `process` is the record's, None for any other status; `argv` its command.
    """
    if process is None or is_alive(process) or trainer_of(process, argv) is not None:
        return status
    return KILLED


def status_of(record: Record) -> str:
    """The status of a run by its record, and by what lives of it."""
    process = record.run["process"] if record.status == "running" else None
    return status_now(record.status, process, record.launch["argv"])


def live(run: RunFolder, record: Record) -> Record:
    """The record of a run that is not closed yet, with how far its log says that it is; any other as it is.

    Nothing is written, and of the log no more than its end is read. Beside the fields of a closed run there are
    `seconds` so far, by the trainer's clock, and `seconds_left`.
    """
    if record.status != "running":
        return record
    return record.with_run(**standing(read_tail(run.log), record.plan))


def standing(progress: Progress, plan: Mapping[str, Any] | None) -> dict[str, Any]:
    """How far a run is, as fields of a record's `run`, by the end of its log and its plan."""
    schedule = (plan or {}).get("schedule") or {}
    epochs = progress.epochs or schedule.get("epochs")
    facts = {key: value for key, value in summary(progress).items() if value is not None}
    if not progress.total and schedule.get("total_steps"):
        facts["total_steps"] = schedule["total_steps"]
    left = progress.seconds_left
    return {
        **facts,
        "epochs": epochs if isinstance(epochs, int) else None,
        "seconds": progress.elapsed or None,
        "seconds_left": None if left is None else round(left),
        "last_line": progress.tail[-1] if progress.tail else None,
    }


@dataclass(kw_only=True)
class RunState:
    """The state of one run, asked again and again while it goes on. Mutable: it remembers what it has read."""

    run: RunFolder
    """Where it lies."""
    record: Record | None = None
    """The record as it was last read, anew when it has changed; None before, and where it cannot be read."""
    _stamp: tuple[int, int] = (0, 0)

    def status(self) -> str:
        """As a list shows it: `killed` where nobody is behind a running record, `unreadable` without one."""
        try:
            stat = self.run.record.stat()
            if self._stamp != (stat.st_size, stat.st_mtime_ns):
                self.record = read_record(self.run.record)
                self._stamp = (stat.st_size, stat.st_mtime_ns)
        except (OSError, InputError):
            self.record, self._stamp = None, (0, 0)
        return UNREADABLE if self.record is None else status_of(self.record)


CONFIG = "--config_file"
"""The option by which a trainer gets its train.toml."""
CLOCK_SLACK = 2.0
"""Seconds by which two readings of a process's start may differ."""


def is_alive(process: Mapping[str, Any]) -> bool:
    """Whether the kft of a record's `process` still exists; believed on another host, or where nothing is said."""
    if process.get("host") != host()["hostname"]:
        return True
    with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
        return _exists(int(process["pid"]), float(process["created"]))
    return True


def _exists(pid: int, created: float) -> bool:
    """Whether a process of that number and start runs; another may have got the number.

    In a container often nobody collects the dead: a zombie keeps both for ever.
    """
    import psutil  # noqa: PLC0415 - it takes a while to load, and hardly any run of a list is running

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < CLOCK_SLACK and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def trainer_of(process: Mapping[str, Any], argv: Sequence[str]) -> int | None:
    """The process id of a trainer that goes on without its kft; None where there is none, or on another host.

    `argv` is the record's command: the trainer, and accelerate before it, have the same --config_file, a path in their
    own run folder.
    """
    words = list(argv)
    config = words[words.index(CONFIG) + 1 :][:1] if CONFIG in words else []
    if not config or process.get("host") != host()["hostname"]:
        return None
    import psutil  # noqa: PLC0415 - as below

    for one in psutil.process_iter(["cmdline", "status"]):
        words = one.info["cmdline"] or []
        if config[0] in words and CONFIG in words and one.info["status"] != psutil.STATUS_ZOMBIE:
            return int(one.pid)
    return None
