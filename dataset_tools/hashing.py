"""SHA-256 of files, with a memory of the files already read.

For a data set of thousands of small files and for one checkpoint of seven gigabytes alike. Reading happens in
pieces, and both the reading and the hashing of a piece let other Python threads run.

The memory trusts size and modification time, as `make` and `git` do: a file rewritten with the same size and
its old time set back by hand is not noticed. A file changed within the last two seconds is hashed and not
remembered, because a second change in the same tick of the clock would not show.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from pathlib import Path

_CHUNK = 1 << 20
_SETTLED_NS = 2_000_000_000  # the coarsest clock among common file systems: FAT counts in steps of two seconds
_FORM = 1
_MOST_ENTRIES = 100_000


@dataclass(frozen=True, kw_only=True)
class FileHash:
    """The content of a file, in two numbers."""

    sha256: str
    """64 lower-case hexadecimal digits."""
    size: int
    """Bytes."""


class HashCache:
    """SHA-256 by absolute path, size and modification time, kept in one JSON file.

    Losing it costs time, never correctness: a missing, damaged or foreign file reads as empty, and a folder
    that cannot be written to leaves the cache in memory. Two processes may save at the same time: the file is
    always whole, each adds to what it finds there, and the last one wins. Threads may share one instance.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[int, int, str]] | None = None
        self._new: dict[str, tuple[int, int, str]] = {}

    def get(self, path: Path, stat: os.stat_result) -> str | None:
        """The SHA-256 of `path`, if it was remembered at this size and time."""
        with self._lock:
            if self._entries is None:
                self._entries = {**_read_entries(self.path), **self._new}
            entry = self._entries.get(_key(path))
        if entry is None or entry[:2] != (stat.st_size, stat.st_mtime_ns):
            return None
        return entry[2]

    def put(self, path: Path, stat: os.stat_result, sha256: str) -> None:
        """Remember a hash, unless the file is so young that a further change might not show."""
        if time.time_ns() - stat.st_mtime_ns < _SETTLED_NS:
            return
        entry = (stat.st_size, stat.st_mtime_ns, sha256)
        with self._lock:
            self._new[_key(path)] = entry
            if self._entries is not None:
                self._entries[_key(path)] = entry

    def save(self) -> None:
        """Write what is new; nothing happens when nothing is. Never raises for a disk that refuses."""
        with self._lock:
            if not self._new:
                return
            entries = _read_entries(self.path)
            for key, entry in self._new.items():
                entries.pop(key, None)  # so that it moves to the end: the oldest go first when there are too many
                entries[key] = entry
            with contextlib.suppress(OSError):
                _write_entries(self.path, dict(list(entries.items())[-_MOST_ENTRIES:]))
                self._new.clear()


def sha256_file(path: Path, cache: HashCache | None = None, stop: Callable[[], bool] | None = None) -> str | None:
    """The SHA-256 of a file of any size.

    Args:
        path: the file; a link is followed.
        cache: consulted first, and saved afterwards if this file was new to it.
        stop: asked before each mebibyte; True gives up.

    Returns:
        64 hexadecimal digits, or None if `stop` said so.

    Raises:
        DatasetError: the file is missing, cannot be read, or changed while it was read.
    """
    hashed = hash_file(path, cache, stop)
    if hashed is None:
        return None
    if cache is not None:
        cache.save()
    return hashed.sha256


def hash_file(path: Path, cache: HashCache | None = None, stop: Callable[[], bool] | None = None) -> FileHash | None:
    """As `sha256_file`, with the size, and leaving it to the caller to save the cache."""
    try:
        stat = path.stat()
        known = cache.get(path, stat) if cache is not None else None
        if known is not None:
            return FileHash(sha256=known, size=stat.st_size)
        with path.open("rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            digest = _digest(file, stop)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(path, error) from error
    if digest is None:
        return None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DatasetError(
            "the file changed while it was being read",
            where=path,
            next_step="Wait until nothing writes to it any more, then try again.",
        )
    if cache is not None:
        cache.put(path, after, digest)
    return FileHash(sha256=digest, size=after.st_size)


def _digest(file: FileIO, stop: Callable[[], bool] | None) -> str | None:
    sha256 = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while True:
        if stop is not None and stop():
            return None
        count = file.readinto(buffer)
        if not count:
            return sha256.hexdigest()
        sha256.update(view[:count])


def _unreadable(path: Path, error: OSError) -> DatasetError:
    if isinstance(error, FileNotFoundError):
        return DatasetError(
            "the file is gone",
            where=path,
            next_step="If something is moving or deleting files there, let it finish; then try again.",
        )
    return DatasetError(
        f"the file cannot be read ({error.strerror})",
        where=path,
        next_step="Check its permissions and whether its disk is connected.",
    )


def _key(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - without following links, and Path.absolute() keeps ".."


def _read_entries(path: Path) -> dict[str, tuple[int, int, str]]:
    try:
        stored: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(stored, dict) or stored.get("form") != _FORM or not isinstance(stored.get("files"), dict):
        return {}
    return {key: (entry[0], entry[1], entry[2]) for key, entry in stored["files"].items() if _is_entry(entry)}


def _is_entry(value: object) -> bool:
    return (
        isinstance(value, list)
        and [type(part) for part in value] == [int, int, str]
        and len(value[2]) == 64
        and set(value[2]) <= set("0123456789abcdef")
    )


def _write_entries(path: Path, entries: dict[str, tuple[int, int, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Escaped to ASCII: a name that is not valid Unicode must not stop the cache from being written.
    text = json.dumps({"form": _FORM, "files": entries}, ensure_ascii=True, separators=(",", ":"))
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
