"""What one image folder holds, as far as training depends on it: sizes, captions that would fail, caches left behind.

A survey opens files, unlike a scan, but decodes no picture: sizes come from headers. What was read once is remembered
by size and modification time, so that the second look at a thousand images costs milliseconds.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from dataset_tools.errors import DatasetError
from dataset_tools.scan.image_size import cached_sizes, image_size
from dataset_tools.scan.memory import FileMemory
from dataset_tools.scan.scan import scan_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dataset_tools.scan.metadata_file import Entry
    from dataset_tools.scan.scan import FolderScan, Picture

LATENTS_SUFFIX = "_sdxl.npz"
"""How the names of latents on disk end, after `_<width>x<height>` of the image (library/strategy_sd.py:137, 157)."""

TEXT_ENCODER_SUFFIX = "_te_outputs.npz"
"""How the names of text encoder outputs on disk end (library/strategy_sdxl.py:223)."""

METADATA_CACHE = "metadata_cache.json"
"""What `cache_info` writes, and reads instead of the folder (library/train_util.py:1896)."""

Known = TypeVar("Known", list[int], str, dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class CacheFile:
    """One `.npz` that sd-scripts left beside an image."""

    path: Path
    """The file."""
    image: str
    """Name of the image that it belongs to."""
    older: bool
    """Whether it was written before its source (the image, or for text encoder outputs the caption) last changed."""
    arrays: Mapping[str, tuple[int, ...]]
    """Names and shapes of what it holds; empty when it cannot be read."""
    nan: bool
    """Whether one of them holds NaN."""


@dataclass(frozen=True, kw_only=True)
class FolderSurvey:
    """What one `image_dir` holds."""

    folder: Path
    """The folder, as it was given."""
    problem: str
    """Why it could not be listed, in one line; empty when it could."""
    scan: FolderScan | None
    """Images and captions; None when it could not be listed."""
    sizes: Mapping[str, tuple[int, int]]
    """Width and height by image name, as sd-scripts reads them (library/train_util.py:1478-1491): turned by no EXIF
    orientation, (0, 0) where no header says it."""
    empty_captions: tuple[Path, ...]
    """Caption files without a single line: sd-scripts dies on them (library/train_util.py:1964)."""
    garbled_captions: tuple[Path, ...]
    """Caption files that are no UTF-8: sd-scripts dies on them (library/train_util.py:1958-1963)."""
    latents: tuple[CacheFile, ...]
    """Latents cached on disk."""
    text_encoder_outputs: tuple[CacheFile, ...]
    """Text encoder outputs cached on disk."""
    metadata_cache: bool
    """Whether `metadata_cache.json` is there, which `cache_info` reads instead of the folder."""
    unreadable: tuple[Path, ...] = ()
    """Images and captions that cannot be opened, and images with a header that is cut off: sd-scripts dies on them."""
    latent_paths: tuple[str, ...] = ()
    """Every file that sd-scripts takes for latents of some image, in its order: it guesses sizes from their names."""
    cached_sizes: Mapping[str, tuple[int, int]] | None = None
    """Sizes by image path as `metadata_cache.json` says them; None when it is not there, or sd-scripts would die on it
    (library/train_util.py:1992-1997)."""
    newest_image: int = 0
    """When the image that was written last was written, in nanoseconds since the epoch; 0 without images."""
    metadata: Path | None = None
    """The metadata file that names the images; None where the folder is listed. Names of images are then relative to
    the folder that holds all of them."""
    entries: Mapping[str, Entry] | None = None
    """What that file says, by image path as it is written there; None without one, and where it cannot be used."""
    written: Mapping[str, str] = field(default_factory=dict)
    """Names of the images that are there, by path as it is written in that file."""


class SurveyCache(FileMemory[Any]):
    """What headers, captions and caches said, by absolute path, size and modification time, in one JSON file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, form=1, most=400_000, is_value=_is_known)


def survey_folder(folder: Path, caption_extension: str, cache: SurveyCache | None = None) -> FolderSurvey:
    """Look at every image, caption and cache of a folder; one that cannot be listed is a `problem`, never an error.

    Args:
        folder: an `image_dir`, as it will stand in the dataset config.
        caption_extension: in force for it.
        cache: spares opening files already known; saved at the end.
    """
    try:
        scan = scan_folder(folder, caption_extension)
        survey = Surveyor(scan, cache).survey()
    except DatasetError as error:
        return unlisted(folder, error.what)
    except (OSError, ValueError) as error:  # it went while it was looked at; a null character in its name
        return unlisted(folder, f"the image folder cannot be read ({getattr(error, 'strerror', '') or error})")
    if cache is not None:
        cache.save()
    return survey


