"""How sd-scripts will lay out the images of a dataset: which ones, how often, in which buckets, in how many batches.

What it does with files is told by the surveys of the image folders; nothing is opened here.
"""

import math
import os
import random
from dataclasses import dataclass, replace
from functools import lru_cache

from dataset_tools.scan.survey import FolderSurvey
from fork_wrapper.check.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.check.rules.reading import described_sizes
from fork_wrapper.sdscripts.buckets import Bucket, BucketError, Bucketing, Size, batches, fill
from fork_wrapper.sdscripts.latent_names import sizes_from_names


@dataclass(frozen=True, kw_only=True)
class SubsetLayout:
    """What one subset contributes."""

    path: str
    """Its key path."""
    images: int
    """Images that are trained on, or cut down to the number of training images if they are for regularization."""
    repeats: int
    """`num_repeats` in force."""
    is_reg: bool
    """Whether they are for regularization."""
    held_out: int
    """Images that `validation_split` keeps from training."""
    ignored: str
    """Why sd-scripts leaves the subset out; empty where it does not."""


@dataclass(frozen=True, kw_only=True)
class DatasetLayout:
    """What one `[[datasets]]` trains on in one epoch."""

    path: str
    """Its key path."""
    problem: str
    """Why it cannot be laid out, in one line; then everything else is empty."""
    subsets: tuple[SubsetLayout, ...] = ()
    """In order."""
    images: int = 0
    """Different images."""
    repeats: int = 0
    """Images, each as often as it is seen in an epoch."""
    train_images: int = 0
    """Those that are not for regularization, repeats counted; sdxl_train.py prints their sum as its examples."""
    buckets: tuple[Bucket, ...] = ()
    """Buckets that hold anything, in sd-scripts' order."""
    batch_size: int = 0
    """Images in a whole batch."""
    batches: int = 0
    """Batches per epoch."""


class _ProblemError(Exception):
    """Why a dataset cannot be laid out."""


@dataclass(frozen=True, kw_only=True)
class _Image:
    path: str
    size: Size
    repeats: int


def layouts(case: Case) -> tuple[DatasetLayout, ...]:
    """The layout of every dataset of a configuration whose folders were surveyed."""
    # sdxl_train.py:124-125 seeds the one generator that all splits without a seed of their own draw from.
    draw = None if case.get("seed") is None else random.Random(case.get("seed"))
    latents = bool(case.get("cache_latents") or case.get("cache_latents_to_disk"))  # library/train_util.py:4424-4425
    return tuple(lay_out(one, cache_latents=latents, draw=draw) for one in case.datasets)


def lay_out(dataset: DatasetCase, *, cache_latents: bool, draw: random.Random | None = None) -> DatasetLayout:
    """The layout of one dataset; a dataset that sd-scripts would die on has a `problem`.

    Args:
        dataset: with the surveys of its subsets.
        cache_latents: whether latents are cached: then sizes are guessed from the names of old caches.
        draw: in the state of Python's `random` at this point of the program; None when nobody knows it.
    """
    try:
        return _Dataset(dataset, cache_latents, draw).lay_out()
    except (BucketError, _ProblemError) as error:
        return DatasetLayout(path=dataset.path, problem=str(error))


