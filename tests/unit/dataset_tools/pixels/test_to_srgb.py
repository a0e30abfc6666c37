"""Upright, sRGB, 8 bits, whatever was in the file."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps

from dataset_tools.pixels.decoding import UndecodableError, decode_bytes
from dataset_tools.pixels.to_srgb import ORIENTATION, Upright, orientation_of, upright

WHITE = (255, 255, 255)


def saved(image: Image.Image, image_format: str = "PNG", **options: Any) -> Image.Image:
    """Through a file and back."""
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return decode_bytes(buffer.getvalue())


def seen(image: Image.Image, *, keep_alpha: bool = False, background: tuple[int, int, int] = WHITE) -> Upright:
    """With the usual choices."""
    return upright(image, background=background, keep_alpha=keep_alpha)


def swapped_profile() -> bytes:
    """An ICC profile (v2, matrix) of which red is sRGB's green, green its blue, blue its red: no mistaking it."""
    red, green, blue = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    name = b"Swapped"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" * 80,
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz(green),
        b"gXYZ": xyz(blue),
        b"bXYZ": xyz(red),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(2.2 * 256), 0)),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", 0, b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ").ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    profile = head.ljust(128, b"\0") + table + body
    return struct.pack(">I", len(profile)) + profile[4:]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations(orientation: int) -> None:
    """As Pillow's own tool turns them, and the turned picture says nothing of it any more."""
    picture = Image.effect_noise((13, 7), 90).convert("RGB")
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = saved(picture, exif=exif)
    found = seen(image)
    assert found.orientation == orientation
    assert found.image.tobytes() == ImageOps.exif_transpose(image).tobytes()
    assert found.image.size == ((13, 7) if orientation < 5 else (7, 13))


def test_a_broken_orientation_is_upright() -> None:
    """No picture is lost to its EXIF."""
    exif = Image.Exif()
    exif[ORIENTATION] = 42
    assert orientation_of(saved(Image.new("RGB", (4, 4)), exif=exif)) == 1
    assert orientation_of(saved(Image.new("RGB", (4, 4)), exif=b"Exif\0\0garbage")) == 1


def test_a_profile_is_converted_from() -> None:
    """Red of a profile whose red is green becomes green."""
    found = seen(saved(Image.new("RGB", (4, 4), (255, 0, 0)), icc_profile=swapped_profile()))
    assert (found.icc, found.icc_use) == ("Swapped", "converted")
    red, green, blue = found.image.getpixel((0, 0))  # type: ignore[misc]
    assert green > 240
    assert max(red, blue) < 30
    gray = seen(saved(Image.new("RGB", (4, 4), (128, 128, 128)), icc_profile=swapped_profile())).image.getpixel((0, 0))
    assert all(abs(level - 128) <= 2 for level in gray)  # type: ignore[union-attr]


def test_a_profile_is_converted_from_with_transparency_and_palette() -> None:
    """The colours go through it, the transparency does not."""
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 77))
    found = seen(saved(clear, icc_profile=swapped_profile()), keep_alpha=True)
    assert found.icc_use == "converted"
    assert found.image.getpixel((0, 0))[3] == 77  # type: ignore[index]
    assert found.image.getpixel((0, 0))[1] > 240  # type: ignore[index]
    palette = seen(saved(Image.new("RGB", (4, 4), (255, 0, 0)).quantize(4), icc_profile=swapped_profile()))
    assert (palette.mode, palette.icc_use) == ("P", "converted")
    assert palette.image.getpixel((0, 0))[1] > 240  # type: ignore[index]


def test_srgb_under_any_name_changes_nothing() -> None:
    """Not by a single level, which a conversion through a profile would."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.effect_noise((64, 64), 90).convert("RGB")
    found = seen(saved(picture, icc_profile=profile))
    assert found.icc_use == "is sRGB"
    assert found.image.tobytes() == picture.tobytes()


def test_a_profile_that_does_not_fit_is_ignored_and_said() -> None:
    """A gray profile on colours, colours on gray, garbage."""
    garbage = seen(saved(Image.new("RGB", (4, 4), "red"), icc_profile=b"garbage" * 30))
    assert garbage.icc_use == "ignored: it is damaged"
    gray = seen(saved(Image.new("L", (4, 4), 99), icc_profile=swapped_profile()))
    assert gray.icc_use == "ignored: it is for RGB, the pixels are L"
    assert (garbage.image.getpixel((0, 0)), gray.image.getpixel((0, 0))) == ((255, 0, 0), (99, 99, 99))


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    """Pillow's own conversion makes everything above 255 white."""
    wide = Image.frombytes("I;16", (256, 1), b"".join(struct.pack("<H", level * 257) for level in range(256)))
    found = seen(saved(wide))
    assert found.mode == "I;16"
    assert [found.image.getpixel((x, 0)) for x in range(256)] == [(x, x, x) for x in range(256)]
    half = Image.frombytes("I;16", (2, 1), struct.pack("<HH", 128, 129))
    assert seen(saved(half)).image.tobytes() == bytes([0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 70_000), ("I", -1)])
