"""A PNG written in strips is the picture that was written."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from dataset_tools.pixels.png_stream import PngStream


@pytest.mark.parametrize("heights", [[1], [7], [1, 1, 5], [3, 4, 2]])
def test_strips_become_one_picture(heights: list[int]) -> None:
    """However it was cut, every pixel comes back."""
    width, height = 11, sum(heights)
    whole = Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))
    file = io.BytesIO()
    stream = PngStream(file, width, height)
    top = 0
    for one in heights:
        stream.write(whole.crop((0, top, width, top + one)))
        top += one
    stream.close()
    with Image.open(io.BytesIO(file.getvalue())) as back:
        assert (back.format, back.mode, back.size, back.tobytes()) == ("PNG", "RGB", whole.size, whole.tobytes())


@pytest.mark.parametrize("strip", [Image.new("L", (4, 1)), Image.new("RGB", (5, 1)), Image.new("RGB", (4, 3))])
def test_a_strip_that_does_not_fit_is_refused(strip: Image.Image) -> None:
    """Another mode, another width, more lines than there are left."""
    stream = PngStream(io.BytesIO(), 4, 2)
    with pytest.raises(ValueError, match="does not fit"):
        stream.write(strip)


def test_a_picture_that_is_not_whole_is_not_closed() -> None:
    """Lines are missing."""
    stream = PngStream(io.BytesIO(), 4, 2)
    stream.write(Image.new("RGB", (4, 1)))
    with pytest.raises(ValueError, match="1 lines are missing"):
        stream.close()
