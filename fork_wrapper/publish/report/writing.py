"""Where a report may be written: over what an older report left, never over anything else."""

from collections.abc import Iterable
from pathlib import Path

from fork_wrapper.errors import Finding, raise_if_any

GENERATOR = "kft report"
"""Stands in everything that a report is made of."""

HEAD = 4096
"""Bytes in which it stands."""

_PAGE = f'<meta name="generator" content="{GENERATOR} '.encode()
_PICTURE = b"Software\0" + GENERATOR.encode()
"""How it stands there. The words alone prove nothing: they stand in notes of people, too."""


def refuse_to_overwrite(files: Iterable[Path]) -> None:
    """InputError that names every file that is there and that no report left."""
    foreign = [file for file in files if not _is_ours(file)]
    what, todo = "it is there, and no report of kft", "name another place"
    findings = [Finding(what=what, where=str(file), todo=todo) for file in foreign]
    raise_if_any("nothing is overwritten that kft did not write", findings)


def refuse_one_place(page: Path, pictures: Iterable[Path]) -> None:
    """InputError where the page would go where a picture goes."""
    todo = "name another file with -o, or another folder with --png"
    same = [path for path in pictures if path.absolute() == page.absolute()]
    raise_if_any(
        "page and picture cannot be one file", [Finding(what="both", where=str(path), todo=todo) for path in same]
    )


def _is_ours(file: Path) -> bool:
    """Whether it is not there, or says in its head that kft made it, as pages and pictures do."""
    try:
        with file.open("rb") as there:
            head = there.read(HEAD)
    except FileNotFoundError:
        return True
    is_picture = head.startswith(b"\x89PNG") and _PICTURE in head
    return is_picture or (head.startswith(b"<!doctype html>") and _PAGE in head)
