"""Columns of a list of runs."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.columns import COLUMNS, DEFAULT, parse_columns, row, values_of
from fork_wrapper.records.history import RunLine, list_runs
from fork_wrapper.records.notes import add_note
from tests.builders.records import recorded


@pytest.fixture
def line(write: Callable[..., Path], settings: Settings) -> RunLine:
    """A run with a decision."""
    write("one")
    run = recorded("one", settings)
    add_note(run, datetime(2026, 1, 3, tzinfo=timezone.utc), decision="selected")
    (found,) = list_runs(settings.outputs, cache=settings.cache)
    return found


def test_values_are_those_that_trained(line: RunLine, settings: Settings) -> None:
    """Of options, of dataset keys at any level, by bare name or path; what was not set is a dash."""
    names = parse_columns(
        " decision, learning_rate,batch_size,dataset.general.flip_aug,training.seed,lr_scheduler,status "
    )
    values = values_of(line, names, settings.outputs)
    assert values == {
        "decision": "selected",
        "learning_rate": 1e-05,
        "batch_size": 4,
        "dataset.general.flip_aug": True,
        "training.seed": 1,
        "lr_scheduler": None,
    }
    assert row(line, names, values) == (line.run_id, "selected", "1e-05", "4", "true", "1", "-", line.status)


def test_columns_of_the_line_read_no_record(line: RunLine, settings: Settings) -> None:
    """The default ones, and all others of the line itself."""
    assert parse_columns(None) == DEFAULT
    (settings.outputs / line.run_id / "record.json").unlink()
    own = [name for name in COLUMNS if name != "decision"]
    assert values_of(line, own, settings.outputs) == {}
    assert len(row(line, own, {})) == 10
    assert values_of(line, ["seed"], settings.outputs) == {"seed": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lerning_rate", "did you mean learning_rate"),
        ("statsu", "did you mean status"),
        ("x", "use status, steps, loss"),
        (",", "no column is named"),
    ],
)
def test_there_is_no_such_column(text: str, said: str) -> None:
    """The nearest names are offered."""
    with pytest.raises(InputError) as caught:
        parse_columns(text)
    assert said in str(caught.value)
    with pytest.raises(InputError) as caught:
        parse_columns("nope,nil")
    assert len(caught.value.findings) == 2
