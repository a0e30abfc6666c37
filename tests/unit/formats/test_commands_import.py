"""A command line or a script as what was found: the one command, the files it names, what is accelerate's."""

from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats.commands_import import mentions_training, nearby, read_command
from tests.unit.formats.conftest import Make

RUN = "accelerate launch sdxl_train.py"


@pytest.mark.parametrize(
    ("text", "line", "options"),
    [
        (f"{RUN} --seed=1", 1, {"seed": 1}),
        (f"#!/bin/sh\ncd x\n{RUN} --seed 1 > log 2>&1 &\n", 3, {"seed": 1}),
        ("python -m accelerate.commands.launch /s/sdxl_train.py --seed 1", 1, {"seed": 1}),
        ("sudo nohup env X=1 CUDA_VISIBLE_DEVICES=0 ./venv/bin/python sdxl_train.py --seed 1", 1, {"seed": 1}),
        ("C:\\v\\Scripts\\accelerate.exe launch C:\\s\\sdxl_train.py --seed 1", 1, {"seed": 1}),
        ("!accelerate launch ./sdxl_train.py --seed 1", 1, {"seed": 1}),
        ("@echo off\r\ncall v\\activate\r\naccelerate launch sdxl_train.py ^\r\n --seed 1 & pause\r\n", 3, {"seed": 1}),
        (f"cat > a.sh <<EOF\n{RUN} --seed 1\nEOF\n", 2, {"seed": 1}),
        ("./sdxl_train.py --seed 1", 1, {"seed": 1}),
        (f"{RUN} --seed 1\n{RUN} --seed 1", 1, {"seed": 1}),
        (f"{RUN} --seed 1\npython sdxl_train.py --seed 1", 1, {"seed": 1}),
        (f"look into sdxl_train.py\npython gen.py --x sdxl_train.pyc\n{RUN} --seed 1", 3, {"seed": 1}),
        (f"{RUN} --seed 1\naccelerate launch train_network.py --seed 2", 1, {"seed": 1}),
        (f"for x in 1; do {RUN} --seed 1 --output_name $x; done", 1, {"seed": 1, "output_name": "$x"}),
    ],
)
def test_the_one_command(text: str, line: int, options: dict[str, object]) -> None:
    """Whatever stands before and around it, with the line on which it begins."""
    found = read_command(text, Path("/a/b.sh"))
    assert (found.options, found.what) == (options, f"a command line of sdxl_train.py, line {line}")
    assert (found.kind, found.dataset, found.name) == ("command", None, options.get("output_name", "b"))


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        (
            f"{RUN} --seed 1\n{RUN} --seed 2",
            "it starts sdxl_train.py 2 times (lines 1, 2)",
            "copy one command into a file of its own",
        ),
        (
            "x\naccelerate launch train_network.py --seed 1",
            "line 2 starts train_network.py, which trains a LoRA for SD 1.x or 2.x",
            "kft is for full fine-tunes of SDXL, which are sdxl_train.py's",
        ),
        (
            "python flux_train.py --seed 1",
            "line 1 starts flux_train.py, which trains a FLUX.1 model",
            "kft is for full fine-tunes of SDXL, which are sdxl_train.py's",
        ),
        (
            "see sdxl_train.py for more",
            "it starts no sdxl_train.py",
            "name a file with an `accelerate launch ... sdxl_train.py ...` line",
        ),
        (
            f"{RUN} —seed=1",
            "line 1 sets no option of sdxl_train.py: '—seed=1' belongs to no option",
            "name a file with a whole command",
        ),
        (RUN, "line 1 sets no option of sdxl_train.py", "name a file with a whole command"),
    ],
)
def test_no_command_or_too_many(text: str, what: str, todo: str) -> None:
    """Each with what it is instead and what to do."""
    with pytest.raises(InputError) as caught:
        read_command(text, Path("/a/b.sh"))
    assert str(caught.value) == f"cannot import b.sh\n- {what}\n  in /a/b.sh\n  -> {todo}"


