"""Keep Pillow and the libraries under it from writing on the terminal while other threads decode as well."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Counted:
    """Something of the whole process that is changed while any thread is inside, and put back when the last leaves.

    `warnings.catch_warnings` and its like, entered in threads, would put things back in the wrong order.
    """

    def __init__(self, change: Callable[[], Callable[[], None]]) -> None:
        """`change` makes the change and returns what undoes it."""
        self._change = change
        self._lock = threading.Lock()
        self._inside = 0
        self._undo: Callable[[], None] = _nothing

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._undo = self._change()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._undo()


def _nothing() -> None:
    """Undo nothing."""


def _quieten() -> Callable[[], None]:
    """No warnings, no log lines, and no limit of Pillow's own: `decoding` has one."""
    from PIL import Image  # noqa: PLC0415

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    caught = warnings.catch_warnings()
    caught.__enter__()
    warnings.simplefilter("ignore")
    log = logging.getLogger("PIL")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)

    def undo() -> None:
        log.setLevel(level)
        caught.__exit__(None, None, None)
        Image.MAX_IMAGE_PIXELS = limit

    return undo


def _hush() -> Callable[[], None]:
    """Nothing on the process's stderr: libtiff writes there what it finds wrong, and what Pillow raises says less."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        return _nothing
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 2)

    def undo() -> None:
        with suppress(OSError):
            os.dup2(kept, 2)
            os.close(kept)

    return undo


QUIET = Counted(_quieten)
"""No warning and no log line of Pillow's, and no limit of pixels but the caller's."""

HUSH = Counted(_hush)
"""No word of a C library's either."""
