"""What can be wrong with a training set: kinds of faults, each with its severity, its words and its remedy.

An error ends the training or spoils it; a warning is trained, and not as meant; a note is worth knowing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The gravest first."""


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """One way in which a file can be wrong."""

    severity: Severity
    """How grave it is."""
    title: str
    """What these files are, in the plural."""
    fix: str
    """What to do about them, as an imperative."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Remedy:
    """What can be done about a fault without losing anything."""

    action: Literal["aside", "rename", "rewrite"]
    """Move files aside; give one another name; write one anew as UTF-8 without a mark, the old one moved aside."""
    files: tuple[Path, ...]
    """What is moved aside; or the one file."""
    target: str = ""
    """The new name, or the encoding of what is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that is wrong with one file, or with several together."""

    kind: str
    """A key of `KINDS`."""
    severity: Severity
    """As a rule that of the kind."""
    file: Path
    """The file or folder."""
    reason: str
    """What is wrong with it, in one line."""
    others: tuple[Path, ...] = ()
    """Further files that it is about: the other copies."""
    remedy: Remedy | None = None
    """What `mend` would do; None where a person has to decide."""

    @property
    def fix(self) -> str:
        """What to do."""
        return KINDS[self.kind].fix


def fault(
    kind: str,
    file: Path,
    reason: str,
    *,
    others: tuple[Path, ...] = (),
    remedy: Remedy | None = None,
    severity: Severity | None = None,
) -> Fault:
    """A fault of a kind."""
    severity = severity or KINDS[kind].severity
    reason = sys.intern(reason)  # often the same for all images of a folder
    return Fault(kind=kind, severity=severity, file=file, reason=reason, others=others, remedy=remedy)


def _kind(severity: Severity, title: str, fix: str) -> FaultKind:
    return FaultKind(severity=severity, title=title, fix=fix)


_AGAIN = "fetch or save them again, or move them away with their captions"

KINDS: Mapping[str, FaultKind] = {
    "folder": _kind("error", "folders that cannot be listed", "correct the path, or mend its rights"),
    "metadata": _kind("error", "metadata files that cannot be used", "make them anew: kft dataset metadata"),
    "metadata-image": _kind(
        "error", "images of a metadata file that are not there", "make the file anew: kft dataset metadata"
    ),
    "folder-empty": _kind(
        "error", "folders without images", "put png, jpg, webp or bmp files directly into the folder"
    ),
    "image-empty": _kind("error", "image files of zero bytes", _AGAIN),
    "image-truncated": _kind("error", "images that are cut off", _AGAIN),
    "image-broken": _kind("error", "damaged images", _AGAIN),
    "image-bomb": _kind("error", "images too large to be opened", "make them smaller in an image editor"),
    "image-foreign": _kind("error", "files that are no images", "move them away with their captions"),
    "image-lfs": _kind("error", "pointers of git-lfs in place of images", "git lfs pull"),
    "image-unsupported": _kind(
        "error", "images of a format that is not read", "convert them to PNG in an image editor"
    ),
    "image-unreadable": _kind("error", "images that cannot be opened", "mend their rights, or bring their disk back"),
    "image-memory": _kind(
        "error", "images that did not fit into memory", "free memory, or make them smaller in an image editor"
    ),
    "image-not-file": _kind("error", "folders and dead links with the name of an image", "move them away"),
    "image-no-bucket": _kind(
        "error", "images that no bucket holds", "replace them with larger ones, or move them away"
    ),
    "image-header": _kind(
        "error", "images whose header says another size than their pixels", "save them again: kft dataset prepare"
    ),
    "image-suffix": _kind("note", "images with the suffix of another format", "rename them"),
    "image-animated": _kind(
        "warning", "animations, of which the first picture is trained", "save the picture you mean"
    ),
    "image-cmyk": _kind("warning", "images in CMYK, whose colours come out wrong", "convert them: kft dataset prepare"),
    "image-deep": _kind(
        "warning", "images of more than 8 bits, which come out too light or dark", "convert them: kft dataset prepare"
    ),
    "image-gray": _kind("note", "images in shades of gray", "keep them if that is meant"),
    "image-transparent": _kind(
        "warning",
        "images with transparency, which is dropped",
        "flatten them (kft dataset prepare), or set alpha_mask = true",
    ),
    "image-invisible": _kind("error", "images that are transparent all over", "replace them, or move them away"),
    "image-turned": _kind(
        "warning", "photographs that are trained lying on their side", "turn them: kft dataset prepare"
    ),
    "image-plain": _kind("warning", "images of one colour alone", "replace them, or move them away"),
    "image-profile": _kind(
        "note", "images with colours of another profile than sRGB", "convert them: kft dataset prepare"
    ),
    "image-upscaled": _kind("warning", "images that are enlarged to be trained", "find larger ones, or move them away"),
    "image-cropped": _kind("warning", "images of which much is cut off", "crop them by hand, or widen the buckets"),
    "image-ignored": _kind(
        "warning", "images that sd-scripts does not find", "convert or rename them: kft dataset prepare"
    ),
    "image-below": _kind(
        "warning",
        "folders below with images, which sd-scripts does not look into",
        "move their images up, or make them subsets of their own",
    ),
    "image-same-stem": _kind("note", "images that share one caption", "rename one and give it a caption"),
    "name-odd": _kind("note", "names that other systems cannot hold", "rename them, with their captions"),
    "name-case": _kind("warning", "names that are one on Windows and macOS", "rename one, with its caption"),
    "caption-extension": _kind(
        "warning", "folders whose captions have another extension", "set caption_extension to it"
    ),
    "caption-missing": _kind("warning", "images without a caption", "write captions, or set class_tokens"),
    "caption-name": _kind("warning", "captions whose accents are spelled otherwise than the image's", "rename them"),
    "caption-orphan": _kind("warning", "captions without an image", "bring the images back, or move the captions away"),
    "caption-foreign": _kind(
        "warning", "images that take the caption of another name", "write captions of their own names"
    ),
    "caption-empty": _kind("error", "caption files without a line", "write the caption, or delete the file"),
    "caption-blank": _kind("warning", "captions that are blank", "write the caption"),
    "caption-encoding": _kind("error", "captions that are no UTF-8", "save them as UTF-8"),
    "caption-mark": _kind(
        "warning", "captions with a byte order mark, which becomes part of the text", "save them without it"
    ),
    "caption-lines": _kind(
        "warning",
        "captions of several lines, of which the first is read",
        "join the lines, or set enable_wildcard = true",
    ),
    "caption-long": _kind(
        "warning", "captions that are cut off", "shorten them, or raise max_token_length (75, 150, 225)"
    ),
    "caption-odd": _kind("warning", "captions with characters that no one typed", "correct them"),
    "caption-doubtful": _kind("warning", "texts that are no captions", "write the caption"),
    "caption-unreadable": _kind("error", "captions that cannot be opened", "mend their rights"),
    "cache-broken": _kind("error", "cached files that cannot be read", "move them away; they are made anew"),
    "cache-nan": _kind("error", "cached files that hold NaN", "move them away, and set no_half_vae = true"),
    "cache-stale": _kind("warning", "cached files that no longer fit", "move them away; they are made anew"),
    "cache-orphan": _kind("note", "cached files without their image", "move them away"),
    "cache-list": _kind(
        "warning", "metadata_cache.json files that no longer fit", "move them away; they are made anew"
    ),
    "twin-exact": _kind(
        "warning", "images that are there more than once", "keep one of each, or set num_repeats instead"
    ),
    "twin-near": _kind("note", "images that show the same", "keep the best of each, or leave them if that is meant"),
    "twin-regularisation": _kind(
        "warning", "images that are both trained and regularisation images", "take them out of the regularisation set"
    ),
}
"""Every kind by its name."""
