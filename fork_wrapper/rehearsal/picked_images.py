"""A few of somebody's images for a rehearsal: picked across folders and buckets, and copied into kft's cache.

A rehearsal then takes its minute whatever the size of the set, and whatever it caches lies beside the copies: the
folders themselves are only read.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.scan.scan import Picture, scan_folder
from dataset_tools.scan.survey import LATENTS_SUFFIX, METADATA_CACHE, TEXT_ENCODER_SUFFIX, FolderSurvey
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.reading import bucketing, place_of
from fork_wrapper.experiment.subsets import METADATA, Subset, subsets, survey_subsets
from fork_wrapper.files import canonical_json, sha256_text
from fork_wrapper.machine.settings import Settings
from fork_wrapper.rehearsal.miniature_folder import SETS

MOST = 24
"""Images of a rehearsal, unless it has more folders than that."""


@dataclass(frozen=True, kw_only=True)
class Pick:
    """What a rehearsal takes of one subset."""

    key: str
    """Key path of the subset."""
    option: str
    """The key that names the folder or the file: `image_dir` or `metadata_file`."""
    source: Path
    """What it names."""
    target: Path
    """What it is to name in the rehearsal."""
    files: tuple[str, ...]
    """The images, by their names in the folder or in the metadata file."""
    of: int
    """How many there are."""
    copies: tuple[tuple[Path, Path], ...] = ()
    """What is to be copied, and to where."""
    masks: Path | None = None
    """What `conditioning_data_dir` is to name, where it names anything."""

    def to_json(self) -> dict[str, Any]:
        """For the record."""
        return {"key": self.key, "from": self.source.as_posix(), "of": self.of, "files": list(self.files)}


def pick_images(training: Mapping[str, Any], dataset: Mapping[str, Any], settings: Settings) -> list[Pick]:
    """What a rehearsal of this configuration takes of each subset; nothing where it can take all as they are.

    Whatever it caches on disk, it must not do so beside the images themselves: then they are copied however few.
    """
    metadata = list(_of_metadata(dataset, settings))
    found = [one for one in subsets(training, dataset) if METADATA not in _table(dataset, one.key)]
    there = [one for one in found if one.image_dir.is_dir()]
    surveys = survey_subsets(training, dataset, settings.cache) if there else {}
    folders = {_same(one): (one, surveys[one.key]) for one in there if surveys[one.key].sizes}
    if sum(len(survey.sizes) for _, survey in folders.values()) <= MOST and not caches_on_disk(training, dataset):
        return metadata
    case = Case(training=training, dataset=dataset)
    groups = {same: _by_bucket(one, survey, case) for same, (one, survey) in folders.items()}
    taken = dict(zip(groups, _spread([sum(map(len, found)) for found in groups.values()], MOST), strict=True))
    chosen = {same: _across(found, taken[same]) for same, found in groups.items()}
    taking = [one for one in there if _same(one) in chosen]
    return metadata + [_pick(one, chosen[_same(one)], surveys[one.key], settings) for one in taking]


def has_metadata(dataset: Mapping[str, Any]) -> bool:
    """Whether a subset names its images in a file: these are not copied, and no cache may fall beside them."""
    return any(METADATA in subset for one in dataset.get("datasets", []) for subset in one.get("subsets", []))


def caches_on_disk(training: Mapping[str, Any], dataset: Mapping[str, Any]) -> bool:
    """Whether a training leaves files beside its images."""
    tables = [training, dataset.get("general", {})]
    for one in dataset.get("datasets", []):
        tables += [one, *one.get("subsets", [])]
    keys = ("cache_latents_to_disk", "cache_text_encoder_outputs_to_disk", "cache_info")
    return any(table.get(key) for table in tables for key in keys)


def copy_picked(picks: Sequence[Pick]) -> None:
    """Put the copies where the rehearsal reads them, unless they are there; what it cached before goes.

    Each folder appears whole or not at all. Raises OSError when the disk refuses.
    """
    for folder in dict.fromkeys(pick.target.parent for pick in picks):
        copies = {target: source for pick in picks for source, target in pick.copies if target.parent.parent == folder}
        texts = {pick.target: pick for pick in picks if pick.option == METADATA and pick.target.parent == folder}
        if folder.is_dir():
            continue
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for target, source in copies.items():
                place = unfinished / target.relative_to(folder)
                place.parent.mkdir(exist_ok=True)
                shutil.copy2(source, place)
            for target, pick in texts.items():
                _cut(pick, unfinished / target.name)
            with suppress(FileExistsError):  # another rehearsal was faster
                _move(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def remove_caches(folders: Iterable[Path]) -> None:
    """Remove what sd-scripts cached in folders of kft's own: a rehearsal is to write it, not to read it."""
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name.endswith((LATENTS_SUFFIX, TEXT_ENCODER_SUFFIX)) or path.name == METADATA_CACHE:
                path.unlink(missing_ok=True)


