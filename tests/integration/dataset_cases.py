"""Small data sets on which each step of sd-scripts' layout matters, and some that it dies on.

Images are of one colour: only their sizes count.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

Size = tuple[int, int]

SIZES: tuple[Size, ...] = (
    *((512, 512), (1024, 1024), (1500, 900), (900, 1500), (832, 1216), (1216, 832), (333, 777), (640, 480)),
    *((1000, 999), (999, 1000), (2048, 1024), (768, 768), (100, 64), (64, 1000), (4000, 300), (300, 4000)),
)
MIXED = {f"{index:02d}.png": size for index, size in enumerate(SIZES)}
"""Common sizes, near squares and extremes, one image each."""
SQUARES = {f"{letter}.png": (64, 64) for letter in "abcdefg"}
"""Seven images of one size."""
TWO_KINDS = {**{f"s{index}.png": (64, 64) for index in range(7)}, **{f"w{index}.png": (128, 32) for index in range(5)}}
"""Which of them are held back shows in the buckets."""

SMALL = "resolution = 64\nenable_bucket = true\nmin_bucket_reso = 32\nmax_bucket_reso = 256\nbucket_reso_steps = 32\n"
A = '[[datasets.subsets]]\nimage_dir = "DIR/a"\n'
B = '[[datasets.subsets]]\nimage_dir = "DIR/b"\n'
LATENTS = {"cache_latents": True}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One configuration with its folders."""

    datasets: str
    """The dataset config; DIR stands for the folder of all folders."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Options of sdxl_train.py."""
    folders: Mapping[str, Mapping[str, Size]] = field(default_factory=lambda: {"a": MIXED})
    """Images of each folder."""
    also: Callable[[Path], None] = lambda _folder: None
    """Puts other files there."""
    processes: int = 1
    """Processes that train."""
    dies: str = ""
    """For what sd-scripts dies on: the problem that kft says beforehand."""

    def write(self, folder: Path) -> str:
        """Draw the images; the dataset config with its paths."""
        for name, images in self.folders.items():
            (folder / name).mkdir(parents=True)
            for image, size in images.items():
                Image.new("L", size, 128).save(folder / name / image)
        self.also(folder)
        return self.datasets.replace("DIR", folder.as_posix())


def one(values: str, subsets: str = A) -> str:
    """A single dataset."""
    return f"[[datasets]]\n{values}{subsets}"


def touch(*names: str) -> Callable[[Path], None]:
    """Make empty files."""

    def make(folder: Path) -> None:
        for name in names:
            (folder / name).touch()

    return make


def metadata(*sizes: Size, name: str = "DIR/a/{}.png") -> Callable[[Path], None]:
    """A metadata_cache.json of folder `a` that says other sizes than its images have."""

    def make(folder: Path) -> None:
        paths = [name.format(letter).replace("DIR", folder.as_posix()) for letter in "abcdefg"]
        entries = {path: {"caption": "x", "resolution": size} for path, size in zip(paths, sizes, strict=False)}
        (folder / "a" / "metadata_cache.json").write_text(json.dumps(entries), encoding="utf-8")

    return make


def bitmaps(folder: Path) -> None:
    """Files whose header imagesize does not know, and one that nobody knows but that has latents."""
    Image.new("L", (300, 100)).save(folder / "a" / "z1.bmp")
    Image.new("L", (100, 300)).save(folder / "a" / "z2.BMP")
    Image.new("L", (128, 32)).save(folder / "a" / "z3.webp")
    Image.new("L", (32, 128)).save(folder / "a" / "z4.jpeg")
    (folder / "a" / "z5.png").touch()
    (folder / "a" / "z5_0032x0256_sdxl.npz").touch()


def folders_below(folder: Path) -> None:
    """Images in a folder below and behind a link to a folder, which are not found, and a link to an image, which is."""
    (folder / "a" / "more").mkdir()
    Image.new("L", (128, 32)).save(folder / "a" / "more" / "w.png")
    with contextlib.suppress(OSError):  # Windows asks for rights that few have
        (folder / "a" / "linked").symlink_to(folder / "b", target_is_directory=True)
        (folder / "a" / "z.png").symlink_to(folder / "b" / "s0.png")


