"""`kft import-config`: the report on stderr, the experiment that is written, and whatever people have lying around."""

import codecs
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.experiment.experiment import load_experiment
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"

SCRIPT = """\
#!/bin/bash
LR=1e-5   # the fourth try
ARGS=(
  --xformers
  --optimizer_args weight_decay=0.01 "betas=0.9,0.99"
)
accelerate launch --num_processes=2 --mixed_precision=bf16 sdxl_train.py \\
  --config_file=old/train.toml --learning_rate $LR "${ARGS[@]}" \\
  --max_train_e 10 --wandb_api_key=hush --network_dim 4 --seed x \\
  --vae "$VAE" 2>&1 | tee train.log
"""
TRAIN = """\
pretrained_model_name_or_path = "PROJECT/models/sd_xl_base_1.0.safetensors"
[settings]
learning_rate = 2e-5
max_train_steps = "5000"
gradient_checkpointing = "false"
output_name = "humanoid 04"
output_dir = "D:/out"
dataset_config = "data.toml"
[extra]
lerning_rate = 1.0
hf_token = "hush"
max_train_steps = 6000
"""
DATA = """\
[general]
caption_extension = ".txt"
[[datasets]]
resolution = 1024
batch_size = 4
max_token_length = 225
[[datasets.subsets]]
image_dir = "PROJECT/datasets/humanoid"
"""


@pytest.fixture
def old(project: Path) -> Path:
    """A folder with a script, the config that it names and the dataset config that that one names."""
    folder = project / "old"
    folder.mkdir()
    (folder / "run.sh").write_text(SCRIPT)
    (folder / "train.toml").write_text(TRAIN.replace("PROJECT", str(project)))
    (folder / "data.toml").write_text(DATA.replace("PROJECT", str(project)))
    return folder


def dated(text: str, project: Path) -> str:
    """A text without today's date, this machine's folder, and digests that depend on it."""
    text = re.sub(r"on \d{4}-\d\d-\d\d, from", "on DATE, from", text.replace(str(project), "PROJECT"))
    return re.sub(r"sha256 [0-9a-f]{64}", "sha256 DIGEST", text)


def test_a_script_with_its_configs(kft: Kft, project: Path, old: Path) -> None:
    """The report says all that differs or stays out; the experiment says it too and can be loaded."""
    answer = kft("import-config", "old/run.sh")
    assert (answer.code, answer.out) == (0, "PROJECT/experiments/humanoid 04.toml\n")
    assert_golden(answer.err, GOLDEN / "import_script.txt")
    written = project / "experiments" / "humanoid 04.toml"
    assert_golden(dated(written.read_text(), project), GOLDEN / "import_script.toml")
    assert "hush" not in answer.err + written.read_text()
    loaded = load_experiment(written)
    assert loaded.training["learning_rate"] == 1e-5
    assert set(loaded.origins.values()) == {"recovered"}
    assert (old / "run.sh").read_text() == SCRIPT
    assert kft("show", "humanoid 04").code == 0


def test_print_writes_nothing(kft: Kft, project: Path, old: Path) -> None:
    """The experiment on stdout, the same report on stderr."""
    before = sorted(project.rglob("*"))
    answer = kft("import-config", "old/train.toml", "--print", "--name", "first")
    assert old.is_dir()
    assert (answer.code, sorted(project.rglob("*"))) == (0, before)
    assert answer.out.startswith("# first: recovered from a config TOML of sd-scripts\n# by kft ")
    assert answer.err.startswith("first: from a config TOML of sd-scripts\n  PROJECT/old/train.toml\n")


def test_json(kft: Kft, old: Path) -> None:
    """The report as values: one entry for each experiment, nothing secret."""
    answer = kft("import-config", "old/run.sh", "--json", "--name", "x")
    (one,) = json.loads(answer.out)
    assert old.is_dir()
    assert (one["name"], one["path"], one["kind"]) == ("x", "PROJECT/experiments/x.toml", "command")
    assert [Path(file["path"]).name for file in one["files"]] == ["run.sh", "train.toml", "data.toml"]
    assert {then["key"]: (then["saved"], then["then"]) for then in one["then"]} == {
        "gradient_checkpointing": ("false", True),
        "learning_rate": (2e-5, 1e-5),
    }
    assert {left["key"]: left["value"] for left in one["left_out"]} == {
        "--num_processes": "2",
        "--mixed_precision": "bf16",
        "datasets[0].max_token_length": 225,
        "hf_token": None,
        "lerning_rate": 1.0,
        "output_dir": "D:/out",
        "output_name": "humanoid 04",
        "wandb_api_key": None,
        "config_file": "old/train.toml",
    }
    assert "hush" not in answer.out


