"""Rules about data sets with a metadata file: images, captions and sizes from one JSON instead of a folder.

The file belongs to the configuration, as the dataset config does, and is read here; but only where somebody has
looked at the disk at all.
"""

import glob
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.npz_files import read_npz
from dataset_tools.survey import LATENTS_SUFFIX
from fork_wrapper.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.rules.reading import bucketing, caches_latents, place_of, read, some
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.buckets import Bucketing, Size
from fork_wrapper.sdscripts.latent_names import sizes_from_names


@dataclass(frozen=True, kw_only=True)
class _Described:
    """A subset and its metadata file."""

    dataset: DatasetCase
    subset: SubsetCase
    path: Path
    entries: Mapping[str, Any] | None
    """Images and what is said about them; None where the file cannot be read."""

    def hit(self, what: str) -> Hit:
        at = f"{self.subset.path}.metadata_file"
        return Hit(what=what, at=at, where=f"{self.path} ({at})")


def _described(case: Case) -> Iterator[_Described]:
    """Those that are read, where the file is there."""
    for dataset, subset in _subsets(case) if case.surveys is not None else ():
        path = Path(subset.own["metadata_file"])
        if path.exists():
            yield _Described(dataset=dataset, subset=subset, path=path, entries=_entries(path))


def _subsets(case: Case) -> Iterator[tuple[DatasetCase, SubsetCase]]:
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind == "finetuning" else ():
            yield dataset, subset


def _entries(path: Path) -> Mapping[str, Any] | None:
    """As library/train_util.py:2243-2261 reads it."""
    try:
        text = path.read_text(encoding="utf-8")
        if not path.name.endswith(".jsonl"):
            entries = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.splitlines()]
            entries = {row["image_path"]: row for row in rows}
    except (KeyError, OSError, RecursionError, TypeError, ValueError):
        return None
    known = isinstance(entries, dict) and all(_is_entry(entry) for entry in entries.values())
    return entries if known else None


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    size, texts = entry.get("image_size"), (entry.get("caption"), entry.get("tags"))
    sized = isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size)
    return (size is None or sized) and all(text is None or isinstance(text, str) for text in texts)


@rule("ft-needs-cache")
def ft_needs_cache(case: Case) -> Iterator[Hit]:
    empty = {one.subset.path for one in _described(case) if one.entries == {}}
    for _dataset, subset in _subsets(case) if not caches_latents(case) else ():
        if subset.path not in empty:
            yield Hit(what="a metadata_file needs cached latents", at=f"{subset.path}.metadata_file")


@rule("ft-metadata-missing")
def ft_metadata_missing(case: Case) -> Iterator[Hit]:
    for _dataset, subset in _subsets(case) if case.surveys is not None else ():
        path, at = subset.own["metadata_file"], f"{subset.path}.metadata_file"
        if not Path(path).exists():
            yield Hit(what="the metadata file is missing", at=at, where=f"{path} ({at})")


@rule("ft-metadata-unreadable")
def ft_metadata_unreadable(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        if one.entries is None:
            yield one.hit("the metadata file is no table of images")


@rule("ft-metadata-empty")
def ft_metadata_empty(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        if one.entries == {}:
            yield one.hit("no training images: the metadata file names none")


@rule("ft-relative-path")
def ft_relative_path(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        relative = [name for name in one.entries or () if not Path(name).is_absolute()]
        if relative and "image_dir" not in one.subset.own:
            yield one.hit(f"{len(relative)} of {len(one.entries or ())} paths are relative, and there is no image_dir")


@rule("ft-image-missing")
def ft_image_missing(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        folder = Path(one.subset.own.get("image_dir", "."))
        lost = [name for name in one.entries or () if not (folder / name).exists()]
        lost = [name for name in lost if not (case.get("cache_latents_to_disk") and _has_latents(folder / name))]
        if lost and not ("image_dir" not in one.subset.own and any(not Path(name).is_absolute() for name in lost)):
            yield one.hit(f"{len(lost)} of {len(one.entries or ())} images are not there: {some(lost)}")


def _has_latents(image: Path) -> bool:
    return image.with_suffix(".npz").exists() or any(image.parent.glob(f"{image.stem}_*_sdxl.npz"))


@rule("ft-latents-image")
def ft_latents_image(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        taken = [Path(name).name for name, path in _taken(one).items() if not _is_complete(case, one, Path(path))]
        if taken:
            yield one.hit(f"sd-scripts would open cached latents as images: those of {some(taken)}")


def _is_complete(case: Case, one: _Described, path: Path) -> bool:
    """Whether it is used as it is (library/strategy_base.py:448-472)."""
    needed = {"latents", "original_size", "crop_ltrb"}
    needed |= {"latents_flipped"} if one.subset.get("flip_aug") else set()
    needed |= {"alpha_mask"} if one.subset.get("alpha_mask") and not case.get("skip_cache_check") else set()
    content = read_npz(path) if case.get("cache_latents_to_disk") else None
    return content is not None and needed <= content.arrays.keys()


def _taken(one: _Described) -> Mapping[str, str]:
    """Images for which a file of latents is taken, and the file: longest names first, on both sides."""
    names = sorted(one.entries or {}, key=len, reverse=True)
    folders = {str(Path(name).parent) for name in names if Path(name).is_absolute()}
    folders |= {one.subset.own["image_dir"]} if "image_dir" in one.subset.own else set()
    found = [path for folder in folders for path in glob.glob(f"{folder}/*{LATENTS_SUFFIX}")]  # noqa: PTH207 - as there
    latents = sorted(found, key=lambda path: len(Path(path).name), reverse=True)
    taken: dict[str, str] = {}
    for name in names:
        stem = name[: -len(Path(name).suffix) or None]
        match = next((path for path in latents if path.startswith(stem)), None)
        if match and (one.entries or {})[name].get("image_size") is None:
            latents.remove(match)
            taken[name] = match
    return taken


@rule("ft-image-size")
def ft_image_size(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        buckets = bucketing(one.dataset)
        lost = [Path(name).name for name, size in _sizes(one) if buckets and not _has_bucket(buckets, size)]
        if lost:
            yield one.hit(f"images without a bucket: {some(lost)}")


def _sizes(one: _Described) -> Iterator[tuple[str, Size]]:
    """What is known of them, in the order in which sd-scripts asks; (0, 0) for names of latents without a size."""
    survey, taken = one.subset.survey, _taken(one)
    known = {str(survey.folder / name): size for name, size in survey.sizes.items()} if survey else {}
    for name, entry in (one.entries or {}).items():
        path = str(Path(one.subset.own.get("image_dir", ".")) / name)
        if entry.get("image_size") is not None:
            yield name, tuple(entry["image_size"])
        elif name in taken:
            yield name, _size_of(name, taken[name])
        elif path in known:
            yield name, known[path]


def _size_of(name: str, latents: str) -> Size:
    try:
        return sizes_from_names([name], [latents])[0] or (0, 0)
    except ValueError:
        return 0, 0


def _has_bucket(buckets: Bucketing, size: Size) -> bool:
    place = place_of(buckets, size)
    return place is not None and place.bucket[0] > 0
