"""Give a file a second name, without its bytes where the disk can do that."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

How = Literal["hard link", "symbolic link", "copy"]


def link_or_copy(source: Path, target: Path, *, symbolic: bool = False) -> How:
    """Make `target` the same file as `source`, or a copy where links fail (another disk, FAT, some shares).

    Where `source` is a link itself, `target` leads to what it leads to. `symbolic` links are tried second, for what
    is soon thrown away: they break when the source is moved.

    Raises:
        OSError: there is such a file already, or it cannot be written.
    """
    real = os.path.realpath(source)
    if os.path.lexists(target):
        raise FileExistsError(17, "there is such a file already", str(target))
    try:
        os.link(real, target)
    except FileNotFoundError:  # a symbolic link could be made, and would lead nowhere
        raise
    except OSError:
        pass
    else:
        return "hard link"
    if symbolic:
        try:
            target.symlink_to(real)
        except OSError:
            pass
        else:
            return "symbolic link"
    shutil.copy2(real, target)
    return "copy"
