"""What sd-scripts reads of a data set: which subsets, which folders, and how large it takes their images to be.

Shared by the rules about data; no rule itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fork_wrapper.check.rules.rule import Hit
from fork_wrapper.sdscripts.latent_names import latents_taken, size_in_name, sizes_from_names

if TYPE_CHECKING:  # a configuration can be judged without what looks at images
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dataset_tools.scan.scan import FolderScan
    from dataset_tools.scan.survey import FolderSurvey
    from fork_wrapper.check.rules.case import Case, DatasetCase, SubsetCase
    from fork_wrapper.sdscripts.buckets import Bucketing, Placed, Size

FACES = "face_crop_aug_range"
"""The option that cuts images around faces."""

SHOWN = 3
"""Names that a message gives before it counts the rest."""


class Listed(NamedTuple):
    """A subset whose folder sd-scripts lists, and what it finds there."""

    dataset: DatasetCase
    """Its data set."""
    subset: SubsetCase
    """Where it is configured."""
    survey: FolderSurvey
    """What the folder holds."""
    scan: FolderScan
    """Its images and captions."""

    @property
    def is_described(self) -> bool:
        """Whether a metadata file names its images, and holds their captions."""
        return self.survey.metadata is not None

    @property
    def at(self) -> str:
        """The key path that names the folder, or the metadata file."""
        return f"{self.subset.path}.{'metadata_file' if self.is_described else 'image_dir'}"

    @property
    def where(self) -> str:
        """The folder, or the metadata file, and the key path that names it."""
        return f"{self.survey.metadata or self.survey.folder} ({self.at})"

    def hit(self, what: str, todo: str = "") -> Hit:
        """A hit that is about the folder."""
        return Hit(what=what, at=self.at, where=self.where, todo=todo)


def caches_latents(case: Case) -> bool:
    """Whether latents are cached; the cache on disk implies the other (library/train_util.py:4424-4428)."""
    return bool(case.get("cache_latents") or case.get("cache_latents_to_disk"))


def caches_texts(case: Case) -> bool:
    """Likewise for the outputs of the text encoders (library/sdxl_train_util.py:371-377)."""
    return bool(case.get("cache_text_encoder_outputs") or case.get("cache_text_encoder_outputs_to_disk"))


def duplicates(dataset: DatasetCase) -> Mapping[str, SubsetCase]:
    """Subsets that sd-scripts leaves out because an earlier one reads the same, by path: the earlier one."""
    key = "metadata_file" if dataset.kind == "finetuning" else "image_dir"
    first: dict[str, SubsetCase] = {}
    found: dict[str, SubsetCase] = {}
    for subset in dataset.subsets:
        name = subset.own.get(key)
        if name is None or subset.get("num_repeats") < 1:
            continue
        if name in first:
            found[subset.path] = first[name]
        else:
            first[name] = subset
    return found


def read(dataset: DatasetCase) -> tuple[SubsetCase, ...]:
    """The subsets that sd-scripts reads (library/train_util.py:2116-2128, 2228-2239)."""
    left_out = duplicates(dataset)
    return tuple(one for one in dataset.subsets if one.get("num_repeats") >= 1 and one.path not in left_out)


def registered(dataset: DatasetCase) -> tuple[SubsetCase, ...]:
    """The subsets that its checks of caching look at: those that are read and, as far as anybody knows, hold images.

    None at all for masks: their images belong to an inner data set (library/train_util.py:2427-2443).
    """
    if dataset.kind == "masked":
        return ()
    return tuple(one for one in read(dataset) if dataset.kind == "finetuning" or _may_hold_images(one))


def _may_hold_images(subset: SubsetCase) -> bool:
    survey = subset.survey
    return survey is None or (survey.scan is not None and bool(survey.scan.pictures or survey.scan.not_files))


def is_tagged(subset: SubsetCase | DatasetCase) -> bool:
    """Whether captions are taken apart at their separators (library/train_util.py:867)."""
    counts = (subset.get("token_warmup_step"), subset.get("caption_tag_dropout_rate"))
    return bool(subset.get("shuffle_caption")) or any(count > 0 for count in counts)


def listed(case: Case) -> Iterator[Listed]:
    """The subsets whose images are known: read, surveyed, and not replaced by an earlier run's list of images."""
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind != "mixed" else ():
            survey = subset.survey
            replaced = survey and not survey.metadata and subset.get("cache_info") and survey.metadata_cache
            if survey and survey.scan and not replaced:
                yield Listed(dataset=dataset, subset=subset, survey=survey, scan=survey.scan)


def in_folders(case: Case) -> Iterator[Listed]:
    """Those of them whose folders are listed, and whose captions are files."""
    return (one for one in listed(case) if not one.is_described)


