"""One picture of many: thumbnails in rows, each with its name and the first words of its caption.

The sheet is written row by row, so that ten thousand pictures take no more memory than one row of them.
"""

from __future__ import annotations

import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import DatasetError
from dataset_tools.pixels.decoding import UndecodableError, decode
from dataset_tools.pixels.png_stream import PngStream
from dataset_tools.whole_files import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PIL import Image

    from dataset_tools.scan.captions import Captioned

Colour = tuple[int, int, int]

_PAPER, _INK, _FAINT, _ALARM = (250, 250, 248), (20, 20, 20), (110, 110, 110), (176, 32, 32)
_FONTS = (
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
    "segoeui.ttf",
)
_LETTERS = 11
_WORDS = 40  # more fit on no line
_NARROWEST = 2  # pixels of a letter
_GAP = 8
_LINE = 14
_LINES = 3  # one for the name, the others for the caption


@dataclass(frozen=True, kw_only=True)
class SheetLook:
    """How a contact sheet is laid out."""

    columns: int = 8
    """Pictures side by side."""
    side: int = 192
    """Longest side of a thumbnail in pixels."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What was drawn."""

    pictures: int
    """How many."""
    width: int
    """Of the sheet, in pixels."""
    height: int
    """Of the sheet, in pixels."""
    undecodable: tuple[tuple[str, str], ...]
    """Images that gave no picture, and why: their place says so."""


