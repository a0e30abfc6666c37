"""A folder with everything of a source but the weights."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats.bundle import bundle, run_files, write_bundle
from fork_wrapper.formats.gui_keys import fresh_form
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.records import recorded

Write = Callable[..., Path]
CONFIGS = [
    *("README.md", "command.txt", "config.json", "dataset.toml"),
    *("gui-dreambooth-dataset.toml", "gui-dreambooth.json", "gui-finetune-dataset.toml", "gui-finetune.json"),
    "train.toml",
]


@pytest.fixture
def run(write: Write, settings: Settings) -> RunFolder:
    """A run of an experiment with a parent, with weights, states, samples and logs in its folder."""
    write("base", "[training]\nseed = 1\nmax_train_epochs = 2\nsample_prompts = 'a.txt'\n")
    write("one", "extends = 'base'\n[[dataset.datasets]]\nresolution = 512\n")
    (settings.experiments / "a.txt").write_text("a cat\n", encoding="utf-8")
    folder = recorded("one", settings)
    for name in (
        "one.safetensors",
        "one.ckpt",
        "one.json",
        "one-state/optimizer.bin",
        "one-state/x.txt",
        "logs/e",
        "a.tmp",
    ):
        (folder.folder / name).parent.mkdir(exist_ok=True)
        (folder.folder / name).write_text(name)
    return folder


def test_a_bundle_of_an_experiment(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """Every form, the experiment and its parents, its prompts; the forms name the bundle's own dataset configs."""
    assert run.record.is_file()
    folder = tmp_path / "out"
    source = open_source("one", settings)
    made = bundle(source, settings, folder)
    assert list(made.files) == sorted([*CONFIGS, "experiment/base.toml", "experiment/one.toml", "sample_prompts.txt"])
    assert made.files["experiment/one.toml"] == (settings.experiments / "one.toml").read_text()
    for tab in ("finetune", "dreambooth"):
        form = json.loads(made.files[f"gui-{tab}.json"])
        assert form["dataset_config"] == str(folder / f"gui-{tab}-dataset.toml")
    assert made.files["README.md"].startswith(
        "# one\n\nEverything about experiment `one` but the weights, written by kft."
    )
    written = write_bundle(made, source, folder)
    assert sorted(path.relative_to(folder).as_posix() for path in written) == list(made.files)


