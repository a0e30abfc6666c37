"""Rules about folders of masks: one for each image, of its name and size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dataset_tools.survey import FolderSurvey
from fork_wrapper.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.rules.reading import by, listed, placed, read, said, some
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.buckets import Placed

MASKS = "conditioning_data_dir"
"""The key of the folder with masks; its survey goes by this key path."""

WORTH_SAYING = 0.05
"""A share of a side by which a mask may lie wrong."""


@dataclass(frozen=True, kw_only=True)
class _Masked:
    """A subset with masks, both folders surveyed."""

    dataset: DatasetCase
    subset: SubsetCase
    images: FolderSurvey
    masks: FolderSurvey

    @cached_property
    def image_of(self) -> dict[str, str]:
        """Names of images by their stems."""
        return {name.rpartition(".")[0]: name for name in sorted(self.images.sizes, reverse=True)}

    @cached_property
    def mask_of(self) -> dict[str, str]:
        """Likewise of masks; of two, sd-scripts takes the first (library/train_util.py:2471-2475)."""
        return {name.rpartition(".")[0]: name for name in sorted(self.masks.sizes, reverse=True)}

    def hit(self, what: str) -> Hit:
        at = f"{self.subset.path}.{MASKS}"
        return Hit(what=what, at=at, where=f"{self.masks.folder} ({at})")


def _datasets(case: Case) -> Iterator[DatasetCase]:
    yield from (dataset for dataset in case.datasets if dataset.kind == "masked")


def _masked(case: Case) -> Iterator[_Masked]:
    for dataset in _datasets(case):
        for subset in read(dataset):
            images, masks = subset.survey, (case.surveys or {}).get(f"{subset.path}.{MASKS}")
            if images and images.scan and masks:
                yield _Masked(dataset=dataset, subset=subset, images=images, masks=masks)


@rule(
    "mask-key-needs-masked-loss",
    "error",
    phase="dataset",
    when="conditioning_data_dir without masked_loss, or not in every subset of the data set",
    why="sd-scripts then takes the data set for one without masks, and refuses the key.",
    fix="set masked_loss = true, and conditioning_data_dir in every subset of the data set",
    source="sdxl_train.py:140, library/config_util.py:317-333",
)
def mask_key_needs_masked_loss(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        for subset in dataset.subsets if dataset.kind != "masked" else ():
            if MASKS in subset.own:
                why = "is not in every subset of its data set" if dataset.masked_loss else "needs masked_loss = true"
                yield Hit(what=f"{MASKS} {why}", at=f"{subset.path}.{MASKS}")


@rule(
    "mask-dir-missing",
    "error",
    phase="step",
    when="a folder of masks that is missing",
    why="A line goes into the log; the first image whose mask is looked for ends the training.",
    fix="put the masks there, one for each image and of its name, or correct the path",
    source="library/train_util.py:2466-2468, library/train_util.py:2534",
)
def mask_dir_missing(case: Case) -> Iterator[Hit]:
    for one in _masked(case):
        if one.masks.problem:
            yield one.hit(f"no masks: {one.masks.problem.replace('image folder', 'folder')}")


@rule(
    "mask-pairs",
    "error",
    phase="dataset",
    when="an image without a mask of its name, or a mask without an image",
    why="sd-scripts refuses both, also masks of a subset that num_repeats leaves out.",
    fix="add or remove masks until every image has one of its name",
    source="library/train_util.py:2454-2492",
)
def mask_pairs(case: Case) -> Iterator[Hit]:
    pairs = list(_masked(case))
    for one in pairs:
        bare = [one.image_of[stem] for stem in sorted(one.image_of.keys() - one.mask_of.keys())]
        if bare and one.masks.scan:
            yield one.hit(f"images without a mask: {some(bare)}")
    used = {(other.masks.folder, stem) for other in pairs for stem in other.image_of}
    for one in pairs:
        spare = [name for stem, name in sorted(one.mask_of.items()) if (one.masks.folder, stem) not in used]
        if spare:
            yield one.hit(f"masks that belong to no image: {some(spare)}")


@rule(
    "mask-left-out",
    "error",
    phase="dataset",
    when="num_repeats below 1 for a subset with masks",
    why="Its images are left out and its masks are not: each of them is one too many.",
    fix="remove the subset",
    source="library/train_util.py:2118-2122, library/train_util.py:2481-2492",
)
def mask_left_out(case: Case) -> Iterator[Hit]:
    for dataset in _datasets(case):
        used = {subset.own[MASKS] for subset in read(dataset)}
        for subset in dataset.subsets:
            masks = (case.surveys or {}).get(f"{subset.path}.{MASKS}")
            if subset.get("num_repeats") < 1 and masks and masks.sizes and subset.own[MASKS] not in used:
                what = f"{said(subset, 'num_repeats')} leaves out images, and sd-scripts refuses their masks"
                yield Hit(what=what, at=subset.at("num_repeats"))


@rule(
    "mask-size",
    "error",
    phase="step",
    when="buckets, and a mask of another size than its image",
    why="sd-scripts compares the two when it opens the mask.",
    fix="resize these masks to the size of their images",
    source="library/train_util.py:2534-2539",
)
def mask_size(case: Case) -> Iterator[Hit]:
    for one in _masked(case):
        sizes = [
            (one.mask_of[stem], one.masks.sizes[one.mask_of[stem]], one.images.sizes[name])
            for stem, name in sorted(one.image_of.items())
            if stem in one.mask_of
        ]
        wrong = [f"{name} ({by(mask)} for {by(image)})" for name, mask, image in sizes if mask != image]
        if wrong and one.dataset.get("enable_bucket"):
            yield one.hit(f"masks that are not of their image's size: {some(wrong)}")


@rule(
    "mask-stretched",
    "warning",
    phase="never",
    when="buckets, and images with masks that are cropped to their bucket",
    why="The image is resized in its shape and cropped; its mask is pulled into the bucket's shape, so that it lies "
    "beside what it should cover.",
    fix="crop images and masks to the shape of a bucket beforehand",
    source="library/train_util.py:2541-2555, library/train_util.py:2971-2985",
)
def mask_stretched(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        if one.dataset.kind == "masked" and one.dataset.get("enable_bucket"):
            cropped = [name for name, place in placed(case, one) if _overhang(place) > WORTH_SAYING]
            if cropped:
                yield one.hit(f"masks are pulled into another shape than their images: {some(cropped)}")


def _overhang(place: Placed) -> float:
    """How much larger than its bucket a resized image is, as a share of the side."""
    return max(resized / side for resized, side in zip(place.resized, place.bucket, strict=True)) - 1


@rule(
    "mask-validation-split",
    "error",
    phase="dataset",
    when="validation_split in a data set with masks",
    why="The images held back leave their masks behind, and sd-scripts refuses masks without an image.",
    fix="remove validation_split",
    source="library/train_util.py:2045-2057, library/train_util.py:2481-2492",
)
def mask_validation_split(case: Case) -> Iterator[Hit]:
    for one in _masked(case):
        split, count = one.dataset.get("validation_split") or 0.0, len(one.image_of)
        if split > 0 and math.ceil(count * (1 - split)) < count:
            what = f"{said(one.dataset, 'validation_split')} takes images from their masks"
            yield Hit(what=what, at=one.dataset.at("validation_split"))
