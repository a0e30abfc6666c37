"""The training sets that a rendered dataset config names, as `dataset_tools` takes them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import Abandoned, DatasetError
from dataset_tools.fingerprint import Fingerprint, Part, fingerprint
from dataset_tools.hashing import HashCache
from dataset_tools.scan import FolderScan, scan_folder
from dataset_tools.survey import FolderSurvey, SurveyCache, survey_folder
from fork_wrapper.sdscripts.options import default_of

MASKS = "conditioning_data_dir"
"""The key of the folder with masks."""

METADATA = "metadata_file"
"""The key of the file with the captions of a subset that does not read them from beside its images."""


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


def subsets(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[Subset]:
    """Every subset that has an `image_dir`.

    A value is looked up as sd-scripts does (library/config_util.py:437-471): subset, dataset, general, training
    config, default.
    """
    found = []
    for index, one in enumerate(dataset.get("datasets", [])):
        for number, subset in enumerate(one.get("subsets", [])):
            levels = (subset, one, dataset.get("general", {}), training)
            if "image_dir" in subset:
                found.append(
                    Subset(
                        key=f"dataset.datasets[{index}].subsets[{number}]",
                        image_dir=Path(subset["image_dir"]),
                        caption_extension=_first(levels, "caption_extension", default_of("caption_extension")),
                        num_repeats=_first(levels, "num_repeats", training.get("dataset_repeats", 1)),
                        masks=Path(subset[MASKS]) if MASKS in subset else None,
                    )
                )
    return found


def survey_subsets(training: Mapping[str, Any], dataset: Mapping[str, Any], cache: Path) -> dict[str, FolderSurvey]:
    """A survey of every subset's folder, by the subset's key path, and of its masks, by the path of their key.

    What was read is remembered in the cache folder.
    """
    memory = SurveyCache(cache / "survey.json")
    found: dict[str, FolderSurvey] = {}
    for one in subsets(training, dataset):
        found[one.key] = survey_folder(one.image_dir, one.caption_extension, memory)
        if one.masks:
            found[f"{one.key}.{MASKS}"] = survey_folder(one.masks, one.caption_extension, memory)
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
    """Every subset as the fingerprint takes it, in the order of the config.

    Of images that a `metadata_file` names by absolute paths elsewhere, only that file is covered.
    """
    with_folder = {one.key: one for one in subsets(training, dataset)}
    for index, one in enumerate(dataset.get("datasets", [])):
        for number, table in enumerate(one.get("subsets", [])):
            key = f"dataset.datasets[{index}].subsets[{number}]"
            metadata = Path(table[METADATA]) if METADATA in table else None
            if subset := with_folder.get(key):
                scan = scan_folder(subset.image_dir, subset.caption_extension)
                yield Part(scan=scan, subset=key, repeats=subset.num_repeats, metadata=metadata)
            elif metadata:
                scan = FolderScan(folder=metadata.parent, pictures=(), caption_extension="", other_extensions={})
                yield Part(scan=scan, subset=key, metadata=metadata)


def _files(part: Part) -> Iterator[Path]:
    for picture in part.scan.pictures:
        yield picture.image
        if picture.caption:
            yield picture.caption
    if part.metadata:
        yield part.metadata


def _first(levels: tuple[Mapping[str, Any], ...], key: str, default: Any) -> Any:
    return next((level[key] for level in levels if key in level), default)
