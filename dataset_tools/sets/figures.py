"""Invented figures for the sample set: what each looks like, its caption, and its picture.

Everything follows from a seed and an index, by arithmetic that is the same on every machine and Python: only
`random.Random.random()` is used, whose sequence Python promises to keep. Pillow is imported when something is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageDraw import ImageDraw

T = TypeVar("T")

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (52, 50, 62),
    "blonde": (236, 196, 104),
    "blue": (52, 104, 196),
    "brown": (110, 74, 48),
    "crimson": (192, 44, 62),
    "cyan": (84, 212, 230),
    "forest green": (62, 122, 76),
    "gold": (240, 190, 72),
    "gray": (128, 132, 146),
    "ice blue": (142, 198, 232),
    "lime green": (170, 222, 66),
    "magenta": (226, 62, 168),
    "mint green": (190, 234, 208),
    "navy": (48, 56, 102),
    "orange": (238, 126, 46),
    "pale yellow": (254, 232, 176),
    "pink": (240, 122, 174),
    "purple": (122, 72, 184),
    "teal": (34, 150, 152),
    "white": (232, 234, 240),
}
SKINS = {"light": (245, 205, 175), "tan": (222, 170, 125), "brown": (168, 112, 74), "blue alien": (112, 168, 216)}
BUILDS = {"slim": 0.8, "athletic": 1.0, "muscular": 1.25, "stocky": 1.5}
"""Width of the body, as a factor."""
POSES = {
    "arms at the sides": ((-0.04, 0.62), (0.04, 0.62)),
    "waving": ((-0.04, 0.62), (0.12, 0.24)),
    "one hand on the hip": ((-0.02, 0.56), (0.02, 0.62)),
    "arms spread": ((-0.2, 0.36), (0.2, 0.36)),
    "both arms raised": ((-0.12, 0.2), (0.12, 0.2)),
}
"""Where the hands are: beside the shoulders, and from the top; in parts of the picture's side."""
HEADS = ("short hair", "long hair", "spiky hair", "round afro hair", "hood", "helmet", "beanie")
HAIRS = ("black", "brown", "blonde", "crimson", "white", "pink")
TOPS = ("jacket", "hoodie", "chest armor", "long robe", "vest")
LEGWEAR = ("trousers", "shorts", "skirt")
BACKS = ("", "cape", "backpack", "glider wings")
PROPS = ("", "pickaxe", "shield", "")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a picture and its caption need to know; colours and shapes by their names above."""

    build: str
    pose: str
    skin: str
    head: str
    hair: str
    top: str
    legwear: str
    main: str
    second: str
    accent: str
    back: str
    prop: str
    background: tuple[str, str]
    """Above and below."""
    shift: float
    """How far it stands to the right of the middle, in parts of the picture's side."""


def figure(seed: int, index: int) -> Figure:
    """The `index`-th figure, from 0, of the set with this seed, however many there are.

    Each trait is dealt like cards: within as many figures as it has options, every option comes once.
    """

    def deal(trait: str, options: tuple[T, ...]) -> T:
        deck, place = divmod(index, len(options))
        numbers = Random(f"{seed}, {trait}, {deck}")
        return [option for _, _, option in sorted((numbers.random(), i, o) for i, o in enumerate(options))][place]

    palette = tuple(COLOURS)
    return Figure(
        build=deal("build", tuple(BUILDS)),
        pose=deal("pose", tuple(POSES)),
        skin=deal("skin", tuple(SKINS)),
        head=deal("head", HEADS),
        hair=deal("hair", HAIRS),
        top=deal("top", TOPS),
        legwear=deal("legwear", LEGWEAR),
        main=deal("main", palette),
        second=deal("second", palette),
        accent=deal("accent", palette),
        back=deal("back", BACKS),
        prop=deal("prop", PROPS),
        background=(deal("above", palette), deal("below", palette)),
        shift=deal("shift", (-0.12, -0.06, 0.0, 0.06, 0.12)),
    )


