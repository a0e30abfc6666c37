"""What rules would make of the captions of a folder, and doing it: whole files, the old ones kept in a folder."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from errno import ELOOP
from itertools import count
from typing import TYPE_CHECKING

from dataset_tools.captions.regex import TooSlowError
from dataset_tools.errors import DatasetError
from dataset_tools.names import lies_in
from dataset_tools.scan.captions import caption_path, read_bytes, tags_of
from dataset_tools.scan.scan import scan_folder
from dataset_tools.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from dataset_tools.captions.rules import CaptionRules

BACKUPS = "caption_backup"
"""Folder, within the image folder, for captions that were replaced: sd-scripts does not look into folders there."""

_SEEN = 60  # letters of a tag that an error shows


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One caption file that would change."""

    path: Path
    """The file; it may not exist yet."""
    before: bytes | None
    """Its bytes; None where there is none."""
    after: bytes
    """What they would become."""

    def diff(self) -> Iterator[str]:
        """Unified, in lines without their ends."""
        old, new = (_lines(content) for content in (self.before or b"", self.after))
        old_name = f"a/{self.path.name}" if self.before is not None else "/dev/null"
        yield from difflib.unified_diff(old, new, old_name, f"b/{self.path.name}", n=0, lineterm="")


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What would change in a folder."""

    changes: tuple[Edit, ...]
    """In the order of the images."""
    captions: int
    """Captions that were looked at."""
    garbled: tuple[tuple[Path, Path], ...]
    """Files that are no UTF-8, each with the caption that was left alone for it: itself, or one that its tags are for.
    """


def plan_edits(folder: Path, extension: str, rules: CaptionRules, merge: Sequence[str] = ()) -> Edits:
    """What the rules would make of every caption of the folder.

    Args:
        folder: of images.
        extension: how captions end.
        rules: what is to be done to them.
        merge: endings of files with more tags, whose tags are appended to the captions in this order; they make a
            caption where there is none.

    Raises:
        DatasetError: the folder or a file cannot be read, or a rule takes too long.
    """
    scan = scan_folder(folder, extension)
    tag_files = [scan_folder(folder, ending) for ending in merge]
    changes: dict[Path, Edit] = {}
    seen: set[Path] = set()
    garbled: list[tuple[Path, Path]] = []
    for index, picture in enumerate(scan.pictures):
        extra = [path for one in tag_files if (path := one.pictures[index].caption)]
        misspelt = scan.misspelt.get(picture.image.name)
        own = folder / misspelt if misspelt else picture.own
        path = own or caption_path(picture.image, scan.caption_extension)
        if path in seen or not (own or extra):
            continue
        seen.add(path)
        before = read_bytes(path) if own is not None else None
        content = {path: before or b"", **{file: read_bytes(file) for file in extra}}
        if bad := [file for file, data in content.items() if _is_garbled(data)]:
            garbled += [(file, path) for file in bad]
            continue
        try:
            edit = _edit(path, before, rules, [content[file] for file in extra])
        except TooSlowError as error:
            raise _too_slow(path, error) from None
        if edit.after != (edit.before or b""):
            changes[path] = edit
    return Edits(changes=tuple(changes.values()), captions=len(seen), garbled=tuple(garbled))


def apply_edits(edits: Sequence[Edit], backup: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Write the new captions; what they replace lies in `backup` before the first is written.

    Raises:
        DatasetError: a caption has changed since the edits were planned (nothing was written then), or a file cannot
            be written (what was written stays, its old bytes in the backup).
    """
    for edit in edits:
        if _current(edit.path) != edit.before:
            raise DatasetError(
                "the caption has changed since it was looked at",
                where=edit.path,
                next_step="Try again when nothing writes to the folder.",
            )
    try:
        keep(edits, backup)
        for done, edit in enumerate(edits, start=1):
            write_whole(edit.path, edit.after)
            if progress is not None:
                progress(done, len(edits))
    except OSError as error:
        raise DatasetError(
            f"the caption cannot be written ({error.strerror})",
            where=error.filename or backup,
            next_step=f"Make room, or mind the permissions. What was replaced lies in {backup}.",
        ) from error


def new_backup(folder: Path, now: datetime) -> Path:
    """A folder for replaced captions that does not exist yet, named by the time."""
    stamp = now.strftime("%Y%m%d-%H%M%S")
    names = (stamp if number == 1 else f"{stamp}-{number}" for number in count(1))
    return next(path for name in names if not (path := folder / BACKUPS / name).exists())


def keep(edits: Sequence[Edit], backup: Path) -> None:
    """Copy what the edits would replace into a folder of its own; OSError when it cannot be written."""
    replaced = [edit for edit in edits if edit.before is not None]
    if replaced and not lies_in(backup, backup.parent.parent):
        raise OSError(ELOOP, "a link leads out of the folder", str(backup.parent))
    if replaced:
        backup.mkdir(parents=True)
    for edit in replaced:
        write_whole(backup / edit.path.name, edit.before or b"")


def _is_garbled(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return True
    return False


def _edit(path: Path, before: bytes | None, rules: CaptionRules, extra: Sequence[bytes]) -> Edit:
    separator = rules.separator.strip()
    lines = (line for tags in extra for line in tags.decode("utf-8-sig").splitlines())
    more = [tag for line in lines for tag in tags_of(line, separator)]
    return Edit(path=path, before=before, after=rules.text((before or b"").decode(), more).encode())


def _too_slow(path: Path, error: TooSlowError) -> DatasetError:
    seen = error.text if len(error.text) <= _SEEN else f"{error.text[:_SEEN]}..."
    return DatasetError(
        f"the rule with regex = {error.wanted!r} came to no end in {error.seconds:g} seconds, at {seen!r}",
        where=path,
        next_step="Write the rule so that nothing that repeats stands in what repeats, as in (a|aa)+.",
    )


def _current(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatasetError(
            f"the caption cannot be read ({error.strerror})", where=path, next_step="Mind its permissions."
        ) from error


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", errors="replace").splitlines()
