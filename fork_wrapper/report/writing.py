"""Where a report may be written: over what an older report left, never over anything else."""

from collections.abc import Iterable
from pathlib import Path

from fork_wrapper.errors import Finding, raise_if_any

GENERATOR = "kft report"
"""Stands in everything that a report is made of."""

HEAD = 4096
"""Bytes in which it stands."""


def refuse_to_overwrite(files: Iterable[Path]) -> None:
    """InputError that names every file that is there and that no report left."""
    foreign = [file for file in files if not _is_ours(file)]
    what, todo = "it is there, and no report of kft", "name another place"
    findings = [Finding(what=what, where=str(file), todo=todo) for file in foreign]
    raise_if_any("nothing is overwritten that kft did not write", findings)


def _is_ours(file: Path) -> bool:
    """Whether it is not there, or says in its head that kft made it, as pages and pictures do."""
    try:
        with file.open("rb") as there:
            return GENERATOR.encode() in there.read(HEAD)
    except FileNotFoundError:
        return True
