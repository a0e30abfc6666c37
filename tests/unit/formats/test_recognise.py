"""What a file is, by its content: read by the right reader, or refused by name of what it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats import recognise
from fork_wrapper.formats.grouped_files import read_all
from fork_wrapper.formats.recognise import is_experiment, is_literal_command, read_any
from tests.unit.formats.conftest import Make

RUN = "accelerate launch sdxl_train.py --seed=1"
TOML = "learning_rate = 1e-5\nseed = 1\n"
GUI = {
    "sdxl_checkbox": True,
    "learning_rate": 1e-5,
    "train_batch_size": 4,
    "epoch": 1,
    "seed": "1",
    "lr_scheduler": "constant",
    "image_folder": "/i",
    "output_name": "x",
    "mixed_precision": "bf16",
}
LORA = {**GUI, "LoRA_type": "Standard", "network_dim": 8}


def notebook(*sources: Any) -> dict[str, Any]:
    """A notebook of these cells of code."""
    return {"nbformat": 4, "cells": [{"cell_type": "code", "source": source} for source in sources]}


@pytest.mark.parametrize(
    ("name", "content", "kind", "what"),
    [
        ("a.sh", RUN, "command", "a command line of sdxl_train.py, line 1"),
        ("a.log", f"\ufeffx\n{RUN}", "command", "a command line of sdxl_train.py, line 2"),
        ("a.log", f"x\r\n{RUN}".encode("utf-16"), "command", "a command line of sdxl_train.py, line 2"),
        ("README", f"text\n```sh\n{RUN}\n```", "command", "a command line of sdxl_train.py, line 3"),
        ("a.ipynb", notebook("x", [f"!{RUN}\n", "y"]), "command", "a command line of sdxl_train.py, line 2"),
        ("a.json", notebook(f"!{RUN}", 5), "command", "a command line of sdxl_train.py, line 1"),
        ("a.toml", TOML, "config", "a config TOML of sd-scripts"),
        ("a.txt", TOML, "config", "a config TOML of sd-scripts"),
        ("a.toml", f"[general]\n{TOML}", "config", "a config TOML of sd-scripts"),
        (
            "config_finetune-20240101-000000.toml",
            TOML,
            "config",
            "the TOML that a kohya_ss GUI started sd-scripts with",
        ),
        ("tmpfilefinetune.toml", TOML, "config", "the TOML that a kohya_ss GUI started sd-scripts with"),
        ("a.toml", "[general]\nflip_aug = true\n", "dataset", "a dataset config of sd-scripts"),
        ("a.json", {"datasets": []}, "dataset", "a dataset config of sd-scripts"),
        ("a.txt", {"datasets": []}, "dataset", "a dataset config of sd-scripts"),
        ("a.json", GUI, "gui-finetune", None),
        ("a.cfg", GUI, "gui-finetune", None),
        ("a.json", {"training": {"seed": 1}, "dataset": {}}, "config", "an export of kft"),
    ],
)
def test_what_is_read(make: Make, name: str, content: Any, kind: str, what: str | None) -> None:
    """Each form of file under its usual name, and where the suffix says nothing, by what stands in it."""
    found = read_any(make(name, content))
    assert (found.kind, found.path.name) == (kind, name)
    assert what in (None, found.what)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.json", "", "it is empty"),
        ("a.txt", " \n\t", "it is empty"),
        ("a.ckpt", b"\x80", "such files hold no configuration"),
        ("a.txt", "hello", "nothing kft knows"),
        ("a.sh", "accelerate launch train_x.py --a 1", "it starts train_x.py, which is no script of sd-scripts"),
        (
            "a.bat",
            "python D:\\a\\wan_train_network.py",
            "it starts wan_train_network.py, which is no script of sd-scripts",
        ),
        ("a.sh", "torchrun --n 2 train_text_to_image_sdxl.py", "it starts train_text_to_image_sdxl.py, which is no "),
        ("a.sh", "python train_network.py --seed 1", "line 1 starts train_network.py, which trains a LoRA for SD 1.x "),
        ("a.ipynb", notebook("x"), "it starts no sdxl_train.py"),
        ("a.yaml", "---\njob: extension\nconfig:\n  name: x\n", "it is a config of ai-toolkit"),
        ("a.yaml", "compute_environment: LOCAL_MACHINE\n", "it is a config of accelerate"),
        ("a.json", [1], "its content is JSON, but a list"),
        ("a.json", "5", "its content is JSON, but a single value"),
        ("a.json", {}, "its content is a JSON object that no program of the family writes (empty)"),
        ("a.json", {"b": 1, "c": 2}, "its content is a JSON object that no program of the family writes (b, c)"),
        ("a.json", {"x.png": {"tags": "y"}}, "its content is image metadata of sd-scripts: a GUI file or a dataset "),
        ("a.json", {"training_method": "LORA", "model_type": "SDXL"}, "its content is a config of OneTrainer"),
        ("a.json", {"--model_type": "lora"}, "its content is a config of SimpleTuner"),
        ("a.json", {"model_type": "lora", "model_family": "sdxl"}, "its content is a config of SimpleTuner"),
        ("a.json", {"resume_ckpt": "x"}, "its content is a config of EveryDream2"),
        ("a.json", {"nodes": [], "links": []}, "its content is a workflow of ComfyUI"),
        ("a.json", {"_class_name": "x"}, "its content is a part of a Diffusers model"),
        ("a.json", {"architectures": ["x"]}, "its content is a part of a Transformers model"),
        ("a.json", LORA, "it is a LoRA (Standard) of the kohya_ss GUI"),
        ("a.json", {**GUI, "num_vectors_per_token": 4}, "it is a textual inversion of the kohya_ss GUI"),
        ("a.json", {**GUI, "sdxl_checkbox": False}, "it trains an SD 1.x model: its sdxl_checkbox box is not ticked"),
        ("a.toml", f"{TOML}network_module = 'networks.lora'", "it trains a LoRA: it sets network_module"),
        ("a.txt", f"{TOML}[x]\nnetwork_dim = 4\nunet_lr = 1.0", "it trains a LoRA: it sets network_dim, unet_lr"),
        ("a.toml", f"{TOML}token_string = 'x'", "it trains a textual inversion"),
        ("a.toml", f"{TOML}ae = 'x'\nclip_l = 'y'\nt5xxl = 'z'", "it trains a FLUX.1 model: it sets ae, t5xxl"),
        ("a.toml", f"{TOML}clip_g = 'y'\nt5xxl = 'z'", "it trains an SD3 model: it sets clip_g, t5xxl"),
        ("a.toml", f"{TOML}ae = 'y'\ngemma2 = 'z'", "it trains a Lumina model: it sets gemma2, ae"),
        ("a.toml", f"{TOML}v2 = true", "it trains an SD 2.x model: its v2 is set"),
        (
            "a.toml",
            f"{TOML}pretrained_model_name_or_path = 'runwayml/stable-diffusion-v1-5'",
            "it trains an SD 1.x model: its base model is runwayml/stable-diffusion-v1-5",
        ),
        (
            "a.toml",
            f"{TOML}pretrained_model_name_or_path = 'D:\\m\\v1-5-pruned.safetensors'",
            "it trains an SD 1.x model: its base model is D:\\m\\v1-5-pruned.safetensors",
        ),
        ("a.toml", "max_vectors = 4\nx = 1", "it holds no option of sdxl_train.py"),
        ("a.toml", "[training]\nseed = 1\n", "it is an experiment of kft already"),
        ("a.toml", "[settings]\nuse_shell = false\n", "it holds the kohya_ss GUI's own settings, not a training"),
        ("a.toml", "seed = 1\nnum_last_block_to_freeze = 2\ntrain_t5xxl = true\n", "it is for sd3_train.py, which "),
        ("a.txt", b"\xff\xfe\x00", "byte 2 is not UTF-16"),
        ("a.sh", b"\x80abc", "byte 0 is not UTF-8"),
        ("a.toml", "a = \n", "there is no value behind the ="),
        ("a.safetensors", "x", "not a complete safetensors file"),
    ],
)
def test_what_is_refused(make: Make, name: str, content: Any, what: str) -> None:
    """By name of what it is, with the file and a next step."""
    path = make(name, content)
    with pytest.raises(InputError) as caught:
        read_any(path)
    (finding,) = caught.value.findings
    assert finding.what[: len(what)] == what
    assert str(path) in finding.where
    assert finding.todo


def test_long_files(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config is as long as a log; a log with a command in it may be."""
    monkeypatch.setattr(recognise, "LARGEST", 1000)
    for name in ("a.json", "a.toml", "a.txt"):
        with pytest.raises(InputError, match="it holds 1,001 characters, and no config is that long"):
            read_any(make(name, "x" * 1001))
    assert read_any(make("a.log", "x\n" * 1000 + RUN)).what == "a command line of sdxl_train.py, line 1001"


