"""Which run answers for a name."""

import shutil

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.document.subjects import find_subjects, iterations, parent_subject
from fork_wrapper.records.record import read_record, write_record
from tests.unit.publish.document.building import SIX, rehearsed, trained


def test_an_experiment_becomes_its_best_run(project: Settings) -> None:
    """The file alone, then a rehearsal, then a completed run, however much newer a rehearsal is; a failed one never."""
    bases = []
    for prepare in (
        lambda: None,
        lambda: trained("humanoid_05", project, "20260109-000000", status="failed"),
        lambda: rehearsed("humanoid_05", project, "20260108-000000-rehearsal"),
        lambda: trained("humanoid_05", project, "20260102-030405"),
        lambda: trained("humanoid_05", project, "20260103-030405"),
    ):
        prepare()
        (found,) = find_subjects(["humanoid_05"], project)
        bases.append((found.basis, found.run_id, found.label))
    assert bases == [
        ("experiment", "", "humanoid_05"),
        ("experiment", "", "humanoid_05"),
        ("rehearsal", "humanoid_05/20260108-000000-rehearsal", "humanoid_05"),
        ("run", "humanoid_05/20260102-030405", "humanoid_05"),
        ("run", "humanoid_05/20260103-030405", "humanoid_05"),
    ]


def test_runs_and_sidecars_are_taken_as_they_are(project: Settings) -> None:
    """Labels are told apart; a folder's path is another way to name a run."""
    run = trained("humanoid_05", project)
    record = read_record(run.record)
    sidecar = run.folder / "humanoid_05-000002.json"
    write_record(run, record)
    text = run.record.read_text(encoding="utf-8").replace('"kind": "run"', '"kind": "sidecar"')
    sidecar.write_text(text, encoding="utf-8")
    found = find_subjects(["humanoid_05", run.run_id, str(sidecar), "humanoid_06"], project)
    assert [one.label for one in found] == ["humanoid_05", run.run_id, "humanoid_05-000002", "humanoid_06"]
    assert [one.follows_file for one in found] == [True, False, False, True]
    again = find_subjects([str(run.folder), run.run_id], project)
    assert [one.label for one in again] == [run.run_id, f"{run.run_id} (2)"]


def test_all_experiments_but_the_common_ground(project: Settings) -> None:
    """What others extend, never ran and was never decided about is no iteration, and no parent to compare with."""
    shipped = sorted([*SIX, "humanoid_05_24gb"])
    assert iterations(project) == shipped
    second, third = find_subjects(["humanoid_02", "humanoid_03"], project)
    assert parent_subject(second, project) is None
    parent = parent_subject(third, project)
    assert parent is not None
    assert parent.name == "humanoid_02"
    trained("sdxl_base", project, sets=("batch_size=4",))
    assert iterations(project) == [*shipped, "sdxl_base"]


def test_what_is_not_there(project: Settings) -> None:
    """Every wrong name at once; a project without experiments says what to do."""
    with pytest.raises(InputError) as caught:
        find_subjects(["humanoid_99", "humanoid_05", "humanoid_05/nowhere"], project)
    assert [finding.what for finding in caught.value.findings] == [
        "no experiment is called 'humanoid_99': no such experiment",
        "cannot find 'humanoid_05/nowhere': no such experiment, run or file",
    ]
    shutil.rmtree(project.experiments)
    with pytest.raises(InputError, match="there is no experiment"):
        find_subjects([], project)


def test_a_run_whose_experiment_is_gone(project: Settings) -> None:
    """The record is enough."""
    trained("humanoid_05", project)
    shutil.rmtree(project.experiments)
    (found,) = find_subjects(["humanoid_05"], project)
    assert (found.basis, found.stories.parent) == ("run", "humanoid_04")
