"""The kft process that owns a running record: it wrote its own identity there, and may have been killed since."""

import contextlib
from collections.abc import Mapping
from typing import Any

from fork_wrapper.provenance import host

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
