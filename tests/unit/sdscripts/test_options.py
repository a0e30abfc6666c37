"""The option tables: complete, typed, each name with a line; tables of other commits; what a run will really hold."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fork_wrapper.experiment.resolve import DEFAULTS, MODEL_OPTIONS, PATH_OPTIONS
from fork_wrapper.experiment.schema import MANAGED, SECRETS, fits
from fork_wrapper.sdscripts.options import (
    Change,
    Option,
    Table,
    changes,
    dataset_keys,
    effective,
    elsewhere,
    gui_name,
    keep,
    options,
    pinned_commit,
    pinned_table,
    table,
    table_for,
    using,
)
from fork_wrapper.sdscripts.read_parser import describe

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


def all_lines() -> list[str]:
    """Of options, then of dataset keys."""
    return [row.line for row in options().values()] + [key.line for key in dataset_keys().values()]


def test_every_name_has_a_line_of_its_own() -> None:
    """176 options and 38 dataset keys, each explained in at most 100 characters, none twice."""
    lines = all_lines()
    assert len(lines) == 214
    assert [line for line in lines if not 15 <= len(line) <= 100] == []
    assert [line for line in lines if line != line.strip() or line.endswith(".") or "  " in line] == []
    assert len({line.lower() for line in lines}) == 214
    notes = json.loads((Path(__file__).parents[3] / "fork_wrapper/sdscripts/option_notes.json").read_text("utf-8"))
    assert notes["training"].keys() == options().keys()
    assert notes["dataset"].keys() == dataset_keys().keys()


def test_lines_say_what_kft_does_with_an_option() -> None:
    """Managed ones, secrets and the folders that a rendered data set replaces; and what has no effect at all."""
    lines = {name: row.line for name, row in options().items()}
    assert {name for name, line in lines.items() if "managed by kft" in line} == set(MANAGED)
    assert all(f"a secret, set {variable} instead" in lines[name] for name, variable in SECRETS.items())
    replaced = {name for name, line in lines.items() if "ignored under kft" in line}
    assert replaced == {"in_json", "reg_data_dir", "train_data_dir"}
    idle = {name for name, line in lines.items() if line.startswith("No effect")}
    assert idle == {"clip_skip", "conditioning_data_dir", "fp8_base", "use_safetensors"}


def test_lines_name_only_what_exists() -> None:
    """Every word with an underscore in a line is an option, a dataset key, or part of a file name."""
    known = {*options(), *dataset_keys(), "inverse_sqrt", "smooth_l1", "warmup_stable_decay", "sdxl_train"}
    known |= {"HF_TOKEN", "WANDB_API_KEY", "metadata_cache", "full_"}
    text = " ".join(all_lines())
    words = {word for word in "".join(c if c.isalnum() or c == "_" else " " for c in text).split() if "_" in word}
    assert words - known == set()


def test_options_of_other_scripts() -> None:
    """104 names that sdxl_train.py lacks, with their scripts, those for SDXL first, then those for Stable Diffusion."""
    rows = json.loads((Path(__file__).parents[3] / "fork_wrapper/sdscripts/elsewhere.json").read_text("utf-8"))
    assert rows["commit"] == pinned_commit()
    assert len(rows["options"]) == 104
    assert rows["options"].keys() & options().keys() == set()
    assert all(elsewhere(name) and "sdxl_train.py" not in elsewhere(name) for name in rows["options"])
    assert elsewhere("unet_lr")[:3] == ("sdxl_train_network.py", "train_network.py", "anima_train_network.py")
    assert elsewhere("stop_text_encoder_training") == ("train_db.py",)
    assert (elsewhere("seed"), elsewhere("no_such_name")) == ((), ())


def test_names_of_the_gui() -> None:
    """A key of the GUI that sd-scripts calls otherwise: never a name that sd-scripts knows, always to one it knows."""
    names = json.loads((Path(__file__).parents[3] / "fork_wrapper/sdscripts/gui_names.json").read_text("utf-8"))
    known = options().keys() | dataset_keys().keys()
    assert names.keys() & known == set()
    assert set(names.values()) - known == set()
    assert {name: gui_name(name) for name in ("epoch", "max_resolution", "optimizer", "image_folder", "seed")} == {
        "epoch": "max_train_epochs",
        "max_resolution": "resolution",
        "optimizer": "optimizer_type",
        "image_folder": "image_dir",
        "seed": None,
    }


SEED = Option(name="seed", type="int", default=None)
OTHER = Table(
    commit="c0ffee",
    options={
        **{f"more_{number}": replace(SEED, name=f"more_{number}") for number in range(98)},
        "new": Option(name="new", type="any", default=[1, 2]),
        "seed": replace(SEED, default=1, choices=(1, None)),
    },
)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A cache that keeps the table of another commit."""
    assert keep(OTHER, tmp_path) == tmp_path / "options-c0ffee.json"
    return tmp_path


