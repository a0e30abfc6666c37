"""Captions as sd-scripts reads them, and the tags in them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataset_tools.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dataset_tools.scan.scan import Picture

SEPARATOR = ","
"""sd-scripts' own `caption_separator` (library/train_util.py:4494-4496)."""


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """A picture and the words beside it."""

    picture: Picture
    """The image, and the file of its caption."""
    text: str
    """The caption that is trained on; empty without one."""
    tags: tuple[str, ...]
    """Its parts between separators."""

    @property
    def name(self) -> str:
        """The image's name."""
        return self.picture.image.name


def read_caption(path: Path) -> str:
    """The first line of a caption file, without blanks around it: what sd-scripts trains on without wildcards.

    (library/train_util.py:1958-1968.) Bytes that are no UTF-8, on which sd-scripts dies, read as U+FFFD.

    Raises:
        DatasetError: the file cannot be read.
    """
    return re.split(r"[\r\n]", read_bytes(path).decode("utf-8", errors="replace"), maxsplit=1)[0].strip()


def read_bytes(path: Path) -> bytes:
    """A whole small file; DatasetError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"the caption cannot be read ({error.strerror})",
            where=path,
            next_step="Check that the file is still there, and its permissions.",
        ) from error


def caption_path(image: Path, extension: str) -> Path:
    """Where a new caption of an image belongs."""
    return image.with_name(os.path.splitext(image.name)[0] + extension)  # noqa: PTH122 - as sd-scripts splits


def tags_of(text: str, separator: str = SEPARATOR) -> tuple[str, ...]:
    """The parts between separators, without blanks around them and without empty ones."""
    return tuple(tag for part in text.split(separator) if (tag := part.strip()))


def captioned(pictures: Iterable[Picture], separator: str = SEPARATOR) -> list[Captioned]:
    """Every picture with its caption, read from its file."""
    found = []
    for picture in pictures:
        text = read_caption(picture.caption) if picture.caption else (picture.text or "").split("\n")[0].strip()
        found.append(Captioned(picture=picture, text=text, tags=tags_of(text, separator)))
    return found


def selected(pictures: Iterable[Captioned], wanted: Iterable[str]) -> list[Captioned]:
    """The pictures that one of `wanted` means: a tag of their caption, or their name, `*`, `?` and `[` as in a shell.

    Nothing wanted means all.
    """
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only a selection pays for it

    words = tuple(wanted)
    return [one for one in pictures if not words or any(w in one.tags or fnmatchcase(one.name, w) for w in words)]
