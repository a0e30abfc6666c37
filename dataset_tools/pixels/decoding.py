"""Decode one image file whole, or say in one line why that cannot be done: no hang, no warning, no stray exception.

What a file is follows from its first bytes, never from its name. Only formats that people keep pictures in are
opened: no plugin of Pillow that starts another program, and none that takes almost any bytes for a picture.
"""

from __future__ import annotations

import stat
from contextlib import nullcontext
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from dataset_tools.pixels.silence import HUSH, QUIET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL import Image

Kind = Literal[
    "missing", "not-a-file", "empty", "unreadable", "not-an-image", "unsupported", "truncated", "broken", "bomb",
    "animated", "memory",
]  # fmt: skip
"""Why a file is no picture to train on.

missing: no such file. not-a-file: a folder, a pipe, a device. empty: no bytes. unreadable: the system refuses.
not-an-image: something else. unsupported: a picture that this Pillow cannot read. truncated: it ends too early.
broken: damaged in another way. bomb: more pixels or bytes than asked for. animated: several pictures. memory: there
is not enough of it.
"""

MOST_PIXELS = 300_000_000
"""More than any camera makes, and still decoded in a gigabyte."""

MOST_BYTES = 1 << 31
"""A file beyond this is not read."""

FORMATS: tuple[str, ...] = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "TIFF", "WEBP")
"""What is opened, by Pillow's names."""

_HEAD = 64  # bytes in which every signature below lies
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"qoif", "QOI"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"version https://git-lfs", "git-lfs pointer"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"mif1"), "HEIC")}
_TAIL = 64  # bytes at the end, where cameras may append a few
_WORDS = 100  # characters of what a plugin says; some quote the file
_EARLY = ("truncated", "not enough image data", "but only got")  # how plugins say that data is missing
_PICTURES = {*FORMATS, "HEIC", "JPEG XL", "Photoshop"}


class UndecodableError(Exception):
    """This file gives no picture."""

    kind: Kind
    """What kind of failure."""
    reason: str
    """One line for people, without the path."""
    format: str
    """What the first bytes say it is, as far as known; empty otherwise."""

    def __init__(self, kind: Kind, reason: str, image_format: str = "") -> None:
        super().__init__(kind, reason, image_format)
        self.kind = kind
        self.reason = reason
        self.format = image_format

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


def decode(path: Path, *, most_pixels: int = MOST_PIXELS, first_frame: bool = False) -> Image.Image:
    """The picture in a file: all its pixels in memory, the file closed, `format` true to the content.

    Nothing is turned, converted or flattened; `info` has the ICC profile, and `getexif()` works.

    Args:
        path: any path at all.
        most_pixels: width by height beyond which nothing is decoded.
        first_frame: take the first picture of several rather than fail as `animated`.

    Raises:
        UndecodableError: for everything that can go wrong.
    """
    return decode_bytes(read(path), most_pixels=most_pixels, first_frame=first_frame)


