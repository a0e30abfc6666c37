"""Names that were read from a file: they may lead nowhere but below the folder that the file is about.

Whoever wrote the file is a stranger. A name that is taken from it is judged here, once, before anything is opened,
written or removed by it; links are followed for that, whatever the file system calls them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

UNUSABLE = r'\x00-\x1f\x7f-\x9f\u2028\u2029<>:"/\\|?*'
"""Letters that no name may have on every system, as a class of a regular expression."""

LONGEST = 255
"""Bytes of a name; file systems take no longer ones."""

_LEADS_ASIDE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029:/\\]|[ .]$")
"""Separators, drives and alternate streams, what a terminal obeys, and ends that Windows leaves out."""

_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\.|$)")
"""Names that are devices on Windows, whatever follows the first dot."""


def is_device(name: str) -> bool:
    """Whether Windows takes it for a device, in whatever folder."""
    return _DEVICE.match(name) is not None


def is_plain(name: object) -> bool:
    """Whether it is a name of one file or folder, on every system, and no path; of another type it is none."""
    if not isinstance(name, str) or not name or name in (".", ".."):
        return False
    return not _LEADS_ASIDE.search(name) and not is_device(name) and _fits(name)


def are_plain(path: object) -> bool:
    """Whether it is plain names joined by slashes: `EXPERIMENT/RUN`."""
    return isinstance(path, str) and all(map(is_plain, path.split("/")))


def is_below(path: object) -> bool:
    """Whether it is a relative path, with slashes, that stays below its folder on this system.

    For pictures, whose names are their owner's: on Linux `a: b?.png` is one, on Windows it is none.
    """
    if _is_strict():
        return are_plain(path)
    return isinstance(path, str) and all(
        part not in ("", ".", "..") and "\0" not in part and _fits(part) for part in path.split("/")
    )


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a path, with all links resolved, is in a folder, at any depth; it need not exist."""
    try:
        inside, home = os.path.realpath(path), os.path.realpath(folder)
        return os.path.commonpath((inside, home)) == home
    except (OSError, ValueError):  # a null character; two drives
        return False


def _is_strict() -> bool:
    """Whether this system takes more than slashes for a way elsewhere."""
    return os.name == "nt"


def _fits(name: str) -> bool:
    try:
        return len(os.fsencode(name)) <= LONGEST
    except UnicodeError:  # half of a character
        return False