def described(files: Mapping[str, Mapping[str, Mapping[str, Any]]], *empty: str) -> Callable[[Path], None]:
    """Metadata files by name, DIR in image paths the folder of all folders; and empty files."""

    def make(folder: Path) -> None:
        for name, entries in files.items():
            said = {image.replace("DIR", folder.as_posix()): entry for image, entry in entries.items()}
            rows = "".join(json.dumps({"image_path": image, **entry}) + "\n" for image, entry in said.items())
            (folder / name).write_text(rows if name.endswith(".jsonl") else json.dumps(said), encoding="utf-8")
        touch(*empty)(folder)

    return make


def subset(name: str, folder: str = "", more: str = "") -> str:
    """One with a metadata file."""
    said = f'image_dir = "DIR/{folder}"\n' if folder else ""
    return f'[[datasets.subsets]]\nmetadata_file = "DIR/{name}"\n{said}{more}'


ALL = {name: {"caption": name} for name in MIXED}

DESCRIBED: Mapping[str, Example] = {
    "described": Example(
        datasets=one(f"{SMALL}batch_size = 3\n", subset("m.json", "a", "num_repeats = 2\n")),
        training=LATENTS,
        also=described({"m.json": ALL}),
    ),
    "described, in one bucket": Example(
        datasets=one("resolution = 64\nbatch_size = 3\n", subset("m.json", "a")),
        training=LATENTS,
        also=described({"m.json": ALL}),
    ),
    "described, with sizes": Example(
        datasets=one(SMALL, subset("m.jsonl", "a")),
        training=LATENTS,
        folders={"a": SQUARES},
        also=described(
            {"m.jsonl": {"a.png": {"image_size": [128, 32]}, "gone.png": {"image_size": [32, 128]}, "b.png": {}}}
        ),
    ),
    "described, in several folders": Example(
        datasets=one(f"{SMALL}batch_size = 2\n", subset("m.jsonl")),
        training=LATENTS,
        folders={"a": TWO_KINDS, "a/below": SQUARES, "b": SQUARES},
        also=described({"m.jsonl": {"DIR/a/w1.png": {}, "DIR/a/below/b.png": {"tags": "x"}, "DIR/b/a.png": {}}}),
    ),
    "described, with latents": Example(
        datasets=one(SMALL, subset("m.json", "a")),
        training=LATENTS,
        folders={"a": {"a.png": (64, 64), "ab.png": (64, 64), "c.png": (64, 64)}},
        also=described(
            {"m.json": {"DIR/a/a.png": {}, "DIR/a/ab.png": {}, "c.png": {}, "DIR/a/d.png": {"image_size": [64, 32]}}},
            *("a/ab_0128x0032_sdxl.npz", "a/a_0032x0128_sdxl.npz", "a/c_0032x0256_sdxl.npz"),
        ),
    ),
    "described, by a name that begins another": Example(
        datasets=one(SMALL, subset("m.json", "a")),
        training=LATENTS,
        folders={"a": SQUARES},
        also=described({"m.json": {"DIR/a/a.png": {}}}, "a/ab_0128x0032_sdxl.npz"),
    ),
    "described, the same path twice": Example(
        datasets=one(SMALL, subset("m.json", "a", "num_repeats = 3\n") + subset("n.json", "b")),
        training=LATENTS,
        folders={"a": SQUARES, "b": {"a.png": (128, 32), "z.png": (64, 64)}},
        also=described({"m.json": {"a.png": {}, "b.png": {}}, "n.json": {"a.png": {}, "z.png": {}}}),
    ),
    "described, what is left out": Example(
        datasets=one(
            SMALL,
            subset("m.json", "a")
            + subset("m.json", "b")
            + subset("n.json", "a", "num_repeats = 0\n")
            + subset("o.json", "a"),
        ),
        training=LATENTS,
        folders={"a": SQUARES, "b": TWO_KINDS},
        also=described({"m.json": {"a.png": {}}, "n.json": {"b.png": {}}, "o.json": {}}),
    ),
    "described, and never held back": Example(
        datasets=one(f"{SMALL}validation_split = 0.5\nvalidation_seed = 1\n", subset("m.json", "a")),
        training=LATENTS,
        folders={"a": SQUARES},
        also=described({"m.json": {name: {} for name in SQUARES}}),
    ),
    "described, never larger": Example(
        datasets=one("resolution = 512\nenable_bucket = true\nbucket_no_upscale = true\n", subset("m.json", "a")),
        training=LATENTS,
        also=described({"m.json": {name: {} for name in list(MIXED)[:8]}}),
    ),
    "described, of no size": Example(
        datasets=one(SMALL, subset("m.json", "a")),
        training=LATENTS,
        folders={"a": SQUARES},
        also=described({"m.json": {"a": {}}}),
        dies="the size of a cannot be read",
    ),
    "described, without a folder": Example(
        datasets=one(SMALL, subset("m.json")),
        training=LATENTS,
        folders={"a": SQUARES},
        also=described({"m.json": {"a.png": {}}}),
        dies="dataset.datasets[0].subsets[0] has no image_dir, and paths are relative",
    ),
    "described, by nothing": Example(
        datasets=one(SMALL, subset("m.json", "a")),
        training=LATENTS,
        folders={"a": SQUARES},
        dies="the metadata file is missing: DIR/m.json",
    ),
    "described, by anything": Example(
        datasets=one(SMALL, subset("m.json", "a")),
        training=LATENTS,
        folders={"a": SQUARES},
        also=touch("m.json"),
        dies="the metadata file is not a table of images: no JSON at line 1: Expecting value: DIR/m.json",
    ),
}
"""The images are named in a metadata file."""

