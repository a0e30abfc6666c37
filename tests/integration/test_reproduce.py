"""A run repeated from one file, trained for real: the same configs to the byte, the same losses to the bit.

The real trainer does it for all six experiments in `test_reproduce_six.py`, with `--long`.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.builders.projects import Project, step_losses

pytestmark = [pytest.mark.trainer, pytest.mark.usefixtures("miniature")]


def texts(run: Path) -> tuple[str, str]:
    """Both configs of a run, its folder's name and the line of its stamp apart."""
    train, dataset = (
        (run / name).read_text(encoding="utf-8").replace(run.as_posix(), "RUN")
        for name in ("train.toml", "dataset.toml")
    )
    return "\n".join(line for line in train.split("\n") if not line.startswith("metadata_kft_run")), dataset


def test_everything_but_one_file_is_gone(
    make_project: Callable[..., Project], tmp_path: Path, schema: dict[str, Any]
) -> None:
    """From a sidecar alone; then the checkpoint of that, alone, can be repeated again."""
    shutil.copytree(Path(__file__).resolve().parents[2] / "experiments", tmp_path / "experiments")
    project = make_project(sd_scripts=str(tmp_path / "nowhere"), experiments=str(tmp_path / "experiments"))
    short = ("--set", "max_train_steps=2", "--set", "save_every_n_steps=9", "--unset", "sample_prompts")
    done = project.kft("run", "humanoid_02", "--rehearse", *short)
    assert done.returncode == 0, done.stderr
    (run,) = project.runs
    before, losses = texts(run), step_losses(run)
    assert len(losses) == 2
    sidecar = tmp_path / "humanoid_02.json"
    shutil.move(run / sidecar.name, sidecar)
    shutil.rmtree(project.folder / "runs")
    shutil.rmtree(tmp_path / "experiments")
    again = project.kft("reproduce", str(sidecar), "--rehearse")
    assert again.returncode == 0, again.stderr
    assert "as archived: steps 2, last mean loss" in again.stdout
    (new,) = project.runs
    assert texts(new) == before
    assert step_losses(new) == losses
    record = project.read_json(new / sidecar.name)
    jsonschema.validate(record, schema)
    assert record["run"]["parent"] == f"humanoid_02/{run.name}"
    assert record["lineage"]["source"]["file"] == sidecar.name
    assert record["run"]["status"] == "rehearsed"
    checkpoint = tmp_path / "humanoid_02.safetensors"
    shutil.move(new / checkpoint.name, checkpoint)
    shutil.rmtree(project.folder / "runs")
    assert project.kft("reproduce", str(checkpoint), "--check").returncode == 0
