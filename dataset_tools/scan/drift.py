"""How one training set differs from another, told from their manifests alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataset_tools.scan.fingerprint import Files, Fingerprint


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How one training set differs from another; falsy when it does not.

    Names are those of the manifests; with more than one folder on either side, `<index>/<name>`, counted from
    0.
    """

    added: tuple[str, ...] = ()
    """Images that only the second has."""
    removed: tuple[str, ...] = ()
    """Images that only the first has."""
    changed_images: tuple[str, ...] = ()
    """Images in both, with other bytes."""
    changed_captions: tuple[str, ...] = ()
    """Images in both whose caption has other bytes, appeared or went; `changed_images` may name them too."""
    changed_metadata: tuple[str, ...] = ()
    """Folders (their names in the first) whose `metadata_file`, which holds their captions, has other bytes."""
    renamed: tuple[tuple[str, str], ...] = ()
    """(old, new): one of `removed` and one of `added` with the same image bytes; both stay listed there."""

    def __bool__(self) -> bool:
        changed = self.changed_images or self.changed_captions or self.changed_metadata
        return bool(self.added or self.removed or changed)


def compare(a: Fingerprint, b: Fingerprint) -> Drift:
    """What happened between `a` and `b`: folders are matched by their position, images by their name."""
    if a.sha256 == b.sha256:
        return Drift()
    indexed = max(len(a.folders), len(b.folders)) > 1
    old, new = _flat(a, indexed), _flat(b, indexed)
    both = [name for name in old if name in new]
    added = tuple(name for name in new if name not in old)
    removed = tuple(name for name in old if name not in new)
    return Drift(
        added=added,
        removed=removed,
        changed_images=tuple(name for name in both if old[name][0] != new[name][0]),
        changed_captions=tuple(name for name in both if old[name][1] != new[name][1]),
        changed_metadata=tuple(_other_metadata(a, b)),
        renamed=tuple(_renamed({name: old[name] for name in removed}, {name: new[name] for name in added})),
    )


def _flat(one: Fingerprint, indexed: bool) -> Files:
    return {
        f"{index}/{name}" if indexed else name: hashes
        for index, manifest in enumerate(one.folders)
        for name, hashes in sorted(manifest.files.items())
    }


def _other_metadata(a: Fingerprint, b: Fingerprint) -> Iterator[str]:
    """Older records do not know of metadata files: what only one side knows is no difference."""
    for old, new in zip(a.folders, b.folders, strict=False):
        if old.metadata and new.metadata and old.metadata != new.metadata:
            yield old.subset or old.folder.name


def _renamed(removed: Files, added: Files) -> Iterator[tuple[str, str]]:
    waiting: dict[str, list[str]] = {}
    for name, (image, _) in added.items():
        waiting.setdefault(image, []).append(name)
    for name, (image, _) in removed.items():
        if waiting.get(image):
            yield name, waiting[image].pop(0)