EXAMPLES: Mapping[str, Example] = {
    **DESCRIBED,
    "one size": Example(datasets=one("resolution = 64\nbatch_size = 3\n"), folders={"a": SQUARES}),
    "one bucket for all": Example(datasets=one("resolution = [512, 768]\nbatch_size = 3\n")),
    "up to the default limit": Example(datasets=one("resolution = 1024\nbatch_size = 2\nenable_bucket = true\n")),
    "values at every level": Example(
        datasets='[general]\nflip_aug = true\ncaption_extension = ".caption"\nkeep_tokens = 1\n'
        + one(
            'resolution = 64\nbatch_size = 2\nshuffle_caption = true\ncaption_extension = ".txt"\n',
            f'{A}keep_tokens = 2\nclass_tokens = "a cat"\n{B}is_reg = true\ncaption_dropout_rate = 0.2\n',
        ),
        folders={"a": SQUARES, "b": SQUARES},
        training={"caption_dropout_rate": 0.1, "caption_prefix": "x", "train_batch_size": 5, "token_warmup_step": 0.5},
    ),
    "a higher limit": Example(
        datasets=one("resolution = 1024\nbatch_size = 2\nenable_bucket = true\nmax_bucket_reso = 2048\n")
    ),
    "a pair": Example(
        datasets=one("resolution = [832, 1216]\nbatch_size = 4\nenable_bucket = true\nmax_bucket_reso = 1536\n"),
        training={"max_train_epochs": 3, "gradient_accumulation_steps": 4},
    ),
    "small steps": Example(
        datasets=one("resolution = 512\nenable_bucket = true\nbucket_reso_steps = 32\nmin_bucket_reso = 64\n")
    ),
    "limits between steps": Example(
        datasets=one("resolution = 768\nenable_bucket = true\nmin_bucket_reso = 200\nmax_bucket_reso = 1000\n")
    ),
    "never larger": Example(
        datasets=one("resolution = 512\nbatch_size = 2\nenable_bucket = true\nbucket_no_upscale = true\n"),
        training={"max_train_steps": 100},
    ),
    "never larger, small steps": Example(
        datasets=one(
            "resolution = [640, 512]\nenable_bucket = true\nbucket_no_upscale = true\nbucket_reso_steps = 32\n"
        )
    ),
    "never larger, but without buckets": Example(datasets=one("resolution = 512\nbucket_no_upscale = true\n")),
    "repeats by subset": Example(
        datasets=one(f"{SMALL}batch_size = 4\n", f"{A}num_repeats = 3\n{B}num_repeats = 2\n"),
        folders={"a": SQUARES, "b": TWO_KINDS},
        training={"max_train_epochs": 2},
        processes=2,
    ),
    "two resolutions of one folder": Example(
        datasets=one(f"{SMALL}batch_size = 4\n") + one("resolution = 128\nbatch_size = 3\n", f"{A}num_repeats = 2\n"),
        folders={"a": TWO_KINDS},
        training={"max_train_epochs": 5, "gradient_accumulation_steps": 3},
        processes=3,
    ),
    "values from above": Example(
        datasets="[general]\nenable_bucket = true\nnum_repeats = 2\n" + one("", f"{A}{B}num_repeats = 1\n"),
        training={"resolution": "512,768", "train_batch_size": 3, "dataset_repeats": 9, "min_bucket_reso": 128},
        folders={"a": MIXED, "b": SQUARES},
    ),
    "few for regularization": Example(
        datasets=one(f"{SMALL}batch_size = 2\n", f"{A}{B}is_reg = true\n"),
        folders={"a": SQUARES, "b": {"1.png": (64, 64), "2.png": (128, 32), "3.png": (32, 128)}},
    ),
    "few for regularization, repeated": Example(
        datasets=one(f"{SMALL}batch_size = 2\n", f"{B}is_reg = true\nnum_repeats = 2\n{A}num_repeats = 3\n"),
        folders={"a": TWO_KINDS, "b": {"1.png": (64, 64), "2.png": (128, 32), "3.png": (32, 128)}},
    ),
    "many for regularization": Example(
        datasets=one(f"{SMALL}batch_size = 2\n", f"{A}{B}is_reg = true\nnum_repeats = 2\n"),
        folders={"a": SQUARES, "b": TWO_KINDS},
    ),
    "only for regularization": Example(
        datasets=one(SMALL) + one(SMALL, f"{B}is_reg = true\n"), folders={"a": SQUARES, "b": TWO_KINDS}
    ),
    "the same folder twice": Example(
        datasets=one(SMALL, f"{A}num_repeats = 2\n{A}num_repeats = 5\nis_reg = true\n"), folders={"a": SQUARES}
    ),
    "the same folder, spelled otherwise": Example(
        datasets=one(SMALL, f'{A}num_repeats = 2\n[[datasets.subsets]]\nimage_dir = "DIR/a//"\nnum_repeats = 3\n'),
        folders={"a": TWO_KINDS},
    ),
    "subsets that are left out": Example(
        datasets=one(
            SMALL, f'{A}num_repeats = 0\n{B}{A}[[datasets.subsets]]\nimage_dir = "DIR/gone"\n{B}num_repeats = 4\n'
        ),
        folders={"a": SQUARES, "b": {}},
    ),
    "nothing at all": Example(datasets=one(SMALL), folders={"a": {}}),
    "held back, with a seed": Example(
        datasets=one(f"{SMALL}validation_split = 0.3\nvalidation_seed = 5\n", f"{A}{B}is_reg = true\n"),
        folders={"a": TWO_KINDS, "b": {"1.png": (32, 128), **TWO_KINDS, "z.png": (128, 32)}},
    ),
    "held back, with the training's seed": Example(
        datasets=one(f"{SMALL}validation_split = 0.25\n", A + B) + one(f"{SMALL}validation_split = 0.5\n", A),
        folders={"a": TWO_KINDS, "b": TWO_KINDS},
        training={"seed": 7},
    ),
    "held back, more than there are": Example(
        datasets=one(f"{SMALL}validation_split = 1.5\nvalidation_seed = 1\n"), folders={"a": TWO_KINDS}
    ),
    "sizes from the names of latents": Example(
        datasets=one(f"{SMALL}batch_size = 2\n"),
        training=LATENTS,
        folders={"a": SQUARES},
        also=touch("a/a_0128x0032_sdxl.npz", "a/c_0032x0128_sdxl.npz", "a/zz_0032x0256_sdxl.npz"),
    ),
    "names of latents without the option": Example(
        datasets=one(SMALL), folders={"a": SQUARES}, also=touch("a/a_0128x0032_sdxl.npz")
    ),
    "latents of a longer name": Example(
        datasets=one(SMALL),
        training={"cache_latents_to_disk": True},
        folders={"a": {"i1.png": (64, 64), "i10.png": (64, 64), "i-1.png": (64, 64), "j.png": (64, 64)}},
        also=touch("a/i10_0128x0032_sdxl.npz", "a/i-1_0032x0128_sdxl.npz", "a/ja_b_0256x0032_sdxl.npz"),
    ),
    "two latents of one image": Example(
        datasets=one(SMALL),
        training=LATENTS,
        folders={"a": {"x.png": (64, 64), "x.webp": (64, 64)}},
        also=touch("a/x_0032x0128_sdxl.npz", "a/x_0128x0032_sdxl.npz"),
    ),
    "a folder with signs of glob": Example(
        datasets=one(SMALL, '[[datasets.subsets]]\nimage_dir = "DIR/[a] b"\n'),
        training=LATENTS,
        folders={"[a] b": SQUARES},
        also=touch("[a] b/a_0128x0032_sdxl.npz"),
    ),
    "other kinds of files": Example(
        datasets=one(SMALL), training=LATENTS, folders={"a": {"a.png": (64, 64)}}, also=bitmaps
    ),
    "metadata that is there": Example(
        datasets=one(f"{SMALL}cache_info = true\n"),
        training=LATENTS,
        folders={"a": SQUARES},
        also=metadata((128, 32), (32, 128), (64, 64), (128, 32)),
    ),
    "metadata that is not asked for": Example(datasets=one(SMALL), folders={"a": SQUARES}, also=metadata((128, 32))),
    "metadata that is to be written": Example(
        datasets=one(SMALL, f"{A}cache_info = true\n"),
        training=LATENTS,
        folders={"a": SQUARES},
        also=touch("a/a_0128x0032_sdxl.npz"),
    ),
    "masks": Example(
        datasets=one(f"{SMALL}batch_size = 2\n", f'{A}num_repeats = 2\nconditioning_data_dir = "DIR/b"\n'),
        training={"masked_loss": True, **LATENTS},
        folders={"a": TWO_KINDS, "b": TWO_KINDS},
    ),
    "a header that is missing": Example(
        datasets=one(SMALL), also=touch("a/none.png"), dies="the size of DIR/a/none.png cannot be read"
    ),
    "a folder called like an image": Example(
        datasets=one(SMALL),
        also=lambda folder: (folder / "a" / "x.png").mkdir(),
        dies="the size of DIR/a/x.png cannot be read",
    ),
    "folders below and links": Example(datasets=one(SMALL), folders={"a": SQUARES, "b": TWO_KINDS}, also=folders_below),
    "latents without a size": Example(
        datasets=one(SMALL),
        training=LATENTS,
        folders={"a": SQUARES},
        also=touch("a/a_sdxl.npz"),
        dies="a file in DIR/a is named like latents and gives no size",
    ),
    "no resolution": Example(datasets=one("enable_bucket = true\n"), dies="it has no resolution"),
    "too high a lower limit": Example(
        datasets=one("resolution = [512, 128]\nenable_bucket = true\n"),
        dies="min_bucket_reso 256 is more than the shorter side of 512 x 128",
    ),
    "too low an upper limit": Example(
        datasets=one("resolution = 1088\nenable_bucket = true\n"),
        dies="max_bucket_reso 1024 is less than the longer side of 1088 x 1088",
    ),
    "no lower limit": Example(
        datasets=one("resolution = 512\nenable_bucket = true\nmin_bucket_reso = 63\n"),
        dies="min_bucket_reso 63 is less than one bucket_reso_steps of 64",
    ),
    "lower than a step": Example(
        datasets=one("resolution = 512\nenable_bucket = true\nbucket_no_upscale = true\n"),
        folders={"a": {"a.png": (100, 63)}},
        dies="an image of 100 x 63 is less than one step of 64 high",
    ),
    "too long for steps": Example(
        datasets=one("resolution = 256\nenable_bucket = true\nbucket_no_upscale = true\n"),
        folders={"a": {"a.png": (8000, 40)}},
        dies="an image of 8000 x 40 has no bucket: one side is less than a step of 64",
    ),
    "steps of nothing": Example(
        datasets=one("resolution = 512\nenable_bucket = true\nbucket_reso_steps = 0\n"), dies="bucket_reso_steps is 0"
    ),
    "batches of nothing": Example(datasets=one("resolution = 512\nbatch_size = 0\n"), dies="batch_size is 0"),
    "a split of nothing": Example(
        datasets=one("resolution = 512\nvalidation_split = 0.5\nvalidation_seed = 1\n"),
        folders={"a": {}},
        dies="validation_split has no images to split in dataset.datasets[0].subsets[0]",
    ),
    "damaged metadata": Example(
        datasets=one(f"{SMALL}cache_info = true\n"),
        folders={"a": SQUARES},
        also=touch("a/metadata_cache.json"),
        dies="metadata_cache.json in DIR/a cannot be read",
    ),
    "no folder": Example(
        datasets=one(SMALL, "[[datasets.subsets]]\nnum_repeats = 1\n"),
        dies="dataset.datasets[0].subsets[0] has no image_dir",
    ),
}
"""By what each is about."""