def draw_sheet(
    pictures: Sequence[Captioned],
    target: Path,
    look: SheetLook | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sheet:
    """Draw `pictures` in their order into the PNG `target`, which appears whole or not at all.

    Pictures are shown as they are trained on: turned by no EXIF orientation, without their alpha channel
    (library/train_util.py:2948-2958).

    Raises:
        DatasetError: there are no pictures, or the file cannot be written.
    """
    look = look or SheetLook()
    if not pictures:
        raise DatasetError(
            "there is no picture to draw", where=target, next_step="Select pictures that the data set has."
        )
    try:
        with whole_file(target) as file:
            return _Drawing(look).draw(pictures, file, progress or (lambda _done, _total: None))
    except OSError as error:
        raise DatasetError(
            f"the sheet cannot be written ({error.strerror})",
            where=target,
            next_step="Name a file in a folder that exists and can be written to.",
        ) from error


def evenly(pictures: Sequence[Captioned], count: int) -> list[Captioned]:
    """So many of the pictures, evenly spaced, in their order; all where there are no more."""
    if count >= len(pictures):
        return list(pictures)
    return [pictures[index * len(pictures) // count] for index in range(count)]


class _Drawing:
    """The measures of a sheet, and its font."""

    def __init__(self, look: SheetLook) -> None:
        from PIL import ImageFont  # noqa: PLC0415 - only what draws pays for it

        self._look = look
        self._font: Any = None
        for name in _FONTS:  # Pillow looks where the system keeps fonts
            with suppress(OSError):
                self._font = ImageFont.truetype(name, _LETTERS)
                break
        self._plain = self._font is None
        self._font = self._font or ImageFont.load_default(_LETTERS)
        self._failed: list[tuple[str, str]] = []

    def draw(self, pictures: Sequence[Captioned], file: Any, progress: Callable[[int, int], None]) -> Sheet:
        columns = min(self._look.columns, len(pictures))
        rows = -(-len(pictures) // columns)
        width, height = _GAP + columns * (self._look.side + _GAP), self._cell_height * rows + _GAP
        stream = PngStream(file, width, height)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # Pillow lets other threads decode
            for start in range(0, len(pictures), columns):
                row = pictures[start : start + columns]
                stream.write(self._row(row, list(pool.map(self._thumbnail, row)), width))
                progress(min(start + columns, len(pictures)), len(pictures))
        stream.write(self._blank((width, _GAP)))
        stream.close()
        return Sheet(pictures=len(pictures), width=width, height=height, undecodable=tuple(self._failed))

    @property
    def _cell_height(self) -> int:
        return _GAP + self._look.side + _LINES * _LINE

    def _thumbnail(self, one: Captioned) -> Image.Image | str:
        """The picture made small, or the reason why there is none."""
        from PIL import Image  # noqa: PLC0415

        try:
            image = decode(one.picture.image, first_frame=True).convert("RGB")
            image.thumbnail((self._look.side, self._look.side), Image.Resampling.BICUBIC)
        except UndecodableError as error:
            return error.reason
        except Exception as error:  # noqa: BLE001 - a mode that cannot be converted costs one thumbnail, not the sheet
            return str(error) or type(error).__name__
        return image

    def _row(self, row: Sequence[Captioned], thumbnails: Sequence[Image.Image | str], width: int) -> Image.Image:
        from PIL import ImageDraw  # noqa: PLC0415

        strip = self._blank((width, self._cell_height))
        pen = ImageDraw.Draw(strip)
        for column, (one, thumbnail) in enumerate(zip(row, thumbnails, strict=True)):
            left = _GAP + column * (self._look.side + _GAP)
            if isinstance(thumbnail, str):
                self._failed.append((one.name, thumbnail))
                pen.rectangle((left, _GAP, left + self._look.side - 1, _GAP + self._look.side - 1), outline=_ALARM)
                lines = self._folded(pen, self._drawable(thumbnail), self._look.side - 2 * _GAP, 4)
                self._write(pen, (left + _GAP, 2 * _GAP), lines, _ALARM)
            else:
                inset = ((self._look.side - thumbnail.width) // 2, (self._look.side - thumbnail.height) // 2)
                strip.paste(thumbnail, (left + inset[0], _GAP + inset[1]))
            below = _GAP + self._look.side
            self._write(pen, (left, below), [self._cut(pen, self._drawable(one.name), self._look.side)], _INK)
            words = self._folded(pen, self._drawable(one.text), self._look.side, _LINES - 1)
            self._write(pen, (left, below + _LINE), words, _FAINT)
        return strip

    def _write(self, pen: Any, place: tuple[int, int], lines: Sequence[str], ink: Colour) -> None:
        for number, line in enumerate(lines):
            pen.text((place[0], place[1] + number * _LINE), line, fill=ink, font=self._font)

    def _folded(self, pen: Any, text: str, room: int, most: int) -> list[str]:
        """The text in at most so many lines between words; an ellipsis where it goes on."""
        lines: list[str] = []
        words = text.split()
        while words and len(lines) < most:
            count = len(words) if len(lines) == most - 1 else max(1, self._fitting(pen, words[:_WORDS], room))
            lines.append(self._cut(pen, " ".join(words[:count]), room))
            words = words[count:]
        return lines

    def _fitting(self, pen: Any, words: Sequence[str], room: int) -> int:
        """How many words fit on a line."""
        return _most(len(words), lambda count: self._fits(pen, " ".join(words[:count]), room))

    def _cut(self, pen: Any, text: str, room: int) -> str:
        """The text, or its beginning and an ellipsis where it is too wide."""
        if self._fits(pen, text, room):
            return text
        length = _most(min(len(text), room // _NARROWEST), lambda n: self._fits(pen, f"{text[:n]}...", room))
        return f"{text[:length]}..."

    def _fits(self, pen: Any, text: str, room: int) -> bool:
        return len(text) * _NARROWEST <= room and bool(pen.textlength(text, font=self._font) <= room)

    def _drawable(self, text: str) -> str:
        """Without line breaks and what the font cannot draw: names that are no UTF-8; Pillow's own knows ASCII only."""
        text = "".join(letter if letter.isprintable() else " " for letter in text)
        if self._plain:
            text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        return text.encode("utf-8", "replace").decode()

    def _blank(self, size: tuple[int, int]) -> Image.Image:
        from PIL import Image  # noqa: PLC0415

        return Image.new("RGB", size, _PAPER)


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest number from 0 to `limit` that fits, where every smaller one does too; 0 is not asked for."""
    least = 0
    while least < limit:
        middle = (least + limit + 1) // 2
        least, limit = (middle, limit) if fits(middle) else (least, middle - 1)
    return least
