"""Ctrl-C, a polite kill and a closed terminal, from the record's first word to its last.

While a trainer lives, each climbs its ladder (`launch`); before and after, they are counted and only hurry what is
left to do: nothing that writes a record or a sidecar is ever torn apart by one.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Of which each system has some."""


class Interrupts:
    """What was asked so far. Handlers change it by plain assignments: no lock may be waited for in one."""

    def __init__(self) -> None:
        self.count = 0
        """How many came."""
        self.hurried = False
        """Whether one came when no trainer was left to obey: whoever sent it waits for kft itself."""
        self._climb: Callable[[], bool] | None = None
        self._held = False

    @property
    def asked(self) -> bool:
        """Whether anybody wants an end."""
        return self.count > 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Take them from now on, instead of what Python does; in the main thread, the only one that can, and once."""
        if self._held or threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [number for name in _NAMES if (number := getattr(signal, name, None)) is not None]
        taken = [number for number in numbers if not _is_ignored(number)]
        before = [signal.signal(number, self._handle) for number in taken]
        self._held = True
        try:
            yield
        finally:
            self._held = False
            for number, handler in zip(taken, before, strict=True):
                signal.signal(number, handler)

    @contextmanager
    def climbing(self, climb: Callable[[], bool]) -> Iterator[None]:
        """Each climbs from now on, one that came just before too; `climb` says whether anybody was left to obey."""
        self._climb = climb
        try:
            if self.asked:
                climb()
            yield
        finally:
            self._climb = None

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._climb is None or not self._climb():
            self.hurried = True


def _is_ignored(number: int) -> bool:
    """Whether `nohup` or the like said that a closed terminal does not matter; a Ctrl-C always does."""
    return number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN
