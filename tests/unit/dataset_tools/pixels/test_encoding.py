"""Bytes of results."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from dataset_tools.pixels.encoding import SUFFIXES, encode
from dataset_tools.scan.scan import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from dataset_tools.pixels.encoding import Format


def opened(data: bytes) -> Image.Image:
    """Back again."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def test_sd_scripts_finds_every_suffix() -> None:
    """Three formats, three suffixes of its list."""
    assert len(SUFFIXES) == 3
    assert set(SUFFIXES.values()) <= set(IMAGE_SUFFIXES)


@pytest.mark.parametrize("image_format", ["png", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_without_loss(image_format: Format, mode: str) -> None:
    """Every pixel, and the colours below full transparency."""
    image = Image.effect_noise((64, 48), 90).convert("RGB")
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize((64, 48)))
    found = opened(encode(image, image_format, None))
    assert (found.mode, found.tobytes()) == (mode, image.tobytes())


@pytest.mark.parametrize("image_format", ["jpeg", "webp"])
def test_quality_counts(image_format: Format) -> None:
    """More of it is larger."""
    image = Image.effect_noise((64, 48), 90).convert("RGB")
    sizes = [len(encode(image, image_format, quality)) for quality in (10, 50, 90, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_a_jpeg_keeps_colours_at_full_size() -> None:
    """Red and blue columns of one pixel each stay apart."""
    image = Image.new("RGB", (16, 16), "red")
    for x in range(0, 16, 2):
        image.paste((0, 0, 255), (x, 0, x + 1, 16))
    red = opened(encode(image, "jpeg", None)).getpixel((5, 8))
    assert isinstance(red, tuple)
    assert red[0] > 235
    assert red[2] < 20
    assert encode(image, "jpeg", None) == encode(image, "jpeg", 95)


def test_nothing_rides_along_and_the_bytes_repeat() -> None:
    """No EXIF, no profile, no date."""
    image = Image.new("RGB", (8, 8))
    image.info.update(icc_profile=b"profile", exif=b"Exif\0\0x", dpi=(72, 72), transparency=(0, 0, 0))
    for image_format in SUFFIXES:
        data = encode(image, image_format, None)
        assert data == encode(image.copy(), image_format, None)
        assert not {"icc_profile", "exif", "transparency"} & set(opened(data).info)
