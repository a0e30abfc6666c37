"""SHA-256 of files, with a memory of the files already read.

For a data set of thousands of small files and for one checkpoint of seven gigabytes alike. Reading happens in
pieces, and both the reading and the hashing of a piece let other Python threads run.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataset_tools.errors import DatasetError
from dataset_tools.memory import FileMemory

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class FileHash:
    """The content of a file, in two numbers."""

    sha256: str
    """64 lower-case hexadecimal digits."""
    size: int
    """Bytes."""


class HashCache(FileMemory[str]):
    """SHA-256 by absolute path, size and modification time, kept in one JSON file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, form=1, most=100_000, is_value=_is_sha256)


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


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
