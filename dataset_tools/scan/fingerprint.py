"""The content fingerprint of a training set: one SHA-256 that says "the same images and captions".

It covers the bytes of every image and of the caption that would be read for it, their names, the order of the
folders (that of the subsets), and of a subset with captions in a `metadata_file` the bytes of that, too. It does not
cover where the folders lie, times, how the file system lists them, files that are no pictures, or folders without
any. It does not decode images: the same picture saved anew is another picture. How often each is repeated stands
in the manifest and not in the digest: it is a value of the configuration, and compared there.

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import Abandoned, DatasetError
from dataset_tools.scan.hashing import FileHash, HashCache, changed_meanwhile, hash_file, known_hash, stamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dataset_tools.scan.scan import FolderScan, Picture

_HEADING = "training set, form 1"
_MOST_THREADS = 4  # hashing lets other threads run; beyond a few, the disk is what one waits for

Files = dict[str, tuple[str, "str | None"]]
Sizes = dict[str, tuple[int, "int | None"]]
Hashes = tuple[FileHash, "FileHash | None"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One subset, to be fingerprinted."""

    scan: FolderScan
    """Its folder."""
    subset: str = ""
    """What it is called where it is configured."""
    repeats: int | None = None
    """How often an epoch sees each of its images."""
    metadata: Path | None = None
    """Its `metadata_file`, from which captions are read instead of from beside the images."""


