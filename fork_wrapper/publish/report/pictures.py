"""Sample images made small enough for a page of a given size, all of them to one measure."""

import base64
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup
    from PIL import Image

SIDES = (1536, 1024, 768, 640, 512, 448, 384, 320, 256, 192, 128, 96, 64)
"""What the longer side may be, the best first."""

TRIED = 12
"""Images whose size in bytes is taken for that of all, before all are made."""

SURE = 0.96
"""Part of the budget that a few images may foretell: all of them are made but once."""

QUALITY = 80
MOST_PIXELS = 64_000_000
"""Of a sample that is opened: no trainer draws larger ones."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image, ready for a page."""

    data: bytes
    """WebP; empty where the file cannot be read."""
    size: tuple[int, int]
    """Width and height as it is here."""
    original: tuple[int, int]
    """As it was drawn."""

    @property
    def reduced(self) -> bool:
        """Whether the file has more pixels."""
        return self.size != self.original

    @property
    def source(self) -> "Markup":
        """The image as an address."""
        from markupsafe import Markup  # noqa: PLC0415 - comes with the templates

        return Markup("data:image/webp;base64,") + Markup(base64.b64encode(self.data).decode())


def pictures(
    paths: Sequence[Path], budget: int, tell: Callable[[int, int], None] = lambda _done, _all: None
) -> dict[Path, Picture]:
    """The images by path, together at most `budget` bytes where any side allows it; the largest side that does.

    A file that cannot be read has a picture without data. `tell` hears how many are done.
    """
    wanted = list(dict.fromkeys(paths))
    if not wanted:
        return {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for side in _likely(wanted, budget, pool):
            made: dict[Path, Picture] = {}
            for path, picture in zip(wanted, pool.map(lambda path: shrunk(path, side), wanted), strict=True):  # noqa: B023
                made[path] = picture
                tell(len(made), len(wanted))
            if sum(len(picture.data) for picture in made.values()) <= budget:
                break
    return made


def shrunk(path: Path, side: int) -> Picture:
    """One image whose longer side is at most `side`."""
    opened = opened_image(path)
    if opened is None:
        return Picture(data=b"", size=(0, 0), original=(0, 0))
    small = fitted(opened, side)
    return Picture(data=_encoded(small), size=small.size, original=opened.size)


def _encoded(image: "Image.Image") -> bytes:
    with io.BytesIO() as file:
        image.save(file, "WEBP", quality=QUALITY, method=2)
        return file.getvalue()


def opened_image(path: Path) -> "Image.Image | None":
    """A file's image in RGB; None where it is none, or damaged."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - a report without samples needs none

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            converted: Image.Image = image.convert("RGB")
            return converted
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, UnidentifiedImageError):
        return None


def fitted(image: "Image.Image", side: int) -> "Image.Image":
    """An image no larger than a square of this side."""
    from PIL import Image  # noqa: PLC0415

    longest = max(image.size)
    if longest <= side:
        return image
    width, height = (max(1, round(length * side / longest)) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _likely(paths: Sequence[Path], budget: int, pool: ThreadPoolExecutor) -> list[int]:
    """The sides worth trying, the best first: that of which a few images fit, and all below."""
    opened = pool.map(opened_image, paths[:: max(1, len(paths) // TRIED)])
    few = [image for image in opened if image is not None]
    longest = max((max(image.size) for image in few), default=0)
    sides = [side for side in SIDES if side < longest]
    for at, side in enumerate([SIDES[0], *sides]):
        sizes = pool.map(lambda image: len(_encoded(fitted(image, side))), few)  # noqa: B023
        if sum(sizes) * len(paths) <= budget * len(few) * SURE:
            return [SIDES[0], *sides][at:]
    return [SIDES[-1]]
