"""What differs between two configurations: by value, with defaults, without what only names a run."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.diff import ABSENT, Difference, comparable, differences, to_json
from fork_wrapper.paths import RunFolder
from fork_wrapper.render import real_trainer, render
from fork_wrapper.resolve import Origin, resolve
from fork_wrapper.settings import Settings
from fork_wrapper.source import Source, open_source


def _source(
    training: Mapping[str, Any], dataset: Mapping[str, Any] | None = None, origins: Mapping[str, Origin] | None = None
) -> Source:
    return Source(
        kind="run",
        label="one",
        path=Path("record.json"),
        training=training,
        dataset=dataset or {},
        origins=origins or {},
    )


def _keys(first: Source, second: Source) -> dict[str, tuple[Any, Any]]:
    return {one.key: (one.before, one.after) for one in differences(first, second)}


def test_equal_configurations() -> None:
    """A configuration does not differ from itself."""
    source = _source({"seed": 0, "optimizer_args": ["a=b"]}, {"datasets": [{"resolution": [512, 768]}]})
    assert differences(source, source) == []


def test_one_difference() -> None:
    """Both values, who sets them, and where the second comes from."""
    origin = Origin(kind="assumed", by="two")
    second = _source({"learning_rate": 4e-06}, origins={"training.learning_rate": origin})
    assert differences(_source({"learning_rate": 1e-05}), second) == [
        Difference(
            key="training.learning_rate", before=1e-05, after=4e-06, before_set=True, after_set=True, origin=origin
        )
    ]


def test_unset_options_count_as_their_default() -> None:
    """An option that is not set trains with its default: set to the same value it is no difference."""
    assert _keys(_source({}), _source({"learning_rate": 2e-06, "xformers": False, "max_train_steps": 1600})) == {}
    assert differences(_source({}), _source({"max_train_steps": 8})) == [
        Difference(key="training.max_train_steps", before=1600, after=8, before_set=False, after_set=True, origin=None)
    ]


def test_zero_false_and_absent() -> None:
    """0, 0.0, false and absent are four things where the default is none of them."""
    values: list[dict[str, Any]] = [{}, {"noise_offset": 0.0}, {"noise_offset": 0}, {"noise_offset": False}]
    for number, first in enumerate(values):
        for other, second in enumerate(values):
            assert bool(_keys(_source(first), _source(second))) is (number != other)
    assert _keys(_source({"noise_offset": 0.0}), _source({})) == {"training.noise_offset": (0.0, ABSENT)}
    assert repr(ABSENT) == "(absent)"


def test_the_dataset_has_no_defaults() -> None:
    """A key of the dataset config that is not set is absent, whatever it would inherit; all in order of key path."""
    first = _source({}, {"datasets": [{"batch_size": 1, "subsets": [{"num_repeats": 1}]}]})
    second = _source({}, {"general": {"flip_aug": False}, "datasets": [{"batch_size": 2, "subsets": [{}]}]})
    found = _keys(first, second)
    assert found == {
        "dataset.datasets[0].batch_size": (1, 2),
        "dataset.datasets[0].subsets[0].num_repeats": (1, ABSENT),
        "dataset.general.flip_aug": (ABSENT, False),
    }
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    "key", ["output_dir", "output_name", "logging_dir", "metadata_kft_config", "metadata_kft_run", "config_file"]
)
def test_what_names_a_run_is_left_out(key: str) -> None:
    """Folders, names and records differ between any two runs and train nothing differently."""
    assert comparable(_source({key: "x", "seed": 1})) == {"training.seed": 1}


def test_other_metadata_is_compared() -> None:
    """A title of the user's own is a value like any other."""
    assert _keys(_source({"metadata_title": "a"}), _source({})) == {"training.metadata_title": ("a", ABSENT)}


def test_an_experiment_and_its_own_run(write: Callable[..., Path], settings: Settings, run_folder: RunFolder) -> None:
    """What an experiment would train is what its run trained: no difference, whatever kft added."""
    write("one")
    resolved = resolve("one", settings)
    started = datetime(2026, 1, 2, tzinfo=timezone.utc)
    rendered = render(resolved, settings, real_trainer(settings), run_folder, started)
    assert differences(open_source("one", settings), _source(rendered.training, rendered.dataset)) == []


def test_to_json() -> None:
    """Plain values: an absent one is null and `*_set` tells it from a null; the origin is its kind."""
    origins = {"training.seed": Origin(kind="measured", by="two")}
    made = to_json(differences(_source({"noise_offset": 0.0}), _source({"seed": 1}, origins=origins)))
    assert json.loads(json.dumps(made)) == [
        {
            "key": "training.noise_offset",
            "before": 0.0,
            "after": None,
            "before_set": True,
            "after_set": False,
            "origin": None,
        },
        {
            "key": "training.seed",
            "before": None,
            "after": 1,
            "before_set": False,
            "after_set": True,
            "origin": "measured",
        },
    ]
