"""Rules about buckets: their limits and steps, and images that no bucket holds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from fork_wrapper.check.rules.case import Case, DatasetCase
from fork_wrapper.check.rules.reading import bucketing, by, listed, place_of, placed, said, seen_sizes, some
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.buckets import Bucketing, Size
from fork_wrapper.text import counted

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


@rule("min-bucket")
def min_bucket(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if dataset.resolution and steps and min(dataset.resolution) < _limits(dataset, steps)[0]:
            what = f"{said(dataset, 'min_bucket_reso')} is above the shorter side of {by(dataset.resolution)}"
            yield Hit(what=what, at=dataset.at("min_bucket_reso"))


@rule("max-bucket")
def max_bucket(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if dataset.resolution and steps and max(dataset.resolution) > _limits(dataset, steps)[1]:
            what = f"{said(dataset, 'max_bucket_reso')} is below the longer side of {by(dataset.resolution)}"
            yield Hit(what=what, at=dataset.at("max_bucket_reso"))


@rule("min-bucket-zero")
def min_bucket_zero(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if steps > 0 and _limits(dataset, steps)[0] < 1 and not dataset.get("bucket_no_upscale"):
            what = f"{said(dataset, 'min_bucket_reso')} is less than one step of {steps}"
            yield Hit(what=what, at=dataset.at("min_bucket_reso"))


@rule("bucket-multiple")
def bucket_multiple(case: Case) -> Iterator[Hit]:
    for dataset, steps in _bucketed(case):
        if steps > 0 and not dataset.get("bucket_no_upscale"):
            for key, used in zip(LIMITS, _limits(dataset, steps), strict=True):
                if dataset.get(key) != used:
                    yield Hit(what=f"{said(dataset, key)} becomes {used}, in steps of {steps}", at=dataset.at(key))


@rule("bucket-no-upscale-limits")
def bucket_no_upscale_limits(case: Case) -> Iterator[Hit]:
    for dataset, _steps in _bucketed(case):
        keys = [key for key in LIMITS if dataset.said(key)] if dataset.get("bucket_no_upscale") else []
        if keys:
            what = f"{' and '.join(said(dataset, key) for key in keys)} limit no bucket, with bucket_no_upscale"
            yield Hit(what=what, at=dataset.at(keys[0]))


@rule("bucket-options-idle")
def bucket_options_idle(case: Case) -> Iterator[Hit]:
    used = {dataset.at(key) for dataset, _steps in _bucketed(case) for key in KEYS}
    for dataset in case.datasets:
        keys = [key for key in KEYS if dataset.said(key) and dataset.get(key) and dataset.at(key) not in used]
        if keys and not dataset.get("enable_bucket"):
            yield Hit(what=f"without enable_bucket there is no effect of {', '.join(keys)}", at=dataset.at(keys[0]))


@rule("bucket-cap-1024")
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


@rule("bucket-none")
def bucket_none(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        buckets = bucketing(one.dataset)
        if buckets and buckets.no_upscale:
            held = {name for name, place in placed(case, one) if place.bucket[0]}
            sizes = seen_sizes(case, one.survey)
            lost = [f"{name} ({by(size)})" for name, size in sizes.items() if min(size) > 0 and name not in held]
            if lost:
                yield one.hit(f"no bucket in steps of {buckets.steps} holds {some(lost)}")
