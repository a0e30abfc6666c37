"""Image folders and the lists that stand for them."""

from pathlib import Path

from tests.rules.casebook import Entry
from tests.rules.cases_dataset import SECOND, SUBSET
from tests.rules.furnishing import Change, both, captioned, empty, image, latents, text

CACHE_INFO = {f"{SUBSET}.cache_info": True}
ON_DISK = {"training.cache_latents_to_disk": True}
ENTRY = '"%s/%s.png": {"caption": "a square", "resolution": [64, 64]}'


def _list(names: str) -> Change:
    """What `cache_info` left behind."""

    def change(folder: Path) -> None:
        entries = ", ".join(ENTRY % (folder.as_posix(), name) for name in names)
        (folder / "metadata_cache.json").write_text("{" + entries + "}", encoding="utf-8")

    return change


def _link(folder: Path) -> None:
    (folder / "gone.png").symlink_to("nowhere")


ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="missing-dir",
        trips={f"{SUBSET}.image_dir": "FOLDER/gone"},
        spares={f"{SUBSET}.image_dir": "FOLDER"},
        what="no training images: the image folder does not exist",
        program="no data",
    ),
    Entry(
        rule="missing-dir",
        trips={f"{SECOND}.image_dir": "FOLDER/gone"},
        spares={f"{SECOND}.image_dir": "FOLDER/gone", f"{SECOND}.num_repeats": 0},
        what="no training images: the image folder does not exist",
        program="goes on",
    ),
    Entry(
        rule="missing-dir",
        trips={f"{SUBSET}.image_dir": "FOLDER/a.png"},
        spares={f"{SUBSET}.image_dir": "FOLDER"},
        what="no training images: this is a file, not an image folder",
        program="no data",
    ),
    Entry(
        rule="empty-dir",
        trips={f"{SUBSET}.image_dir": "FOLDER/more"},
        spares={f"{SUBSET}.image_dir": "FOLDER/more"},
        what="no training images: the folder holds none",
        program="no data",
        trips_files=empty("more"),
        spares_files=captioned("more/a.png"),
    ),
    Entry(
        rule="empty-dir",
        trips={f"{SECOND}.image_dir": "FOLDER/more", "dataset.general.validation_split": 0.1},
        spares={f"{SECOND}.image_dir": "FOLDER/more", "dataset.general.validation_split": 0.1},
        what="no training images: the folder holds none",
        program="dies",
        says="not enough values to unpack",
        trips_files=empty("more"),
        spares_files=captioned("more/a.png"),
    ),
    Entry(
        rule="not-files",
        trips={},
        spares={},
        what="sd-scripts would list these as images and fail to open them: e.png",
        program="dies",
        says="IsADirectoryError",
        trips_files=empty("e.png"),
        spares_files=empty("e"),
    ),
    Entry(
        rule="not-files",
        trips={},
        spares={},
        what="sd-scripts would list these as images and fail to open them: gone.png",
        program="dies",
        says="FileNotFoundError",
        trips_files=_link,
    ),
    Entry(
        rule="image-unreadable",
        trips={},
        spares={},
        what="files that cannot be read: e.png",
        program="dies",
        says="ZeroDivisionError",
        trips_files=text("e.png", "no image"),
        spares_files=text("e.md", "no image"),
    ),
    Entry(
        rule="images-ignored",
        trips={},
        spares={},
        what="files that look like images and are not read: 1 .Png, 1 .gif",
        program="goes on",
        trips_files=both(captioned("e.Png"), captioned("e.gif")),
        spares_files=both(captioned("e.PNG"), captioned("f.webp")),
    ),
    Entry(
        rule="stem-twice",
        trips={},
        spares={},
        what="captions that belong to more than one image: a.jpg and a.png",
        program="goes on",
        trips_files=image("a.jpg"),
        spares_files=captioned("e.jpg"),
    ),
    Entry(
        rule="stem-latents",
        trips=ON_DISK,
        spares=ON_DISK,
        what="a.jpg and a.png share one file of cached latents",
        program="goes on",
        trips_files=image("a.jpg"),
        spares_files=image("a.jpg", (128, 64)),
    ),
    Entry(
        rule="cache-info-old",
        trips=CACHE_INFO,
        spares=CACHE_INFO,
        what="images and captions are taken from metadata_cache.json, not from the folder",
        program="goes on",
        trips_files=_list("abcd"),
    ),
    Entry(
        rule="cache-info-broken",
        trips=CACHE_INFO,
        spares=CACHE_INFO,
        what="metadata_cache.json cannot be read",
        program="dies",
        says="JSONDecodeError",
        trips_files=text("metadata_cache.json", "{"),
        spares_files=_list("abcd"),
    ),
    Entry(
        rule="cache-info-empty",
        trips=CACHE_INFO,
        spares=CACHE_INFO,
        what="no training images: metadata_cache.json names none",
        program="no data",
        trips_files=_list(""),
        spares_files=_list("abcd"),
    ),
    Entry(
        rule="cache-info-gone",
        trips=CACHE_INFO,
        spares=CACHE_INFO,
        what="metadata_cache.json names images that are gone: e.png",
        program="dies",
        says="FileNotFoundError",
        trips_files=_list("abcde"),
        spares_files=_list("abcd"),
    ),
    Entry(
        rule="cache-info-new",
        trips=CACHE_INFO,
        spares=CACHE_INFO,
        what="images that metadata_cache.json does not name are not trained: d.png",
        program="goes on",
        trips_files=_list("abc"),
        spares_files=_list("abcd"),
    ),
    Entry(
        rule="validation-split-captions",
        trips=CACHE_INFO | {"dataset.general.validation_split": 0.1},
        spares={"dataset.general.validation_split": 0.1},
        what="validation_split = 0.1 gives images the captions of others, with cache_info",
        program="goes on",
        trips_files=_list("abcd"),
    ),
    Entry(
        rule="image-squeezed",
        trips={},
        spares={},
        what="the names of cached latents give images a wrong size: a.png (64x64 taken for 128x64)",
        program="goes on",
        trips_files=both(captioned("ab.png", (128, 64)), latents("ab_0128x0064_sdxl")),
        spares_files=both(captioned("ab.png", (128, 64)), latents("ab_0128x0064_sdxl"), latents("a_0064x0064_sdxl")),
    ),
    Entry(
        rule="image-squeezed",
        trips={},
        spares=ON_DISK,
        what="the names of cached latents give images a wrong size: a.png (64x64 taken for 128x64)",
        program="goes on",
        trips_files=latents("a_0128x0064_sdxl"),
        spares_files=latents("a_0128x0064_sdxl"),
    ),
    Entry(
        rule="latent-cache-name",
        trips={},
        spares={},
        what="a file called like the latents of an image has no size in its name",
        program="dies",
        says="ValueError",
        trips_files=latents("a_sdxl"),
        spares_files=latents("z_sdxl"),
    ),
)
