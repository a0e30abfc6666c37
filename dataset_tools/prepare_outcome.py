"""What a run of `prepare` did, and what it could not do, with the next step for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEXT: Mapping[str, str] = {
    "too-small": "Give --upscale to enlarge it, or replace or remove it.",
    "other-shape": "Give --fit bucket and a new folder for the results; --upscale would enlarge and crop it.",
    "edited": "Move that file away to have it made again, or keep it and leave the source as it was.",
    "in-the-way": "Move that file away, or name another folder for the results.",
    "gone": "Give --prune to remove its result, or put the source back.",
    "caption": "Carry the change over by hand, or remove the copy to have it copied again.",
    "animated": "Save the frame to train on as a file of its own.",
    "unsupported": "Convert it to PNG.",
    "linked-folder": "Put that folder itself there, prepare it into a folder of its own, or remove the link.",
    "no-bucket": "Crop it to a less extreme ratio, or remove it.",
    "unreadable": "Check its permissions and whether its disk is connected.",
    "memory": "Give --jobs 1, or make it smaller.",
    "bomb": "Make it smaller, or remove it.",
}
_OTHERWISE = "Replace it by a whole copy, or remove it."


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A source, a file made from it, or a folder of sources that needs someone's attention."""

    source: str
    """Below the folder of sources, with slashes."""
    kind: str
    """As `Refused.kind`; or edited, in-the-way, gone, caption, linked-folder."""
    reason: str
    """One line, without the source's name."""
    next_step: str
    """What to do, as a sentence."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run of `prepare` did."""

    made: int
    """Results written."""
    kept: int
    """Results that were there already, and are still what this run would make."""
    captions: int
    """Caption files copied."""
    captioned: int
    """How many of those made or kept have a caption."""
    upscaled: tuple[str, ...]
    """Sources that were enlarged, now or before."""
    removed: int
    """Results removed because their source is gone."""
    problems: tuple[Problem, ...]
    """By source."""
    others: Mapping[str, int]
    """Files among the sources that are neither pictures nor captions, by suffix."""
    respelled: tuple[str, ...] = ()
    """Captions whose copies are called as their picture is: the accents of their own names are composed otherwise."""
    moved_from: str = ""
    """The folder that the sources were in before; empty where they are where they were."""


def next_step(kind: str) -> str:
    """What someone can do about a problem of this kind, as a sentence."""
    return _NEXT.get(kind, _OTHERWISE)
