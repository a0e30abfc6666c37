"""Rules as rows of a table: what a condition means, and what a row says where it holds.

A condition is a table of names and tests, and holds when every test does::

    {"full_bf16": true, "full_fp16": false, "mixed_precision": {"not": "bf16"}}

A name is an option or, in a row that is asked `for` each data set or subset, a key of the dataset config, looked up
where sd-scripts looks it up. Others are facts (`FACTS`), with what they hold behind a dot: `host.cuda`,
`optimizer.values.maximize`. `said.KEY` is whether anybody says a key, `it` the key at hand of a row with `each` or
`first`. `any` is a list of conditions, one of which must hold.

A test is true or false for what counts or does not, as Python has it; null for what is unset; a number or a text for
what is equal to it; a list for what is one of it; or a table of comparisons (`COMPARISONS`), all of which hold.

A row has one hit, or a list of `hits` under a common condition: `what` it says, with names in braces, and the key it
is said `at`. With `each` it is asked of several keys, with `first` of these until one hits; with `once` nothing is
said twice.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fork_wrapper.check.rules.case import Case, DatasetCase, SubsetCase
from fork_wrapper.check.rules.reading import caches_latents, caches_texts, is_tagged, once, read, registered, said
from fork_wrapper.check.rules.rule import Hit
from fork_wrapper.sdscripts.options import default_of
from fork_wrapper.text import counted

Condition = Mapping[str, Any]

_NAMES = re.compile(r"\{([=-]?)([\w.]+)(?::([\w ]+))?\}")


class Scope:
    """Where the names of a condition are looked up."""

    def __init__(
        self, case: Case, level: DatasetCase | SubsetCase | None = None, dataset: DatasetCase | None = None
    ) -> None:
        self.case = case
        self.level = level  # the data set or subset that a row is asked for; None for the training options
        self.dataset = dataset  # that, or the data set of the subset
        self.key = ""  # the one at hand

    def value(self, name: str) -> Any:
        """What a name stands for; None where there is none.

        Raises:
            KeyError: it is no option, and no fact.
        """
        if self.level is None and name in self.case.training:
            return self.case.training[name]
        head, _, rest = name.partition(".")
        if head == "said":
            return (self.level or self.case).said(self.named(rest))
        if head == "default":
            return self.value(rest) == default_of(self.named(rest))
        if self.level and head in BELOW:
            found = BELOW[head](self.level, self.dataset)
        elif head in FACTS:
            found = FACTS[head](self)
        else:
            return (self.level or self.case).get(self.named(name))
        for part in rest.split(".") if rest else ():
            found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
        return found

    def named(self, name: str) -> str:
        """The key that a name stands for."""
        return self.key if name in {"it", "key"} else name

    def at(self, place: str) -> str:
        """The key path of a key; one with a brace or a dot is a path already."""
        if "{" in place or "." in place:
            return self.text(place)
        return (self.level or self.case).at(self.named(place))

    def text(self, template: str) -> str:
        """A text with its names replaced.

        `{key}` by the value, `{=key}` by `key = value`, `{-key}` by its negative; `{key:step}` by `1 step`, `2 steps`.
        """
        return _NAMES.sub(self._word, template)

    def _word(self, match: re.Match[str]) -> str:
        sign, name, noun = match.groups()
        if sign == "=" and self.level:
            return said(self.level, self.named(name))
        value = -self.value(name) if sign else self.value(name)
        return counted(value, noun) if noun else str(value)


def holds(condition: Condition, scope: Scope) -> bool:
    """Whether every test of a condition holds."""
    for name, test in condition.items():
        if not (any(holds(one, scope) for one in test) if name == "any" else passes(scope.value(name), test)):
            return False
    return True


def passes(value: Any, test: Any) -> bool:
    """Whether a value passes a test."""
    if isinstance(test, bool):
        return bool(value) == test
    if isinstance(test, list):
        return value in test
    if isinstance(test, Mapping):
        return all(COMPARISONS[name](value, operand) for name, operand in test.items())
    return bool(value is None if test is None else value == test)


def hits_of_row(row: Mapping[str, Any], case: Case) -> Iterator[Hit]:
    """Where a row applies."""
    if "for" not in row and "each" not in row and "first" not in row and not holds(row.get("if", {}), Scope(case)):
        return iter(())  # as most of them end
    hits = (hit for scope in _scopes(row.get("for", ""), case) for hit in _hits(row, scope))
    return once(hits) if "once" in row else hits


def _hits(row: Mapping[str, Any], scope: Scope) -> Iterator[Hit]:
    if "hits" in row and not holds(row.get("if", {}), scope):
        return
    for hit in row.get("hits", (row,)):
        for key in hit.get("each") or hit.get("first") or ("",):
            scope.key = key
            if holds(hit.get("if", {}), scope):
                yield Hit(what=scope.text(hit["what"]), at=scope.at(hit["at"]), todo=scope.text(hit.get("todo", "")))
                if "first" in hit:
                    break


def _scopes(level: str, case: Case) -> Iterator[Scope]:
    """The training options, or every data set or subset."""
    if not level:
        yield Scope(case)
    for dataset in case.datasets if level else ():
        if level == "dataset":
            yield Scope(case, dataset, dataset)
        else:
            yield from (Scope(case, subset, dataset) for subset in LEVELS[level](dataset))


LEVELS: Mapping[str, Callable[[DatasetCase], Sequence[SubsetCase]]] = {
    "subset": lambda dataset: dataset.subsets,
    "read": read,
    "registered": registered,
}
"""What a row can be asked for besides each `dataset`: every subset, those that are read, those whose caching is
checked."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "not": lambda value, test: not passes(value, test),
    "counts": lambda value, wanted: bool(value) == wanted,
    "set": lambda value, wanted: (value is not None) == wanted,
    "above": lambda value, bound: _is_number(value) and value > bound,
    "below": lambda value, bound: _is_number(value) and value < bound,
    "least": lambda value, bound: _is_number(value) and value >= bound,
    "most": lambda value, bound: _is_number(value) and value <= bound,
    "multiple": lambda value, step: _is_number(value) and value % step == 0,
    "contains": lambda value, text: isinstance(value, str) and text in value.lower(),
    "ends": lambda value, endings: isinstance(value, str) and value.endswith(tuple(endings)),
    "has": lambda values, wanted: wanted in values,
    "only": lambda values, wanted: set(values) == {wanted},
    "lack": lambda host, names: not host.has(*names),
}
"""Comparisons by name; what is no number is neither above nor below another, and texts are compared in small
letters."""


