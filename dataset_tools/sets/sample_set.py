"""A small training set of invented figures, for trying things out without a data set.

`character_0001.png`, `character_0001.txt`, …, square RGB pictures and one-line captions, and
`sample_set.json`, which says what the set is. sd-scripts takes no notice of that file: it looks for image
suffixes, and of all JSON names knows `metadata_cache.json` only (library/train_util.py:104, 1896, 2847-2856).

The pictures stand in for photographs of characters in tests and rehearsals; nobody should expect a model to
learn a style from them. Pillow is imported when something is drawn, not before.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.errors import DatasetError
from dataset_tools.sets.figures import caption, draw, figure

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_SET_VERSION = 2
"""Counts up whenever the same seed would give other pictures or captions."""

_MARKER = "sample_set.json"
_LEAST_SIZE, _MOST_SIZE, _MOST_COUNT = 16, 4096, 9999
# What may be lost when a set is drawn anew: the set itself, and what sd-scripts caches beside it.
_REPLACEABLE = re.compile(r"character_\d{4}(\.png|\.txt|.*\.npz)|sample_set\.json|metadata_cache\.json")


def sample_set_folder(cache: Path, count: int = 24, size: int = 1024, seed: int = 2024) -> Path:
    """Where such a set belongs below a cache folder: a place of its own for each version and each choice."""
    return cache / f"sample_set_v{SAMPLE_SET_VERSION}_{count}x{size}_{seed}"


def draw_sample_set(
    folder: Path,
    count: int = 24,
    size: int = 1024,
    seed: int = 2024,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Draw the set, unless the folder holds it already.

    The folder appears when all is drawn, or not at all. An older or different sample set in its place is
    replaced, together with the latents cached beside it; anything else there is left alone and is an error.
    The same seed gives the same captions everywhere, and the same bytes of pictures with the same version of
    Pillow; the first characters of a longer set are those of a shorter one.

    Args:
        folder: what will be an `image_dir`, for captions with the extension `.txt`.
        count: how many characters, 1 to 9999.
        size: side of a picture in pixels, 16 to 4096.
        seed: chooses the characters.
        progress: called with (characters drawn, characters in all) after each.

    Returns:
        How many pictures were drawn: `count`, or 0 if they were there.

    Raises:
        DatasetError: the numbers are out of range, the folder holds something else, or cannot be written.
    """
    _check_numbers(folder, count, size)
    marker = {"version": SAMPLE_SET_VERSION, "seed": seed, "count": count, "size": size}
    if _holds(folder, marker):
        return 0
    _refuse_foreign(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # A sibling, so that the renaming at the end stays on one disk.
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fresh = temporary / "new"
            fresh.mkdir()
            _draw_all(fresh, marker, progress)
            return count if _put_in_place(fresh, folder, temporary / "old", marker) else 0
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise DatasetError(
            f"the sample set cannot be written ({error.strerror})",
            where=folder,
            next_step="Choose a folder that can be written to, on a disk with room for it.",
        ) from error


def _draw_all(folder: Path, marker: dict[str, int], progress: Callable[[int, int], None] | None) -> None:
    def draw_one(index: int) -> None:
        one = figure(marker["seed"], index)
        stem = f"character_{index + 1:04d}"
        # The least compression: four times faster than the default, and these files do not travel.
        draw(one, marker["size"]).save(folder / f"{stem}.png", compress_level=1)
        (folder / f"{stem}.txt").write_bytes(f"{caption(one)}\n".encode())

    # Pillow lets other threads run while it resizes and compresses, which is half of the work.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(draw_one, range(marker["count"])), start=1):
            if progress is not None:
                progress(done, marker["count"])
    (folder / _MARKER).write_bytes(f"{json.dumps(marker)}\n".encode())


def _put_in_place(fresh: Path, folder: Path, retired: Path, marker: dict[str, int]) -> bool:
    """Rename the finished set to its place; False if another process was faster with the same set."""
    if _holds(folder, marker):
        return False
    with contextlib.suppress(FileNotFoundError):
        folder.rename(retired)
    try:
        fresh.rename(folder)
    except OSError:
        if _holds(folder, marker):
            return False
        raise
    return True


def _holds(folder: Path, marker: dict[str, int]) -> bool:
    try:
        stored = json.loads((folder / _MARKER).read_bytes())
        names = set(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    except (OSError, ValueError):
        return False
    stems = [f"character_{index + 1:04d}" for index in range(marker["count"])]
    wanted = {f"{stem}{suffix}" for stem in stems for suffix in (".png", ".txt")}
    return bool(stored == marker) and wanted <= names


def _refuse_foreign(folder: Path) -> None:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except FileNotFoundError:
        return
    except NotADirectoryError:
        names = [folder.name]
    foreign = [name for name in sorted(names) if not _REPLACEABLE.fullmatch(name)]
    if not foreign and (not names or _MARKER in names):
        return
    raise DatasetError(
        f"there is something else in place of the sample set: {(foreign or sorted(names))[0]}",
        where=folder,
        next_step="Give a folder that does not exist yet, or move the files away.",
    )


def _check_numbers(folder: Path, count: int, size: int) -> None:
    for name, value, least, most in (
        ("count", count, 1, _MOST_COUNT),
        ("size", size, _LEAST_SIZE, _MOST_SIZE),
    ):
        if not least <= value <= most:
            raise DatasetError(
                f"a sample set with a {name} of {value} cannot be drawn",
                where=folder,
                next_step=f"Give a {name} from {least} to {most}.",
            )
