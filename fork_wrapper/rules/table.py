"""All rules in one table, and what they find in a case."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from fork_wrapper.errors import SEVERITIES, Finding
from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import PHASES, Hit, Rule

_FRAMEWORK = ("case", "rule", "table")


@lru_cache(maxsize=1)
def rules() -> Mapping[str, Rule]:
    """Every rule by its id, module by module."""
    found: dict[str, Rule] = {}
    for name in _modules():
        module = importlib.import_module(f"fork_wrapper.rules.{name}")
        for one in vars(module).values():
            if isinstance(one, Rule):
                if one.id in found:
                    raise ValueError(f"two rules are called {one.id}")
                found[one.id] = one
    return found


def _modules() -> list[str]:
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name for name in names if name not in _FRAMEWORK)


def findings(case: Case) -> list[Finding]:
    """Everything that the rules find, errors first, and among them what sd-scripts would say last: it costs most.

    `Finding.where` is the hit's file, or else its key path; whoever knows the experiment's files says their lines.
    """
    hits = [(one, hit) for one in rules().values() if one.test is not None for hit in one.test(case)]
    hits.sort(key=lambda pair: gravity(pair[0]))
    return [_finding(one, hit) for one, hit in hits]


def gravity(one: Rule) -> tuple[int, int]:
    """For sorting: the gravest first, and among them what sd-scripts would say last."""
    return SEVERITIES.index(one.severity), -list(PHASES).index(one.phase)


def _finding(one: Rule, hit: Hit) -> Finding:
    todo = hit.todo or one.fix
    return Finding(what=hit.what, where=hit.where or hit.at, todo=todo, severity=one.severity, rule=one.id)
