"""The table of rules and the functions that belong to it."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fork_wrapper.check.rules as package
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.rule import FUNCTIONS, Hit, rule
from fork_wrapper.check.rules.table import document, findings, rules

ROOT = Path(__file__).resolve().parents[4]
MODULES = [module.name for module in pkgutil.iter_modules(package.__path__)]


def test_every_function_has_a_row_and_every_row_its_function() -> None:
    """A new function needs a row that names its module."""
    for name in MODULES:
        importlib.import_module(f"{package.__name__}.{name}")
    ours = {identity: test for identity, test in FUNCTIONS.items() if test.__module__.startswith(package.__name__)}
    named = {identity: row["code"] for identity, row in document()["rules"].items() if "code" in row}
    assert {one: test.__module__.rpartition(".")[2] for one, test in ours.items()} == named
    assert document()["asked"].keys() <= {*MODULES}
    assert len(named) > 140


def test_a_row_says_one_thing() -> None:
    """Hits, or a function, or neither where `schema` refuses the value."""
    for identity, row in document()["rules"].items():
        ways = [way for way in ("code", "hits", "what") if way in row]
        assert len(ways) == (rules()[identity].test is not None), identity


def test_two_rules_of_one_id_are_an_error() -> None:
    """One of them would never be asked."""

    def nothing(_case: Case) -> Iterator[Hit]:
        return iter(())

    try:
        assert rule("of-a-test")(nothing) is nothing
        with pytest.raises(ValueError, match="two rules are called of-a-test"):
            rule("of-a-test")(nothing)
        assert "of-a-test" not in rules()
    finally:
        del FUNCTIONS["of-a-test"]


def test_functions_are_loaded_when_they_are_asked() -> None:
    """Rules about images cost nothing where nobody has looked at any, nor those about a scheduler that nobody sets."""
    code = (
        "import sys; from fork_wrapper.check.rules.case import Case; "
        "from fork_wrapper.check.rules.table import *; rules(); "
        "first = [name for name in sys.argv[1:] if f'fork_wrapper.check.rules.{name}' in sys.modules]; "
        "findings(Case(training={'learning_rate': 1e-5}, dataset={})); "
        "print(first, [name for name in sys.argv[1:] if f'fork_wrapper.check.rules.{name}' in sys.modules])"
    )
    names = ["cache_files", "finetuning", "images", "masks", "optimizing", "prompts", "running", "scheduling"]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[] ['running']"


def test_the_gravest_comes_first() -> None:
    """Errors before warnings before notes, and what is said last before what is said at once."""
    found = findings(Case(training={"seed": -1, "clip_skip": 1, "max_train_steps": 0}, dataset={}))
    order = [one.severity for one in found]
    assert order == sorted(order, key=["error", "warning", "note"].index)
    names = [one.rule for one in found]
    assert names.index("zero-steps") < names.index("seed-range")
