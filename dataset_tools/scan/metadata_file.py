"""Metadata files: images, captions, tags and sizes of a training set in one JSON, as sd-scripts reads and makes them.

Read as library/train_util.py:FineTuningDataset does: a JSON object of objects by image path, or with .jsonl one such
object a line. Made as finetune/merge_captions_to_metadata.py and merge_dd_tags_to_metadata.py do, with --full_path or
with names; names keep their suffix here, without which the trainer finds no image.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError
from dataset_tools.scan.captions import SEPARATOR, read_bytes
from dataset_tools.scan.image_size import image_size
from dataset_tools.scan.scan import IMAGE_SUFFIXES, FolderScan, Picture, scan_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUFFIXES = (".json", ".jsonl")
"""How such files end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What is said of one image."""

    caption: str | None
    """`caption`."""
    tags: str | None
    """`tags`, as one text."""
    size: tuple[int, int] | None
    """`image_size`: width and height; None where the image, or its cached latents, are asked."""
    bucketed: bool = False
    """Whether there is a `train_resolution`, which nothing reads any more."""

    def text(self, separator: str = SEPARATOR, *, all_lines: bool = False) -> str:
        """The caption that is trained: with the tags behind it, or with `enable_wildcard` behind each of its lines."""
        caption, tags = self.caption or "", self.tags
        if all_lines and tags is not None:
            tags = tags.replace("\n", separator)
            return "\n".join(f"{line}{separator}{tags}" for line in caption.split("\n") if line.strip())
        return f"{caption}{separator if caption else ''}{tags}" if tags else caption


def read_entries(path: Path) -> dict[str, Entry] | None:
    """Entries by image path as it is written, in order; None where sd-scripts cannot read or use the file."""
    try:
        return _entries(path)
    except (AttributeError, OSError, RecursionError, TypeError, ValueError):
        return None


def no_table(path: Path) -> str:
    """A sentence about a metadata file that cannot be used, with the first reason."""
    fault = _fault(path)
    return f"the metadata file is no table of images{fault and f': {fault}'}"


def _fault(path: Path) -> str:
    """What is wrong in a metadata file that is no table of images; empty where there is no more to say."""
    try:
        _entries(path)
    except json.JSONDecodeError as error:
        is_marked = error.doc.startswith("\ufeff")
        return "it begins with a byte order mark" if is_marked else f"no JSON at line {error.lineno}: {error.msg}"
    except UnicodeDecodeError:
        return "it is no UTF-8"
    except TypeError as error:
        return str(error)
    except (AttributeError, OSError, RecursionError, ValueError):
        return ""
    return ""


def _entries(path: Path) -> dict[str, Entry]:
    text = path.read_text(encoding="utf-8")
    raw = _rows(text) if path.name.endswith(".jsonl") else json.loads(text)
    return {str(name): _entry(name, entry) for name, entry in raw.items()}


def _rows(text: str) -> dict[Any, Any]:
    """Objects of a .jsonl by image path; a line ends with a line feed alone, as in a file that Python reads."""
    found = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            error.lineno = number
            raise
        if not isinstance(row, dict) or not isinstance(row.get("image_path"), str):
            raise TypeError(f"line {number} has no image_path")
        found[row["image_path"]] = row
    return found


def _entry(name: str, raw: Any) -> Entry:
    """One entry; TypeError that says why where it is none."""
    if not isinstance(raw, dict):
        raise TypeError(f"what it says of {name} is no table")
    size, caption, tags = raw.get("image_size"), raw.get("caption"), raw.get("tags")
    for key, text in (("caption", caption), ("tags", tags)):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{key} of {name} is no text")
    bucketed = raw.get("train_resolution") is not None
    if size is None:
        return Entry(caption=caption, tags=tags, size=None, bucketed=bucketed)
    if type(size) is not list or len(size) != 2 or any(type(side) is not int for side in size):
        raise TypeError(f"image_size of {name} is no pair of whole numbers")
    return Entry(caption=caption, tags=tags, size=(size[0], size[1]), bucketed=bucketed)


def image_path(name: str, image_dir: Path | None) -> str:
    """Where an image of the file lies; a relative path without a folder to begin in stays as it is."""
    return name if image_dir is None or os.path.isabs(name) else os.path.join(image_dir, name)  # noqa: PTH117, PTH118


def scan_metadata(
    metadata: Path, image_dir: Path | None, *, separator: str = SEPARATOR, all_lines: bool = False
) -> tuple[FolderScan, dict[str, Entry]]:
    """The pictures that a metadata file names and that are there, and all its entries.

    The folder of the scan is the one that holds all of them, below which names are relative.

    Args:
        metadata: the file.
        image_dir: where relative paths begin.
        separator: `caption_separator`.
        all_lines: `enable_wildcard`.

    Raises:
        DatasetError: the file is missing, or no table of images.
    """
    entries = read_entries(metadata)
    if entries is None:
        gone = not metadata.exists()
        raise DatasetError(
            "the metadata file is missing" if gone else no_table(metadata),
            where=metadata,
            next_step="Correct the path, or make the file: kft dataset metadata.",
        )
    texts = {image_path(name, image_dir): one.text(separator, all_lines=all_lines) for name, one in entries.items()}
    there = sorted(path for path in texts if os.path.isfile(path))  # noqa: PTH113 - a thousand Paths take their time
    pictures = tuple(Picture(image=Path(path), caption=None, text=texts[path]) for path in there)
    folder = _common(there, image_dir) or metadata.absolute().parent
    is_deep = any(picture.image.parent != folder for picture in pictures)
    scan = FolderScan(folder=folder, pictures=pictures, caption_extension="", other_extensions={}, is_deep=is_deep)
    return scan, entries


def _common(paths: list[str], image_dir: Path | None) -> Path | None:
    """The folder that holds all of them: the one that was said, where it does; None where there is none."""
    if image_dir and all(Path(path).is_relative_to(image_dir) for path in paths):
        return image_dir
    try:
        return Path(os.path.commonpath([os.path.dirname(path) for path in paths]))  # noqa: PTH120
    except ValueError:  # on several drives of Windows, or none at all
        return None


def lacks_suffix(path: str) -> bool:
    """Whether a path that is no file would be one with the suffix of an image."""
    return any(os.path.isfile(path + suffix) for one in IMAGE_SUFFIXES for suffix in (one, one.upper()))  # noqa: PTH113


def describes_images(path: Path) -> bool:
    """Whether a file is a metadata file, and no other JSON."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    entries = read_entries(path) or {}
    return any(one.caption is not None or one.tags is not None or one.size or one.bucketed for one in entries.values())


