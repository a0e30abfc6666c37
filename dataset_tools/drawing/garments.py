"""Draw what the trunk wears: neck and upper body, belt, skirt or seat, the lower half of a robe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataset_tools.drawing.body import LEFT, MIDDLE, RIGHT, SIDES, Body
from dataset_tools.drawing.brush import Point, darker, path

if TYPE_CHECKING:
    from dataset_tools.characters import Colour

_WHITE: Colour = (248, 248, 250)
_METAL: Colour = (186, 194, 208)


def draw_waist(body: Body) -> None:
    """What hangs from the belt, over the legs."""
    if body.one.upper == "long robe":
        _robe_skirt(body)
    elif "skirt" in body.one.lower:
        _pleated_skirt(body)
    else:
        hips, y = body.hips, body.hip
        seat = body.both((body.waist, y - 52), (hips + 8, y - 4), (hips + 10, y + 40), (12, y + 62))
        body.brush.shape(seat, body.one.second.rgb)


def draw_trunk(body: Body) -> None:
    """Neck, upper garment and belt."""
    top = body.shoulder
    neck = [(MIDDLE + 4 * body.turn, top - 44, 27), (MIDDLE, top, 31)]
    body.brush.limb(neck, darker(body.one.skin.rgb, 0.18))
    _UPPERS[body.one.upper](body)
    _belt(body)
    if body.one.back == "backpack":
        _straps(body)


def draw_pouch(body: Body, middle: Point, half: float, colour: Colour) -> None:
    """A pocket with a flap, about two `half` wide."""
    x, y = middle
    left, right, top = x - half, x + half, y - half * 0.8
    for low, tint in ((y + half, colour), (y - half * 0.1, darker(colour, 0.15))):
        body.brush.shape([(left, top), (right, top), (right, low), (left, low)], tint, smooth=False)


def _outline(body: Body, grow: float = 0, drop: float = 0) -> list[Point]:
    top, low, wide = body.shoulder, body.hip, body.shoulders
    return body.both(
        (24, top - 16),
        (wide - 14, top),
        (wide - 4 + grow, top + 34),
        (wide - 18 + grow, top + 82),
        (body.waist + grow, low - 60),
        (body.hips + grow, low - 8 + drop),
        (26, low + 2 + drop),
    )


def _panels(body: Body, colour: Colour, *, gap: tuple[float, float], drop: float) -> None:
    """The two halves of an open garment; the gap, to each side, at the top and at the hem."""
    top, low, wide = body.shoulder, body.hip, body.shoulders
    neck, hem = body.front(0.1)[0], body.front(0.9)[0]
    half = [(22, top - 18), (wide - 12, top - 1), (wide, top + 34), (wide - 12, top + 84)]
    half += [(body.waist + 8, low - 60), (body.hips + 8, low - 6 + drop)]
    for side in SIDES:
        inner = [
            (hem + side * gap[1], low + drop),
            (hem + side * gap[1], low - 30),
            (neck + side * gap[0], top + 40),
        ]
        body.brush.shape([*((body.x(side, x), y) for x, y in half), *inner], colour)


def _jacket(body: Body) -> None:
    main = body.one.main.rgb
    body.brush.shape(_outline(body), body.one.accent.rgb)
    _panels(body, main, gap=(20, 34), drop=16)
    for side in SIDES:
        lapel = path("20,-24 50,-6 46,46 20,92", body.front(0.02), side)
        body.brush.shape(lapel, darker(main, 0.25), smooth=False)
        draw_pouch(body, (body.x(side, body.waist * 0.82), body.hip - 62), 15, darker(main, 0.2))


def _hoodie(body: Body) -> None:
    brush, main, top, low = body.brush, body.one.main.rgb, body.shoulder, body.hip
    brush.shape(_outline(body, grow=8, drop=22), main)
    stripe = body.both((body.shoulders - 12, top + 68), (body.shoulders - 16, top + 98))
    brush.shape(stripe, body.one.accent.rgb, smooth=False)
    brush.shape(path("-36,-22 36,-22 50,34 -50,34", body.front(0.72)), darker(main, 0.16), smooth=False)
    brush.limb([(452, top - 18, 16), (500, top + 4, 18), (548, top - 18, 16)], darker(main, 0.14))
    for side in SIDES:
        brush.stroke(path("16,-6 18,34", body.front(0.1), side), 5, _WHITE)
    hem = [(body.x(LEFT, body.hips), low + 14, 10.0), (body.x(RIGHT, body.hips), low + 14, 10.0)]
    brush.limb(hem, darker(main, 0.2))


def _armor(body: Body) -> None:
    brush, main, top, wide = body.brush, body.one.main.rgb, body.shoulder, body.shoulders
    brush.shape(_outline(body), body.one.second.rgb)
    plate = body.both(
        (16, top - 12), (wide - 18, top + 6), (wide - 12, top + 58), (body.waist, top + 112), (14, top + 126)
    )
    brush.shape(plate, main)
    x, y = body.front(0.32)
    brush.stroke([(x, top + 6), (x, top + 118)], 4, darker(main, 0.45))
    brush.oval((x, y), (17, 17), body.one.accent.rgb)
    brush.oval((x - 5, y - 5), (5, 5), _WHITE, edge=False, flat=True)
    for low in (top + 142, top + 174):
        rib = body.both((body.waist - 8, low - 12), (body.waist - 10, low + 12))
        brush.shape(rib, darker(main, 0.12), smooth=False)


def _robe_top(body: Body) -> None:
    accent, neck, knot = body.one.accent.rgb, body.front(0), body.front(0.62)
    body.brush.shape(_outline(body, grow=4, drop=20), body.one.main.rgb)
    for side in SIDES:
        body.brush.stroke([*path("30,-18 22,46", neck, side), knot], 15, accent)
    body.brush.stroke([knot, (MIDDLE, body.hip)], 15, accent)


def _vest(body: Body) -> None:
    brush, main, top = body.brush, body.one.main.rgb, body.shoulder
    brush.shape(_outline(body), body.one.second.rgb)
    _panels(body, main, gap=(2, 2), drop=2)
    brush.stroke([body.front(0.05), body.front(0.5), body.front(0.93)], 6, _METAL)
    for side in SIDES:
        for dy, half in ((76, 19), (140, 21)):
            middle = (body.x(side, body.waist * 0.64) + 8 * body.turn, top + dy)
            draw_pouch(body, middle, half, darker(main, 0.14))
    brush.limb([(462, top - 16, 14), (500, top - 2, 14), (538, top - 16, 14)], darker(main, 0.2))


def _belt(body: Body) -> None:
    brush, accent, y = body.brush, body.one.accent.rgb, body.hip - 30
    brush.shape(body.both((body.waist + 8, y - 13), (body.hips + 4, y + 13)), accent, smooth=False)
    at = (body.front(0.85)[0], y)
    brush.shape(path("-19,-16 19,-16 19,16 -19,16", at), _METAL, smooth=False)
    brush.shape(path("-9,-7 9,-7 9,7 -9,7", at), darker(accent, 0.5), smooth=False, edge=False, flat=True)


def _straps(body: Body) -> None:
    for side in SIDES:
        at = (body.x(side, body.shoulders * 0.56), body.shoulder)
        body.brush.stroke(path("0,-8 2,60 12,120", at, side), 17, darker(body.one.second.rgb, 0.42))


def _pleated_skirt(body: Body) -> None:
    main, y = body.one.main.rgb, body.hip
    cloth = body.both((body.waist, y - 52), (body.hips + 20, y + 20), (body.hips + 56, y + 100), (0, y + 118))
    body.brush.shape(cloth, main, smooth=False)
    for x in (-66, -34, 0, 34, 66):
        body.brush.stroke([(MIDDLE + x * 0.6, y - 20), (MIDDLE + x * 1.3, y + 104)], 4, darker(main, 0.38))


def _robe_skirt(body: Body) -> None:
    brush, main, accent, y, hem = body.brush, body.one.main.rgb, body.one.accent.rgb, body.hip, body.ankle - 8
    cloth = body.both((body.waist, y - 60), (body.hips + 26, y + 40), (118, hem - 60), (128, hem), (60, hem + 12))
    brush.shape(cloth, main)
    brush.shape(body.both((13, y - 60), (18, y + 120), (26, hem + 14)), accent, smooth=False)
    for x in (-84, -52, 56, 86):
        brush.stroke([(MIDDLE + x * 0.6, y + 30), (MIDDLE + x, hem - 40)], 4, darker(main, 0.4))
    brush.stroke([(body.x(LEFT, 122), hem - 12), (MIDDLE, hem + 6), (body.x(RIGHT, 122), hem - 12)], 13, accent)


_UPPERS = {
    "open jacket over a t-shirt": _jacket,
    "hoodie": _hoodie,
    "chest armor with shoulder pads": _armor,
    "long robe": _robe_top,
    "vest": _vest,
}
