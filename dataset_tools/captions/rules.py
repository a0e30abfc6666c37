r"""Rules by which people mend the captions of a whole set, in a small TOML file.

    separator = ","                       # between tags; this one if not said
    replace = [
      { tag = "grey", to = "gray" },      # the tag as a whole
      { text = "colour", to = "color" },  # these letters wherever they stand in a tag
      { regex = '^(\w+) coloured', to = '\1' },
    ]
    remove = ["watermark", { text = "http" }, { regex = "^artist:" }]
    prefix = ["fortnite style"]           # these begin every caption
    suffix = ["white background"]         # these end it
    duplicates = "remove"                 # or "keep"

They act in this order, whatever their order in the file: tags of other files are merged in, `replace` one after the
other, `remove`, duplicates (the first stays), `prefix` and `suffix`, which also move a tag that stands elsewhere. All
else keeps its place. A caption in which no tag changes keeps its bytes, blanks and line ends included. Each line is a
caption of its own, as `enable_wildcard` takes them; the first is the one that is trained on without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dataset_tools.captions.regex import Patience
from dataset_tools.scan.captions import SEPARATOR, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # as Python reads text files; str.splitlines knows more ends


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What a rule looks for in a tag."""

    kind: Literal["tag", "text", "regex"]
    """The whole tag, letters in it, or a regular expression found in it."""
    wanted: str
    """As written."""

    def found_in(self, tag: str, patience: Patience) -> bool:
        """Whether the tag has it."""
        if self.kind == "regex":
            return patience.is_found(self.wanted, tag)
        return tag == self.wanted if self.kind == "tag" else self.wanted in tag

    def replaced(self, tag: str, by: str, patience: Patience) -> str:
        """The tag with what was found replaced; `by` may name groups of a regular expression."""
        if self.kind == "regex":
            return patience.replaced(self.wanted, by, tag)
        return by if tag == self.wanted else tag if self.kind == "tag" else tag.replace(self.wanted, by)


@dataclass(frozen=True, kw_only=True)
class CaptionRules:
    """What is to be done to every caption."""

    separator: str = SEPARATOR
    """Between tags, blanks around it not counted; a changed caption is written with it, one without blanks with one
    behind it."""
    replace: tuple[tuple[Pattern, str], ...] = ()
    """What, and by what: nothing removes a tag, and a separator in it makes several of one."""
    remove: tuple[Pattern, ...] = ()
    """Tags that go."""
    prefix: tuple[str, ...] = ()
    """Tags that begin every caption."""
    suffix: tuple[str, ...] = ()
    """Tags that end every caption."""
    unique: bool = True
    """Whether a tag that stands twice goes the second time."""

    def tags(self, tags: Iterable[str], patience: Patience) -> list[str]:
        """The tags of a caption as they should be; TooSlowError where a rule takes too long."""
        new = list(tags)
        for pattern, by in self.replace:
            new = [part for tag in new for part in tags_of(pattern.replaced(tag, by, patience), self.separator.strip())]
        new = [tag for tag in new if not any(pattern.found_in(tag, patience) for pattern in self.remove)]
        if self.unique:
            new = list(dict.fromkeys(new))
        edges = {*self.prefix, *self.suffix}
        return [*self.prefix, *(tag for tag in new if tag not in edges), *self.suffix]

    def text(self, text: str, more: Sequence[str] = ()) -> str:
        """The whole content of a caption file as it should be; `more` tags go behind those of its first line.

        Raises:
            TooSlowError: a rule takes too long.
        """
        patience = Patience()
        first, *others = _LINE.findall(text.removeprefix("\ufeff")) or [""]
        mended = [self._line(first, more, patience, always=True)]
        mended += [self._line(line, (), patience, always=False) for line in others]
        return "".join(mended) if mended != [first, *others] else text

    def _line(self, line: str, more: Sequence[str], patience: Patience, *, always: bool) -> str:
        words = line.rstrip("\r\n")
        old = list(tags_of(words, self.separator.strip()))
        if not old and not always:  # nothing between two captions stays nothing
            return line
        new = self.tags((*old, *more), patience)
        return line if new == old else self._joint.join(new) + line[len(words) :]

    @property
    def _joint(self) -> str:
        return self.separator if self.separator != self.separator.strip() else f"{self.separator} "
