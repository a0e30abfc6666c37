"""What decoding an image in full tells about it, on all cores, and remembered: the second look reads no pixel."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Literal

from dataset_tools.pixels.decoding import UndecodableError, decode_bytes, read
from dataset_tools.pixels.signature import BYTES, signature
from dataset_tools.scan.notes import PartedMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from PIL import Image

    from dataset_tools.scan.memory import FileMemory

MOST_PIXELS = 2 * (1024 * 1024 * 1024 // 4 // 3)
"""Pixels beyond which Pillow, and with it sd-scripts, refuses a picture (PIL.Image, DecompressionBombError)."""

Alpha = Literal["", "holes", "nothing"]
"""Whether something shows through, or all of it; empty where nothing does."""

_PASSING = {"missing", "unreadable", "unsupported", "memory"}  # what may be otherwise tomorrow with the same file
_AT_ONCE = 400  # pictures handed to the threads together
_SAVED = 20.0  # seconds after which the memory is saved
_ORIENTATION = 0x0112  # of EXIF


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """One image file, decoded in full."""

    failure: str = ""
    """Why it could not be decoded, as `decoding.Kind`; empty when it could."""
    reason: str = ""
    """The same in one line for people."""
    format: str = ""
    """What its content is, by Pillow's name."""
    mode: str = ""
    """Pillow's mode: RGB, RGBA, P, L, CMYK, I;16 …"""
    width: int = 0
    """Pixels, turned by no EXIF orientation."""
    height: int = 0
    """Pixels, likewise."""
    orientation: int = 1
    """EXIF orientation; 1 is upright."""
    alpha: Alpha = ""
    """What is transparent."""
    animated: bool = False
    """Whether it holds several pictures; the first was decoded."""
    profile: str = ""
    """Name of its colour profile where that is not sRGB's."""
    plain: bool = False
    """Whether all its pixels are of one colour."""
    sha256: str = ""
    """Of the file: 64 hexadecimal digits, or empty where it was not read."""
    signature: bytes = b""
    """Of the picture; empty where there is none."""


def look_at(
    paths: Sequence[Path], memory: Path | None, tell: Callable[[int, int], None] | None = None
) -> Generator[tuple[int, ImageFacts, bool], None, None]:
    """Facts of every path, in any order.

    Args:
        paths: image files.
        memory: a folder for what is remembered.
        tell: called with (images done, images in all).

    Yields:
        The number of the path, its facts, and whether it was decoded now.
    """
    store = PartedMemory(memory, form=1, is_value=_is_known)
    done = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for known, numbers in store.parts(paths):
            saved = time.monotonic()
            try:
                for at in range(0, len(numbers), _AT_ONCE):
                    part = numbers[at : at + _AT_ONCE]
                    for number, (facts, fresh) in zip(
                        part, _all(pool, [paths[one] for one in part], known), strict=True
                    ):
                        done += 1
                        yield number, facts, fresh
                        if tell is not None:
                            tell(done, len(paths))
                    if known is not None and time.monotonic() - saved > _SAVED:
                        known.save()
                        saved = time.monotonic()
            finally:
                if known is not None:
                    known.save()  # also what was decoded before an interruption


def _all(
    pool: ThreadPoolExecutor, paths: list[Path], known: FileMemory[Any] | None
) -> Iterator[tuple[ImageFacts, bool]]:
    remembered = [_remembered(path, known) for path in paths]
    futures = [
        pool.submit(_look, path, known) if facts is None else None
        for path, facts in zip(paths, remembered, strict=True)
    ]
    try:
        for facts, future in zip(remembered, futures, strict=True):
            if facts is not None:
                yield facts, False
            elif future is not None:
                yield future.result(), True
    finally:
        for future in futures:
            if future is not None:
                future.cancel()


def _remembered(path: Path, known: FileMemory[Any] | None) -> ImageFacts | None:
    try:
        value = known.get(path, path.stat()) if known is not None else None
    except (OSError, ValueError):
        return None
    if value is None:
        return None
    *plain, signed = value
    return ImageFacts(**dict(zip(_NAMES, plain, strict=True)), signature=base64.b64decode(signed))


