"""Rules about `cache_info`: the list of images that one run writes and the next ones read instead of the folder."""

from collections.abc import Iterator
from pathlib import Path

from dataset_tools.survey import LATENTS_SUFFIX
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.reading import Listed, read, said, some
from fork_wrapper.rules.rule import Hit, rule


def _replaced(case: Case) -> Iterator[Listed]:
    """The subsets whose folders are not listed, because metadata_cache.json is there."""
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind in {"dreambooth", "masked"} else ():
            survey = subset.survey
            if subset.get("cache_info") and survey and survey.scan and survey.metadata_cache:
                yield Listed(dataset=dataset, subset=subset, survey=survey, scan=survey.scan)


@rule(
    "cache-info-old",
    "note",
    phase="never",
    when="cache_info, and a metadata_cache.json in the folder",
    why="Images, captions and sizes are then those of the run that wrote the file; nothing checks that they still are.",
    fix="delete metadata_cache.json after every change, or unset cache_info",
    source="library/train_util.py:1977-1999",
)
def cache_info_old(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        yield one.hit("images and captions are taken from metadata_cache.json, not from the folder")


@rule(
    "cache-info-broken",
    "error",
    phase="dataset",
    when="cache_info, and a metadata_cache.json that sd-scripts cannot read",
    why="It dies of a file that is no JSON, or that lacks a caption or a resolution.",
    fix="delete metadata_cache.json",
    source="library/train_util.py:1991-1997",
)
def cache_info_broken(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        if one.survey.cached_sizes is None:
            yield one.hit("metadata_cache.json cannot be read")


@rule(
    "cache-info-empty",
    "error",
    phase="dataset",
    when="cache_info, and a metadata_cache.json that names no image",
    why="sd-scripts trains without the subset, and leaves with exit code 0 where nothing else is left.",
    fix="delete metadata_cache.json",
    source="library/train_util.py:1991-1997, library/train_util.py:2131-2135",
)
def cache_info_empty(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        if one.survey.cached_sizes == {}:
            yield one.hit("no training images: metadata_cache.json names none")


@rule(
    "cache-info-gone",
    "error",
    phase="model",
    when="cache_info, and a metadata_cache.json that names images which are gone",
    why="sd-scripts dies when it opens the first of them: while it caches latents, or at a step.",
    fix="delete metadata_cache.json",
    source="library/train_util.py:1991-1997, library/train_util.py:2948-2961",
)
def cache_info_gone(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        there = {picture.image for picture in one.scan.pictures}
        cached = set(one.survey.latent_paths) if case.get("cache_latents_to_disk") else set()
        gone = [
            Path(path)
            for path, size in (one.survey.cached_sizes or {}).items()
            if Path(path).parent == one.survey.folder and Path(path) not in there
            if f"{path.rpartition('.')[0]}_{size[0]:04d}x{size[1]:04d}{LATENTS_SUFFIX}" not in cached
        ]
        if gone:
            yield one.hit(f"metadata_cache.json names images that are gone: {some(gone)}")


@rule(
    "cache-info-new",
    "warning",
    phase="never",
    when="cache_info, and images that metadata_cache.json does not name",
    why="Whatever came into the folder after the file was written is not trained.",
    fix="delete metadata_cache.json",
    source="library/train_util.py:1991-1997",
)
def cache_info_new(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        named = {Path(path).name for path in one.survey.cached_sizes or ()}
        new = [picture.image for picture in one.scan.pictures if picture.image.name not in named]
        if named and new:
            yield one.hit(f"images that metadata_cache.json does not name are not trained: {some(new)}")


@rule(
    "validation-split-captions",
    "warning",
    phase="never",
    when="validation_split with cache_info",
    why="The list of images that cache_info keeps is shuffled by the split, and its captions are not: from the second "
    "run on, images are trained with the captions of others.",
    fix="remove validation_split",
    source="library/train_util.py:2045-2062",
)
def validation_split_captions(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        split = dataset.get("validation_split") or 0.0
        for subset in read(dataset) if split > 0 and dataset.kind != "finetuning" else ():
            if subset.get("cache_info") and not subset.get("is_reg"):
                what = f"{said(dataset, 'validation_split')} gives images the captions of others, with cache_info"
                yield Hit(what=what, at=dataset.at("validation_split"))
