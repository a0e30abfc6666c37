"""Files that appear whole or not at all, with the rights that the user's umask gives."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def whole_file(target: Path) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `target` when the block ends, and goes when it fails.

    The bytes are on disk before the rename: after a power cut the name never points at an empty file.
    A hard link that `target` was is broken by it: the other name keeps the old bytes.

    Raises:
        OSError: it cannot be written or moved there.
    """
    temporary = target.parent / f".{target.name[:40]}.{uuid.uuid4().hex}.tmp"
    # Not mkstemp, which makes 0600 whatever the umask: a colleague on the same server could not read the file.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_whole(target: Path, data: bytes) -> None:
    """Write all of a file; see `whole_file`."""
    with whole_file(target) as file:
        file.write(data)


def put_in_place(finished: Path, target: Path) -> None:
    """Give a finished file its name; on Windows a reader that has the old one open is waited for, a moment."""
    for wait in (0.05, 0.2, 0.5):
        try:
            finished.replace(target)
        except PermissionError:
            time.sleep(wait)
        else:
            return
    finished.replace(target)
