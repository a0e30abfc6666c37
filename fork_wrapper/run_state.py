"""How a run stands, asked again and again while it goes on; its record is read anew only when it has changed."""

from dataclasses import dataclass

from fork_wrapper.errors import InputError
from fork_wrapper.history import UNREADABLE, status_now
from fork_wrapper.paths import RunFolder
from fork_wrapper.record import Record, read_record

SUCCESSES = ("completed", "rehearsed")
"""Statuses of runs that did their job."""


@dataclass(kw_only=True)
class RunState:
    """The state of one run. Mutable: it remembers what it has read."""

    run: RunFolder
    """Where it lies."""
    record: Record | None = None
    """The record as it was last read; None before, and where it cannot be read."""
    _stamp: tuple[int, int] = (0, 0)

    def status(self) -> str:
        """As a list shows it: `killed` where the kft that owns a running record is gone, `unreadable` without one."""
        try:
            stat = self.run.record.stat()
            if self._stamp != (stat.st_size, stat.st_mtime_ns):
                self.record = read_record(self.run.record)
                self._stamp = (stat.st_size, stat.st_mtime_ns)
        except (OSError, InputError):
            self.record, self._stamp = None, (0, 0)
        if self.record is None:
            return UNREADABLE
        return status_now(self.record.status, self.record.run["process"] if self.record.status == "running" else None)
