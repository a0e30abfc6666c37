"""The training sets that a rendered dataset config names, as `dataset_tools` takes them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import Abandoned, DatasetError
from dataset_tools.scan.fingerprint import Fingerprint, Part, fingerprint
from dataset_tools.scan.hashing import HashCache
from dataset_tools.scan.scan import scan_folder
from dataset_tools.scan.survey import FolderSurvey, SurveyCache, survey_folder
from fork_wrapper.sdscripts.options import default_of

MASKS = "conditioning_data_dir"
"""The key of the folder with masks."""

METADATA = "metadata_file"
"""The key of the file with the captions of a subset that does not read them from beside its images."""


Levels = tuple[Mapping[str, Any], ...]
"""A subset's own table, its data set's, the general one, and the training options."""


@dataclass(frozen=True, kw_only=True)
class Subset:
    """One `[[datasets.subsets]]` with a folder."""

    key: str
    """Its key path, as `dataset.datasets[0].subsets[0]`."""
    image_dir: Path
    """The folder, absolute."""
    caption_extension: str
    """In force for it."""
    num_repeats: int
    """In force for it."""
    masks: Path | None
    """Its `conditioning_data_dir`, absolute."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """One `[[datasets.subsets]]` whose images are named in a metadata file."""

    key: str
    """Its key path."""
    metadata: Path
    """The file, absolute."""
    image_dir: Path | None
    """Where its relative paths begin, absolute."""
    separator: str
    """`caption_separator` in force for it."""
    all_lines: bool
    """`enable_wildcard` in force for it."""
    num_repeats: int
    """In force for it."""


def subsets(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[Subset]:
    """Every subset that has an `image_dir`.

    A value is looked up as sd-scripts does (library/config_util.py:437-471): subset, dataset, general, training
    config, default.
    """
    return [_listed(key, levels) for key, levels in _tables(training, dataset) if "image_dir" in levels[0]]


def described(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[Described]:
    """Every subset that has a `metadata_file`."""
    return [_described(key, levels) for key, levels in _tables(training, dataset) if METADATA in levels[0]]


def at_hand(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> bool:
    """Whether there are images, and each of their folders and metadata files is there."""
    files = [one.metadata.is_file() for one in described(training, dataset)]
    folders = [one.image_dir.is_dir() for one in subsets(training, dataset)]
    return bool(files or folders) and all([*files, *folders])


def _tables(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> Iterator[tuple[str, Levels]]:
    """The key path of every subset, and the tables that say its values, its own first."""
    for index, one in enumerate(dataset.get("datasets", [])):
        for number, subset in enumerate(one.get("subsets", [])):
            key = f"dataset.datasets[{index}].subsets[{number}]"
            yield key, (subset, one, dataset.get("general", {}), training)


def _listed(key: str, levels: Levels) -> Subset:
    return Subset(
        key=key,
        image_dir=Path(levels[0]["image_dir"]),
        caption_extension=_first(levels, "caption_extension", default_of("caption_extension")),
        num_repeats=_first(levels, "num_repeats", levels[-1].get("dataset_repeats", 1)),
        masks=Path(levels[0][MASKS]) if MASKS in levels[0] else None,
    )


def _described(key: str, levels: Levels) -> Described:
    return Described(
        key=key,
        metadata=Path(levels[0][METADATA]),
        image_dir=Path(levels[0]["image_dir"]) if "image_dir" in levels[0] else None,
        separator=_first(levels, "caption_separator", default_of("caption_separator")),
        all_lines=_first(levels, "enable_wildcard", default_of("enable_wildcard")),
        num_repeats=_first(levels, "num_repeats", levels[-1].get("dataset_repeats", 1)),
    )


def survey_subsets(training: Mapping[str, Any], dataset: Mapping[str, Any], cache: Path) -> dict[str, FolderSurvey]:
    """A survey of every subset's images, by the subset's key path, and of its masks, by the path of their key.

    What was read is remembered in the cache folder.
    """
    memory = SurveyCache(cache / "survey.json")
    found: dict[str, FolderSurvey] = {}
    for key, levels in _tables(training, dataset):
        if METADATA in levels[0]:
            one = _described(key, levels)
            from dataset_tools.scan.metadata_survey import survey_metadata  # noqa: PLC0415 - most data sets have none

            found[key] = survey_metadata(
                one.metadata, one.image_dir, memory, separator=one.separator, all_lines=one.all_lines
            )
        elif "image_dir" in levels[0]:
            subset = _listed(key, levels)
            found[key] = survey_folder(subset.image_dir, subset.caption_extension, memory)
            if subset.masks:
                found[f"{key}.{MASKS}"] = survey_folder(subset.masks, subset.caption_extension, memory)
    memory.save()
    return found


def fingerprint_subsets(
    training: Mapping[str, Any],
    dataset: Mapping[str, Any],
    cache: HashCache,
    stop: Callable[[], bool],
    *,
    until: float = float("inf"),
) -> Fingerprint | None:
    """The content fingerprint of everything the configs train on.

    None when a folder cannot be read, when `stop()` said so, or when a file changed after `until` (seconds since the
    epoch): then it is not what trained.
    """
    try:
        found = list(parts(training, dataset))
        if until < float("inf") and any(file.stat().st_mtime > until for part in found for file in _files(part)):
            return None
        return fingerprint(found, cache, stop=stop)
    except (DatasetError, Abandoned, OSError):
        return None


def parts(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> Iterator[Part]:
    """Every subset as the fingerprint takes it, in the order of the config; DatasetError where one cannot be read."""
    for key, levels in _tables(training, dataset):
        if METADATA in levels[0]:
            one = _described(key, levels)
            from dataset_tools.scan.metadata_file import scan_metadata  # noqa: PLC0415 - most data sets have none

            scan, _ = scan_metadata(one.metadata, one.image_dir, separator=one.separator, all_lines=one.all_lines)
            yield Part(scan=scan, subset=key, repeats=one.num_repeats, metadata=one.metadata)
        elif "image_dir" in levels[0]:
            subset = _listed(key, levels)
            scan = scan_folder(subset.image_dir, subset.caption_extension)
            yield Part(scan=scan, subset=key, repeats=subset.num_repeats)


def _files(part: Part) -> Iterator[Path]:
    for picture in part.scan.pictures:
        yield picture.image
        if picture.caption:
            yield picture.caption
    if part.metadata:
        yield part.metadata


def _first(levels: Levels, key: str, default: Any) -> Any:
    return next((level[key] for level in levels if key in level), default)
