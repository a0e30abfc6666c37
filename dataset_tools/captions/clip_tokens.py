"""How many tokens CLIP's text encoders see in a text: counted with the tokenizer's own merges, or estimated.

Of the tokenizer only `merges.txt` is needed: each piece that is left after all merges is one token. It is looked for
where the trainer's libraries keep it and is never fetched.
"""

from __future__ import annotations

import os
import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MODEL = "openai/clip-vit-large-patch14"
"""The tokenizer of SDXL's first text encoder (library/strategy_sdxl.py:15); the second one's counts the same."""

MERGES = 48_894
"""Merges of the real tokenizer; a miniature one has few or none."""

_ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_PLAIN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")
_LONG = 9  # letters from which a word is likely to be two tokens


class ClipTokenizer:
    """Counts tokens as transformers' CLIPTokenizer does, but for its repair of garbled text (ftfy)."""

    def __init__(self, merges: Path) -> None:
        """Read `merges.txt`; OSError and ValueError where it is none."""
        lines = merges.read_text(encoding="utf-8").split("\n")
        pairs = [tuple(line.split()) for line in lines[1 : MERGES + 1]]
        self._ranks = {pair: rank for rank, pair in enumerate(pairs) if len(pair) == 2}
        if len(self._ranks) < MERGES:
            raise ValueError("not the whole tokenizer")
        self._letters = _byte_letters()
        self._known: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Tokens of a text, without the two that mark its ends."""
        return sum(self._piece(piece) for piece in pieces(text))

    def _piece(self, piece: str) -> int:
        if piece not in self._known:
            self._known[piece] = self._merged(piece)
        return self._known[piece]

    def _merged(self, piece: str) -> int:
        word = [self._letters[byte] for byte in piece.encode("utf-8", "replace")]
        word[-1] += "</w>"
        while len(word) > 1:
            best = min(pairwise(word), key=lambda pair: self._ranks.get(pair, MERGES))
            if best not in self._ranks:
                break
            merged, at = [], 0
            while at < len(word):
                both = at + 1 < len(word) and (word[at], word[at + 1]) == best
                merged.append(word[at] + word[at + 1] if both else word[at])
                at += 2 if both else 1
            word = merged
        return len(word)


def estimate(text: str) -> int:
    """About how many tokens a text has: one for a word, a digit, a run of signs, and more for long or foreign words."""
    return sum(_guess(piece) for piece in pieces(text))


def _guess(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode("utf-8", "replace")) // 2
    return 1 + (len(piece) > _LONG) + (len(piece) > 2 * _LONG)


def pieces(text: str) -> list[str]:
    """What the tokenizer takes apart first: words, single digits, runs of signs, endings such as 's."""
    lowered = " ".join(text.lower().split())
    return _PLAIN.findall(lowered) if lowered.isascii() else _foreign_pieces(lowered)


def _foreign_pieces(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(text):
        ending = next((one for one in _ENDINGS if text.startswith(one, at)), "")
        if ending:
            found.append(ending)
            at += len(ending)
            continue
        kind = _kind(text[at])
        end = at + 1
        while kind in "Ls" and end < len(text) and _kind(text[end]) == kind:
            end += 1
        if kind != " ":
            found.append(text[at:end])
        at = end
    return found


@lru_cache(maxsize=4096)
def _kind(char: str) -> str:
    """L for a letter, N for a number, space for space, s for any other sign."""
    if char.isspace():
        return " "
    category = unicodedata.category(char)[0]
    return category if category in "LN" else "s"


def _byte_letters() -> list[str]:
    """The letter that stands for each byte: itself where it can be seen, else one from 256 on."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in seen]
    return [chr(byte) if byte in seen else chr(256 + hidden.index(byte)) for byte in range(256)]


def find_merges(environ: Mapping[str, str], more: Iterable[Path] = ()) -> Path | None:
    """The real tokenizer's `merges.txt` on this machine: below `more`, then where Hugging Face's libraries keep it.

    Args:
        environ: variables of the environment.
        more: folders such as `tokenizer_cache_dir`, in which sd-scripts keeps tokenizers by name
            (library/strategy_base.py:32-47).
    """
    for folder in more:
        if _is_real(path := folder / MODEL.replace("/", "_") / "merges.txt"):
            return path
    for hub in _hubs(environ):
        for path in sorted(hub.glob(f"models--{MODEL.replace('/', '--')}/snapshots/*/merges.txt")):
            if _is_real(path):
                return path
    return None


def _hubs(environ: Mapping[str, str]) -> list[Path]:
    home = environ.get("HF_HOME")
    cache = environ.get("XDG_CACHE_HOME")
    named = [environ.get("HF_HUB_CACHE"), environ.get("HUGGINGFACE_HUB_CACHE"), environ.get("TRANSFORMERS_CACHE")]
    default = Path(cache) / "huggingface" if cache else Path("~/.cache/huggingface").expanduser()
    return [*(Path(one) for one in named if one), (Path(home) if home else default) / "hub"]


def _is_real(path: Path) -> bool:
    """Whether it is large enough: a miniature for rehearsals has next to nothing in it."""
    try:
        return os.stat(path).st_size > 300_000  # noqa: PTH116
    except OSError:
        return False