def make_metadata(
    folders: Iterable[Path], caption_extension: str, tags_extension: str = "", *, full_path: bool
) -> dict[str, dict[str, Any]]:
    """What a metadata file says of all images of these folders: caption, tags and size, where there are such.

    Args:
        folders: image folders.
        caption_extension: of the files with captions.
        tags_extension: of the files with tags; empty for none.
        full_path: whether images are called by their absolute paths, or by their names.

    Raises:
        DatasetError: a folder cannot be listed, a text cannot be read, or two images have one name.
    """
    found: dict[str, dict[str, Any]] = {}
    for folder in folders:
        tagged = {one.image: one.caption for one in _pictures(folder, tags_extension)} if tags_extension else {}
        for one in _pictures(folder, caption_extension):
            name = str(one.image.absolute()) if full_path else one.image.name
            if name in found:
                raise DatasetError("two images have one name", where=one.image, next_step="Give --full-path.")
            texts = {"caption": _text(one.caption), "tags": _text(tagged.get(one.image))}
            size = image_size(one.image) or (0, 0)
            sized = {"image_size": list(size)} if min(size) > 0 else {}
            found[name] = {key: text for key, text in texts.items() if text} | sized
    return found


def metadata_text(entries: Mapping[str, Mapping[str, Any]], *, lines: bool) -> str:
    """A metadata file: one JSON object, or an object a line."""
    if not lines:
        return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
    rows = [json.dumps({"image_path": name, **entry}, ensure_ascii=False) for name, entry in entries.items()]
    return "".join(f"{row}\n" for row in rows)


def _pictures(folder: Path, extension: str) -> tuple[Picture, ...]:
    return scan_folder(folder, extension).pictures


def _text(path: Path | None) -> str:
    """All of a text file, without blanks around it, as finetune/merge_captions_to_metadata.py takes it."""
    if path is None:
        return ""
    try:
        return read_bytes(path).decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DatasetError("the caption is no UTF-8", where=path, next_step="Save it as UTF-8.") from error
