"""A command line or a script as what was found: the one command, the files it names, what is accelerate's."""

import logging
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

from fork_wrapper.errors import InputError
from fork_wrapper.formats.commands_import import mentions_training, nearby, read_command
from fork_wrapper.formats.fitted import fit
from fork_wrapper.formats.found import NOTHING
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
        (RUN, "line 1 sets no option of sdxl_train.py", "name a file with a whole command"),
    ],
)
def test_no_command_or_too_many(text: str, what: str, todo: str) -> None:
    """Each with what it is instead and what to do."""
    with pytest.raises(InputError) as caught:
        read_command(text, Path("/a/b.sh"))
    assert str(caught.value) == f"cannot import b.sh\n- {what}\n  in /a/b.sh\n  -> {todo}"


@pytest.mark.parametrize(
    ("launch", "left"),
    [
        (
            "accelerate launch --num_processes 2 --num_machines=1 --mixed_precision=bf16 --multi_gpu "
            "--config_file acc.yaml --num_cpu_threads_per_process=2 --gpu_ids 0,1 --machine_rank 1",
            {
                "--num_processes": ("2", "a setting: num_processes = 2 in kft.local.toml"),
                "--mixed_precision": (
                    "bf16",
                    "accelerate's: sdxl_train.py has an option mixed_precision of its own, and that one counts",
                ),
                "--multi_gpu": ("", "accelerate's: the setting accelerate_args can hold it"),
                "--config_file": ("acc.yaml", "accelerate's own config; the setting accelerate_args can hold it"),
                "--num_cpu_threads_per_process": (
                    "2",
                    "accelerate's: threads of the CPU; the setting accelerate_args can hold it",
                ),
                "--gpu_ids": ("0,1", "accelerate's: the setting accelerate_args can hold it"),
                "--machine_rank": ("1", "a setting: machine_rank = 1 in kft.local.toml"),
            },
        ),
        (
            "srun --ntasks-per-node=1 bash -c 'accelerate launch --num_processes 16",
            {"--ntasks-per-node": "srun's", "--num_processes": "num_processes = 16"},
        ),
        ("!{sys.executable} -m accelerate.commands.launch --num_processes 2", {"--num_processes": "num_processes = 2"}),
        (
            "$ACCELERATE launch --num_processes 2 --gpu_ids 0",
            {"--num_processes": "num_processes = 2", "--gpu_ids": "accelerate_args can hold it"},
        ),
        ("accelerate launch --machine_rank $RANK", {"--machine_rank": "what it was is not said here"}),
        ("mpirun -np 16 -H a,b python -u", {"-np": "num_processes = 16", "-H": "mpirun's"}),
        (
            "srun -N 2 --ntasks=16 --gres gpu:8 python",
            {"-N": "num_machines = 2", "--ntasks": "num_processes = 16", "--gres": "srun's"},
        ),
        (
            "torchrun --nproc-per-node 8 --nnodes=2 --node_rank 1 --master_addr 10.0.0.1 --master_port=29500",
            {
                "--nproc-per-node": "num_processes = 16 in kft.local.toml, 8 on each machine",
                "--nnodes": "num_machines = 2",
                "--node_rank": "machine_rank = 1",
                "--master_addr": "main_process_ip = '10.0.0.1'",
                "--master_port": "main_process_port = 29500",
            },
        ),
        ("python3 -m torch.distributed.run --nproc_per_node 4", {"--nproc_per_node": "num_processes = 4"}),
        ("python -m accelerate.commands.launch --num_processes 4", {"--num_processes": "num_processes = 4"}),
        (
            "deepspeed --num_gpus 8 --include localhost:0",
            {"--num_gpus": "num_processes = 8", "--include": "deepspeed's"},
        ),
        (
            "A=1 CUDA_VISIBLE_DEVICES=0,1 nohup docker run --gpus all image accelerate launch",
            {"CUDA_VISIBLE_DEVICES": "of the environment", "A": "of the environment", "docker": "around the launch"},
        ),
        (
            "export NCCL_P2P_DISABLE=1\nM=4\naccelerate launch --num_processes $M",
            {"NCCL_P2P_DISABLE": "environment", "--num_processes": "num_processes = 4"},
        ),
        (
            "#SBATCH --nodes=2\n#SBATCH -n 16 # all\nsrun python",
            {"--nodes": "num_machines = 2", "-n": "num_processes = 16"},
        ),
        ("$env:A = '1'\npython", {"A": "of the environment"}),
        ("set A=1\r\npython", {"A": "of the environment"}),
        ("%env A=1\n!accelerate launch", {"A": "of the environment"}),
        ("2024-01-01 INFO trainer says python", {}),
        ("accelerate launch --num_processes 1 --num_machines 1 --dynamo_backend no", {}),
    ],
)
def test_what_is_said_before_the_script(launch: str, left: dict[str, str | tuple[str, str]]) -> None:
    """As a setting of kft where there is one, else by name; what a log prints before it is nothing."""
    end = "'" if launch.count("'") == 1 else ""
    found = read_command(f"{launch} sdxl_train.py --seed 1{end}", Path("/a/b.sh"))
    assert {one.key for one in found.left_out} == left.keys()
    for one in found.left_out:
        said = left[one.key]
        if isinstance(said, tuple):
            assert (one.value, one.why) == said
        else:
            assert said in one.why
    assert found.options == {"seed": 1}


