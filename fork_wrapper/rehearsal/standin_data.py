"""The stand-in trainer's input: the two configuration files, images, captions, and batches of them.

Reads what sd-scripts reads, with the same library and the same order of precedence. It checks nothing (kft
has done that), builds no buckets (every image is cut to the resolution) and knows no metadata files, masks
or regularisation images. torch is imported only when a batch is made.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import toml

DEFAULTS: Mapping[str, Any] = {
    "gradient_accumulation_steps": 1,
    "huber_c": 0.1,
    "learning_rate": 2e-6,
    "log_tracker_name": "finetuning",
    "loss_type": "l2",
    "lr_scheduler": "constant",
    "lr_scheduler_num_cycles": 1,
    "lr_scheduler_power": 1.0,
    "lr_warmup_steps": 0,
    "max_grad_norm": 1.0,
    "max_token_length": 75,
    "max_train_steps": 1600,
    "mixed_precision": "no",
    "optimizer_type": "AdamW",
    "output_dir": ".",
}
"""sdxl_train.py's defaults, as far as the stand-in uses them; every other option is None."""

SUBSET_DEFAULTS: Mapping[str, Any] = {
    "batch_size": 1,
    "caption_dropout_rate": 0.0,
    "caption_extension": ".caption",
    "caption_separator": ",",
    "class_tokens": None,
    "flip_aug": False,
    "keep_tokens": 0,
    "num_repeats": 1,
    "shuffle_caption": False,
}
RENAMED: Mapping[str, str] = {"batch_size": "train_batch_size", "num_repeats": "dataset_repeats"}
"""Dataset keys whose training option has another name (library/config_util.py:261-264)."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
"""Compared without case; library/train_util.py:104 without its optional plug-ins."""

CHUNK = 75
"""Caption tokens that the text encoders read at once, between a begin and an end token."""


class Options(dict[str, Any]):
    """Training options by name; what neither the file nor the trainer sets is None."""

    def __missing__(self, name: str) -> Any:
        return DEFAULTS.get(name)


def flatten(tables: Mapping[str, Any]) -> Options:
    """Options without their sections, which mean nothing; later keys win (library/train_util.py:4748-4758)."""
    options = Options()
    for key, value in tables.items():
        options.update(value if isinstance(value, dict) else {key: value})
    return options


def read_options(path: Path) -> Options:
    """The options of a `--config_file`, read as sd-scripts reads it."""
    return flatten(toml.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True, kw_only=True)
class Subset:
    """One image folder and how it is used; `[[datasets.subsets]]`."""

    image_dir: Path
    num_repeats: int
    caption_extension: str
    caption_separator: str
    class_tokens: str | None
    """Caption of images without a caption file."""
    flip_aug: bool
    shuffle_caption: bool
    keep_tokens: int
    """Leading tags that shuffling leaves in place."""
    caption_dropout_rate: float
    """Share of captions replaced by the empty text, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Subsets that share a size and a batch size; `[[datasets]]`."""

    resolution: tuple[int, int]
    """Width and height in pixels."""
    batch_size: int
    subsets: tuple[Subset, ...]


def read_datasets(path: Path, options: Mapping[str, Any]) -> list[Dataset]:
    """The datasets of a `--dataset_config` with every value looked up."""
    return resolve_datasets(toml.loads(path.read_text(encoding="utf-8")), options)


def resolve_datasets(config: Mapping[str, Any], options: Mapping[str, Any]) -> list[Dataset]:
    """Every value from subset, dataset, general, option or default (library/config_util.py:437-471)."""
    general = config.get("general", {})
    return [_dataset(dataset, general, options) for dataset in config.get("datasets", [])]


def _dataset(dataset: Mapping[str, Any], general: Mapping[str, Any], options: Mapping[str, Any]) -> Dataset:
    resolution = _lookup("resolution", [dataset, general], options)
    if resolution is None:
        raise ValueError("no resolution: set it in the dataset config or as a training option")
    subsets = [_subset([subset, dataset, general], options) for subset in dataset.get("subsets", [])]
    return Dataset(
        resolution=parse_resolution(resolution),
        batch_size=_lookup("batch_size", [dataset, general], options),
        subsets=tuple(subset for subset in subsets if subset.num_repeats >= 1),
    )


def _subset(levels: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Subset:
    names = [name for name in Subset.__dataclass_fields__ if name != "image_dir"]
    values = {name: _lookup(name, levels, options) for name in names}
    return Subset(image_dir=Path(levels[0]["image_dir"]), **values)


def _lookup(name: str, levels: Iterable[Mapping[str, Any]], options: Mapping[str, Any]) -> Any:
    """The first value that is set; false, 0 and the empty text are set, None is not."""
    candidates = [*(level.get(name) for level in levels), options.get(RENAMED.get(name, name))]
    return next((value for value in candidates if value is not None), SUBSET_DEFAULTS.get(name))


def parse_resolution(value: Any) -> tuple[int, int]:
    """Width and height from 1024, [1024, 768], "1024" or "1024,768"."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    sizes = [int(part) for part in parts]
    return sizes[0], sizes[-1]


