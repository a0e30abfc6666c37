"""What a run needs and this machine lacks, all of it at once, each with its next step.

Everything here is looked at, nothing is changed, and the trainer's packages are asked for by name without importing
them: on a bare machine the whole list is there in well under a second.
"""

import os
import shutil
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.check.gpu_memory import gpu_memory
from fork_wrapper.check.gpu_room import hidden
from fork_wrapper.check.machine_kinds import machine_finding
from fork_wrapper.check.rules.case import Case
from fork_wrapper.errors import Finding
from fork_wrapper.experiment.resolve import PATH_OPTIONS, is_hub_name
from fork_wrapper.machine.gpus import Gpu, GpuProcess, gpu_processes, gpus
from fork_wrapper.machine.provenance import git_state
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer, TrainerPython, probe_python
from fork_wrapper.sdscripts.options import pinned_commit
from fork_wrapper.sdscripts.packages import ALTERNATIVES, needed_packages

WRITTEN = ("console_log_file", "tokenizer_cache_dir")
"""Path options that the trainer itself makes."""

FOLDERS = ("reg_data_dir", "resume", "train_data_dir")
"""Path options that name a folder; the others name a file."""

BASE = "pretrained_model_name_or_path"

BASE_MODEL_PAGE = "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What was found, and the facts that the plan and the record need."""

    findings: tuple[Finding, ...]
    """What is missing, and what is doubtful."""
    python: TrainerPython | None
    """The trainer's Python; None when it cannot be started."""
    gpus: tuple[Gpu, ...]
    """NVIDIA GPUs; not looked for where a rehearsal needs none."""
    lacks_packages: bool
    """Whether the trainer's Python lacks some of what always has to be there."""
    gpu_processes: tuple[GpuProcess, ...] = ()
    """What computes on the GPUs now; likewise not looked for."""


def look_at(
    training: Mapping[str, Any], settings: Settings, trainer: Trainer, *, fresh: bool, files: Collection[str] = ()
) -> Machine:
    """Look at everything on this machine that a launch of `training` by `trainer` needs.

    `files` are the names of those that kft will write into the run folder. Unless `fresh`, the packages of the
    trainer's Python are asked for only after they have changed.
    """
    memory = None if fresh else settings.cache / "pythons.json"
    with ThreadPoolExecutor() as pool:  # each of the four waits for a process of its own
        asked = pool.submit(probe_python, settings.python, memory)
        seen = pool.submit(lambda: () if trainer.rehearsal else gpus())
        running = pool.submit(lambda: () if trainer.rehearsal else gpu_processes())
        found = pool.submit(lambda: [] if trainer.kind == "stand-in" else _sd_scripts(settings))
        python, cards, scripts, busy = asked.result(), seen.result(), found.result(), running.result()
    findings = []
    if not trainer.rehearsal:
        findings += [*_base_model(training), *_files(training, files), *_machines(settings)]
    findings += scripts
    missing = _missing(python, training, trainer)
    findings += _python(settings, python, missing)
    if not trainer.rehearsal:
        findings += [*_gpu(cards, _torch(python), training), *hidden(cards)]
    findings += _folder("runs", settings.outputs, "outputs")
    if trainer.rehearsal:
        findings += _folder("the cache", settings.cache, "cache")
    return Machine(
        findings=tuple(findings),
        python=python,
        gpus=cards,
        lacks_packages=bool(missing),
        gpu_processes=busy,
    )


def image_folders(case: Case) -> list[Finding]:
    """Folders of images that the trainer will leave caches in, and cannot: it dies there after the model is loaded."""
    on_disk = case.get("cache_latents_to_disk") or case.get("cache_text_encoder_outputs_to_disk")
    return [
        machine_finding(
            "folder-read-only",
            "caches are kept beside the images, and nothing can be written there",
            where=f"{subset.survey.folder} ({subset.path}.image_dir)",
            todo="fix its permissions, or cache in memory: unset the option that ends in _to_disk, or cache_info",
        )
        for subset in case.subsets
        if (on_disk or subset.get("cache_info")) and subset.survey and subset.survey.scan
        if not os.access(subset.survey.folder, os.W_OK)
    ]


def _base_model(training: Mapping[str, Any]) -> list[Finding]:
    name = str(training.get(BASE, ""))
    path = Path(name)
    if not name:  # rule model-missing
        return []
    if path.is_dir():
        known = (path / "model_index.json").is_file()
        todo = "name the .safetensors file, or a folder in the Diffusers layout"
        what = "the base model is a folder without model_index.json"
        return [] if known else [machine_finding("path-unusable", what, where=name, todo=todo)]
    if not path.exists():
        return _absent_base_model(name)
    if not os.access(path, os.R_OK):
        what = "the base model cannot be read"
        return [machine_finding("path-unusable", what, where=name, todo="fix its permissions")]
    return []


def _absent_base_model(name: str) -> list[Finding]:
    if is_hub_name(name):
        what = "the base model will be fetched from the Hugging Face Hub by the trainer"
        todo = "name a local file to keep runs reproducible"
        return [machine_finding("hub-model", what, where=name, todo=todo)]
    todo = f"download it from {BASE_MODEL_PAGE}, or say where your models are: `models` in kft.local.toml"
    return [machine_finding("path-unusable", "the base model is missing", where=name, todo=todo)]


def _files(training: Mapping[str, Any], files: Collection[str]) -> list[Finding]:
    """Files that options name and that are not there: sd-scripts finds out after loading 7 GB, or never."""
    ours = {f"{{run}}/{name}" for name in files}
    named = [key for key in (*PATH_OPTIONS, "vae") if training.get(key) and key not in WRITTEN]
    return [finding for key in sorted(named) if training[key] not in ours for finding in _file(key, str(training[key]))]


