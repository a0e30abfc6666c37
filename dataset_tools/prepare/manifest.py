"""`prepare.json`, which says what became of each picture, and the journal that a killed run leaves.

The manifest holds no date, no order of work and one path, that of the sources, on a line of its own: but for that line
two runs over the same pictures with the same choices and the same Pillow write the same bytes. While a run goes on,
each finished picture is one line of a journal in `.prepare/`, written before its file gets its name; a next run begins
with both.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError
from dataset_tools.names import is_below, lies_in
from dataset_tools.prepare.room import locked, unlock, writing
from dataset_tools.whole_files import put_in_place

if TYPE_CHECKING:
    from pathlib import Path

    from dataset_tools.prepare.origin import Origin

MANIFEST = "prepare.json"
"""In the folder of results."""

WORK = ".prepare"
"""Folder of the journal, the lock and unfinished files, inside the folder of results; gone when a run has ended."""

FORM = 1
"""Counts up when the manifest's form changes."""

Entry = dict[str, Any]


class Manifest:
    """The state of one folder of results, held by one process."""

    def __init__(self, folder: Path, choices: dict[str, Any], made_by: dict[str, str], origin: Origin) -> None:
        """Take the folder: only one process at a time may.

        `choices` are what was asked for; `made_by` names the versions that make the results; `origin` is what they
        are made from.

        Raises:
            DatasetError: another process works there, the folder holds something else, or other choices or other
                pictures made it. Then nothing in it has changed.
        """
        self.folder = folder
        self.work = folder / WORK
        self.choices = choices
        self._made_by = made_by
        self._made_from = origin.folder
        self.moved_from = ""
        _refuse_foreign(folder)
        _refuse_links(folder, self.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self._lock = locked(self.work / "lock", folder)
        try:
            self.entries: dict[str, Entry] = {}
            self._known: dict[str, set[str]] = {}
            stored = self._read()
            first = stored is None
            self._replay()
            before = (stored or {}).get("made_from", "")  # versions before did not write it down
            origin.refuse_others(before, self.entries, folder)
            self.moved_from = before if before != origin.folder else ""
            self._clear()
            if first:
                self._write(complete=False)
            self._journal = (self.work / "journal.jsonl").open("a", encoding="utf-8", newline="\n")
            self._journal.write("\n")  # the line before may be cut off
        except BaseException:
            with contextlib.suppress(OSError):
                self._clear()
            unlock(self._lock, self.work)
            raise

    def note(self, name: str, entry: Entry) -> None:
        """Remember what became of a source, even if the process is killed right after."""
        self._learn(name, entry)
        self._append([name, entry])

    def is_own(self, name: str, sha256: str) -> bool:
        """Whether a file of this content was written by this command for the source, and is no one's edit."""
        return sha256 in self._known.get(name, ())

    def file(self, name: str) -> Path:
        """The file of a name, in the folder of results.

        Raises:
            DatasetError: a link on the way leads out of the folder.
        """
        path = self.folder / name
        if not lies_in(path.parent, self.folder):
            raise DatasetError(
                f"{name} would be written outside of the folder of results, by way of a link",
                where=self.folder,
                next_step="Put a folder itself in the place of the link, or name another folder for the results.",
            )
        return path

    def forget(self, name: str) -> None:
        """A source that is gone and whose result is gone as well."""
        self.entries.pop(name, None)
        self._append([name, None])

    def _append(self, line: list[Any]) -> None:
        with writing(self.work / "journal.jsonl"):
            self._journal.write(json.dumps(line) + "\n")
            self._journal.flush()

    def close(self, *, complete: bool) -> None:
        """Write the manifest; afterwards nothing is left of the work folder, but for the journal where that fails."""
        try:
            self._clear()  # on a full disk, what is unfinished takes the room that the manifest needs
            self._journal.close()
            self._write(complete=complete)
            (self.work / "journal.jsonl").unlink()
        finally:
            with contextlib.suppress(OSError):
                self._clear()
            unlock(self._lock, self.work)

    def __enter__(self) -> Manifest:  # noqa: PYI034 - Python 3.10 has no Self
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close it; where the block failed, that is what has to be told."""
        with contextlib.suppress(OSError) if kind else contextlib.nullcontext():
            self.close(complete=kind is None)

    def part(self, number: int) -> Path:
        """Where an unfinished file may lie."""
        return self.work / f"{number}.part"

    def _learn(self, name: str, entry: Entry) -> None:
        self.entries[name] = entry
        contents = {*entry.get("captions", {}).values(), entry.get("result", {}).get("sha256")}
        self._known.setdefault(name, set()).update(contents)

    def _read(self) -> dict[str, Any] | None:
        stored = read_manifest(self.folder)
        if stored is None:
            return None
        before = {**stored["choices"]}
        if not before.get("upscale"):  # what was refused then may be enlarged now; nothing else changes
            before["upscale"] = self.choices["upscale"]
        changed = [name for name, value in self.choices.items() if before.get(name) != value]
        if changed:
            words = ", ".join(f"{name} was {json.dumps(stored['choices'].get(name))}" for name in changed)
            raise DatasetError(
                f"its pictures were made with other choices: {words}",
                where=self.folder,
                next_step="Repeat those choices, or name another folder for the new ones.",
            )
        for entry in stored["pictures"]:
            self._learn(entry.pop("source"), entry)
        return stored

    def _replay(self) -> None:
        """Add what the journal of a killed run says; the last files of it may not have got their names."""
        try:
            lines = (self.work / "journal.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            with contextlib.suppress(ValueError):  # the last one may be cut off
                name, entry = json.loads(line)
                if not _is_entry(name, entry or {}):
                    continue
                if entry is None:
                    self.entries.pop(name, None)
                else:
                    self._learn(name, entry)

    def _clear(self) -> None:
        for left in self.work.glob("*.part"):
            left.unlink()

    def _write(self, *, complete: bool) -> None:
        head = {"form": FORM, "complete": complete, "choices": self.choices, "made_by": self._made_by}
        lines = [json.dumps({"source": name, **entry}, sort_keys=True) for name, entry in sorted(self.entries.items())]
        temporary = self.work / "manifest.part"
        with writing(self.folder / MANIFEST):
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                file.write(f'{json.dumps(head)[:-1]},\n "made_from": {json.dumps(self._made_from)},\n "pictures": [\n')
                file.write(",\n".join(lines) + "\n]}\n")
                file.flush()
                os.fsync(file.fileno())
            put_in_place(temporary, self.folder / MANIFEST)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder of results; None where there is none.

    Raises:
        DatasetError: it cannot be read, or is none of this form.
    """
    path = folder / MANIFEST
    try:
        stored = json.loads(path.read_bytes())
        if stored["form"] != FORM or not isinstance(stored["choices"], dict):
            raise ValueError
        if wrong := [entry for entry in stored["pictures"] if not _is_entry(entry["source"], entry)]:
            raise _OutsideError(f"it names files that are not below its folders, for {json.dumps(wrong[0]['source'])}")
        if not isinstance(stored.get("made_from", ""), str):
            raise ValueError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"the manifest cannot be read ({_reason(error)})",
            where=path,
            next_step="Put back the one that was there, or name another folder.",
        ) from error
    found: dict[str, Any] = stored
    return found


