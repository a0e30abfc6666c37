"""What a machine lacks: everything at once, each with its next step; and what the finished messages look like."""

import shutil
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fork_wrapper.check import preflight
from fork_wrapper.machine.provenance import GitState
from fork_wrapper.sdscripts.options import pinned_commit
from tests.builders.sdxl_layout import sdxl_tensors, write_sparse
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an NVIDIA GPU, wherever the tests run."""
    monkeypatch.setattr(preflight, "gpus", lambda: ())


@pytest.fixture
def bare_python(tmp_path: Path) -> str:
    """A Python without any package."""
    venv.create(tmp_path / "bare", with_pip=False)
    return str(tmp_path / "bare" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))


def test_a_base_model_on_the_hub_is_not_missing(kft: Kft) -> None:
    """Its version looks like a suffix."""
    name = "stabilityai/stable-diffusion-xl-base-1.0"
    answer = kft("check", "first", "--set", f"pretrained_model_name_or_path={name}")
    assert "the base model will be fetched from the Hugging Face Hub by the trainer" in answer.err + answer.out
    assert "the base model is missing" not in answer.err + answer.out


def test_a_machine_with_nothing_gets_the_complete_list(kft: Kft, project: Path, bare_python: str) -> None:
    """Model, images, sd-scripts, packages and GPU in one answer, and the rehearsal as the last line."""
    answer = kft("run", "first", "--python", bare_python)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.replace(bare_python, "PYTHON") == (
        "error: cannot run first: 5 things stand against it\n"
        "  • the base model is missing  [path-unusable]\n"
        "    PROJECT/models/base.safetensors\n"
        "    → download it from https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0, or say where your "
        "models are: `models` in kft.local.toml\n"
        "  • sd-scripts is missing  [sd-scripts-missing]\n"
        "    PROJECT/third_party/sd-scripts\n"
        "    → git submodule update --init third_party/sd-scripts, or name an existing checkout: `sd_scripts` in "
        "kft.local.toml\n"
        "  • the trainer's Python lacks torch, torchvision, accelerate, transformers, diffusers, safetensors, "
        "huggingface-hub, toml, voluptuous, einops, opencv-python, imagesize, ftfy, numpy, pillow, tqdm, rich, "
        'tensorboard (for log_with = "tensorboard")  [trainer-python]\n'
        "    PYTHON\n"
        '    → "PYTHON" -m pip install -c constraints.txt -e ".[train]"\n'
        "  • no NVIDIA GPU was found  [gpu-missing]\n"
        "    nvidia-smi\n"
        "    → install the NVIDIA driver, or run on a machine with a GPU (this configuration takes at least "
        "42614 MiB of its memory)\n"
        "  • no training images: the image folder does not exist  [missing-dir]\n"
        "    PROJECT/datasets/pictures (dataset.datasets[0].subsets[0].image_dir)\n"
        "    → put the images and captions there, or say where your data sets are: `datasets` in kft.local.toml\n"
        "  • note: without a GPU the whole way can still be rehearsed, in about a minute\n"
        "    → kft run first --rehearse\n"
    )
    assert not (project / "runs").exists()


def test_check_says_the_same_with_exit_code_1(kft: Kft, bare_python: str) -> None:
    """`kft check` puts the findings on stdout, as data; the experiment itself is fine."""
    answer = kft("check", "first", "--python", bare_python)
    assert answer.code == 1
    assert answer.out.count("  • ") - answer.out.count("  • note: ") == 5
    title, verdict = answer.err.splitlines()
    assert title == "first: 6 options, all known and well typed"
    assert verdict.startswith("not ready to run (5 errors, ")


def found(answer: Answer, what: str) -> str:
    """The finding that begins with `what`: its place and next step."""
    lines = (answer.err + answer.out).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(f"  • {what}")]
    assert len(starts) == 1, answer
    return "\n".join(lines[starts[0] : starts[0] + 3])


@pytest.mark.parametrize(
    ("state", "git", "message"),
    [
        (
            GitState(commit=None, dirty=None),
            True,
            "  • warning: sd-scripts is not a git checkout: its commit cannot be recorded  [sd-scripts-commit]\n"
            "    PROJECT/sd-scripts\n"
            "    → use a git checkout of it, or the submodule: git submodule update --init third_party/sd-scripts",
        ),
        (
            GitState(commit=None, dirty=None),
            False,
            "  • warning: git is missing: the commit of sd-scripts cannot be recorded  [sd-scripts-commit]\n"
            "    PROJECT/sd-scripts\n"
            "    → install git",
        ),
        (
            GitState(commit=pinned_commit(), dirty=True),
            True,
            "  • warning: sd-scripts has local changes: the commit alone does not say what trained  "
            "[sd-scripts-commit]\n"
            "    PROJECT/sd-scripts\n"
            "    → git -C PROJECT/sd-scripts stash, or commit them",
        ),
        (
            GitState(commit="c0ffee", dirty=False),
            True,
            "  • warning: sd-scripts is at c0ffee; kft's rules are those of 48d368fa (see `kft doctor`)  "
            "[sd-scripts-commit]\n"
            "    PROJECT/sd-scripts\n"
            "    → git -C PROJECT/sd-scripts checkout 48d368fa",
        ),
    ],
)
def test_a_commit_that_does_not_say_what_trains(
    kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch, state: GitState, git: bool, message: str
) -> None:
    """Each has a way out of its own: a checkout of the commit would not end local changes, nor make a repository."""
    (project / "sd-scripts").mkdir()
    (project / "sd-scripts" / "sdxl_train.py").write_text("")
    which = shutil.which
    monkeypatch.setattr(preflight, "git_state", lambda _folder: state)
    monkeypatch.setattr(shutil, "which", lambda name, *more: None if name == "git" and not git else which(name, *more))
    answer = kft("check", "first", "--sd-scripts", "sd-scripts")
    assert found(answer, message.splitlines()[0].removeprefix("  • ")) == message


def test_a_damaged_base_model_is_named(kft: Kft, project: Path) -> None:
    """A truncated download is found before seven gigabytes are loaded."""
    base = project / "models" / "base.safetensors"
    write_sparse(base, sdxl_tensors())
    assert "base model" not in kft("run", "first").err
    with base.open("r+b") as file:
        file.truncate(base.stat().st_size - 1)
    assert found(kft("run", "first"), "the base model is damaged") == (
        "  • the base model is damaged or incomplete  [base-damaged]\n"
        "    PROJECT/models/base.safetensors\n"
        "    → download it again from https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0 and compare its "
        "sha256"
    )


def test_an_empty_data_set_and_captions_of_another_name(kft: Kft, project: Path) -> None:
    """No image is an error; images without the asked caption are a warning that counts what lies beside them."""
    pictures = project / "datasets" / "pictures"
    (pictures / "below").mkdir(parents=True)
    assert found(kft("check", "first"), "no training images") == (
        "  • no training images: the folder holds none  [empty-dir]\n"
        "    PROJECT/datasets/pictures (dataset.datasets[0].subsets[0].image_dir)\n"
        "    → images must lie directly in the folder, not in folders below it"
    )
    for number in range(3):
        Image.new("RGB", (8, 8)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("a caption")
    (pictures / "0.caption").write_text("a caption")
    answer = kft("check", "first", "--set", "dataset.general.caption_extension=.caption")
    assert found(answer, "warning: 2 of 3 images") == (
        "  • warning: 2 of 3 images have no .caption caption  [caption-missing]\n"
        "    PROJECT/datasets/pictures (dataset.datasets[0].subsets[0].image_dir)\n"
        "    → set caption_extension; beside them: 2 have .txt"
    )


def test_captions_default_to_txt(kft: Kft, project: Path) -> None:
    """What kft would render (.txt) is what it checks, not sd-scripts' own .caption."""
    pictures = project / "datasets" / "pictures"
    pictures.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(pictures / "a.png")
    (pictures / "a.txt").write_text("a caption")
    assert "caption" not in kft("check", "first").out


