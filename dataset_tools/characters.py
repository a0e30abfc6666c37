"""The invented characters of the sample set: what each one looks like, and the caption that says so.

Everything follows from a seed and an index, by arithmetic that is the same on every machine and Python: only
`random.Random.random()` is used, whose sequence Python promises to keep. Nothing is drawn here.

A caption is one line of comma-separated tags, in this order:

1. style: `fortnite style, stylized game character`
2. framing and pose: `full body, three-quarter view, waving`
3. anatomy: build, skin
4. face and head: eyes or mask, hair or headgear, glasses, expression
5. outfit, from top to bottom: upper body, lower body, footwear, each with its colours
6. accessories: back, hands
7. background

What cannot be seen is not captioned: no hair under a helmet, no trousers under a robe.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TypeVar

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Tint:
    """A colour and the words for it."""

    name: str
    """As the caption calls it."""
    rgb: Colour
    """As it is drawn before shading."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """Body proportions, as factors of the athletic body."""

    name: str
    """As the caption calls it."""
    shoulders: float
    """Width of the shoulders."""
    hips: float
    """Width of the waist and hips."""
    limbs: float
    """Thickness of arms and legs."""
    legs: float
    """Length of the legs; the torso keeps its own."""


@dataclass(frozen=True, kw_only=True)
class Character:
    """All that a drawing and its caption need to know."""

    build: Build
    """Body proportions."""
    view: str
    """`front view`, or `three-quarter view` to the `left` or `right`."""
    pose: str
    """What the arms do."""
    skin: Tint
    """Skin colour."""
    eyes: Tint
    """Colour of the irises."""
    head: str
    """Hair style or headgear."""
    hair: Tint
    """Hair colour; unseen under a hood, helmet or beanie."""
    eyewear: str
    """Glasses and the like; empty for none, and under a helmet."""
    smiling: bool
    """Mouth; unseen under a helmet."""
    upper: str
    """What the upper body wears."""
    lower: str
    """What the legs wear; unseen under a robe."""
    footwear: str
    """`boots`, `knee-high boots` or `sneakers`."""
    main: Tint
    """First colour of the outfit."""
    second: Tint
    """Second colour of the outfit."""
    accent: Tint
    """Colour of trims, straps and lenses."""
    back: str
    """`backpack`, `glider wings`, `cape` or empty."""
    prop: str
    """What the right hand of the picture holds: `pickaxe`, or empty."""
    background: tuple[Tint, Tint]
    """Top and bottom; the same twice for a plain one."""

    @property
    def masked(self) -> bool:
        """Whether a helmet hides face and hair."""
        return self.head == "helmet"


_BUILDS = (
    Build(name="athletic build", shoulders=1.0, hips=1.0, limbs=1.0, legs=1.0),
    Build(name="slim build", shoulders=0.86, hips=0.9, limbs=0.86, legs=1.02),
    Build(name="muscular broad-shouldered build", shoulders=1.22, hips=1.06, limbs=1.16, legs=0.98),
    Build(name="stocky build with short legs", shoulders=1.1, hips=1.2, limbs=1.16, legs=0.84),
)
_VIEWS = ("front view", "three-quarter view to the left", "three-quarter view to the right")
_POSES = ("standing with arms at the sides", "one hand on the hip", "waving", "ready stance")
_SKINS = (
    Tint(name="light skin", rgb=(245, 205, 175)),
    Tint(name="tan skin", rgb=(222, 170, 125)),
    Tint(name="brown skin", rgb=(168, 112, 74)),
    Tint(name="dark brown skin", rgb=(112, 70, 48)),
    Tint(name="blue alien skin", rgb=(112, 168, 216)),
)
_EYES = (
    Tint(name="brown eyes", rgb=(110, 66, 36)),
    Tint(name="green eyes", rgb=(58, 140, 84)),
    Tint(name="blue eyes", rgb=(52, 118, 196)),
)
_HEADS = (
    "short hair",
    "long hair",
    "spiky hair",
    "curly afro hair",
    "ponytail",
    "hood",
    "helmet",
    "beanie",
)
_HAIRS = (
    Tint(name="black", rgb=(44, 40, 50)),
    Tint(name="dark brown", rgb=(92, 58, 40)),
    Tint(name="blonde", rgb=(236, 196, 104)),
    Tint(name="red", rgb=(196, 78, 44)),
    Tint(name="white", rgb=(232, 232, 238)),
    Tint(name="pink", rgb=(240, 122, 174)),
)
_EYEWEAR = ("", "round glasses", "", "ski goggles", "", "dark sunglasses")
_UPPERS = ("open jacket over a t-shirt", "hoodie", "chest armor with shoulder pads", "long robe", "vest")
_LOWERS = ("trousers", "cargo trousers", "pleated skirt over leggings", "shorts")
_FOOTWEAR = ("boots", "knee-high boots", "sneakers")
_BACKS = ("backpack", "", "cape", "glider wings", "backpack", "")
_PROPS = ("", "pickaxe", "")

_OUTFITS = tuple(
    (Tint(name=a, rgb=x), Tint(name=b, rgb=y), Tint(name=c, rgb=z))
    for (a, x), (b, y), (c, z) in (
        (("teal", (34, 150, 152)), ("dark gray", (68, 72, 84)), ("orange", (250, 150, 50))),
        (("crimson", (192, 44, 62)), ("black", (52, 50, 60)), ("gold", (240, 190, 72))),
        (("purple", (122, 72, 184)), ("navy", (48, 56, 102)), ("lime green", (170, 222, 66))),
        (("white", (232, 234, 240)), ("blue", (52, 104, 196)), ("red", (226, 62, 60))),
        (("forest green", (62, 122, 76)), ("brown", (122, 86, 58)), ("tan", (222, 190, 140))),
        (("hot pink", (236, 84, 152)), ("white", (230, 230, 238)), ("cyan", (72, 208, 228))),
        (("mustard yellow", (226, 174, 52)), ("denim blue", (74, 100, 148)), ("white", (238, 238, 242))),
        (("ice blue", (142, 198, 232)), ("navy", (44, 58, 108)), ("silver", (200, 208, 220))),
        (("orange", (238, 126, 46)), ("dark gray", (70, 74, 86)), ("cyan", (84, 212, 230))),
        (("black", (54, 54, 66)), ("gray", (128, 132, 146)), ("magenta", (226, 62, 168))),
    )
)
_SKY = Tint(name="light blue", rgb=(176, 214, 240))
_BACKGROUNDS = (
    (_SKY, _SKY),
    (Tint(name="blue", rgb=(86, 142, 226)), Tint(name="pale cyan", rgb=(196, 236, 240))),
    (Tint(name="purple", rgb=(128, 96, 200)), Tint(name="pink", rgb=(248, 182, 208))),
    (Tint(name="light gray", rgb=(214, 218, 226)), Tint(name="light gray", rgb=(214, 218, 226))),
    (Tint(name="orange", rgb=(250, 164, 92)), Tint(name="pale yellow", rgb=(254, 232, 176))),
    (Tint(name="teal", rgb=(56, 140, 150)), Tint(name="mint green", rgb=(190, 234, 208))),
    (Tint(name="cream", rgb=(244, 232, 210)), Tint(name="cream", rgb=(244, 232, 210))),
)


def character(seed: int, index: int) -> Character:
    """The `index`-th character, from 0, of the set with this seed, however many there are.

    Each trait is dealt like cards: within as many characters as it has options, every option comes once.
    """

    def deal(trait: str, options: tuple[_T, ...]) -> _T:
        deck, place = divmod(index, len(options))
        return _shuffled(f"{seed}, {trait}, {deck}", options)[place]

    head = deal("head", _HEADS)
    main, second, accent = deal("outfit", _OUTFITS)
    pose = deal("pose", _POSES)
    return Character(
        build=deal("build", _BUILDS),
        view=deal("view", _VIEWS),
        pose=pose,
        skin=deal("skin", _SKINS),
        eyes=deal("eyes", _EYES),
        head=head,
        hair=deal("hair", _HAIRS),
        eyewear="" if head == "helmet" else deal("eyewear", _EYEWEAR),
        smiling=deal("smile", (True, False)),
        upper=deal("upper", _UPPERS),
        lower=deal("lower", _LOWERS),
        footwear=deal("footwear", _FOOTWEAR),
        main=main,
        second=second,
        accent=accent,
        back=deal("back", _BACKS),
        prop=deal("prop", _PROPS),
        background=deal("background", _BACKGROUNDS),
    )


def caption(one: Character) -> str:
    """The caption of a character: one line, in the order that the module describes."""
    tags = [
        "fortnite style",
        "stylized game character",
        "full body",
        one.view,
        one.pose,
        one.build.name,
        one.skin.name,
        *_head_tags(one),
        *_outfit_tags(one),
        *_accessory_tags(one),
        _background_tag(one),
    ]
    return ", ".join(tags)


def _shuffled(seed: str, options: tuple[_T, ...]) -> list[_T]:
    # Not Random.shuffle: Python keeps only the sequence of random() the same between versions.
    numbers = Random(seed)
    return [option for _, _, option in sorted((numbers.random(), i, o) for i, o in enumerate(options))]


def _head_tags(one: Character) -> list[str]:
    if one.masked:
        return [f"full-face {one.main.name} helmet with {_a(one.accent.name)} visor"]
    if one.head in {"hood", "beanie"}:
        tint = one.main if one.head == "hood" else one.accent
        headwear = f"{tint.name} {one.head}"
    else:
        style, _, noun = one.head.rpartition(" ")  # "curly afro hair" becomes "curly afro red hair"
        headwear = " ".join(filter(None, (style, one.hair.name, noun)))
    eyes = [] if one.eyewear in {"ski goggles", "dark sunglasses"} else [one.eyes.name]
    goggles = f"{one.eyewear} with {one.accent.name} lenses" if one.eyewear == "ski goggles" else one.eyewear
    expression = "smiling" if one.smiling else "serious expression"
    return [*eyes, headwear, *([goggles] if goggles else []), expression]


def _outfit_tags(one: Character) -> list[str]:
    main, second, accent = one.main.name, one.second.name, one.accent.name
    upper = {
        "open jacket over a t-shirt": f"open {main} jacket over {_a(accent)} t-shirt",
        "hoodie": f"{main} hoodie with {_a(accent)} stripe",
        "chest armor with shoulder pads": f"{main} chest armor with {accent} shoulder pads",
        "long robe": f"long {main} robe with {accent} trim",
        "vest": f"{main} vest over {_a(second)} long-sleeved shirt",
    }[one.upper]
    lower = {
        "trousers": f"{second} trousers",
        "cargo trousers": f"{second} cargo trousers with side pockets",
        "pleated skirt over leggings": f"{main} pleated skirt over {second} leggings",
        "shorts": f"{second} shorts",
    }[one.lower]
    if one.upper == "long robe":  # it hides the legs, and how high the boots are
        footwear = one.footwear.removeprefix("knee-high ")
        return [upper, f"{accent} belt", f"{shoe_tint(one).name} {footwear}"]
    return [upper, f"{accent} belt", lower, f"{shoe_tint(one).name} {one.footwear}"]


def _accessory_tags(one: Character) -> list[str]:
    back = {
        "backpack": f"{one.second.name} backpack",
        "cape": f"{one.accent.name} cape",
        "glider wings": f"{one.accent.name} glider wings on the back",
    }
    tags = [back[one.back]] if one.back else []
    tags.append(f"{one.accent.name} gloves")
    return [*tags, f"holding a {one.prop}"] if one.prop else tags


def _background_tag(one: Character) -> str:
    top, bottom = one.background
    if top == bottom:
        return f"plain {top.name} background"
    return f"gradient background from {top.name} to {bottom.name}"


def shoe_tint(one: Character) -> Tint:
    """The colour of the shoes."""
    return one.accent if one.footwear == "sneakers" else one.main


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