class Surveyor:
    """One look at a folder, and what has been seen so far."""

    def __init__(self, scan: FolderScan, cache: SurveyCache | None, metadata: Path | None = None) -> None:
        self._scan = scan
        self._cache = cache
        self._metadata = metadata
        self._homes = sorted({scan.folder, *(one.image.parent for one in scan.pictures if metadata)})
        self._changed: dict[str, int] = {}  # by path as a string, which is hashed much faster
        self._unreadable: list[Path] = []

    def survey(self) -> FolderSurvey:
        """What there is."""
        sizes = {self._scan.name_of(picture.image): self._size(picture.image) for picture in self._scan.pictures}
        captions = {str(picture.caption): picture.caption for picture in self._scan.pictures if picture.caption}
        texts = [(caption, self._text(caption)) for caption in captions.values()]
        metadata = self._scan.folder / METADATA_CACHE
        latents, outputs = self._caches(sizes)
        return FolderSurvey(
            folder=self._scan.folder,
            problem="",
            scan=self._scan,
            sizes=sizes,
            empty_captions=tuple(path for path, text in texts if text == "empty"),
            garbled_captions=tuple(path for path, text in texts if text == "garbled"),
            latents=latents,
            text_encoder_outputs=outputs,
            metadata_cache=metadata.is_file(),
            unreadable=tuple(self._unreadable),
            latent_paths=_latent_paths(self._homes),
            cached_sizes=cached_sizes(metadata),
            newest_image=max((self._changed.get(str(one.image), 0) for one in self._scan.pictures), default=0),
        )

    def _look(self, path: Path, kind: type[Known], read: Callable[[Path], Known]) -> Known:
        """What `read` finds in a file, or found when it last looked like this."""
        stat = path.stat()
        self._changed[str(path)] = stat.st_mtime_ns
        known = self._cache.get(path, stat) if self._cache is not None else None
        if isinstance(known, kind):
            return known
        fresh = read(path)
        if self._cache is not None:
            self._cache.put(path, stat, fresh)
        return fresh

    def _size(self, path: Path) -> tuple[int, int]:
        try:
            size = self._look(path, list, lambda image: list(image_size(image) or ()))
        except OSError:
            size = []
        if not size:
            self._unreadable.append(path)
            return 0, 0
        return size[0], size[1]

    def _text(self, path: Path) -> str:
        try:
            return self._look(path, str, _read_caption)
        except OSError:
            self._unreadable.append(path)
            return ""

    def _caches(self, sizes: Mapping[str, tuple[int, int]]) -> tuple[tuple[CacheFile, ...], tuple[CacheFile, ...]]:
        """Latents, and text encoder outputs."""
        images: dict[str, list[Picture]] = {}
        for picture in self._scan.pictures:
            images.setdefault(_stem(str(picture.image)), []).append(picture)
        latents, outputs = [], []
        for path in (home / name for home in self._homes for name in _npz_names(home)):
            stem = str(path.with_name(_latents_stem(path.name) or path.name))
            if meant := images.get(stem):
                fitting = (one.image for one in meant if _sized(sizes[self._scan.name_of(one.image)]) in path.name)
                image = next(fitting, meant[0].image)
                latents.append(self._cache_file(path, image, image))
            if path.name.endswith(TEXT_ENCODER_SUFFIX) and (
                meant := images.get(str(path)[: -len(TEXT_ENCODER_SUFFIX)])
            ):
                outputs.append(self._cache_file(path, meant[0].image, meant[0].caption or self._described()))
        return tuple(latents), tuple(outputs)

    def _described(self) -> Path | None:
        """What captions stand in, where it is one file for all."""
        if self._metadata is not None:
            self._changed[str(self._metadata)] = self._metadata.stat().st_mtime_ns
        return self._metadata

    def _cache_file(self, path: Path, image: Path, source: Path | None) -> CacheFile:
        try:
            content = self._look(path, dict, _read_npz)
        except OSError:
            content = _UNREAD
        written, changed = self._changed.get(str(path)), self._changed.get(str(source)) if source else None
        older = written is not None and changed is not None and written < changed
        arrays = {name: tuple(shape) for name, shape in content["arrays"].items()}
        return CacheFile(path=path, image=self._scan.name_of(image), older=older, arrays=arrays, nan=content["nan"])


_UNREAD: dict[str, Any] = {"arrays": {}, "nan": False}


def _read_caption(path: Path) -> str:
    content = path.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError:
        return "garbled"
    return "text" if content else "empty"


def _read_npz(path: Path) -> dict[str, Any]:
    from dataset_tools.scan.npz_files import read_npz  # noqa: PLC0415 - most folders hold none

    content = read_npz(path)
    if content is None:
        return _UNREAD
    return {"arrays": {name: list(shape) for name, shape in content.arrays.items()}, "nan": content.nan}


def _is_known(value: Any) -> bool:
    """Whether it is what one of the three kinds of file gives."""
    if isinstance(value, list):
        return [type(side) for side in value] in ([], [int, int])
    if isinstance(value, dict):
        arrays = value.get("arrays")
        shapes = list(arrays.values()) if isinstance(arrays, dict) else [None]
        return isinstance(value.get("nan"), bool) and all(_is_shape(shape) for shape in shapes)
    return value in ("text", "empty", "garbled")


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(type(side) is int for side in value)


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122 - as sd-scripts splits; Path.stem differs for "x."


def _npz_names(folder: Path) -> list[str]:
    """Files alone: reading a pipe of that name would wait for ever."""
    return sorted(path.name for path in folder.glob("*.npz") if path.is_file())


def _latents_stem(name: str) -> str:
    """The stem of the image that this would be the latents of; without a size in the name it is an old-style one."""
    stem = name.removesuffix(LATENTS_SUFFIX)
    return _stem(name) if stem == name else stem.rpartition("_")[0]


def _sized(size: tuple[int, int]) -> str:
    return f"_{size[0]:04d}x{size[1]:04d}_"


def _latent_paths(folders: list[Path]) -> tuple[str, ...]:
    """Listed and sorted as library/train_util.py:2008-2011 do, with the folder's own `*`, `?` and `[` unescaped."""
    patterns = [os.path.join(folder, "*" + LATENTS_SUFFIX) for folder in folders]  # noqa: PTH118
    found = [path for pattern in patterns for path in glob.glob(pattern)]  # noqa: PTH207 - the thing itself
    return tuple(sorted(found, key=lambda path: path.rsplit("_", maxsplit=2)[0]))


def unlisted(folder: Path, problem: str) -> FolderSurvey:
    """Of a folder that holds nothing that can be told."""
    return FolderSurvey(
        folder=folder,
        problem=problem,
        scan=None,
        sizes={},
        empty_captions=(),
        garbled_captions=(),
        latents=(),
        text_encoder_outputs=(),
        metadata_cache=False,
    )