def test_what_only_looks_foreign(make: Make) -> None:
    """Empty values of other scripts, and names that hold a model's, make no config a foreign one."""
    for more in ("network_module = ''", "pretrained_model_name_or_path = '/m/sd15_to_xl.safetensors'", "v2 = false"):
        assert read_any(make("a.toml", f"{TOML}{more}")).kind == "config"


def test_folders_and_files_that_are_not_there(tmp_path: Path) -> None:
    """A folder is one, whatever it is called; a file that is not there cannot be read."""
    (tmp_path / "a.json").mkdir()
    for name, what in (("a.json", "it is a folder"), ("b.json", "No such file or directory")):
        with pytest.raises(InputError) as caught:
            read_any(tmp_path / name)
        assert [one.what for one in caught.value.findings] == [what]
    with pytest.raises(InputError, match="File name too long"):
        read_any(tmp_path / ("a" * 5000))


def test_a_config_brings_its_dataset_config(make: Make) -> None:
    """The file that it names, where that can be found; one that cannot stays named."""
    make("data.toml", "[general]\nflip_aug = true\n")
    found = read_any(make("a.toml", f"{TOML}dataset_config = '/gone/data.toml'"))
    assert (found.dataset, len(found.files)) == ({"general": {"flip_aug": True}}, 2)
    assert found.files[1].what == "the dataset config that it names"
    assert read_any(make("b.toml", f"{TOML}dataset_config = '/gone/other.toml'")).dataset is None
    with_form = read_any(make("c.json", {**GUI, "dataset_config": "data.toml"}))
    assert with_form.dataset == {"general": {"flip_aug": True}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [(RUN, True), ("sdxl_train.py --seed 1", True), ("sdxl_train.py", False), ("a file.json", False), ("", False)],
)
def test_typed_commands(text: str, expected: bool) -> None:
    """Words with a training script among them."""
    assert is_literal_command(text) is expected


