"""Find the pictures and captions of a folder exactly as sd-scripts' DreamBooth-style subset would.

The rules are those of kohya-ss/sd-scripts at 48d368fa; each is quoted as library/train_util.py:line.

- A picture is a name that ends in one of `IMAGE_SUFFIXES` (104), directly in the folder: the search is not
  recursive (2847-2856), into linked folders no more than into others. Each suffix counts in lower case and in
  upper case, `.Png` in neither, except on Windows, where `glob` ignores case. Names that begin with a dot are
  never found: `glob` hides them from `*`.
- The kind of the entry is not looked at, so a folder called `x.png`, or a link to nothing, is taken for a
  picture and ends the training when it is opened. Such entries are `FolderScan.not_files` here.
- A picture's caption is `<path without suffix><extension>`; where that is no file, and the path *as a whole,
  its folders included*, has four underscores or more, the path without its last four underscore-separated
  parts is tried as well (1946-1957; written for face boxes at the end of a name). `/data/a_b_c_d/x.png` may
  thus take its caption from `/data/a.txt`.
- An extension without a dot gets one (535-537).

Nothing is opened and nothing is judged here: no sizes, no empty captions, no encodings.
`metadata_cache.json`, read instead of the folder when a subset sets `cache_info` (1975-1999), is not read
here.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

IMAGE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
"""What sd-scripts can always read (library/train_util.py:104), here in lower case only."""

PLUGIN_SUFFIXES: tuple[str, ...] = (".avif", ".jxl")
"""What it also reads if a plugin is there: pillow_avif, jxlpy, pillow_jxl (library/train_util.py:106-127)."""

TEXT_SUFFIXES: tuple[str, ...] = (".txt", ".caption", ".captions", ".cap", ".tags", ".tag")
"""Endings under which captioning tools leave text beside a picture."""

PICTURE_LIKE: tuple[str, ...] = (*IMAGE_SUFFIXES, *PLUGIN_SUFFIXES, ".gif", ".tif", ".tiff", ".heic", ".heif")
"""Endings of pictures of any kind, in lower case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One image that would be trained on."""

    image: Path
    """The image file: the scanned folder and the name."""
    caption: Path | None
    """The file that its caption would be read from; None if there is none."""
    text: str | None = None
    """The caption itself, of an image that a metadata file names; None of one whose caption is a file."""

    @property
    def captioned(self) -> bool:
        """Whether it has a caption."""
        return self.caption is not None or bool(self.text)

    @property
    def own(self) -> Path | None:
        """The caption where it lies beside the image: one elsewhere is read by sd-scripts, and is not ours to write."""
        return self.caption if self.caption is not None and self.caption.parent == self.image.parent else None

    @property
    def foreign(self) -> bool:
        """Whether the caption is one of another name, and not because a face's place ends the image's name."""
        name = self.image.name.rpartition(".")[0]
        if self.caption is None or self.caption.name.casefold().startswith(name.casefold()):
            return False
        return not all(part.isdecimal() for part in name.split("_")[-4:])


@dataclass(frozen=True, kw_only=True)
class FolderScan:
    """What one `image_dir` holds."""

    folder: Path
    """The folder, as it was given."""
    pictures: tuple[Picture, ...]
    """The pictures in the order of sd-scripts: sorted by name, by code point."""
    caption_extension: str
    """The extension that was asked for, with its dot."""
    other_extensions: Mapping[str, int]
    """For the pictures without a caption: how many have text of which other extension beside them.

    Spelled as on disk, most frequent first. Text called `x.png.txt` counts as `.png.txt`, which is an
    extension that sd-scripts takes.
    """
    not_files: tuple[Path, ...] = ()
    """Folders and dangling links with the name of a picture: sd-scripts lists them and fails to open them."""
    misspelt: Mapping[str, str] = field(default_factory=dict)
    """By image without a caption: a caption whose name looks the same, its accents composed otherwise (macOS has them
    apart). sd-scripts opens a path as it is spelled, and on a disk that tells the two apart does not find it."""
    ignored_images: Mapping[str, int] = field(default_factory=dict)
    """Files that look like images and are not found, by suffix as on disk: `.gif`, `.avif`, `.Png`."""
    is_deep: bool = False
    """Whether some images lie in folders below; never of a folder that was listed."""

    @property
    def images(self) -> int:
        """How many pictures there are."""
        return len(self.pictures)

    @property
    def captioned(self) -> int:
        """How many of them have a caption."""
        return sum(picture.captioned for picture in self.pictures)

    @property
    def uncaptioned(self) -> tuple[Path, ...]:
        """The images without a caption."""
        return tuple(picture.image for picture in self.pictures if not picture.captioned)

    def name_of(self, image: Path) -> str:
        """An image's name in the folder; of one in a folder below, its path from there, with slashes."""
        if not self.is_deep:
            return image.name
        return (image.relative_to(self.folder) if image.is_relative_to(self.folder) else image).as_posix()

    @property
    def same_stem(self) -> tuple[tuple[Path, ...], ...]:
        """Images that differ in their suffix only, in groups.

        They share a caption, and, when latents are cached on disk and their sizes are equal, one cache file:
        its name is made of the stem and the size (library/strategy_sd.py:152-157).
        """
        groups: dict[str, list[Path]] = {}
        for picture in self.pictures:
            groups.setdefault(_split(str(picture.image))[0], []).append(picture.image)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def scan_folder(folder: Path, caption_extension: str = ".caption", *, extra_suffixes: Sequence[str] = ()) -> FolderScan:
    """List the pictures of `folder` and their captions.

    The folder is listed once; a file is asked about only where the listing leaves doubt. Give the folder as
    it will stand in `image_dir`: the caption rule looks at the whole path.

    Args:
        folder: an `image_dir`; an empty one is a normal result.
        caption_extension: as in the dataset config; `.caption` is sd-scripts' own default
            (library/train_util.py:4493).
        extra_suffixes: further suffixes to count, in lower case: those of `PLUGIN_SUFFIXES` that the
            trainer's environment can read.

    Raises:
        DatasetError: the folder is missing, is a file, or cannot be listed.
    """
    extension = _with_dot(caption_extension)
    names, doubtful = _list_folder(folder)
    found = sorted(_images_among([*names, *doubtful], (*IMAGE_SUFFIXES, *extra_suffixes)))
    captions = _Captions(folder, extension, names)
    pictures = tuple(Picture(image=folder / name, caption=captions.of(name)) for name in found if name not in doubtful)
    bare = [picture.image.name for picture in pictures if picture.caption is None]
    return FolderScan(
        folder=folder,
        pictures=pictures,
        caption_extension=extension,
        other_extensions=_other_extensions(bare, names, extension),
        misspelt=_misspelt(bare, names, extension),
        not_files=tuple(folder / name for name in found if name in doubtful),
        ignored_images=_ignored_images(names - set(found)),
    )