def find_images(folder: Path) -> list[Path]:
    """The images directly in `folder`, sorted by name; a folder that is not there holds none."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def read_caption(image: Path, subset: Subset) -> str:
    """First line of the caption file, or the class tokens, or nothing (library/train_util.py:1946-1970)."""
    path = image.parent / f"{image.stem}{subset.caption_extension}"
    if not path.is_file():
        return subset.class_tokens or ""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise ValueError(f"caption file is empty: {path}")
    return lines[0].strip()


def vary_caption(caption: str, subset: Subset, chance: random.Random) -> str:
    """The caption as one step sees it: dropped, or with its tags shuffled behind the kept ones."""
    if subset.caption_dropout_rate > 0 and chance.random() < subset.caption_dropout_rate:
        return ""
    if not subset.shuffle_caption:
        return caption
    tags = [tag.strip() for tag in caption.split(subset.caption_separator)]
    kept, loose = tags[: subset.keep_tokens], tags[subset.keep_tokens :]
    chance.shuffle(loose)
    return ", ".join(kept + loose)


def chunk_tokens(tokens: Sequence[int], pad: int, end: int) -> list[list[int]]:
    """Cut begin + n * 75 + end tokens into n rows that each begin and end like a whole caption.

    One row stays as it is. Where padding differs from the end token (text encoder 2), a row full of text is
    closed with an end token and an empty row starts with one; where they are equal (text encoder 1) both
    hold already.
    """
    if len(tokens) <= CHUNK + 2:
        return [list(tokens)]
    rows = []
    for start in range(1, len(tokens) - 1, CHUNK):
        text, last = list(tokens[start : start + CHUNK]), tokens[-1]
        if text[-1] not in (pad, end):
            last = end
        if text[0] == pad:
            text[0] = end
        rows.append([tokens[0], *text, last])
    return rows


@dataclass(frozen=True, kw_only=True)
class Example:
    """One image with its caption, as often in an epoch as its subset repeats it."""

    image: Path
    caption: str
    subset: Subset
    resolution: tuple[int, int]


class Batches:
    """All batches of an epoch, as a map-style dataset whose items are whole batches.

    A batch holds `pixels` (batch, 3, height, width) from -1 to 1, `captions`, and `sizes` (batch, 6):
    height and width of the file, top and left of the cut, height and width of the cut, in pixels.
    """

    def __init__(self, datasets: Iterable[Dataset], chance: random.Random) -> None:
        self._chance = chance
        self._examples = [(dataset.batch_size, _examples(dataset)) for dataset in datasets]
        self._batches = self._cut()

    @property
    def examples(self) -> int:
        """Images per epoch, repeats included."""
        return sum(len(examples) for _, examples in self._examples)

    def shuffle(self) -> None:
        """Put other examples together; the length stays."""
        for _, examples in self._examples:
            self._chance.shuffle(examples)
        self._batches = self._cut()

    def _cut(self) -> list[list[Example]]:
        return [
            examples[size * index : size * (index + 1)]
            for size, examples in self._examples
            for index in range(math.ceil(len(examples) / size))
        ]

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> dict[str, Any]:
        import torch  # noqa: PLC0415 - everything else in this module is plain Python

        batch = self._batches[index]
        pictures = [load_image(example, self._chance) for example in batch]
        captions = [vary_caption(example.caption, example.subset, self._chance) for example in batch]
        pixels = torch.stack([pixels for pixels, _ in pictures])
        return {
            "pixels": pixels,
            "captions": captions,
            "sizes": torch.tensor([sizes for _, sizes in pictures]),
        }


def _examples(dataset: Dataset) -> list[Example]:
    return [
        Example(image=image, caption=caption, subset=subset, resolution=dataset.resolution)
        for subset in dataset.subsets
        for image in find_images(subset.image_dir)
        for caption in [read_caption(image, subset)]
        for _ in range(subset.num_repeats)
    ]


def load_image(example: Example, chance: random.Random) -> tuple[Any, list[float]]:
    """The image scaled and cut around its centre, as (3, height, width) from -1 to 1, and its six sizes."""
    import torch  # noqa: PLC0415
    from PIL import Image, ImageOps  # noqa: PLC0415

    width, height = example.resolution
    with Image.open(example.image) as opened:
        whole = opened.convert("RGB")
    cut = ImageOps.fit(whole, (width, height), Image.Resampling.LANCZOS)
    if example.subset.flip_aug and chance.random() < 0.5:
        cut = ImageOps.mirror(cut)
    values = torch.frombuffer(bytearray(cut.tobytes()), dtype=torch.uint8).view(height, width, 3)
    scale = max(width / whole.width, height / whole.height)
    top, left = (whole.height * scale - height) // 2, (whole.width * scale - width) // 2
    sizes = [whole.height, whole.width, top, left, height, width]
    return values.permute(2, 0, 1).float() / 127.5 - 1, [float(size) for size in sizes]