class _Dataset:
    """One dataset while its subsets are gone through, as library/train_util.py:2112-2187 does."""

    def __init__(self, dataset: DatasetCase, cache_latents: bool, draw: random.Random | None) -> None:
        if dataset.kind == "mixed":
            raise _ProblemError("some of its subsets have a metadata_file and others have none")
        self._dataset = dataset
        self._key = "metadata_file" if dataset.kind == "finetuning" else "image_dir"
        self._cache_latents = cache_latents
        self._draw = draw
        self._place = lru_cache(maxsize=None)(_bucketing(dataset).place)

    def lay_out(self) -> DatasetLayout:
        """Register images as the program does: a path that comes twice counts once, as it came last."""
        subsets: list[SubsetLayout] = []
        train: list[_Image] = []
        reg: list[_Image] = []
        seen: set[str] = set()
        for subset in self._dataset.subsets:
            images, layout = self._subset(subset, seen)
            (reg if layout.is_reg else train).extend(images)
            if images:
                seen.add(subset.own[self._key])
            subsets.append(layout)
        train_images = sum(image.repeats for image in train)
        registered = {image.path: image for image in (*train, *_balanced(reg, train_images))}
        buckets = fill((self._bucket(image), image.repeats) for image in registered.values())
        batch_size = self._dataset.get("batch_size")
        return DatasetLayout(
            path=self._dataset.path,
            problem="",
            subsets=tuple(subsets),
            images=len(registered),
            repeats=sum(bucket.count for bucket in buckets),
            train_images=train_images,
            buckets=buckets,
            batch_size=batch_size,
            batches=batches(buckets, batch_size),
        )

    def _subset(self, subset: SubsetCase, seen: set[str]) -> tuple[list[_Image], SubsetLayout]:
        """Its images, and what is to be said about it (library/train_util.py:2117-2156)."""
        repeats = subset.get("num_repeats")
        is_reg = bool(subset.get("is_reg"))
        listed: list[tuple[str, Size]] = []
        trained = listed
        if self._key not in subset.own:
            raise _ProblemError(f"{subset.path} has no {self._key}")
        if repeats < 1:
            ignored = f"num_repeats is {repeats}"
        elif subset.own[self._key] in seen:
            ignored = f"an earlier subset of the same dataset has the same {self._key}"
        else:
            is_described = self._key == "metadata_file"
            listed = _in_metadata(subset) if is_described else self._listed(subset)
            trained = listed if is_reg or is_described else self._held_in(listed, subset)
            ignored = "" if trained else "there are no images"
        layout = SubsetLayout(
            path=subset.path,
            images=len(trained),
            repeats=repeats,
            is_reg=is_reg,
            held_out=len(listed) - len(trained),
            ignored=ignored,
        )
        return [_Image(path=path, size=size, repeats=repeats) for path, size in trained], layout

    def _listed(self, subset: SubsetCase) -> list[tuple[str, Size]]:
        """Paths and sizes, from the folder or from what `cache_info` left there (library/train_util.py:1970-2034)."""
        survey = subset.survey
        if survey is None:
            raise _ProblemError(f"nobody looked at the images of {subset.path}")
        if survey.scan is None:
            return []
        if not subset.get("cache_info"):
            return _in_folder(subset.own["image_dir"], survey, from_names=self._cache_latents)
        if not survey.metadata_cache:  # it is about to be written, from all headers (2099-2107)
            return _in_folder(subset.own["image_dir"], survey, from_names=False)
        if survey.cached_sizes is None:
            raise _ProblemError(f"metadata_cache.json in {survey.folder} cannot be read")
        return list(survey.cached_sizes.items())

    def _held_in(self, listed: list[tuple[str, Size]], subset: SubsetCase) -> list[tuple[str, Size]]:
        """What `validation_split` leaves for training (library/train_util.py:142-175, 2045-2057)."""
        split = self._dataset.get("validation_split") or 0.0
        seed = self._dataset.get("validation_seed")
        if split <= 0 or (subset.survey and subset.survey.scan is None):
            return listed
        if not listed:
            raise _ProblemError(f"validation_split has no images to split in {subset.path}")
        draw = self._draw if seed is None else random.Random(seed)
        if draw is None:
            raise _ProblemError("validation_split holds back other images each time: there is no seed")
        shuffled = listed.copy()
        draw.shuffle(shuffled)
        return shuffled[: math.ceil(len(shuffled) * (1 - split))]

    def _bucket(self, image: _Image) -> Size:
        if min(image.size) < 1:
            raise _ProblemError(f"the size of {image.path} cannot be read")
        return self._place(image.size).bucket


def _bucketing(dataset: DatasetCase) -> Bucketing:
    resolution = dataset.resolution
    if resolution is None:
        raise _ProblemError("it has no resolution")
    return Bucketing(
        resolution=resolution,
        enabled=bool(dataset.get("enable_bucket")),
        no_upscale=bool(dataset.get("bucket_no_upscale")),
        smallest=dataset.get("min_bucket_reso"),
        largest=dataset.get("max_bucket_reso"),
        steps=dataset.get("bucket_reso_steps"),
    )


def _in_folder(image_dir: str, survey: FolderSurvey, *, from_names: bool) -> list[tuple[str, Size]]:
    """What a folder lists; the paths are those that glob makes of `image_dir`, without slashes at its end."""
    lost = [path.name for path in survey.scan.not_files] if survey.scan else []
    names = sorted([*survey.sizes, *lost])
    sizes = [survey.sizes.get(name, (0, 0)) for name in names]
    if from_names:
        guesses = _guesses([os.path.join(survey.folder, name) for name in names], survey)  # noqa: PTH118
        sizes = [guess or size for guess, size in zip(guesses, sizes, strict=True)]
    home = os.path.dirname(os.path.join(image_dir, "*"))  # noqa: PTH118, PTH120
    return [(os.path.join(home, name), size) for name, size in zip(names, sizes, strict=True)]  # noqa: PTH118


def _in_metadata(subset: SubsetCase) -> list[tuple[str, Size]]:
    """What a metadata file names, the longest paths first (library/train_util.py:2294-2358).

    Its paths are the keys of the images: the same one in two files is one image, wherever they lie.
    """
    survey = subset.survey
    if survey is None:
        raise _ProblemError(f"nobody looked at the images of {subset.path}")
    if survey.entries is None:
        raise _ProblemError(f"{survey.problem}: {survey.metadata}")
    if "image_dir" not in subset.own and not all(map(os.path.isabs, survey.entries)):
        raise _ProblemError(f"{subset.path} has no image_dir, and paths are relative")
    sizes = described_sizes(survey)
    return [(path, sizes.get(path, (0, 0))) for path in sorted(survey.entries, key=len, reverse=True)]


def _guesses(paths: list[str], survey: FolderSurvey) -> list[Size | None]:
    try:
        return sizes_from_names(paths, survey.latent_paths)
    except ValueError as error:
        raise _ProblemError(f"a file in {survey.folder} is called like latents and names no size") from error


def _balanced(reg: list[_Image], wanted: int) -> list[_Image]:
    """As many as there are training images: cut off, or each again in turn (library/train_util.py:2168-2184)."""
    kept: list[_Image] = []
    missing = wanted
    for image in reg:
        if missing <= 0:
            break
        kept.append(image)
        missing -= image.repeats
    rounds, more = divmod(max(0, missing), len(kept) or 1)
    return [replace(image, repeats=image.repeats + rounds + (index < more)) for index, image in enumerate(kept)]
