"""HTML from values: whatever is not made here is text, and is escaped. Names and prompts are data of strangers."""

import re
from collections.abc import Iterable
from html import escape
from typing import Any

_VOID = frozenset(("br", "img", "input", "meta", "col"))
_NOT_PRINTED = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), 0xFFFD)
"""Control characters, which no HTML may hold."""


class Html(str):
    """Markup that is safe to put into a page."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """An element. `class_` and `data_x` mean `class` and `data-x`; None and False leave an attribute out."""
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        spelled = key.rstrip("_").replace("_", "-")
        words.append(spelled if value is True else f'{spelled}="{text(value)}"')
    head = f"<{' '.join(words)}>"
    return Html(head if name in _VOID else f"{head}{join(children)}</{name}>")


def join(parts: Iterable[Any], between: str = "") -> Html:
    """Markup and texts one after the other; None is nothing, a list its parts."""
    return Html(between.join(_one(part) for part in parts if part is not None))


def text(value: Any) -> Html:
    """Any value as text, or as the value of an attribute."""
    if isinstance(value, Html):
        return value
    plain = str(value).translate(_NOT_PRINTED).encode("utf-8", "replace").decode()
    return Html(escape(plain, quote=True))


def breakable(value: Any) -> Html:
    """A name that may be broken behind the signs in it, and nowhere else."""
    return Html(re.sub(r"([_/.-])(?=\w)", r"\1<wbr>", text(value)))


def _one(part: Any) -> str:
    return join(part) if isinstance(part, (list, tuple)) else text(part)