def test_a_kept_table_is_found_by_its_commit(other: Path) -> None:
    """Whole, and with our line for the options that the pinned commit has too."""
    found = table_for("c0ffee", other)
    assert found is not None
    assert found.options["new"] == OTHER.options["new"]
    assert found.options["seed"] == replace(OTHER.options["seed"], line=options()["seed"].line)
    assert table_for(pinned_commit(), other) is pinned_table()
    assert (table_for("beef", other), table_for(None, other)) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"commit": "c0ffee", "options": {"seed": 1}}', None),
        pytest.param("[" * 200_000, id="deep"),
        '{"commit": "c0ffee", "options": {}}',
    ],
)
def test_a_kept_table_that_is_none_is_not_believed(other: Path, text: str | None) -> None:
    """A damaged file, or one that was renamed, is as good as absent: it can be made again."""
    path = other / "options-c0ffee.json"
    if text is None:
        path.rename(other / "options-beef.json")
        assert table_for("beef", other) is None
    else:
        path.write_text(text)
        assert table_for("c0ffee", other) is None


def test_a_kept_table_must_be_whole(tmp_path: Path) -> None:
    """One option too few, or one type that does not exist, and the file is as good as absent."""
    for cut in (
        {name: row for name, row in OTHER.options.items() if name != "new"},
        {**OTHER.options, "new": replace(OTHER.options["new"], type="weird")},
    ):
        keep(replace(OTHER, options=cut), tmp_path)
        assert table_for("c0ffee", tmp_path) is None
    keep(OTHER, tmp_path)
    assert table_for("c0ffee", tmp_path) is not None


def test_one_table_is_in_force() -> None:
    """Ours, but within `using`; looked for once, and only when an option is asked for."""
    looked: list[int] = []

    def find() -> Table:
        looked.append(1)
        return OTHER

    with using(find):
        assert looked == []
        assert list(options()) == list(options()) == list(OTHER.options)
        assert looked == [1]
        assert effective({"seed": 7, "gone": 1}, CONFIG, DATASET).keys() == {
            *(*OTHER.options, "config_file", "dataset_config")
        }
        with using(lambda: None):
            assert options() is pinned_table().options
        assert options() is OTHER.options
    assert options() is pinned_table().options


def test_the_table_in_force_is_restored_after_an_error() -> None:
    """A command that fails leaves nothing behind."""
    with pytest.raises(ZeroDivisionError), using(lambda: OTHER):
        assert 1 / (len(options()) - 100)
    assert options() is pinned_table().options


def test_changes_between_two_tables() -> None:
    """What came, what went, and what is not what it was, by name."""
    old = Table(commit="1", options={"gone": replace(SEED, name="gone"), "same": SEED, "seed": SEED})
    new = Table(
        commit="2",
        options={
            "same": replace(SEED, line="other words"),
            "seed": replace(SEED, type="str", default="", choices=("",)),
        }
        | {"came": replace(SEED, name="came", type="bool")},
    )
    assert changes(old, new) == (
        Change(name="came", what="added", after="bool"),
        Change(name="gone", what="removed", before="int"),
        Change(name="seed", what="type", before="int", after="str"),
        Change(name="seed", what="default", before=None, after=""),
        Change(name="seed", what="choices", before=(), after=("",)),
    )
    assert changes(pinned_table(), pinned_table()) == ()


def test_a_table_is_in_the_order_of_names() -> None:
    """However the parser says them."""
    rows = {"b": {"type": "int", "default": 1}, "a": {"type": "str", "default": None, "choices": [None, "x"]}}
    assert table({"commit": "1", "options": rows}) == Table(
        commit="1",
        options={
            "a": Option(name="a", type="str", default=None, choices=(None, "x")),
            "b": Option(name="b", type="int", default=1),
        },
    )
    assert list(table({"commit": "1", "options": rows}).options) == ["a", "b"]


def test_what_toml_may_hold_for_an_argument() -> None:
    """Flags, lists, paths and plain types by name; `any` for what only the parser itself could judge."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--flag", action="store_true")
    parser.add_argument("--off", action="store_false")
    parser.add_argument("--both", action=argparse.BooleanOptionalAction)
    parser.add_argument("--text", choices=[None, "x"])
    parser.add_argument("--path", type=Path, default=Path("a"))
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--list", nargs="*")
    parser.add_argument("--some", nargs="+", type=str)
    parser.add_argument("--pair", nargs=2, type=float)
    parser.add_argument("--numbers", nargs="*", type=int)
    parser.add_argument("--own", type=lambda text: text.split("x"))
    rows = {action.dest: describe(action) for action in parser._actions}
    assert {name: row["type"] for name, row in rows.items()} == {
        **dict.fromkeys(("flag", "off", "both"), "bool"),
        **dict.fromkeys(("text", "path"), "str"),
        **dict.fromkeys(("list", "some"), "list[str]"),
        **dict.fromkeys(("pair", "numbers", "own"), "any"),
        "count": "int",
    }
    assert rows["text"] == {"type": "str", "default": None, "choices": [None, "x"]}
    assert [rows[name]["default"] for name in ("flag", "off", "both", "count")] == [False, True, None, 3]
