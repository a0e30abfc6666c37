"""Images that are there more than once: the same file, or the same picture in another form."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.check.faults import Fault, Remedy, fault
from dataset_tools.check.images import with_caption
from dataset_tools.pixels.signature import BYTES
from dataset_tools.scan.notes import Notes
from dataset_tools.scan.scan import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dataset_tools.pixels.image_facts import ImageFacts

NOTES = "alike.json"
"""The file below the memory's folder that keeps which pictures were alike, by all their signatures."""


class Twins:
    """Collects images one by one, and then says which are there more than once.

    Of each it keeps little but the 704 bytes of what it looks like: there may be a hundred thousand.
    """

    def __init__(self) -> None:
        self._images: list[str] = []  # as text, which takes a third of the room of paths
        self._captions: list[str | None] = []
        self._regular = bytearray()
        self._first: dict[bytes, int] = {}
        self._copies: dict[int, list[int]] = {}
        self._compared: list[int] = []
        self._signatures = bytearray()

    def add(self, picture: Picture, facts: ImageFacts, *, regularisation: bool) -> None:
        """One image; a copy of a file that is known is compared no further, nor is one that shows nothing."""
        number = len(self._images)
        self._images.append(str(picture.image))
        self._captions.append(str(picture.caption) if picture.caption else None)
        self._regular.append(regularisation)
        if facts.sha256 and facts.failure != "empty":
            digest = bytes.fromhex(facts.sha256)[:12]
            first = self._first.setdefault(digest, number)
            if first != number:
                self._copies.setdefault(first, []).append(number)
                return
        if facts.signature and not facts.plain:
            self._compared.append(number)
            self._signatures += facts.signature

    def faults(self, memory: Path | None, tell: Callable[[int, int], None] | None = None) -> Iterator[Fault]:
        """Exact copies first, then what shows the same; asked once."""
        self._first.clear()  # its room is needed now
        for first, copies in self._copies.items():
            group = sorted([first, *copies], key=self._order)
            for number in group[1:]:
                yield self._exact(group[0], number)
        yield from self._near(self._pairs(memory, tell))

    def _order(self, number: int) -> tuple[bool, str]:
        return bool(self._regular[number]), self._images[number]

    def _picture(self, number: int) -> Picture:
        caption = self._captions[number]
        return Picture(image=Path(self._images[number]), caption=Path(caption) if caption else None)

    def _exact(self, first: int, number: int) -> Fault:
        one, other = self._picture(first), self._picture(number)
        crossed = self._regular[first] != self._regular[number]
        kind = "twin-regularisation" if crossed else "twin-exact"
        own, copied = _caption(one), _caption(other)
        same_folder = one.image.parent == other.image.parent
        name = one.image.name if same_folder else str(one.image)
        words = f"the same file as {name}"
        if own != copied:
            words += ", without its caption" if copied is None else ", with another caption"
        linked = one.image.is_symlink() or other.image.is_symlink()  # one of them may be all that the other leads to
        safe = same_folder and not crossed and not linked and (copied is None or own == copied)
        remedy = Remedy(action="aside", files=with_caption(other)) if safe else None
        return fault(kind, other.image, words, others=(one.image,), remedy=remedy)

    def _pairs(self, memory: Path | None, tell: Callable[[int, int], None] | None) -> list[tuple[int, int, bool]]:
        if len(self._compared) < 2:
            return []
        question = hashlib.sha256(self._signatures)  # their order is that of the files, and part of it
        notes = Notes(memory / NOTES, form=2, most=12) if memory is not None else None
        known: Any = notes.get(question.hexdigest()) if notes is not None else None
        if _are_pairs(known, len(self._compared)):
            return [(one, other, mirrored) for one, other, mirrored in known]
        pairs = _compared(self._signatures, tell)
        if notes is not None:
            notes.put(question.hexdigest(), pairs)
        return pairs

    def _near(self, pairs: list[tuple[int, int, bool]]) -> Iterator[Fault]:
        groups: dict[int, list[int]] = {}
        of: dict[int, int] = {}
        mirrored: set[int] = set()
        for one, other, turned in pairs:
            first, second = self._compared[one], self._compared[other]
            a, b = of.setdefault(first, first), of.setdefault(second, second)
            groups.setdefault(a, [a])
            groups.setdefault(b, [b])
            if a != b:
                groups[a] += groups.pop(b)
                of.update(dict.fromkeys(groups[a], a))
            if turned:
                mirrored |= {first, second}
        for members in sorted(
            (sorted(group, key=self._order) for group in groups.values()), key=lambda g: self._order(g[0])
        ):
            yield self._alike(members, turned=bool(mirrored.intersection(members)))

    def _alike(self, members: list[int], *, turned: bool) -> Fault:
        crossed = len({self._regular[number] for number in members}) == 2
        paths = [Path(self._images[number]) for number in members]
        folders = {path.parent for path in paths}
        names = [path.name if len(folders) == 1 else str(path) for path in paths[1:4]]
        rest = f" and {len(paths) - 4} more" if len(paths) > 4 else ""
        words = f"shows the same as {', '.join(names)}{rest}" + (", one of them mirrored" if turned else "")
        kind = "twin-regularisation" if crossed else "twin-near"
        return fault(kind, paths[0], words, others=tuple(paths[1:]))


def _compared(signatures: bytearray, tell: Callable[[int, int], None] | None) -> list[tuple[int, int, bool]]:
    """Numbers of pictures that are alike, and whether one is mirrored."""
    with _one_thread():
        import numpy as np  # noqa: PLC0415 - only where pictures have to be compared

    from dataset_tools.check.alike import alike  # noqa: PLC0415

    rows = np.frombuffer(signatures, np.uint8).reshape(-1, BYTES)
    return [(pair.first, pair.second, pair.mirrored) for pair in alike(rows, tell)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenBLAS asks when it is loaded how many threads to use.

    For many small products its threads wait for each other: seven times slower where others use the machine as well.
    """
    said = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        yield
    finally:
        if said is None:
            del os.environ["OPENBLAS_NUM_THREADS"]


def _caption(picture: Picture) -> bytes | None:
    try:
        return picture.caption.read_bytes().strip() if picture.caption is not None else None
    except OSError:
        return None


def _are_pairs(value: Any, count: int) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list)
        and len(pair) == 3
        and all(type(one) is int and 0 <= one < count for one in pair[:2])
        and isinstance(pair[2], bool)
        for pair in value
    )
