"""Where a picture goes, and that it is scaled well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dataset_tools.pixels.fitting import Placement, fitted, place

SIDES = st.integers(1, 5000)
SIZES = st.tuples(SIDES, SIDES)


@given(source=SIZES, target=SIZES)
@settings(max_examples=300, deadline=None)
def test_cover_shows_the_centre_undistorted(source: tuple[int, int], target: tuple[int, int]) -> None:
    """Within the source, of the target's ratio, as large as can be, equally far from opposite edges."""
    placed = place(source, target, "cover")
    left, top, right, bottom = placed.box
    assert (placed.inner, placed.size) == (target, target)
    assert min(left, top, right - left, bottom - top) >= 0
    assert max(right - source[0], bottom - source[1]) <= 0
    assert (right - left) * placed.scale == pytest.approx(target[0])
    assert (bottom - top) * placed.scale == pytest.approx(target[1])
    assert right - left == pytest.approx(source[0]) or bottom - top == pytest.approx(source[1])
    assert abs(left + right - source[0]) < 1.01
    assert abs(top + bottom - source[1]) < 1.01


@given(source=SIZES, target=SIZES)
@settings(max_examples=300, deadline=None)
def test_contain_shows_all_of_it(source: tuple[int, int], target: tuple[int, int]) -> None:
    """The whole source, its ratio kept to the pixel, in the middle."""
    placed = place(source, target, "contain")
    assert list(placed.box) == [0, 0, *source]
    assert placed.size == target
    for axis in (0, 1):
        assert abs(placed.inner[axis] - source[axis] * placed.scale) <= max(0.5, 1 - source[axis] * placed.scale)
        assert 0 <= placed.offset[axis] <= target[axis] - placed.inner[axis]
        assert abs(target[axis] - placed.inner[axis] - 2 * placed.offset[axis]) <= 1
    assert placed.inner[0] == target[0] or placed.inner[1] == target[1]


def test_bucket_is_the_crop_of_the_resized_picture() -> None:
    """As sd-scripts: to the resized size, then its centre, rounded down."""
    placed = place((3000, 2000), (0, 0), "bucket", lambda _size: ((1216, 832), (1248, 832)))
    assert placed.size == placed.inner == (1216, 832)
    assert placed.box == pytest.approx((16 * 3000 / 1248, 0, 1232 * 3000 / 1248, 2000))
    assert placed.scale == pytest.approx(832 / 2000)
    odd = place((3000, 2000), (0, 0), "bucket", lambda _size: ((1216, 832), (1251, 833)))
    assert odd.box[0] == pytest.approx(17 * 3000 / 1251)
    assert odd.box[1] == 0


def test_scale_says_what_is_enlarged() -> None:
    """More than 1 where the result has more pixels than the source, in whatever direction."""
    assert place((2048, 2048), (1024, 1024), "cover").scale == 0.5
    assert place((4000, 512), (1024, 1024), "cover").scale == 2
    assert place((4000, 512), (1024, 1024), "contain").scale == pytest.approx(0.256)
    assert place((1024, 1024), (1024, 1024), "cover").scale == 1


def noise(width: int, height: int, channels: int = 3) -> Image.Image:
    """The hardest picture to scale, but for what overshoots black and white."""
    pixels = np.random.default_rng(1).integers(48, 208, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels)


def exact(pixels: Any, placed: Placement) -> Any:
    """Lanczos of three lobes in float64."""

    def weights(before: int, after: int, start: float, end: float) -> Any:
        step = (end - start) / after
        centres = start + (np.arange(after) + 0.5) * step
        distance = (np.arange(before)[None] + 0.5 - centres[:, None]) / max(step, 1)
        found = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
        return found / found.sum(axis=1, keepdims=True)

    left, top, right, bottom = placed.box
    high = weights(pixels.shape[0], placed.inner[1], top, bottom)
    wide = weights(pixels.shape[1], placed.inner[0], left, right)
    return np.clip(np.stack([high @ pixels[..., c].astype(float) @ wide.T for c in range(3)], axis=-1), 0, 255)


@pytest.mark.parametrize("size", [(256, 256), (311, 207), (800, 500), (90, 333), (1500, 1100)])
@pytest.mark.parametrize("fit", ["cover", "contain", "bucket"])
def test_scaling_is_exact_lanczos_to_45_db(size: tuple[int, int], fit: Any) -> None:
    """For noise, enlarged and reduced, by up to fifteen times."""
    placed = place(size, (128, 96), fit, lambda size: ((128, 96), (max(128, round(size[0] * 96 / size[1])), 96)))
    image = noise(*size)
    found = np.asarray(fitted(image, placed, (0, 0, 0)), float)
    left, top = placed.offset
    inner = found[top : top + placed.inner[1], left : left + placed.inner[0]]
    error = np.mean((inner - exact(np.asarray(image), placed)) ** 2)
    assert 10 * np.log10(255**2 / error) >= 45
    assert found.shape == (placed.size[1], placed.size[0], 3)


def test_the_right_size_is_copied_to_the_pixel() -> None:
    """Cropping alone scales nothing, even by an odd number of pixels."""
    image = noise(131, 64)
    found = fitted(image, place(image.size, (64, 64), "cover"), (0, 0, 0))
    assert found.tobytes() == image.crop((33, 0, 97, 64)).tobytes()
    whole = fitted(image, place(image.size, (131, 64), "contain"), (0, 0, 0))
    assert whole.tobytes() == image.tobytes()


def test_padding_is_the_colour_and_not_a_mixture() -> None:
    """A sharp edge, the picture in the middle."""
    found = fitted(Image.new("RGB", (200, 100), "red"), place((200, 100), (50, 50), "contain"), (1, 2, 3))
    assert found.size == (50, 50)
    rows = [found.getpixel((20, y)) for y in range(50)]
    assert rows == [(1, 2, 3)] * 12 + [(255, 0, 0)] * 25 + [(1, 2, 3)] * 13


def test_a_mask_is_scaled_apart_from_the_colours() -> None:
    """Hidden colours neither darken nor vanish; padding is not trained on."""
    image = noise(64, 32)
    masked = image.copy()
    masked.putalpha(Image.linear_gradient("L").resize((64, 32)))
    placed = place((64, 32), (24, 24), "contain")
    found = fitted(masked, placed, (9, 9, 9, 0))
    assert found.convert("RGB").tobytes() == fitted(image, placed, (9, 9, 9)).tobytes()
    assert found.getpixel((0, 0)) == (9, 9, 9, 0)
    assert found.getchannel("A").getextrema()[1] > 200  # type: ignore[operator]
