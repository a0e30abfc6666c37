"""From one iteration to the next."""

from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.document.evolution import Step
from fork_wrapper.publish.document.gather import Document
from tests.unit.publish.document.building import SIX, document, manifest, rehearsed, trained


def steps(made: Document) -> list[Step]:
    """Of all subjects that have one."""
    return [column.step for column in made.columns if column.step is not None]


def test_each_is_compared_with_what_it_builds_on(project: Settings) -> None:
    """The parent, wherever it stands; the common ground of all is none. Rehearsals are compared as they were meant."""
    rehearsed("humanoid_04", project)
    trained("humanoid_06", project)
    made = document(SIX, project)
    assert [(one.before.name, one.after.name, one.count) for one in steps(made)] == [
        ("humanoid_02", "humanoid_03", 4),
        ("humanoid_03", "humanoid_04", 4),
        ("humanoid_04", "humanoid_05", 3),
        ("humanoid_05", "humanoid_06", 2),
        ("humanoid_05", "humanoid_07", 4),
    ]
    assert {row.key for row in steps(made)[2].rows} == {"learning_rate", "max_train_epochs", "caption_dropout_rate"}
    assert [row.key for row in steps(made)[4].rest] == ["save_every_n_epochs"]


def test_a_parent_outside_the_document(project: Settings) -> None:
    """One experiment alone is compared with its parent all the same."""
    (step,) = steps(document(["humanoid_05"], project))
    assert (step.before.name, step.count) == ("humanoid_04", 3)
    assert steps(document(["humanoid_02"], project)) == []


def test_two_runs_of_one_experiment(project: Settings) -> None:
    """The second is compared with the first: values, images, base model, packages."""
    first = trained("humanoid_05", project, "20260102-030405", origin={"dataset": None})
    second = trained(
        "humanoid_05",
        project,
        "20260103-030405",
        sets=("learning_rate=2e-6",),
        origin={"dataset": manifest(4), "base_model": {"path": "/m/b", "kind": "file", "bytes": 1, "sha256": "9" * 64}},
    )
    found = steps(document([first.run_id, second.run_id], project))
    assert [row.key for row in found[1].rows] == ["learning_rate"]
    assert [(fact.name, fact.before, fact.after) for fact in found[1].facts] == [
        ("base model sha256", "313131313131", "999999999999")
    ]
    assert found[1].files is None  # the first recorded none