def test_what_is_accelerates_is_left_out() -> None:
    """Its flags before the script, but for those that say what kft says anyway."""
    found = read_command(
        "accelerate launch --num_processes 2 --num_machines=1 --mixed_precision=bf16 --multi_gpu "
        "--config_file acc.yaml --num_cpu_threads_per_process=2 sdxl_train.py --seed 1",
        Path("/a/b.sh"),
    )
    assert [(one.key, one.value) for one in found.left_out] == [
        ("--num_processes", "2"),
        ("--multi_gpu", ""),
        ("--config_file", "acc.yaml"),
    ]
    assert {one.why for one in found.left_out} == {
        "accelerate's: see the settings num_processes, num_machines, accelerate_args"
    }


def test_the_files_it_names_are_read(make: Make) -> None:
    """A config file lies under the command line, a dataset config beside it; by their bare names, too."""
    script = make("a.sh", f"{RUN} --config_file /gone/train --dataset_config 'D:\\x\\data.toml' --seed 3")
    make("train.toml", "[x]\nseed = 1\nclip_skip = 2\n[y.z]\na = 1\n")
    make("data.toml", "[general]\nflip_aug = true\n")
    found = read_command(script.read_text(), script)
    assert found.options == {
        "seed": 3,
        "clip_skip": 2,
        "config_file": "/gone/train",
        "dataset_config": "D:\\x\\data.toml",
    }
    assert found.dataset == {"general": {"flip_aug": True}}
    assert [file.path.name for file in found.files] == ["a.sh", "train.toml", "data.toml"]
    assert [file.what for file in found.files[1:]] == [
        "the --config_file that it names",
        "the --dataset_config that it names",
    ]
    assert [one.key for one in found.left_out] == ["z"]
    (then,) = found.then
    assert (then.key, then.saved, then.then) == ("seed", 1, 3)
    assert then.why == "the command line wins over the --config_file"


def test_the_files_it_names_are_elsewhere() -> None:
    """A config that is not here is asked for."""
    found = read_command(f"{RUN} --config_file=gone --dataset_config=gone.toml", Path("/a/b.sh"))
    assert found.notes == ("its --config_file gone is not here: name that file too",)
    assert found.dataset is None


def test_what_a_shell_would_have_filled_in_is_said() -> None:
    """A value with a variable that the text does not set; never a secret."""
    found = read_command(
        f"OUT=/o\n{RUN} --output_dir=$OUT/a --vae '${{VAE}}' --resume \"$(ls)\" --wandb_api_key=$KEY --seed 1",
        Path("/a/b.sh"),
    )
    assert found.options["output_dir"] == "/o/a"
    assert found.notes == (
        "resume holds what a shell or a program would have filled in: $(ls)",
        "vae holds what a shell or a program would have filled in: ${VAE}",
    )


def test_a_typed_command_has_no_line() -> None:
    """It is named as what it is."""
    found = read_command(f"{RUN} --seed 1", Path("/a/command line"), literal=True)
    assert (found.what, found.path.name) == ("a command line of sdxl_train.py", "command line")
    with pytest.raises(InputError) as caught:
        read_command(f"{RUN} --seed 1; {RUN} --seed 2", Path("/a/command line"), literal=True)
    assert caught.value.findings[0].where == "the command line"


def test_scripts_are_known_by_their_whole_name() -> None:
    """Another program's script may end like one of sd-scripts."""
    assert all(map(mentions_training, ("x sdxl_train.py", "/a/sdxl_train.py --x", '"train_db.py"', "a\\fine_tune.py")))
    assert not any(map(mentions_training, ("wan_train_network.py", "sdxl_train.pyc", "my-fine_tune.py", "")))


def test_nearby_files(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As it is named, from the working folder, or by its bare name beside the file that names it."""
    here, beside = make("here/a.toml", ""), make("there/b.toml", "")
    monkeypatch.chdir(here.parent)
    there = beside.parent
    assert nearby(str(here), there) == here
    assert nearby("b.toml", there) == beside
    assert nearby("a.toml", there) == Path("a.toml")
    assert nearby("X:\\old\\b.toml", there) == beside
    assert [nearby(name, there) for name in ("c.toml", "", "a\0b", "x" * 5000, str(tmp_path))] == [None] * 5