def test_pixels_without_a_range_are_refused(mode: str, value: float) -> None:
    """There is no telling what is white."""
    image = saved(Image.new(mode, (4, 4), value), "TIFF")
    with pytest.raises(UndecodableError) as caught:
        seen(image)
    assert (caught.value.kind, caught.value.format) == ("unsupported", "TIFF")


def test_modes_that_files_have() -> None:
    """Each becomes RGB with the colour that a viewer shows."""
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    keyed = Image.new("RGB", (4, 4), (1, 2, 3))
    cases = [
        (saved(Image.new("1", (4, 4), 1)), "1", WHITE),
        (saved(Image.new("L", (4, 4), 77)), "L", (77, 77, 77)),
        (saved(red.quantize(4)), "P", (255, 0, 0)),
        (saved(red.convert("CMYK"), "TIFF"), "CMYK", (255, 0, 0)),
        (saved(red.convert("CMYK"), "JPEG", quality=100), "CMYK", (254, 0, 0)),
        (saved(Image.new("LA", (4, 4), (0, 0))), "LA", WHITE),
        (saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0))), "RGBA", WHITE),
        (saved(keyed, transparency=(1, 2, 3)), "RGB", WHITE),
        (saved(keyed, transparency=(9, 9, 9)), "RGB", (1, 2, 3)),
        (saved(red.quantize(4), transparency=0), "P", WHITE),
    ]
    for image, mode, wanted in cases:
        found = seen(image)
        assert (found.mode, found.image.mode) == (mode, "RGB")
        pixel = found.image.getpixel((0, 0))
        assert isinstance(pixel, tuple)
        assert all(abs(one - other) <= 1 for one, other in zip(pixel, wanted, strict=True)), (mode, pixel)


def test_lab_is_converted_by_its_own_meaning() -> None:
    """Full lightness without any colour (Pillow adds 128 to a and b) is white."""
    image = Image.merge("LAB", [Image.new("L", (4, 4), level) for level in (255, 128, 128)])
    pixel = seen(saved(image, "TIFF")).image.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert min(pixel) >= 253


def test_transparency_is_flattened_on_the_chosen_colour() -> None:
    """Half red over blue is half of each."""
    image = saved(Image.new("RGBA", (4, 4), (255, 0, 0, 128)))
    found = seen(image, background=(0, 0, 255))
    assert (found.alpha, found.image.getpixel((0, 0))) == ("flattened", (128, 0, 127))


def test_a_kept_mask_keeps_the_colours_below_it() -> None:
    """A mask says where to learn, and not that nothing is there."""
    image = saved(Image.new("RGBA", (4, 4), (9, 200, 30, 0)))
    found = seen(image, keep_alpha=True)
    assert (found.alpha, found.image.getpixel((0, 0))) == ("kept", (9, 200, 30, 0))


def test_opaque_transparency_is_none() -> None:
    """Such a picture becomes plain RGB, even where masks are kept."""
    for keep in (True, False):
        found = seen(saved(Image.new("RGBA", (4, 4), (9, 200, 30, 255))), keep_alpha=keep)
        assert (found.alpha, found.image.mode) == ("opaque", "RGB")


def test_a_plain_picture_is_not_touched() -> None:
    """Same pixels, no word about it."""
    picture = Image.effect_noise((16, 16), 90).convert("RGB")
    found = seen(saved(picture))
    assert ImageChops.difference(found.image, picture).getbbox() is None
    assert (found.mode, found.orientation, found.icc, found.icc_use, found.alpha) == ("RGB", 1, "", "", "")


def test_running_out_of_memory_and_surprises_are_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a conversion raises."""
    for error, kind in ((MemoryError(), "memory"), (OSError("odd"), "broken")):

        def refuse(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("dataset_tools.pixels.to_srgb._parted", refuse)
        with pytest.raises(UndecodableError) as caught:
            seen(Image.new("RGB", (4, 4)))
        assert caught.value.kind == kind
