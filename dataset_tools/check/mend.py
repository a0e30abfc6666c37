"""Do what is safe about faults: rename, write anew as UTF-8, move aside. Nothing is deleted and nothing overwritten.

Whatever is moved or rewritten lies afterwards in `kft-aside/TIME/` below its folder, which sd-scripts does not look
into, beside a `moved.json` that says what was done.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from errno import ELOOP
from typing import TYPE_CHECKING, Any

from dataset_tools.below import ASIDE
from dataset_tools.errors import DatasetError
from dataset_tools.names import lies_in
from dataset_tools.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from dataset_tools.check.faults import Fault, Remedy


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to be done, or that was done."""

    remedy: Remedy
    """What."""
    reason: str
    """Why: what the fault says."""
    kind: str
    """The kind of the fault."""


def plan(faults: Iterable[Fault]) -> tuple[Step, ...]:
    """What would be done about these faults, each file once: what is moved aside is not mended as well."""
    steps = [Step(remedy=one.remedy, reason=one.reason, kind=one.kind) for one in faults if one.remedy is not None]
    steps.sort(key=lambda step: step.remedy.action != "aside")
    chosen: list[Step] = []
    taken: set[Path] = set()
    targets: set[Path] = set()
    for step in steps:
        files = set(step.remedy.files)
        target = _target(step.remedy)
        if files & taken or target in targets or (target is not None and target in taken):
            continue
        taken |= files
        targets |= {target} if target is not None else set()
        chosen.append(step)
    return tuple(chosen)


def mend(steps: Sequence[Step], time: str) -> list[Path]:
    """Do it.

    Args:
        steps: as `plan` gave them.
        time: names the folder for what is moved aside; a second run within it gets a number.

    Returns:
        The folders that things were moved into.

    Raises:
        DatasetError: a file cannot be moved or written; what was done until then is in `moved.json`.
    """
    folders: dict[Path, Path] = {}
    done: dict[Path, list[dict[str, Any]]] = {}
    try:
        for step in steps:
            home = step.remedy.files[0].parent
            if home not in folders:
                folders[home] = _fresh(home, time)
            entry = _do(step, folders[home])
            done.setdefault(home, []).append({**entry, "kind": step.kind, "why": step.reason})
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise DatasetError(
            f"it cannot be mended ({words})",
            where=getattr(error, "filename", None) or step.remedy.files[0],
            next_step="Mend the rights of the file and its folder, then try again; what was moved is in kft-aside.",
        ) from error
    finally:
        for home, entries in done.items():
            text = json.dumps(entries, indent=2, ensure_ascii=True) + "\n"
            (folders[home] / "moved.json").write_text(text, encoding="ascii")
    return list(folders.values())


def _fresh(home: Path, time: str) -> Path:
    if not lies_in(home / ASIDE, home):
        raise OSError(ELOOP, "a link leads out of the folder", str(home / ASIDE))
    for number in range(1, 1000):
        folder = home / ASIDE / (time if number == 1 else f"{time}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise OSError(f"there are too many folders called {time}")


def _do(step: Step, aside: Path) -> dict[str, Any]:
    remedy = step.remedy
    if remedy.action == "rename":
        source, target = remedy.files[0], remedy.files[0].with_name(remedy.target)
        if os.path.lexists(target):
            raise FileExistsError(17, "there is a file of that name", str(target))
        source.rename(target)
        return {"renamed": source.name, "to": target.name}
    if remedy.action == "rewrite":
        return _rewrite(remedy, aside)
    return {"moved": list(_move(remedy.files, aside))}


def _rewrite(remedy: Remedy, aside: Path) -> dict[str, Any]:
    (path,) = remedy.files
    text = path.read_bytes().decode(remedy.target)
    shutil.copy2(path, aside / path.name)
    write_whole(path, text.lstrip("\ufeff").encode("utf-8"))
    return {"rewritten": path.name, "from": remedy.target}


def _move(files: Sequence[Path], aside: Path) -> Iterator[str]:
    for path in files:
        if path.exists():  # a caption that two images share is gone with the first
            path.rename(aside / path.name)
            yield path.name


def _target(remedy: Remedy) -> Path | None:
    return remedy.files[0].with_name(remedy.target) if remedy.action == "rename" else None
