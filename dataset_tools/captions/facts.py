"""What one caption file says, as far as training depends on it; remembered, so that the second look reads nothing."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from dataset_tools.captions.clip_tokens import ClipTokenizer, estimate
from dataset_tools.scan.notes import PartedMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and Python's names of what they announce."""

MOST_BYTES = 1 << 20
"""No caption is longer; more is not read."""

_REFUSAL = re.compile(
    r"^\W*(i['\u2019]?m sorry|sorry, (but )?i|i (cannot|can['\u2019]?t|am unable)|i['\u2019]?m (unable|not able)|"
    r"as an ai\b|(sure|certainly|of course)[,!.] here)",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"^\s*(<(!doctype|html|\?xml|div|p)\b|\{\s*\"|\[\s*[{\"]|```)", re.IGNORECASE)
_TWISTED = re.compile("[ÃÂ][\u0080-\u00bf]|â€|ðŸ")  # UTF-8 that was read as Latin-1 and saved again


@dataclass(frozen=True, kw_only=True)
class CaptionFacts:
    """One caption file."""

    garbled: str = ""
    """What it is where it is no UTF-8, in words; empty where it is."""
    mark: str = ""
    """The encoding that its byte order mark announces, in Python's name; empty without one."""
    blank: bool = False
    """Whether the line that is read is blank; a file without any line is none of these."""
    more_lines: int = 0
    """Lines after the first that are not blank."""
    odd: str = ""
    """Characters that no one types, in words."""
    doubtful: str = ""
    """What it seems to be instead of a description, in words."""
    tokens: int = 0
    """Tokens of the first line, counted or estimated."""
    longest: int = 0
    """Tokens of the longest line."""


def read_captions(
    paths: Sequence[Path], tokenizer: Path | None, memory: Path | None, tell: Callable[[int, int], None] | None = None
) -> Iterator[tuple[int, CaptionFacts]]:
    """Facts of every path that can be read, in any order.

    Args:
        paths: caption files.
        tokenizer: `merges.txt` of CLIP's tokenizer; None estimates.
        memory: a folder for what is remembered.
        tell: called with (captions done, captions in all).
    """
    counter = TokenCounter(tokenizer)
    store = PartedMemory(memory, form=f"1 {tokenizer or 'estimated'}", is_value=_is_known)
    done = 0
    for known, numbers in store.parts(paths):
        for number in numbers:
            try:
                stat = paths[number].stat()
                value = known.get(paths[number], stat) if known is not None else None
                if value is None:
                    facts = caption_facts(_content(paths[number]), counter.count)
                    if known is not None:
                        known.put(paths[number], stat, list(astuple(facts)))
                else:
                    facts = CaptionFacts(**dict(zip(_NAMES, value, strict=True)))
            except OSError:
                continue
            finally:
                done += 1
            yield number, facts
            if tell is not None:
                tell(done, len(paths))
        if known is not None:
            known.save()


class TokenCounter:
    """Counts tokens; the tokenizer is read when the first text comes."""

    def __init__(self, merges: Path | None) -> None:
        self._merges = merges
        self._tokenizer: ClipTokenizer | None = None

    def count(self, text: str) -> int:
        """Tokens of a text; estimated without a tokenizer."""
        if self._merges is None:
            return estimate(text)
        if self._tokenizer is None:
            try:
                self._tokenizer = ClipTokenizer(self._merges)
            except (OSError, ValueError):
                self._merges = None
                return estimate(text)
        return self._tokenizer.count(text)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


def caption_facts(content: bytes, count: Callable[[str], int] = estimate) -> CaptionFacts:
    """Facts of the bytes of a caption file."""
    mark = next((name for sign, name in MARKS if content.startswith(sign)), "")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return CaptionFacts(garbled=_encoding(content, mark), mark=mark)
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # as Python's text files do
    lines = [line.strip().lstrip("\ufeff").strip() for line in text.split("\n")]
    return CaptionFacts(
        mark=mark,
        blank=bool(content) and not lines[0],
        more_lines=sum(bool(line) for line in lines[1:]),
        odd=_odd(text.lstrip("\ufeff")),
        doubtful=_doubtful(lines[0]),
        tokens=count(lines[0]),
        longest=max(map(count, lines)),
    )


def _encoding(content: bytes, mark: str) -> str:
    if mark:
        return mark.upper()
    if content[1::2].count(0) > len(content) // 4 or content[::2].count(0) > len(content) // 4:
        return "probably UTF-16"
    return "perhaps Latin-1 or Windows-1252"


def _odd(text: str) -> str:
    found = {char: None for char in text if char not in "\n\t" and not _is_typed(char)}
    if "\ufffd" in found:
        return "U+FFFD, where characters were lost"
    if _TWISTED.search(text):
        return "UTF-8 that was once read as Latin-1 (Ã, â€)"
    names = ", ".join(f"U+{ord(char):04X}" for char in list(found)[:3])
    return f"invisible characters ({names})" if found else ""


def _is_typed(char: str) -> bool:
    if char.isascii():
        return " " <= char <= "~"
    # Cf has the joiners that emoji and several scripts are made of.
    return unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn") and char not in "\u200b\u2060\ufeff\ufffd"


def _doubtful(line: str) -> str:
    if _REFUSAL.match(line):
        return "the answer of a captioning model, and no caption"
    return "markup or JSON, and no caption" if _MARKUP.match(line) else ""


_NAMES = tuple(field.name for field in fields(CaptionFacts))
_TYPES = [type(value) for value in astuple(CaptionFacts())]


def _is_known(value: Any) -> bool:
    return isinstance(value, list) and [type(one) for one in value] == _TYPES