def _with_dot(extension: str) -> str:
    return f".{extension}" if extension and not extension.startswith(".") else extension


def _split(name: str) -> tuple[str, str]:
    return os.path.splitext(name)  # noqa: PTH122 - as sd-scripts splits; Path.suffix differs for "x."


def _list_folder(folder: Path) -> tuple[set[str], set[str]]:
    """The names of files, and the names of what is no file: folders, links to nothing."""
    files: set[str] = set()
    others: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                (files if _is_file(entry) else others).add(entry.name)
    except FileNotFoundError as error:
        raise DatasetError(
            "the image folder does not exist",
            where=folder,
            next_step="Correct image_dir, or put the images there.",
        ) from error
    except NotADirectoryError as error:
        raise DatasetError(
            "this is a file, not an image folder",
            where=folder,
            next_step="Give the folder that holds the images.",
        ) from error
    except OSError as error:
        raise DatasetError(
            f"the image folder cannot be listed ({error.strerror})",
            where=folder,
            next_step="Check its permissions and whether its disk is connected.",
        ) from error
    return files, others


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is one; a link that leads back to itself is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _images_among(names: Iterable[str], suffixes: Sequence[str]) -> list[str]:
    """The names that `glob("*" + suffix)` gives; `normcase` changes case on Windows only, as in glob."""
    endings = tuple({os.path.normcase(ending) for suffix in suffixes for ending in (suffix, suffix.upper())})
    return [name for name in names if not name.startswith(".") and os.path.normcase(name).endswith(endings)]


class _Captions:
    """Where `read_caption` would find the caption of each image of one folder."""

    def __init__(self, folder: Path, extension: str, names: set[str]) -> None:
        self._folder = folder
        self._prefix = os.path.join(folder, "")  # noqa: PTH118 - the string that sd-scripts splits at "_"
        self._extension = extension
        self._names = names
        self._loose: set[str] | None = None

    def of(self, image: str) -> Path | None:
        base = _split(image)[0]
        if self._is_here(base + self._extension):
            return self._folder / (base + self._extension)
        parts = (self._prefix + base).split("_")
        if len(parts) < 5:
            return None
        candidate = Path("_".join(parts[:-4]) + self._extension)
        return candidate if candidate.is_file() else None

    def _is_here(self, name: str) -> bool:
        # A disk that ignores case, or the form of accents, opens a file under a name that the listing does
        # not hold. Only a name that could be meant is worth a question to the disk.
        if name in self._names:
            return True
        if self._loose is None:
            self._loose = {_loosely(known) for known in self._names}
        return _loosely(name) in self._loose and (self._folder / name).is_file()


def _loosely(name: str) -> str:
    return composed(name).casefold()


def _other_extensions(images: Sequence[str], names: set[str], asked: str) -> dict[str, int]:
    beside: dict[str, list[str]] = {}
    for name in names if images else ():
        stem, suffix = _split(name)
        if suffix.lower() in TEXT_SUFFIXES and suffix != asked:
            beside.setdefault(stem, []).append(suffix)
    counts: Counter[str] = Counter()
    for image in images:
        stem, image_suffix = _split(image)
        counts.update(beside.get(stem, ()))
        counts.update(image_suffix + suffix for suffix in beside.get(image, ()))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _misspelt(images: Sequence[str], names: set[str], extension: str) -> dict[str, str]:
    others = {composed(name): name for name in names if name.endswith(extension) and not name.isascii()}
    found = {image: others.get(composed(_split(image)[0] + extension)) for image in images if others and extension}
    return {image: name for image, name in found.items() if name is not None}


def composed(name: str) -> str:
    """A name with its letters and accents in one (NFC): one and the same for all that look alike."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _ignored_images(names: Iterable[str]) -> dict[str, int]:
    counts = Counter(_split(name)[1] for name in names if name.lower().endswith(PICTURE_LIKE))
    return dict(sorted(counts.items()))
