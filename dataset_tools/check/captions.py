"""What is wrong with captions: there or not, readable or not, and what they say. Pure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dataset_tools.check.faults import Fault, Remedy, fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dataset_tools.captions.facts import CaptionFacts
    from dataset_tools.scan.scan import FolderScan
    from dataset_tools.scan.survey import FolderSurvey
    from dataset_tools.scan.training_folder import TrainingFolder

LIMITS = (75, 150, 225)
"""What `max_token_length` may be."""


def inspect_caption(folder: TrainingFolder, caption: Path, facts: CaptionFacts, *, counted: bool) -> Iterator[Fault]:
    """Faults of what one caption file says.

    Args:
        folder: the folder of its image.
        caption: the file.
        facts: as `caption_facts` found them.
        counted: whether its tokens were counted by the tokenizer, and not estimated.
    """
    own = caption.parent == folder.folder  # else it is another folder's, and nothing is done to it
    if facts.garbled:
        known = own and facts.mark.startswith(("utf-16", "utf-32"))
        remedy = Remedy(action="rewrite", files=(caption,), target=facts.mark) if known else None
        yield fault("caption-encoding", caption, facts.garbled, remedy=remedy)
        return
    if facts.mark:
        remedy = Remedy(action="rewrite", files=(caption,), target="utf-8-sig") if own else None
        yield fault("caption-mark", caption, "it begins with U+FEFF", remedy=remedy)
    if facts.blank and not (folder.all_lines and facts.more_lines):
        then = ", and what follows it is not read" if facts.more_lines else ""
        yield fault("caption-blank", caption, f"its first line is blank{then}")
    elif facts.more_lines and not folder.all_lines:
        yield fault("caption-lines", caption, f"{facts.more_lines + 1} lines, of which the first is read")
    if facts.odd:
        yield fault("caption-odd", caption, facts.odd)
    if facts.doubtful:
        yield fault("caption-doubtful", caption, facts.doubtful)
    yield from _long(folder, caption, facts.longest if folder.all_lines else facts.tokens, counted=counted)


def _long(folder: TrainingFolder, caption: Path, tokens: int, *, counted: bool) -> Iterator[Fault]:
    if tokens <= folder.most_tokens:
        return
    about = "" if counted else "about "
    wider = next((limit for limit in LIMITS if limit >= tokens and limit > folder.most_tokens), None)
    fits = f"; {wider} would hold it" if wider else f"; not even {LIMITS[-1]} would hold it"
    yield fault("caption-long", caption, f"{about}{tokens} tokens, of which {folder.most_tokens} are read{fits}")


def inspect_presence(folder: TrainingFolder, survey: FolderSurvey, names: set[str]) -> Iterator[Fault]:
    """Captions that are missing, empty or cannot be opened, and captions without an image.

    Args:
        folder: the folder.
        survey: what it holds.
        names: of all its files.
    """
    scan = survey.scan
    if scan is None:
        return
    for path in survey.empty_captions:
        yield fault("caption-empty", path, "it has no line at all")
    for path in survey.unreadable:
        if path.name not in survey.sizes:
            yield fault("caption-unreadable", path, "it cannot be opened")
    for picture in scan.pictures:
        if picture.foreign:
            yield fault("caption-foreign", picture.image, f"its caption is {picture.caption}")
    for image, name in scan.misspelt.items():
        target = os.path.splitext(image)[0] + scan.caption_extension  # noqa: PTH122
        remedy = Remedy(action="rename", files=(scan.folder / name,), target=target)
        reason = f"it belongs to {image}, and sd-scripts does not find it: accents are composed otherwise"
        yield fault("caption-name", scan.folder / name, reason, remedy=remedy)
    yield from _missing(folder, scan, names)
    used = {picture.caption.name for picture in scan.pictures if picture.caption} | set(scan.misspelt.values())
    for name in sorted(_captions_among(scan, names) - used):
        yield fault("caption-orphan", scan.folder / name, "no image has its name")


def _missing(folder: TrainingFolder, scan: FolderScan, names: set[str]) -> Iterator[Fault]:
    if not folder.captions_needed:
        return
    bare = [path for path in scan.uncaptioned if path.name not in scan.misspelt]
    extension, count = next(iter(scan.other_extensions.items()), ("", 0))
    asked = scan.caption_extension or "no extension at all"
    elsewhere: set[str] = set()
    if count and 2 * count >= scan.images:
        # One finding for the folder: a thousand images are not at fault one by one.
        images, have = f"image{'' if scan.images == 1 else 's'}", "has" if count == 1 else "have"
        reason = f"{count} of {scan.images} {images} {have} {extension}, and {asked} is read"
        yield fault("caption-extension", scan.folder, reason)
        elsewhere = {path.name for path in bare if _beside(path.name, extension) in names}
    for path in bare:
        if path.name not in elsewhere:
            other = next((one for one in scan.other_extensions if _beside(path.name, one) in names), "")
            yield fault("caption-missing", path, f"no {asked}" + (f"; {other} is there" if other else ""))


def _beside(image: str, extension: str) -> str:
    stem, suffix = os.path.splitext(image)  # noqa: PTH122
    return image + extension.removeprefix(suffix) if extension.startswith(suffix + ".") else stem + extension


def _captions_among(scan: FolderScan, names: set[str]) -> set[str]:
    """Names that end like captions, but for what usually lies in a folder to be read by people."""
    if not scan.caption_extension:
        return set()
    found = {name for name in names if name.endswith(scan.caption_extension) and not name.startswith(".")}
    return {name for name in found if name.lower().partition(".")[0] not in _FOR_PEOPLE}


_FOR_PEOPLE = {"readme", "license", "licence", "credits", "sources", "notes", "changelog"}
