"""Pictures with captions for tests: tiny files, or none at all."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from dataset_tools.scan.captions import Captioned, tags_of
from dataset_tools.scan.scan import Picture


def spoken(name: str, text: str) -> Captioned:
    """A picture of this name with this caption, on no disk."""
    picture = Picture(image=Path("/d") / name, caption=Path("/d") / f"{name}.txt")
    return Captioned(picture=picture, text=text, tags=tags_of(text))


def all_spoken(*texts: str) -> list[Captioned]:
    """Pictures 0.png, 1.png and so on."""
    return [spoken(f"{number}.png", text) for number, text in enumerate(texts)]


def drawn(folder: Path, **texts: str | None) -> Path:
    """A folder with a small picture of its own colour for every stem, and its caption where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (stem, text) in enumerate(texts.items()):
        Image.new("RGB", (24, 16), (number * 9 % 256, 40, 90)).save(folder / f"{stem}.png")
        if text is not None:
            (folder / f"{stem}.txt").write_bytes(text.encode())
    return folder