def test_a_typed_command(kft: Kft, project: Path) -> None:
    """A command line as an argument."""
    answer = kft("import-config", "accelerate launch sdxl_train.py --seed 1 --output_name 'a b'")
    assert (answer.code, answer.out) == (0, "PROJECT/experiments/a b.toml\n")
    assert answer.err == (
        "a b: from a command line of sdxl_train.py\n"
        "  PROJECT/command line\n"
        "  1 option, 0 subsets of images\n"
        "  • note: it names no images: no train_data_dir, in_json or dataset_config\n"
        "  left out:\n"
        '    output_name = "a b" (kft manages it)\n'
        "  → kft check 'a b'\n"
    )
    assert load_experiment(project / "experiments" / "a b.toml").training == {"seed": 1}


def test_a_file_twice(kft: Kft, project: Path, old: Path) -> None:
    """The second import is refused, and nothing is replaced."""
    assert kft("import-config", "old/train.toml").code == 0
    written = project / "experiments" / "humanoid 04.toml"
    written.write_text("# mine\n")
    answer = kft("import-config", str(old / "train.toml"))
    assert (answer.code, answer.out, written.read_text()) == (2, "", "# mine\n")
    assert answer.err == (
        "error: nothing was imported\n"
        "  • the file exists\n"
        "    PROJECT/experiments/humanoid 04.toml\n"
        "    → give another --name, or move the file\n"
    )


def test_a_run_comes_back(kft: Kft, project: Path) -> None:
    """An export of an experiment, imported under another name, renders the same configs."""
    assert kft("export-config", "second", "--format", "json", "-o", "out").code == 0
    assert kft("import-config", "out/config.json", "--name", "third").code == 0
    text = (project / "experiments" / "third.toml").read_text()
    assert 'pretrained_model_name_or_path = "{models}/base.safetensors"' in text
    assert 'image_dir = "{datasets}/pictures"' in text
    assert kft("diff", "second", "third").out == ""


def test_usage(kft: Kft) -> None:
    """No file, a version that is none, no images."""
    assert kft("import-config").err.endswith("Missing argument 'FILE...'.\n")
    wrong = kft("import-config", "x.json", "--gui-version", "latest")
    assert (wrong.code, "'latest' is not a version of the GUI, as v24.1.7 is" in wrong.err) == (2, True)
    assert kft("import-config", "x.json", "--images", "0").code == 2


COMMAND = "accelerate launch sdxl_train.py --seed=1"
ODD: dict[str, tuple[str, Any]] = {
    "an empty file": ("a.json", b""),
    "blanks": ("a.toml", b" \n \n"),
    "no UTF-8": ("a.sh", b"\x80\xff" + COMMAND.encode()),
    "half a UTF-16": ("a.txt", codecs.BOM_UTF16_LE + b"abc"),
    "a UTF-16 of a PowerShell": ("a.ps1", codecs.BOM_UTF16_LE + COMMAND.encode("utf-16-le")),
    "a UTF-16 without a mark": ("a.ps1", COMMAND.encode("utf-16-le")),
    "a mark": ("a.sh", codecs.BOM_UTF8 + COMMAND.encode()),
    "a TOML behind a mark": ("a.toml", codecs.BOM_UTF8 + b"seed = 1\nclip_skip = 2\n"),
    "windows lines": ("a.bat", COMMAND.replace(" --", " ^\r\n --").encode()),
    "NaN": ("a.json", b'{"training": {"learning_rate": NaN, "seed": Infinity}, "dataset": {}}'),
    "a huge number": ("a.json", b'{"seed": ' + b"9" * 6000 + b"}"),
    "a huge number in TOML": ("a.toml", b"seed = " + b"9" * 400 + b"\nlearning_rate = " + b"9" * 400),
    "brackets": ("a.json", b"[" * 100_000),
    "tables": ("a.json", b'{"a":' * 900 + b"1" + b"}" * 900),
    "dotted keys": ("a.toml", b".".join([b"a"] * 3000) + b" = 1\n"),
    "a list": ("a.json", b"[1]"),
    "null": ("a.json", b"null"),
    "a key twice": ("a.json", b'{"training": {"seed": 1, "seed": 2}, "dataset": {}}'),
    "half a character": ("a.json", b'{"training": {"caption_prefix": "\\ud800"}, "dataset": {}}'),
    "a null character": ("a.json", b'{"training": {"vae": "a\\u0000", "train_data_dir": "\\u0000"}, "dataset": {}}'),
    "dates": ("a.toml", b"seed = 1979-05-27T07:32:00Z\nclip_skip = 2\nvae = 07:32:00\nwhen = 1979-05-27\n"),
    "prompts that are none": ("a.json", b'{"training": {}, "dataset": {}, "sample_prompts": {}}'),
    "a dataset that is none": ("a.json", b'{"training": {}, "dataset": {"general": 1, "datasets": [2]}}'),
    "only a switch": ("a.sh", b"accelerate launch sdxl_train.py --xformers"),
    "a name that is a path": ("a.toml", b"seed = 1\noutput_name = '../../../etc/x'\n"),
    "a name of control characters": ("a.toml", b'seed = 1\noutput_name = "a\\nb\\u001b[31m"\n'),
    "a long name": ("a.toml", b"seed = 1\noutput_name = '" + b"x" * 300 + b"'\n"),
    "a long path": ("a.toml", b"seed = 1\ntrain_data_dir = '" + b"x" * 5000 + b"'\n"),
    "a long dataset config": ("a.toml", b"seed = 1\ndataset_config = '" + b"x" * 5000 + b"'\n"),
    "a dataset config that is a folder": ("a.toml", b"seed = 1\ndataset_config = '.'\n"),
    "itself for a dataset config": ("a.toml", b"seed = 1\ndataset_config = 'a.toml'\n"),
    "a script without a command": ("a.sh", b"echo sdxl_train.py\n"),
    "bytes for a checkpoint": ("a.safetensors", b"\xff" * 100),
    "a pickle": ("a.ckpt", b"\x80\x02"),
    "an image": ("a.png", b"\x89PNG\r\n\x1a\n"),
    "a record of nothing": ("a.json", b'{"kind": "run", "schema_version": 1}'),
    "a notebook": ("a.ipynb", b'{"cells": [{"cell_type": "code", "source": ["!' + COMMAND.encode() + b'"]}, 1]}'),
}
TAKEN = (
    *("a UTF-16 of a PowerShell", "a mark", "a TOML behind a mark", "windows lines", "NaN", "a huge number in TOML"),
    *("a key twice", "a null character", "dates", "prompts that are none", "a dataset that is none", "only a switch"),
    *("a name that is a path", "a name of control characters", "a long path", "a long dataset config", "a notebook"),
    *("a dataset config that is a folder", "itself for a dataset config"),
)
"""Those that make an experiment; the others are refused."""


