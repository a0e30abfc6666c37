"""What there is to prepare: every picture below a folder, its captions, and the name that each result will have.

Unlike a scan of what sd-scripts would train on, this looks into sub-folders, takes any spelling of a suffix and also
pictures that sd-scripts cannot read. Hidden files and folders are left out, and what `check` put aside; links to
folders are not followed: those behind which pictures lie are named.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dataset_tools.below import hold_pictures, is_meant, leads_to
from dataset_tools.errors import DatasetError
from dataset_tools.scan.scan import TEXT_SUFFIXES, composed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PICTURE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("avif", "bmp", "gif", "heic", "heif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "jxl", "mpo"),
        *("pbm", "pgm", "png", "ppm", "psd", "qoi", "tif", "tiff", "webp"),
    )
)
"""What is taken for a picture, in lower case. Some of them cannot be decoded: that is said, not passed over."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One picture to prepare."""

    name: str
    """Below the folder, with slashes."""
    captions: tuple[str, ...]
    """Text files of its stem beside it, however their accents are composed: likewise, sorted."""

    @property
    def stem(self) -> str:
        """The name without its suffix: what image, captions and result share."""
        return str(PurePosixPath(self.name).with_suffix(""))

    def copy_of(self, caption: str) -> str:
        """What the copy of a caption is called: letter for letter as the result, for sd-scripts opens that name."""
        return self.stem + PurePosixPath(caption).suffix

    @property
    def respelled(self) -> tuple[str, ...]:
        """Captions whose copies are called otherwise than they are."""
        return tuple(name for name in self.captions if self.copy_of(name) != name)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All that a folder holds."""

    folder: Path
    """The folder, as it was given."""
    pictures: tuple[Source, ...]
    """Sorted by name."""
    others: Mapping[str, int]
    """How many files of which suffix are neither pictures nor their captions."""
    linked: Mapping[str, str]
    """Links to folders with pictures that are found nowhere else here, and where they lead: these are left out."""

    def path(self, name: str) -> Path:
        """The file of a name."""
        return self.folder / name


def find_sources(folder: Path) -> Sources:
    """List the pictures below a folder.

    Raises:
        DatasetError: it cannot be listed.
    """
    pictures: list[Source] = []
    others: Counter[str] = Counter()
    links: dict[str, str] = {}
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=_refuse):
        here = Path(place)
        below = PurePosixPath(here.relative_to(folder).as_posix())
        seen.add(os.path.realpath(place))
        targets = {name: leads_to(here / name) for name in sorted(folders) if is_meant(name)}
        folders[:] = [name for name, target in targets.items() if not target]
        links |= {str(below / name): target for name, target in targets.items() if target}
        found, rest = _sorted_out(sorted(name for name in files if not name.startswith(".")))
        pictures += [
            Source(name=str(below / name), captions=tuple(str(below / text) for text in texts))
            for name, texts in found.items()
        ]
        others.update(os.path.splitext(name)[1].lower() for name in rest)  # noqa: PTH122 - of a name
    return Sources(
        folder=folder,
        pictures=tuple(sorted(pictures, key=lambda picture: picture.name)),
        others=dict(sorted(others.items())),
        linked={name: target for name, target in sorted(links.items()) if target not in seen and _has(target)},
    )


def _has(folder: str) -> bool:
    return hold_pictures(Path(folder), tuple(PICTURE_SUFFIXES))


def clashes(pictures: Iterable[Source]) -> list[tuple[str, ...]]:
    """Names that would become one file: they differ in their suffix only, or in what some disks do not tell apart."""
    groups: dict[str, list[str]] = {}
    for picture in pictures:
        groups.setdefault(composed(picture.stem).casefold(), []).append(picture.name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _sorted_out(names: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Pictures with their captions, and the rest."""
    split = [(name, *os.path.splitext(name)) for name in names]  # noqa: PTH122 - names, not paths
    found: dict[str, list[str]] = {name: [] for name, _stem, suffix in split if suffix.lower() in PICTURE_SUFFIXES}
    by_stem: dict[str, list[str]] = {}
    for name, stem, _suffix in split:
        if name in found:
            by_stem.setdefault(composed(stem), []).append(name)
    rest = []
    there = set(names)
    for name, stem, suffix in split:
        if name in found:
            continue
        # a caption spelled as the picture goes before one that only looks so
        pictures = [
            picture
            for picture in by_stem.get(composed(stem), ())
            if (own := _stem(picture)) == stem or own + suffix not in there
        ]
        if suffix.lower() not in TEXT_SUFFIXES or not pictures:
            rest.append(name)
            continue
        for picture in pictures:
            found[picture].append(name)
    return found, rest


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122 - of a name


def _refuse(error: OSError) -> None:
    raise DatasetError(
        f"the folder cannot be listed ({error.strerror})",
        where=error.filename,
        next_step="Correct the path, or check its permissions and whether its disk is connected.",
    ) from error
