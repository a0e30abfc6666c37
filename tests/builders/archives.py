"""Archives of runs that nobody trained: rendered, recorded and compared as those of a training are."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.files import pretty_json
from fork_wrapper.machine.provenance import accelerate_config, base_model, git_state, host, own_state
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import probe_python, real_trainer
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.rehearsal.rehearse import rehearse
from fork_wrapper.run.archive import sidecar
from fork_wrapper.run.render import Rendered
from tests.builders.records import STAMP, begun

ROOT = Path(__file__).resolve().parents[2]
SIX = tuple(f"humanoid_0{number}" for number in range(2, 8))
LATER = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
CHECKPOINT = {
    "kind": "final",
    "epoch": 1,
    "step": 3,
    "bytes": 1,
    "sha256": None,
    "loss": 1.0,
    "written": "2026-01-02T03:04:05+00:00",
}


@dataclass(frozen=True, kw_only=True)
class Archived:
    """A run that is over, and the two files of which each must do."""

    rendered: Rendered
    """What was launched."""
    sidecar: Path
    """The sidecar, on its own in a folder."""
    checkpoint: Path
    """A checkpoint with the run's header and next to no weights, likewise."""

    def change(self, **sections: Any) -> Path:
        """Another sidecar, with these sections in place of the archived ones."""
        raw = json.loads(self.sidecar.read_text(encoding="utf-8"))
        path = self.sidecar.with_name("changed.json")
        path.write_text(pretty_json({**raw, **sections}), encoding="utf-8")
        return path


def furnish(settings: Settings) -> None:
    """The shipped experiments, a base model, two images and a checkout of sd-scripts, all tiny."""
    shutil.copytree(ROOT / "experiments", settings.experiments, dirs_exist_ok=True)
    settings.models.mkdir()
    save_file({"weight": np.zeros(1)}, str(settings.models / "sd_xl_base_1.0.safetensors"))
    images = settings.datasets / "humanoid"
    images.mkdir(parents=True)
    for name in ("a", "b"):
        Image.new("RGB", (8, 8), name.encode()[0] * 0x10101).save(images / f"{name}.png")
        (images / f"{name}.txt").write_text(f"caption {name}\n", encoding="utf-8")
    settings.sd_scripts.mkdir(parents=True)
    (settings.sd_scripts / "sdxl_train.py").write_text("# trains\n", encoding="utf-8")
    git(settings.sd_scripts, "init", "-q")
    commit(settings.sd_scripts)


def git(folder: Path, *arguments: str) -> None:
    """Real git with an identity of its own."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *identity, "-C", str(folder), *arguments], check=True, env=env, capture_output=True)


def commit(folder: Path) -> None:
    """Commit whatever is there."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x", "--allow-empty")


def archived(
    name: str,
    settings: Settings,
    folder: Path,
    *,
    rehearsed: bool = False,
    stand_in: bool = False,
    more: Mapping[str, Any] | None = None,
) -> Archived:
    """A run of an experiment, archived into `folder`; `more` options are set as an experiment would."""
    resolved = resolve(name, settings)
    resolved = replace(resolved, training={**resolved.training, **(more or {})})
    job = rehearse(resolved, settings, stand_in=stand_in) if rehearsed else None
    resolved, trainer = (job.resolved, job.trainer) if job else (resolved, real_trainer(settings))
    run = RunFolder(folder=settings.outputs / name / STAMP)
    run.folder.mkdir(parents=True)  # the record holds the text of the prompts
    for file, text in ((job.files if job else None) or {}).items():
        (run.folder / file).write_text(text, encoding="utf-8")
    rehearsal = job.rehearsal if job else None
    made = begun(resolved, settings, trainer=trainer, rehearsal=rehearsal, plan={"name": name})
    record = made.record.with_provenance(**provenance(settings, made.rendered))
    record = record.with_run(status="rehearsed" if job else "completed", ended="2026-01-02T04:04:05+00:00")
    shutil.rmtree(run.folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = pretty_json(sidecar(record, {**CHECKPOINT, "file": f"{name}.safetensors"}))
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    checkpoint = folder / "alone" / f"{name}.safetensors"
    checkpoint.parent.mkdir(exist_ok=True)
    save_file({"weight": np.zeros(1)}, str(checkpoint), metadata=header(made.rendered.training))
    return Archived(rendered=made.rendered, sidecar=folder / f"{name}.json", checkpoint=checkpoint)


def header(training: Mapping[str, Any]) -> dict[str, str]:
    """What sd-scripts writes into a checkpoint, as far as kft reads it."""
    own = {f"modelspec.{key.removeprefix('metadata_')}": training[key] for key in training if "metadata_kft_" in key}
    return {**own, "modelspec.implementation_version": f"sd-scripts/{'0' * 40}"}


def provenance(settings: Settings, rendered: Rendered) -> dict[str, Any]:
    """As a run's record has it once its inputs are hashed."""
    cache = HashCache(settings.cache / "hashes.json")
    data = fingerprint_subsets(rendered.training, rendered.dataset, cache, lambda: False)
    scripts, python = git_state(settings.sd_scripts), probe_python(settings.python, settings.cache / "pythons.json")
    return {
        "base_model": base_model(str(rendered.training["pretrained_model_name_or_path"]), cache),
        "dataset": data.to_json() if data else None,
        "sd_scripts": {"commit": scripts.commit, "dirty": scripts.dirty, "path": str(settings.sd_scripts)},
        "project": {**own_state().__dict__},
        "python": {**python.__dict__} if python else None,
        "gpus": [],
        "host": host(),
        "accelerate": accelerate_config(os.environ),
    }
