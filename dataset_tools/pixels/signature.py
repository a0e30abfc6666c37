"""A picture in 704 bytes: enough to find it again cropped, mirrored, brighter, or saved as something else.

24 x 24 values of light, then 8 x 8 of blue against it and 8 x 8 of red (YCbCr), each the mean of its cell, whatever
the shape of the picture was. As the trainer sees it: transparency is dropped, and nothing is turned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

LIGHT = 24
"""Cells of light along a side."""

COLOUR = 8
"""Cells of colour along a side."""

BYTES = LIGHT * LIGHT + 2 * COLOUR * COLOUR
"""Of a signature."""


def signature(picture: Image.Image) -> bytes:
    """The signature of an RGB picture of any size."""
    from PIL import Image  # noqa: PLC0415 - only what opens pictures pays for it

    # Small whole factors first: twice as fast on a large picture, and the same to less than one step of light.
    factor = min(picture.size) // (4 * LIGHT)
    small = picture.reduce(factor) if factor > 1 else picture
    light, blue, red = small.resize((LIGHT, LIGHT), Image.Resampling.BOX).convert("YCbCr").split()
    size = (COLOUR, COLOUR)
    colours = (channel.resize(size, Image.Resampling.BOX).tobytes() for channel in (blue, red))
    return b"".join((light.tobytes(), *colours))
