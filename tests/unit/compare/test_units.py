"""Data sets and subsets: where a value is said does not matter, for which of them it holds does."""

import pytest

from fork_wrapper.compare.units import keys_of
from tests.unit.compare.building import compared, in_dataset, options, source, subsets

PEOPLE = {"image_dir": "/data/people"}
ANIMALS = {"image_dir": "/data/animals"}


def test_every_key_has_a_level() -> None:
    """38 keys, each once."""
    assert sorted([*keys_of("dataset"), *keys_of("subset")]) == sorted({*keys_of("dataset"), *keys_of("subset")})
    assert len(keys_of("dataset")) + len(keys_of("subset")) == 38
    assert "batch_size" in keys_of("dataset")
    assert "num_repeats" in keys_of("subset")


@pytest.mark.parametrize("key", ["flip_aug", "shuffle_caption"])
def test_where_a_value_is_said_does_not_matter(key: str) -> None:
    """Subset, data set, [general], [training]: all the same when all of them say it."""
    both = subsets(PEOPLE, ANIMALS)
    general = source({}, {"general": {key: True}, **both})
    in_each = source({}, subsets({**PEOPLE, key: True}, {**ANIMALS, key: True}))
    in_training = source({key: True}, both)
    for other in (in_each, in_training, source({}, {"datasets": [{**both["datasets"][0], key: True}]})):
        assert compared(general, other) == []
    assert [row.place for row in compared(general, source({}, both))] == [""]


@pytest.mark.parametrize(("option", "key"), [("train_batch_size", "batch_size"), ("dataset_repeats", "num_repeats")])
def test_names_that_differ_between_the_tables(option: str, key: str) -> None:
    """library/config_util.py:261-264."""
    assert compared(source({option: 4}, subsets(PEOPLE)), source({}, {"general": {key: 4}, **subsets(PEOPLE)})) == []
    assert options({option: 4}, {option: 2}) == {key: ("4", "2")}


def test_a_beaten_value_is_none() -> None:
    """What stands nearer wins (library/config_util.py:437-471)."""
    first = source({"resolution": "512"}, subsets(PEOPLE, resolution=1024))
    assert compared(first, source({"resolution": "768"}, subsets(PEOPLE, resolution=[1024, 1024]))) == []
    assert in_dataset(subsets(PEOPLE, resolution=1024), subsets(PEOPLE, resolution=[1024, 768])) == {
        "resolution": ("1024", "1024 x 768")
    }


def test_values_of_single_subsets_name_them() -> None:
    """One row where all agree, else one for each that differs."""
    first = subsets({**PEOPLE, "num_repeats": 1}, {**ANIMALS, "is_reg": True})
    second = subsets({**PEOPLE, "num_repeats": 2}, {**ANIMALS, "is_reg": True})
    assert in_dataset(first, second) == {"subset 1 num_repeats": ("1", "2")}
    third = subsets({**PEOPLE, "num_repeats": 1}, {**ANIMALS, "is_reg": True, "num_repeats": 3})
    assert in_dataset(first, third) == {"subset 2 (reg) num_repeats": ("1 (default)", "3")}


def test_subsets_are_matched_by_what_they_read() -> None:
    """Another order is no difference of their values, and a subset before another one does not shift it."""
    assert in_dataset(subsets(PEOPLE, ANIMALS), subsets(ANIMALS, {"image_dir": "/data/people/"})) == {}
    added = in_dataset(subsets(PEOPLE), subsets({**ANIMALS, "num_repeats": 2}, PEOPLE))
    assert added == {"subset 1": ("(absent)", "/data/animals, num_repeats = 2")}
    removed = in_dataset(subsets(PEOPLE, ANIMALS), subsets(ANIMALS))
    assert removed == {"subset 1": ("/data/people", "(absent)")}
    moved = in_dataset(subsets(PEOPLE), subsets(ANIMALS))
    assert moved == {"image_dir": ("/data/people", "/data/animals")}


def test_the_same_folder_for_another_use() -> None:
    """Whether images are for regularisation is a value like any other."""
    assert in_dataset(subsets(PEOPLE), subsets({**PEOPLE, "is_reg": True})) == {"is_reg": ("false (default)", "true")}


def test_several_data_sets() -> None:
    """Matched by position, and named."""
    one = {"batch_size": 1, "subsets": [PEOPLE]}
    two = {"batch_size": 2, "subsets": [ANIMALS]}
    found = in_dataset({"datasets": [one, two]}, {"datasets": [one, {**two, "batch_size": 4}]})
    assert found == {"dataset 2 batch_size": ("2", "4")}
    found = in_dataset({"datasets": [one]}, {"datasets": [one, two]})
    assert found == {"dataset 2": ("(absent)", "batch_size = 2"), "dataset 2, subset 1": ("(absent)", "/data/animals")}


def test_a_configuration_without_a_data_set() -> None:
    """Options under [training] are compared all the same."""
    assert options({"flip_aug": True}, {}) == {"flip_aug": ("true", "false (default)")}
    assert in_dataset({}, subsets(PEOPLE)) == {"image_dir": ("(absent)", "/data/people")}
