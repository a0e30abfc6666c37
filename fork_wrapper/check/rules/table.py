"""All rules in one table, and what they find in a case.

The table is `rules.json`, a row for each rule: its words, and what it says where (`conditions`) or the module that
holds its function. A function is asked, and its module loaded, where the row's condition holds and that of the module,
which stands under `asked`.
"""

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.conditions import Condition, Scope, hits_of_row, holds
from fork_wrapper.check.rules.rule import FUNCTIONS, PHASES, Hit, Rule, Test
from fork_wrapper.errors import SEVERITIES, Finding


@lru_cache(maxsize=1)
def rules() -> Mapping[str, Rule]:
    """Every rule by its id, in the order of the table."""
    table = document()
    return {identity: _rule(identity, row, table["asked"]) for identity, row in table["rules"].items()}


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


@lru_cache(maxsize=1)
def document() -> Mapping[str, Any]:
    """`rules.json` as it is."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("rules.json").read_bytes())
    return loaded


def _rule(identity: str, row: Mapping[str, Any], asked: Mapping[str, Condition]) -> Rule:
    test: Test | None = None
    if "code" in row:
        conditions = [one for one in (asked.get(row["code"]), row.get("if")) if one]
        test = partial(_ask, identity, row["code"], conditions)
    elif "what" in row or "hits" in row:
        test = partial(hits_of_row, row)
    words = row["severity"], row["phase"], row["when"], row["why"], row["fix"], row["source"]
    return Rule(identity, *words, test)


def _ask(identity: str, module: str, conditions: Sequence[Condition], case: Case) -> Iterator[Hit]:
    """The hits of a function; it is not loaded where it would find nothing."""
    scope = Scope(case)
    if not all(holds(one, scope) for one in conditions):
        return iter(())
    if identity not in FUNCTIONS:
        importlib.import_module(f"{__package__}.{module}")
    return FUNCTIONS[identity](case)


def _finding(one: Rule, hit: Hit) -> Finding:
    todo = hit.todo or one.fix
    return Finding(what=hit.what, where=hit.where or hit.at, todo=todo, severity=one.severity, rule=one.id)
