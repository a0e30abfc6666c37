"""What a rule is: one thing that sd-scripts would find too late, or never, with its reason and its way out.

Every rule has a row in `rules.json`: its words and, where options alone decide, its condition (`conditions`). What
looks at images, files or prompts, or calculates, is a function under `@rule`. `table` collects both.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from fork_wrapper.check.rules.case import Case
from fork_wrapper.errors import Severity

Phase = Literal["start", "dataset", "model", "step", "sample", "save", "end", "never"]

PHASES: Mapping[Phase, str] = {
    "start": "within seconds, before anything is read",
    "dataset": "when the images are listed",
    "model": "after the base model is loaded",
    "step": "at the first steps",
    "sample": "at the first sample images",
    "save": "at the first save",
    "end": "at the very end",
    "never": "never: it goes on without a word, or with a line in the log",
}
"""When sd-scripts itself would say it, earliest first; `never` for what it swallows."""


class Hit(NamedTuple):
    """One place where a rule applies."""

    what: str
    """The fact with its values, in one line."""
    at: str
    """Key path that it is about: `training.seed`, `dataset.datasets[0].subsets[1].image_dir`."""
    todo: str = ""
    """The next step where it is more exact than the rule's own `fix`."""
    where: str = ""
    """A file or folder, where that says more than the key path."""


Test = Callable[[Case], Iterator[Hit]]
"""From a case to the places where a rule applies."""


class Rule(NamedTuple):
    """One rule."""

    id: str
    """Short name, words joined by dashes."""
    severity: Severity
    """error: sd-scripts dies of it, or what it makes is useless; warning: it trains otherwise than the configuration
    reads; note: worth knowing."""
    phase: Phase
    """When sd-scripts would say so."""
    when: str
    """The condition, in words."""
    why: str
    """What happens then."""
    fix: str
    """What to do about it."""
    source: str
    """Where sd-scripts does it: file:line at the pinned commit, several separated by commas."""
    test: Test | None
    """The condition itself; None for what is refused while the file is read (`schema`)."""


FUNCTIONS: dict[str, Test] = {}
"""The functions of the modules that have been loaded, by the id of their rule."""


def rule(identity: str) -> Callable[[Test], Test]:
    """A decorator: this function is the condition of the rule `identity`, whose words stand in its row.

    Raises:
        ValueError: another function has this id.
    """

    def make(test: Test) -> Test:
        if identity in FUNCTIONS:
            raise ValueError(f"two rules are called {identity}")
        FUNCTIONS[identity] = test
        return test

    return make
