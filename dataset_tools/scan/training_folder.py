"""A folder as a training would take it: what `inspection` has to know of a configuration, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True, kw_only=True)
class TrainingFolder:
    """One `image_dir` and what is in force for it."""

    folder: Path
    """The folder; of a metadata file the one in which its relative paths begin."""
    metadata: Path | None = None
    """The metadata file that names the images and holds their captions; None where the folder is listed."""
    separator: str = ","
    """Between caption and tags of a metadata file (`caption_separator`)."""
    caption_extension: str = ".txt"
    """Of its captions."""
    regularisation: bool = False
    """Whether its images are regularisation images (`is_reg`)."""
    captions_needed: bool = True
    """False where `class_tokens` take the place of missing captions."""
    all_lines: bool = False
    """Whether every line of a caption is read (`enable_wildcard`) and not the first alone."""
    most_tokens: int = 225
    """Tokens of a caption that are read: 75, 150 or 225, the most that sd-scripts can be told to."""
    alpha_mask: bool = False
    """Whether transparency is used as a mask and not dropped."""
    latents_cached: bool = True
    """Whether latents on disk are used; where they are not, what is wrong with them is only worth knowing."""
    texts_cached: bool = True
    """Likewise for text encoder outputs."""
    list_cached: bool = True
    """Likewise for `metadata_cache.json`."""
    readable: tuple[str, ...] = ()
    """Further suffixes that the trainer reads through plugins, in lower case."""
    place: Callable[[Size], tuple[Size, Size] | str] | None = None
    """From the size of an image to its bucket and the size it is resized to, or to why there is none; None where no
    resolution is known."""
    bucketed: Callable[[Size], tuple[Size, Size] | str] | None = None
    """Likewise with buckets, where the configuration makes none."""
