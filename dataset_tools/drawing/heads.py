"""Draw the head: face, hair, headgear and glasses. The neck belongs to the clothes around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataset_tools.drawing.body import LEFT, MIDDLE, RIGHT, SIDES, Body
from dataset_tools.drawing.brush import Point, darker, lighter, mixed, path

if TYPE_CHECKING:
    from dataset_tools.characters import Colour

_WHITE: Colour = (248, 248, 250)
_INK: Colour = (34, 28, 48)
_RING = "1,0 .71,.71 0,1 -.71,.71 -1,0 -.71,-.71 0,-1 .71,-.71 1,0"


def draw_behind(body: Body) -> None:
    """Hair that falls behind the shoulders."""
    hair, at = darker(body.one.hair.rgb, 0.12), (MIDDLE, body.head)
    if body.one.head == "long hair":
        body.brush.shape(path("-60,-50 60,-50 84,60 74,150 0,168 -74,150 -84,60", at), hair)
    elif body.one.head == "ponytail":
        body.brush.shape(path("-52,-62 -96,-70 -128,-10 -112,92 -88,40 -76,-10", at), hair)


def draw_head(body: Body) -> None:
    """The head, with all that is on it."""
    if body.one.masked:
        _helmet(body)
        return
    if body.one.head == "curly afro hair":
        _afro(body)
    _face(body)
    _HEADWEAR[body.one.head](body)
    _eyewear(body)


def _face(body: Body) -> None:
    brush, skin, y = body.brush, body.one.skin.rgb, body.head
    for side in SIDES if not body.turn else (LEFT,):
        brush.oval((MIDDLE + 2 + side * 56, y + 12), (11, 17), darker(skin, 0.1))
    jaw = path("46,42 22,70 0,76 -22,70 -46,42", (MIDDLE + 7 * body.turn, y))
    skull = path("-57,0 -46,-50 0,-72 46,-50 57,0", (MIDDLE, y))
    brush.shape([*jaw, *skull], skin)
    for side in SIDES:
        _eye(body, side)
    nose = path("-2,12 9,33 2,38 -8,34", (body.face, y))
    brush.shape(nose, darker(skin, 0.14), edge=False, flat=True)
    _mouth(body)


def _mouth(body: Body) -> None:
    brush, at = body.brush, (body.face, body.head)
    lip = mixed(darker(body.one.skin.rgb, 0.35), (190, 60, 70), 0.35)
    if body.one.smiling:
        brush.shape(path("-20,46 0,50 20,46 9,58 -9,58", at), _WHITE, edge=False, flat=True)
        brush.stroke(path("-23,45 0,50 23,45", at), 4, lip)
        brush.stroke(path("-10,59 0,61 10,59", at), 4, lip)
    else:
        brush.stroke(path("-16,52 0,51 16,52", at), 5, lip)


def _eye(body: Body, side: int) -> None:
    brush, width = body.brush, 0.86 if body.turn and side == RIGHT else 1.0
    x, y = body.face + side * 24 * width, body.head + 8
    iris = (x + 2 * body.turn, y)
    brush.oval((x, y), (14 * width, 10), _WHITE, edge=False, flat=True)
    brush.oval(iris, (7.5, 8.5), body.one.eyes.rgb, edge=False, flat=True)
    brush.oval(iris, (4, 4.6), _INK, edge=False, flat=True)
    brush.oval((iris[0] - 3, y - 4), (2.4, 2.4), _WHITE, edge=False, flat=True)
    brush.stroke([(x - 15 * width, y - 3), (x, y - 11), (x + 15 * width, y - 3)], 4.5, _INK)
    inner = (x - side * 14 * width, y - (23 if body.one.smiling else 19))
    brush.stroke([inner, (x, y - 26), (x + side * 17 * width, y - 21)], 7, darker(body.one.hair.rgb, 0.4))


def _eyewear(body: Body) -> None:
    brush, at = body.brush, (body.face, body.head + 8)
    if body.one.eyewear == "round glasses":
        for side in SIDES:
            ring = [(at[0] + side * 25 + 20 * x, at[1] + 20 * y) for x, y in path(_RING)]
            brush.stroke(ring, 4.5, _INK)
        brush.stroke(path("-6,-3 6,-3", at), 4.5, _INK)
    elif body.one.eyewear == "dark sunglasses":
        for side in SIDES:
            lens = (at[0] + side * 25, at[1])
            brush.shape(path("-21,-13 21,-13 17,13 -17,13", lens), (40, 38, 54))
            brush.stroke(path("-11,4 -3,-7", lens), 4, (140, 150, 180))
        brush.stroke(path("-50,-11 50,-11", at), 6, _INK)
    elif body.one.eyewear == "ski goggles":
        _goggles(body, at)


def _goggles(body: Body, at: Point) -> None:
    (x, y), brush, lens = at, body.brush, body.one.accent.rgb
    brush.limb([(446, y - 4, 13), (556, y - 4, 13)], darker(body.one.second.rgb, 0.3))
    brush.limb([(x - 30, y - 1, 26), (x + 30, y - 1, 26)], _WHITE)
    brush.limb([(x - 29, y - 1, 19), (x + 29, y - 1, 19)], lens)
    brush.stroke(path("-34,2 -22,-11", at), 6, lighter(lens, 0.7))


def _hair(body: Body, fringe: str, locks: tuple[str, ...]) -> None:
    """Hair over the crown, down to a front edge given from right to left, with a few darker lines in it."""
    at, tint = (MIDDLE, body.head), body.one.hair.rgb
    body.brush.shape(path("-60,14 -64,-36 -40,-80 0,-94 44,-82 64,-36 60,14 " + fringe, at), tint)
    for lock in locks:
        body.brush.stroke(path(lock, at), 3, darker(tint, 0.4))


def _short_hair(body: Body) -> None:
    _hair(body, "49,-14 30,-34 0,-28 -30,-40 -48,-14", ("5,-88 20,-76 40,-48", "-10,-88 -24,-76 -30,-50"))


def _smooth_hair(body: Body) -> None:
    _hair(
        body,
        "52,10 46,-20 20,-44 -14,-52 -42,-18 -50,10",
        ("-4,-90 16,-72 40,-40", "-14,-90 -32,-70 -44,-36"),
    )


def _long_hair(body: Body) -> None:
    _smooth_hair(body)
    for side in SIDES:
        strand = path("48,-30 66,-10 74,70 66,130 50,90 54,30", (MIDDLE, body.head), side)
        body.brush.shape(strand, body.one.hair.rgb)


def _spiky_hair(body: Body) -> None:
    spikes = (
        "-64,12 -88,-26 -66,-34 -84,-84 -48,-76 -38,-124 -8,-92 24,-134 38,-88 82,-106 64,-56 94,-42 62,12 "
        "50,-20 28,-22 14,-44 -6,-16 -24,-42 -48,-18"
    )
    body.brush.shape(path(spikes, (MIDDLE, body.head)), body.one.hair.rgb, smooth=False)


def _afro(body: Body) -> None:
    for x, y in path("-62,-24 62,-24 -48,-72 48,-72 0,-94 -66,14 66,14", (MIDDLE, body.head)):
        body.brush.oval((x, y), (46, 46), body.one.hair.rgb)


def _afro_fringe(body: Body) -> None:
    for x, y in path("-44,-52 -16,-68 16,-68 44,-52", (MIDDLE, body.head)):
        body.brush.oval((x, y), (25, 22), body.one.hair.rgb)


def _hood(body: Body) -> None:
    at = (MIDDLE, body.head)
    opening = "31,72 51,30 53,-20 31,-57 0,-65 -31,-57 -53,-20 -51,30 -31,72"
    outside = "-36,104 -72,66 -90,-10 -60,-84 0,-106 60,-84 90,-10 72,66 36,104"
    body.brush.shape(path(f"{outside} {opening}", at), body.one.main.rgb)
    body.brush.stroke(path(opening, at), 7, body.one.accent.rgb)


def _beanie(body: Body) -> None:
    brush, colour, y = body.brush, body.one.accent.rgb, body.head
    brush.shape(path("-60,-30 -54,-78 -20,-108 20,-108 54,-78 60,-30", (MIDDLE, y)), colour)
    brush.limb([(448, y - 36, 17), (500, y - 42, 17), (552, y - 36, 17)], darker(colour, 0.16))
    brush.oval((MIDDLE, y - 118), (19, 19), lighter(colour, 0.35))


def _helmet(body: Body) -> None:
    brush, one, at, front = body.brush, body.one, (MIDDLE, body.head), (body.face, body.head)
    shell = "0,-88 56,-66 74,0 60,52 26,84 0,88 -26,84 -60,52 -74,0 -56,-66"
    brush.shape(path(shell, at), one.main.rgb)
    brush.shape(path("-52,-22 0,-34 46,-22 50,14 24,40 -26,40 -54,14", front), one.accent.rgb)
    brush.stroke(path("-36,8 -26,-12 -4,-19", front), 8, lighter(one.accent.rgb, 0.75))
    brush.stroke([(MIDDLE, body.head - 84), (MIDDLE + 4 * body.turn, body.head - 44)], 14, one.second.rgb)
    for slit in ("-18,56 18,56", "-18,68 18,68"):
        brush.stroke(path(slit, front), 5, darker(one.main.rgb, 0.5))


_HEADWEAR = {
    "short hair": _short_hair,
    "long hair": _long_hair,
    "spiky hair": _spiky_hair,
    "curly afro hair": _afro_fringe,
    "ponytail": _smooth_hair,
    "hood": _hood,
    "beanie": _beanie,
}
