"""Put a whole figure on a background, from back to front: back, legs, trunk, head, arms and hands."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from dataset_tools.characters import Colour, shoe_tint
from dataset_tools.drawing.body import LEFT, MIDDLE, RIGHT, SIDES, Body
from dataset_tools.drawing.brush import Brush, Joint, Point, darker, lighter, path
from dataset_tools.drawing.garments import draw_pouch, draw_trunk, draw_waist
from dataset_tools.drawing.heads import draw_behind, draw_head

if TYPE_CHECKING:
    from PIL import Image

    from dataset_tools.characters import Character

_WHITE: Colour = (248, 248, 250)
_METAL: Colour = (186, 194, 208)
_WOOD: Colour = (150, 104, 66)

_ARMS: dict[str, tuple[Point, Point]] = {
    # elbow and wrist: outwards and down from the shoulder
    "standing with arms at the sides": ((26, 104), (30, 204)),
    "one hand on the hip": ((84, 92), (14, 176)),
    "waving": ((70, 56), (98, -52)),
    "ready stance": ((62, 84), (104, 166)),
    "holding": ((46, 98), (72, 188)),
}


def draw(one: Character, size: int) -> Image.Image:
    """The character as an RGB picture of `size` by `size` pixels."""
    brush = Brush(size, mirrored=one.view.endswith("left"))
    top, bottom = one.background
    brush.backdrop(top.rgb, bottom.rgb)
    brush.glow((150, 20, 850, 900), lighter(top.rgb, 0.7), 0.35)
    brush.glow((200, 868, 800, 1000), darker(bottom.rgb, 0.6), 0.6)
    _draw_body(Body.of(one, brush))
    return brush.finished()


def _draw_body(body: Body) -> None:
    _behind(body)
    draw_behind(body)
    for side in SIDES:
        _leg(body, side)
    draw_waist(body)
    if body.turn:
        _arm(body, RIGHT)  # the far arm of a turned body
    draw_trunk(body)
    draw_head(body)
    for side in (LEFT,) if body.turn else SIDES:
        _arm(body, side)


def _behind(body: Body) -> None:
    brush, one, top, low = body.brush, body.one, body.shoulder, body.hip
    if one.back == "glider wings":
        for side in SIDES:
            _wing(body, side)
    elif one.back == "cape":
        cloth = body.both(
            (48, top - 8), (118, top + 60), (150, low + 120), (172, body.ankle - 60), (60, body.ankle - 28)
        )
        brush.shape(cloth, darker(one.accent.rgb, 0.12))
    elif one.back == "backpack":
        wide = body.shoulders
        bag = body.both((40, top - 38), (wide + 14, top - 12), (wide + 24, low - 80), (60, low - 40))
        brush.shape(bag, darker(one.second.rgb, 0.1))
        brush.limb([(body.x(LEFT, 78), top - 38, 20), (body.x(RIGHT, 78), top - 38, 20)], one.second.rgb)


def _wing(body: Body, side: int) -> None:
    root, colour = (MIDDLE, body.shoulder + 60), body.one.accent.rgb
    sail = "52,-40 150,-170 330,-210 392,-150 330,-60 250,10 150,60 52,60"
    body.brush.shape(path(sail, root, side), colour)
    for rib in ("60,0 187,-91 340,-150", "60,0 165,-51 300,-70", "60,0 121,-16 220,0"):
        body.brush.stroke(path(rib, root, side), 7, darker(colour, 0.45))


def _leg(body: Body, side: int) -> None:
    one, thick, cloth = body.one, body.thick, body.one.second.rgb
    robe = one.upper == "long robe"
    stance = 92 if one.pose == "ready stance" and not robe else 62
    wide = 1.16 if one.lower == "cargo trousers" else 1.0
    hip: Joint = (body.x(side, 34 * one.build.hips), body.hip + 6, 42 * thick)
    knee: Joint = (body.x(side, stance * 0.82), (body.hip + body.ankle) / 2 - 8, 33 * thick * wide)
    ankle: Joint = (body.x(side, stance), body.ankle - 14, 25 * thick * wide)
    bare = one.lower == "shorts" and not robe
    body.brush.limb([hip, knee, ankle], one.skin.rgb if bare else cloth)
    if bare:
        body.brush.tube(hip, (knee[0], knee[1] + 4, 44 * thick), cloth)
    elif "trousers" in one.lower:
        for crease in ("-20,-10 0,-3 14,-8", "-20,8 0,15 14,10"):
            body.brush.stroke(path(crease, knee[:2]), 3, darker(cloth, 0.4))
    if one.lower == "cargo trousers" and not robe:
        draw_pouch(body, (knee[0] + side * 16 * thick, knee[1] - 58), 22, darker(cloth, 0.12))
    _shoe(body, side, (ankle[0], ankle[1]))


def _shoe(body: Body, side: int, ankle: Point) -> None:
    brush, one, colour = body.brush, body.one, shoe_tint(body.one).rgb
    sneakers = one.footwear == "sneakers"
    if not sneakers:
        _boot_leg(body, side, ankle)
    x, y = ankle
    toe = 20 if body.turn else side * 12
    front = path("38,20 34,40 -34,40 -38,18", (x + toe, y))
    brush.shape([*path("-32,-12 30,-14", (x + toe * 0.2, y)), *front], colour)
    sole = _WHITE if sneakers else darker(one.second.rgb, 0.25)
    brush.limb([(x - 30 + toe, y + 42, 9), (x + 32 + toe, y + 42, 9)], sole)
    for lace in ("-15,-2 15,-2", "-15,10 15,10"):
        tint = _WHITE if sneakers else darker(colour, 0.45)
        brush.stroke(path(lace, (x + toe * 0.7, y)), 5, tint)


def _boot_leg(body: Body, side: int, ankle: Point) -> None:
    (x, y), wide = ankle, 34 * body.thick
    height = 132 if body.one.footwear == "knee-high boots" else 62
    middle, top = x - side * height * 0.1, y - height
    low = 33 * body.thick  # wider than the trousers inside
    shaft = [(middle - wide, top), (middle + wide, top), (x + low, y), (x - low, y)]
    body.brush.shape(shaft, shoe_tint(body.one).rgb, smooth=False)
    cuff = [(middle - wide + 6, top - 4, 12.0), (middle + wide - 6, top - 4, 12.0)]
    body.brush.limb(cuff, darker(body.one.second.rgb, 0.1))


def _arm(body: Body, side: int) -> None:
    one, thick = body.one, body.thick
    pose = _arm_pose(one, side)
    (ex, ey), (wx, wy) = _ARMS[pose]
    x, y = body.x(side, body.shoulders - 14), body.shoulder + 26
    elbow, wrist = (x + side * ex, y + ey), (x + side * wx, y + wy)
    if pose == "holding":
        _pickaxe(body, wrist)
    own = one.upper in {"vest", "chest armor with shoulder pads"}
    sleeve = one.second.rgb if own else one.main.rgb
    body.brush.limb([(x, y, 33 * thick), (*elbow, 26 * thick), (*wrist, 20 * thick)], sleeve)
    _cuff(body, elbow, wrist)
    _hand(body, elbow, wrist, side, waving=pose == "waving")
    if one.upper == "chest armor with shoulder pads":
        pad = path("-34,-30 20,-44 50,-6 44,28 -18,22", (x, y), side)
        body.brush.shape(pad, one.accent.rgb)
        body.brush.stroke(path("-18,10 40,16", (x, y), side), 5, darker(one.accent.rgb, 0.45))


def _arm_pose(one: Character, side: int) -> str:
    """The pose is the right arm's; the left one joins in a ready stance, holds the prop, or hangs."""
    if side == LEFT and one.prop:
        return "holding"
    if side == RIGHT or one.pose == "ready stance":
        return one.pose
    return "standing with arms at the sides"


