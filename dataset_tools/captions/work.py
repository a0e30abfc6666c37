"""A folder in which any captioner may write: links to the images that want a caption, and nothing of the data set.

What it wrote is then brought home as edits, so that no caption is overwritten unless somebody said so.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.captions.edit import Edit
from dataset_tools.errors import DatasetError
from dataset_tools.linking import link_or_copy
from dataset_tools.scan.captions import caption_path, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dataset_tools.scan.scan import FolderScan, Picture

IMAGES = "images"
"""Name of the folder that a captioner is given; its log may lie beside it."""


def wanting(scan: FolderScan, *, overwrite: bool) -> tuple[Picture, ...]:
    """The pictures to caption: those without a caption, or all; none whose caption only has to be renamed."""
    bare = (picture for picture in scan.pictures if overwrite or picture.caption is None)
    return tuple(picture for picture in bare if picture.image.name not in scan.misspelt)


@contextmanager
def work_folder(pictures: Sequence[Picture], beside: Path, *, copies: bool = False) -> Iterator[Path]:
    """A folder with these images under their own names, gone afterwards; beside the data set, where links work.

    With `copies` they are no links: for programs of which nobody knows whether they write into images.

    Raises:
        DatasetError: there is no room or no right to make it.
    """
    place = _laid_out(pictures, beside, copies=copies)
    try:
        yield place / IMAGES
    finally:
        shutil.rmtree(place, ignore_errors=True)


def written(work: Path, pictures: Sequence[Picture], extension: str, *, whole: bool) -> list[Edit]:
    """What the captioner wrote for these pictures; blank captions are none.

    Without `whole`, it did not end by itself: then the caption written last, which may be half, is left out.
    """
    found: dict[Path, Edit] = {}
    changed: dict[Path, int] = {}
    for picture in pictures:
        made = caption_path(work / picture.image.name, extension)
        if not made.is_file() or not (content := read_bytes(made)).strip():
            continue
        home = picture.own or caption_path(picture.image, extension)
        found[home] = Edit(path=home, before=read_bytes(home) if home.is_file() else None, after=content)
        changed[home] = made.stat().st_mtime_ns
    if found and not whole:
        del found[max(changed, key=lambda home: changed[home])]
    return list(found.values())


def _laid_out(pictures: Sequence[Picture], beside: Path, *, copies: bool) -> Path:
    place: Path | None = None
    try:
        place = _temporary(beside)
        (place / IMAGES).mkdir()
        for picture in pictures:
            if copies:
                shutil.copyfile(picture.image, place / IMAGES / picture.image.name)
            else:
                link_or_copy(picture.image, place / IMAGES / picture.image.name, symbolic=True)
    except BaseException as error:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise DatasetError(
            f"the images cannot be linked ({error.strerror})",
            where=error.filename or beside,
            next_step="Make room on the disk, or mind the permissions of the folder above the images.",
        ) from error
    return place


def _temporary(beside: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=".kft-captions-", dir=os.path.realpath(beside.parent)))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="kft-captions-"))
