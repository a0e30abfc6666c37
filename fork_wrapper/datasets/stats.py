"""The statistics that `kft dataset stats` shows of a folder, or of the data sets of an experiment or run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataset_tools.captions.stats import CaptionStats, Size, aspects, caption_stats, sizes
from dataset_tools.captions.vocabulary import Vocabulary
from dataset_tools.errors import DatasetError
from dataset_tools.scan.captions import SEPARATOR, Captioned, captioned
from dataset_tools.scan.fingerprint import fingerprint
from dataset_tools.scan.hashing import HashCache
from dataset_tools.scan.metadata_file import describes_images
from dataset_tools.scan.survey import FolderSurvey
from fork_wrapper.check.dataset_layout import DatasetLayout, layouts
from fork_wrapper.check.rules.case import Case
from fork_wrapper.datasets.training_folders import Shape, most_common_extension, prepared_shape
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.subsets import parts, survey_subsets
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Named:
    """What the user named, as a configuration."""

    label: str
    """The name used in output."""
    training: Mapping[str, Any]
    """The training options; empty for a folder."""
    dataset: Mapping[str, Any]
    """The dataset config."""
    is_folder: bool
    """Whether the user named a folder."""


@dataclass(frozen=True, kw_only=True)
class DatasetStats:
    """The statistics of a data set."""

    label: str
    """The name of what was measured."""
    surveys: Mapping[str, FolderSurvey]
    """The folders' surveys, by key path of the subset."""
    pictures: tuple[Captioned, ...]
    """Every image with its caption."""
    bytes: int | None
    """Total bytes of all images and captions; None if they could not be hashed."""
    fingerprint: str
    """SHA-256 over all content, or why there is none."""
    sizes: tuple[tuple[Size, int], ...]
    """Every image size and its count, most frequent first."""
    aspects: tuple[tuple[Size, int], ...]
    """Named aspect ratios and their counts, widest first."""
    layouts: tuple[DatasetLayout, ...]
    """The data sets with their buckets."""
    captions: CaptionStats
    """The statistics of the captions."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON output."""
        scans = [one.scan for one in self.surveys.values() if one.scan]
        return {
            "name": self.label,
            "folders": [str(one.folder) for one in scans],
            "images": len(self.pictures),
            "without_caption": [path.name for scan in scans for path in scan.uncaptioned],
            "misspelt_captions": [name for scan in scans for name in scan.misspelt.values()],
            "empty_captions": [path.name for one in self.surveys.values() for path in one.empty_captions],
            "bytes": self.bytes,
            "fingerprint": self.fingerprint,
            "sizes": [{"width": w, "height": h, "images": count} for (w, h), count in self.sizes],
            "aspects": [{"ratio": f"{w}:{h}", "images": count} for (w, h), count in self.aspects],
            "buckets": [
                {"dataset": one.path, "problem": one.problem, "buckets": [asdict(bucket) for bucket in one.buckets]}
                for one in self.layouts
            ],
            "captions": asdict(self.captions),
        }


def named(text: str, settings: Settings, *, extension: str | None, resolution: int | None) -> Named:
    """Return the folder, metadata file or configuration that `text` names; InputError if it names none."""
    folder = Path(text)
    if folder.is_dir() and not RunFolder(folder=folder.absolute()).record.is_file():
        subset = {"image_dir": str(folder.absolute()), "caption_extension": extension or most_common_extension(folder)}
        return Named(label=text, training={}, dataset=_dataset(subset, folder, resolution), is_folder=True)
    if describes_images(folder):
        return _of_metadata(folder, resolution)
    source = open_source(text, settings)
    if extension:
        what = f"{source.label} says itself how its captions end"
        raise InputError(
            "the command line has errors", [Finding(what=what, where="--caption-extension", todo="leave it out")]
        )
    return Named(label=source.label, training=source.training, dataset=source.dataset, is_folder=False)


def _dataset(subset: Mapping[str, Any], folder: Path, resolution: int | None) -> dict[str, Any]:
    """Make a dataset config of these images alone, with the buckets that all verbs use."""
    shape = prepared_shape(folder) if resolution is None else Shape(resolution=(resolution, resolution))
    keys = ("min_bucket_reso", "max_bucket_reso", "bucket_reso_steps")
    buckets = dict(zip(keys, shape.limits, strict=True))
    table = {"resolution": list(shape.resolution), "batch_size": 1, "enable_bucket": True, **buckets}
    return {"datasets": [{**table, "subsets": [dict(subset)]}]}


def _of_metadata(path: Path, resolution: int | None) -> Named:
    """Make a configuration of a metadata file alone; relative paths start from its folder."""
    subset = {"metadata_file": str(path.absolute()), "image_dir": str(path.absolute().parent)}
    dataset = _dataset(subset, path.absolute().parent, resolution)
    return Named(label=str(path), training={"cache_latents": True}, dataset=dataset, is_folder=True)


def gather(
    one: Named,
    settings: Settings,
    vocabulary: Vocabulary,
    *,
    separator: str | None,
    top: int,
    tell: Callable[[int, int], None],
) -> DatasetStats:
    """Look at every image and caption; InputError if no folder can be listed, or none has an image.

    Args:
        one: what to look at.
        settings: for the cache.
        vocabulary: the parts that captions should have.
        separator: between tags; None for the one in force.
        top: how many pairs to count out.
        tell: takes (images hashed, images in all).
    """
    surveys = survey_subsets(one.training, one.dataset, settings.cache)
    folders = {key: survey for key, survey in surveys.items() if key.endswith("]")}  # without mask folders
    _refuse_empty(one, folders)
    case = Case(training=one.training, dataset=one.dataset, surveys=surveys)
    separator = separator or str(case.subsets[0].get("caption_separator") or SEPARATOR)
    pictures = [picture for one in folders.values() if one.scan for picture in captioned(one.scan.pictures, separator)]
    found = [size for survey in folders.values() for size in survey.sizes.values()]
    digest, total = _fingerprint(one, settings, tell)
    return DatasetStats(
        label=one.label,
        surveys=folders,
        pictures=tuple(pictures),
        bytes=total,
        fingerprint=digest,
        sizes=tuple(sizes(found)),
        aspects=tuple(aspects(found)),
        layouts=layouts(case),
        captions=caption_stats(pictures, vocabulary, top=top),
    )


def _refuse_empty(one: Named, folders: Mapping[str, FolderSurvey]) -> None:
    if any(survey.sizes for survey in folders.values()):
        return
    findings = [
        Finding(
            what=survey.problem or "there is no image in it",
            where=str(survey.folder),
            todo="name the folder that holds the images themselves, not one above it",
        )
        for survey in folders.values()
    ]
    what = "it names no folder of images"
    raise InputError(f"nothing to count in {one.label}", findings or [Finding(what=what, where=one.label)])


def _fingerprint(one: Named, settings: Settings, tell: Callable[[int, int], None]) -> tuple[str, int | None]:
    cache = HashCache(settings.cache / "hashes.json")
    try:
        found = fingerprint(list(parts(one.training, one.dataset)), cache, tell)
    except DatasetError as error:
        return f"none: {Path(error.where).name}: {error.what}", None
    return found.sha256, found.bytes
