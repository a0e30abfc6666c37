"""Widths and heights out of headers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from dataset_tools.scan.image_size import image_size

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".gif", ".tiff"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    """Those that imagesize knows, and those that Pillow knows."""
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (321, 123)).save(path)
    assert image_size(path) == (321, 123)


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    """A bitmap under another name is a bitmap."""
    path = tmp_path / "a.png"
    Image.new("RGB", (321, 123)).save(path, format="BMP")
    assert image_size(path) == (321, 123)


def test_an_orientation_turns_nothing(tmp_path: Path) -> None:
    """sd-scripts trains on the picture as it is stored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (321, 123)).save(tmp_path / "a.jpg", exif=exif)
    assert image_size(tmp_path / "a.jpg") == (321, 123)


@pytest.mark.parametrize("content", [b"", b"no picture", b"BM" + bytes(60), b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR"])
def test_what_nobody_can_read(tmp_path: Path, content: bytes) -> None:
    """The size that sd-scripts goes on with."""
    (tmp_path / "a.png").write_bytes(content)
    assert image_size(tmp_path / "a.png") == (0, 0)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff", b"II*\0\xff\xff\xff\xff", b"RIFF0000WEBPVP8L", b"P6 x"])
def test_a_header_that_is_cut_off(tmp_path: Path, content: bytes) -> None:
    """The library raises, and sd-scripts with it."""
    (tmp_path / "a.jpg").write_bytes(content)
    assert image_size(tmp_path / "a.jpg") is None


def test_a_picture_too_large_to_open_has_a_size(tmp_path: Path) -> None:
    """Pillow warns from a hundred million pixels on, and refuses at the double; here only the header is read."""
    header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, 10_000, 10_000, 1, 24, 0, 0, 0, 0, 0, 0)
    (tmp_path / "a.bmp").write_bytes(header)
    assert image_size(tmp_path / "a.bmp") == (10_000, 10_000)
    (tmp_path / "b.bmp").write_bytes(
        header.replace(struct.pack("<ii", 10_000, 10_000), struct.pack("<ii", 20_000, 10_000))
    )
    assert image_size(tmp_path / "b.bmp") == (0, 0)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """It is for the caller to know."""
    with pytest.raises(OSError, match=r"absent\.png"):
        image_size(tmp_path / "absent.png")
