"""The verdict on two sources, and what is said before their tables."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.compare.as_json import to_json
from fork_wrapper.compare.comparison import Diff, compare_sources, parent_of
from fork_wrapper.compare.sections import file_lines, sections, short_names, summary
from fork_wrapper.errors import InputError
from fork_wrapper.experiment.resolve import Origin
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings
from tests.unit.compare.building import described, manifest, record, run, source, subsets

BASE = {"pretrained_model_name_or_path": "/m/base.safetensors"}


def _diff(first: Source, second: Source, tmp_path: Path) -> Diff:
    return compare_sources(first, second, tmp_path)


def test_the_same(tmp_path: Path) -> None:
    """Nothing but what came of it."""
    found = _diff(run(), run("one/b", made=record(run={"seconds": 1.0, "status": "failed"})), tmp_path)
    assert (found.same, found.training, summary(found)) == (True, False, "")
    assert [table.title for table in sections(found)] == ["came of it"]


def test_differences_that_train_and_others(tmp_path: Path) -> None:
    """Both count as different, one as training."""
    found = _diff(source({"save_every_n_epochs": 1}), source({"save_every_n_epochs": 2}), tmp_path)
    assert (found.same, found.training) == (False, False)
    assert summary(found) == "0 differences change training, 1 does not"
    found = _diff(source({"learning_rate": 1e-5, "huber_c": 0.2}), source({"learning_rate": 2e-5}), tmp_path)
    assert (found.same, found.training) == (False, True)
    assert summary(found) == "1 difference changes training, 1 does not; 1 rule vanishes"


def test_images_and_captions(tmp_path: Path) -> None:
    """Added, removed, renamed and changed, by name."""
    before = manifest(a__png=("1", "c1"), b__png=("2", "c2"), c__png=("3", None), d__png=("4", "c4"))
    after = manifest(a__png=("1", "x"), b__png=("9", "c2"), e__png=("3", None), f__png=("7", None))
    found = _diff(run(made=record(dataset=before)), run("one/b", made=record(dataset=after)), tmp_path)
    assert dict(file_lines(found)) == {
        "2 images added": "e.png, f.png",
        "2 images removed": "c.png, d.png",
        "1 of these only renamed": "c.png -> e.png",
        "1 image changed": "b.png",
        "1 caption changed": "a.png",
    }
    assert (found.same, found.training) == (False, True)
    assert summary(found) == "2 images added, 2 images removed, 1 image changed, 1 caption changed"


def test_captions_in_a_metadata_file(tmp_path: Path) -> None:
    """Other bytes of it are another training; a record that does not know of it says nothing."""
    before, after = described("1", a__png=("1", None)), described("2", a__png=("1", None))
    found = _diff(run(made=record(dataset=before)), run("one/b", made=record(dataset=after)), tmp_path)
    assert dict(file_lines(found)) == {"1 metadata_file changed": "datasets[0].subsets[0]"}
    assert found.training
    older = manifest(a__png=("1", None))
    assert _diff(run(made=record(dataset=older)), run("one/b", made=record(dataset=after)), tmp_path).same


def test_other_places_of_the_same_bytes_change_nothing(tmp_path: Path) -> None:
    """A path that led to the same model, and to the same images."""
    made = record(dataset=manifest(a__png=("1", "c1")))
    one = Source(**{**run(training=BASE, made=made).__dict__, "dataset": subsets({"image_dir": "/d"})})
    elsewhere = {"pretrained_model_name_or_path": "/x/base.safetensors"}
    two = Source(**{**run("one/b", elsewhere, made).__dict__, "dataset": subsets({"image_dir": "/e"})})
    found = _diff(one, two, tmp_path)
    assert {row.key: row.idle for row in found.different} == {
        "pretrained_model_name_or_path": "the same bytes by their sha256",
        "image_dir": "the same images and captions by their sha256",
    }
    assert (found.same, found.training) == (False, False)
    other = record(base_model={"sha256": "a" * 64}, dataset=manifest(a__png=("2", "c1")))
    found = _diff(one, Source(**{**two.__dict__, "record": other}), tmp_path)
    assert all(row.trains for row in found.different)


def test_a_damaged_manifest_is_not_compared(tmp_path: Path) -> None:
    """And the comparison says so."""
    broken = {**manifest(a__png=("1", None)), "sha256": "0" * 64}
    found = _diff(run(made=record(dataset=broken)), run("one/b", made=record(dataset=broken)), tmp_path)
    assert found.files is None
    assert "images and captions are not compared: not both records have them" in found.notes


def test_an_experiment_against_a_run(tmp_path: Path) -> None:
    """Only the configurations are compared."""
    found = _diff(source(label="one"), run(), tmp_path)
    assert found.facts == ()
    assert found.notes == (
        "one has not run: data, base model, code, machine and results have nothing to be compared with",
    )


def test_rehearsals_are_named(tmp_path: Path) -> None:
    """One side, or both."""
    rehearsed = record(rehearsal={"trainer": "stand-in"})
    found = _diff(run(), run("one/b", made=rehearsed), tmp_path)
    assert "one/b is a rehearsal: scale, precision and data are those of the miniature" in found.notes
    found = _diff(run(made=rehearsed), run("one/b", made=rehearsed), tmp_path)
    assert "both are rehearsals on the miniature" in found.notes


def test_why(tmp_path: Path) -> None:
    """The story's words on one line; not where both tell the same story."""

    def told(changes: str) -> Any:
        return record(experiment={"name": "one", "origins": {}, "story": {"changes": changes}})

    assert _diff(run(made=told("a")), run("one/b", made=told("less\n of it")), tmp_path).why == "less of it"
    assert _diff(run(made=told("a")), run("one/b", made=told("a")), tmp_path).why == ""


