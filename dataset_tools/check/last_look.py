"""What the last full look at a folder left behind: which images were broken, and whether it still holds.

For those who only want to know, in a millisecond and without opening an image.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataset_tools.scan.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dataset_tools.scan.survey import FolderSurvey

NOTES = "looked_at.json"
"""The file in the memory's folder."""


@dataclass(frozen=True, kw_only=True)
class LastLook:
    """What is known of a folder's images."""

    broken: tuple[str, ...]
    """Names of images that could not be decoded."""
    current: bool
    """Whether no image came, went or changed since."""


def remember(memory: Path, survey: FolderSurvey, broken: Sequence[str]) -> None:
    """Keep what a full look at a folder found."""
    value = {"state": _state(survey), "broken": sorted(broken)[:1000]}
    notes = _notes(memory)
    if notes.get(str(survey.folder)) != value:
        notes.put(str(survey.folder), value)


def last_look(memory: Path, survey: FolderSurvey) -> LastLook | None:
    """What the last full look found; None where nobody looked."""
    value = _notes(memory).get(str(survey.folder))
    if not isinstance(value, dict) or not isinstance(value.get("broken"), list):
        return None
    broken = tuple(name for name in value["broken"] if isinstance(name, str) and name in survey.sizes)
    return LastLook(broken=broken, current=value.get("state") == _state(survey))


def _notes(memory: Path) -> Notes:
    return Notes(memory / NOTES, form=1, most=2000)


def _state(survey: FolderSurvey) -> str:
    """The names of the images, and when the newest was written."""
    names = "\0".join(sorted(survey.sizes)).encode("utf-8", "surrogatepass")
    return f"{hashlib.sha256(names).hexdigest()[:32]} {survey.newest_image}"
