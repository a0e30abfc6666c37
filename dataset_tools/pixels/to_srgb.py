"""Turn any decoded picture upright and into 8-bit sRGB: EXIF orientation, ICC profile, palette, 16 bits, CMYK, alpha.

sd-scripts does none of this: it converts to RGB and leaves colours, orientation and what lies under transparent pixels
as they are in the file (library/train_util.py:2948-2958). What is written here therefore looks there as it looks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from dataset_tools.pixels.decoding import UndecodableError
from dataset_tools.pixels.silence import QUIET

if TYPE_CHECKING:
    from PIL import Image

ORIENTATION = 0x0112
"""EXIF tag."""

_DEPTHS = {"I;16": 257, "I;16L": 257, "I;16B": 257, "I;16N": 257}
# Relative colorimetric with black point compensation: colours within sRGB stay, white stays white, black black.
_INTENT, _BLACK_POINT = 1, 0x2000
_OWN_COLOURS = {"RGB": ("RGB", "RGB "), "CMYK": ("CMYK", "CMYK"), "L": ("L", "GRAY"), "LAB": ("LAB", "Lab ")}

Colour = tuple[int, int, int]
"""Red, green, blue: 0 to 255."""


@dataclass(frozen=True, kw_only=True)
class Upright:
    """A picture as it should look, and what had to be done for that."""

    image: Image.Image
    """RGB; or RGBA where transparency was there and is kept."""
    mode: str
    """Pillow's name of the pixels in the file."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 is upright."""
    icc: str
    """Name of the colour profile in the file; empty where there was none."""
    icc_use: str
    """What became of the profile: "converted", "is sRGB", "ignored: WHY", or empty."""
    alpha: str
    """What became of transparency: "flattened", "kept", "opaque", or empty where there was none."""


def upright(image: Image.Image, *, background: Colour, keep_alpha: bool) -> Upright:
    """The picture as 8-bit sRGB, standing upright.

    Args:
        image: as `decoding.decode` gives it.
        background: shows through transparent pixels.
        keep_alpha: keep transparency as a mask. The colours below it are kept as they are in the file.

    Raises:
        UndecodableError: `unsupported` pixels (floating point, 32 bits), damaged or more than fit into memory.
    """
    with QUIET:
        try:
            return _upright(image, background, keep_alpha)
        except UndecodableError:
            raise
        except MemoryError:
            raise UndecodableError("memory", "there is not enough memory to convert it", image.format or "") from None
        except Exception as error:
            reason = f"its pixels cannot be converted ({error})"
            raise UndecodableError("broken", reason, image.format or "") from error


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where it is not said or cannot be read."""
    with QUIET:
        try:
            said = image.getexif().get(ORIENTATION, 1)
        except Exception:  # noqa: BLE001 - damaged EXIF raises many things, and is no reason to lose the picture
            return 1
    return said if isinstance(said, int) and 1 <= said <= 8 else 1


def _upright(image: Image.Image, background: Colour, keep_alpha: bool) -> Upright:
    mode, orientation = image.mode, orientation_of(image)
    profile = image.info.get("icc_profile") or b""
    plain, alpha = _parted(image)
    converted, name, use = _coloured(plain, profile)
    word = ""
    if alpha is not None:
        word = "opaque" if alpha.getextrema() == (255, 255) else "kept" if keep_alpha else "flattened"
    if alpha is not None and word == "kept":
        converted.putalpha(alpha)
    elif alpha is not None and word == "flattened":
        converted = _flat(converted, alpha, background)
    return Upright(
        image=_turned(converted, orientation), mode=mode, orientation=orientation, icc=name, icc_use=use, alpha=word
    )


def _parted(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours, as L, RGB, CMYK or LAB, and the transparency, if there is any."""
    if image.mode in _DEPTHS or image.mode == "I":
        return _eight_bits(image), None
    if image.mode == "F":
        raise UndecodableError("unsupported", "floating-point pixels, whose range is not said", image.format or "")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        gray = image.mode in ("L", "LA", "La", "1")
        return layers.convert("RGB").convert("L") if gray else layers.convert("RGB"), layers.getchannel("A")
    if image.mode in _OWN_COLOURS:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Gray of 16 bits as 8: Pillow's own conversion cuts off everything above 255."""
    wide = image.convert("I")
    low, high = cast("tuple[int, int]", wide.getextrema())
    if low < 0 or high > 65535:
        raise UndecodableError("unsupported", "pixels of 32 bits, whose range is not said", image.format or "")
    return wide.point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _coloured(image: Image.Image, profile: bytes) -> tuple[Image.Image, str, str]:
    """The picture in sRGB, the profile's name, and what became of it."""
    if not profile:
        return _by_pillow(image), "", ""
    name, transform, use = _transform(profile, image.mode)
    if transform is None:
        return _by_pillow(image), name, use
    return transform.apply(image), name, use


def _by_pillow(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode != "LAB":
        return image.convert("RGB")
    from PIL import ImageCms  # noqa: PLC0415

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> tuple[str, Any, str]:
    """Name of a profile, what takes its colours to sRGB (None: nothing to do), and the word for the manifest."""
    from PIL import ImageCms  # noqa: PLC0415

    try:
        found = ImageCms.ImageCmsProfile(BytesIO(profile))
        name = " ".join((found.profile.profile_description or "unnamed").split())
    except Exception:  # noqa: BLE001 - what a damaged profile raises is not said anywhere
        return "unreadable", None, "ignored: it is damaged"
    wanted = _OWN_COLOURS[mode][1]
    if found.profile.xcolor_space.strip() != wanted.strip():
        return name, None, f"ignored: it is for {found.profile.xcolor_space.strip()}, the pixels are {mode}"
    try:
        transform = ImageCms.buildTransform(
            found, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent(_INTENT), ImageCms.Flags(_BLACK_POINT)
        )
        same = _changes_nothing(transform, mode)
    except Exception:  # noqa: BLE001 - likewise
        return name, None, "ignored: it cannot be converted from"
    return (name, None, "is sRGB") if same else (name, transform, "converted")


def _changes_nothing(transform: Any, mode: str) -> bool:
    """Whether a profile is sRGB, under whatever name: its colours move by less than a step that can be seen."""
    from PIL import Image, ImageChops  # noqa: PLC0415

    if mode == "RGB":
        steps = range(0, 256, 17)
        colours = bytes(level for red in steps for green in steps for blue in steps for level in (red, green, blue))
        probe = Image.frombytes("RGB", (16, 256), colours)
    elif mode == "L":
        probe = Image.frombytes("L", (16, 16), bytes(range(256)))
    else:
        return False
    moved = ImageChops.difference(transform.apply(probe), probe.convert("RGB")).convert("RGB").getextrema()
    return all(high <= 1 for _low, high in cast("tuple[tuple[int, int], ...]", moved))


def _flat(image: Image.Image, alpha: Image.Image, background: Colour) -> Image.Image:
    from PIL import Image  # noqa: PLC0415

    return Image.composite(image, Image.new("RGB", image.size, background), alpha)


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """Turned or mirrored so that orientation becomes 1 (EXIF 2.32, 4.6.4)."""
    from PIL import Image  # noqa: PLC0415

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image
