"""Rules about caching latents and text encoder outputs: what it forbids, and what it makes void."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.rules.mask_options import TEXT_KEYS
from fork_wrapper.rules.reading import caches_latents, caches_texts, once, read, registered, said
from fork_wrapper.rules.rule import Hit, rule

AUGMENTATIONS = ("color_aug", "random_crop")
"""What changes images at every step (library/train_util.py:1099-1100)."""

RAW = (
    *("caption_dropout_every_n_epochs", "caption_prefix", "caption_suffix", "enable_wildcard", "secondary_separator"),
    *("keep_tokens", "keep_tokens_separator"),
)
"""What is done to captions after they are read, and is not refused beside cached text encoder outputs."""


@rule(
    "latent-cache-aug",
    "error",
    phase="dataset",
    when="cached latents, and color_aug or random_crop in any subset",
    why="Latents are made once; sd-scripts refuses what changes images at every step.",
    fix="unset it, or unset cache_latents and cache_latents_to_disk",
    source="sdxl_train.py:200-203, library/train_util.py:1099-1100",
)
def latent_cache_aug(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{key} cannot be used with cached latents", at=subset.at(key))
        for subset in _registered(case)
        for key in AUGMENTATIONS
        if subset.get(key) and caches_latents(case)
    )


def _registered(case: Case) -> Iterator[SubsetCase]:
    for dataset in case.datasets:
        yield from registered(dataset)


@rule(
    "te-cache-caption",
    "error",
    phase="dataset",
    when=f"cached text encoder outputs, and {', '.join(TEXT_KEYS[:-1])} or {TEXT_KEYS[-1]} in any subset",
    why="Captions are encoded once; sd-scripts refuses what changes them at every step.",
    fix="unset it, or unset cache_text_encoder_outputs and cache_text_encoder_outputs_to_disk",
    source="sdxl_train.py:205-208, library/train_util.py:1102-1113",
)
def te_cache_caption(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, key)} cannot be used with cached text encoder outputs", at=subset.at(key))
        for subset in _registered(case)
        for key in TEXT_KEYS
        if subset.get(key) > 0 and caches_texts(case)
    )


@rule(
    "te-cache-silent",
    "warning",
    phase="never",
    when=f"cached text encoder outputs, and {', '.join(RAW[:-1])} or {RAW[-1]}",
    why="Captions are encoded as they were read; nothing else is done to them, and nothing is said.",
    fix="unset it, or unset cache_text_encoder_outputs and cache_text_encoder_outputs_to_disk",
    source="library/strategy_sdxl.py:263-281, library/train_util.py:1697-1718",
)
def te_cache_silent(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, key)} has no effect on cached text encoder outputs", at=subset.at(key))
        for dataset in case.datasets
        for subset in (read(dataset) if caches_texts(case) else ())
        for key in RAW
        if subset.get(key) and not (isinstance(subset.get(key), int) and subset.get(key) < 0)
    )


@rule(
    "weighted-te-cache",
    "error",
    phase="start",
    when="weighted_captions with cached text encoder outputs",
    why="sd-scripts refuses it.",
    fix="unset one of the two",
    source="sdxl_train.py:106-108",
)
def weighted_te_cache(case: Case) -> Iterator[Hit]:
    if case.get("weighted_captions") and caches_texts(case):
        what = "weighted_captions cannot be used with cached text encoder outputs"
        yield Hit(what=what, at=case.at("weighted_captions"))


@rule(
    "train-te-cache",
    "error",
    phase="start",
    when="train_text_encoder with cached text encoder outputs",
    why="Outputs of encoders that learn change at every step; sd-scripts refuses it.",
    fix="unset one of the two",
    source="sdxl_train.py:109-111",
)
def train_te_cache(case: Case) -> Iterator[Hit]:
    if case.get("train_text_encoder") and caches_texts(case):
        what = "train_text_encoder cannot be used with cached text encoder outputs"
        yield Hit(what=what, at=case.at("train_text_encoder"))


@rule(
    "disk-latents-implies",
    "note",
    phase="never",
    when="cache_latents_to_disk without cache_latents",
    why="sd-scripts sets the other one as well.",
    fix="set cache_latents = true",
    source="library/train_util.py:4424-4428",
)
def disk_latents_implies(case: Case) -> Iterator[Hit]:
    if case.get("cache_latents_to_disk") and not case.get("cache_latents"):
        yield Hit(what="cache_latents_to_disk sets cache_latents too", at=case.at("cache_latents_to_disk"))


@rule(
    "disk-te-implies",
    "note",
    phase="never",
    when="cache_text_encoder_outputs_to_disk without cache_text_encoder_outputs",
    why="sd-scripts sets the other one as well.",
    fix="set cache_text_encoder_outputs = true",
    source="library/sdxl_train_util.py:371-377",
)
def disk_te_implies(case: Case) -> Iterator[Hit]:
    key = "cache_text_encoder_outputs_to_disk"
    if case.get(key) and not case.get("cache_text_encoder_outputs"):
        yield Hit(what=f"{key} sets cache_text_encoder_outputs too", at=case.at(key))


@rule(
    "vae-nan-cached",
    "warning",
    phase="never",
    when="cached latents from a VAE in fp16",
    why="SDXL's VAE overflows in fp16 for some images. The NaN is cached, on disk for good. A step with such an image "
    "has a loss of NaN, and the gradient scaler of fp16 skips it: where every step has one, nothing is learned at all.",
    fix='set no_half_vae = true, or mixed_precision = "bf16"',
    source="sdxl_train.py:216, library/strategy_base.py:475-540, sdxl_train.py:640-641",
)
def vae_nan_cached(case: Case) -> Iterator[Hit]:
    if _half_vae(case) and caches_latents(case):
        yield Hit(what="a VAE in fp16 may cache NaN for latents", at=case.at("no_half_vae"))


@rule(
    "vae-nan-uncached",
    "warning",
    phase="never",
    when="a VAE in fp16",
    why="SDXL's VAE overflows in fp16 for some images. NaN in latents becomes zeros, with a line in the log for every "
    "batch that had some.",
    fix='set no_half_vae = true, or mixed_precision = "bf16"',
    source="sdxl_train.py:216, sdxl_train.py:643-650",
)
def vae_nan_uncached(case: Case) -> Iterator[Hit]:
    if _half_vae(case) and not caches_latents(case):
        yield Hit(what="a VAE in fp16 may turn images into nothing", at=case.at("no_half_vae"))


def _half_vae(case: Case) -> bool:
    """Whether the VAE runs in fp16, and is not by its name the one that was made for it (sdxl-vae-fp16-fix)."""
    made_for_it = "fp16" in (case.get("vae") or "").lower()
    return case.get("mixed_precision") == "fp16" and not case.get("no_half_vae") and not made_for_it


@rule(
    "vae-batch-size",
    "error",
    phase="model",
    when="cached latents, and vae_batch_size below 1",
    why="As many threads read images ahead, and there is no pool of none.",
    fix="set vae_batch_size = 1, or more",
    source="library/train_util.py:1162-1166",
)
def vae_batch_size(case: Case) -> Iterator[Hit]:
    if case.get("vae_batch_size") < 1 and caches_latents(case):
        yield Hit(what=f"vae_batch_size = {case.get('vae_batch_size')} is no batch", at=case.at("vae_batch_size"))


@rule(
    "workers-negative",
    "error",
    phase="model",
    when="max_data_loader_n_workers below 0",
    why="torch refuses it, once the model is loaded.",
    fix="set max_data_loader_n_workers = 0, or more",
    source="sdxl_train.py:426-435",
)
def workers_negative(case: Case) -> Iterator[Hit]:
    key = "max_data_loader_n_workers"
    if case.get(key) < 0:
        yield Hit(what=f"{key} = {case.get(key)} is no number of workers", at=case.at(key))


@rule(
    "skip-cache-check-idle",
    "warning",
    phase="never",
    when="skip_cache_check without cache_latents_to_disk",
    why="It is about latents on disk; it is not handed on for text encoder outputs.",
    fix="unset skip_cache_check",
    source="sdxl_train.py:131-136, sdxl_train.py:324-326, library/strategy_base.py:448-453",
)
def skip_cache_check_idle(case: Case) -> Iterator[Hit]:
    if case.get("skip_cache_check") and not case.get("cache_latents_to_disk"):
        yield Hit(what="skip_cache_check has no effect without cache_latents_to_disk", at=case.at("skip_cache_check"))


@rule(
    "latent-cache-shared",
    "warning",
    phase="never",
    when="cache_latents_to_disk, and one image folder in two data sets that make different buckets of it",
    why="The name of cached latents tells the image's size and not the bucket's: the second data set trains with the "
    "latents of the first, or dies where they do not fit together in a batch.",
    fix="unset cache_latents_to_disk and set cache_latents, or copy the images to a folder of their own",
    source="library/strategy_sd.py:152-157, library/strategy_base.py:448-472",
)
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
