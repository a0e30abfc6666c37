"""A training set with one fault of each kind in it, and what has to be found: file, kind and severity.

Every plant is a function that puts one defect into a folder of good images and returns what is expected; its name is
the defect's.
"""

from __future__ import annotations

import io
import os
import random
import struct
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms, ImageFilter

if TYPE_CHECKING:
    from dataset_tools.check.faults import Severity


SIDE = 192
"""Of a good image; the resolution that the set is measured against."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One finding."""

    file: str
    """Name of the file, or `.` for the folder."""
    kind: str
    """Kind of the finding."""
    severity: Severity
    """Its severity."""


Plant = Callable[[Path], list[Expected]]
PLANTS: dict[str, Plant] = {}
"""Every defect by name."""


def plant(function: Plant) -> Plant:
    """Register a defect."""
    PLANTS[function.__name__] = function
    return function


def picture(seed: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """A picture like no other: smooth blobs of colour and some grain."""
    numbers = np.random.default_rng(seed)
    coarse = Image.fromarray(numbers.integers(0, 256, (7, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    grain = numbers.integers(-6, 7, smooth.shape, dtype=np.int16)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def clean_set(folder: Path, count: int = 8) -> None:
    """Good images of several formats with good captions."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        suffix = (".png", ".jpg", ".webp", ".bmp", ".jpeg", ".PNG")[number % 6]
        picture(1000 + number).save(folder / f"good_{number}{suffix}")
        caption(folder, f"good_{number}", f"a picture of good thing number {number}, café, 日本, 🙂\n")


def settle(folder: Path) -> None:
    """Make everything a minute old, so that it is remembered."""
    past = time.time_ns() - 60 * 10**9
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and not path.is_symlink():
            changed = min(path.stat().st_mtime_ns, past)
            os.utime(path, ns=(changed, changed))


def caption(folder: Path, stem: str, text: str | bytes | None = None) -> Path:
    """A caption, by default one of its own."""
    path = folder / f"{stem}.txt"
    path.write_bytes(text if isinstance(text, bytes) else (text or f"a caption for {stem!a}").encode())
    return path


def content(seed: int, image_format: str, **options: object) -> bytes:
    """A good picture's bytes."""
    buffer = io.BytesIO()
    picture(seed).save(buffer, image_format, **options)
    return buffer.getvalue()


def image(folder: Path, name: str, data: bytes) -> str:
    """A file with a caption."""
    (folder / name).write_bytes(data)
    caption(folder, os.path.splitext(name)[0])  # noqa: PTH122
    return name


def one(file: str, kind: str, severity: Severity) -> list[Expected]:
    """A list of one finding."""
    return [Expected(file=file, kind=kind, severity=severity)]


# images that cannot be decoded


@plant
def zero_bytes(folder: Path) -> list[Expected]:
    return one(image(folder, "zero.png", b""), "image-empty", "error")


@plant
def truncated_jpeg(folder: Path) -> list[Expected]:
    data = content(1, "JPEG")
    return one(image(folder, "cut.jpg", data[: len(data) // 2]), "image-truncated", "error")


@plant
def truncated_png(folder: Path) -> list[Expected]:
    data = content(2, "PNG")
    return one(image(folder, "cut2.png", data[: len(data) * 2 // 3]), "image-truncated", "error")


@plant
def truncated_webp(folder: Path) -> list[Expected]:
    data = content(3, "WEBP")
    return one(image(folder, "cut3.webp", data[: len(data) // 2]), "image-truncated", "error")


@plant
def truncated_bmp(folder: Path) -> list[Expected]:
    data = content(4, "BMP")
    return one(image(folder, "cut4.bmp", data[: len(data) // 2]), "image-truncated", "error")


@plant
def flipped_bits(folder: Path) -> list[Expected]:
    data = bytearray(content(5, "PNG"))
    data[200:260] = bytes(60)
    return one(image(folder, "flipped.png", bytes(data)), "image-broken", "error")


@plant
def only_zeros(folder: Path) -> list[Expected]:
    return one(image(folder, "zeros.jpg", bytes(4000)), "image-broken", "error")


@plant
def bomb(folder: Path) -> list[Expected]:
    data = bytearray(content(6, "BMP"))
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    return one(image(folder, "bomb.bmp", bytes(data)), "image-bomb", "error")


@plant
def web_page(folder: Path) -> list[Expected]:
    return one(image(folder, "page.jpg", b"<!DOCTYPE html><html>404</html>"), "image-foreign", "error")


@plant
def lfs_pointer(folder: Path) -> list[Expected]:
    text = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    return one(image(folder, "pointer.png", text), "image-lfs", "error")


@plant
def heic_as_jpeg(folder: Path) -> list[Expected]:
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    return one(image(folder, "phone.jpg", data), "image-unsupported", "error")


@plant
def folder_as_image(folder: Path) -> list[Expected]:
    (folder / "folder.png").mkdir()
    return one("folder.png", "image-not-file", "error")


@plant
def dead_link(folder: Path) -> list[Expected]:
    (folder / "dead.png").symlink_to(folder / "nowhere.png")
    return one("dead.png", "image-not-file", "error")


# images that are decoded and are not what they should be


@plant
def jpeg_called_png(folder: Path) -> list[Expected]:
    return one(image(folder, "really_jpeg.png", content(10, "JPEG")), "image-suffix", "note")


@plant
def webp_called_jpg(folder: Path) -> list[Expected]:
    return one(image(folder, "really_webp.jpg", content(11, "WEBP")), "image-suffix", "note")


@plant
def animated_webp(folder: Path) -> list[Expected]:
    buffer = io.BytesIO()
    picture(12).save(buffer, "WEBP", save_all=True, append_images=[picture(13)], duration=100)
    return one(image(folder, "moving.webp", buffer.getvalue()), "image-animated", "warning")


@plant
def cmyk(folder: Path) -> list[Expected]:
    buffer = io.BytesIO()
    picture(14).convert("CMYK").save(buffer, "JPEG")
    return one(image(folder, "ink.jpg", buffer.getvalue()), "image-cmyk", "warning")


@plant
def sixteen_bits(folder: Path) -> list[Expected]:
    buffer = io.BytesIO()
    values = np.asarray(picture(15).convert("L"), np.uint16) * 257
    Image.fromarray(values).save(buffer, "PNG")
    return one(image(folder, "deep.png", buffer.getvalue()), "image-deep", "warning")


@plant
def gray(folder: Path) -> list[Expected]:
    buffer = io.BytesIO()
    picture(16).convert("L").save(buffer, "PNG")
    return one(image(folder, "gray.png", buffer.getvalue()), "image-gray", "note")


def _with_alpha(seed: int, low: int) -> bytes:
    buffer = io.BytesIO()
    seen = picture(seed).convert("RGBA")
    alpha = Image.new("L", seen.size, 255 if low else 0)
    alpha.paste(low, (0, 0, SIDE // 2, SIDE // 2))
    seen.putalpha(alpha)
    seen.save(buffer, "PNG")
    return buffer.getvalue()


@plant
def transparent(folder: Path) -> list[Expected]:
    return one(image(folder, "holes.png", _with_alpha(17, 3)), "image-transparent", "warning")


@plant
def transparent_palette(folder: Path) -> list[Expected]:
    buffer = io.BytesIO()
    picture(18).quantize(64).save(buffer, "PNG", transparency=0)
    return one(image(folder, "palette.png", buffer.getvalue()), "image-transparent", "warning")


@plant
def invisible(folder: Path) -> list[Expected]:
    return one(image(folder, "invisible.png", _with_alpha(19, 0)), "image-invisible", "error")


@plant
def lying_photograph(folder: Path) -> list[Expected]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return one(image(folder, "lying.jpg", content(20, "JPEG", exif=exif)), "image-turned", "warning")


@plant
def one_colour(folder: Path) -> list[Expected]:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (9, 9, 9)).save(buffer, "PNG")
    return one(image(folder, "plain.png", buffer.getvalue()), "image-plain", "warning")


@plant
def other_profile(folder: Path) -> list[Expected]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return one(image(folder, "profile.png", content(21, "PNG", icc_profile=profile)), "image-profile", "note")


def _sized(folder: Path, name: str, size: tuple[int, int], seed: int) -> str:
    buffer = io.BytesIO()
    picture(seed, size).save(buffer, "PNG")
    return image(folder, name, buffer.getvalue())


@plant
def too_small(folder: Path) -> list[Expected]:
    return one(_sized(folder, "small.png", (90, 90), 22), "image-upscaled", "warning")


@plant
def a_little_small(folder: Path) -> list[Expected]:
    return one(_sized(folder, "smallish.png", (170, 170), 23), "image-upscaled", "note")


@plant
def long_and_thin(folder: Path) -> list[Expected]:
    return one(_sized(folder, "thin.png", (900, SIDE), 24), "image-cropped", "warning")


@plant
def wrong_header(folder: Path) -> list[Expected]:
    # imagesize takes the size of a JPEG 2000 from a fixed place; one more word in front of it moves it.
    data = content(25, "JPEG2000")
    data = data[:12] + struct.pack(">I", 24) + data[16:32] + b"jp2 " + data[32:]
    name = image(folder, "lie.png", data)
    return [*one(name, "image-header", "error"), *one(name, "image-suffix", "note")]


# images and names that are not found, or found twice


@plant
def gif(folder: Path) -> list[Expected]:
    (folder / "ignored.gif").write_bytes(content(30, "GIF"))
    return one("ignored.gif", "image-ignored", "warning")


@plant
def suffix_in_mixed_case(folder: Path) -> list[Expected]:
    (folder / "mixed.Png").write_bytes(content(31, "PNG"))
    return one("mixed.Png", "image-ignored", "warning")


@plant
def hidden_image(folder: Path) -> list[Expected]:
    (folder / ".hidden.png").write_bytes(content(32, "PNG"))
    return one(".hidden.png", "image-ignored", "warning")


@plant
def images_in_a_folder_below(folder: Path) -> list[Expected]:
    (folder / "more").mkdir()
    (folder / "more" / "deep.png").write_bytes(content(33, "PNG"))
    return one("more", "image-below", "warning")


@plant
def images_far_below(folder: Path) -> list[Expected]:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "deep.png").write_bytes(content(33, "PNG"))
    return one("a", "image-below", "warning")


@plant
def images_behind_a_link(folder: Path) -> list[Expected]:
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "deep.png").write_bytes(content(33, "PNG"))
    (folder / "linked").symlink_to(folder.parent / "elsewhere")
    return one("linked", "image-below", "warning")


@plant
def two_images_one_caption(folder: Path) -> list[Expected]:
    (folder / "shared.png").write_bytes(content(34, "PNG"))
    (folder / "shared.jpg").write_bytes(content(35, "JPEG"))
    caption(folder, "shared")
    return one("shared.jpg", "image-same-stem", "note")


@plant
def names_that_differ_in_case(folder: Path) -> list[Expected]:
    image(folder, "Case.png", content(36, "PNG"))
    image(folder, "case.png", content(37, "PNG"))
    return one("case.png", "name-case", "warning")


@plant
def name_with_a_colon(folder: Path) -> list[Expected]:
    return one(image(folder, "a:b.png", content(38, "PNG")), "name-odd", "note")


@plant
def name_of_a_device(folder: Path) -> list[Expected]:
    return one(image(folder, "con.png", content(39, "PNG")), "name-odd", "note")


@plant
def name_with_a_newline(folder: Path) -> list[Expected]:
    return one(image(folder, "two\nlines.png", content(40, "PNG")), "name-odd", "note")


@plant
def name_that_is_no_text(folder: Path) -> list[Expected]:
    name = os.fsdecode(b"caf\xe9.png")
    return one(image(folder, name, content(41, "PNG")), "name-odd", "note")


# captions


def _captioned(folder: Path, stem: str, text: str | bytes, seed: int) -> str:
    (folder / f"{stem}.png").write_bytes(content(seed, "PNG"))
    return caption(folder, stem, text).name


@plant
def caption_missing(folder: Path) -> list[Expected]:
    (folder / "bare.png").write_bytes(content(50, "PNG"))
    return one("bare.png", "caption-missing", "warning")


@plant
def caption_of_another_extension(folder: Path) -> list[Expected]:
    (folder / "other.png").write_bytes(content(51, "PNG"))
    (folder / "other.caption").write_text("words")
    return one("other.png", "caption-missing", "warning")


@plant
def caption_without_image(folder: Path) -> list[Expected]:
    return one(caption(folder, "widow").name, "caption-orphan", "warning")


@plant
def caption_with_zero_bytes(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "nothing", b"", 52), "caption-empty", "error")


@plant
def caption_blank(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "blank", b"  \n", 53), "caption-blank", "warning")


@plant
def caption_below_a_blank_line(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "below", b"\nwords", 54), "caption-blank", "warning")


@plant
def caption_in_latin_1(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "latin", "a café".encode("latin-1"), 55), "caption-encoding", "error")


@plant
def caption_in_utf_16(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "wide", "a café, wide".encode("utf-16"), 56), "caption-encoding", "error")


@plant
def caption_with_a_mark(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "mark", "marked".encode("utf-8-sig"), 57), "caption-mark", "warning")


@plant
def caption_of_two_lines(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "lines", b"one\ntwo\n", 58), "caption-lines", "warning")


@plant
def caption_too_long(folder: Path) -> list[Expected]:
    words = " ".join(random.Random(1).choices(["cat", "dog", "tree", "house"], k=90))
    return one(_captioned(folder, "long", words, 59), "caption-long", "warning")


@plant
def caption_with_a_null(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "null", b"a\x00b", 60), "caption-odd", "warning")


@plant
def caption_read_as_latin_1(folder: Path) -> list[Expected]:
    twisted = "a café".encode().decode("latin-1")
    return one(_captioned(folder, "twisted", twisted, 61), "caption-odd", "warning")


@plant
def caption_with_lost_characters(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "lost", "a caf\ufffd", 62), "caption-odd", "warning")


@plant
def caption_that_is_a_refusal(folder: Path) -> list[Expected]:
    words = "I'm sorry, but I cannot describe this image."
    return one(_captioned(folder, "refusal", words, 63), "caption-doubtful", "warning")


@plant
def caption_that_is_json(folder: Path) -> list[Expected]:
    return one(_captioned(folder, "json", '{"caption": "a cat"}', 64), "caption-doubtful", "warning")


@plant
def caption_spelled_otherwise(folder: Path) -> list[Expected]:
    (folder / "caf\u00e9.png").write_bytes(content(65, "PNG"))
    return one(caption(folder, "cafe\u0301").name, "caption-name", "warning")


@plant
def caption_of_another_name(folder: Path) -> list[Expected]:
    (folder / "hero_in_the_red_hat.png").write_bytes(content(66, "PNG"))
    image(folder, "hero.png", content(67, "PNG"))
    return one("hero_in_the_red_hat.png", "caption-foreign", "warning")


# caches


def _npz(path: Path, age: float, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    when = time.time() - age
    os.utime(path, (when, when))
    return path.name


def _latents(folder: Path, stem: str, seed: int, *, side: int = SIDE, nan: bool = False, age: float = 10) -> str:
    image(folder, f"{stem}.png", content(seed, "PNG"))
    settle(folder)
    values = np.zeros((4, side // 8, side // 8), np.float32)
    values[0, 0, 0] = np.nan if nan else 0.5
    name = f"{stem}_{SIDE:04d}x{SIDE:04d}_sdxl.npz"
    return _npz(folder / name, age, latents=values, original_size=np.array([SIDE, SIDE]), crop_ltrb=np.zeros(4))


@plant
def latents_older_than_their_image(folder: Path) -> list[Expected]:
    return one(_latents(folder, "older", 70, age=9000), "cache-stale", "warning")


@plant
def latents_of_another_bucket(folder: Path) -> list[Expected]:
    return one(_latents(folder, "bucket", 71, side=64), "cache-stale", "warning")


@plant
def latents_with_nan(folder: Path) -> list[Expected]:
    return one(_latents(folder, "nan", 72, nan=True), "cache-nan", "error")


@plant
def latents_that_are_cut_off(folder: Path) -> list[Expected]:
    name = _latents(folder, "torn", 73)
    (folder / name).write_bytes((folder / name).read_bytes()[:300])
    return one(name, "cache-broken", "error")


@plant
def latents_without_image(folder: Path) -> list[Expected]:
    name = "gone_0192x0192_sdxl.npz"
    with zipfile.ZipFile(folder / name, "w"):
        pass
    return one(name, "cache-orphan", "note")


@plant
def latents_of_another_size(folder: Path) -> list[Expected]:
    name = _latents(folder, "resized", 74)
    (folder / name).rename(folder / "resized_0512x0512_sdxl.npz")
    return one("resized_0512x0512_sdxl.npz", "cache-stale", "warning")


@plant
def text_outputs_of_another_length(folder: Path) -> list[Expected]:
    image(folder, "texts.png", content(75, "PNG"))
    settle(folder)
    states = {"hidden_state1": np.zeros((227, 8)), "hidden_state2": np.zeros((227, 8)), "pool2": np.zeros(8)}
    return one(_npz(folder / "texts_te_outputs.npz", 10, **states), "cache-stale", "warning")


@plant
def list_of_images_gone(folder: Path) -> list[Expected]:
    (folder / "metadata_cache.json").write_text('{"/x/gone.png": {"caption": "", "resolution": [8, 8]}}')
    return one("metadata_cache.json", "cache-list", "warning")


# the same twice


@plant
def the_same_file_twice(folder: Path) -> list[Expected]:
    image(folder, "copy_a.png", content(80, "PNG"))
    image(folder, "copy_b.png", content(80, "PNG"))
    return one("copy_b.png", "twin-exact", "warning")


@plant
def the_same_picture_again(folder: Path) -> list[Expected]:
    image(folder, "again_a.png", content(81, "PNG"))
    image(folder, "again_b.jpg", content(81, "JPEG", quality=60))
    return one("again_a.png", "twin-near", "note")


@plant
def a_mirrored_copy(folder: Path) -> list[Expected]:
    image(folder, "left.png", content(82, "PNG"))
    picture(82).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "right.png")
    caption(folder, "right")
    return one("left.png", "twin-near", "note")


@plant
def a_cropped_copy(folder: Path) -> list[Expected]:
    image(folder, "whole.png", content(83, "PNG"))
    part = picture(83).crop((10, 6, SIDE - 4, SIDE - 8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    part.filter(ImageFilter.GaussianBlur(0.5)).save(folder / "zpart.png")
    caption(folder, "zpart")
    return one("whole.png", "twin-near", "note")
