"""JSON that somebody else has written to: one part of it of another shape, or gone."""

import copy
import random
from collections.abc import Iterator
from typing import Any

WEIRD: tuple[Any, ...] = (None, True, -1, 1.5, "", "x", "../..", "\0", [], {}, [[]], [{}], {"a": 1}, "//a/b", 10**400)


def places_in(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in a JSON value but itself."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*way, key)
        yield from places_in(one, (*way, key))


def damaged(raw: Any, chance: random.Random) -> Any:
    """The value with one part of another shape, or gone."""
    raw = copy.deepcopy(raw)
    *way, last = chance.choice(list(places_in(raw)))
    here = raw
    for key in way:
        here = here[key]
    if chance.random() < 0.25:
        del here[last]
    else:
        here[last] = chance.choice(WEIRD)
    return raw
