"""What caching forbids and makes void, and the files that it leaves."""

from typing import Any

from tests.rules.casebook import Entry
from tests.rules.cases_dataset import OTHER, SUBSET
from tests.rules.furnishing import Change, both, latents, npz, outputs, text

DISK = {"training.cache_latents_to_disk": True}
TEXTS = {"training.cache_text_encoder_outputs": True}
TEXTS_ON_DISK = TEXTS | {"training.cache_text_encoder_outputs_to_disk": True}
SKIP = {"training.skip_cache_check": True}
HALF = {"training.mixed_precision": "fp16", "training.no_half_vae": None}
FILE = "a_0064x0064_sdxl.npz"
TEXT_FILE = "a_te_outputs.npz"


def _left(rule: str, changes: dict[str, Any], what: str, left: Change, spared: Change, says: str = "") -> Entry:
    """An entry about a file that an earlier run left."""
    return Entry(
        rule=rule,
        trips=changes,
        spares=changes,
        what=what,
        program="dies" if says else "goes on",
        says=says,
        trips_files=left,
        spares_files=spared,
    )


ENTRIES: tuple[Entry, ...] = (
    *(
        Entry(
            rule="latent-cache-aug",
            trips={f"{SUBSET}.{key}": True},
            spares={f"{SUBSET}.{key}": True, "training.cache_latents": None},
            what=f"{key} cannot be used with cached latents",
            program="dies",
            says="when caching latents",
        )
        for key in ("color_aug", "random_crop")
    ),
    *(
        Entry(
            rule="te-cache-caption",
            trips=TEXTS | {f"{SUBSET}.{key}": value},
            spares={f"{SUBSET}.{key}": value},
            what=f"{key} = {said} cannot be used with cached text encoder outputs",
            program="dies",
            says="when caching text encoder output",
        )
        for key, value, said in (
            ("shuffle_caption", True, "true"),
            ("caption_dropout_rate", 0.1, "0.1"),
            ("caption_tag_dropout_rate", 0.1, "0.1"),
            ("token_warmup_step", 1, "1"),
        )
    ),
    *(
        Entry(
            rule="te-cache-silent",
            trips=TEXTS | {f"{SUBSET}.{key}": value},
            spares={f"{SUBSET}.{key}": value},
            what=f"{key} = {said} has no effect on cached text encoder outputs",
            program="goes on",
        )
        for key, value, said in (
            ("caption_dropout_every_n_epochs", 2, "2"),
            ("caption_prefix", "a photo of", '"a photo of"'),
            ("enable_wildcard", True, "true"),
            ("secondary_separator", ";", '";"'),
        )
    ),
    Entry(
        rule="weighted-te-cache",
        trips=TEXTS | {"training.weighted_captions": True},
        spares={"training.weighted_captions": True},
        what="weighted_captions cannot be used with cached text encoder outputs",
        program="dies",
        says="weighted_captions is not supported when caching",
    ),
    Entry(
        rule="train-te-cache",
        trips={"training.cache_text_encoder_outputs_to_disk": True, "training.train_text_encoder": True},
        spares={"training.train_text_encoder": True},
        what="train_text_encoder cannot be used with cached text encoder outputs",
        program="dies",
        says="cache_text_encoder_outputs is not supported when training text encoder",
    ),
    Entry(
        rule="disk-latents-implies",
        trips=DISK | {"training.cache_latents": None},
        spares=DISK,
        what="cache_latents_to_disk sets cache_latents too",
        program="goes on",
    ),
    Entry(
        rule="disk-te-implies",
        trips=TEXTS_ON_DISK | {"training.cache_text_encoder_outputs": None},
        spares=TEXTS_ON_DISK,
        what="cache_text_encoder_outputs_to_disk sets cache_text_encoder_outputs too",
        program="goes on",
    ),
    Entry(
        rule="vae-nan-cached",
        trips=HALF,
        spares=HALF | {"training.no_half_vae": True},
        what="a VAE in fp16 may cache NaN for latents",
        program="not on a CPU",
        host={"cuda": True},
    ),
    Entry(
        rule="vae-nan-uncached",
        trips=HALF | {"training.cache_latents": None},
        spares=HALF | {"training.cache_latents": None, "training.no_half_vae": True},
        what="a VAE in fp16 may turn images into nothing",
        program="not on a CPU",
        host={"cuda": True},
    ),
    Entry(
        rule="vae-batch-size",
        trips={"training.vae_batch_size": 0},
        spares={"training.vae_batch_size": 0, "training.cache_latents": None},
        what="vae_batch_size = 0 is no batch",
        program="dies",
        says="max_workers must be greater than 0",
    ),
    Entry(
        rule="workers-negative",
        trips={"training.max_data_loader_n_workers": -1},
        spares={"training.max_data_loader_n_workers": 1},
        what="max_data_loader_n_workers = -1 is no number of workers",
        program="dies",
        says="num_workers option should be non-negative",
    ),
    Entry(
        rule="skip-cache-check-idle",
        trips=SKIP,
        spares=SKIP | DISK,
        what="skip_cache_check has no effect without cache_latents_to_disk",
        program="goes on",
    ),
    Entry(
        rule="latent-cache-shared",
        trips=DISK | {"dataset.datasets[1].resolution": 128, f"{OTHER}.image_dir": "FOLDER"},
        spares=DISK | {"dataset.datasets[1].resolution": 64, f"{OTHER}.image_dir": "FOLDER"},
        what=f"{OTHER} trains with the latents of {SUBSET}, which are of another resolution or bucket",
        program="goes on",
    ),
    Entry(
        rule="te-cache-shared",
        trips=TEXTS_ON_DISK
        | {f"{OTHER}.image_dir": "FOLDER", f"{OTHER}.caption_extension": ".tags"}
        | {"dataset.datasets[1].resolution": 64},
        spares=TEXTS_ON_DISK | {f"{OTHER}.image_dir": "FOLDER", "dataset.datasets[1].resolution": 64},
        what=f"{OTHER} trains with the captions that {SUBSET} cached",
        program="goes on",
        trips_files=both(*(text(f"{name}.tags", "square") for name in "abcd")),
    ),
    _left(
        "latent-cache-broken",
        DISK,
        f"cached latents cannot be read: {FILE}",
        text(FILE, b"PK\x03\x04no zip file"),
        latents(),
        "BadZipFile",
    ),
    _left(
        "latent-cache-incomplete",
        DISK | SKIP | {f"{SUBSET}.flip_aug": True},
        f"cached latents are incomplete: {FILE}, b_0064x0064_sdxl.npz, c_0064x0064_sdxl.npz and 1 more",
        both(*(latents(f"{name}_0064x0064_sdxl") for name in "abcd")),
        text("a.md"),
        "TypeError",
    ),
    _left(
        "latent-cache-incomplete",
        DISK,
        f"cached latents are incomplete: {FILE}",
        npz(FILE, latents=(4, 8, 8)),
        npz(FILE, crop_ltrb=(4,)),
        "KeyError",
    ),
    _left(
        "latent-cache-alpha",
        DISK | SKIP | {f"{SUBSET}.alpha_mask": True, "training.masked_loss": True},
        f"cached latents lack their alpha masks: {FILE}",
        latents(),
        npz(FILE, latents=(4, 8, 8), original_size=(2,), crop_ltrb=(4,), alpha_mask=(64, 64)),
    ),
    _left("latent-cache-nan", DISK, f"cached latents hold NaN: {FILE}", latents(nan=True), latents()),
    _left(
        "latent-cache-stale",
        DISK,
        f"cached latents are older than their images: {FILE}",
        latents(older=True),
        latents(),
    ),
    _left(
        "latent-cache-stale",
        DISK,
        f"cached latents are of another size: {FILE} (128x128 for 64x64)",
        latents(side=16),
        latents(),
    ),
    _left("old-npz", DISK, "files are taken for caches of latents: a.npz", latents("a"), latents()),
    _left(
        "te-cache-broken",
        TEXTS_ON_DISK,
        f"cached text encoder outputs cannot be read: {TEXT_FILE}",
        text(TEXT_FILE, ""),
        outputs(),
        "EOFError",
    ),
    _left(
        "te-cache-nan",
        TEXTS_ON_DISK,
        f"cached text encoder outputs hold NaN: {TEXT_FILE}",
        outputs(nan=True),
        outputs(),
    ),
    _left(
        "te-cache-stale",
        TEXTS_ON_DISK,
        f"cached text encoder outputs are older than their captions: {TEXT_FILE}",
        outputs(older=True),
        outputs(),
    ),
    _left(
        "te-cache-stale",
        TEXTS_ON_DISK,
        f"cached text encoder outputs are of another length: {TEXT_FILE} (227 tokens for 77)",
        outputs(227),
        outputs(),
    ),
)
