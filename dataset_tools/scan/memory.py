"""What was once found out about a file, remembered by its path, size, modification time and inode in one JSON file.

The memory trusts these, as `make` and `git` do: a file rewritten in place with the same size and its old time
set back by hand is not noticed; another one of that size and time that was moved there is, by its inode. A file
changed within the last two seconds is not remembered, because a second change in the same tick of the clock
would not show.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dataset_tools.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

SETTLED_NS = 2_000_000_000
"""Age from which a modification time is trusted: FAT, the coarsest of the common ones, counts in two seconds."""

Value = TypeVar("Value")


class FileMemory(Generic[Value]):
    """A JSON value for each file, by absolute path, size, modification time and inode.

    Losing it costs time, never correctness: a missing, damaged or foreign file reads as empty, and a folder
    that cannot be written to leaves it in memory. Two processes may save at the same time: the file is always
    whole, each adds to what it finds there, and the last one wins. Threads may share one instance.
    """

    def __init__(self, path: Path, *, form: int | str, most: int, is_value: Callable[[Any], bool]) -> None:
        """Keep at most `most` files in `path`.

        `form` names the values' form: a file of another form is a foreign one. `is_value` says
        whether a value that was read has that form.
        """
        self.path = path
        self._form = form
        self._most = most
        self._is_value = is_value
        self._lock = threading.Lock()
        self._entries: dict[str, Any] | None = None
        self._new: dict[str, Any] = {}

    def get(self, path: Path | str, stat: os.stat_result) -> Value | None:
        """What is known of `path`, if it was remembered at this size, time and inode."""
        with self._lock:
            if self._entries is None:
                self._entries = {**self._read(), **self._new}
            entry = self._entries.get(_key(path))
        # Three parts were written by versions without the inode: worth as much as they were then.
        if not isinstance(entry, list) or entry[:2] != [stat.st_size, stat.st_mtime_ns] or len(entry) not in (3, 4):
            return None
        if entry[3:] not in ([], [stat.st_ino]):
            return None
        value: Value | None = entry[2] if self._is_value(entry[2]) else None
        return value

    def put(self, path: Path | str, stat: os.stat_result, value: Value) -> None:
        """Remember a value, unless the file is so young that a further change might not show."""
        if time.time_ns() - stat.st_mtime_ns < SETTLED_NS:
            return
        entry = [stat.st_size, stat.st_mtime_ns, value, stat.st_ino]  # 0 where a file system has no inodes
        with self._lock:
            self._new[_key(path)] = entry
            if self._entries is not None:
                self._entries[_key(path)] = entry

    def save(self, only: Collection[str] | None = None) -> None:
        """Write what is new; nothing happens when nothing is. Never raises for a disk that refuses.

        `only` are the absolute paths of all files that are left: the others' entries go.
        """
        with self._lock:
            if not self._new:
                return
            entries = {key: entry for key, entry in self._read().items() if only is None or key in only}
            for key, entry in self._new.items():
                entries.pop(key, None)  # so that it moves to the end: the oldest go first when there are too many
                entries[key] = entry
            with contextlib.suppress(OSError):
                self._write(dict(list(entries.items())[-self._most :]))
                self._new.clear()

    def _read(self) -> dict[str, Any]:
        try:
            stored: Any = json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(stored, dict) or stored.get("form") != self._form:
            return {}
        files = stored.get("files")
        return files if isinstance(files, dict) else {}

    def _write(self, entries: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Escaped to ASCII: a name that is not valid Unicode must not stop the memory from being written.
        text = json.dumps({"form": self._form, "files": entries}, ensure_ascii=True, separators=(",", ":"))
        write_whole(self.path, text.encode("ascii"))


def _key(path: Path | str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - without following links, and Path.absolute() keeps ".."