def read(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """The whole file; never waits for a pipe or a device.

    Raises:
        UndecodableError: missing, not-a-file, empty, unreadable, bomb, memory.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UndecodableError("not-a-file", "a folder, a pipe or a device, and no file")
        if found.st_size > most_bytes:
            raise UndecodableError("bomb", f"a file of {found.st_size / 1e9:.1f} GB")
        data = path.read_bytes()
    except FileNotFoundError:
        raise UndecodableError("missing", "there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise UndecodableError("unreadable", getattr(error, "strerror", None) or str(error)) from error
    except MemoryError:
        raise UndecodableError("memory", "there is not enough memory to read it") from None
    if not data:
        raise UndecodableError("empty", "the file is empty")
    return data


def decode_bytes(data: bytes, *, most_pixels: int = MOST_PIXELS, first_frame: bool = False) -> Image.Image:
    """As `decode`, for the content of a file."""
    from PIL import Image  # noqa: PLC0415 - only what opens pictures pays for it

    kind = true_format(data)
    _refuse_foreign(kind, data)
    _refuse_unbuilt(kind)
    with QUIET, HUSH if kind == "TIFF" else nullcontext():
        try:
            image = Image.open(BytesIO(data), formats=(kind,))
            _refuse_large(image.size, most_pixels, kind)
            if not first_frame and getattr(image, "is_animated", False) and image.format != "MPO":
                raise UndecodableError(
                    "animated", f"{getattr(image, 'n_frames', 'several')} pictures in one file", kind
                )
            image.load()
        except UndecodableError:
            raise
        except MemoryError:
            raise UndecodableError("memory", "there is not enough memory to decode it", kind) from None
        except Exception as error:  # damaged files raise whatever a plugin did not expect
            raise _failure(error, data, kind) from error
    # A photograph with a second picture in it, a preview or a map of brightness, is a JPEG to everyone.
    image.format = "JPEG" if image.format == "MPO" else image.format
    return image


def true_format(data: bytes) -> str:
    """What the first bytes say the file is: a name of `FORMATS` or of a few others; empty where unknown."""
    head = data[:_HEAD]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "")
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def _refuse_foreign(kind: str, data: bytes) -> None:
    if kind in FORMATS:
        return
    if kind in _PICTURES:
        raise UndecodableError("unsupported", f"{kind}, which Pillow cannot read", kind)
    if kind:
        raise UndecodableError("not-an-image", f"a {kind}, no picture", kind)
    if not data.strip(b"\0"):
        raise UndecodableError("broken", f"{len(data)} zero bytes: the file was never written out")
    what = "text" if _is_text(data[:512]) else "an unknown kind of data"
    raise UndecodableError("not-an-image", f"{what}, no picture")


def _refuse_unbuilt(kind: str) -> None:
    from PIL import Image  # noqa: PLC0415

    Image.preinit()
    if kind not in Image.OPEN:
        Image.init()
    if kind not in Image.OPEN:
        raise UndecodableError("unsupported", f"{kind}, which this Pillow was built without", kind)


def _is_text(head: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 32 for byte in head)


def _refuse_large(size: tuple[int, int], most_pixels: int, kind: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise UndecodableError("broken", f"a picture of {width} x {height}", kind)
    if width * height > most_pixels:
        most = f"{most_pixels / 1e6:.0f} million pixels" if most_pixels >= 1_000_000 else f"{most_pixels} pixels"
        raise UndecodableError("bomb", f"{width} x {height}, more than {most}", kind)


def _failure(error: Exception, data: bytes, kind: str) -> UndecodableError:
    words = (" ".join(str(error).split()) or type(error).__name__)[:_WORDS]
    lowered = words.lower()
    if "too large" in lowered or "decompression bomb" in lowered:
        return UndecodableError("bomb", words, kind)
    if _ends_early(data, kind) or isinstance(error, EOFError) or any(words in lowered for words in _EARLY):
        return UndecodableError("truncated", f"the {kind} ends too early", kind)
    if type(error).__name__ == "UnidentifiedImageError":
        return UndecodableError("broken", f"it begins as {kind} and goes on as something else", kind)
    return UndecodableError("broken", f"the {kind} is damaged ({words})", kind)


def _ends_early(data: bytes, kind: str) -> bool:
    """Whether a format that says its length, or how it ends, is cut off."""
    if kind in ("WEBP", "BMP"):
        place, more = (4, 8) if kind == "WEBP" else (2, 0)
        return len(data) < int.from_bytes(data[place : place + 4], "little") + more
    if kind in ("GIF", "JPEG"):
        return (b";" if kind == "GIF" else b"\xff\xd9") not in data[-_TAIL:]
    if kind == "AVIF":
        return any(end > len(data) for end in _box_ends(data))
    return kind == "PNG" and _png_ends_early(data)


def _png_ends_early(data: bytes) -> bool:
    place = 8
    while place < len(data):
        length, name = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        place += 12 + length
        if name == b"IEND":
            return place > len(data)
    return True


def _box_ends(data: bytes) -> Iterator[int]:
    """Where each box of an ISO media file says that it ends (ISO/IEC 14496-12, 4.2)."""
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        place = place + length if length >= 8 else len(data)  # 0: up to the end
        yield place
