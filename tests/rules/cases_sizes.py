"""Resolution, buckets, and how images are cut and resized."""

from tests.rules.casebook import Entry
from tests.rules.cases_dataset import SECOND, SUBSET, WITHOUT_CACHES_OR_BUCKETS
from tests.rules.furnishing import both, captioned

SIZE = "dataset.datasets[0].resolution"
BUCKETS = "dataset.general.enable_bucket"
NO_BUCKETS = {BUCKETS: False, "dataset.general.min_bucket_reso": None, "dataset.general.max_bucket_reso": None} | {
    "dataset.general.bucket_reso_steps": None
}
LOWEST = "dataset.general.min_bucket_reso"
HIGHEST = "dataset.general.max_bucket_reso"
STEPS = "dataset.general.bucket_reso_steps"
NO_UPSCALE = "dataset.general.bucket_no_upscale"
FACES = f"{SUBSET}.face_crop_aug_range"

ENTRIES: tuple[Entry, ...] = (
    *(
        Entry(
            rule="resolution-count",
            trips={"training.resolution": text},
            spares={"training.resolution": "64, 64"},
            what=f'resolution = "{text}" is not a size or a pair of sizes',
            program="dies",
            says=says,
        )
        for text, says in (("64,64,64", "AssertionError"), ("64x64", "ValueError"), ("", "ValueError"))
    ),
    Entry(
        rule="resolution-missing",
        trips={SIZE: None},
        spares={SIZE: None, "training.resolution": "64"},
        what="no resolution is set",
        program="dies",
        says="resolution is required",
    ),
    Entry(
        rule="resolution-positive",
        trips=NO_BUCKETS | {SIZE: [64, 0]},
        spares=NO_BUCKETS | {SIZE: [64, 64]},
        what="resolution = [64, 0] is no size",
        program="dies",
        says="ZeroDivisionError",
    ),
    Entry(
        rule="resolution-positive",
        trips={SIZE: None, "training.resolution": "-64"},
        spares={"training.resolution": "-64"},
        what='resolution = "-64" is no size',
        program="dies",
        says="AssertionError",
    ),
    Entry(
        rule="res-multiple-32",
        trips=NO_BUCKETS | {SIZE: 72},
        spares=NO_BUCKETS | {SIZE: 71},
        what="a resolution of 72x72 without buckets does not fit the U-Net: not multiples of 32",
        program="dies",
        says="Sizes of tensors must match",
    ),
    Entry(
        rule="res-multiple-32",
        trips=NO_BUCKETS | {SIZE: [64, 16]},
        spares=NO_BUCKETS | {SIZE: [64, 32]},
        what="a resolution of 64x16 without buckets does not fit the U-Net: not multiples of 32",
        program="dies",
        says="Sizes of tensors must match",
    ),
    Entry(
        rule="resolution-rounded",
        trips={SIZE: 100},
        spares={SIZE: 128},
        what="a resolution of 100x100 in steps of 64 trains square images at 64x64",
        program="goes on",
    ),
    *(
        Entry(
            rule="no-bucket-sizes",
            trips=WITHOUT_CACHES_OR_BUCKETS | {f"{SUBSET}.image_dir": "FOLDER/more"} | changes,
            spares=WITHOUT_CACHES_OR_BUCKETS | {f"{SUBSET}.image_dir": "FOLDER/more"} | spares,
            what=f"1 of 1 image is not 64x64, and neither buckets nor cached latents resize it: {name}",
            program="dies",
            says=says,
            trips_files=captioned(f"more/{name}", size),
            spares_files=captioned(f"more/{name}", spared),
        )
        for name, size, spared, changes, spares, says in (
            ("e.png", (80, 64), (64, 64), {}, {}, "image too large"),
            ("e.png", (80, 64), (80, 64), {}, {f"{SUBSET}.random_crop": True}, "image too large"),
            ("e.png", (60, 64), (64, 64), {}, {}, "image size is small"),
            ("e_9_9_9_9.png", (96, 60), (96, 64), {FACES: [1.0, 2.0]}, {FACES: [1.0, 2.0]}, "small scale"),
        )
    ),
    Entry(
        rule="no-bucket-crop",
        trips=NO_BUCKETS,
        spares={},
        what="without buckets 1 of 5 images is cropped to 64x64: e.png",
        program="goes on",
        trips_files=captioned("e.png", (128, 64)),
        spares_files=captioned("e.png", (128, 64)),
    ),
    Entry(
        rule="resolution-header",
        trips={},
        spares={"training.resolution": "64"},
        what="the header of checkpoints will say 1024x1024, which no data set is trained at",
        program="goes on",
    ),
    Entry(
        rule="bucket-steps-positive",
        trips={STEPS: 0},
        spares={STEPS: 64},
        what="bucket_reso_steps = 0 is no step",
        program="dies",
        says="ZeroDivisionError",
    ),
    Entry(
        rule="bucket-steps-positive",
        trips={STEPS: -32},
        spares={STEPS: -32, NO_UPSCALE: True},
        what="bucket_reso_steps = -32 is no step",
        program="dies",
        says="ZeroDivisionError",
    ),
    Entry(
        rule="bucket-steps-32",
        trips={STEPS: 16},
        spares={STEPS: 32},
        what="bucket_reso_steps = 16 is no multiple of 32",
        program="dies",
        says="must be divisible by 32",
    ),
    Entry(
        rule="min-bucket",
        trips={LOWEST: 128},
        spares={LOWEST: 100},
        what="min_bucket_reso = 128 is above the shorter side of 64x64",
        program="dies",
        says="min_bucket_reso must be equal or less",
    ),
    Entry(
        rule="max-bucket",
        trips={SIZE: [128, 64], HIGHEST: 64},
        spares={SIZE: [128, 64], HIGHEST: 65},
        what="max_bucket_reso = 64 is below the longer side of 128x64",
        program="dies",
        says="max_bucket_reso must be equal or greater",
    ),
    Entry(
        rule="min-bucket-zero",
        trips={LOWEST: 32},
        spares={LOWEST: 32, NO_UPSCALE: True},
        what="min_bucket_reso = 32 is less than one step of 64",
        program="dies",
        says="ZeroDivisionError",
    ),
    Entry(
        rule="bucket-multiple",
        trips={LOWEST: 100},
        spares={LOWEST: 64},
        what="min_bucket_reso = 100 becomes 64, in steps of 64",
        program="goes on",
    ),
    Entry(
        rule="bucket-no-upscale-limits",
        trips={NO_UPSCALE: True},
        spares={NO_UPSCALE: True, LOWEST: None, HIGHEST: None, SIZE: 256},
        what="min_bucket_reso = 64 and max_bucket_reso = 128 limit no bucket, with bucket_no_upscale",
        program="goes on",
    ),
    Entry(
        rule="bucket-options-idle",
        trips={BUCKETS: None},
        spares=NO_BUCKETS,
        what="without enable_bucket there is no effect of min_bucket_reso, max_bucket_reso, bucket_reso_steps",
        program="goes on",
    ),
    Entry(
        rule="bucket-cap-1024",
        trips={SIZE: 128},
        spares={SIZE: 128, HIGHEST: 256},
        what="max_bucket_reso = 128 makes 1 of 5 images train at fewer pixels than 128x128",
        program="goes on",
        trips_files=captioned("e.png", (256, 64)),
        spares_files=captioned("e.png", (256, 64)),
    ),
    Entry(
        rule="bucket-none",
        trips={NO_UPSCALE: True},
        spares={},
        what="no bucket in steps of 64 holds e.png (64x50)",
        program="dies",
        says="ZeroDivisionError",
        trips_files=captioned("e.png", (64, 50)),
        spares_files=captioned("e.png", (64, 50)),
    ),
    *(
        Entry(
            rule="face-crop",
            trips={"training.face_crop_aug_range": text},
            spares={"training.face_crop_aug_range": "2.0,2.0"},
            what=f'face_crop_aug_range = "{text}" is not two ascending numbers',
            program="dies",
            says=says,
        )
        for text, says in (("2.0", "AssertionError"), ("4,2", "AssertionError"), ("two,four", "ValueError"))
    ),
    Entry(
        rule="face-crop-idle",
        trips={FACES: [1.0, 2.0]},
        spares=WITHOUT_CACHES_OR_BUCKETS | {FACES: [1.0, 2.0]},
        what="face_crop_aug_range has no effect with cached latents",
        program="goes on",
    ),
    Entry(
        rule="face-crop-idle",
        trips={FACES: [1.0, 2.0], "training.cache_latents": None},
        spares=WITHOUT_CACHES_OR_BUCKETS | {FACES: [1.0, 2.0]},
        what="face_crop_aug_range has no effect with buckets",
        program="goes on",
    ),
    Entry(
        rule="face-crop-names",
        trips={FACES: [1.0, 2.0], "training.cache_latents": None, f"{SUBSET}.image_dir": "FOLDER/more"},
        spares={f"{SUBSET}.image_dir": "FOLDER/more", "training.cache_latents": None},
        what="names that face_crop_aug_range cannot read: one_of_a_kind_1.png",
        program="dies",
        says="invalid literal for int()",
        trips_files=captioned("more/one_of_a_kind_1.png"),
        spares_files=captioned("more/one_of_a_kind_1.png"),
    ),
    Entry(
        rule="face-crop-zero",
        trips=WITHOUT_CACHES_OR_BUCKETS | {FACES: [0.0, 2.0], f"{SUBSET}.image_dir": "FOLDER/more"},
        spares=WITHOUT_CACHES_OR_BUCKETS | {FACES: [1.0, 2.0], f"{SUBSET}.image_dir": "FOLDER/more"},
        what="face_crop_aug_range = [0.0, 2.0] divides by 0 for e_50_50_20_20.png",
        program="dies",
        says="ZeroDivisionError",
        trips_files=captioned("more/e_50_50_20_20.png", (128, 128)),
        spares_files=captioned("more/e_50_50_20_20.png", (128, 128)),
    ),
    Entry(
        rule="face-crop-descending",
        trips=WITHOUT_CACHES_OR_BUCKETS | {FACES: [2.0, 1.0]},
        spares=WITHOUT_CACHES_OR_BUCKETS | {FACES: [1.0, 1.0]},
        what="face_crop_aug_range = [2.0, 1.0] is descending",
        program="goes on",
    ),
    Entry(
        rule="interpolation",
        trips={"dataset.general.resize_interpolation": "lanczos4"},
        spares={"dataset.general.resize_interpolation": "lanczos"},
        what='resize_interpolation = "lanczos4" is unknown',
        program="dies",
        says="is not a valid interpolation",
    ),
    Entry(
        rule="interpolation-subset",
        trips={f"{SUBSET}.resize_interpolation": "sinc", f"{SECOND}.image_dir": "FOLDER/more"},
        spares={f"{SUBSET}.resize_interpolation": "box", f"{SECOND}.image_dir": "FOLDER/more"},
        what='resize_interpolation = "sinc" is unknown, and is not checked here',
        program="goes on",
        trips_files=both(captioned("e.png", (200, 200)), captioned("more/a.png")),
        spares_files=both(captioned("e.png", (200, 200)), captioned("more/a.png")),
    ),
)
