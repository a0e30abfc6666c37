"""What was once read from the records of runs, so that a list of ten thousand need not read them all again.

There is still no database: what exists is a scan of the run folders, and a memory may be deleted at any time. It
holds one fact a record, trusted while the file has the same size, modification time and inode.
"""

import hashlib
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Generic, TypeVar

from dataset_tools.scan.memory import SETTLED_NS, FileMemory
from fork_wrapper.errors import InputError
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.records.run_folder import RecordFile

MOST = 200_000
"""Records that one memory holds."""

Fact = TypeVar("Fact")


class RecordMemory(Generic[Fact]):
    """One fact a record, found by `find`, for all runs of one `outputs` folder.

    A record that cannot be read, or whose fact is not `sound`, has none, and is never remembered so: rights may be
    mended, and a newer kft may read it, without the file changing.
    """

    def __init__(
        self,
        folder: Path,
        outputs: Path,
        *,
        name: str,
        form: int | str,
        find: Callable[[Record], Fact],
        sound: Callable[[Any], bool],
    ) -> None:
        """Remember in `folder`; the facts are plain JSON values.

        `form` is raised when `find` comes to answer otherwise. `sound` judges what was found and what was remembered,
        whatever that file holds.
        """
        self._began = time.time_ns()
        self._find = find
        self._sound = sound
        path = folder / f"{name}-{hashlib.sha256(os.fsencode(outputs)).hexdigest()[:16]}.json"
        self._files = FileMemory[list[Any]](path, form=form, most=MOST, is_value=self._is_entry)

    def recall(self, file: RecordFile) -> Fact | None:
        """What is remembered of a record as it is now."""
        entry = self._files.get(file.path, file.stat)
        return entry[1] if entry is not None and entry[0] == file.stat.st_ino else None

    def read(self, file: RecordFile) -> Fact | None:
        """Read a record, and remember what was found if it is so old that a change would show.

        Its age is that of before the scan: a record rewritten since then has another time than the one found there,
        even where clocks count in two seconds.
        """
        try:
            fact = self._find(read_record(Path(file.path), outline=True))
        except (InputError, AttributeError, LookupError, TypeError, ValueError):  # one damaged file among thousands
            return None
        if not self._sound(fact):
            return None
        if self._began - file.stat.st_mtime_ns >= SETTLED_NS:
            self._files.put(file.path, file.stat, [file.stat.st_ino, fact])
        return fact

    def save(self, only: Collection[str] | None = None) -> None:
        """Write what is new, if that is possible; `only` are the records that are left, by path."""
        self._files.save(only)

    def _is_entry(self, value: Any) -> bool:
        return isinstance(value, list) and len(value) == 2 and self._sound(value[1])