def _cuff(body: Body, elbow: Point, wrist: Point) -> None:
    def at(share: float, radius: float) -> Joint:
        x, y = (a + (b - a) * share for a, b in zip(elbow, wrist, strict=True))
        return x, y, radius * body.thick

    brush, main = body.brush, body.one.main.rgb
    if body.one.upper == "long robe":
        brush.tube(at(0.05, 25), at(0.9, 38), main)
        brush.tube(at(0.86, 38), at(1.0, 40), body.one.accent.rgb)
    elif body.one.upper == "chest armor with shoulder pads":
        brush.tube(at(0.25, 29), at(0.9, 25), main)
    else:
        brush.tube(at(0.86, 24), at(1.04, 23), darker(main, 0.2))


def _hand(body: Body, elbow: Point, wrist: Point, side: int, *, waving: bool) -> None:
    brush, glove = body.brush, body.one.accent.rgb
    length = hypot(wrist[0] - elbow[0], wrist[1] - elbow[1])
    dx, dy = (wrist[0] - elbow[0]) / length, (wrist[1] - elbow[1]) / length
    x, y = wrist[0] + dx * 20, wrist[1] + dy * 20
    if waving:
        for spread in (-0.55, -0.19, 0.17, 0.53):
            brush.limb([(x, y, 9), (x + (dx - dy * spread) * 48, y + (dy + dx * spread) * 48, 8.5)], glove)
    brush.limb([(x, y, 9), (x - side * abs(dy) * 25 + dx * 10, y + dy * 12 + abs(dx) * 8, 9)], glove)
    brush.oval((x, y), (24, 24), glove)
    for step in () if waving else (-9, 0, 9):
        knuckle = (x - dy * step + dx * 4, y + dx * step + dy * 4)
        brush.stroke([knuckle, (knuckle[0] + dx * 16, knuckle[1] + dy * 16)], 2.6, darker(glove, 0.45))


def _pickaxe(body: Body, wrist: Point) -> None:
    x, y = wrist[0] - 4, wrist[1] + 22
    top = (x - 52, y - 216)
    body.brush.limb([(x + 24, y + 104, 10), (*top, 9)], _WOOD)
    blade = "-100,52 -58,-2 -2,-26 62,-20 108,16 60,8 4,8 -50,26"
    body.brush.shape(path(blade, top), _METAL)
    body.brush.limb([(top[0] - 10, top[1] - 10, 15), (top[0] + 14, top[1] - 8, 15)], body.one.main.rgb)