def test_experiments() -> None:
    """Tables of an experiment, and at least one."""
    assert is_experiment({"training": {}, "origin": {}})
    assert not is_experiment({})
    assert not is_experiment({"training": {}, "seed": 1})


def test_records_are_records(make: Make) -> None:
    """Whatever says that it is a run or a sidecar is read as one, damaged ones included."""
    for content, what in (
        ({"kind": "run"}, "it has schema version None, this kft reads up to 1"),
        ({"kind": "sidecar", "schema_version": 1}, "missing or damaged: experiment, training, dataset, toml, launch, "),
    ):
        with pytest.raises(InputError) as caught:
            read_any(make("a.json", content))
        assert caught.value.findings[0].what[: len(what)] == what


def test_a_notebook_of_odd_cells(make: Make, checkpoint: Callable[..., Path]) -> None:
    """Cells that are none are passed over."""
    cells: list[Any] = [1, None, {"cell_type": "markdown", "source": RUN}, {"cell_type": "code"}]
    cells.append({"cell_type": "code", "source": [f"!{RUN} \\\n", "  --clip_skip 2"]})
    assert read_any(make("a.ipynb", json.dumps({"cells": cells}))).options == {"seed": 1, "clip_skip": 2}
    header = checkpoint("a.safetensors", {"modelspec.architecture": "stable-diffusion-xl-v1-base"})
    assert read_any(header).kind == "checkpoint"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("seed = 1\nlearning_rate = 1e-5\n", "a training config: it sets seed, learning_rate"),
        ("[training]\nseed = 1\n", "an experiment of kft"),
        ("a = 1\n", "something else: it has no [[datasets]]"),
    ],
)
def test_what_is_named_as_a_dataset_config_and_is_none(make: Make, text: str, what: str) -> None:
    """Said in one line, and none of it taken for the data set; by a config, by a form, by a command."""
    make("other.toml", text)
    named = {"dataset_config": "other.toml"}
    for name, content in (
        ("a.toml", "clip_skip = 2\ndataset_config = 'other.toml'\n"),
        ("a.json", {**GUI, **named}),
        ("a.sh", f"{RUN} --dataset_config other.toml"),
    ):
        found = read_any(make(name, content))
        (left,) = [one for one in found.left_out if one.key == "dataset_config"]
        assert (left.value, left.why) == ("other.toml", f"it is no dataset config but {what}")
        assert (found.dataset, "dataset_config" in found.options) == (None, False)


def test_a_dataset_config_as_a_config_file(make: Make) -> None:
    """It sets no option, and is named."""
    make("data.toml", "[general]\nflip_aug = true\n[[datasets]]\n")
    found = read_any(make("a.sh", f"{RUN} --config_file data.toml"))
    assert found.notes == ("its --config_file data.toml is a dataset config: it sets no option",)


def test_an_empty_dataset_config(make: Make) -> None:
    """Such as an export of a training without images has: it belongs to the config beside it, and is nothing alone."""
    train = make("train.toml", "seed = 1\ndataset_config = 'dataset.toml'\n")
    empty = make("dataset.toml", "")
    (found,) = read_all([str(train), str(empty)], gui_version=None, images=None)
    assert (found.options["seed"], found.dataset) == (1, {})
    assert found.notes == ("dataset.toml is empty: it names no images",)
    with pytest.raises(InputError, match="it is empty"):
        read_all([str(empty)], gui_version=None, images=None)


def test_a_json_in_quotes(make: Make) -> None:
    """Someone has copied it out of a program: it is what it is within."""
    assert read_any(make("a.json", json.dumps(json.dumps({"training": {"seed": 1}, "dataset": {}})))).options == {
        "seed": 1
    }
    with pytest.raises(InputError, match="JSON, but a single value"):
        read_any(make("a.json", '"{"'))
