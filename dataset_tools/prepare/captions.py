"""Captions travel with their picture, byte for byte; a copy that someone has edited since is theirs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataset_tools.prepare.room import writing
from dataset_tools.whole_files import put_in_place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dataset_tools.prepare.manifest import Manifest
    from dataset_tools.prepare.sources import Source, Sources


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Captions of one picture that are to be copied, and those that are to go."""

    hashes: Mapping[str, str]
    """SHA-256 of the source's caption by the name of its copy: the manifest's line."""
    contents: Mapping[str, bytes]
    """What to write, by the same names."""
    dropped: tuple[str, ...]
    """Copies whose caption is gone from the sources."""

    @property
    def count(self) -> int:
        """How many are written."""
        return len(self.contents)

    def write(self, manifest: Manifest) -> None:
        """Copy, each in one step."""
        for name, content in self.contents.items():
            temporary, target = manifest.part(-1), manifest.file(name)
            with writing(target):
                temporary.write_bytes(content)
                target.parent.mkdir(parents=True, exist_ok=True)
                put_in_place(temporary, target)
        for name in self.dropped:
            manifest.file(name).unlink(missing_ok=True)


def copy_captions(
    sources: Sources, source: Source, manifest: Manifest, before: Mapping[str, str]
) -> tuple[Copies, list[str]]:
    """What to do about the captions of a picture, and what to tell: nothing is written yet.

    Args:
        sources: where they are.
        source: the picture.
        manifest: where they go.
        before: the manifest's line about them.
    """
    hashes: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    said: list[str] = []
    for name in source.captions:
        if not sources.path(name).is_file():
            said.append(f"its caption {name} is no file")  # reading a pipe would wait for ever
            continue
        try:
            content = sources.path(name).read_bytes()
        except OSError as error:
            said.append(f"its caption {name} cannot be read ({error.strerror})")
            continue
        copy = source.copy_of(name)
        wanted, there = _sha256(content), _sha256_of(manifest.file(copy))
        if there is None or (there != wanted and manifest.is_own(source.name, there)):
            contents[copy] = content
        elif there != wanted and before.get(copy) != wanted:
            said.append(f"its caption {name} is another one now, and the copy was edited: the copy was left alone")
            continue
        hashes[copy] = wanted
    here = set(map(source.copy_of, source.captions))
    dropped = [name for name in before if name not in here and _is_own(manifest, source.name, name)]
    return Copies(hashes=hashes, contents=contents, dropped=tuple(dropped)), said


def withdraw(manifest: Manifest, source: str) -> bool:
    """Remove what was made from a source, unless someone has edited it; whether a picture was removed."""
    entry = manifest.entries.get(source, {})
    result = entry.get("result", {}).get("name", "")
    removed = False
    for name in (result, *entry.get("captions", {})):
        if name and _is_own(manifest, source, name):
            manifest.file(name).unlink()
            removed = removed or name == result
    return removed


def _is_own(manifest: Manifest, source: str, name: str) -> bool:
    there = _sha256_of(manifest.file(name))
    return there is not None and manifest.is_own(source, there)


def _sha256_of(path: Path) -> str | None:
    try:
        return _sha256(path.read_bytes()) if path.is_file() else None
    except OSError:
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