class _OutsideError(ValueError):
    """A name leads out of its folder; the message says which."""


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error) if isinstance(error, _OutsideError) else "it was not written by this version"


def _is_entry(source: Any, entry: Any) -> bool:
    """Whether a line of the manifest names files below its folders, and nothing else."""
    if not isinstance(entry, dict) or not is_below(source):
        return False
    result, captions = entry.get("result", {}), entry.get("captions", {})
    if not isinstance(result, dict) or not isinstance(captions, dict):
        return False
    return all(map(is_below, captions)) and (not result or is_below(result.get("name")))


def _refuse_links(folder: Path, work: Path) -> None:
    """The work folder and what is in it are written to and removed: no link may lead these elsewhere."""
    for path in (work, *(work.iterdir() if work.is_dir() else ())):
        if not lies_in(path, folder):
            raise DatasetError(
                "a link to elsewhere is in the place of an unfinished run",
                where=path,
                next_step="Remove the link, or name another folder for the results.",
            )


def _refuse_foreign(folder: Path) -> None:
    try:
        names = set(os.listdir(folder))  # noqa: PTH208 - names
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatasetError(
            f"the folder of results cannot be used ({error.strerror})",
            where=folder,
            next_step="Name a folder, or one that does not exist yet.",
        ) from error
    if names and not names & {MANIFEST, WORK}:
        raise DatasetError(
            f"the folder of results holds something else, such as {min(names)}",
            where=folder,
            next_step="Name an empty folder, or one that does not exist yet.",
        )
