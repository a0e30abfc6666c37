"""Rules about the dataset config by itself: its tables and kinds, the sizes it asks for, what counts in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from fork_wrapper.check.rules.case import ARGUMENT_NAMES, Case, DatasetCase, Level, SubsetCase
from fork_wrapper.check.rules.reading import (
    FACES,
    by,
    caches_texts,
    duplicates,
    is_tagged,
    numbers,
    once,
    read,
    said,
    size_of,
    value,
)
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.options import dataset_keys
from fork_wrapper.text import part

FOREIGN: Mapping[str, tuple[frozenset[str], frozenset[str], str]] = {
    "finetuning": (
        frozenset(("caption_extension", "class_tokens", "cache_info")),
        frozenset(("caption_extension", "class_tokens", "cache_info", "is_reg")),
        "a data set with a metadata_file",
    ),
    "masked": (
        frozenset(("class_tokens",)),
        frozenset(("class_tokens", "is_reg", "alpha_mask", "metadata_file")),
        "a data set with masks",
    ),
}
"""By kind of data set: keys that it refuses, of the data set and of its subsets, and what it is called."""


@rule("dataset-mixed")
def dataset_mixed(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        if dataset.kind == "mixed":
            described = sum("metadata_file" in subset.own for subset in dataset.subsets)
            has = part(described, len(dataset.subsets), "subset", ("has", "have"))
            what = f"{has} a metadata_file, in one data set"
            yield Hit(what=what, at=dataset.path)


@rule("dataset-kind-key")
def dataset_kind_key(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        of_dataset, of_subset, kind = FOREIGN.get(_schema(dataset), (frozenset(), frozenset(), ""))
        places = [(dataset.path, dataset.own, of_dataset)]
        places += [(subset.path, subset.own, of_subset) for subset in dataset.subsets]
        for path, own, refused in places:
            for key in sorted(refused & own.keys()):
                yield Hit(what=f"{key} may not stand in {kind}: sd-scripts refuses it there", at=f"{path}.{key}")


def _schema(dataset: DatasetCase) -> str:
    """Whose keys are checked; without subsets, all of none have masks, or a metadata file (config_util.py:320-325)."""
    if not dataset.subsets:
        return "masked" if dataset.masked_loss else "finetuning"
    return dataset.kind


@rule("dataset-class-name")
def dataset_class_name(case: Case) -> Iterator[Hit]:
    name = case.get("dataset_class")
    module = "" if name is None else name.rpartition(".")[0]
    if name is not None and (not module or module.startswith(".")):
        yield Hit(what=f'dataset_class = "{name}" names no module', at=case.at("dataset_class"))


@rule("training-value-beaten")
def training_value_beaten(case: Case) -> Iterator[Hit]:
    for key, row in dataset_keys().items():
        name = ARGUMENT_NAMES.get(key, key)
        users: tuple[Level, ...] = case.subsets if "subset" in row.levels else case.datasets
        if name not in case.training or not users or any(user.at(key) == f"training.{name}" for user in users):
            continue
        winner = next((one for one in users if _plain(one.get(key)) != _plain(case.training[name])), None)
        if winner:
            place = winner.at(key)
            what = f"{name} = {value(case.training[name])} is beaten by {place} = {value(winner.get(key))}"
            yield Hit(what=what, at=case.at(name))


def _plain(item: Any) -> Any:
    """A value so that the texts of options and the numbers of the dataset config compare."""
    if isinstance(item, str) and item and all(part.strip().replace(".", "").isdecimal() for part in item.split(",")):
        item = [float(part) for part in item.split(",")]
    if isinstance(item, list):
        return [float(part) for part in item] * (2 if len(item) == 1 else 1)
    return [float(item)] * 2 if isinstance(item, int) and not isinstance(item, bool) else item


@rule("dataset-key-idle")
def dataset_key_idle(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{key} has no effect here", at=level.at(key))
        for dataset in case.datasets
        for level, key in _idle(dataset)
    )


def _idle(dataset: DatasetCase) -> Iterator[tuple[Level, str]]:
    if dataset.get("network_multiplier") not in {None, 1.0}:
        yield dataset, "network_multiplier"
    split = dataset.get("validation_split") or 0.0
    if split < 0 or (split and dataset.kind == "finetuning"):
        yield dataset, "validation_split"
    if dataset.said("validation_seed") and (split <= 0 or dataset.kind == "finetuning"):
        yield dataset, "validation_seed"
    for subset in dataset.subsets:
        if subset.get("custom_attributes"):
            yield subset, "custom_attributes"


@rule("deepspeed-batch-size")
def deepspeed_batch_size(case: Case) -> Iterator[Hit]:
    told = case.get("train_batch_size")
    for dataset in case.datasets if case.get("deepspeed") else ():
        size = dataset.get("batch_size")
        if size != told:
            what = f"deepspeed is told train_batch_size = {told}, and batches have {size}"
            yield Hit(what=what, at=dataset.at("batch_size"))


@rule("no-data")
def no_data(case: Case) -> Iterator[Hit]:
    if case.datasets and not case.subsets:
        yield Hit(what="the experiment names no training images", at="dataset.datasets")
    filled = [dataset for dataset in case.datasets if dataset.subsets]
    reasons = [reason for dataset in filled if (reason := _nothing_left(dataset))]
    if filled and len(reasons) == len(filled):
        what = "; ".join(dict.fromkeys(reason for reason, _at in reasons))
        yield Hit(what=f"no image is left to train on: {what}", at=reasons[0][1])


def _nothing_left(dataset: DatasetCase) -> tuple[str, str] | None:
    """Why a data set trains nothing, and the key path that says so; None when it trains."""
    subsets = read(dataset)
    if not subsets:
        return "num_repeats is below 1 in every subset", dataset.subsets[0].at("num_repeats")
    if dataset.kind == "dreambooth" and all(subset.get("is_reg") for subset in subsets):
        return "every subset is a regularisation set", subsets[0].at("is_reg")
    split = dataset.get("validation_split") or 0.0
    if dataset.kind in {"dreambooth", "masked"} and (split == 1.0 or split >= 2.0):
        return f"{said(dataset, 'validation_split')} holds all of them back", dataset.at("validation_split")
    return None


@rule("subset-duplicate")
def subset_duplicate(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        key = "metadata_file" if dataset.kind == "finetuning" else "image_dir"
        for path, first in duplicates(dataset).items():
            yield Hit(what=f"{path} names the same {key} as {first.path} and is left out", at=f"{path}.{key}")


@rule("latent-cache-shared")
def latent_cache_shared(case: Case) -> Iterator[Hit]:
    first: dict[str, tuple[str, object]] = {}
    for dataset in case.datasets if case.get("cache_latents_to_disk") else ():
        for subset in read(dataset):
            folder = subset.own.get("image_dir")
            path, shape = first.setdefault(str(folder), (subset.path, _shape(dataset)))
            if folder is not None and shape != _shape(dataset):
                what = f"{subset.path} trains with the latents of {path}, which are of another resolution or bucket"
                yield Hit(what=what, at=f"{subset.path}.image_dir")


def _shape(dataset: DatasetCase) -> object:
    """What decides about buckets."""
    if not dataset.get("enable_bucket"):
        return dataset.resolution
    keys = ("min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale")
    return dataset.resolution, *(dataset.get(key) for key in keys)


@rule("face-crop")
def face_crop(case: Case) -> Iterator[Hit]:
    text = case.get(FACES)
    found = numbers(text) if text is not None else [0.0, 0.0]
    if len(found) != 2 or not found[0] <= found[1]:
        yield Hit(what=f'{FACES} = "{text}" is not two ascending numbers', at=case.at(FACES))


@rule("face-crop-descending")
def face_crop_descending(case: Case) -> Iterator[Hit]:
    for subset in (one for dataset in case.datasets for one in read(dataset)):
        found = subset.get(FACES)
        if isinstance(found, list) and found[0] > found[1]:
            yield Hit(what=f"{said(subset, FACES)} is descending", at=subset.at(FACES))


@rule("resolution-count")
def resolution_count(case: Case) -> Iterator[Hit]:
    text = case.get("resolution")
    if text is not None and len(_wholes(text)) not in {1, 2}:
        yield Hit(what=f'resolution = "{text}" is not a size or a pair of sizes', at=case.at("resolution"))


def _wholes(text: str) -> list[int]:
    """What Python reads in it; empty where it cannot."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        return []