def _of(module: str, name: str) -> Callable[[Scope], Any]:
    """What a function of another module says of the case; it is loaded, and asked, once somebody wants to know."""

    def ask(scope: Scope) -> Any:
        facts = scope.case.facts
        if name not in facts:
            facts[name] = getattr(importlib.import_module(f"{__package__}.{module}"), name)(scope.case)
        return facts[name]

    return ask


FACTS: Mapping[str, Callable[[Scope], Any]] = {
    "alpha_masks": lambda scope: any(one.get("alpha_mask") for one in scope.case.subsets),
    "base": lambda scope: scope.case.base,
    "borrowed_rate": _of("rates", "borrowed_rate"),
    "caches_latents": lambda scope: caches_latents(scope.case),
    "caches_texts": lambda scope: caches_texts(scope.case),
    "datasets": lambda scope: len(scope.case.datasets),
    "draws": _of("length", "draws"),
    "host": lambda scope: scope.case.host,
    "key": lambda scope: scope.key,
    "kinds": lambda scope: [one.kind for one in scope.case.datasets],
    "optimizer": _of("optimizers", "optimizer"),
    "optimizers": _of("rates", "optimizers"),
    "packages": lambda scope: scope.case.host,
    "prompts": lambda scope: scope.case.prompts,
    "rates": _of("rates", "rates"),
    "scheduler": _of("schedulers", "scheduler"),
    "subsets": lambda scope: len(scope.case.subsets),
    "surveyed": lambda scope: scope.case.surveys is not None,
    "trained": _of("rates", "trained_parts"),
}
"""Names that are no options, of the case: what is there, and what follows from several options."""

BELOW: Mapping[str, Callable[[Any, Any], Any]] = {
    "kind": lambda _level, dataset: dataset.kind,
    "own": lambda level, _dataset: level.own,
    "own_subsets": lambda _level, dataset: len(dataset.subsets),
    "path": lambda level, _dataset: level.path,
    "tagged": lambda level, _dataset: is_tagged(level),
}
"""Those of the data set or subset that a row is asked for: its kind, what it says itself, its key path."""
