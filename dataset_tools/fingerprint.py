"""The content fingerprint of a training set: one SHA-256 that says "the same images and captions".

It covers the bytes of every image and of the caption that would be read for it, their names, and the order of
the folders (that of the subsets). It does not cover where the folders lie, times, how the file system lists
them, files that are no pictures, or folders without any. It does not decode images: the same picture saved
anew is another picture.

Names count because sd-scripts sorts by them, which together with the seed decides the order of training. They
are kept in Unicode form NFC: macOS tools tend to leave `n + ~` on the disk where others leave `ñ`, so that
without it a copy of the same data would seem to have been renamed. Only where that would merge two files of
one folder do both keep their names as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import Abandoned, DatasetError
from dataset_tools.hashing import FileHash, HashCache, hash_file, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dataset_tools.scan import FolderScan, Picture

__all__ = ["Drift", "Fingerprint", "FolderManifest", "HashCache", "compare", "fingerprint", "sha256_file"]

_HEADING = "training set, form 1"
_MOST_THREADS = 4  # hashing lets other threads run; beyond a few, the disk is what one waits for

Files = dict[str, tuple[str, "str | None"]]


@dataclass(frozen=True, kw_only=True)
class FolderManifest:
    """What one folder contributed."""

    folder: Path
    """Where it was; for people, not part of the fingerprint."""
    files: Files
    """Image name (relative, forward slashes, NFC) to SHA-256 of the image and of the caption, or None."""


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The identity of a training set's content, and the manifest that it is computed from."""

    sha256: str
    """64 hexadecimal digits over the canonical text of all manifests."""
    images: int
    """How many images."""
    captions: int
    """How many of them have a caption."""
    bytes: int
    """Size of all images and captions; a caption that two images share counts twice."""
    folders: tuple[FolderManifest, ...]
    """One per scan, in the order given."""

    def to_json(self) -> dict[str, Any]:
        """As plain values for `json.dumps`; `from_json` takes them back."""
        return {
            "sha256": self.sha256,
            "images": self.images,
            "captions": self.captions,
            "bytes": self.bytes,
            "folders": [
                {"folder": one.folder.as_posix(), "files": {k: list(v) for k, v in one.files.items()}}
                for one in self.folders
            ],
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Fingerprint:
        """Read what `to_json` gave.

        Raises:
            DatasetError: a part is missing or has another shape, or the manifest does not hash to the
                SHA-256 beside it.
        """
        try:
            folders = tuple(
                FolderManifest(
                    folder=Path(one["folder"]),
                    files={name: (image, caption) for name, (image, caption) in one["files"].items()},
                )
                for one in value["folders"]
            )
            sha256, size = str(value["sha256"]), int(value["bytes"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _not_a_fingerprint("it lacks a part or has another shape") from error
        if _digest(folders) != sha256:
            raise _not_a_fingerprint("its manifest does not hash to its sha256")
        return _assemble(folders, size)


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
    renamed: tuple[tuple[str, str], ...] = ()
    """(old, new): one of `removed` and one of `added` with the same image bytes; both stay listed there."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed_images or self.changed_captions)


def fingerprint(
    scans: Sequence[FolderScan],
    cache: HashCache | None = None,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Fingerprint:
    """Hash every image and caption of the scanned folders.

    Args:
        scans: one per subset, in the order of the subsets.
        cache: spares reading files already known; saved at the end.
        progress: called in this thread with (images done, images in all) after each image.
        stop: asked before each mebibyte of each file; True gives up.

    Raises:
        DatasetError: a file has gone since the scan, cannot be read, or changed while it was read.
        Abandoned: `stop` said so.
    """
    named = [_named(scan) for scan in scans]
    hashes = _hash_all([picture for one in named for picture in one.values()], cache, progress, stop)
    folders: list[FolderManifest] = []
    size = 0
    for scan, pictures in zip(scans, named, strict=True):
        files: Files = {}
        for name in pictures:
            image, caption = next(hashes)
            files[name] = (image.sha256, caption.sha256 if caption else None)
            size += image.size + (caption.size if caption else 0)
        folders.append(FolderManifest(folder=scan.folder, files=files))
    if cache is not None:
        cache.save()
    return _assemble(tuple(folders), size)


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
        renamed=tuple(_renamed({name: old[name] for name in removed}, {name: new[name] for name in added})),
    )


def _named(scan: FolderScan) -> dict[str, Picture]:
    raw = [(picture.image.relative_to(scan.folder).as_posix(), picture) for picture in scan.pictures]
    uses = Counter(unicodedata.normalize("NFC", name) for name, _ in raw)
    named = {}
    for name, picture in raw:
        composed = unicodedata.normalize("NFC", name)
        named[composed if uses[composed] == 1 else name] = picture
    return dict(sorted(named.items()))


def _hash_all(
    pictures: Sequence[Picture],
    cache: HashCache | None,
    progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> Iterator[tuple[FileHash, FileHash | None]]:
    def hash_picture(picture: Picture) -> tuple[FileHash, FileHash | None]:
        image = _whole(picture.image, cache, stop)
        return image, _whole(picture.caption, cache, stop) if picture.caption else None

    pool = ThreadPoolExecutor(max_workers=min(_MOST_THREADS, os.cpu_count() or 1))
    try:
        for done, hashes in enumerate(pool.map(hash_picture, pictures), start=1):
            if progress is not None:
                progress(done, len(pictures))
            yield hashes
    finally:
        pool.shutdown(cancel_futures=True)  # on an error or Ctrl-C, do not read the remaining gigabytes first


def _whole(path: Path, cache: HashCache | None, stop: Callable[[], bool] | None) -> FileHash:
    hashed = hash_file(path, cache, stop)
    if hashed is None:
        raise Abandoned
    return hashed


def _assemble(folders: tuple[FolderManifest, ...], size: int) -> Fingerprint:
    return Fingerprint(
        sha256=_digest(folders),
        images=sum(len(one.files) for one in folders),
        captions=sum(caption is not None for one in folders for _, caption in one.files.values()),
        bytes=size,
        folders=folders,
    )


def _digest(folders: Sequence[FolderManifest]) -> str:
    """SHA-256 of the canonical text: a heading, then one JSON line per folder that has images."""
    lines = [_HEADING]
    for one in folders:
        rows = [[name, *hashes] for name, hashes in sorted(one.files.items())]
        if rows:  # sd-scripts leaves out a folder without images (library/train_util.py:2131-2135)
            lines.append(json.dumps(rows, ensure_ascii=True, separators=(",", ":")))
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()


def _flat(one: Fingerprint, indexed: bool) -> Files:
    return {
        f"{index}/{name}" if indexed else name: hashes
        for index, manifest in enumerate(one.folders)
        for name, hashes in sorted(manifest.files.items())
    }


def _renamed(removed: Files, added: Files) -> Iterator[tuple[str, str]]:
    waiting: dict[str, list[str]] = {}
    for name, (image, _) in added.items():
        waiting.setdefault(image, []).append(name)
    for name, (image, _) in removed.items():
        if waiting.get(image):
            yield name, waiting[image].pop(0)


def _not_a_fingerprint(reason: str) -> DatasetError:
    return DatasetError(
        f"this is not a dataset fingerprint as it was written: {reason}",
        where="dataset fingerprint",
        next_step="Take it from another copy of the record, or scan the data again.",
    )
