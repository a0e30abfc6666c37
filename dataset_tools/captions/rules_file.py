"""Read a rules file, and say everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dataset_tools.captions.regex import wrong_with
from dataset_tools.captions.rules import CaptionRules, Pattern
from dataset_tools.errors import DatasetError
from dataset_tools.scan.captions import SEPARATOR, tags_of
from dataset_tools.toml_files import read_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KEYS = ("separator", "replace", "remove", "prefix", "suffix", "duplicates")


def load_rules(path: Path) -> CaptionRules:
    """The rules of a file.

    Raises:
        DatasetError: it cannot be read, is no TOML, or says what no rule can be; all of it at once.
    """
    table = read_toml(path)
    reader = _Reader(table)
    rules = reader.rules()
    if reader.problems:
        raise DatasetError(
            "; ".join(reader.problems), where=path, next_step="See `kft dataset caption --help` for an example."
        )
    return rules


@dataclass
class _Reader:
    """Goes through the table of a rules file and collects what is wrong with it."""

    table: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)

    def rules(self) -> CaptionRules:
        self.problems += [f"there is no rule called {key}" for key in self.table if key not in _KEYS]
        duplicates = self.table.get("duplicates", "remove")
        if duplicates not in ("remove", "keep"):
            self.problems.append('duplicates must be "remove" or "keep"')
        separator = self.table.get("separator", SEPARATOR)
        if not isinstance(separator, str) or not separator.strip():
            self.problems.append("separator must be a text that is not blank")
            separator = SEPARATOR
        return CaptionRules(
            separator=separator,
            replace=tuple(self._all("replace", self._replacement)),
            remove=tuple(self._all("remove", self._removed)),
            prefix=tuple(self._words("prefix", separator)),
            suffix=tuple(self._words("suffix", separator)),
            unique=duplicates != "keep",
        )

    def _all(self, key: str, read: Callable[[str, Any], Any]) -> Iterator[Any]:
        value = self.table.get(key, [])
        if not isinstance(value, list):
            self.problems.append(f"{key} must be a list")
            return
        for number, item in enumerate(value):
            if (found := read(f"{key}[{number}]", item)) is not None:
                yield found

    def _words(self, key: str, separator: str) -> Iterator[str]:
        value = self.table.get(key, [])
        for word in [value] if isinstance(value, str) else value if isinstance(value, list) else [None]:
            if isinstance(word, str) and tags_of(word, separator.strip()):
                yield from tags_of(word, separator.strip())
            else:
                self.problems.append(f"{key} must be a list of tags")

    def _replacement(self, place: str, item: Any) -> tuple[Pattern, str] | None:
        by = item.get("to") if isinstance(item, Mapping) else None
        pattern = self._pattern(place, item, ("to",))
        if pattern is None:
            return None
        if not isinstance(by, str):
            self.problems.append(f'{place} needs to = "text"')
            return None
        if pattern.kind == "regex" and (wrong := wrong_with(pattern.wanted, by)):
            self.problems.append(f"{place}: {wrong}")
            return None
        return pattern, by

    def _removed(self, place: str, item: Any) -> Pattern | None:
        if isinstance(item, str) and item.strip():
            return Pattern(kind="tag", wanted=item.strip())
        return self._pattern(place, item, ())

    def _pattern(self, place: str, item: Any, more: tuple[str, ...]) -> Pattern | None:
        kinds = [kind for kind in ("tag", "text", "regex") if isinstance(item, Mapping) and kind in item]
        if len(kinds) != 1 or not isinstance(item[kinds[0]], str) or not item[kinds[0]]:
            self.problems.append(f"{place} needs one of tag, text and regex")
            return None
        if set(item) - {*kinds, *more}:
            self.problems.append(f"{place} says what no rule knows: {', '.join(sorted(set(item) - {*kinds, *more}))}")
            return None
        kind: Any = kinds[0]
        if kind == "regex" and (wrong := wrong_with(item[kind])):
            self.problems.append(f"{place}: {wrong}")
            return None
        return Pattern(kind=kind, wanted=item[kind].strip() if kind == "tag" else item[kind])
