"""From a folder of images and a base model to a first run: a real one, with a scripted trainer and a made-up GPU."""

import os
import shutil
from pathlib import Path

import pytest

from tests.builders.real_projects import CARD, RealProject


def test_a_first_run_of_own_images(real: RealProject, tmp_path: Path) -> None:
    """`kft new` beside the examples: nothing of them is in it, the check passes on 24 GB, and it trains."""
    real.machine([CARD])
    made = real.kft("new", "luna", "--images", str(real.datasets / "humanoid"), "--base", _base(real))
    assert made.returncode == 0, made.stderr
    text = (real.folder / "experiments" / "luna.toml").read_text(encoding="utf-8")
    assert 'image_dir = "{datasets}/humanoid"' in text
    assert 'pretrained_model_name_or_path = "{models}/sd_xl_base_1.0.safetensors"' in text
    assert str(tmp_path) not in text
    prompts = (real.folder / "experiments" / "prompts" / "luna.txt").read_text(encoding="utf-8")
    assert "a character, number 0 --w 1024" in prompts
    assert "ortnite" not in text + prompts
    assert [line for line in made.stderr.splitlines() if "→" in line] == [
        "  → kft dataset check luna",
        "  → kft check luna",
        "  → kft run luna --rehearse",
        "  → kft run luna",
    ]
    checked = real.kft("check", "luna")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    warnings = [line for line in checked.stdout.splitlines() if "warning" in line]
    what = "sd-scripts is not a git checkout: its commit cannot be recorded"
    assert warnings == [f"  • warning: {what}  [sd-scripts-commit]"]
    assert real.kft("dataset", "check", "luna").returncode in (0, 1)
    done = real.kft("run", "luna", "--set", "max_train_epochs=2", "--set", "batch_size=3")
    assert done.returncode == 0, done.stderr
    (run,) = real.runs
    record = real.record(run)
    assert (record["run"]["status"], record["run"]["steps"]) == ("completed", 4)
    kinds = {origin["kind"] for origin in record["experiment"]["origins"].values()}
    assert kinds == {"chosen", "kft"}
    again = real.kft("new", "luna_02", "--from", "luna", "--base", _base(real), "--set", "learning_rate=1e-6")
    assert again.returncode == 0, again.stderr
    assert "pretrained" not in (real.folder / "experiments" / "luna_02.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("inside", [False, True])
def test_a_project_of_own_images(real: RealProject, tmp_path: Path, *, inside: bool) -> None:
    """`kft init` points this machine's settings at the folders; images in the new project's own need none."""
    home = tmp_path / "nueva ñ"
    images = home / "datasets" / "blue moon" if inside else tmp_path / "pictures" / "blue moon"
    shutil.copytree(real.datasets / "humanoid", images)
    env = {key: value for key, value in real.env.items() if not key.startswith("KFT_")}
    scripts = ["--sd-scripts", str(_setting(real, "sd_scripts")), "--python", str(_setting(real, "python"))]
    outside = RealProject(folder=real.folder, env=env)
    made = outside.kft("init", str(home), "--images", str(images), "--base", _base(real), *scripts)
    assert made.returncode == 0, made.stderr
    local = (home / "kft.local.toml").read_text(encoding="utf-8")
    assert ("datasets" in local, "models" in local) == (not inside, True)
    text = (home / "experiments" / "blue_moon.toml").read_text(encoding="utf-8")
    assert 'image_dir = "{datasets}/blue moon"' in text
    assert 'pretrained_model_name_or_path = "{models}/' in text
    assert not (home / "experiments" / "sdxl_base.toml").exists()
    own = RealProject(folder=home, env={**env, "KFT_CACHE": str(_setting(real, "cache"))})
    checked = own.kft("check", "blue_moon")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = own.kft("run", "blue_moon", "--set", "max_train_epochs=1")
    assert done.returncode == 0, done.stderr
    assert own.record(own.runs[0])["run"]["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["new", "x"], "say what it is made of: --images DIR, or --from SOURCE"),
        (["new", "x", "--images", "nowhere"], "there is no such folder"),
        (["new", "x", "--images", "datasets/humanoid", "--base", "nowhere.safetensors"], "the file does not exist"),
        (["new", "humanoid_05", "--images", "datasets/humanoid"], "the file exists"),
        (["init", "y", "--base", "b.safetensors"], "--base goes with --images"),
    ],
)
def test_what_cannot_be(real: RealProject, arguments: list[str], words: str) -> None:
    """Words and exit code 2; nothing is written."""
    before = sorted(real.folder.rglob("*"))
    answer = real.kft(*arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert words in answer.stderr
    assert sorted(real.folder.rglob("*")) == before


def _base(real: RealProject) -> str:
    return str(real.models / "sd_xl_base_1.0.safetensors")


def _setting(real: RealProject, name: str) -> str:
    lines = (real.folder / "kft.toml").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name} = ")]
    return os.path.normpath(line.split(" = ", 1)[1].strip('"'))
