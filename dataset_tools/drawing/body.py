"""The measures of one body: where its joints are, how wide it is, how far it is turned.

A turned body is turned to the right of the picture; the brush mirrors it for a view to the left. `LEFT` and
`RIGHT` are sides of the picture before that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataset_tools.characters import Character
    from dataset_tools.drawing.brush import Brush, Point

LEFT, RIGHT = -1, 1
SIDES = (LEFT, RIGHT)
MIDDLE = 500.0
_FAR_SIDE = 0.84


@dataclass(frozen=True, kw_only=True)
class Body:
    """A character standing in front of the brush; lengths in thousandths of the picture's side."""

    brush: Brush
    """What it is drawn with."""
    one: Character
    """Whom it belongs to."""
    turn: int
    """0 frontal, 1 turned to the right."""
    ankle: float
    """Height of the ankles: y, downwards, as all heights here."""
    hip: float
    """Height of the hips."""
    shoulder: float
    """Height of the shoulders."""
    head: float
    """Height of the middle of the head."""
    shoulders: float
    """Half the width at the shoulders."""
    waist: float
    """Half the width at the waist."""
    hips: float
    """Half the width at the hips."""
    thick: float
    """Factor of arms and legs."""

    @staticmethod
    def of(one: Character, brush: Brush) -> Body:
        """The body of a character."""
        ankle = 896.0
        hip = ankle - 392 * one.build.legs
        shoulder = hip - 222
        return Body(
            brush=brush,
            one=one,
            turn=0 if one.view == "front view" else 1,
            ankle=ankle,
            hip=hip,
            shoulder=shoulder,
            head=shoulder - 96,
            shoulders=92 * one.build.shoulders,
            waist=58 * one.build.hips,
            hips=66 * one.build.hips,
            thick=one.build.limbs,
        )

    def x(self, side: int, width: float) -> float:
        """A place beside the middle line; the far half of a turned body is narrower."""
        return MIDDLE + side * width * (_FAR_SIDE if self.turn and side == RIGHT else 1)

    def both(self, *half: Point) -> list[Point]:
        """A closed outline from one half of it: (distance from the middle line, y), from top to bottom."""
        left = [(self.x(LEFT, width), y) for width, y in half]
        right = [(self.x(RIGHT, width), y) for width, y in half]
        return [*right, *reversed(left)]

    def front(self, share: float) -> Point:
        """A place on the middle of the front, from neck (0) to hip (1); it moves as the body turns."""
        bend = 20 * self.turn * (1 - (2 * share - 1) ** 2 / 2)
        return MIDDLE + bend, self.shoulder + (self.hip - self.shoulder) * share

    @property
    def face(self) -> float:
        """The x of the middle of the face."""
        return MIDDLE + 18 * self.turn
