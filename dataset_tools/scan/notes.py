"""What was found out about files and folders, kept on disk: in parts for a hundred thousand files, or as one note.

Like every memory here, losing it costs time and never correctness.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from dataset_tools.scan.memory import FileMemory
from dataset_tools.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PARTS = 64
"""Files that one store is divided into: each is read, used and dropped, so that memory stays small."""


class PartedMemory:
    """A `FileMemory` in parts, by the hash of the path."""

    def __init__(self, folder: Path | None, *, form: int | str, is_value: Callable[[Any], bool]) -> None:
        """Keep the parts in `folder`; with None nothing is kept."""
        self._folder = folder
        self._form = form
        self._is_value = is_value

    def parts(self, paths: Sequence[Path]) -> Iterator[tuple[FileMemory[Any] | None, list[int]]]:
        """For each part: its memory, and the numbers of the paths that it remembers."""
        numbers: list[list[int]] = [[] for _ in range(PARTS)]
        for number, path in enumerate(paths):
            name = os.path.abspath(path).encode("utf-8", "surrogatepass")  # noqa: PTH100 - as FileMemory names it
            numbers[hashlib.blake2b(name, digest_size=1).digest()[0] % PARTS].append(number)
        for part, found in enumerate(numbers):
            if found:
                yield self._part(part), found

    def _part(self, part: int) -> FileMemory[Any] | None:
        if self._folder is None:
            return None
        path = self._folder / f"{part:02x}.json"
        return FileMemory(path, form=self._form, most=60_000, is_value=self._is_value)


class Notes:
    """JSON values by name in one file, the oldest forgotten first."""

    def __init__(self, path: Path, *, form: int, most: int) -> None:
        self._path = path
        self._form = form
        self._most = most

    def get(self, name: str) -> Any:
        """What was noted under this name; None where nothing was."""
        return self._read().get(name)

    def put(self, name: str, value: Any) -> None:
        """Note a value; never raises for a disk that refuses."""
        notes = self._read()
        notes.pop(name, None)
        notes[name] = value
        text = json.dumps({"form": self._form, "notes": dict(list(notes.items())[-self._most :])})
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, text.encode("ascii"))

    def _read(self) -> dict[str, Any]:
        try:
            stored = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        notes = stored.get("notes") if isinstance(stored, dict) and stored.get("form") == self._form else None
        return notes if isinstance(notes, dict) else {}
