"""The image folders that a name on the command line refers to, as `dataset_tools.check.inspection` takes them.

The name is a folder, an experiment or another source of a configuration, or a folder below `datasets`. A configuration
is taken with the values in force; a plain folder gets sensible ones.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dataset_tools.errors import DatasetError
from dataset_tools.prepare.manifest import read_manifest
from dataset_tools.scan.metadata_file import describes_images
from dataset_tools.scan.scan import TEXT_SUFFIXES
from dataset_tools.scan.training_folder import Size, TrainingFolder
from fork_wrapper.check.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.check.rules.reading import bucketing, read
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import experiment_names
from fork_wrapper.experiment.resolve import Override
from fork_wrapper.formats.configuration import configuration
from fork_wrapper.formats.source import is_run
from fork_wrapper.machine.settings import Settings
from fork_wrapper.sdscripts.buckets import BucketError, Bucketing, usual, usual_limits

RESOLUTION = 1024
"""The resolution that a plain folder is measured against, with buckets: SDXL's own."""

TOKENS = 225
"""The caption length in tokens that a plain folder is measured against: the most that sd-scripts reads."""


@dataclass(frozen=True, kw_only=True)
class Meant:
    """What the name on the command line refers to."""

    name: str
    """The experiment's name, or the folder."""
    experiment: bool
    """Whether it is an experiment."""
    folders: tuple[TrainingFolder, ...]
    """Its image folders."""
    tokenizers: Path | None
    """Its `tokenizer_cache_dir`."""
    measured: str = ""
    """What a plain folder is measured against, in words; empty for an experiment, which sets it itself."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options given on the command line beside the name."""

    overrides: tuple[Override, ...] = ()
    """`--set` and `--unset`, for an experiment."""
    allow: tuple[str, ...] = ()
    """`--allow-unknown`, for an experiment."""
    resolution: int | None = None
    """`--resolution`, for a plain folder."""
    caption_extension: str | None = None
    """`--caption-extension`, for a plain folder."""


def meant_by(word: str, settings: Settings, asked: Asked) -> Meant:
    """Resolve the name; InputError if it refers to nothing, or does not go with the other options."""
    if describes_images(Path(word)):
        return _of_metadata(Path(word).absolute(), asked)
    folder = _folder(word, settings)
    given = {
        "--resolution": asked.resolution,
        "--caption-extension": asked.caption_extension,
        "--set": asked.overrides or None,
        "--allow-unknown": asked.allow or None,
    }
    wrong = ("--set", "--allow-unknown") if folder else ("--resolution", "--caption-extension")
    found = [_misplaced(flag, is_folder=folder is not None) for flag in wrong if given[flag] is not None]
    if found:
        raise InputError("the command line has errors", found)
    return _of_folder(folder, asked) if folder else _of_experiment(word, settings, asked)


def _misplaced(flag: str, *, is_folder: bool) -> Finding:
    if is_folder:
        return Finding(what=f"{flag} is for experiments, and this is a folder", where=flag, todo="leave it out")
    return Finding(what=f"{flag} is for folders: the experiment says it", where=flag, todo="use --set instead")


def _folder(word: str, settings: Settings) -> Path | None:
    path = Path(word).expanduser() if word.startswith("~") else Path(word)
    bare = path.name == word
    if is_run(word, settings) or (bare and word in experiment_names(settings.experiments)):
        return None
    for candidate in (path, settings.datasets / word) if bare else (path,):
        if candidate.is_dir():
            return Path(os.path.abspath(candidate))  # noqa: PTH100 - keeps symbolic links as typed
    if not bare and not path.suffix:
        todo = "give a folder of images, or the name of an experiment"
        raise InputError("there is no such folder", [Finding(what="it does not exist", where=str(path), todo=todo)])
    return None


def _of_metadata(metadata: Path, asked: Asked) -> Meant:
    """Resolve a metadata file alone; relative paths start from its folder."""
    meant = _of_folder(metadata.parent, asked)
    return replace(meant, name=str(metadata), folders=(replace(meant.folders[0], metadata=metadata),))


