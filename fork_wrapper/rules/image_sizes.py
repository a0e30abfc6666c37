"""Rules about the size that images are trained at: the resolution, and what happens without buckets."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case, DatasetCase
from fork_wrapper.rules.reading import Listed, by, caches_latents, listed, placed, said, some
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.buckets import Size
from fork_wrapper.words import part


@rule(
    "resolution-count",
    "error",
    phase="start",
    when="resolution under [training] is not one whole number or two",
    why="The text is split at commas and each part read as a whole number, even where the dataset config has a size.",
    fix='write resolution = "1024" or resolution = "1024,1024"',
    source="library/train_util.py:5409-5415",
)
def resolution_count(case: Case) -> Iterator[Hit]:
    text = case.get("resolution")
    if text is not None and len(_numbers(text)) not in {1, 2}:
        yield Hit(what=f'resolution = "{text}" is not a size or a pair of sizes', at=case.at("resolution"))


def _numbers(text: str) -> list[int]:
    """What Python reads in it; empty where it cannot."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        return []


@rule(
    "resolution-missing",
    "error",
    phase="dataset",
    when="no resolution for a data set",
    why="sd-scripts has no default and dies.",
    fix="set resolution = 1024 under [[dataset.datasets]] or [dataset.general]",
    source="library/train_util.py:1921, library/train_util.py:2207",
)
def resolution_missing(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        if dataset.get("resolution") is None:
            yield Hit(what="no resolution is set", at=dataset.at("resolution"))


@rule(
    "resolution-positive",
    "error",
    phase="dataset",
    when="a side of the resolution below 1",
    why="No bucket can be made of it, and no image resized to it.",
    fix="set resolution = 1024 or another size",
    source="library/train_util.py:766-768, library/train_util.py:286-308",
)
def resolution_positive(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        value = dataset.get("resolution")
        sides = _numbers(value) if isinstance(value, str) else [value] if isinstance(value, int) else value or []
        if any(side < 1 for side in sides):
            yield Hit(what=f"{said(dataset, 'resolution')} is no size", at=dataset.at("resolution"))


def _size(dataset: DatasetCase) -> Size | None:
    """The resolution where it is one."""
    size = dataset.resolution
    return size if size and min(size) > 0 else None


@rule(
    "res-multiple-32",
    "error",
    phase="step",
    when="no buckets, and a side of the resolution that does not halve five times",
    why="The VAE divides it by 8 and the U-Net by 4 again; with a rest, what comes back does not fit what it meets. "
    "Nothing checks it before the first step.",
    fix="set a multiple of 32, better of 64, or enable_bucket = true",
    source="library/sdxl_original_unet.py:788-792, sdxl_train.py:189",
)
def res_multiple_32(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        size = _size(dataset)
        # up to 7 pixels beyond a multiple are lost in the VAE, and then everything fits
        if size and not dataset.get("enable_bucket") and any(side < 32 or side % 32 > 7 for side in size):
            what = f"a resolution of {by(size)} without buckets does not fit the U-Net: not multiples of 32"
            yield Hit(what=what, at=dataset.at("resolution"))


@rule(
    "resolution-rounded",
    "warning",
    phase="never",
    when="a resolution that is no multiple of bucket_reso_steps",
    why="With buckets, the resolution is only an area; sides are rounded down to whole steps.",
    fix="set a multiple of bucket_reso_steps",
    source="library/model_util.py:1316-1344",
)
def resolution_rounded(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        size, steps = _size(dataset), dataset.get("bucket_reso_steps")
        if size and steps > 0 and dataset.get("enable_bucket") and not dataset.get("bucket_no_upscale"):
            square = int((size[0] * size[1]) ** 0.5 // steps) * steps
            if any(side % steps for side in size) and square:
                what = f"a resolution of {by(size)} in steps of {steps} trains square images at {by((square, square))}"
                yield Hit(what=what, at=dataset.at("resolution"))


@rule(
    "no-bucket-sizes",
    "error",
    phase="step",
    when="neither buckets nor cached latents, and an image of another size than the resolution",
    why="Then nothing is resized: larger images need random_crop or a face in their names, smaller ones never fit.",
    fix="set enable_bucket = true, or cache_latents = true",
    source="library/train_util.py:1630-1647",
)
def no_bucket_sizes(case: Case) -> Iterator[Hit]:
    for one in listed(case) if not caches_latents(case) else ():
        size = _size(one.dataset)
        if size and not one.dataset.get("enable_bucket"):
            wrong = [name for name in one.survey.sizes if not _fits(one, name, size)]
            if wrong:
                counted = f"{part(len(wrong), len(one.survey.sizes), 'image', ('is', 'are'))} not {by(size)}"
                them = "it" if len(wrong) == 1 else "them"
                yield one.hit(f"{counted}, and neither buckets nor cached latents resize {them}: {some(wrong)}")


def _fits(one: Listed, name: str, size: Size) -> bool:
    image = one.survey.sizes[name]
    large = image[0] >= size[0] and image[1] >= size[1]
    return image == size or (large and (one.subset.get("random_crop") or face_of(one, name) > 0))


def face_of(one: Listed, name: str) -> int:
    """Where the name says that a face is, from the left; 0 where it says none (library/train_util.py:1497-1500)."""
    parts = name.rpartition(".")[0].split("_")
    cropped = one.subset.get("face_crop_aug_range") is not None
    return int(parts[-4]) if cropped and len(parts) >= 5 and parts[-4].isdecimal() else 0


@rule(
    "no-bucket-crop",
    "note",
    phase="never",
    when="no buckets, cached latents, and images of another shape than the resolution",
    why="They are resized until they cover the resolution, and what sticks out is cut off.",
    fix="set enable_bucket = true to keep their shapes",
    source="library/train_util.py:1048-1052, library/train_util.py:2971-2985",
)
def no_bucket_crop(case: Case) -> Iterator[Hit]:
    for one in listed(case) if caches_latents(case) else ():
        if not one.dataset.get("enable_bucket"):
            places = dict(placed(case, one))
            cropped = [name for name, place in places.items() if place.resized != place.bucket]
            if cropped:
                counted = part(len(cropped), len(places), "image", ("is", "are"))
                yield one.hit(f"without buckets {counted} cropped to {by(places[cropped[0]].bucket)}: {some(cropped)}")


@rule(
    "resolution-header",
    "note",
    phase="never",
    when="a resolution other than 1024 that only the dataset config says",
    why="The header of checkpoints takes modelspec.resolution from the option, and says 1024x1024 without one.",
    fix='set resolution = "WIDTH,HEIGHT" under [training] as well',
    source="library/train_util.py:3511, library/sai_model_spec.py:316-340",
)
def resolution_header(case: Case) -> Iterator[Hit]:
    sizes = [_size(dataset) for dataset in case.datasets]
    if case.get("resolution") is None and sizes and not {None, (1024, 1024)} & set(sizes):
        what = "the header of checkpoints will say 1024x1024, which no data set is trained at"
        yield Hit(what=what, at=case.datasets[0].at("resolution"))
