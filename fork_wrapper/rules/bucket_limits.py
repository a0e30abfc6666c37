"""Rules about buckets: their limits and steps, and images that no bucket holds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from fork_wrapper.rules.case import Case, DatasetCase
from fork_wrapper.rules.reading import bucketing, by, listed, place_of, placed, said, seen_sizes, some
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.buckets import Bucketing, Size
from fork_wrapper.words import counted

LIMITS = ("min_bucket_reso", "max_bucket_reso")
KEYS = (*LIMITS, "bucket_reso_steps", "bucket_no_upscale")
"""Keys that only buckets need."""

WORTH_SAYING = 0.9
"""A share of pixels below which an image trains at noticeably less than the resolution."""


def _bucketed(case: Case) -> Iterator[tuple[DatasetCase, int]]:
    """Every data set with buckets, and their steps."""
    for dataset in case.datasets:
        if dataset.get("enable_bucket"):
            yield dataset, dataset.get("bucket_reso_steps")


def _limits(dataset: DatasetCase, steps: int) -> Size:
    """The shortest and the longest side, in whole steps (library/train_util.py:747-764)."""
    smallest, largest = (dataset.get(key) for key in LIMITS)
    return smallest - smallest % steps, largest + -largest % steps


@rule(
    "bucket-steps-positive",
    "error",
    phase="dataset",
    when="buckets, and bucket_reso_steps of 0 or less",
    why="Limits are divided by it; buckets in steps below 0 are looked for until one has no width.",
    fix="set bucket_reso_steps = 64, or 32",
    source="library/train_util.py:750-764, library/model_util.py:1322-1327",
)
def bucket_steps_positive(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if steps == 0 or (steps < 0 and not dataset.get("bucket_no_upscale")):
            yield Hit(what=f"{said(dataset, 'bucket_reso_steps')} is no step", at=dataset.at("bucket_reso_steps"))


@rule(
    "bucket-steps-32",
    "error",
    phase="dataset",
    when="buckets, and bucket_reso_steps that is no multiple of 32",
    why="SDXL's U-Net needs sides of whole 32 pixels; sd-scripts checks the steps once all images are listed. The help "
    "text says 8.",
    fix="set bucket_reso_steps = 64, or 32",
    source="sdxl_train.py:189, library/train_util.py:1093-1097",
)
def bucket_steps_32(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if steps % 32 and dataset.kind != "masked":
            what = f"{said(dataset, 'bucket_reso_steps')} is no multiple of 32"
            yield Hit(what=what, at=dataset.at("bucket_reso_steps"))


@rule(
    "min-bucket",
    "error",
    phase="dataset",
    when="buckets, and min_bucket_reso above the shorter side of the resolution",
    why="sd-scripts refuses it, with bucket_no_upscale too.",
    fix="lower min_bucket_reso",
    source="library/train_util.py:766-768",
)
def min_bucket(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if dataset.resolution and steps and min(dataset.resolution) < _limits(dataset, steps)[0]:
            what = f"{said(dataset, 'min_bucket_reso')} is above the shorter side of {by(dataset.resolution)}"
            yield Hit(what=what, at=dataset.at("min_bucket_reso"))


@rule(
    "max-bucket",
    "error",
    phase="dataset",
    when="buckets, and max_bucket_reso below the longer side of the resolution",
    why="sd-scripts refuses it, with bucket_no_upscale too. The default is 1024.",
    fix="raise max_bucket_reso, better to twice the resolution",
    source="library/train_util.py:769-771",
)
def max_bucket(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if dataset.resolution and steps and max(dataset.resolution) > _limits(dataset, steps)[1]:
            what = f"{said(dataset, 'max_bucket_reso')} is below the longer side of {by(dataset.resolution)}"
            yield Hit(what=what, at=dataset.at("max_bucket_reso"))


@rule(
    "min-bucket-zero",
    "error",
    phase="dataset",
    when="buckets, and min_bucket_reso below bucket_reso_steps",
    why="It is rounded down to 0, and the area is divided by it.",
    fix="set min_bucket_reso to at least bucket_reso_steps",
    source="library/train_util.py:750-757, library/model_util.py:1324-1327",
)
def min_bucket_zero(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if steps > 0 and _limits(dataset, steps)[0] < 1 and not dataset.get("bucket_no_upscale"):
            what = f"{said(dataset, 'min_bucket_reso')} is less than one step of {steps}"
            yield Hit(what=what, at=dataset.at("min_bucket_reso"))


@rule(
    "bucket-multiple",
    "note",
    phase="never",
    when="min_bucket_reso or max_bucket_reso that is no multiple of bucket_reso_steps",
    why="The one is rounded down, the other up, with a warning in the log.",
    fix="write the value that is used",
    source="library/train_util.py:750-764",
)
def bucket_multiple(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if steps > 0 and not dataset.get("bucket_no_upscale"):
            for key, used in zip(LIMITS, _limits(dataset, steps), strict=True):
                if dataset.get(key) != used:
                    yield Hit(what=f"{said(dataset, key)} becomes {used}, in steps of {steps}", at=dataset.at(key))


@rule(
    "bucket-no-upscale-limits",
    "warning",
    phase="never",
    when="bucket_no_upscale with min_bucket_reso or max_bucket_reso",
    why="Buckets then follow from each image and may have any side; the limits are only compared with the resolution.",
    fix="remove the limits, or bucket_no_upscale",
    source="library/train_util.py:1031-1034, library/train_util.py:766-771",
)
def bucket_no_upscale_limits(case: Case) -> Iterator[Hit]:
    for dataset, _steps in _bucketed(case):
        keys = [key for key in LIMITS if dataset.said(key)] if dataset.get("bucket_no_upscale") else []
        if keys:
            what = f"{' and '.join(said(dataset, key) for key in keys)} limit no bucket, with bucket_no_upscale"
            yield Hit(what=what, at=dataset.at(keys[0]))


@rule(
    "bucket-options-idle",
    "warning",
    phase="never",
    when="options of buckets, and no data set with enable_bucket that they are in force for",
    why="Without it there is one size, the resolution.",
    fix="set enable_bucket = true, or remove them",
    source="library/train_util.py:1931-1944",
)
def bucket_options_idle(case: Case) -> Iterator[Hit]:
    used = {dataset.at(key) for dataset, _steps in _bucketed(case) for key in KEYS}
    for dataset in case.datasets:
        keys = [key for key in KEYS if dataset.said(key) and dataset.get(key) and dataset.at(key) not in used]
        if keys and not dataset.get("enable_bucket"):
            yield Hit(what=f"without enable_bucket there is no effect of {', '.join(keys)}", at=dataset.at(keys[0]))


@rule(
    "bucket-cap-1024",
    "warning",
    phase="never",
    when="buckets, a max_bucket_reso near the resolution, and images that are not square",
    why="No side of a bucket may exceed it: what is wider must be lower, and trains at fewer pixels. At 1024, 1500x900 "
    "comes down to 1024x640; with max_bucket_reso = 2048 it is 1280x768.",
    fix="set max_bucket_reso to twice the resolution",
    source="library/model_util.py:1316-1344",
)
def bucket_cap_1024(case: Case) -> Iterator[Hit]:
    for dataset, _steps in _bucketed(case):
        buckets = bucketing(dataset)
        surveys = [one.survey for one in listed(case) if one.dataset is dataset]
        if buckets and not buckets.no_upscale:
            sizes = Counter(size for survey in surveys for size in seen_sizes(case, survey).values() if min(size) > 0)
            if whom := _narrowed(buckets, sizes):
                less = f"fewer pixels than {by(buckets.resolution)}"
                what = f"{said(dataset, 'max_bucket_reso')} makes {whom} train at {less}"
                yield Hit(what=what, at=dataset.at("max_bucket_reso"))


def _narrowed(buckets: Bucketing, sizes: Counter[Size]) -> str:
    """Which images a larger limit would give more pixels, in words; empty for none."""
    longest = max(buckets.resolution)
    if not sizes:
        return "images that are not square" if buckets.limits[1] <= longest else ""
    wide = replace(buckets, largest=max(buckets.largest, 2 * longest))
    most = WORTH_SAYING * max(width * height for width, height in wide.fixed)
    small = [size for size in sizes if _area(buckets, size) < most]  # the rest need not be placed twice
    less = [size for size in small if _area(buckets, size) < WORTH_SAYING * _area(wide, size)]
    return f"{sum(sizes[size] for size in less)} of {counted(sizes.total(), 'image')}" if less else ""


def _area(buckets: Bucketing, image: Size) -> int:
    place = place_of(buckets, image)
    return place.bucket[0] * place.bucket[1] if place else 0


@rule(
    "bucket-none",
    "error",
    phase="dataset",
    when="bucket_no_upscale, and an image with a side of less than bucket_reso_steps",
    why="Its bucket has no height, which divides by zero, or no width, which the VAE cannot encode.",
    fix="remove these images, unset bucket_no_upscale, or lower bucket_reso_steps",
    source="library/train_util.py:307-345",
)
def bucket_none(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        buckets = bucketing(one.dataset)
        if buckets and buckets.no_upscale:
            held = {name for name, place in placed(case, one) if place.bucket[0]}
            sizes = seen_sizes(case, one.survey)
            lost = [f"{name} ({by(size)})" for name, size in sizes.items() if min(size) > 0 and name not in held]
            if lost:
                yield one.hit(f"no bucket in steps of {buckets.steps} holds {some(lost)}")
