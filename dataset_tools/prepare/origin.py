"""Whether pictures are those that a folder of results was made from: nobody's results give way to another folder's.

A folder may be moved, or be another one on another machine; then its pictures say whose results these are. The path
alone decides nothing but that no one has to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError
from dataset_tools.scan.hashing import hash_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dataset_tools.prepare.sources import Sources
    from dataset_tools.scan.hashing import HashCache


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where pictures come from, and what is known of them."""

    found: Sources
    """What lies there now."""
    hashes: HashCache | None = None
    """Spares reading files again that were hashed before."""
    trusted: bool = False
    """Whether someone vouches for it that these are the same pictures."""

    @property
    def folder(self) -> str:
        """The folder, for the manifest."""
        return str(self.found.folder.resolve())

    def refuse_others(self, before: str, entries: Mapping[str, Mapping[str, Any]], results: Path) -> None:
        """Nothing where these pictures are those that results were made from.

        Half of them must have their name and content, or half of those that are here now where these are fewer: what
        was added, removed or edited on the way is no other folder.

        Args:
            before: the folder that they were in; empty where nobody wrote it down.
            entries: lines of the manifest by source.
            results: what was made from them.

        Raises:
            DatasetError: they are other pictures.
        """
        if not before or before == self.folder or self.trusted:
            return
        known = {name: entry for name, entry in entries.items() if entry.get("sha256")}
        needed = (min(len(known), len(self.found.pictures)) + 1) // 2
        agreed = 0
        for _name in self._same(known):
            agreed += 1
            if agreed >= needed:  # enough: the rest need not be read
                return
        if needed:
            raise DatasetError(
                f"its pictures were made from those in {before}, and {self.folder} has {agreed or 'none'} of them by"
                " name and content",
                where=results,
                next_step="Name another folder for these results, or give --same-source if they are the same pictures,"
                " moved and edited since.",
            )

    def _same(self, known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        """Names of pictures that are as they were."""
        for picture in self.found.pictures:
            entry = known.get(picture.name)
            if entry is not None and self._is(self.found.path(picture.name), entry):
                yield picture.name

    def _is(self, path: Path, entry: Mapping[str, Any]) -> bool:
        try:
            if path.stat().st_size != entry.get("bytes", path.stat().st_size):
                return False  # not worth reading
            hashed = hash_file(path, self.hashes)
        except (DatasetError, OSError):
            return False  # said when its turn comes
        return hashed is not None and hashed.sha256 == entry["sha256"]