@pytest.mark.parametrize("case", ODD)
def test_whatever_lies_around(kft: Kft, project: Path, case: str) -> None:
    """An experiment that can be loaded and exported, or words that say what the file is; never a crash."""
    name, data = ODD[case]
    (project / name).write_bytes(data)
    before = set(project.rglob("*.toml"))
    answer = kft("import-config", name)
    assert answer.code == (0 if case in TAKEN else 2), answer.err
    written = set(project.rglob("*")) - before - {project / name}
    made = [path for path in written if path.suffix == ".toml"]
    if answer.code:
        assert answer.err.startswith("error: nothing was imported\n  • ")
        assert (answer.out, made) == ("", [])
        return
    (path,) = made
    assert path.parent == project / "experiments"
    load_experiment(path)
    assert kft("import-config", name, "--json", "--print").code == 0
    for form in ("toml", "json", "command", "gui-finetune", "gui-dreambooth"):
        assert kft("export-config", path.stem, "--format", form).code == 0


def test_the_odd_files_are_many() -> None:
    """The test above would pass on no cases: this one counts."""
    assert (len(ODD), len(TAKEN), set(TAKEN) <= ODD.keys()) == (37, 19, True)


def test_what_is_no_file(kft: Kft, project: Path) -> None:
    """A folder, nothing, and what no system can have."""
    (project / "dir.toml").mkdir()
    answer = kft("import-config", "dir.toml", "gone.json", "", "x" * 5000)
    assert answer.code == 2
    assert answer.err.replace("x" * 5000, "LONG") == (
        "error: nothing was imported\n"
        "  • it is a folder\n    PROJECT/dir.toml\n    → name the files in it\n"
        "  • No such file or directory\n    PROJECT/gone.json\n    → check the path and its permissions\n"
        "  • it is a folder\n    PROJECT\n    → name the files in it\n"
        "  • File name too long\n    PROJECT/LONG\n    → check the path and its permissions\n"
    )


def test_no_secret_is_told(kft: Kft, project: Path) -> None:
    """Not as saved, not as effective, not as left out: not in the file, the report or the JSON."""
    form = {
        **dict.fromkeys(("epoch", "seed", "clip_skip", "keep_tokens", "min_snr_gamma", "noise_offset", "lr_warmup"), 0),
        "sdxl_checkbox": True,
        "image_folder": "/nowhere",
        "train_dir": "/nowhere",
        "output_name": "first2",
        "wandb_api_key": "HUSH1",
        "huggingface_token": "HUSH2",
        "extra_accelerate_launch_args": "--token HUSH3",
        "additional_parameters": "--wandb_api_key HUSH4 --huggingface_token HUSH5",
    }
    (project / "form.json").write_text(json.dumps(form), encoding="utf-8")
    told = kft("import-config", "form.json", "--json")
    assert told.code == 0
    everything = told.out + told.err + (project / "experiments" / "first2.toml").read_text(encoding="utf-8")
    assert "HUSH" not in everything
    assert everything.count("a secret: set the environment variable WANDB_API_KEY") == 3
