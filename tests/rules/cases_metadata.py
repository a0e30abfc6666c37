"""Data sets with a metadata file."""

from pathlib import Path

from tests.rules.casebook import Entry
from tests.rules.cases_dataset import DESCRIBED, METADATA, SUBSET
from tests.rules.furnishing import both, captioned, latents, text

ON_DISK = {"training.cache_latents_to_disk": True}
LINES = {f"{SUBSET}.metadata_file": "FOLDER/images.jsonl"}


def _absolute(folder: Path) -> None:
    path = (folder / "a.png").as_posix()
    (folder / "images.json").write_text(f'{{"{path}": {{"caption": "a square"}}}}', encoding="utf-8")


ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="ft-needs-cache",
        trips=METADATA | {"training.cache_latents": None},
        spares=METADATA | {"training.cache_latents": None, "training.cache_latents_to_disk": True},
        what="a metadata_file needs cached latents",
        program="dies",
        says="'NoneType' object has no attribute 'cache_suffix'",
        trips_files=DESCRIBED,
        spares_files=DESCRIBED,
    ),
    Entry(
        rule="ft-metadata-missing",
        trips=METADATA,
        spares=METADATA,
        what="the metadata file is missing",
        program="dies",
        says="no metadata",
        spares_files=DESCRIBED,
    ),
    *(
        Entry(
            rule="ft-metadata-unreadable",
            trips=METADATA,
            spares=METADATA,
            what=f"the metadata file is not a table of images{why}",
            program="dies",
            says=says,
            trips_files=text("images.json", content),
            spares_files=DESCRIBED,
        )
        for content, says, why in (
            ("{", "JSONDecodeError", ": no JSON at line 1: Expecting property name enclosed in double quotes"),
            ("\ufeff{}", "JSONDecodeError", ": it begins with a byte order mark"),
            ('["a.png"]', "AttributeError", ""),
            ('{"a.png": "a square"}', "TypeError", ": what it says of a.png is no table"),
            ('{"a.png": {"image_size": "64"}}', "TypeError", ": image_size of a.png is not a pair of whole numbers"),
        )
    ),
    Entry(
        rule="ft-metadata-unreadable",
        trips=LINES,
        spares=LINES,
        what="the metadata file is not a table of images: no JSON at line 2: Expecting value",
        program="dies",
        says="JSONDecodeError",
        trips_files=text("images.jsonl", '{"image_path": "a.png"}\n\n'),
        spares_files=text("images.jsonl", '{"image_path": "a.png"}\n'),
    ),
    Entry(
        rule="ft-metadata-empty",
        trips=METADATA,
        spares=METADATA,
        what="no training images: the metadata file names none",
        program="no data",
        trips_files=text("images.json", "{}"),
        spares_files=DESCRIBED,
    ),
    Entry(
        rule="ft-relative-path",
        trips=METADATA | {f"{SUBSET}.image_dir": None},
        spares=METADATA | {f"{SUBSET}.image_dir": None},
        what="2 of 2 paths are relative, and there is no image_dir",
        program="dies",
        says="image_dir is required",
        trips_files=DESCRIBED,
        spares_files=_absolute,
    ),
    Entry(
        rule="ft-image-missing",
        trips=METADATA,
        spares=METADATA,
        what="1 of 1 image is not there: e.png",
        program="dies",
        says="FileNotFoundError",
        trips_files=text("images.json", '{"e.png": {"caption": "a square", "image_size": [64, 64]}}'),
        spares_files=DESCRIBED,
    ),
    Entry(
        rule="ft-image-missing",
        trips=METADATA | ON_DISK,
        spares=METADATA | ON_DISK,
        what="2 of 2 images are not there: a, b lack the suffix of their file",
        program="dies",
        says="FileNotFoundError",
        trips_files=both(latents("a"), latents("b"), text("images.json", '{"a": {"caption": "x"}, "b": {}}')),
        spares_files=DESCRIBED,
    ),
    Entry(
        rule="ft-caption-missing",
        trips=METADATA,
        spares=METADATA,
        what="1 of 2 images have no caption: b.png",
        program="goes on",
        trips_files=text("images.json", '{"a.png": {"tags": "x"}, "b.png": {"caption": " "}}'),
        spares_files=DESCRIBED,
    ),
    Entry(
        rule="ft-size-differs",
        trips=METADATA,
        spares=METADATA,
        what="image_size of 1 images is not their size: a.png",
        program="goes on",
        trips_files=text("images.json", '{"a.png": {"caption": "x", "image_size": [128, 64]}}'),
        spares_files=text("images.json", '{"a.png": {"caption": "x", "image_size": [64, 64]}}'),
    ),
    Entry(
        rule="ft-train-resolution",
        trips=METADATA,
        spares=METADATA,
        what="train_resolution of 1 image is not read",
        program="goes on",
        trips_files=text("images.json", '{"a.png": {"caption": "x", "train_resolution": [128, 64]}}'),
        spares_files=DESCRIBED,
    ),
    Entry(
        rule="latent-cache-stale",
        trips=METADATA | ON_DISK,
        spares=METADATA | ON_DISK,
        what="cached latents are older than their images: a_0064x0064_sdxl.npz",
        program="goes on",
        trips_files=both(DESCRIBED, latents(older=True)),
        spares_files=both(DESCRIBED, latents()),
    ),
    Entry(
        rule="ft-latents-image",
        trips=METADATA,
        spares=METADATA | ON_DISK,
        what="sd-scripts would open cached latents as images: those of a.png",
        program="dies",
        says="UnidentifiedImageError",
        trips_files=both(_absolute, latents()),
        spares_files=both(_absolute, latents()),
    ),
    Entry(
        rule="ft-latents-image",
        trips=METADATA | ON_DISK | {f"{SUBSET}.flip_aug": True},
        spares=METADATA | ON_DISK,
        what="sd-scripts would open cached latents as images: those of a.png",
        program="dies",
        says="UnidentifiedImageError",
        trips_files=both(_absolute, latents()),
        spares_files=both(_absolute, latents()),
    ),
    Entry(
        rule="ft-image-size",
        trips=METADATA,
        spares=METADATA,
        what="images without a bucket: a.png",
        program="dies",
        says="ZeroDivisionError",
        trips_files=text("images.json", '{"a.png": {"image_size": [0, 64]}}'),
        spares_files=text("images.json", '{"a.png": {"image_size": [64, 64]}}'),
    ),
    Entry(
        rule="ft-image-size",
        trips=METADATA | {"dataset.general.bucket_no_upscale": True},
        spares=METADATA,
        what="images without a bucket: e.png",
        program="dies",
        says="ZeroDivisionError",
        trips_files=both(captioned("e.png", (64, 50)), text("images.json", '{"e.png": {"caption": "a square"}}')),
        spares_files=both(captioned("e.png", (64, 50)), text("images.json", '{"e.png": {"caption": "a square"}}')),
    ),
    Entry(
        rule="ft-image-size",
        trips=METADATA,
        spares=METADATA | ON_DISK,
        what="images without a bucket: a.png",
        program="dies",
        says="ValueError",
        trips_files=both(_absolute, latents("a_sdxl")),
        spares_files=both(_absolute, latents()),
    ),
)
