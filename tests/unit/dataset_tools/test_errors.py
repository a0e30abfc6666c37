"""The error of `dataset_tools`: its parts and its words."""

from dataset_tools.errors import DatasetError


def test_reads_as_place_problem_and_next_step() -> None:
    """A caller that only prints it still tells where, what, and what to do."""
    error = DatasetError("the folder does not exist", where="data/x", next_step="Create it.")
    assert str(error) == "data/x: the folder does not exist. Create it."
    assert (error.what, error.where, error.next_step) == ("the folder does not exist", "data/x", "Create it.")
