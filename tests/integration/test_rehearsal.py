"""The main job, end to end: real training on the CPU, through the real accelerate, in a folder with a nasty name."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from safetensors import safe_open

from fork_wrapper.records.events import read_scalars
from tests.builders.projects import Project

pytestmark = [pytest.mark.trainer, pytest.mark.usefixtures("trainer_packages")]


def header_of(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file."""
    with safe_open(str(path), framework="np") as file:
        return dict(file.metadata())


def check_archive(run: Path, schema: dict[str, Any], status: str = "rehearsed") -> list[dict[str, Any]]:
    """Every checkpoint has a valid sidecar with the right hash, and the same configuration in its header."""
    sidecars = []
    for checkpoint in sorted(run.glob("*.safetensors")):
        sidecar = json.loads(checkpoint.with_suffix(".json").read_text(encoding="utf-8"))
        jsonschema.validate(sidecar, schema)
        assert sidecar["run"]["status"] == status
        assert sidecar["checkpoint"]["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        config = json.loads(header_of(checkpoint)["modelspec.kft_config"])
        trained = {key: value for key, value in sidecar["training"].items() if not key.startswith("metadata_kft_")}
        assert config["training"] == trained
        assert config["dataset"] == sidecar["dataset"]
        assert len(sidecar["effective"]) == 176
        assert sidecar["provenance"]["dataset"]["images"] == sidecar["run"]["facts"]["examples"] == 24
        assert sidecar["provenance"]["base_model"]["sha256"]
        sidecars.append(sidecar)
    return sidecars


def git_status(folder: Path) -> str:
    """What git says of the checkout, ignored files left out."""
    done = subprocess.run(["git", "-C", str(folder), "status", "--porcelain"], capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.sd_scripts
def test_the_real_trainer_rehearses_and_everything_is_archived(
    make_project: Callable[..., Project], sd_scripts: Path, schema: dict[str, Any]
) -> None:
    """`kft run NAME --rehearse` trains with the unmodified sdxl_train.py and archives every checkpoint."""
    project = make_project(sd_scripts=str(sd_scripts))
    before = git_status(sd_scripts)
    done = project.kft("run", "humanoid_05", "--rehearse")
    assert done.returncode == 0, done.stderr
    assert git_status(sd_scripts) == before
    (run,) = project.runs
    sidecars = check_archive(run, schema)
    assert [one["checkpoint"]["file"] for one in sidecars] == [
        "humanoid_05-step00000002.safetensors",
        "humanoid_05.safetensors",
    ]
    assert {one["launch"]["trainer"] for one in sidecars} == {"sd-scripts on the miniature"}
    assert sidecars[0]["provenance"]["sd_scripts"]["commit"].startswith("48d368fa")
    assert len(list((run / "sample").glob("*.png"))) == 1
    checkpoint = run / "humanoid_05.safetensors"
    assert header_of(checkpoint)["modelspec.implementation_version"].startswith("sd-scripts/48d368fa")
    the_report_shows_what_the_trainer_logged(project, run)
    the_checkpoint_alone_tells_how_it_was_made(project, checkpoint)


def the_report_shows_what_the_trainer_logged(project: Project, run: Path) -> None:
    """The tags of the real trainer's events and the name of its sample are those that the report looks for."""
    done = project.kft("report", "humanoid_05")
    assert (done.returncode, done.stdout) == (0, "report.html\n"), done.stderr
    assert done.stderr.startswith("1 run, 1 sample, ")
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    for said in ("This is a rehearsal", "Learning rate, U-Net", "Learning rate, text encoder 1", "seed 101"):
        assert said in page, said
    losses = read_scalars(run / "logs")["loss"]
    assert list(losses.steps) == [1, 2, 3]
    assert f"{losses.values[2]:.4g} at step 3" in page


def the_checkpoint_alone_tells_how_it_was_made(project: Project, checkpoint: Path) -> None:
    """A checkpoint that lost everything else still shows, exports and compares."""
    run_id = "/".join(checkpoint.parent.parts[-2:])
    archived = (checkpoint.parent / "dataset.toml").read_text(encoding="utf-8")
    alone = project.folder / "alone.safetensors"
    checkpoint.rename(alone)
    assert "learning_rate" in project.kft("show", str(alone)).stdout
    assert archived in project.kft("export-config", str(alone)).stdout
    same = project.kft("diff", str(alone), run_id)
    assert (same.returncode, same.stdout) == (0, "")
    assert f"{run_id}  rehearsed" in project.kft("list").stdout.replace("   ", "  ")
    alone.rename(checkpoint)


def test_the_stand_in_rehearses_where_there_is_no_sd_scripts(
    make_project: Callable[..., Project], tmp_path: Path, schema: dict[str, Any]
) -> None:
    """Without sd-scripts the same command trains the same miniature with the stand-in, and says so everywhere."""
    project = make_project(sd_scripts=str(tmp_path / "nowhere"))
    done = project.kft("run", "humanoid_05", "--rehearse")
    assert done.returncode == 0, done.stderr
    assert "(stand-in)" in done.stderr
    (run,) = project.runs
    assert run.name.endswith("-rehearsal")
    sidecars = check_archive(run, schema)
    assert len(sidecars) == 2
    assert {one["launch"]["trainer"] for one in sidecars} == {"stand-in"}
    assert {one["rehearsal"]["trainer"] for one in sidecars} == {"stand-in"}
    assert [one["checkpoint"]["step"] for one in sidecars] == [2, 3]
    assert all("stand-in" in header_of(path)["modelspec.implementation"] for path in run.glob("*.safetensors"))
    assert (run / "train.log").read_bytes().count(b"\r") > 3
