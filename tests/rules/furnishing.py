"""Changes to the image folder of a casebook entry, as functions of the folder."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Change = Callable[[Path], None]

CAPTION = "one, two, three"


def both(*changes: Change) -> Change:
    """All of them, in order."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def image(name: str, size: tuple[int, int] = (64, 64)) -> Change:
    """An image without a caption; it may lie in a folder below."""

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", size, (90, 60, 30)).save(folder / name)

    return change


def text(name: str, content: str | bytes = CAPTION) -> Change:
    """A file with this content."""

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def captioned(name: str, size: tuple[int, int] = (64, 64)) -> Change:
    """An image and its caption."""
    return both(image(name, size), text(name.rpartition(".")[0] + ".txt"))


def images(folder: str, names: str, size: tuple[int, int] = (64, 64)) -> Change:
    """A folder below with an image for each letter, without captions."""
    return both(empty(folder), *(image(f"{folder}/{name}.png", size) for name in names))


def empty(name: str) -> Change:
    """A folder below."""

    def change(folder: Path) -> None:
        (folder / name).mkdir(exist_ok=True)

    return change


def npz(name: str, *, older: bool = False, nan: bool = False, **shapes: tuple[int, ...]) -> Change:
    """A file of arrays, written now or long ago; arrays of one dimension hold whole numbers."""

    def change(folder: Path) -> None:
        filled = np.nan if nan else 0.5
        arrays = {
            key: np.full(shape, 64) if len(shape) == 1 else np.full(shape, filled, dtype=np.float32)
            for key, shape in shapes.items()
        }
        np.savez(folder / name, **arrays)
        if older:
            os.utime(folder / name, (1.0e9, 1.0e9))

    return change


def latents(name: str = "a_0064x0064_sdxl", *, side: int = 8, older: bool = False, nan: bool = False) -> Change:
    """Cached latents as sd-scripts writes them."""
    shapes = {"latents": (4, side, side), "original_size": (2,), "crop_ltrb": (4,)}
    return npz(f"{name}.npz", older=older, nan=nan, **shapes)


def outputs(tokens: int = 77, *, older: bool = False, nan: bool = False) -> Change:
    """Cached text encoder outputs of `a.png`."""
    shapes = {"hidden_state1": (tokens, 768), "hidden_state2": (tokens, 1280), "pool2": (1280,)}
    return npz("a_te_outputs.npz", older=older, nan=nan, **shapes)
