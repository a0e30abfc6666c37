"""Nested parts of a training set: the 500 are within the 1000, for the same seed, wherever the set lies.

All images stand in one order that follows from the seed and their content; a part is its beginning. With tags to
stratify by, the order deals images with and without them so that every beginning has as large a share of each as
the whole.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.errors import DatasetError
from dataset_tools.linking import link_or_copy
from dataset_tools.scan.captions import caption_path, captioned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dataset_tools.scan.captions import Captioned
    from dataset_tools.scan.fingerprint import FolderManifest
    from dataset_tools.scan.scan import FolderScan, Picture

MANIFEST = "subset.json"
"""What a part says of itself, beside its images; sd-scripts takes no notice of it."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An image that may be chosen."""

    one: Captioned
    """Its file and its caption."""
    sha256: str
    """Of the image."""


@dataclass(frozen=True, kw_only=True)
class Subset:
    """The beginning of the order."""

    chosen: tuple[Candidate, ...]
    """In the order."""
    of: int
    """Images that there were."""
    seed: int
    """Of the order."""
    stratify: tuple[str, ...]
    """Tags whose shares were kept."""
    source: Path
    """The folder, or the metadata file, they come from."""
    source_sha256: str
    """The fingerprint of that folder."""
    caption_extension: str
    """How its captions end."""

    def manifest(self) -> str:
        """As JSON text."""
        images = [
            {
                "image": item.one.name,
                "sha256": item.sha256,
                "caption": item.one.picture.caption.name if item.one.picture.caption else None,
            }
            for item in self.chosen
        ]
        value = {
            "kind": "subset",
            "form": 1,
            "source": self.source.as_posix(),
            "source_sha256": self.source_sha256,
            "seed": self.seed,
            "stratify": list(self.stratify),
            "n": len(self.chosen),
            "of": self.of,
            "images": images,
        }
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def candidates_of(scan: FolderScan, manifest: FolderManifest, separator: str) -> list[Candidate]:
    """Every picture of a folder with its caption and what the fingerprint says of its bytes."""
    files = manifest.files
    found = []
    for one in captioned(map(partial(_with_misspelt, scan), scan.pictures), separator):
        name = scan.name_of(one.picture.image)
        name = name if name in files else unicodedata.normalize("NFC", name)
        found.append(Candidate(one=one, sha256=files[name][0]))
    return found


def _with_misspelt(scan: FolderScan, picture: Picture) -> Picture:
    """The picture with its caption, where only the accents of the caption's name are composed otherwise."""
    name = scan.misspelt.get(picture.image.name)
    return replace(picture, caption=scan.folder / name) if name else picture


def ordered(candidates: Sequence[Candidate], seed: int, stratify: Sequence[str] = ()) -> list[Candidate]:
    """All candidates in the order of the seed; names decide between images of the same bytes only.

    A tag is kept in its share: of any first n, n x share have it, give or take one (with several tags, each
    combination of them give or take their number).
    """
    shuffled = sorted(candidates, key=lambda item: (_draw(seed, item.sha256), item.one.name))
    strata: dict[tuple[bool, ...], list[Candidate]] = {}
    for item in shuffled:
        strata.setdefault(tuple(tag in item.one.tags for tag in stratify), []).append(item)
    # The k-th of s images stands at (k + 1/2) / s of the way: each stratum is spread evenly over the whole.
    placed = [
        ((2 * number + 1) / (2 * len(stratum)), key, number)
        for key, stratum in strata.items()
        for number in range(len(stratum))
    ]
    return [strata[key][number] for _, key, number in sorted(placed)]


def part_of(total: int, n: int | None, fraction: float | None) -> int:
    """How many images a part has: `n`, or the fraction rounded to whole images, at least one.

    A fraction that is no number (NaN) counts as none of them.
    """
    if fraction is not None and math.isnan(fraction):
        fraction = 0.0
    return n if n is not None else max(1, int(total * (fraction or 0) + 0.5))


def make_folder(subset: Subset, target: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """Make a folder of the chosen images, their captions and the manifest; it appears whole or not at all.

    Images are hard links, which take no room, or copies where links fail. Captions are copies: an editor that saves
    in place would change those of the source as well.

    Returns:
        How the images came there: `hard links`, `copies` or both.

    Raises:
        DatasetError: there is something in its place, or it cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DatasetError("there is something there already", where=target, next_step="Name a folder that is new.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            fresh = temporary / "new"  # made by mkdir: mkdtemp's own folder is closed to colleagues
            fresh.mkdir()
            ways = _fill(subset, fresh, progress)
            if target.is_dir():
                target.rmdir()
            fresh.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise DatasetError(
            f"the folder cannot be written ({error.strerror})",
            where=error.filename or target,
            next_step="Choose a place that can be written to, on a disk with room.",
        ) from error
    return " and ".join(ways)


def _fill(subset: Subset, folder: Path, progress: Callable[[int, int], None] | None) -> list[str]:
    ways: dict[str, None] = {}
    for done, item in enumerate(subset.chosen, start=1):
        picture = item.one.picture
        way = link_or_copy(picture.image, folder / picture.image.name)
        ways["copies" if way == "copy" else "hard links"] = None
        if picture.caption:
            caption = caption_path(folder / picture.image.name, subset.caption_extension)
            if not caption.exists():  # two images of one stem share theirs
                shutil.copyfile(picture.caption, caption)
        elif picture.text:  # it stands in a metadata file
            caption_path(folder / picture.image.name, subset.caption_extension).write_bytes(picture.text.encode())
        if progress is not None:
            progress(done, len(subset.chosen))
    (folder / MANIFEST).write_bytes(subset.manifest().encode("utf-8", "backslashreplace"))
    return list(ways)


def _draw(seed: int, sha256: str) -> str:
    return hashlib.sha256(f"{seed} {sha256}".encode()).hexdigest()