def _move(unfinished: Path, folder: Path) -> None:
    unfinished.chmod(0o755)  # mkdtemp makes 0700
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _same(one: Subset) -> tuple[str, str, str]:
    """What makes two subsets read the same files."""
    return str(one.image_dir), one.caption_extension, str(one.masks or "")


def _table(dataset: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A subset by its key path."""
    index, number = (int(part.partition("]")[0]) for part in key.split("[")[1:])
    table: Mapping[str, Any] = dataset["datasets"][index]["subsets"][number]
    return table


def _by_bucket(one: Subset, survey: FolderSurvey, case: Case) -> list[list[str]]:
    """The images of a folder by the bucket of the real training, the fullest first."""
    (home,) = [level for level in case.datasets if one.key.startswith(f"{level.path}.")]
    groups: dict[object, list[str]] = {}
    buckets = bucketing(home)
    for name, size in sorted(survey.sizes.items()):
        place = place_of(buckets, size)
        groups.setdefault(place and place.bucket, []).append(name)
    return sorted(groups.values(), key=len, reverse=True)


def _spread(counts: Sequence[int], most: int) -> list[int]:
    """How many of each, in turn, until there are `most` in all or none is left; at least one of each that has any."""
    taken = [min(1, count) for count in counts]
    while sum(taken) < most and any(had > has for has, had in zip(taken, counts, strict=True)):
        for index, count in enumerate(counts):
            taken[index] += sum(taken) < most and taken[index] < count
    return taken


def _across(groups: Sequence[Sequence[str]], most: int) -> list[str]:
    """So many names, in turn of every group, of each evenly from its first to its last."""
    counts = [len(group) for group in groups]
    shares = _spread(counts[:most], most)
    return sorted(
        group[number * len(group) // share]
        for group, share in zip(groups, shares, strict=False)
        for number in range(share)
    )


def _pick(one: Subset, names: Sequence[str], survey: FolderSurvey, settings: Settings) -> Pick:
    """The pick of a folder: where its copies go follows from what they are."""
    assert survey.scan is not None
    wanted = set(names)
    pictures = [picture for picture in survey.scan.pictures if picture.image.name in wanted]
    masks = _masks(one.masks, pictures) if one.masks else []
    captions = [(picture.image, picture.caption) for picture in pictures if picture.caption]
    what = [_identity(path) for path in (*(one.image for one in pictures), *(text for _, text in captions), *masks)]
    folder = settings.cache / SETS / sha256_text(canonical_json([*_same(one), what]))[:16]
    home, beside = folder / (one.image_dir.name or "images"), folder / f"{one.image_dir.name or 'images'}-masks"
    copies = [(picture.image, home / picture.image.name) for picture in pictures]
    copies += [(text, home / f"{_stem(image)}{survey.scan.caption_extension}") for image, text in captions]
    copies += [(mask, beside / mask.name) for mask in masks]
    return Pick(
        key=one.key,
        option="image_dir",
        source=one.image_dir,
        target=home,
        files=tuple(names),
        of=len(survey.sizes),
        copies=tuple(copies),
        masks=beside if masks else None,
    )


def _masks(folder: Path, pictures: Sequence[Picture]) -> list[Path]:
    """The masks of these pictures: images of the same stem."""
    stems = {_stem(picture.image) for picture in pictures}
    found = scan_folder(folder).pictures if folder.is_dir() else ()
    return [one.image for one in found if _stem(one.image) in stems]


def _stem(path: Path) -> str:
    return os.path.splitext(path.name)[0]  # noqa: PTH122 - as sd-scripts splits; Path.stem differs for "x."


def _identity(path: Path) -> list[Any]:
    """What tells a file from another version of it."""
    stat = path.stat()
    return [path.as_posix(), stat.st_size, stat.st_mtime_ns]


def _of_metadata(dataset: Mapping[str, Any], settings: Settings) -> Iterator[Pick]:
    """Of every subset that names its images in a file a part of that file; the images stay where they are."""
    for index, one in enumerate(dataset.get("datasets", [])):
        for number, table in enumerate(one.get("subsets", [])):
            path = Path(str(table.get(METADATA, "")))
            names = _names(path) if METADATA in table else []
            if len(names) > MOST:
                folder = settings.cache / SETS / sha256_text(canonical_json(_identity(path)))[:16]
                yield Pick(
                    key=f"dataset.datasets[{index}].subsets[{number}]",
                    option=METADATA,
                    source=path,
                    target=folder / path.name,
                    files=tuple(names[place * len(names) // MOST] for place in range(MOST)),
                    of=len(names),
                )


def _names(path: Path) -> list[str]:
    """The images that a metadata file names; none of one that cannot be read: the rules say so."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return list(found) if isinstance(found, dict) else []


def _cut(pick: Pick, place: Path) -> None:
    whole = json.loads(pick.source.read_text(encoding="utf-8"))
    part = {name: whole[name] for name in pick.files}
    place.write_text(json.dumps(part, ensure_ascii=False, indent=1), encoding="utf-8")
