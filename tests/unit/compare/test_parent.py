"""Where a source comes from, when it says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.compare.parent import parent_of
from fork_wrapper.errors import InputError
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings
from tests.unit.compare.building import record, run


def test_an_experiment_extends_another(write: Callable[..., Path], settings: Settings) -> None:
    """By its file, wherever that lies; what extends nothing has no parent."""
    path = write("one")
    write("two", "extends = 'one'\n[training]\nseed = 2\n")
    assert parent_of(open_source("two", settings)) == str(path)
    with pytest.raises(InputError, match="one has no parent") as caught:
        parent_of(open_source("one", settings))
    (finding,) = caught.value.findings
    assert finding.what == "it extends no other experiment"
    assert finding.todo == "name what to compare it with, another experiment: kft diff OTHER one"


def test_a_run_went_on_from_another() -> None:
    """Its record says so, or names the experiment to compare with."""
    assert parent_of(run(made=record(run={"parent": "one/20260101-000000"}))) == "one/20260101-000000"
    with pytest.raises(InputError) as caught:
        parent_of(run(made=record()))
    assert "such as one: kft diff OTHER one/a" in caught.value.findings[0].todo


@pytest.mark.parametrize(("header", "words"), [({"experiment": "one"}, "such as one"), (None, "an experiment")])
def test_a_bare_checkpoint_knows_none(header: dict[str, Any] | None, words: str) -> None:
    """Nothing is guessed."""
    source = Source(**{**run().__dict__, "kind": "checkpoint", "record": None, "header": header})
    with pytest.raises(InputError) as caught:
        parent_of(source)
    assert words in caught.value.findings[0].todo
