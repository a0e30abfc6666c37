"""PNG by libpng: the pixels that Pillow reads, or nothing, so that Pillow has the word."""

from __future__ import annotations

import struct
import threading
import zlib
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from dataset_tools.pixels import fast_png
from dataset_tools.pixels.decoding import MOST_PIXELS, UndecodableError, decode_bytes
from dataset_tools.pixels.encoding import encode
from dataset_tools.pixels.fast_png import decode_png, encode_png, version
from dataset_tools.pixels.to_srgb import upright

pytest.importorskip("imagecodecs", reason="imagecodecs, which kft can do without, is not installed")


def picture(mode: str = "RGB", size: tuple[int, int] = (67, 41)) -> Image.Image:
    """Noise of its own in each channel."""
    channels = 4 if mode == "RGBA" else 3
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(noise).convert(mode)


def png(image: Image.Image, **options: Any) -> bytes:
    """As Pillow writes it."""
    buffer = BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """With its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunk(data: bytes, name: bytes, content: bytes, before: bytes) -> bytes:
    """The file with one chunk more, before the first of another name."""
    place = data.index(before) - 4
    return data[:place] + chunk(name, content) + data[place:]


def same(found: Image.Image | None, wanted: Image.Image) -> bool:
    """In all that `upright` looks at."""
    return (
        found is not None
        and (found.mode, found.size, found.format) == (wanted.mode, wanted.size, "PNG")
        and found.tobytes() == wanted.tobytes()
        and found.info.get("icc_profile") == wanted.info.get("icc_profile")
        and dict(found.getexif()) == dict(wanted.getexif())
    )


def ordinary() -> dict[str, bytes]:
    """Files that are read by libpng."""
    exif = Image.Exif()
    exif[0x0112] = 6
    words = PngImagePlugin.PngInfo()
    words.add_text("prompt", "a knight " * 50, zip=True)
    plain = png(picture())
    return {
        "colours": plain,
        "with alpha": png(picture("RGBA")),
        "one pixel": png(picture(size=(1, 1))),
        "a profile": png(picture(), icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        "turned": png(picture(), exif=exif),
        "words": png(picture(), pnginfo=words, dpi=(300, 300)),
        "gamma, which nothing may apply": with_chunk(plain, b"gAMA", struct.pack(">I", 100000), b"IDAT"),
        "many pieces": b"".join(pieces(plain)),
    }


def pieces(data: bytes) -> list[bytes]:
    """The same picture, its pixels in chunks of 100 bytes."""
    begin = data.index(b"IDAT") + 4
    length = int.from_bytes(data[begin - 8 : begin - 4], "big")
    pixels = data[begin : begin + length]
    parts = [chunk(b"IDAT", pixels[place : place + 100]) for place in range(0, length, 100)]
    return [data[: begin - 8], *parts, chunk(b"IEND", b"")]


def unusual() -> dict[str, bytes]:
    """Files that are left to Pillow."""
    plain = png(picture())
    late = plain[:-12]
    broken = bytearray(plain)
    broken[len(plain) // 2] ^= 0xFF
    animated = BytesIO()
    picture().save(animated, "PNG", save_all=True, append_images=[picture().rotate(90)], duration=100)
    return {
        "no PNG": b"\xff\xd8\xff" + plain[3:],
        "a palette": png(picture("P")),
        "gray": png(picture("L")),
        "gray with alpha": png(picture("LA")),
        "black and white": png(picture("1")),
        "16 bits": png(Image.fromarray(np.full((4, 4), 40000, np.uint16))),
        "transparency by colour": png(picture(), transparency=(1, 2, 3)),
        "interlaced": plain[:28] + b"\1" + struct.pack(">I", zlib.crc32(plain[12:28] + b"\1")) + plain[33:],
        "animated": animated.getvalue(),
        "EXIF behind the pixels": late + chunk(b"eXIf", b"MM\0*" + bytes(8)) + plain[-12:],
        "something behind its end": plain + b"more",
        "no end": late,
        "cut off": plain[: len(plain) // 2],
        "an unknown chunk": with_chunk(plain, b"anTH", b"x", b"IDAT"),
        "one bit turned": bytes(broken),
        "no pixels": plain[:33] + plain[-12:],
        "a short head": plain[:8] + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1") + plain[33:],
        "nothing": b"",
        "a signature": plain[:8],
        "half a chunk": plain[:14],
    }


@pytest.mark.parametrize("case", ordinary())
def test_ordinary_pictures_are_as_pillow_reads_them(case: str) -> None:
    """Pixels, profile, EXIF; and so is what comes of them."""
    data = ordinary()[case]
    assert same(decode_png(data, MOST_PIXELS), decode_bytes(data))
    ways = decode_png(data, MOST_PIXELS), decode_bytes(data)
    first, second = (upright(image, background=(9, 9, 9), keep_alpha=True) for image in ways if image)
    assert (first.icc_use, first.orientation, first.alpha) == (second.icc_use, second.orientation, second.alpha)
    assert first.image.tobytes() == second.image.tobytes()


@pytest.mark.parametrize("case", unusual())
def test_anything_else_is_left_to_pillow(case: str) -> None:
    """Silently."""
    assert decode_png(unusual()[case], MOST_PIXELS) is None


def test_large_pictures_are_left_to_pillow() -> None:
    """Which refuses them."""
    data = png(picture())
    assert decode_png(data, 67 * 41) is not None
    assert decode_png(data, 67 * 41 - 1) is None
    with pytest.raises(UndecodableError, match="bomb"):
        decode_bytes(data, most_pixels=67 * 41 - 1)


def test_damage_that_checksums_do_not_show_is_met_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it Pillow reads everything: failures cost the process references to None."""
    monkeypatch.setattr(fast_png, "_FAILED", threading.Event())
    plain = png(picture())
    forged = plain[:33] + chunk(b"IDAT", b"no deflate at all") + plain[-12:]
    assert decode_png(plain, MOST_PIXELS) is not None
    assert decode_png(forged, MOST_PIXELS) is None
    assert decode_png(plain, MOST_PIXELS) is None
    assert encode_png(picture()) is not None


