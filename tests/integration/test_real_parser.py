"""kft's tables and claims against sd-scripts' own parser, run in the trainer's Python."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.experiment import experiment_names
from fork_wrapper.sdscripts.options import options
from tests.support import Project

pytestmark = [pytest.mark.trainer, pytest.mark.sd_scripts, pytest.mark.usefixtures("trainer_packages")]


def ask_parser(root: Path, sd_scripts: Path, *files: Path) -> Any:
    """What the real parser says: its table, or the namespaces of pairs of files."""
    script = root / "fork_wrapper" / "sdscripts" / "read_parser.py"
    argv = [sys.executable, str(script), str(sd_scripts), *map(str, files)]
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


def test_effective_is_the_namespace_that_trains(
    make_project: Callable[..., Project], root: Path, sd_scripts: Path
) -> None:
    """The rendered files of all six iterations give, in the real parser, exactly what `effective` claims."""
    project = make_project(sd_scripts=str(sd_scripts))
    names = [name for name in experiment_names(root / "experiments") if name.startswith("humanoid_")]
    assert names == [f"humanoid_0{number}" for number in range(2, 8)]
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
