"""A damaged record is named as one, wherever the damage lies, before anybody counts with it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.resolve import OriginKind
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.record import read_record, sound_folders
from fork_wrapper.records.record_shape import MOST_NAMED, ORIGINS, damaged
from fork_wrapper.sdscripts.options import pinned_commit
from tests.builders.checkpoints import run_with_checkpoints

TEXT = "[training]\nlearning_rate = 1e-6\n[[dataset.datasets]]\nresolution = 512\nbatch_size = 2\n"
TEXT += "[[dataset.datasets.subsets]]\nimage_dir = 'x'\n[story]\npurpose = 'p'\n"


@pytest.fixture
def raw(settings: Settings, write: Callable[..., Path]) -> dict[str, Any]:
    """The JSON of a sidecar as kft writes one."""
    write("one", TEXT)
    run = run_with_checkpoints("one", settings)
    content: dict[str, Any] = json.loads((run.folder / "one.json").read_text(encoding="utf-8"))
    return content


def test_what_kft_writes_is_whole(raw: dict[str, Any]) -> None:
    """And parts that an older kft did not write may be absent."""
    assert damaged(raw) == []
    for name in ("plan", "lineage", "findings", "checkpoints"):
        raw.pop(name, None)
    assert damaged(raw) == []
    raw["provenance"] = {}
    assert damaged(raw) == []


DAMAGE: tuple[tuple[str, Any, str], ...] = (
    ("training.learning_rate", "fast", "training.learning_rate"),
    ("effective.max_data_loader_n_workers", [1], "effective.max_data_loader_n_workers"),
    ("dataset.datasets", 5, "dataset.datasets"),
    ("dataset.datasets.0", "x", "dataset.datasets[0]"),
    ("dataset.datasets.0.batch_size", "x", "dataset.datasets[0].batch_size"),
    ("dataset.datasets.0.subsets.0", None, "dataset.datasets[0].subsets[0]"),
    ("experiment.origins", {"a": 1}, "experiment.origins.a"),
    ("experiment.origins", {"a": {"kind": "odd", "by": "x"}}, "experiment.origins.a.kind"),
    ("experiment.origins", {"a": {"kind": ["odd"], "by": "x"}}, "experiment.origins.a.kind"),
    ("experiment.origins", {"a": {"kind": "kft"}}, "experiment.origins.a.by"),
    ("experiment.story", "once", "experiment.story"),
    ("experiment.files", [{"name": "a"}], "experiment.files[0].text"),
    ("run.loss", {"first": 1, "last": 1}, "run.loss.lowest"),
    ("run.loss", {"first": 1, "last": 1, "lowest": float("nan")}, "run.loss.lowest"),
    ("run.steps", True, "run.steps"),
    ("run.seconds", float("inf"), "run.seconds"),
    ("run.nan_step", "3", "run.nan_step"),
    ("run.failure", {}, "run.failure.what"),
    ("checkpoints", [5], "checkpoints[0]"),
    ("checkpoints", [{"step": 1}], "checkpoints[0].file"),
    ("checkpoint.loss", "low", "checkpoint.loss"),
    ("checkpoint.bytes", 10**400, "checkpoint.bytes"),
    ("rehearsal", {"changes": [{"key": "a"}]}, "rehearsal.changes[0].was"),
    ("plan", {"datasets": [{"buckets": [{"count": 1, "resolution": [1]}]}]}, "plan.datasets[0].buckets[0].resolution"),
    ("lineage", [], "lineage"),
    ("experiment.story.purpose", float("nan"), "a value that is no number (NaN), or half of a character"),
    ("experiment.story.purpose", "\ud800", "a value that is no number (NaN), or half of a character"),
)


def test_a_run_of_another_commit_may_have_options_of_other_types(raw: dict[str, Any]) -> None:
    """Its record is read all the same; one of the pinned commit, or of none, is judged."""
    raw["training"]["learning_rate"] = "fast"
    for commit, wrong in (("f" * 40, []), (pinned_commit(), ["training.learning_rate"])):
        raw["provenance"]["sd_scripts"] = {"commit": commit, "dirty": False, "path": "x"}
        assert damaged(raw) == wrong
    raw["provenance"]["sd_scripts"] = None
    assert damaged(raw) == ["training.learning_rate"]


@pytest.mark.parametrize(("path", "value", "named"), DAMAGE, ids=[f"{path}-{named}" for path, _, named in DAMAGE])
def test_damage_is_named(raw: dict[str, Any], tmp_path: Path, path: str, value: Any, named: str) -> None:
    """By its key path, as a record that cannot be used."""
    here: Any = raw
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        here = here[part]
    here[last] = value
    assert damaged(raw)[0] == named
    file = tmp_path / "damaged.json"
    file.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_record(file)
    assert refused.value.findings[0].what.startswith(f"missing or damaged: {named}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("project", [1]),
        ("dataset", {"bytes": 10**400}),
        ("dataset", {"folders": "x"}),
        ("gpus", [{}]),
        ("python", {"packages": {"torch": 2.6}}),
    ],
)
def test_a_fact_of_another_shape_is_unknown(raw: dict[str, Any], tmp_path: Path, name: str, value: Any) -> None:
    """To every reader; the rest of the record tells what it knows."""
    raw["provenance"] = {"host": {"hostname": "h"}, name: value}
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(raw), encoding="utf-8")
    assert read_record(file).provenance == {"host": {"hostname": "h"}, name: None}


@pytest.mark.parametrize("folder", [1, None, {"files": 3}, {"files": {}, "subset": []}])
def test_damaged_folders_are_not_counted(folder: Any) -> None:
    """Nor are the others, whose sum would be wrong."""
    sound = {"files": {"a.png": ["0", None]}, "subset": "x"}
    assert sound_folders({"folders": [sound]}) == [sound]
    assert sound_folders({"folders": [sound, folder]}) == []
    assert sound_folders({}) == []


def test_a_record_of_rubbish_is_no_long_story(raw: dict[str, Any]) -> None:
    """The first few parts are named, the others counted."""
    bad = copy.deepcopy(raw)
    bad["checkpoints"] = [0] * 20
    assert damaged(bad)[MOST_NAMED:] == [f"{20 - MOST_NAMED} more"]


def test_kinds_of_origins_are_those_that_values_have() -> None:
    """None is missing."""
    assert OriginKind.__args__ == ORIGINS  # type: ignore[attr-defined]