def test_a_bundle_of_a_run(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """What trained, the packages, the data set's manifest, and the run's folder without its weights."""
    folder = tmp_path / "out"
    source = open_source(str(run.folder), settings)
    made = bundle(source, settings, folder)
    written = {path.relative_to(folder).as_posix(): path for path in write_bundle(made, source, folder)}
    known = [
        "experiment/base.toml",
        "experiment/one.toml",
        "sample_prompts.txt",
        "packages.txt",
        "dataset-manifest.json",
    ]
    own = [f"run/{name}" for name in ("record.json", "train.log", "one.json", "logs/e")]
    assert sorted(written) == sorted([*CONFIGS, *known, *own])
    assert written["packages.txt"].read_text() == "accelerate==1.6.0\ntorch==2.6.0\n"
    assert json.loads(written["dataset-manifest.json"].read_text()) == {"images": 1}
    assert written["run/record.json"].read_bytes() == run.record.read_bytes()
    assert "- `run`: the run folder without its weights" in made.files["README.md"]
    assert source.record is not None
    assert written["train.toml"].read_text() == source.record.toml["train"]


def test_a_bundle_of_a_sidecar(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """The sidecar goes along, the run's folder does not."""
    path = tmp_path / "x.json"
    raw = json.loads(run.record.read_text())
    path.write_text(json.dumps({**raw, "kind": "sidecar", "checkpoint": {"file": "x.safetensors"}}))
    source = open_source(str(path), settings)
    made = bundle(source, settings, tmp_path / "out")
    assert made.files["run/x.json"] == path.read_text()
    assert [name for name in made.files if name.startswith("run/")] == ["run/x.json"]
    assert list(run_files(source)) == []


def test_what_each_form_lost_is_named(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """By form, so that nobody wonders which one."""
    assert run.folder.is_dir()
    (settings.experiments / "one.toml").write_text("extends = 'base'\n[training]\nlr_warmup_steps = 2.0\n")
    lost = bundle(open_source("one", settings), settings, tmp_path / "out").lost
    assert "command: lr_warmup_steps" in lost
    assert {key.split(":")[0] for key in lost} <= {"command", "gui-finetune", "gui-dreambooth"}
    assert not any("dataset.toml is not written" in why for why in lost.values())


def test_names_in_a_record_are_no_paths(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """A record from elsewhere cannot write outside the bundle."""
    raw = json.loads(run.record.read_text())
    raw["experiment"]["files"][0]["name"] = "../../evil"
    run.record.write_text(json.dumps(raw))
    source = open_source(str(run.record), settings)
    folder = tmp_path / "out"
    written = write_bundle(bundle(source, settings, folder), source, folder)
    assert all(path.resolve().is_relative_to(folder.resolve()) for path in written)
    assert (folder / "experiment" / "_.._evil.toml").is_file()


def test_only_into_a_new_folder(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """An empty one is new enough; a file or a folder with something in it is neither."""
    assert run.folder.is_dir()
    source = open_source("one", settings)
    made = bundle(source, settings, tmp_path / "out")
    (tmp_path / "out").mkdir()
    write_bundle(made, source, tmp_path / "out")
    (tmp_path / "file").touch()
    for name in ("out", "file"):
        with pytest.raises(InputError) as caught:
            write_bundle(made, source, tmp_path / name)
        assert [(one.what, one.where) for one in caught.value.findings] == [
            ("the folder is not empty", str(tmp_path / name))
        ]


def test_a_bundle_comes_back(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """Its config.json is what `kft import-config` reads: the same values."""
    assert run.folder.is_dir()
    folder = tmp_path / "out"
    source = open_source("one", settings)
    write_bundle(bundle(source, settings, folder), source, folder)
    back = open_source(str(folder / "config.json"), settings)
    managed = ("output_dir", "output_name", "logging_dir")
    rendered = json.loads((folder / "config.json").read_text())
    plain = {k: v for k, v in rendered["training"].items() if k not in managed and not k.startswith("metadata_kft")}
    assert {**back.training} == plain
    assert back.dataset == rendered["dataset"]


@pytest.mark.parametrize(
    ("values", "goes_along"),
    [
        ({}, True),
        ({"wandb_api_key": "", "huggingface_token": None, "keep_tokens": 1}, True),
        ({"wandb_api_key": "0123abc"}, False),
        ({"additional_parameters": "--huggingface_token 0123abc"}, False),
        ({"additional_parameters": '--wandb_api_key="0123abc"'}, False),
        ({"logging_dir": "https://me:0123abc@example.org/logs"}, False),
    ],
)
def test_a_bundle_hands_no_secret_on(
    settings: Settings, tmp_path: Path, values: dict[str, object], *, goes_along: bool
) -> None:
    """The file it was recovered from goes along, unless it gives a value to a token: then it is named and stays."""
    path = tmp_path / "form.json"
    path.write_text(json.dumps({**fresh_form("finetune"), **values}, indent=2), encoding="utf-8")
    made = bundle(open_source(str(path), settings), settings, tmp_path / "out")
    assert ("source/form.json" in made.files) is goes_along
    assert ("source/form.json" in made.lost) is not goes_along
    assert not [name for name, text in made.files.items() if "0123abc" in text]


def test_sources_of_one_name_both_go_along(settings: Settings, tmp_path: Path) -> None:
    """A config and the dataset config that it names, in another folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.toml").write_text("[general]\n[[datasets]]\nresolution = 512\n", encoding="utf-8")
    (tmp_path / "a.toml").write_text("learning_rate = 1e-5\ndataset_config = 'data/a.toml'\n", encoding="utf-8")
    made = bundle(open_source(str(tmp_path / "a.toml"), settings), settings, tmp_path / "out")
    sources = {name: text for name, text in made.files.items() if name.startswith("source/")}
    assert list(sources) == ["source/2-a.toml", "source/a.toml"]
    assert "resolution" in sources["source/2-a.toml"]


@pytest.mark.parametrize(
    ("other", "second"),
    [
        ("A.toml", "source/2-A.toml"),
        ("a.TOML", "source/2-a.toml"),
        ("\u00e9.toml", "source/\u00e9.toml"),
    ],
)
def test_sources_that_some_disks_do_not_tell_apart(settings: Settings, tmp_path: Path, other: str, second: str) -> None:
    """Both go along under names that Windows and macOS tell apart."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / other).write_text("[general]\n[[datasets]]\nresolution = 512\n", encoding="utf-8")
    (tmp_path / "a.toml").write_text(f"learning_rate = 1e-5\ndataset_config = 'data/{other}'\n", encoding="utf-8")
    made = bundle(open_source(str(tmp_path / "a.toml"), settings), settings, tmp_path / "out")
    sources = {name: text for name, text in made.files.items() if name.startswith("source/")}
    assert set(sources) == {"source/a.toml", second}
    assert "resolution" in sources[second]


def test_experiments_that_some_disks_do_not_tell_apart(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """A record of Linux may have One and one, and two spellings of an accent; a number that is taken is passed over."""
    raw = json.loads(run.record.read_text())
    names = ("one", "One", "2-ONE", "x/y", "x_y", "e\u0301", "\u00c9")
    raw["experiment"]["files"] = [{**raw["experiment"]["files"][0], "name": name, "text": name} for name in names]
    run.record.write_text(json.dumps(raw))
    made = bundle(open_source(str(run.record), settings), settings, tmp_path / "out")
    experiments = {name.removeprefix("experiment/"): text for name, text in made.files.items() if "experiment/" in name}
    assert experiments == {
        "one.toml": "one",
        "2-One.toml": "One",
        "2-2-ONE.toml": "2-ONE",
        "x_y.toml": "x/y",
        "2-x_y.toml": "x_y",
        "e\u0301.toml": "e\u0301",
        "2-\u00c9.toml": "\u00c9",
    }