def _file(key: str, name: str) -> list[Finding]:
    path = Path(name)
    if not path.exists():
        what = f"{key} names a path that does not exist"
        todo = "correct the path, or unset it"
        return [] if is_hub_name(name) else [machine_finding("path-unusable", what, where=name, todo=todo)]
    if key != "vae" and path.is_dir() != (key in FOLDERS):
        kinds = ("a file", "a folder") if key in FOLDERS else ("a folder", "a file")
        todo = f"name {kinds[1]}, or unset it"
        return [machine_finding("path-unusable", f"{key} names {kinds[0]}", where=name, todo=todo)]
    return []


def _machines(settings: Settings) -> list[Finding]:
    """What several machines need to find each other."""
    if settings.machine_rank >= settings.num_machines:
        what = f"machine_rank {settings.machine_rank} does not exist among {settings.num_machines} machines"
        todo = "count ranks from 0, and set num_machines"
        return [machine_finding("machine-rank", what, where="settings", todo=todo)]
    if settings.num_machines > 1 and not settings.main_process_ip:
        what = "several machines need the address of rank 0"
        todo = "set main_process_ip, and main_process_port"
        return [machine_finding("machine-rank", what, where="settings", todo=todo)]
    return []


def _sd_scripts(settings: Settings) -> list[Finding]:
    folder = settings.sd_scripts
    if not (folder / "sdxl_train.py").is_file():
        todo = (
            "git submodule update --init third_party/sd-scripts, or name an existing checkout: "
            "`sd_scripts` in kft.local.toml"
        )
        return [machine_finding("sd-scripts-missing", "sd-scripts is missing", where=str(folder), todo=todo)]
    state = git_state(folder)
    pinned = pinned_commit()
    todo = f"git -C {folder} checkout {pinned[:8]}"
    if state.commit is None and shutil.which("git") is None:
        what, todo = "git is missing: the commit of sd-scripts cannot be recorded", "install git"
    elif state.commit is None:
        what = "sd-scripts is not a git checkout: its commit cannot be recorded"
        todo = "use a git checkout of it, or the submodule: git submodule update --init third_party/sd-scripts"
    elif state.commit != pinned:
        what = f"sd-scripts is at {state.commit[:8]}; kft's rules are those of {pinned[:8]} (see `kft doctor`)"
    elif state.dirty:
        what = "sd-scripts has local changes: the commit alone does not say what trained"
        todo = f"git -C {folder} stash, or commit them"  # a checkout would keep them
    else:
        return []
    return [machine_finding("sd-scripts-commit", what, where=str(folder), todo=todo)]


def _missing(python: TrainerPython | None, training: Mapping[str, Any], trainer: Trainer) -> list[str]:
    """What is needed whatever the options say; what single options need is a matter of rules."""
    needed = needed_packages(training, stand_in=trainer.kind == "stand-in")
    return [_spell(name, why) for name, why in needed.items() if python and not _installed(python, name)]


def _python(settings: Settings, python: TrainerPython | None, missing: list[str]) -> list[Finding]:
    if python is None:
        todo = "set `python` in kft.local.toml to the Python of the environment that trains"
        what = "the trainer's Python cannot be started"
        return [machine_finding("trainer-python", what, where=settings.python, todo=todo)]
    if not missing:
        return []
    todo = f'"{python.executable}" -m pip install -c constraints.txt -e ".[train]"'
    what = f"the trainer's Python lacks {', '.join(missing)}"
    return [machine_finding("trainer-python", what, where=python.executable, todo=todo)]


def _spell(name: str, why: str) -> str:
    return f"{name} (for {why})" if why else name


def _installed(python: TrainerPython, name: str) -> bool:
    return any(python.version_of(candidate) for candidate in (name, *ALTERNATIVES.get(name, ())))


def _torch(python: TrainerPython | None) -> str:
    """The version of torch, empty where there is none."""
    return (python.version_of("torch") if python else None) or ""


def _other_gpu(torch: str) -> bool:
    """Whether a build of torch is for GPUs that are not NVIDIA's."""
    return "+rocm" in torch or "+xpu" in torch


def _gpu(cards: tuple[Gpu, ...], torch: str, training: Mapping[str, Any]) -> list[Finding]:
    if cards:
        if torch.endswith("+cpu"):
            todo = "install a CUDA build of torch there (see the README)"
            what = "the trainer's torch is a CPU build"
            return [machine_finding("torch-cpu", what, where=f"torch {torch}", todo=todo)]
        return []
    if _other_gpu(torch):
        what = f"no NVIDIA GPU; trusting torch {torch} to find its own"
        return [machine_finding("gpu-other", what, where="nvidia-smi", todo="check that torch sees the GPU")]
    least = gpu_memory(Case(training=training, dataset={})) if training.get(BASE) else None
    takes = f" (this configuration takes at least {least.mib} MiB of its memory)" if least else ""
    todo = f"install the NVIDIA driver, or run on a machine with a GPU{takes}"
    return [machine_finding("gpu-missing", "no NVIDIA GPU was found", where="nvidia-smi", todo=todo)]


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _folder(what: str, folder: Path, setting: str) -> list[Finding]:
    there = existing(folder)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return []
    todo = f"fix its permissions, or set `{setting}` to another folder"
    return [machine_finding("folder-read-only", f"{what} cannot be written", where=str(folder), todo=todo)]
