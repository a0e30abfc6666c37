"""The size of an image, guessed from the name of its latents on disk, as sd-scripts guesses it."""

import os
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice, takewhile


def sizes_from_names(images: Sequence[str], latents: Sequence[str]) -> list[tuple[int, int] | None]:
    """For each image the size that a name among `latents` says; None where it has to be read from the image.

    Both are walked once, side by side (library/train_util.py:2012-2034). A name counts as an image's if it begins with
    the image's path without its suffix: `a_0064x0064_sdxl.npz` is taken for `a.png`, but where that is missing, so is
    `ab_0064x0064_sdxl.npz`. Of two for one image, the first wins.

    Args:
        images: paths, sorted.
        latents: paths, sorted by what comes before their size.

    Raises:
        ValueError: a name that was taken for an image's says no size; sd-scripts dies of it.
    """
    sizes: list[tuple[int, int] | None] = []
    index = 0
    for image in images:
        stem = os.path.splitext(image)[0]  # noqa: PTH122 - as sd-scripts splits; Path.stem differs for "x."
        while index < len(latents) and latents[index][: len(stem)] < stem:
            index += 1
        found = index < len(latents) and latents[index].startswith(stem)
        sizes.append(_size(latents[index]) if found else None)
    return sizes


def latents_taken(names: Sequence[str], latents: Sequence[str]) -> dict[str, str]:
    """Images of a metadata file for which a file of latents is taken, and the file.

    The longest names come first, on both sides, and each file is taken once (library/train_util.py:2286-2317). A name
    has to begin like the path as it stands in the metadata file: for a relative one none ever does.

    Args:
        names: image paths as they are written, of those without `image_size`.
        latents: paths, in any order.
    """
    rank = {path: (-len(os.path.basename(path)), index) for index, path in enumerate(latents)}  # noqa: PTH119
    left = sorted(rank)
    taken: dict[str, str] = {}
    for name in sorted(names, key=len, reverse=True) if left else ():
        stem = os.path.splitext(name)[0]  # noqa: PTH122
        first = bisect_left(left, stem)
        matching = takewhile(lambda path: path.startswith(stem), islice(left, first, None))  # noqa: B023
        match = min(matching, key=rank.__getitem__, default=None)
        if match is not None:
            left.remove(match)
            taken[name] = match
    return taken


def size_in_name(path: str) -> tuple[int, int]:
    """The size that the name of latents says; (0, 0) where it says none."""
    try:
        return _size(path)
    except (IndexError, ValueError):
        return 0, 0


def _size(path: str) -> tuple[int, int]:
    """The part between the last two underscores of the whole path (library/strategy_base.py:412-414)."""
    width, height = os.path.splitext(path)[0].split("_")[-2].split("x")  # noqa: PTH122
    return int(width), int(height)
