"""Scaling is Pillow's Lanczos, but for its rounding."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dataset_tools.pixels.lanczos import scale

CASES = [
    ((64, 64), (32, 32), (0, 0, 64, 64)),
    ((300, 200), (97, 131), (0, 0, 300, 200)),
    ((300, 200), (97, 131), (10.5, 20.25, 250.75, 199.5)),
    ((50, 40), (333, 200), (0, 0, 50, 40)),
    ((50, 40), (333, 200), (3.3, 4.4, 40.1, 39.9)),
    ((2000, 3), (100, 3), (0, 0, 2000, 3)),
    ((3, 2000), (1, 300), (0, 0, 3, 2000)),
    ((1, 1), (40, 40), (0, 0, 1, 1)),
    ((999, 777), (1, 1), (0, 0, 999, 777)),
]


@pytest.mark.parametrize(("source", "size", "box"), CASES)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_as_pillow(
    source: tuple[int, int], size: tuple[int, int], box: tuple[float, float, float, float], mode: str
) -> None:
    """No value is off by more than what Pillow's two roundings may add; soft noise, which overshoots nothing."""
    shape = (source[1], source[0]) if mode == "L" else (source[1], source[0], 3)
    image = Image.fromarray(np.random.default_rng(1).integers(64, 192, shape, dtype=np.uint8))
    found = scale(image, size, box)
    assert (found.mode, found.size) == (mode, size)
    wanted = image.resize(size, Image.Resampling.LANCZOS, box=box)
    assert np.abs(np.asarray(found, int) - np.asarray(wanted, int)).max() <= 2


def test_a_flat_colour_stays_to_the_bit() -> None:
    """At every size, black and white as well."""
    for colour in ((0, 0, 0), (255, 255, 255), (1, 128, 254)):
        for size in ((7, 5), (300, 211)):
            found = scale(Image.new("RGB", (64, 48), colour), size, (0.3, 0.7, 60.1, 44.4))
            assert found.getcolors() == [(size[0] * size[1], colour)]


def test_the_same_pixels_give_the_same_bytes() -> None:
    """However often, and whatever was scaled in between."""
    image = Image.effect_noise((200, 150), 90).convert("RGB")
    first = scale(image, (64, 48), (0, 0, 200, 150)).tobytes()
    for other in range(40, 60):
        scale(image, (other, other), (0, 0, 200, 150))
    assert scale(image, (64, 48), (0, 0, 200, 150)).tobytes() == first