def test_outputs_that_cannot_be_written(kft: Kft, project: Path) -> None:
    """A place where no folder can be made is found before the launch."""
    (project / "file").write_text("")
    assert found(kft("run", "first", "--outputs", "file/runs"), "runs cannot be written") == (
        "  • runs cannot be written  [folder-read-only]\n    PROJECT/file/runs\n"
        "    → fix its permissions, or set `outputs` to another folder"
    )


def test_a_disk_too_small_for_the_checkpoints(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the run would write is counted; where it does not fit, the run starts only by name."""
    pictures = project / "datasets" / "pictures"
    pictures.mkdir(parents=True)
    Image.new("RGB", (1024, 1024)).save(pictures / "a.png")
    (pictures / "a.txt").write_text("a caption")
    free = {"free": 30e9}
    monkeypatch.setattr("fork_wrapper.check.plan.shutil.disk_usage", lambda _path: type("Usage", (), free)())
    flags = ("--set", "max_train_epochs=10", "--set", "save_every_n_epochs=2", "--set", "save_precision=fp16")
    assert found(kft("check", "first", *flags), "checkpoints need") == (
        "  • checkpoints need about 37 GB, 30.0 GB are free  [disk]\n"
        "    PROJECT/runs\n"
        "    → free space, set `outputs` to another disk, or save fewer of them; `--allow disk` starts anyway"
    )
    assert found(kft("check", "first", *flags, "--allow", "disk"), "warning: checkpoints need") == (
        "  • warning: checkpoints need about 37 GB, 30.0 GB are free (allowed: --allow disk)  [disk]\n"
        "    PROJECT/runs\n"
        "    → free space, set `outputs` to another disk, or save fewer of them"
    )
    pruned = ("--set", "max_train_steps=10000", "--set", "save_every_n_steps=10", "--set", "save_last_n_steps=20")
    assert "checkpoints need" not in kft("check", "first", *pruned, "--set", "save_precision=fp16").out
    free["free"] = 5e9
    assert found(kft("run", "first", *flags), "checkpoints need").startswith("  • checkpoints need about 37 GB")


def test_files_that_options_name_must_exist(kft: Kft, project: Path) -> None:
    """A missing VAE, prompts file or state is found now, and a relative path belongs to the working folder."""
    flags = [f"--set={item}" for item in ("vae=./v.safetensors", "sample_prompts=p.txt", "resume=state")]
    answer = kft("check", "first", *flags)
    for key, name in (("vae", "v.safetensors"), ("sample_prompts", "p.txt"), ("resume", "state")):
        assert found(answer, f"{key} names a path that does not exist") == (
            f"  • {key} names a path that does not exist  [path-unusable]\n    PROJECT/{name}\n"
            "    → correct the path, or unset it"
        )
    (project / "p.txt").mkdir()
    (project / "state").write_text("")
    answer = kft("check", "first", *flags)
    for key, is_, should in (("sample_prompts", "a folder", "a file"), ("resume", "a file", "a folder")):
        assert f"→ name {should}, or unset it" in found(answer, f"{key} names {is_}")
    (project / "p.txt").rmdir()
    (project / "p.txt").write_text("a prompt")
    assert "sample_prompts names a path that does not exist" not in kft("check", "first", *flags).out


def test_machines_must_be_able_to_meet(kft: Kft) -> None:
    """A rank that does not exist and a missing address are found before every machine waits for the others."""
    assert found(kft("run", "first", "--machine-rank", "1"), "machine_rank 1 does not exist")
    assert found(kft("run", "first", "--num-machines", "2"), "several machines need the address")


def test_a_rehearsal_needs_a_cache_that_can_be_written(kft: Kft, project: Path) -> None:
    """Found before the trainer builds the miniature there."""
    (project / "file").write_text("")
    (project / "datasets" / "pictures").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(project / "datasets" / "pictures" / "a.png")
    answer = kft("run", "first", "--rehearse", "--cache", "file/cache")
    assert answer.code == 2
    assert found(answer, "the cache cannot be written")


@pytest.mark.skipif(sys.platform == "win32", reason="makes a symbolic link")
@pytest.mark.usefixtures("trainer_packages")  # what comes before the folder must be there
def test_a_run_folder_that_cannot_be_made(kft: Kft, project: Path) -> None:
    """A dead link in the place of the experiment's runs is an error with the place, not an endless search."""
    (project / "datasets" / "pictures").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(project / "datasets" / "pictures" / "a.png")
    (project / "runs").mkdir()
    (project / "runs" / "first").symlink_to("gone")
    answer = kft("run", "first", "--rehearse", "--cache", "cache")
    assert answer.code == 2
    assert "error: the run folder cannot be written\n" in answer.err
    assert "→ set `outputs` to a folder you can write\n" in answer.err


def test_names_that_would_break_the_archive(kft: Kft, project: Path) -> None:
    """An experiment called `record` would overwrite its run's record with a sidecar."""
    (project / "experiments" / "record.toml").write_text("extends = 'first'\n")
    answer = kft("check", "record")
    assert answer.code == 2
    assert "an experiment cannot be called record" in answer.err


def test_nasty_names_pass_unharmed(kft: Kft, project: Path) -> None:
    """Spaces, quotes, ñ and emoji in names and values reach the rendered files as they are."""
    nasty = "año 'uno' \"dos\" 🙂"
    (project / "experiments" / f"{nasty}.toml").write_text("extends = 'first'\n", encoding="utf-8")
    answer = kft("export-config", nasty)
    assert answer.code == 0, answer.err
    assert 'output_name = "año \'uno\' \\"dos\\" 🙂"' in answer.out


def test_the_check_asks_whether_it_can_be_rendered(kft: Kft) -> None:
    """What only rendering finds stands against a launch, too: a value that sd-scripts would read as another."""
    answer = kft("check", "first", "--set", 'metadata_title="')
    assert answer.code == 2
    assert "its TOML reader cannot read back metadata_title" in answer.err
    assert kft("run", "first", "--set", 'metadata_title="').err == answer.err
