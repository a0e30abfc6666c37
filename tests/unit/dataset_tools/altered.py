"""Pictures that are hard to tell apart, and what people do to pictures before they forget that they did."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from dataset_tools.check.alike import Pair, alike
from dataset_tools.pixels.signature import signature
from dataset_tools.sets.figures import draw, figure

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How well pairs were found among altered pictures."""

    recall: float
    """Found pairs by pairs of one picture, groups closed."""
    precision: float
    """Right pairs by found pairs."""
    missed: dict[str, int]
    """Altered pictures that are not in their original's group, by what was done to them."""
    pairs: int
    """Pairs of one picture."""


def photograph(seed: int, size: tuple[int, int]) -> Image.Image:
    """Noise with the spectrum of photographs: all sizes of shapes, some colour, some grain."""
    numbers = np.random.default_rng(seed)
    width, height = size
    down, across = np.fft.fftfreq(height)[:, None] * height, np.fft.fftfreq(width)[None, :] * width
    fall = np.maximum(np.hypot(down, across), 1) ** 1.2
    shared = numbers.normal(size=(2, height, width))
    planes = []
    for _ in range(3):
        real, imaginary = 0.7 * shared + 0.7 * numbers.normal(size=shared.shape)
        plane = np.fft.ifft2((real + 1j * imaginary) / fall).real
        plane = (plane - plane.mean()) / plane.std()
        planes.append(np.clip(128 + 50 * plane + numbers.normal(size=plane.shape) * 6, 0, 255))
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8))


def saved(picture: Image.Image, image_format: str, quality: int) -> Image.Image:
    """As it comes back from a file."""
    buffer = io.BytesIO()
    picture.save(buffer, image_format, quality=quality)
    return Image.open(buffer).convert("RGB")


def altered(picture: Image.Image, chance: random.Random) -> Iterator[tuple[str, Image.Image]]:
    """Everything that may be done to it, by name."""
    width, height = picture.size

    def crop(least: float) -> Image.Image:
        size = int(width * chance.uniform(least, 0.97)), int(height * chance.uniform(least, 0.97))
        left, top = chance.randint(0, width - size[0]), chance.randint(0, height - size[1])
        return picture.crop((left, top, left + size[0], top + size[1]))

    yield "cropped by up to 10 %", crop(0.9)
    yield "cropped by up to 20 %", crop(0.8)
    yield "one side cut off", picture.crop((int(width * chance.uniform(0.05, 0.15)), 0, width, height))
    yield "saved as JPEG", saved(picture, "JPEG", chance.randint(25, 90))
    yield "saved as WebP", saved(picture, "WEBP", chance.randint(20, 90))
    factor = chance.uniform(0.5, 1.6)
    yield "resized", picture.resize((int(width * factor), int(height * factor)), Image.Resampling.BICUBIC)
    shift = int(width * chance.uniform(-0.04, 0.04)), int(height * chance.uniform(-0.04, 0.04))
    yield "shifted", Image.fromarray(np.roll(np.asarray(picture), shift[::-1], (0, 1)).copy())
    moved = Image.new("RGB", picture.size, chance.choice(("black", "white")))
    moved.paste(picture, shift)
    yield "shifted, with a border", moved
    light = chance.choice((chance.uniform(0.65, 0.9), chance.uniform(1.1, 1.35)))
    yield "brighter or darker", ImageEnhance.Brightness(picture).enhance(light)
    yield "of another contrast", ImageEnhance.Contrast(picture).enhance(chance.uniform(0.7, 1.3))
    yield "mirrored", ImageOps.mirror(picture)
    yield "mirrored, cropped, saved as JPEG", saved(ImageOps.mirror(crop(0.9)), "JPEG", 60)


def measure(characters: int, photographs: int, seed: int, side: int = 160) -> Measured:
    """Draw, alter, look for pairs, and count."""
    chance = random.Random(seed)
    pictures = [draw(figure(seed, number), side) for number in range(characters)]
    shapes = ((side, side), (side * 4 // 5, side * 6 // 5), (side * 5 // 4, side * 3 // 4))
    pictures += [photograph(seed * 1000 + number, shapes[number % 3]) for number in range(photographs)]
    names: list[str] = []
    of: list[int] = []
    signatures: list[bytes] = []
    for number, picture in enumerate(pictures):
        for name, one in (("original", picture), *altered(picture, chance)):
            names.append(name)
            of.append(number)
            signatures.append(signature(one))
    return judged(alike(signatures), names, np.array(of))


def judged(pairs: list[Pair], names: list[str], of: np.ndarray) -> Measured:
    """Pairs that were found, against the pictures of which each is a form."""
    group = np.arange(len(of))
    for pair in pairs:
        group[group == group[pair.second]] = group[pair.first]
    missed: dict[str, int] = {}
    original = {int(of[at]): group[at] for at, name in enumerate(names) if name == "original"}
    for at, name in enumerate(names):
        if group[at] != original[int(of[at])]:
            missed[name] = missed.get(name, 0) + 1
    same, found, right = (_pairs_within(keys) for keys in (of, group, of.astype(np.int64) * len(of) + group))
    return Measured(recall=right / same, precision=right / max(found, 1), missed=missed, pairs=same)


def _pairs_within(keys: np.ndarray) -> int:
    """How many pairs have one key."""
    counts = np.unique(keys, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())