@rule("resolution-positive")
def resolution_positive(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        value = dataset.get("resolution")
        sides = _wholes(value) if isinstance(value, str) else [value] if isinstance(value, int) else value or []
        if any(side < 1 for side in sides):
            yield Hit(what=f"{said(dataset, 'resolution')} is no size", at=dataset.at("resolution"))


@rule("res-multiple-32")
def res_multiple_32(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        size = size_of(dataset)
        # up to 7 pixels beyond a multiple are lost in the VAE, and then everything fits
        if size and not dataset.get("enable_bucket") and any(side < 32 or side % 32 > 7 for side in size):
            what = f"a resolution of {by(size)} without buckets does not fit the U-Net: not multiples of 32"
            yield Hit(what=what, at=dataset.at("resolution"))


@rule("resolution-rounded")
def resolution_rounded(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        size, steps = size_of(dataset), dataset.get("bucket_reso_steps")
        if size and steps > 0 and dataset.get("enable_bucket") and not dataset.get("bucket_no_upscale"):
            square = int((size[0] * size[1]) ** 0.5 // steps) * steps
            if any(side % steps for side in size) and square:
                what = f"a resolution of {by(size)} in steps of {steps} trains square images at {by((square, square))}"
                yield Hit(what=what, at=dataset.at("resolution"))


@rule("resolution-header")
def resolution_header(case: Case) -> Iterator[Hit]:
    sizes = [size_of(dataset) for dataset in case.datasets]
    if case.get("resolution") is None and sizes and not {None, (1024, 1024)} & set(sizes):
        what = "the header of checkpoints will say 1024x1024, which no data set is trained at"
        yield Hit(what=what, at=case.datasets[0].at("resolution"))


def _subsets(case: Case) -> Iterator[SubsetCase]:
    """Those whose captions are worked on: cached text encoder outputs are of the texts as they are."""
    for dataset in case.datasets if not caches_texts(case) else ():
        yield from read(dataset)


@rule("caption-separator-replaced")
def caption_separator_replaced(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, 'caption_separator')} becomes a comma", at=subset.at("caption_separator"))
        for subset in _subsets(case)
        if is_tagged(subset) and subset.get("caption_separator").strip() not in {"", ","}
    )


@rule("token-warmup-endless")
def token_warmup_endless(case: Case) -> Iterator[Hit]:
    steps = case.get("max_train_steps") if case.get("max_train_epochs") is None else None
    yield from once(
        Hit(what=f"{said(subset, 'token_warmup_step')} is beyond the last step {steps}", at=at)
        for subset in _subsets(case)
        if steps is not None and subset.get("token_warmup_step") > steps >= 1
        for at in [subset.at("token_warmup_step")]
    )