@dataclass(frozen=True, kw_only=True)
class FolderManifest:
    """What one folder contributed."""

    folder: Path
    """Where it was; for people, not part of the fingerprint."""
    files: Files
    """Image name (NFC) to SHA-256 of the image and of the caption, or None."""
    sizes: Sizes = field(default_factory=dict)
    """Image name to bytes of the image and of the caption, or None; empty in manifests older than this."""
    subset: str = ""
    """What the subset was called; for people, not part of the fingerprint."""
    repeats: int | None = None
    """How often an epoch saw each image; None where nobody said. Not part of the fingerprint."""
    metadata: str | None = None
    """SHA-256 of the subset's `metadata_file`; None without one, and in manifests older than this."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "folder": self.folder.as_posix(),
            "subset": self.subset,
            "repeats": self.repeats,
            "metadata": self.metadata,
            "files": {name: list(hashes) for name, hashes in self.files.items()},
            "sizes": {name: list(sizes) for name, sizes in self.sizes.items()},
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> FolderManifest:
        """What `to_json` gave, or an older version's of it; KeyError and its kin where it is neither."""
        repeats, metadata = value.get("repeats"), value.get("metadata")
        return FolderManifest(
            folder=Path(value["folder"]),
            files={name: (image, caption) for name, (image, caption) in value["files"].items()},
            sizes={name: (image, caption) for name, (image, caption) in value.get("sizes", {}).items()},
            subset=str(value.get("subset", "")),
            repeats=None if repeats is None else int(repeats),
            metadata=None if metadata is None else str(metadata),
        )


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
            "folders": [one.to_json() for one in self.folders],
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Fingerprint:
        """Read what `to_json` gave.

        Raises:
            DatasetError: a part is missing or has another shape, or the manifest does not hash to the
                SHA-256 beside it.
        """
        try:
            folders = tuple(FolderManifest.from_json(one) for one in value["folders"])
            sha256, size = str(value["sha256"]), int(value["bytes"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _not_a_fingerprint("it lacks a part or has another shape") from error
        if _digest(folders) != sha256:
            raise _not_a_fingerprint("its manifest does not hash to its sha256")
        return _assemble(folders, size)


def fingerprint(
    parts: Sequence[FolderScan | Part],
    cache: HashCache | None = None,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Fingerprint:
    """Hash every image and caption of the scanned folders.

    Args:
        parts: one per subset, in the order of the subsets; a bare scan is a part of which nothing else is known.
        cache: spares reading files already known; saved at the end.
        progress: called in this thread with (images done, images in all) after each image.
        stop: asked before each mebibyte of each file; True gives up.

    Raises:
        DatasetError: a file has gone since the scan, cannot be read, or changed while the set was read.
        Abandoned: `stop` said so.
    """
    whole = [part if isinstance(part, Part) else Part(scan=part) for part in parts]
    named = [_named(part.scan) for part in whole]
    hashes = _hash_all([picture for one in named for picture in one.values()], cache, progress, stop)
    size = sum(image.size + (caption.size if caption else 0) for image, caption in hashes)
    rest = iter(hashes)
    manifests = []
    for part, pictures in zip(whole, named, strict=True):
        found = {name: next(rest) for name in pictures}
        metadata = _whole(part.metadata, cache, stop) if part.metadata else None
        manifests.append(_manifest(part, found, metadata))
    if cache is not None:
        cache.save()
    return _assemble(tuple(manifests), size)


def _manifest(part: Part, found: Mapping[str, Hashes], metadata: FileHash | None) -> FolderManifest:
    return FolderManifest(
        folder=part.scan.folder,
        subset=part.subset,
        repeats=part.repeats,
        metadata=metadata.sha256 if metadata else None,
        files={name: (image.sha256, text.sha256 if text else None) for name, (image, text) in found.items()},
        sizes={name: (image.size, text.size if text else None) for name, (image, text) in found.items()},
    )


def _named(scan: FolderScan) -> dict[str, Picture]:
    """Pictures by the name they have in the manifest."""
    raw = [(scan.name_of(picture.image), picture) for picture in scan.pictures]
    uses = Counter(_composed(name) for name, _ in raw)
    named = {}
    for name, picture in raw:
        composed = _composed(name)
        named[composed if uses[composed] == 1 else name] = picture
    return dict(sorted(named.items()))


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _hash_all(
    pictures: Sequence[Picture],
    cache: HashCache | None,
    progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> list[Hashes]:
    """The hashes of every picture: from memory where it knows them, then, several at a time, from the disk."""
    tell = progress or (lambda _done, _total: None)
    hashes = [_known(picture, cache) for picture in pictures]
    unknown = [index for index, one in enumerate(hashes) if one is None]
    for done in range(1, len(pictures) - len(unknown) + 1):
        tell(done, len(pictures))

    def read(index: int) -> Hashes:
        image, caption = pictures[index].image, pictures[index].caption
        return _whole(image, cache, stop), _whole(caption, cache, stop) if caption else _of_text(pictures[index])

    pool = ThreadPoolExecutor(max_workers=min(_MOST_THREADS, os.cpu_count() or 1)) if unknown else None
    try:
        for done, (index, fresh) in enumerate(zip(unknown, pool.map(read, unknown) if pool else (), strict=True)):
            hashes[index] = fresh
            tell(len(pictures) - len(unknown) + done + 1, len(pictures))
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)  # on an error or Ctrl-C, do not read the remaining gigabytes first
    found = [one for one in hashes if one is not None]
    if unknown:  # reading took its time: the first files may have changed since
        _unchanged(pictures, found)
    return found


def _known(picture: Picture, cache: HashCache | None) -> Hashes | None:
    if cache is None or (image := known_hash(picture.image, cache)) is None:
        return None
    if picture.caption is None:
        return image, _of_text(picture)
    caption = known_hash(picture.caption, cache)
    return None if caption is None else (image, caption)


def _of_text(picture: Picture) -> FileHash | None:
    """Of a caption that stands in a metadata file."""
    text = (picture.text or "").encode("utf-8", "surrogatepass")
    return FileHash(sha256=hashlib.sha256(text).hexdigest(), size=len(text)) if text else None


def _unchanged(pictures: Sequence[Picture], hashes: Sequence[Hashes]) -> None:
    for picture, (image, caption) in zip(pictures, hashes, strict=True):
        for path, hashed in ((picture.image, image), (picture.caption, caption)):
            if path and hashed and stamp_of(path) != hashed.stamp:
                raise changed_meanwhile(path)


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
    """SHA-256 of the canonical text: a heading, then one JSON line per folder that has images or a metadata file."""
    lines = [_HEADING]
    for one in folders:
        rows: Any = [[name, *hashes] for name, hashes in sorted(one.files.items())]
        if one.metadata:
            rows = {"files": rows, "metadata": one.metadata}
        if rows:  # sd-scripts leaves out a folder without images (library/train_util.py:2131-2135)
            lines.append(json.dumps(rows, ensure_ascii=True, separators=(",", ":")))
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()


def _not_a_fingerprint(reason: str) -> DatasetError:
    return DatasetError(
        f"this is not a dataset fingerprint as it was written: {reason}",
        where="dataset fingerprint",
        next_step="Take it from another copy of the record, or scan the data again.",
    )