def test_damage_never_reaches_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a bit is turned."""
    calls: list[bytes] = []
    codecs = SimpleNamespace(png_decode=calls.append)
    monkeypatch.setattr(fast_png, "_codecs", lambda: codecs)
    data = png(picture(size=(9, 9)))
    for place in range(len(data)):
        assert decode_png(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :], MOST_PIXELS) is None
    assert (len(data) > 200, calls) == (True, [])


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=3))
def test_damage_is_never_read_as_another_picture(changes: list[tuple[int, int]]) -> None:
    """Whatever libpng accepts, Pillow reads alike."""
    data = bytearray(png(picture(size=(20, 20))))
    for place, bits in changes:
        data[place % len(data)] ^= bits
    found = decode_png(bytes(data), MOST_PIXELS)
    assert found is None or same(found, decode_bytes(bytes(data)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_is_written_is_read_again(mode: str) -> None:
    """By Pillow, the same pixels and nothing else; the same bytes every time; smaller than Pillow's own."""
    image = picture(mode).resize((400, 300))
    content = encode_png(image)
    assert content is not None
    with Image.open(BytesIO(content)) as found:
        assert (found.mode, found.tobytes(), found.info) == (mode, image.tobytes(), {})
    assert content == encode(image, "png", None) == encode_png(image)
    assert content[12:16] == b"IHDR"


def test_without_the_library_pillow_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fails, and the pixels are the same."""
    assert version()
    with_it = encode(picture(), "png", None)
    monkeypatch.setattr(fast_png, "_codecs", lambda: None)
    assert (version(), decode_png(with_it, MOST_PIXELS), encode_png(picture())) == ("", None, None)
    without = encode(picture(), "png", None)
    assert without != with_it
    assert decode_bytes(without).tobytes() == decode_bytes(with_it).tobytes()
