"""Values of several runs side by side."""

from collections.abc import Callable
from pathlib import Path

from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.report.matrix import Line, Matrix, matrix_of


def matrix(settings: Settings, *names: str) -> Matrix:
    """The matrix of experiments."""
    return matrix_of([open_source(name, settings) for name in names], settings.cache)


def line(found: Matrix, name: str) -> Line:
    """Its line of this name."""
    (only,) = [line for line in found.lines if line.name == name]
    return only


def test_changes_are_marked_by_meaning(settings: Settings, write: Callable[..., Path]) -> None:
    """A change that trains, one that does not, a spelling that is none, and a value that goes."""
    write("one")
    write(
        "two",
        "extends = 'one'\n[training]\nlearning_rate = 2e-5\nlogging_dir = 'x'\n".replace("logging_dir = 'x'\n", ""),
    )
    write("three", "extends = 'two'\nunset = ['seed']\n[training]\nsave_every_n_epochs = 2\nlearning_rate = 0.00002\n")
    found = matrix(settings, "one", "two", "three")
    assert [cell.change for cell in line(found, "learning_rate").cells] == ["", "trains", ""]
    assert [cell.change for cell in line(found, "save_every_n_epochs").cells] == ["", "", "other"]
    seed = line(found, "seed")
    assert [cell.shown for cell in seed.cells] == ["1", "1", "(absent)"]
    assert [cell.origin for cell in seed.cells] == ["measured", "measured", ""]
    assert not line(found, "resolution").changes
    assert len(found.steps) == 2


def test_one_run_has_values_and_no_changes(settings: Settings, write: Callable[..., Path]) -> None:
    """What is said is there, what is not said is not."""
    write("one")
    found = matrix(settings, "one")
    assert found.steps == ()
    assert not any(line.changes for line in found.lines)
    names = {line.name for line in found.lines}
    assert {"learning_rate", "seed", "batch_size", "flip_aug", "num_repeats"} <= names
    assert "weighting_scheme" not in names
    said = resolve("one", settings)
    assert len([line for line in found.lines if line.name in said.training]) >= 3


def test_subsets_that_go_different_ways(settings: Settings, write: Callable[..., Path]) -> None:
    """A value that holds for all in one run and not in the next has a line for each subset."""
    write("one")
    more = "[[dataset.datasets.subsets]]\nimage_dir = '{datasets}/reg'\nis_reg = true\nnum_repeats = 3\n[origin]"
    text = (settings.experiments / "one.toml").read_text().replace("[origin]", more)
    write("two", text)
    write("three", text.replace("num_repeats = 3", "num_repeats = 4"))
    found = matrix(settings, "two", "three")
    assert [cell.shown for cell in line(found, "num_repeats, subset 2 (reg)").cells] == ["3", "4"]
    assert [cell.shown for cell in line(found, "num_repeats, subset 1").cells] == ["1", "1"]
    found = matrix(settings, "one", "two", "three")
    assert not [line for line in found.lines if line.name == "num_repeats"]
    assert line(found, "subset 2 (reg)").cells[0].shown == "(absent)"