def _look(path: Path, known: FileMemory[Any] | None) -> ImageFacts:
    try:
        before = path.stat()
    except (OSError, ValueError):
        before = None
    facts = image_facts(path)
    if known is not None and before is not None and facts.failure not in _PASSING:
        *plain, signed = astuple(facts)
        known.put(path, before, [*plain, base64.b64encode(signed).decode("ascii")])
    return facts


def image_facts(path: Path) -> ImageFacts:
    """Decode one image; whatever is wrong with it is a fact, never an error."""
    digest = ""
    try:
        data = read(path)
        digest = hashlib.sha256(data).hexdigest()
        image = decode_bytes(data, most_pixels=MOST_PIXELS, first_frame=True)
        return _described(image, digest)
    except UndecodableError as error:
        return ImageFacts(failure=error.kind, reason=error.reason, format=error.format, sha256=digest)
    except MemoryError:
        return ImageFacts(failure="memory", reason="there is not enough memory to decode it", sha256=digest)
    except Exception as error:  # noqa: BLE001 - a picture that cannot be converted or whose metadata break a reader
        words = " ".join(str(error).split())[:100] or type(error).__name__
        return ImageFacts(failure="broken", reason=f"it is damaged ({words})", sha256=digest)


def _described(image: Image.Image, digest: str) -> ImageFacts:
    from dataset_tools.pixels.silence import QUIET  # noqa: PLC0415

    with QUIET:
        alpha = _alpha(image)
        seen = image if image.mode == "RGB" else image.convert("RGB")
        signed = signature(seen)
        return ImageFacts(
            format=image.format or "",
            mode=image.mode,
            width=image.width,
            height=image.height,
            orientation=_orientation(image),
            alpha=alpha,
            animated=_animated(image),
            profile=_profile(image.info.get("icc_profile")),
            plain=_is_flat(signed) and all(low == high for low, high in _extrema(seen)),
            sha256=digest,
            signature=signed,
        )


def _alpha(image: Image.Image) -> Alpha:
    if image.mode in ("RGBA", "LA", "PA"):
        low, high = image.getchannel("A").getextrema()
    elif "transparency" in image.info:
        low, high = image.convert("RGBA").getchannel("A").getextrema()
    else:
        return ""
    return "nothing" if high == 0 else "holes" if isinstance(low, int | float) and low < 255 else ""


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - damaged metadata say nothing
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _animated(image: Image.Image) -> bool:
    try:
        return image.format in ("GIF", "PNG", "WEBP", "AVIF") and bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001 - a second picture that cannot be read is none
        return False


def _profile(profile: Any) -> str:
    """What a colour profile calls itself, where it is not sRGB or its gray sister."""
    if not isinstance(profile, bytes) or len(profile) < 128:
        return ""
    from PIL import ImageCms  # noqa: PLC0415 - few pictures have one

    try:
        name = ImageCms.getProfileName(ImageCms.ImageCmsProfile(_stream(profile))).strip()
    except Exception:  # noqa: BLE001 - a damaged profile is ignored by everyone
        return ""
    return "" if any(word in name.lower() for word in ("srgb", "c2", "gray", "dot gain")) else name[:60]


def _stream(data: bytes) -> Any:
    from io import BytesIO  # noqa: PLC0415

    return BytesIO(data)


def _is_flat(signed: bytes) -> bool:
    return max(signed[:576]) - min(signed[:576]) <= 1


def _extrema(image: Image.Image) -> list[tuple[float, float]]:
    found: Any = image.getextrema()
    return list(found)


_NAMES = tuple(name for name in ImageFacts.__dataclass_fields__ if name != "signature")
_TYPES = tuple(type(getattr(ImageFacts(), name)) for name in _NAMES)


def _is_known(value: Any) -> bool:
    if not isinstance(value, list) or [type(one) for one in value] != [*_TYPES, str]:
        return False
    try:
        return len(base64.b64decode(value[-1], validate=True)) in (0, BYTES)
    except ValueError:
        return False
