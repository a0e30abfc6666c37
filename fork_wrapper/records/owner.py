"""The processes behind a running record: its kft and its trainer, either of which may have been killed since.

kft wrote its own identity into the record; the trainer, which may outlive kft and accelerate, is known by the config
that it was started with.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from fork_wrapper.machine.provenance import host

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
