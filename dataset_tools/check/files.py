"""What is wrong with a folder's names and with the caches in it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from dataset_tools.below import hold_pictures, is_meant, leads_to
from dataset_tools.check.faults import Fault, Remedy, fault
from dataset_tools.scan.scan import IMAGE_SUFFIXES, PICTURE_LIKE
from dataset_tools.scan.survey import LATENTS_SUFFIX, METADATA_CACHE, TEXT_ENCODER_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dataset_tools.check.faults import Severity
    from dataset_tools.scan.scan import FolderScan
    from dataset_tools.scan.survey import CacheFile, FolderSurvey
    from dataset_tools.scan.training_folder import TrainingFolder

_UNHELD = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LONGEST = 240  # bytes of a name: what is appended for caches has to fit into 255
_SIZED = re.compile(r"_(\d+)x(\d+)_sdxl\.npz$")


def inspect_names(folder: TrainingFolder, scan: FolderScan, names: set[str], below: list[str]) -> Iterator[Fault]:
    """Names that are not found, cannot be opened, or cannot be held elsewhere.

    Args:
        folder: the folder.
        scan: its images.
        names: of all its files.
        below: of all its folders.
    """
    for path in scan.not_files:
        what = "a folder" if path.is_dir() else "a link to nothing"
        yield fault("image-not-file", path, f"{what} with the name of an image")
    images = {picture.image.name for picture in scan.pictures} | {path.name for path in scan.not_files}
    if not scan.pictures and not scan.not_files:
        yield fault("folder-empty", scan.folder, "no image lies directly in it")
    for name in sorted(names - images):
        suffix = os.path.splitext(name)[1]  # noqa: PTH122
        if name.lower().endswith(PICTURE_LIKE) and not name.startswith("._") and suffix.lower() not in folder.readable:
            yield fault("image-ignored", scan.folder / name, _ignored(name, suffix))
    for name in sorted(below):
        path = scan.folder / name
        if is_meant(name) and hold_pictures(path, IMAGE_SUFFIXES):
            target = leads_to(path)
            yield fault("image-below", path, f"images lie in it, a link to {target}" if target else "images lie in it")
    for group in scan.same_stem:
        yield fault(
            "image-same-stem", group[0], f"it differs from {group[1].name} in its suffix alone", others=group[1:]
        )
    yield from _odd_names(scan)


def _ignored(name: str, suffix: str) -> str:
    if name.startswith("."):
        return "its name begins with a dot"
    if suffix.lower() in IMAGE_SUFFIXES:
        return f"{suffix} is neither in lower nor in upper case"
    return f"{suffix} is not read"


def _odd_names(scan: FolderScan) -> Iterator[Fault]:
    lowered: dict[str, Path] = {}
    for picture in scan.pictures:
        name = picture.image.name
        if odd := odd_name(name):
            yield fault("name-odd", picture.image, odd)
        first = lowered.setdefault(name.casefold(), picture.image)
        if first is not picture.image:
            yield fault("name-case", picture.image, f"it differs from {first.name} in case alone", others=(first,))


def odd_name(name: str) -> str:
    """What other systems cannot hold of a file's name, in words; empty for a good one."""
    stem = os.path.splitext(name)[0]  # noqa: PTH122
    if any("\ud800" <= char <= "\udfff" for char in name):
        return "it is no valid text"
    if found := _UNHELD.search(name):
        char = found.group()
        return f"Windows takes no {char}" if char.isprintable() else f"it has the control character U+{ord(char):04X}"
    if stem != stem.strip() or stem.endswith("."):
        return "it begins or ends with a space or a dot"
    if _RESERVED.fullmatch(stem):
        return f"Windows keeps {stem} for a device"
    length = len(name.encode("utf-8", "replace"))
    return f"it is {length} bytes long" if length > _LONGEST else ""


def inspect_caches(folder: TrainingFolder, survey: FolderSurvey, names: set[str]) -> Iterator[Fault]:
    """Caches that are damaged, older than their image or caption, of another size, or without an image."""
    for file in survey.latents:
        yield from _cache(file, folder.latents_cached, _latents_differ(folder, survey, file))
    for file in survey.text_encoder_outputs:
        yield from _cache(file, folder.texts_cached, _outputs_differ(folder, file))
    known = {file.path.name for file in (*survey.latents, *survey.text_encoder_outputs)}
    for name in sorted(names - known):
        if name.endswith((LATENTS_SUFFIX, TEXT_ENCODER_SUFFIX)):
            path = survey.folder / name
            yield fault("cache-orphan", path, "no image has its name", remedy=Remedy(action="aside", files=(path,)))
    yield from _list(folder, survey)


def _cache(file: CacheFile, used: bool, differs: str) -> Iterator[Fault]:
    remedy = Remedy(action="aside", files=(file.path,))
    severity: Severity | None = None if used else "note"
    if not file.arrays:
        yield fault("cache-broken", file.path, "it cannot be read", remedy=remedy, severity=severity)
    elif file.nan:
        yield fault("cache-nan", file.path, "not a number", remedy=remedy, severity=severity)
    elif file.older or differs:
        reason = "it is older than what it was made of" if file.older else differs
        yield fault("cache-stale", file.path, f"{reason} ({file.image})", remedy=remedy, severity=severity)


def _latents_differ(folder: TrainingFolder, survey: FolderSurvey, file: CacheFile) -> str:
    size = survey.sizes.get(file.image, (0, 0))
    named = _SIZED.search(file.path.name)
    if named and (int(named[1]), int(named[2])) != size:
        return f"it is of an image of {int(named[1])} x {int(named[2])}"
    shape = file.arrays.get("latents", ())
    place = folder.place(size) if folder.place and min(size) > 0 else ""
    if len(shape) == 3 and not isinstance(place, str):
        bucket = place[0]
        if (bucket[0] // 8, bucket[1] // 8) != (shape[2], shape[1]):
            return f"it is of a bucket of {shape[2] * 8} x {shape[1] * 8}, not {bucket[0]} x {bucket[1]}"
    return ""


def _outputs_differ(folder: TrainingFolder, file: CacheFile) -> str:
    shape = file.arrays.get("hidden_state1", ())
    length = folder.most_tokens + 2
    return f"it is of {shape[0]} tokens, not {length}" if shape and shape[0] != length else ""


def _list(folder: TrainingFolder, survey: FolderSurvey) -> Iterator[Fault]:
    if not survey.metadata_cache or survey.scan is None:
        return
    path = survey.folder / METADATA_CACHE
    remedy = Remedy(action="aside", files=(path,))
    severity: Severity | None = None if folder.list_cached else "note"
    if survey.cached_sizes is None:
        yield fault("cache-list", path, "it cannot be read", remedy=remedy, severity=severity)
        return
    named = {os.path.basename(one) for one in survey.cached_sizes}  # noqa: PTH119 - text, perhaps of another system
    there = {picture.image.name for picture in survey.scan.pictures}
    if named != there:
        reason = f"of its images {len(named - there)} are gone, and it lacks {len(there - named)} that are there"
        yield fault("cache-list", path, reason, remedy=remedy, severity=severity)
