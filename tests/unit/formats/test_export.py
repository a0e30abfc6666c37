"""The forms of a configuration: what goes out, and what cannot."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from fork_wrapper.errors import InputError
from fork_wrapper.files import parse_toml
from fork_wrapper.formats.command_line import words_to_options
from fork_wrapper.formats.export import export, name_of, refuse_to_overwrite
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.run.render import shell_line
from tests.builders.records import recorded

Write = Callable[..., Path]
TEXT = """
    [training]
    seed = 1
    mixed_precision = "bf16"
    xformers = true
    lr_warmup_steps = 2.0
    max_token_length = 75
    caption_prefix = "it's \\"x\\""
    sample_prompts = "a.txt"
    [[dataset.datasets]]
    resolution = 512
"""


@pytest.fixture
def one(write: Write, settings: Settings) -> Source:
    """An experiment with prompts, opened."""
    write("one", TEXT)
    (settings.experiments / "a.txt").write_text("a cat\n", encoding="utf-8")
    return open_source("one", settings)


def test_toml_is_what_would_be_launched(one: Source, settings: Settings, tmp_path: Path) -> None:
    """Both files, with paths of the folder that they go to."""
    made = export(one, settings, "toml", tmp_path / "out")
    assert list(made.files) == ["train.toml", "dataset.toml"]
    train = parse_toml(made.files["train.toml"], tmp_path)
    assert (train["seed"], train["output_name"], train["output_dir"]) == (1, "one", (tmp_path / "out").as_posix())
    assert parse_toml(made.files["dataset.toml"], tmp_path)["datasets"] == [{"resolution": 512}]
    assert made.lost == {}


def test_json_has_both_and_every_option(one: Source, settings: Settings) -> None:
    """And the prompts, where they are known."""
    shown = json.loads(export(one, settings, "json", None).files["config.json"])
    assert shown.keys() == {"training", "dataset", "effective", "effective_dataset", "sample_prompts"}
    assert (shown["training"]["seed"], shown["effective"]["max_train_steps"], len(shown["effective"])) == (1, 1600, 176)
    assert shown["sample_prompts"] == "a cat\n"
    (settings.experiments / "a.txt").unlink()
    assert "sample_prompts" not in json.loads(export(one, settings, "json", None).files["config.json"])


def test_a_command_sets_every_option_by_itself(one: Source, settings: Settings, tmp_path: Path) -> None:
    """One line for this machine's shell; the images are in a file beside it."""
    folder = tmp_path / "the out"
    made = export(one, settings, "command", folder)
    assert list(made.files) == ["command.txt", "dataset.toml"]
    line = made.files["command.txt"]
    assert line.count("\n") == 1
    words = shlex.split(line)
    assert words[:3] == [settings.python, "-m", "accelerate.commands.launch"]
    at = words.index(str(settings.sd_scripts / "sdxl_train.py"))
    found, problems = words_to_options(words[at + 1 :])
    assert problems == ()
    assert found == {
        "seed": 1,
        "mixed_precision": "bf16",
        "xformers": True,
        "caption_prefix": 'it\'s "x"',
        "sample_prompts": (settings.experiments / "a.txt").as_posix(),
        "save_model_as": "safetensors",
        "log_with": "tensorboard",
        "console_log_simple": True,
        "output_dir": folder.as_posix(),
        "output_name": "one",
        "logging_dir": (folder / "logs").as_posix(),
        "dataset_config": str(folder / "dataset.toml"),
    }
    assert made.lost == {
        "lr_warmup_steps": "the command line cannot say the ratio 2.0: from 1 on it takes steps, and 0 is a ratio there"
    }


def test_a_command_alone_lacks_its_images(one: Source, settings: Settings) -> None:
    """Without a folder there is no dataset.toml, and that is said."""
    made = export(one, settings, "command", None)
    assert list(made.files) == ["command.txt"]
    assert made.lost["dataset_config"] == "it names a dataset.toml that is not there: write both with -o FOLDER"
    assert str(settings.outputs / "one" / "exported" / "dataset.toml") in made.files["command.txt"]


def test_the_launcher_of_the_settings(one: Source, settings: Settings) -> None:
    """Several GPUs are in the line, and in the form of the GUI."""
    two = replace(settings, num_processes=2, num_machines=3)
    line = export(one, two, "command", None).files["command.txt"]
    assert "--num_processes 2 --num_machines 3 --multi_gpu" in line
    form = json.loads(export(one, two, "gui-finetune", None).files["one.json"])
    assert (form["num_processes"], form["num_machines"], form["multi_gpu"]) == (2, 3, True)


