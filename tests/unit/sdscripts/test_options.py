"""The option tables of the pinned commit: complete, typed, and what a run will really hold."""

from pathlib import Path

from fork_wrapper.resolve import DEFAULTS, MODEL_OPTIONS, PATH_OPTIONS
from fork_wrapper.schema import MANAGED, SECRETS, fits
from fork_wrapper.sdscripts.options import dataset_keys, effective, options, pinned_commit

CONFIG, DATASET = Path("/runs/one/train.toml"), Path("/runs/one/dataset.toml")


def test_all_options_of_the_pinned_commit() -> None:
    """176 options by name, each of a known type, a default of that type or none, choices that hold the default."""
    table = options()
    assert len(table) == 176
    assert pinned_commit() == "48d368fa557731ad0488c07304dfeba8c07910eb"
    assert {row.type for row in table.values()} == {"bool", "int", "float", "str", "int_or_float", "list[str]"}
    for name, row in table.items():
        assert row.name == name
        assert row.default is None or fits(row.default, row.type)
        assert row.default is None or not row.choices or row.default in row.choices
        assert row.type != "bool" or row.default is False


def test_choices_are_of_the_options_type() -> None:
    """Fourteen options have choices; each is a value of the option's type, or the parser's None for unset."""
    rows = [row for row in options().values() if row.choices]
    assert len(rows) == 14
    assert all(choice is None or fits(choice, row.type) for row in rows for choice in row.choices)


def test_traps_stay_known() -> None:
    """Defaults that surprise people are those of the parser."""
    wanted = {
        "learning_rate": 2e-06,
        "mixed_precision": "no",
        "max_train_steps": 1600,
        "caption_extension": ".caption",
        "max_bucket_reso": 1024,
        "sample_sampler": "ddim",
        "save_model_as": None,
        "optimizer_type": "",
    }
    assert {name: options()[name].default for name in wanted} == wanted


def test_all_keys_of_the_dataset_config() -> None:
    """38 keys, each of a known type and with at least one level, in the order of the file."""
    table = dataset_keys()
    assert len(table) == 38
    assert {row.type for row in table.values()} == {
        *("bool", "int", "float", "number", "str", "int_or_pair", "float_pair", "table"),
    }
    order = ("general", "dataset", "subset")
    for name, row in table.items():
        assert row.name == name
        assert row.levels
        assert list(row.levels) == [level for level in order if level in row.levels]


def test_levels_of_some_keys() -> None:
    """Batch and resolution belong to a dataset, the folder to a subset, captions to any level."""
    levels = {name: dataset_keys()[name].levels for name in ("batch_size", "resolution", "image_dir", "num_repeats")}
    assert levels == {
        "batch_size": ("general", "dataset"),
        "resolution": ("general", "dataset"),
        "image_dir": ("subset",),
        "num_repeats": ("general", "dataset", "subset"),
    }


def test_names_spelled_elsewhere_exist() -> None:
    """Every name that kft treats specially is a name of the pinned commit."""
    special = {*MANAGED, *SECRETS, *DEFAULTS, *PATH_OPTIONS, *MODEL_OPTIONS}
    assert len(special) == 24
    assert special - options().keys() - dataset_keys().keys() == set()


def test_effective_without_a_file() -> None:
    """Nothing set: every default, and the two paths of the command."""
    defaults = {name: row.default for name, row in options().items()}
    paths = {"config_file": str(Path("/runs/one/train")), "dataset_config": str(DATASET)}
    assert effective({}, CONFIG, DATASET) == defaults | paths


def test_effective_with_a_file() -> None:
    """The file's values over the defaults, 0 and false included; the two paths cannot be said in the file."""
    training = {"seed": 0, "xformers": False, "noise_offset": 0.0, "metadata_kft_run": "x", "config_file": "other"}
    made = effective(training, CONFIG, DATASET)
    changed = {name: value for name, value in made.items() if value != effective({}, CONFIG, DATASET)[name]}
    assert repr(changed) == "{'noise_offset': 0.0, 'seed': 0}"
    assert made["xformers"] is False
