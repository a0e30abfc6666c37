"""The main job at full size on a GPU: a random SDXL base of true layout, 1024 pixels, humanoid_05's options.

But for one: sdpa takes the place of xformers where xformers cannot load its operators, as with the pinned packages.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dataset_tools.sets.sample_set import draw_sample_set
from fork_wrapper.machine.gpus import gpus
from fork_wrapper.rehearsal.miniature_folder import miniature_folder, tokenizers
from tests.builders.projects import Project

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.trainer,
    pytest.mark.sd_scripts,
    pytest.mark.usefixtures("trainer_packages"),
    pytest.mark.skipif(not gpus(), reason="no NVIDIA GPU on this machine"),
]

STEPS = 30

XFORMERS = "import xformers._cpp_lib as one; raise SystemExit(one._cpp_library_load_exception is not None)"
"""Asks xformers itself, not kft: exit code 0 where its operators for GPUs could be loaded."""
SDPA = ("--unset", "xformers", "--set", "sdpa=true")


def _attention() -> tuple[str, ...]:
    """The flags that this machine needs: none where xformers works."""
    loaded = subprocess.run([sys.executable, "-c", XFORMERS], capture_output=True, check=False)
    return () if loaded.returncode == 0 else SDPA


def test_thirty_steps_at_full_size(
    make_project: Callable[..., Project], root: Path, sd_scripts: Path, shared_cache: Path, schema: dict[str, Any]
) -> None:
    """`kft run humanoid_05` trains, measures peak VRAM and speed, and archives a 7 GB checkpoint."""
    project = make_project(sd_scripts=str(sd_scripts))
    base, data = project.folder / "models" / "full-size", project.folder / "datasets" / "humanoid"
    subprocess.run([sys.executable, str(root / "tests" / "gpu" / "full_size.py"), str(base)], check=True)
    draw_sample_set(data)
    # One rehearsal leaves the byte-level tokenizers in the cache: the real ones cannot be downloaded everywhere.
    assert project.kft("run", "humanoid_05", "--rehearse").returncode == 0
    flags = _attention()
    print("attention:", *flags or ("xformers",))  # noqa: T201
    done = project.kft(
        *("run", "humanoid_05", *flags, "--unset", "max_train_epochs", "--unset", "sample_every_n_epochs"),
        *("--unset", "save_every_n_epochs"),
        *("--set", f"max_train_steps={STEPS}", "--set", f"pretrained_model_name_or_path={base}"),
        *("--set", f"tokenizer_cache_dir={tokenizers(miniature_folder(shared_cache))}"),
        HF_HUB_OFFLINE="1",
    )
    assert done.returncode == 0, done.stderr
    record = project.record(project.runs[-1])
    assert (record["run"]["status"], record["run"]["steps"]) == ("completed", STEPS)
    assert record["run"]["peak_vram_mib"][0] > record["plan"]["memory"]["mib"] > 20_000
    sidecar = project.runs[-1] / "humanoid_05.json"
    jsonschema.validate(project.read_json(sidecar), schema)
    print(done.stdout)  # noqa: T201 - the measured figures are the point of this test