def caption(one: Figure) -> str:
    """One line of tags, from the style to the background; what cannot be seen is not in it."""
    covered = one.head in ("hood", "helmet", "beanie")
    head = f"{one.accent} {one.head}" if covered else one.head.replace("hair", f"{one.hair} hair")
    head = f"full-face {head}" if one.head == "helmet" else head
    above, below = one.background
    robed = one.top == "long robe"
    tags = [
        *("fortnite style", "stylized game character", "full body", "front view", one.pose, f"{one.build} build"),
        *([] if one.head == "helmet" else [f"{one.skin} skin"]),
        *(head, f"{one.main} {one.top}", *([] if robed else [f"{one.second} {one.legwear}"]), f"{one.accent} belt"),
        *([f"{one.accent} {one.back}"] if one.back else []),
        *([f"holding a {one.prop}"] if one.prop else []),
        f"plain {above} background" if above == below else f"gradient background from {above} to {below}",
    ]
    return ", ".join(tags)


def draw(one: Figure, size: int) -> Image.Image:
    """The picture, `size` x `size` in RGB: drawn twice as large and shrunk, so that edges are smooth."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only when something is drawn

    side = 2 * size
    above, below = (Image.new("RGB", (side, side), COLOURS[name]) for name in one.background)
    picture = Image.composite(below, above, Image.linear_gradient("L").resize((side, side)))
    _draw_figure(one, _Pen(ImageDraw.Draw(picture), side, 0.5 + one.shift))
    return picture.resize((size, size), Image.Resampling.BOX)


class _Pen:
    """Draws in parts of the side: x from the figure's middle, y from the top. Mutable: it holds the picture."""

    def __init__(self, on: ImageDraw, side: int, middle: float) -> None:
        self._on, self._side, self._middle = on, side, middle

    def _at(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        return [((self._middle + x) * self._side, y * self._side) for x, y in points]

    def oval(self, x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        """An ellipse around (x, y), half as wide and as high as said."""
        self._on.ellipse(self._at((x - width, y - height), (x + width, y + height)), fill=colour, outline=_dark(colour))

    def shape(self, colour: tuple[int, int, int], *points: tuple[float, float]) -> None:
        """A filled outline."""
        self._on.polygon(self._at(*points), fill=colour, outline=_dark(colour))

    def limb(self, colour: tuple[int, int, int], width: float, *points: tuple[float, float]) -> None:
        """A thick line with a round end."""
        self._on.line(self._at(*points), fill=colour, width=max(1, round(width * self._side)), joint="curve")
        self.oval(*points[-1], width / 2, width / 2, colour)


def _dark(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    return (colour[0] * 2 // 3, colour[1] * 2 // 3, colour[2] * 2 // 3)


def _draw_figure(one: Figure, pen: _Pen) -> None:
    """Back to front."""
    chest, hip = 0.085 * BUILDS[one.build], 0.06 * BUILDS[one.build]
    pen.oval(0, 0.93, 0.2, 0.025, _dark(COLOURS[one.background[1]]))
    _draw_back(one, pen, chest)
    _draw_trunk(one, pen, chest, hip)
    _draw_arms(one, pen, chest)
    _draw_head(one, pen, SKINS[one.skin], COLOURS[one.accent])


def _draw_back(one: Figure, pen: _Pen, chest: float) -> None:
    """What is worn on it."""
    outlines = {
        "cape": ((-chest, 0.3), (chest, 0.3), (chest + 0.1, 0.84), (-chest - 0.1, 0.84)),
        "backpack": ((-chest - 0.05, 0.3), (chest + 0.05, 0.3), (chest + 0.05, 0.55), (-chest - 0.05, 0.55)),
        "glider wings": ((0, 0.34), (-0.36, 0.2), (-0.3, 0.46), (0, 0.5), (0.3, 0.46), (0.36, 0.2)),
    }
    if one.back:
        pen.shape(COLOURS[one.accent], *outlines[one.back])


def _draw_trunk(one: Figure, pen: _Pen, chest: float, hip: float) -> None:
    """Legs, shoes, what covers them, and the upper body."""
    main, second, accent = (COLOURS[name] for name in (one.main, one.second, one.accent))
    for side in (-1, 1):
        leg = SKINS[one.skin] if one.legwear == "shorts" else second
        pen.limb(leg, 0.05 * BUILDS[one.build], (side * hip * 0.6, 0.55), (side * hip, 0.9))
        pen.oval(side * (hip + 0.015), 0.91, 0.045, 0.02, main)
    if one.top == "long robe":
        pen.shape(main, (-chest, 0.3), (chest, 0.3), (chest + 0.07, 0.88), (-chest - 0.07, 0.88))
    else:
        flare = {"trousers": 0.02, "shorts": 0.05, "skirt": 0.09}[one.legwear]
        pen.shape(second, (-hip, 0.54), (hip, 0.54), (hip + flare, 0.7), (-hip - flare, 0.7))
        pen.shape(main, (-chest, 0.3), (chest, 0.3), (hip + 0.02, 0.58), (-hip - 0.02, 0.58))
    if one.top == "chest armor":
        pen.shape(accent, (-chest, 0.32), (chest, 0.32), (0, 0.46))
    elif one.top in ("jacket", "vest"):
        pen.shape(second, (-0.02, 0.3), (0.02, 0.3), (0.03, 0.55), (-0.03, 0.55))
    pen.shape(accent, (-hip - 0.02, 0.55), (hip + 0.02, 0.55), (hip + 0.02, 0.575), (-hip - 0.02, 0.575))


def _draw_arms(one: Figure, pen: _Pen, chest: float) -> None:
    """Arms, gloves, and what the right hand holds."""
    sleeve = SKINS[one.skin] if one.top == "vest" else COLOURS[one.main]
    x, y = 0.0, 0.0
    for side, (aside, y) in zip((-1, 1), POSES[one.pose], strict=True):
        x = side * chest + aside
        elbow = ((side * chest + x) / 2 + side * 0.05, (0.33 + y) / 2)
        pen.limb(sleeve, 0.04 * BUILDS[one.build], (side * chest, 0.33), elbow, (x, y))
        pen.oval(x, y, 0.025, 0.025, COLOURS[one.accent])
    if one.prop == "pickaxe":
        pen.limb(COLOURS["brown"], 0.015, (x, y + 0.12), (x, y - 0.2))
        pen.limb(COLOURS["gray"], 0.025, (x - 0.09, y - 0.17), (x, y - 0.2), (x + 0.09, y - 0.17))
    elif one.prop:
        pen.oval(x, y, 0.08, 0.1, COLOURS["gray"])


def _draw_head(one: Figure, pen: _Pen, skin: tuple[int, int, int], accent: tuple[int, int, int]) -> None:
    hair = COLOURS[one.hair]
    if one.head == "long hair":
        pen.shape(hair, (-0.09, 0.16), (0.09, 0.16), (0.11, 0.4), (-0.11, 0.4))
    elif one.head == "round afro hair":
        pen.oval(0, 0.17, 0.14, 0.13, hair)
    elif one.head == "hood":
        pen.oval(0, 0.19, 0.11, 0.14, accent)
    pen.oval(0, 0.2, 0.08, 0.1, accent if one.head == "helmet" else skin)
    if one.head == "helmet":
        pen.shape(COLOURS["black"], (-0.06, 0.18), (0.06, 0.18), (0.05, 0.23), (-0.05, 0.23))
        return
    for side in (-1, 1):
        pen.oval(side * 0.03, 0.2, 0.014, 0.018, COLOURS["white"])
        pen.oval(side * 0.03, 0.2, 0.006, 0.01, COLOURS["black"])
    pen.limb(COLOURS["crimson"], 0.01, (-0.02, 0.255), (0.02, 0.255))
    if one.head in ("short hair", "long hair"):
        pen.shape(hair, (-0.085, 0.19), (-0.06, 0.09), (0.06, 0.09), (0.085, 0.19), (0, 0.14))
    elif one.head == "spiky hair":
        spikes = [(x / 100, 0.06 if x % 4 else 0.14) for x in range(-10, 11, 2)]
        pen.shape(hair, (-0.085, 0.18), *spikes, (0.085, 0.18), (0, 0.14))
    elif one.head == "beanie":
        pen.shape(accent, (-0.085, 0.17), (-0.06, 0.08), (0.06, 0.08), (0.085, 0.17))