@pytest.mark.parametrize(("form", "box"), [("gui-finetune", "sdxl_checkbox"), ("gui-dreambooth", "sdxl")])
def test_forms_of_the_gui(one: Source, settings: Settings, tmp_path: Path, form: Any, box: str) -> None:
    """A JSON of the tab, with the dataset config that it names where there is a folder for it."""
    alone = export(one, settings, form, None)
    assert list(alone.files) == ["one.json"]
    assert alone.lost["dataset_config"] == "it names a dataset.toml that is not there: write both with -o FOLDER"
    made = export(one, settings, form, tmp_path / "out")
    assert list(made.files) == ["one.json", "dataset.toml"]
    shown = json.loads(made.files["one.json"])
    assert (shown[box], shown["dataset_config"]) == (True, str(tmp_path / "out" / "dataset.toml"))
    assert "dataset_config" not in made.lost


def test_a_run_goes_out_as_it_was_archived(one: Source, settings: Settings, tmp_path: Path) -> None:
    """Byte for byte, whatever the experiment says now; a training from its command never writes into its folder."""
    run = recorded(one.label, settings)
    (settings.experiments / "a.txt").write_text("another\n", encoding="utf-8")
    source = open_source("one/20260102-030405", settings)
    made = export(source, settings, "toml", tmp_path / "out")
    assert source.record is not None
    assert made.files == {"train.toml": source.record.toml["train"], "dataset.toml": source.record.toml["dataset"]}
    line = export(source, settings, "command", tmp_path / "out").files["command.txt"]
    assert str(run.folder) not in line
    shown = json.loads(export(source, settings, "json", None).files["config.json"])
    assert shown["sample_prompts"] == "a cat\n"
    assert shown["effective"]["config_file"] == str(run.folder / "train")


@pytest.mark.parametrize(("said", "name"), [("../../evil", "_.._evil"), ("/etc/x", "_etc_x"), ("record", "record_")])
def test_a_foreign_name_is_no_path(settings: Settings, tmp_path: Path, said: str, name: str) -> None:
    """No file of an export goes elsewhere, whatever a config says of its name; a header of kft has a plain one."""
    config = tmp_path / "a.toml"
    config.write_text(f"output_name = '{said}'\nseed = 1\n")
    header = tmp_path / "a.safetensors"
    content = {"training": {"seed": 1}, "dataset": {}, "experiment": said}
    save_file({"a": np.zeros(1)}, header, metadata={"modelspec.kft_config": json.dumps(content)})
    source = open_source(str(config), settings)
    assert name_of(source) == name
    assert list(export(source, settings, "gui-finetune", None).files) == [f"{name}.json"]
    line = export(source, settings, "command", None).files["command.txt"]
    assert f"--output_dir={settings.outputs}/{name}/exported" in line
    if "/" in said:
        with pytest.raises(InputError) as caught:
            open_source(str(header), settings)
        assert "damaged" in caught.value.findings[0].what
    else:
        assert name_of(open_source(str(header), settings)) == name


def test_a_header_without_a_name(settings: Settings, tmp_path: Path) -> None:
    """A damaged header is no crash."""
    header = tmp_path / "a.safetensors"
    content: Mapping[str, Any] = {"training": {"seed": 1}, "dataset": {}}
    save_file({"a": np.zeros(1)}, header, metadata={"modelspec.kft_config": json.dumps(content)})
    made = export(open_source(str(header), settings), settings, "json", None)
    assert json.loads(made.files["config.json"])["training"] == {"seed": 1}


def test_a_foreign_file_goes_out_as_it_took_effect(settings: Settings, tmp_path: Path) -> None:
    """With what it holds of an experiment, and no secret."""
    path = tmp_path / "a.toml"
    path.write_text("seed = '7'\nwandb_api_key = 'hush'\noutput_name = 'x'\ntrain_data_dir = '/nowhere'\n")
    source = open_source(str(path), settings)
    files = {form: export(source, settings, form, tmp_path / "out").files for form in ("toml", "json", "command")}
    assert files["toml"]["train.toml"].endswith("seed = 7\n")
    assert files["toml"]["dataset.toml"] == '[[datasets]]\n\n[[datasets.subsets]]\nimage_dir = "/nowhere"\n'
    assert "--seed=7" in files["command"]["command.txt"]
    assert "hush" not in str(files)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Every file that is there is named."""
    there = tmp_path / "a"
    there.touch()
    refuse_to_overwrite([tmp_path / "b"])
    with pytest.raises(InputError) as caught:
        refuse_to_overwrite([there, tmp_path / "b"])
    assert [(one.what, one.where) for one in caught.value.findings] == [("the file exists", str(there))]


def test_a_line_for_each_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quoted as this machine's shell takes it."""
    words = ("a b", "c'd", "e")
    assert shlex.split(shell_line(words)) == list(words)
    monkeypatch.setattr(sys, "platform", "win32")
    assert shell_line(words) == '"a b" c\'d e'
