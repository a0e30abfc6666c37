"""Rules about data sets with a metadata file: images, captions and sizes from one JSON instead of a folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dataset_tools.scan.metadata_file import Entry, image_path, lacks_suffix, no_table
from dataset_tools.scan.npz_files import read_npz
from dataset_tools.scan.survey import LATENTS_SUFFIX, FolderSurvey
from fork_wrapper.check.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.check.rules.reading import (
    bucketing,
    caches_latents,
    described_sizes,
    place_of,
    read,
    some,
    taken_latents,
)
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.buckets import Bucketing, Size
from fork_wrapper.text import counted, part, shown

MAKE = "make the file with --full_path, or with `kft dataset metadata DIR -o FILE`, which keeps the suffixes"


@dataclass(frozen=True, kw_only=True)
class _Described:
    """A subset and its metadata file."""

    dataset: DatasetCase
    subset: SubsetCase
    survey: FolderSurvey

    @property
    def entries(self) -> Mapping[str, Entry] | None:
        """Images and what is said about them; None where the file cannot be read."""
        return self.survey.entries

    @cached_property
    def taken(self) -> Mapping[str, str]:
        """Latents that are taken for images, by path as it is written."""
        return taken_latents(self.survey)

    @property
    def image_dir(self) -> Path | None:
        """Where relative paths begin."""
        return Path(self.subset.own["image_dir"]) if "image_dir" in self.subset.own else None

    def hit(self, what: str, todo: str = "") -> Hit:
        at = f"{self.subset.path}.metadata_file"
        return Hit(what=what, at=at, where=f"{self.survey.metadata} ({at})", todo=todo)


def _described(case: Case) -> Iterator[_Described]:
    """Those that are read, where the file is there."""
    for dataset, subset in _subsets(case):
        survey = subset.survey
        if survey and survey.metadata and survey.metadata.exists():
            yield _Described(dataset=dataset, subset=subset, survey=survey)


def _subsets(case: Case) -> Iterator[tuple[DatasetCase, SubsetCase]]:
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind == "finetuning" else ():
            yield dataset, subset


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
        if Path(path).is_dir():
            inside = sorted(one.name for one in Path(path).iterdir() if one.suffix in (".json", ".jsonl"))[:3]
            todo = f"name the file in it: {' or '.join(inside)}" if inside else "name a file; there is no JSON in it"
            yield Hit(what="the metadata file is a folder", at=at, where=f"{path} ({at})", todo=todo)
        elif not Path(path).exists():
            yield Hit(what="the metadata file is missing", at=at, where=f"{path} ({at})")


@rule("ft-metadata-unreadable")
def ft_metadata_unreadable(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        if one.entries is None and not Path(one.subset.own["metadata_file"]).is_dir():
            yield one.hit(shown(no_table(Path(one.subset.own["metadata_file"])))[:300])


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
        entries = one.entries or {}
        lost = [path for path in entries if path not in one.survey.written and not _is_cached(case, one, path)]
        if lost and not (one.image_dir is None and any(not Path(path).is_absolute() for path in lost)):
            count = part(len(lost), len(entries), "image", ("is", "are"))
            bare = [path for path in lost if lacks_suffix(image_path(path, one.image_dir))]
            if bare:
                yield one.hit(f"{count} not there: {some(bare)} lack the suffix of their file", MAKE)
            else:
                yield one.hit(f"{count} not there: {some(lost)}")


def _is_cached(case: Case, one: _Described, path: str) -> bool:
    """Whether an image that is gone is never opened: its size is known, and its latents are on disk."""
    if not case.get("cache_latents_to_disk"):
        return False
    size = (one.entries or {})[path].size
    if size is None:  # the size is then read from the image, unless latents are taken for it
        return path in one.taken
    whole = Path(image_path(path, one.image_dir))
    cached = whole.with_name(f"{whole.stem}_{size[0]:04d}x{size[1]:04d}{LATENTS_SUFFIX}")
    return whole.with_suffix(".npz").exists() or cached.exists()


@rule("ft-caption-missing")
def ft_caption_missing(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        bare = [path for path, entry in (one.entries or {}).items() if not entry.text().strip()]
        if bare:
            yield one.hit(f"{len(bare)} of {len(one.entries or ())} images have no caption: {some(bare)}")


@rule("ft-size-differs")
def ft_size_differs(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        real = {path: one.survey.sizes[name] for path, name in one.survey.written.items()}
        other = [
            path
            for path, entry in (one.entries or {}).items()
            if entry.size is not None and min(real.get(path, (0, 0))) > 0 and entry.size != real[path]
        ]
        if other:
            yield one.hit(f"image_size of {len(other)} images is not their size: {some(other)}")


@rule("ft-train-resolution")
def ft_train_resolution(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        count = sum(entry.bucketed for entry in (one.entries or {}).values())
        if count:
            yield one.hit(f"train_resolution of {counted(count, 'image')} is not read")


@rule("ft-latents-image")
def ft_latents_image(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        taken = [Path(name).name for name, path in one.taken.items() if not _is_complete(case, one, Path(path))]
        if taken:
            yield one.hit(f"sd-scripts would open cached latents as images: those of {some(taken)}")


def _is_complete(case: Case, one: _Described, path: Path) -> bool:
    """Whether it is used as it is (library/strategy_base.py:448-472)."""
    needed = {"latents", "original_size", "crop_ltrb"}
    needed |= {"latents_flipped"} if one.subset.get("flip_aug") else set()
    needed |= {"alpha_mask"} if one.subset.get("alpha_mask") and not case.get("skip_cache_check") else set()
    content = read_npz(path) if case.get("cache_latents_to_disk") else None
    return content is not None and needed <= content.arrays.keys()


@rule("ft-image-size")
def ft_image_size(case: Case) -> Iterator[Hit]:
    for one in _described(case):
        buckets = bucketing(one.dataset)
        lost = [
            Path(path).name
            for path, size in described_sizes(one.survey).items()
            if buckets and not _has_bucket(buckets, size)
        ]
        if lost:
            yield one.hit(f"images without a bucket: {some(lost)}")


def _has_bucket(buckets: Bucketing, size: Size) -> bool:
    place = place_of(buckets, size)
    return place is not None and place.bucket[0] > 0
