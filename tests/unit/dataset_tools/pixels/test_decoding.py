"""Any file becomes a picture or one line of why not."""

from __future__ import annotations

import os
import random
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from dataset_tools.pixels.decoding import FORMATS, UndecodableError, decode, decode_bytes, read, true_format

if TYPE_CHECKING:
    from pathlib import Path

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {}),
    "progressive": ("JPEG", {"progressive": True}),
    "webp": ("WEBP", {}),
    "webp lossless": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}),
    "gif": ("GIF", {}),
    "tiff": ("TIFF", {}),
    "tiff deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "avif": ("AVIF", {}),
    "jpeg2000": ("JPEG2000", {}),
    "ppm": ("PPM", {}),
    "qoi": ("QOI", {}),
}


def content(way: str, size: tuple[int, int] = (67, 41)) -> bytes:
    """A noisy picture in one of the ways, the same each time: of some noise a cut loses no pixel."""
    name, options = WAYS[way]
    buffer = BytesIO()
    noise = random.Random(sum(size)).randbytes(3 * size[0] * size[1])
    Image.frombytes("RGB", size, noise).save(buffer, name, **options)
    return buffer.getvalue()


def kind_of(data: bytes, **options: Any) -> str:
    """The failure's kind."""
    with pytest.raises(UndecodableError) as caught:
        decode_bytes(data, **options)
    assert "\n" not in caught.value.reason
    assert caught.value.reason
    return caught.value.kind


def test_every_format_is_decoded() -> None:
    """Whole, and by its content's name, whatever the file is called."""
    assert {WAYS[way][0] for way in WAYS} == set(FORMATS)
    for way, (name, _options) in WAYS.items():
        image = decode_bytes(content(way))
        assert (image.format, image.size, true_format(content(way))) == (name, (67, 41), name)
        assert image.getpixel((66, 40)) is not None


@pytest.mark.parametrize("way", WAYS)
def test_what_is_cut_off_is_never_a_picture(way: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Nowhere along the file; and nothing is written to the terminal, not even by a C library."""
    data = content(way)
    end = len(data) - (24 if way == "png" else 8)  # what follows the last pixel of a PNG is no picture
    cuts = range(1, end, max(1, len(data) // 40))
    assert len(cuts) >= 39
    kinds = {kind_of(data[:cut]) for cut in cuts}
    assert kinds <= {"truncated", "broken", "not-an-image"}
    assert kind_of(data[: len(data) // 2]) == (
        "broken" if way in ("tiff deflate", "tiff lzw", "jpeg2000") else "truncated"
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("way", WAYS)
def test_damage_is_a_value_and_never_a_stray_exception(way: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A hundred damaged copies each: a picture or an UndecodableError, without a warning."""
    data, luck = content(way), random.Random(way)
    reasons = []
    for turn in range(100):
        damaged = bytearray(data)
        for _byte in range(luck.randint(1, 5)):
            damaged[luck.randrange(len(data) if turn % 2 else min(200, len(data)))] = luck.randrange(256)
        try:
            decode_bytes(bytes(damaged), most_pixels=1_000_000)
        except UndecodableError as error:
            reasons.append(error.reason)
    assert reasons
    assert not any("\n" in reason for reason in reasons)
    assert capfd.readouterr() == ("", "")


def test_what_is_no_picture() -> None:
    """Each with a reason of its own."""
    animated = BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(animated, "GIF", save_all=True, append_images=frames[1:])
    for data, kind, words in (
        (b"hello, this is a caption", "not-an-image", "text"),
        (b"\x01\x02\x03" * 99, "not-an-image", "unknown"),
        (b"\0" * 5000, "broken", "never written out"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not-an-image", "git-lfs pointer"),
        (b"%PDF-1.7 and so on", "not-an-image", "PDF"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 99, "unsupported", "HEIC"),
        (b"\xff\x0a" + b"x" * 99, "unsupported", "JPEG XL"),
        (animated.getvalue(), "animated", "2 pictures"),
        (content("png")[:8] + b"x" * 99, "truncated", "PNG"),
        (content("jpeg").replace(b"\xff\xc0", b"\xff\xc8"), "broken", "JPEG"),
    ):
        with pytest.raises(UndecodableError, match=words) as caught:
            decode_bytes(data)
        assert caught.value.kind == kind, data[:20]
    assert decode_bytes(animated.getvalue(), first_frame=True).size == (8, 8)


def test_a_photograph_with_a_preview_in_it_is_a_jpeg() -> None:
    """Phones write them (MPO): one picture to everyone."""
    buffer = BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    image = decode_bytes(buffer.getvalue())
    assert (image.format, image.size) == ("JPEG", (64, 48))


def test_bombs_are_refused_before_anything_is_decoded() -> None:
    """By the header's size, with the caller's limit, which may be above Pillow's own as well."""
    assert kind_of(content("png"), most_pixels=67 * 41 - 1) == "bomb"
    assert decode_bytes(content("png"), most_pixels=67 * 41).size == (67, 41)
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + b"\0" * 4
    data = data[:-4] + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT\x35\xaf\x06\x1e"
    assert kind_of(data) == "bomb"
    wide = BytesIO()
    Image.new("1", (20_000, 10_000)).save(wide, "PNG")  # beyond where Pillow warns, and beyond where it raises
    assert decode_bytes(wide.getvalue()).size == (20_000, 10_000)


def test_files(tmp_path: Path) -> None:
    """Missing, empty, a folder, a bad name, too many bytes: each is told apart."""
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "good.xyz").write_bytes(content("png"))
    for name, kind in (("missing.png", "missing"), ("empty.png", "empty"), ("folder.png", "not-a-file")):
        with pytest.raises(UndecodableError) as caught:
            decode(tmp_path / name)
        assert caught.value.kind == kind
    with pytest.raises(UndecodableError) as caught:
        decode(tmp_path / "null\0.png")
    assert caught.value.kind in ("unreadable", "missing")
    with pytest.raises(UndecodableError) as caught:
        read(tmp_path / "good.xyz", most_bytes=10)
    assert caught.value.kind == "bomb"
    assert decode(tmp_path / "good.xyz").format == "PNG"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """It would never end."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UndecodableError) as caught:
        decode(tmp_path / "pipe.png")
    assert caught.value.kind == "not-a-file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is unreadable for root")
def test_an_unreadable_file(tmp_path: Path) -> None:
    """The system's own words."""
    (tmp_path / "a.png").write_bytes(content("png"))
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(UndecodableError) as caught:
        decode(tmp_path / "a.png")
    assert (caught.value.kind, caught.value.reason) == ("unreadable", "Permission denied")


def test_running_out_of_memory_is_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a crash of the whole run."""

    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    data = content("png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    assert kind_of(data) == "memory"


def test_a_pillow_that_lacks_a_format_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds differ."""
    data = content("avif")
    monkeypatch.setattr(Image, "init", lambda: None)
    monkeypatch.delitem(Image.OPEN, "AVIF")
    assert kind_of(data) == "unsupported"


def test_threads_leave_warnings_and_limits_as_they_were() -> None:
    """Both are the whole process's."""
    files = [content(way) for way in ("png", "tiff deflate", "jpeg")] * 20
    before, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    with ThreadPoolExecutor(8) as pool:
        assert len([image.size for image in pool.map(decode_bytes, files)]) == 60
    assert (warnings.filters, Image.MAX_IMAGE_PIXELS) == (before, limit)
