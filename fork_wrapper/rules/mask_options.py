"""Rules about options and masks: what a data set with masks does not do, and masks that are never applied."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.rules.reading import by, caches_latents, caches_texts, listed, once, placed, read, said
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.words import counted

WEIGHTS = ("min_snr_gamma", "scale_v_pred_loss_like_noise_pred", "v_pred_like_loss", "debiased_estimation_loss")
"""Options that make sd-scripts compute the loss pixel by pixel, and apply alpha masks on the way."""

TEXT_KEYS = ("shuffle_caption", "caption_dropout_rate", "caption_tag_dropout_rate", "token_warmup_step")
"""What cached text encoder outputs cannot follow (library/train_util.py:1102-1113)."""


def _masked(case: Case) -> Iterator[tuple[DatasetCase, SubsetCase]]:
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind == "masked" else ():
            yield dataset, subset


@rule(
    "mask-random-crop",
    "error",
    phase="dataset",
    when="random_crop in a data set with masks",
    why="Masks are not cropped along, so sd-scripts refuses it.",
    fix="set random_crop = false",
    source="library/train_util.py:2394-2397",
)
def mask_random_crop(case: Case) -> Iterator[Hit]:
    subsets = [subset for dataset in case.datasets if dataset.kind == "masked" for subset in dataset.subsets]
    yield from once(
        Hit(what="random_crop cannot be used with masks", at=subset.at("random_crop"))
        for subset in subsets
        if subset.get("random_crop")
    )


@rule(
    "mask-checks-bypassed",
    "warning",
    phase="never",
    when="in a data set with masks, color_aug or changes to captions beside the cache that makes them void",
    why="Without masks sd-scripts refuses this. Here its check looks at an empty list of subsets, and what is cached "
    "stays as it is.",
    fix="remove it, or the cache",
    source="library/train_util.py:2391-2443, library/train_util.py:1093-1113",
)
def mask_checks_bypassed(case: Case) -> Iterator[Hit]:
    latents = ("color_aug",) if caches_latents(case) else ()
    texts = TEXT_KEYS if caches_texts(case) else ()
    yield from once(
        Hit(what=f"{said(subset, key)} has no effect on what is cached", at=subset.at(key))
        for _dataset, subset in _masked(case)
        for key in (*latents, *texts)
        if subset.get(key) > 0
    )


@rule(
    "mask-bucket-steps",
    "warning",
    phase="never",
    when="in a data set with masks, buckets in steps that are no multiple of 32",
    why="Without masks sd-scripts refuses this. Here training goes on until a batch comes from a bucket that does not "
    "fit the U-Net.",
    fix="set bucket_reso_steps = 64, or 32",
    source="library/train_util.py:2391-2443, library/train_util.py:1093-1097, sdxl_train.py:189",
)
def mask_bucket_steps(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(dataset, 'bucket_reso_steps')} is no multiple of 32", at=dataset.at("bucket_reso_steps"))
        for dataset, _subset in _masked(case)
        if dataset.get("enable_bucket") and dataset.get("bucket_reso_steps") % 32
    )


@rule(
    "mask-bucket-size",
    "error",
    phase="step",
    when="in a data set with masks, an image in a bucket that does not fit the U-Net",
    why="The VAE divides its sides by 8 and the U-Net by 4 again; with a rest, what comes back does not fit what it "
    "meets.",
    fix="set bucket_reso_steps = 64, or 32",
    source="library/sdxl_original_unet.py:788-792, library/train_util.py:1093-1097",
)
def mask_bucket_size(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        if one.dataset.kind == "masked" and one.dataset.get("enable_bucket"):
            buckets = {place.bucket for _name, place in placed(case, one)}
            wrong = sorted(size for size in buckets if any(side < 32 or side % 32 > 7 for side in size))
            if wrong:
                yield one.hit(f"images with masks are in buckets that do not fit the U-Net: {by(wrong[0])}")


@rule(
    "mask-dropout-epochs",
    "warning",
    phase="never",
    when="caption_dropout_every_n_epochs in a data set with masks",
    why="The epoch is told to an outer data set, and captions are dropped by an inner one, for which it stays 0: the "
    "captions of every epoch are dropped.",
    fix="remove it",
    source="library/train_util.py:829-834, library/train_util.py:781-795, library/train_util.py:2427-2443",
)
def mask_dropout_epochs(case: Case) -> Iterator[Hit]:
    key = "caption_dropout_every_n_epochs"
    yield from once(
        Hit(what=f"{said(subset, key)} drops every caption of a data set with masks", at=subset.at(key))
        for _dataset, subset in _masked(case)
        if subset.get(key) > 0 and not caches_texts(case)
    )


@rule(
    "mask-token-warmup",
    "warning",
    phase="never",
    when="token_warmup_step in a data set with masks",
    why="The step is told to an outer data set, and tags are counted by an inner one, where it stays 0: whole steps "
    "leave every caption at token_warmup_min tags for ever, a fraction of all steps is no warm-up at all.",
    fix="remove it",
    source="library/train_util.py:890-899, library/train_util.py:794-798, library/train_util.py:2427-2443",
)
def mask_token_warmup(case: Case) -> Iterator[Hit]:
    for _dataset, subset in _masked(case):
        steps = subset.get("token_warmup_step")
        if steps > 0 and not caches_texts(case):
            effect = (
                f"leaves captions at {counted(subset.get('token_warmup_min'), 'tag')}"
                if steps >= 1
                else "has no effect"
            )
            what = f"{said(subset, 'token_warmup_step')} {effect} in a data set with masks"
            yield from once([Hit(what=what, at=subset.at("token_warmup_step"))])


@rule(
    "masked-loss-idle",
    "warning",
    phase="never",
    when="masked_loss without a mask",
    why="The loss is computed pixel by pixel, and then counts everywhere.",
    fix="set alpha_mask = true or conditioning_data_dir in the subsets, or unset masked_loss",
    source="library/custom_train_functions.py:487-498",
)
def masked_loss_idle(case: Case) -> Iterator[Hit]:
    has_masks = any(dataset.kind == "masked" for dataset in case.datasets)
    if case.get("masked_loss") and not has_masks and not any(subset.get("alpha_mask") for subset in case.subsets):
        yield Hit(what="masked_loss is set, and no subset has masks", at=case.at("masked_loss"))


@rule(
    "alpha-mask-ignored",
    "warning",
    phase="never",
    when=f"alpha_mask without masked_loss, {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}",
    why="The masks are read and cached, and the loss is computed without them.",
    fix="set masked_loss = true",
    source="sdxl_train.py:714-738",
)
def alpha_mask_ignored(case: Case) -> Iterator[Hit]:
    if not any(case.get(key) for key in ("masked_loss", *WEIGHTS)):
        yield from once(
            Hit(what="alpha_mask is never applied", at=subset.at("alpha_mask"))
            for dataset in case.datasets
            for subset in read(dataset)
            if subset.get("alpha_mask") and dataset.kind != "masked"
        )


@rule(
    "alpha-mask-beside-masks",
    "warning",
    phase="never",
    when="alpha_mask under [training], and only data sets with masks",
    why="Such a data set takes masks from its folder, and its images without an alpha channel.",
    fix="remove alpha_mask, or the folder of masks",
    source="library/train_util.py:644-646",
)
def alpha_mask_beside_masks(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what="alpha_mask has no effect in a data set with masks", at=subset.at("alpha_mask"))
        for _dataset, subset in _masked(case)
        if subset.get("alpha_mask") and all(dataset.kind == "masked" for dataset in case.datasets)
    )
