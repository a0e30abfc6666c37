"""What a run of `prepare` did, and what it could not do, with the next step for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERWISE = "Replace it by a whole copy, or remove it."

PROBLEMS: Mapping[str, tuple[str, str]] = {
    "too-small": (
        "pictures that would have to be enlarged",
        "Give --upscale to enlarge it, or replace or remove it.",
    ),
    "other-shape": (
        "pictures that are large enough for a bucket of their own shape, and not for this size",
        "Give --fit bucket and a new folder for the results; --upscale would enlarge and crop it.",
    ),
    "edited": (
        "results that were changed after they were made",
        "Move that file away to have it made again, or keep it and leave the source as it was.",
    ),
    "in-the-way": (
        "files in the place of a result that are none",
        "Move that file away, or name another folder for the results.",
    ),
    "gone": (
        "results whose sources are gone",
        "Give --prune to remove its result, or put the source back.",
    ),
    "caption": (
        "captions that were changed both here and there, or cannot be copied",
        "Carry the change over by hand, or remove the copy to have it copied again.",
    ),
    "animated": ("files of several pictures", "Save the frame to train on as a file of its own."),
    "unsupported": ("pictures that cannot be read here", "Convert it to PNG."),
    "linked-folder": (
        "links to folders, which are not followed",
        "Put that folder itself there, prepare it into a folder of its own, or remove the link.",
    ),
    "no-bucket": ("pictures too long or too narrow for any bucket", "Crop it to a less extreme ratio, or remove it."),
    "unreadable": (
        "files that the system does not let be read",
        "Check its permissions and whether its disk is connected.",
    ),
    "memory": ("pictures for which there is not enough memory", "Give --jobs 1, or make it smaller."),
    "bomb": ("pictures of more pixels or bytes than are read", "Make it smaller, or remove it."),
    "missing": ("files that went away meanwhile", _OTHERWISE),
    "not-a-file": ("folders, pipes and devices with the name of a picture", _OTHERWISE),
    "empty": ("files without a byte", _OTHERWISE),
    "not-an-image": ("files that are something else", _OTHERWISE),
    "truncated": ("pictures that end too early", _OTHERWISE),
    "broken": ("damaged pictures", _OTHERWISE),
}
"""What `prepare` cannot make a training image of, or leaves to someone: by kind, what these are and what to do."""


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
    return PROBLEMS[kind][1]
