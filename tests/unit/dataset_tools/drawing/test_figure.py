"""The drawn figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_tools.characters import character
from dataset_tools.drawing.figure import draw

WHOLE = character(2024, 0)


@pytest.mark.parametrize("size", [16, 64, 100, 513])
def test_has_the_size_asked_for(size: int) -> None:
    """Any size gives a square RGB picture of exactly that size."""
    picture = draw(WHOLE, size)
    assert (picture.size, picture.mode) == ((size, size), "RGB")


def test_the_same_character_gives_the_same_pixels() -> None:
    """Nothing but the character and the size decides."""
    assert draw(WHOLE, 64).tobytes() == draw(character(2024, 0), 64).tobytes()


def test_the_figure_stays_inside_the_picture() -> None:
    """Every trait can be drawn, head to foot within the frame: the border shows background only."""
    for index in range(24):
        picture = draw(character(3, index), 64)
        for y in range(64):
            row = [picture.getpixel((x, y)) for x in range(64)]
            assert _near(row[0], row[-1])
            assert _near(row[0], row[1])
        top, bottom = ([picture.getpixel((x, y)) for x in range(64)] for y in (0, 63))
        assert all(_near(one, line[0]) for line in (top, bottom) for one in line)


def test_left_is_the_mirror_image_of_right() -> None:
    """A flat colour lies in mirrored places; the light comes from the same side in both."""
    right, left = (draw(replace(WHOLE, view=f"three-quarter view to the {side}"), 64) for side in ("right", "left"))
    skyline = [
        [next(y for y in range(64) if not _near(picture.getpixel((x, y)), picture.getpixel((0, y)))) for x in columns]
        for picture, columns in ((right, range(28, 36)), (left, range(35, 27, -1)))
    ]
    assert all(abs(one - other) <= 1 for one, other in zip(*skyline, strict=True))
    assert left.tobytes() != right.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"prop": "pickaxe"},
        {"back": "glider wings"},
        {"back": "cape"},
        {"upper": "hoodie"},
        {"head": "ponytail"},
        {"pose": "waving"},
        {"footwear": "knee-high boots"},
        {"lower": "shorts"},
    ],
)
def test_what_the_caption_says_is_drawn(change: dict[str, str]) -> None:
    """Each trait leaves its mark on the picture."""
    plain = replace(
        WHOLE,
        prop="",
        back="",
        head="short hair",
        upper="vest",
        lower="trousers",
        footwear="boots",
        pose="standing with arms at the sides",
    )
    assert draw(plain, 96).tobytes() != draw(replace(plain, **change), 96).tobytes()  # type: ignore[arg-type]


def _near(one: object, other: object) -> bool:
    assert isinstance(one, tuple)
    assert isinstance(other, tuple)
    return all(abs(a - b) <= 12 for a, b in zip(one, other, strict=True))