def seen_sizes(case: Case, survey: FolderSurvey) -> Mapping[str, Size]:
    """Sizes by image name as sd-scripts takes them: where latents are cached, from the names of files left behind."""
    if survey.entries is not None:
        said = described_sizes(survey)
        return {name: said[path] for path, name in survey.written.items()}
    names = sorted(survey.sizes)
    guesses = _guesses(survey, names) if survey.latent_paths and caches_latents(case) else None
    if guesses is None:
        return survey.sizes
    return {name: guess or survey.sizes[name] for name, guess in zip(names, guesses, strict=True)}


def described_sizes(survey: FolderSurvey) -> Mapping[str, Size]:
    """Sizes by image path as a metadata file writes it, in the order in which sd-scripts asks.

    (0, 0) where latents are taken whose name says none; what nothing says, and what is not there, is left out.
    """
    taken = taken_latents(survey)
    found: dict[str, Size] = {}
    for path, entry in (survey.entries or {}).items():
        if entry.size is not None:
            found[path] = entry.size
        elif path in taken:
            found[path] = size_in_name(taken[path])
        elif path in survey.written:
            found[path] = survey.sizes[survey.written[path]]
    return found


def taken_latents(survey: FolderSurvey) -> Mapping[str, str]:
    """Of a metadata file: images for which a file of latents is taken, by path as it is written; the file."""
    unsized = [path for path, entry in (survey.entries or {}).items() if entry.size is None]
    return latents_taken(unsized, survey.latent_paths)


def names_give_sizes(survey: FolderSurvey) -> bool:
    """Whether every file that is taken for an image's latents has a size in its name."""
    return survey.entries is not None or _guesses(survey, sorted(survey.sizes)) is not None


def _guesses(survey: FolderSurvey, names: list[str]) -> list[Size | None] | None:
    folder = str(survey.folder / "_")[:-1]  # with the separator: joining 100,000 paths one by one takes a second
    try:
        return sizes_from_names([folder + name for name in names], survey.latent_paths)
    except ValueError:
        return None


def bucketing(dataset: DatasetCase) -> Bucketing | None:
    """The buckets of a data set; None where sd-scripts can make none, which other rules say."""
    from fork_wrapper.sdscripts.buckets import BucketError, Bucketing  # noqa: PLC0415 - most rules need no buckets

    try:
        return dataset.resolution and Bucketing(
            resolution=dataset.resolution,
            enabled=dataset.get("enable_bucket"),
            no_upscale=dataset.get("bucket_no_upscale"),
            smallest=dataset.get("min_bucket_reso"),
            largest=dataset.get("max_bucket_reso"),
            steps=dataset.get("bucket_reso_steps"),
        )
    except BucketError:
        return None


def placed(case: Case, one: Listed) -> Iterator[tuple[str, Placed]]:
    """Each image's name and its bucket; what has none is left out."""
    buckets = bucketing(one.dataset)
    sizes = seen_sizes(case, one.survey)
    for name, size in sizes.items() if buckets else ():
        if place := place_of(buckets, size):
            yield name, place


@lru_cache(maxsize=1 << 18)
def place_of(buckets: Bucketing | None, size: Size) -> Placed | None:
    """The bucket of an image; None where there is none. Remembered, because several rules ask for the same."""
    from fork_wrapper.sdscripts.buckets import BucketError  # noqa: PLC0415 - likewise

    try:
        return buckets.place(size) if buckets else None
    except BucketError:
        return None


def size_of(dataset: DatasetCase) -> Size | None:
    """The resolution where it is one."""
    size = dataset.resolution
    return size if size and min(size) > 0 else None


def numbers(text: str) -> list[float]:
    """What Python reads in a text of numbers; empty where it cannot."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


def value(item: object) -> str:
    """A value as TOML spells it."""
    if isinstance(item, bool):
        return "true" if item else "false"
    return f'"{item}"' if isinstance(item, str) else str(list(item)) if isinstance(item, tuple) else str(item)


def said(level: SubsetCase | DatasetCase, key: str) -> str:
    """`key = value` of what is in force, by the name under which it is said."""
    return f"{level.at(key).rpartition('.')[2]} = {value(level.get(key))}"


def by(size: Size) -> str:
    """A size in words."""
    return f"{size[0]}x{size[1]}"


def some(names: Iterable[str | Path]) -> str:
    """A few names, and how many more there are."""
    short = [name if isinstance(name, str) else name.name for name in names]
    rest = f" and {len(short) - SHOWN} more" if len(short) > SHOWN else ""
    return ", ".join(short[:SHOWN]) + rest


def once(hits: Iterable[Hit]) -> Iterator[Hit]:
    """Without repetition: a value of [dataset.general] is in force for many subsets, and is wrong in one place."""
    yield from {(hit.at, hit.what): hit for hit in hits}.values()
