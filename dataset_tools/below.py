"""Folders below a folder: which are links, and whether pictures lie in them.

sd-scripts looks into none of them, linked or not (`glob_images`, library/train_util.py:2847-2856, asks for one level).
What prepares pictures looks into all but links, which may lead anywhere, and around in circles: what lies behind those
is said, by this one rule for all.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ASIDE = "kft-aside"
"""The folder below an image folder into which files are moved aside."""

_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: a link that Windows calls otherwise


def is_meant(name: str) -> bool:
    """Whether a folder of this name may hold pictures of the set: none that is hidden, nor what was put aside."""
    return not name.startswith(".") and name != ASIDE


def leads_to(folder: Path) -> str:
    """Where a linked folder lies; empty for one that is no link."""
    try:
        is_link = folder.is_symlink() or getattr(folder.lstat(), "st_reparse_tag", 0) == _JUNCTION
    except OSError:
        return ""
    return os.path.realpath(folder) if is_link else ""


def hold_pictures(folder: Path, endings: tuple[str, ...]) -> bool:
    """Whether a file that ends so (in lower case) lies in it at any depth, behind links as well."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if any(name.lower().endswith(endings) and not name.startswith(".") for name in files):
            return True
        seen.add(os.path.realpath(place))
        below = (name for name in folders if is_meant(name))
        folders[:] = [name for name in below if os.path.realpath(os.path.join(place, name)) not in seen]  # noqa: PTH118
    return False
