"""The folder of results: held by one process, and errors that say which file, and how much room is wanting."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from dataset_tools.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The disk is full, or what one person may have of it."""


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """What goes wrong in the block is about this file: a full disk names none, and a temporary one tells nothing.

    Raises:
        OSError: as it was, with the file.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(target)) from error


def unwritable(error: OSError, results: Path, *, left: int, average: int) -> DatasetError:
    """The error for a user.

    Args:
        error: what happened.
        results: the folder.
        left: pictures that have no result yet.
        average: bytes of a result that was made; 0 where there is none.
    """
    where = error.filename or results
    if error.errno not in FULL:
        return DatasetError(
            f"the results cannot be written ({error.strerror or error})",
            where=where,
            next_step="Mend its permissions, or see that its disk is connected and can be written to; the same command"
            " then goes on where it stopped.",
        )
    pictures = "the picture that is left takes" if left == 1 else f"the {left} pictures that are left take"
    needed = f", and {pictures} about {_room(left * average)}" if left and average else ""
    return DatasetError(
        f"no room is left for it ({error.strerror}): {_free(results, left)}{needed}",
        where=where,
        next_step=f"Make room on the disk of {results}; the same command then goes on where it stopped.",
    )


def _free(results: Path, left: int) -> str:
    """What the disk still has: bytes, and files where it has too few of these."""
    try:
        free = shutil.disk_usage(results).free
        state = os.statvfs(results) if hasattr(os, "statvfs") else None
    except OSError:
        return "nobody knows how much its disk has"
    few = state is not None and state.f_files and state.f_favail < max(left, 1)  # f_files is 0 where nobody counts
    return f"its disk has {_room(free)}" + (f", and room for {state.f_favail} files" if state and few else "")


def _room(size: int) -> str:
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} bytes"


def locked(path: Path, folder: Path) -> BinaryIO:
    """The lock file, held until it is closed or the process ends, however it ends."""
    file = path.open("a+b")
    try:
        _lock(file)
        if os.fstat(file.fileno()).st_ino != path.stat().st_ino:
            raise FileNotFoundError(path)  # the process that held it has just ended and taken it away
    except OSError as error:
        file.close()
        raise DatasetError(
            "another process is preparing pictures there",
            where=folder,
            next_step="Let it finish, or stop it; then try again.",
        ) from error
    return file


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def unlock(file: BinaryIO, work: Path) -> None:
    """Take the lock file away while it is held, where a system allows that, and then the folder."""
    path = work / "lock"
    with contextlib.suppress(OSError):
        path.unlink()
    file.close()
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        work.rmdir()