def test_secrets_before_the_script_are_none(tmp_path: Path) -> None:
    """A token in the environment is named, and its value goes nowhere."""
    found = fit(read_command("WANDB_API_KEY=hush accelerate launch sdxl_train.py --seed 1", tmp_path / "a.sh")).found
    assert [(one.key, one.value) for one in found.left_out] == [("WANDB_API_KEY", NOTHING)]


FOUND = {
    "xformers": True,
    "optimizer_type": "Adafactor",
    "optimizer_args": ["scale_parameter=False", "relative_step=False"],
    "seed": 3,
}
PLAIN = (
    f"{RUN} --xformers --optimizer_type=Adafactor --optimizer_args scale_parameter=False relative_step=False --seed=3"
)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (
            f"{RUN} --xformers --optimizer_type\n    Adafactor --vae a\n    --seed\n    3\n",
            {"xformers": True, "optimizer_type": "Adafactor", "vae": "a", "seed": 3},
        ),
        ("\n".join(re.findall(".{1,64}", PLAIN)) + "\n", FOUND),
        (
            PLAIN.replace(" relative", " \nrelative").replace(" --optimizer_type", " \n--optimizer_type") + "\n\ndone",
            FOUND,
        ),
        (
            "\n".join(f"> {one}" for one in (RUN, "--seed 1 --optimizer_type", "adafactor --clip_skip 2")),
            {"seed": 1, "optimizer_type": "adafactor", "clip_skip": 2},
        ),
        ("accelerate launch --num_processes\n    1\n    /x/sdxl_train.py --seed\n    1", {"seed": 1}),
    ],
)
def test_lines_that_someone_has_broken(text: str, options: dict[str, object]) -> None:
    """Between words with an indentation, between letters, within a long word: whole, and said."""
    found = read_command(text, Path("/a/b.log"))
    assert found.options == options
    assert "its lines were broken by a console or a log, and are joined here" in found.notes


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            f"{RUN} --seed 1\nAdafactor --max_train_epochs 3",
            "line 2 belongs to the command of line 1, and nothing joins them",
        ),
        (
            f"{RUN} --seed 1\n\n  --max_train_epochs 3",
            "line 3 belongs to the command of line 1, and nothing joins them",
        ),
        (
            f"{RUN} --seed\n    x --vae",
            "the command of line 1 is broken over lines, and it cannot be told where its words end",
        ),
    ],
)
def test_a_part_of_a_command_is_refused(text: str, what: str) -> None:
    """Never a part of it with exit code 0."""
    with pytest.raises(InputError) as caught:
        read_command(text, Path("/a/b.txt"))
    assert [one.what for one in caught.value.findings] == [what]