def _of_folder(folder: Path, asked: Asked) -> Meant:
    side = asked.resolution
    shape = prepared_shape(folder) if side is None else Shape(resolution=(side, side))
    buckets = usual(shape.resolution, shape.limits)
    extension = most_common_extension(folder) if asked.caption_extension is None else asked.caption_extension
    one = TrainingFolder(folder=folder, caption_extension=extension, most_tokens=TOKENS, place=_placer(buckets))
    return Meant(name=str(folder), experiment=False, folders=(one,), tokenizers=None, measured=str(shape))


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the images of a plain folder are measured against."""

    resolution: Size = (RESOLUTION, RESOLUTION)
    """Width and height."""
    prepared: bool = False
    """Whether `kft dataset prepare` made the images for this resolution."""
    own_limits: tuple[int, int, int] | None = None
    """Shortest side, longest side and step of the buckets that the images were made for."""

    @property
    def limits(self) -> tuple[int, int, int]:
        """Return shortest side, longest side and step of the buckets: the folder's own, or the usual ones."""
        return self.own_limits or usual_limits(self.resolution)

    def __str__(self) -> str:
        """Describe the shape in words."""
        smallest, largest, steps = self.limits
        why = ", as they were prepared" if self.prepared else ""
        width, height = self.resolution
        return f"{width} x {height} in buckets of {smallest} to {largest} by {steps}{why}"


def prepared_shape(folder: Path) -> Shape:
    """Return what a folder's images were prepared for, from its `prepare.json`; without one, SDXL's own shape."""
    with contextlib.suppress(DatasetError, BucketError, KeyError, TypeError, ValueError):
        choices = (read_manifest(folder) or {})["choices"]
        width, height = map(int, choices["size"])
        limits = choices.get("buckets")
        smallest, largest, steps = map(int, limits or usual_limits((width, height)))
        usual((width, height), (smallest, largest, steps))
        own = (smallest, largest, steps) if limits else None
        return Shape(resolution=(width, height), prepared=True, own_limits=own)
    return Shape()


def most_common_extension(folder: Path) -> str:
    """Return the most common extension of the texts in a folder; `.txt` if there are none."""
    counts = Counter({".txt": 0})
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                suffix = os.path.splitext(entry.name)[1]  # noqa: PTH122
                counts.update([suffix] if suffix in TEXT_SUFFIXES else [])
    except OSError:
        return ".txt"
    return counts.most_common(1)[0][0]


def _of_experiment(word: str, settings: Settings, asked: Asked) -> Meant:
    resolved = configuration(word, settings, asked.overrides, asked.allow)
    case = Case(training=resolved.training, dataset=resolved.dataset)
    pairs = [(dataset, subset) for dataset in case.datasets for subset in read(dataset) if _names_images(subset)]
    if not pairs:
        todo = "give the folder of the images instead"
        raise InputError(
            f"{resolved.name} names no image folder",
            [Finding(what="no subset has an image_dir or a metadata_file", where="dataset.datasets", todo=todo)],
        )
    tokenizers = resolved.training.get("tokenizer_cache_dir")
    return Meant(
        name=resolved.name,
        experiment=True,
        folders=tuple(_of_subset(case, dataset, subset) for dataset, subset in pairs),
        tokenizers=Path(str(tokenizers)) if tokenizers else None,
    )


def _names_images(subset: SubsetCase) -> bool:
    return "image_dir" in subset.own or "metadata_file" in subset.own


def _of_subset(case: Case, dataset: DatasetCase, subset: SubsetCase) -> TrainingFolder:
    buckets = bucketing(dataset)
    metadata = Path(subset.own["metadata_file"]) if "metadata_file" in subset.own else None
    return TrainingFolder(
        folder=Path(subset.own["image_dir"]) if "image_dir" in subset.own else _beside(metadata),
        metadata=metadata,
        separator=str(subset.get("caption_separator")),
        caption_extension=subset.get("caption_extension"),
        regularisation=bool(subset.get("is_reg")),
        captions_needed=subset.get("class_tokens") is None,
        all_lines=bool(subset.get("enable_wildcard")),
        most_tokens=case.get("max_token_length") or 75,  # library/strategy_sdxl.py:25-28
        alpha_mask=bool(subset.get("alpha_mask")),
        latents_cached=bool(case.get("cache_latents_to_disk")),
        texts_cached=bool(case.get("cache_text_encoder_outputs_to_disk")),
        list_cached=bool(subset.get("cache_info")),
        place=_placer(buckets) if buckets else None,
        bucketed=_bucketed(buckets) if buckets and not buckets.enabled else None,
    )


def _bucketed(without: Bucketing) -> Callable[[Size], tuple[Size, Size] | str] | None:
    with contextlib.suppress(BucketError):
        return _placer(usual(without.resolution))
    return None


def _beside(metadata: Path | None) -> Path:
    """Return the start of a metadata file's relative paths if no image_dir is set; sd-scripts would crash on them."""
    return metadata.absolute().parent if metadata else Path()


def _placer(buckets: Bucketing) -> Callable[[Size], tuple[Size, Size] | str]:
    def place(size: Size) -> tuple[Size, Size] | str:
        try:
            placed = buckets.place(size)
        except BucketError as error:
            return str(error)
        return placed.bucket, placed.resized

    return place
