"""How many tokens CLIP's text encoders see in a text: counted with the tokenizer's own merges, or estimated.

Of the tokenizer only `merges.txt` is needed: its vocabulary follows from the merges. It is looked for where the
trainer's libraries keep it and is never fetched.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import regex
    from tokenizers import Tokenizer

MODEL = "openai/clip-vit-large-patch14"
"""The tokenizer of SDXL's first text encoder (library/strategy_sdxl.py:15); the second one's counts the same."""

MERGES = 48_894
"""Merges of the real tokenizer; a miniature one has few or none."""

_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
_LONG = 9  # letters from which a word is likely to be two tokens


class ClipTokenizer:
    """Counts tokens as transformers' CLIPTokenizer does, but for its repair of garbled text (ftfy)."""

    def __init__(self, merges: Path) -> None:
        """Read `merges.txt`; OSError and ValueError where it is not the real one."""
        lines = merges.read_text(encoding="utf-8").split("\n")
        pairs = [(one[0], one[1]) for line in lines[1 : MERGES + 1] if len(one := line.split()) == 2]
        if len(set(pairs)) < MERGES:
            raise ValueError("not the whole tokenizer")
        self._tokenizer = _tokenizer(pairs)

    def count(self, text: str) -> int:
        """Tokens of a text, without the two that mark its ends."""
        return len(self._tokenizer.encode(_plain(text), add_special_tokens=False))


def _tokenizer(merges: list[tuple[str, str]]) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers  # noqa: PLC0415 - only where tokens are counted

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = dict.fromkeys([*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)])
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def estimate(text: str) -> int:
    """About how many tokens a text has: one for a word, a digit, a run of signs, and more for long or foreign words."""
    return sum(_guess(piece) for piece in pieces(text))


def _guess(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode("utf-8", "replace")) // 2
    return 1 + (len(piece) > _LONG) + (len(piece) > 2 * _LONG)


def pieces(text: str) -> list[str]:
    """What the tokenizer takes apart first: words, single digits, runs of signs, endings such as 's."""
    return _piece().findall(_plain(text))


@cache
def _piece() -> regex.Pattern[str]:
    import regex  # noqa: PLC0415 - the verb's --help needs none

    return regex.compile(_PIECES)


def _plain(text: str) -> str:
    """In lower case, with single blanks; half a surrogate pair, which is no text, becomes a question mark."""
    return " ".join(text.lower().split()).encode("utf-8", "replace").decode()


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
