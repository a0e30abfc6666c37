"""Rules about image folders: which files are images and have captions, and what becomes of their sizes."""

from collections.abc import Iterator
from pathlib import Path

from dataset_tools.scan.survey import LATENTS_SUFFIX
from fork_wrapper.check.rules.case import Case, SubsetCase
from fork_wrapper.check.rules.reading import (
    FACES,
    Listed,
    by,
    caches_latents,
    in_folders,
    listed,
    numbers,
    placed,
    read,
    said,
    size_of,
    some,
)
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.buckets import Size
from fork_wrapper.text import counted, part

PLUGINS = {
    (".avif", ".AVIF"): ("pillow-avif-plugin",),
    (".jxl", ".JXL"): ("jxlpy", "pillow-jxl-plugin"),
}
"""Suffixes that sd-scripts reads where one of these packages is installed (library/train_util.py:106-127)."""


@rule("missing-dir")
def missing_dir(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind != "finetuning" else ():
            if subset.survey and subset.survey.problem:
                at = f"{subset.path}.image_dir"
                where = f"{subset.survey.folder} ({at})"
                yield Hit(what=f"no training images: {subset.survey.problem}", at=at, where=where)


@rule("empty-dir")
def empty_dir(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        scan = one.scan
        if not scan.pictures and not scan.not_files:
            others = ", ".join(f"{count} {suffix}" for suffix, count in scan.ignored_images.items())
            todo = f"convert them to png, jpg, webp or bmp; the folder holds {others}" if others else ""
            yield one.hit("no training images: the folder holds none", todo)


@rule("not-files")
def not_files(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        if one.scan.not_files:
            names = ", ".join(path.name for path in one.scan.not_files)
            yield one.hit(f"sd-scripts would list these as images and fail to open them: {names}")


@rule("image-unreadable")
def image_unreadable(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        cached = {file.image for file in one.survey.latents} if case.get("cache_latents_to_disk") else set()
        names = [name for name, size in one.survey.sizes.items() if min(size) < 1 and name not in cached]
        names += [path.name for path in one.survey.unreadable if path.name not in one.survey.sizes]
        if names:
            yield one.hit(f"files that cannot be read: {some(names)}")


@rule("images-ignored")
def images_ignored(case: Case) -> Iterator[Hit]:
    readable = {suffix for suffixes, names in PLUGINS.items() if case.host.has(*names) for suffix in suffixes}
    for one in listed(case):
        found = one.scan.ignored_images if one.scan.pictures else {}
        counts = {suffix: count for suffix, count in found.items() if suffix not in readable}
        if counts:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in counts.items())
            yield one.hit(f"files that look like images and are not read: {kinds}")


@rule("stem-twice")
def stem_twice(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        captioned = {picture.image for picture in one.scan.pictures if picture.caption}
        groups = [group for group in one.scan.same_stem if group[0] in captioned]
        if groups:
            names = "; ".join(f"{first.name} and {second.name}" for first, second, *_rest in groups[:3])
            yield one.hit(f"captions that belong to more than one image: {names}")


@rule("stem-latents")
def stem_latents(case: Case) -> Iterator[Hit]:
    for one in listed(case) if case.get("cache_latents_to_disk") else ():
        for first, *others in one.scan.same_stem:
            shared = [
                path
                for path in others
                if one.survey.sizes[one.scan.name_of(path)] == one.survey.sizes[one.scan.name_of(first)]
            ]
            if shared:
                yield one.hit(f"{first.name} and {some(shared)} share one file of cached latents")


@rule("caption-missing")
def caption_missing(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        missing = one.scan.images - one.scan.captioned
        misspelt = len(one.scan.misspelt)
        if missing and one.subset.get("class_tokens") is None:
            extension = one.scan.caption_extension or '""'
            beside = ", ".join(f"{count} have {suffix}" for suffix, count in one.scan.other_extensions.items())
            todo = f"set caption_extension; beside them: {beside}" if beside else ""
            if misspelt:
                others = f"; write the other {missing - misspelt}" if missing > misspelt else ""
                todo = f"rename {misspelt} whose accents are composed otherwise: kft dataset check DIR --fix{others}"
            yield one.hit(f"{part(missing, one.scan.images, 'image', ('has', 'have'))} no {extension} caption", todo)


@rule("caption-empty-file")
def caption_empty_file(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        if one.survey.empty_captions:
            yield one.hit(f"caption files without a line: {some(one.survey.empty_captions)}")


@rule("caption-encoding")
def caption_encoding(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        if one.survey.garbled_captions:
            yield one.hit(f"caption files that are no UTF-8: {some(one.survey.garbled_captions)}")


@rule("caption-foreign")
def caption_foreign(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        foreign = [picture for picture in one.scan.pictures if picture.foreign]
        if foreign:
            pairs = some(f"{picture.image.name} from {picture.caption}" for picture in foreign)
            take = part(len(foreign), one.scan.images, "image", ("takes", "take"))
            yield one.hit(f"{take} the caption of another name: {pairs}")


def _replaced(case: Case) -> Iterator[Listed]:
    """The subsets whose folders are not listed, because metadata_cache.json is there."""
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind in {"dreambooth", "masked"} else ():
            survey = subset.survey
            if subset.get("cache_info") and survey and survey.scan and survey.metadata_cache:
                yield Listed(dataset=dataset, subset=subset, survey=survey, scan=survey.scan)


@rule("cache-info-old")
def cache_info_old(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        yield one.hit("images and captions are taken from metadata_cache.json, not from the folder")


@rule("cache-info-broken")
def cache_info_broken(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        if one.survey.cached_sizes is None:
            yield one.hit("metadata_cache.json cannot be read")


@rule("cache-info-empty")
def cache_info_empty(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        if one.survey.cached_sizes == {}:
            yield one.hit("no training images: metadata_cache.json names none")


@rule("cache-info-gone")
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


@rule("cache-info-new")
def cache_info_new(case: Case) -> Iterator[Hit]:
    for one in _replaced(case):
        named = {Path(path).name for path in one.survey.cached_sizes or ()}
        new = [picture.image for picture in one.scan.pictures if picture.image.name not in named]
        if named and new:
            yield one.hit(f"images that metadata_cache.json does not name are not trained: {some(new)}")


@rule("face-crop-names")
def face_crop_names(case: Case) -> Iterator[Hit]:
    for one in listed(case) if not caches_latents(case) else ():
        wrong = [name for name in one.survey.sizes if _is_no_face(name)]
        if wrong and one.subset.get(FACES) is not None:
            yield one.hit(f"names that {FACES} cannot read: {some(wrong)}")


def _is_no_face(name: str) -> bool:
    parts = name.rpartition(".")[0].split("_")
    return len(parts) >= 5 and not all(part.strip().lstrip("+-").isdecimal() for part in parts[-4:])


@rule("face-crop-zero")
def face_crop_zero(case: Case) -> Iterator[Hit]:
    for one in listed(case) if not caches_latents(case) else ():
        if not one.dataset.get("enable_bucket") and 0.0 in _range(one.subset):
            sizes = one.survey.sizes
            cut = [name for name in sizes if face_of(one, name) > 0 and sizes[name] != one.dataset.resolution]
            if cut:
                yield one.hit(f"{said(one.subset, FACES)} divides by 0 for {some(cut)}")


def _range(subset: SubsetCase) -> list[float]:
    said_value = subset.get(FACES)
    return numbers(said_value) if isinstance(said_value, str) else list(said_value or ())


@rule("no-bucket-sizes")
def no_bucket_sizes(case: Case) -> Iterator[Hit]:
    for one in listed(case) if not caches_latents(case) else ():
        size = size_of(one.dataset)
        if size and not one.dataset.get("enable_bucket"):
            wrong = [name for name in one.survey.sizes if not _fits(one, name, size)]
            if wrong:
                are = part(len(wrong), len(one.survey.sizes), "image", ("is", "are"))
                them = "it" if len(wrong) == 1 else "them"
                what = f"{are} not {by(size)}, and neither buckets nor cached latents resize {them}"
                yield one.hit(f"{what}: {some(wrong)}")


def _fits(one: Listed, name: str, size: Size) -> bool:
    image = one.survey.sizes[name]
    large = image[0] >= size[0] and image[1] >= size[1]
    return image == size or (large and (one.subset.get("random_crop") or face_of(one, name) > 0))


def face_of(one: Listed, name: str) -> int:
    """Where the name says that a face is, from the left; 0 where it says none (library/train_util.py:1497-1500)."""
    parts = name.rpartition(".")[0].split("_")
    cropped = one.subset.get("face_crop_aug_range") is not None
    return int(parts[-4]) if cropped and len(parts) >= 5 and parts[-4].isdecimal() else 0


@rule("no-bucket-crop")
def no_bucket_crop(case: Case) -> Iterator[Hit]:
    for one in listed(case) if caches_latents(case) else ():
        if not one.dataset.get("enable_bucket"):
            places = dict(placed(case, one))
            cropped = [name for name, place in places.items() if place.resized != place.bucket]
            if cropped:
                are = part(len(cropped), len(places), "image", ("is", "are"))
                yield one.hit(f"without buckets {are} cropped to {by(places[cropped[0]].bucket)}: {some(cropped)}")


@rule("reg-surplus")
def reg_surplus(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        counts = {True: 0, False: 0}
        known = [one for one in listed(case) if one.dataset is dataset]
        for one in known:
            images = len(one.survey.sizes)
            counts[bool(one.subset.get("is_reg"))] += images * one.subset.get("num_repeats")
        if counts[True] > counts[False] > 0 and len(known) == len(read(dataset)):
            many, few = counted(counts[True], "regularisation image"), counted(counts[False], "other")
            what = f"{many} for {few}, repeats counted: some are unused"
            yield Hit(what=what, at=dataset.path)