def test_names(tmp_path: Path) -> None:
    """Never the same for two things, and short above columns."""
    found = _diff(run("one/a"), run("one/b"), tmp_path)
    assert (found.names, short_names(found)) == (("one/a", "one/b"), ("a", "b"))
    one, two = (Source(**{**run("x.json").__dict__, "path": Path(f"/{place}/x.json")}) for place in "ab")
    assert _diff(one, two, tmp_path).names == ("/a/x.json", "/b/x.json")


def test_json(tmp_path: Path) -> None:
    """Plain values, complete, of one shape; a default says that nobody set it."""
    origins = {"training.seed": Origin(kind="measured", by="two")}
    first = source({"huber_c": 0.2})
    found = _diff(first, source({"seed": 1}, label="two", origins=origins), tmp_path)
    made = json.loads(json.dumps(to_json(found, everything=False, only_training=False)))
    assert set(made) == {
        *("first", "second", "same", "trains_the_same", "why", "notes"),
        *("differences", "equal", "rules", "files", "facts"),
    }
    assert made["first"] == {"kind": "experiment", "label": "one", "path": "one.toml", "rehearsal": False}
    assert (made["same"], made["trains_the_same"], made["equal"], made["files"]) == (False, False, None, None)
    seed, huber = made["differences"]
    assert seed == {
        "key": "seed",
        "place": None,
        "group": "schedule",
        "effect": "trains",
        "trains": True,
        "no_effect": None,
        "note": None,
        "before": None,
        "before_shown": "(absent)",
        "before_set": False,
        "before_path": "training.seed",
        "after": 1,
        "after_shown": "1",
        "after_set": True,
        "after_path": "training.seed",
        "origin": "measured",
    }
    assert (huber["after"], huber["after_set"], huber["trains"]) == (0.1, False, False)
    assert huber["no_effect"] == 'with loss_type = "l2"'
    assert {one["rule"] for one in made["rules"]["vanish"]} == {"huber-unused", "seed-unset"}


def test_json_of_all_and_of_training_alone(tmp_path: Path) -> None:
    """The same shape with more, or less, in it."""
    found = _diff(source({"huber_c": 0.2}), source({"seed": 1}), tmp_path)
    less = to_json(found, everything=False, only_training=True)
    assert [one["key"] for one in less["differences"]] == ["seed"]
    everything = to_json(found, everything=True, only_training=False)
    assert len(everything["differences"]) + len(everything["equal"]) == len(found.rows) == 136 + 38


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
