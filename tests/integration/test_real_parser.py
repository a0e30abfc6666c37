"""kft's tables and claims against sd-scripts' own parser, run in the trainer's Python."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.experiment.experiment import experiment_names
from fork_wrapper.sdscripts.options import options
from tests.builders.projects import Project

pytestmark = [pytest.mark.trainer, pytest.mark.sd_scripts, pytest.mark.usefixtures("trainer_packages")]


def ask_parser(root: Path, sd_scripts: Path, *rest: Path | str) -> Any:
    """What the real parser says: its table, other scripts' options, or the namespaces of pairs of files."""
    script = root / "fork_wrapper" / "sdscripts" / "read_parser.py"
    argv = [sys.executable, str(script), str(sd_scripts), *map(str, rest)]
    done = subprocess.run(argv, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def test_the_option_table_is_the_real_parsers(root: Path, sd_scripts: Path) -> None:
    """Names, types, defaults and choices of all 176 options are those of the pinned commit."""
    real = ask_parser(root, sd_scripts)
    assert len(real) == 176
    ours = {
        name: {"type": row.type, "default": row.default, **({"choices": list(row.choices)} if row.choices else {})}
        for name, row in options().items()
    }
    assert ours == real


def test_options_elsewhere_are_the_real_parsers(root: Path, sd_scripts: Path) -> None:
    """104 options of the other scripts; one of those does not start with the packages that sd-scripts asks for."""
    real = ask_parser(root, sd_scripts, "--elsewhere")
    ours = json.loads(files("fork_wrapper.sdscripts").joinpath("elsewhere.json").read_text(encoding="utf-8"))
    assert real["options"] == ours["options"]
    assert real["unread"].keys() == ours["unread"].keys() == {"train_textual_inversion_XTI.py"}


@pytest.fixture
def newer(sd_scripts: Path, tmp_path: Path) -> Path:
    """A checkout of sd-scripts at a commit of its own, with two more options and one default that moved."""
    folder = tmp_path / "newer"
    shutil.copytree(sd_scripts, folder, ignore=shutil.ignore_patterns(".git", "__pycache__"))
    script = folder / "sdxl_train.py"
    text = script.read_text(encoding="utf-8")
    more = (
        '    parser.add_argument("--brand_new", type=int, default=3, choices=[3, 4])\n'
        '    parser.add_argument("--brand_pair", type=float, nargs=2)\n'
        "    parser.set_defaults(max_grad_norm=0.5)\n"
        "    return parser\n"
    )
    assert text.count("    return parser\n") == 1
    script.write_text(text.replace("    return parser\n", more), encoding="utf-8")
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "newer")):
        subprocess.run(["git", *identity, "-C", str(folder), *arguments], capture_output=True, check=True)
    return folder


def test_the_options_of_another_commit_count_once_they_are_read(
    make_project: Callable[..., Project], newer: Path, tmp_path: Path
) -> None:
    """Unknown names are refused until `kft doctor --refresh`; then they are options, checked as any other."""
    experiments = tmp_path / "experiments"
    project = make_project(sd_scripts=str(newer), cache=str(tmp_path / "cache"), experiments=str(experiments))
    experiments.mkdir()
    (experiments / "new.toml").write_text("[training]\nbrand_new = 4\n[[dataset.datasets]]\nresolution = 1024\n")
    command = ("export-config", "new", "-o", str(tmp_path / "out"))
    refused = project.kft(*command)
    assert (refused.returncode, "brand_new is not an option of sdxl_train.py" in refused.stderr) == (2, True)
    said = json.loads(project.kft("doctor", "--refresh", "--json").stdout)["sd_scripts"]
    assert (said["table"], said["pinned"], said["dirty"]) == ("read", False, False)
    assert [(one["name"], one["what"], one["before"], one["after"]) for one in said["changes"]] == [
        ("brand_new", "added", None, "int"),
        ("brand_pair", "added", None, "any"),
        ("max_grad_norm", "default", 1.0, 0.5),
    ]
    taken = project.kft(*command)
    assert taken.returncode == 0, taken.stderr
    assert "brand_new = 4\n" in (tmp_path / "out" / "train.toml").read_text(encoding="utf-8")
    (experiments / "new.toml").write_text("[training]\nbrand_new = 5\n")
    wrong = project.kft(*command)
    assert (wrong.returncode, "brand_new cannot be 5" in wrong.stderr) == (2, True)
    listed = json.loads(project.kft("options", "brand_*", "--json").stdout)["training"]
    assert [(row["name"], row["type"], row["default"]) for row in listed] == [
        ("brand_new", "int", 3),
        ("brand_pair", "any", None),
    ]


def test_effective_is_the_namespace_that_trains(
    make_project: Callable[..., Project], root: Path, sd_scripts: Path
) -> None:
    """The rendered files of all six iterations give, in the real parser, exactly what `effective` claims."""
    project = make_project(sd_scripts=str(sd_scripts))
    names = [name for name in experiment_names(root / "experiments") if name.startswith("humanoid_")]
    assert names == [
        *(f"humanoid_0{number}" for number in range(2, 6)),
        "humanoid_05_24gb",
        "humanoid_06",
        "humanoid_07",
    ]
    files, claims = [], []
    for name in names:
        folder = project.folder / "exported" / name
        done = project.kft("export-config", name, "-o", str(folder))
        assert done.returncode == 0, done.stderr
        files += [folder / "train.toml", folder / "dataset.toml"]
        exported = project.kft("export-config", name, "--format", "json", "-o", str(folder))
        assert exported.returncode == 0, exported.stderr
        claims.append(json.loads((folder / "config.json").read_text(encoding="utf-8"))["effective"])
    for name, claim, namespace in zip(names, claims, ask_parser(root, sd_scripts, *files), strict=True):
        assert len(claim) == 176, name
        trained = {key: value for key, value in namespace.items() if not key.startswith("metadata_kft_")}
        assert trained == claim, name