@pytest.mark.parametrize(
    "after",
    [
        "\necho done",
        "\nif x; then\n  y\nfi",
        "\npython other.py --train_data_dir=x",
        "\nA='--train_data_dir x'",
        "\n  # end",
        "\ntensorboard --logdir x",
        f"\n{RUN} --seed 1",
    ],
)
def test_what_follows_a_command_is_no_part_of_it(after: str) -> None:
    """Other commands stay others."""
    found = read_command(f"{RUN} --seed 1{after}", Path("/a/b.sh"))
    assert (found.options, found.notes) == ({"seed": 1}, ())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'm = "b"\nos.system(f"accelerate launch sdxl_train.py --vae={m} "\n   f"--seed 1")'),
        ("a.py", "m = f\"b\"  # it\ncmd = f'''accelerate launch sdxl_train.py \\\n  --vae {m} \\\n --seed 1'''\n"),
        ("a.py", 'm = "b"\nrun(["accelerate", "launch", "sdxl_train.py", f"--vae={m}", "--seed", str(1)])'),
        ("a.ipynb", 'm = "b" #@param {type:"string"}\n!accelerate launch sdxl_train.py --vae="{m}" --seed $n\n'),
        ("a.ipynb", "m='b'\nn=1\n!cd /x && accelerate launch sdxl_train.py --vae=$m --seed {n}"),
        ("a.sh", 'm=b\ntmux new -d "accelerate launch sdxl_train.py --vae=$m --seed 1"'),
        ("a.sh", 'CMD="accelerate launch sdxl_train.py --vae \'b\'"\neval "$CMD --seed 1"'),
        ("a.sh", 'CMD="accelerate launch --x sdxl_train.py"\n$CMD --vae b --seed 1'),
        ("a.sh", f"srun bash -c 'cd /x && {RUN} --vae b --seed 1; ls'"),
        ("a.sh", f"{RUN} --vae=\u201cb\u201d \u2014seed\u00a01"),
        ("a.sh", f"{RUN} \u2013vae \u2018b\u2019 --seed \u201c1\u201d"),
        ("a.sh", f"{RUN} --vae=b \\  \n  # --xformers \\\n  --seed=1"),
        ("a.sh", f"{RUN} --vae=b \\ # the vae\n  --seed=1"),
        ("a.bat", f"set m=b\r\n{RUN} ^\r\n --vae=%m% ^\r\n --seed=1\r\n"),
        ("a.ps1", f'$m = "b"\r\n{RUN} `\r\n --vae $m `\r\n --seed 1\r\n'),
        ("a.sh", f"set -e; cd /x; source v/bin/activate; nohup {RUN} --vae b --seed 1 2>&1 | tee log &"),
    ],
)
def test_commands_as_people_keep_them(name: str, text: str) -> None:
    """In programs and notebooks, with variables, from word processors, with comments between their lines."""
    found = read_command(text.replace("$n", "1"), Path("/a") / name)
    assert found.options == {"vae": "b", "seed": 1}


@pytest.mark.parametrize("width", range(62, 144, 3))
def test_what_a_log_of_rich_has_broken(width: int) -> None:
    """The way in which the GUI shows its command: at any width, with any long path, all of it arrives."""
    for length in (5, width - 40, width + 30):
        folder = "/".join(["", *(["ab-c"] * (length // 5)), "x.safetensors"])
        options = f"{PLAIN.split(' ', 3)[3]} --vae {folder} --clip_skip 2"
        command = f'accelerate launch --num_processes 2 "/k/sdxl_train.py" {options}'
        printed = StringIO()
        console = Console(width=width, file=printed)
        handler = RichHandler(console=console, highlighter=NullHighlighter(), markup=False, log_time_format="%X-%f")
        record = logging.LogRecord("kohya", logging.INFO, "/k/gui.py", 70, "Executing command: %s", (command,), None)
        for one in (record, logging.makeLogRecord({**record.__dict__, "msg": "done", "args": ()})):
            handler.emit(one)
        text = printed.getvalue()
        assert len(text.splitlines()) > 3
        found = read_command(text, Path("/a/b.log"))
        assert found.options == {**FOUND, "vae": folder, "clip_skip": 2}, text
        assert [one.key for one in found.left_out] == ["--num_processes"]


def test_what_is_mended_is_said() -> None:
    """Typographic signs, and a comment where a shell would have ended the command."""
    found = read_command(f"{RUN} --vae=\u201cb\u201d \\\n # x\n --seed=1", Path("/a/b.sh"))
    assert found.notes == (
        "line 2 is a comment within the command, where a shell would have ended it",
        "typographic quotes, dashes or spaces were read as plain ones",
    )
    plain = read_command(f"{RUN} --vae='\u201cb\u201d \u2014 c'", Path("/a/b.sh"))
    assert (plain.options, plain.notes) == ({"vae": "\u201cb\u201d \u2014 c"}, ())


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
