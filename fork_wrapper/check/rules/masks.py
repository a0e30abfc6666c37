"""Rules about folders of masks: one for each image, of its name and size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dataset_tools.scan.survey import FolderSurvey
from fork_wrapper.check.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.check.rules.reading import by, listed, placed, read, said, some
from fork_wrapper.check.rules.rule import Hit, rule
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


@rule("mask-dir-missing")
def mask_dir_missing(case: Case) -> Iterator[Hit]:
    for one in _masked(case):
        if one.masks.problem:
            yield one.hit(f"no masks: {one.masks.problem.replace('image folder', 'folder')}")


@rule("mask-pairs")
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


@rule("mask-left-out")
def mask_left_out(case: Case) -> Iterator[Hit]:
    for dataset in _datasets(case):
        used = {subset.own[MASKS] for subset in read(dataset)}
        for subset in dataset.subsets:
            masks = (case.surveys or {}).get(f"{subset.path}.{MASKS}")
            if subset.get("num_repeats") < 1 and masks and masks.sizes and subset.own[MASKS] not in used:
                what = f"{said(subset, 'num_repeats')} leaves out images, and sd-scripts refuses their masks"
                yield Hit(what=what, at=subset.at("num_repeats"))


@rule("mask-size")
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


@rule("mask-stretched")
def mask_stretched(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        if one.dataset.kind == "masked" and one.dataset.get("enable_bucket"):
            cropped = [name for name, place in placed(case, one) if _overhang(place) > WORTH_SAYING]
            if cropped:
                yield one.hit(f"masks are pulled into another shape than their images: {some(cropped)}")


def _overhang(place: Placed) -> float:
    """How much larger than its bucket a resized image is, as a share of the side."""
    return max(resized / side for resized, side in zip(place.resized, place.bucket, strict=True)) - 1


@rule("mask-validation-split")
def mask_validation_split(case: Case) -> Iterator[Hit]:
    for one in _masked(case):
        split, count = one.dataset.get("validation_split") or 0.0, len(one.image_of)
        if split > 0 and math.ceil(count * (1 - split)) < count:
            what = f"{said(one.dataset, 'validation_split')} takes images from their masks"
            yield Hit(what=what, at=one.dataset.at("validation_split"))


@rule("mask-bucket-size")
def mask_bucket_size(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        if one.dataset.kind == "masked" and one.dataset.get("enable_bucket"):
            buckets = {place.bucket for _name, place in placed(case, one)}
            wrong = sorted(size for size in buckets if any(side < 32 or side % 32 > 7 for side in size))
            if wrong:
                yield one.hit(f"images with masks are in buckets that do not fit the U-Net: {by(wrong[0])}")
