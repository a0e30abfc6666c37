"""What a run needs and this machine lacks, all of it at once, each with its next step.

Everything here is looked at, nothing is changed, and the trainer's packages are asked for by name without importing
them: on a bare machine the whole list is there in well under a second.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.scan import FolderScan, scan_folder
from fork_wrapper.checkpoints import is_whole
from fork_wrapper.errors import Finding
from fork_wrapper.provenance import Gpu, TrainerPython, git_state, gpus, probe_python
from fork_wrapper.render import Trainer
from fork_wrapper.resolve import PATH_OPTIONS, Resolved
from fork_wrapper.sdscripts.options import pinned_commit
from fork_wrapper.sdscripts.packages import ALTERNATIVES, needed_packages
from fork_wrapper.settings import Settings
from fork_wrapper.subsets import Subset, subsets

SDXL_PARAMETERS = 3_469_000_000
"""U-Net, both text encoders and VAE of SDXL base: what every checkpoint holds."""

WRITTEN = ("console_log_file", "tokenizer_cache_dir")
"""Path options that the trainer itself makes."""

BYTES = {"float": 4, "fp16": 2, "bf16": 2}
SPARE = 2 * 10**9
"""Bytes that logs, samples and everything else may take."""

BASE_MODEL_PAGE = "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0"


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What was found, and the facts that the record keeps."""

    findings: tuple[Finding, ...]
    """Errors stop a run; warnings are shown."""
    python: TrainerPython | None
    """The trainer's Python; None when it cannot be started."""
    gpus: tuple[Gpu, ...]
    """NVIDIA GPUs."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop a run."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def preflight(resolved: Resolved, settings: Settings, trainer: Trainer) -> Preflight:
    """Look at everything that a launch of `resolved` by `trainer` needs."""
    python = probe_python(settings.python)
    cards = () if trainer.rehearsal else gpus()
    findings = []
    if not trainer.rehearsal:
        findings += _base_model(resolved.training)
        findings += _files(resolved.training)
        findings += _machines(settings)
    findings += _dataset(resolved)
    if trainer.kind != "stand-in":
        findings += _sd_scripts(settings)
    findings += _python(settings, python, resolved.training, trainer)
    if not trainer.rehearsal:
        findings += _gpu(cards, python)
    findings += _folder("runs", settings.outputs, "outputs")
    if trainer.rehearsal:
        findings += _folder("the cache", settings.cache, "cache")
    findings += _space(settings.outputs, resolved.training, trainer)
    return Preflight(findings=tuple(findings), python=python, gpus=cards)


def _base_model(training: Mapping[str, Any]) -> list[Finding]:
    name = str(training.get("pretrained_model_name_or_path", ""))
    if not name:
        todo = 'set pretrained_model_name_or_path = "{models}/sd_xl_base_1.0.safetensors" under [training]'
        return [Finding(what="no base model is named", where="training.pretrained_model_name_or_path", todo=todo)]
    path = Path(name)
    if path.is_dir():
        known = (path / "model_index.json").is_file()
        todo = "name the .safetensors file, or a folder in the Diffusers layout"
        return (
            []
            if known
            else [Finding(what="the base model is a folder without model_index.json", where=name, todo=todo)]
        )
    if not path.exists():
        return _absent_base_model(name)
    if not os.access(path, os.R_OK):
        return [Finding(what="the base model cannot be read", where=name, todo="mend its rights")]
    if path.suffix == ".safetensors" and not is_whole(path):
        todo = f"download it again from {BASE_MODEL_PAGE} and compare its sha256"
        return [Finding(what="the base model is damaged or incomplete", where=name, todo=todo)]
    return []


def _absent_base_model(name: str) -> list[Finding]:
    if _is_hub_name(name):
        what = "the base model will be fetched from the Hugging Face Hub by the trainer"
        return [Finding(what=what, where=name, todo="name a local file to keep runs reproducible", severity="warning")]
    todo = f"download it from {BASE_MODEL_PAGE}, or say where your models are: `models` in kft.local.toml"
    return [Finding(what="the base model is missing", where=name, todo=todo)]


def _files(training: Mapping[str, Any]) -> list[Finding]:
    """Files that options name and that are not there: sd-scripts finds out after loading 7 GB, or never."""
    named = [key for key in (*PATH_OPTIONS, "vae") if key in training and key not in WRITTEN]
    return [
        Finding(what=f"{key} names nothing that exists", where=str(training[key]), todo="correct the path, or unset it")
        for key in sorted(named)
        if not Path(training[key]).exists() and not _is_hub_name(str(training[key]))
    ]


def _is_hub_name(name: str) -> bool:
    """ORGANISATION/NAME on the Hugging Face Hub."""
    return not Path(name).is_absolute() and name.count("/") == 1 and not Path(name).suffix


def _machines(settings: Settings) -> list[Finding]:
    """What several machines need to find each other."""
    if settings.machine_rank >= settings.num_machines:
        what = f"machine_rank {settings.machine_rank} does not exist among {settings.num_machines} machines"
        return [Finding(what=what, where="settings", todo="count ranks from 0, and set num_machines")]
    if settings.num_machines > 1 and not settings.main_process_ip:
        what = "several machines need the address of rank 0"
        return [Finding(what=what, where="settings", todo="set main_process_ip, and main_process_port")]
    return []


def _dataset(resolved: Resolved) -> list[Finding]:
    declared = [row for one in resolved.dataset.get("datasets", []) for row in one.get("subsets", [])]
    if not declared:
        todo = "add [[dataset.datasets]] with [[dataset.datasets.subsets]] and its image_dir"
        return [Finding(what="the experiment names no training images", where="dataset.datasets", todo=todo)]
    return [finding for one in subsets(resolved.training, resolved.dataset) for finding in _subset(one)]


def _subset(subset: Subset) -> list[Finding]:
    where = f"{subset.image_dir} ({subset.key}.image_dir)"
    try:
        scan = scan_folder(subset.image_dir, subset.caption_extension)
    except DatasetError as error:
        todo = "put the images and captions there, or say where your data sets are: `datasets` in kft.local.toml"
        return [Finding(what=f"no training images: {error.what}", where=where, todo=todo)]
    if not scan.images:
        todo = "images must lie directly in the folder, not in folders below it"
        return [Finding(what="no training images: the folder holds none", where=where, todo=todo)]
    return [*_not_files(scan, where), *_captions(scan, where)]


def _not_files(scan: FolderScan, where: str) -> list[Finding]:
    names = ", ".join(path.name for path in scan.not_files)
    what = f"sd-scripts would list these as images and fail to open them: {names}"
    return [Finding(what=what, where=where, todo="move these folders or dead links away")] if names else []


def _captions(scan: FolderScan, where: str) -> list[Finding]:
    missing = scan.images - scan.captioned
    if not missing:
        return []
    beside = ", ".join(f"{count} have {suffix}" for suffix, count in scan.other_extensions.items())
    what = f"{missing} of {scan.images} images have no {scan.caption_extension} caption"
    todo = (
        f"set caption_extension; beside them: {beside}" if beside else "they would train without text: write captions"
    )
    return [Finding(what=what, where=where, todo=todo, severity="warning")]


def _sd_scripts(settings: Settings) -> list[Finding]:
    folder = settings.sd_scripts
    if not (folder / "sdxl_train.py").is_file():
        todo = (
            "git submodule update --init third_party/sd-scripts, or name an existing checkout: "
            "`sd_scripts` in kft.local.toml"
        )
        return [Finding(what="sd-scripts is missing", where=str(folder), todo=todo)]
    state = git_state(folder)
    pinned = pinned_commit()
    if state.commit is None:
        what = "sd-scripts is no git checkout: its commit cannot be recorded"
    elif state.commit != pinned:
        what = f"sd-scripts is at {state.commit[:8]}; kft knows {pinned[:8]} and checks against that"
    elif state.dirty:
        what = "sd-scripts has local changes: the commit alone will not say what trained"
    else:
        return []
    return [Finding(what=what, where=str(folder), todo=f"git -C {folder} checkout {pinned[:8]}", severity="warning")]


def _python(
    settings: Settings, python: TrainerPython | None, training: Mapping[str, Any], trainer: Trainer
) -> list[Finding]:
    if python is None:
        todo = "set `python` in kft.local.toml to the Python of the environment that trains"
        return [Finding(what="the trainer's Python cannot be started", where=settings.python, todo=todo)]
    needed = needed_packages(training, stand_in=trainer.kind == "stand-in")
    missing = [_spell(name, why) for name, why in needed.items() if not _installed(python, name)]
    if not missing:
        return []
    todo = f'"{python.executable}" -m pip install -c constraints.txt -e ".[train]"'
    what = f"the trainer's Python lacks {', '.join(missing)}"
    return [Finding(what=what, where=python.executable, todo=todo)]


def _spell(name: str, why: str) -> str:
    return f"{name} (for {why})" if why else name


def _installed(python: TrainerPython, name: str) -> bool:
    return any(python.version_of(candidate) for candidate in (name, *ALTERNATIVES.get(name, ())))


def _gpu(cards: tuple[Gpu, ...], python: TrainerPython | None) -> list[Finding]:
    torch = (python.version_of("torch") if python else None) or ""
    if cards:
        if torch.endswith("+cpu"):
            todo = "install a CUDA build of torch there (see the README)"
            return [Finding(what="the trainer's torch is a CPU build", where=f"torch {torch}", todo=todo)]
        return []
    if "+rocm" in torch or "+xpu" in torch:
        what = f"no NVIDIA GPU; trusting torch {torch} to find its own"
        return [Finding(what=what, where="nvidia-smi", todo="check that torch sees the GPU", severity="warning")]
    todo = "install the NVIDIA driver, or run on a machine with a GPU (fp32 weights and gradients alone take 21 GB)"
    return [Finding(what="no NVIDIA GPU was found", where="nvidia-smi", todo=todo)]


def checkpoint_count(training: Mapping[str, Any]) -> int:
    """Checkpoints that lie on disk at once: the final one, and those of epochs or steps that are not pruned.

    A length that only the data set tells is not guessed: then one.
    """
    lengths = (
        (training.get("max_train_epochs"), training.get("save_every_n_epochs"), training.get("save_last_n_epochs")),
        (_steps(training), training.get("save_every_n_steps"), _last_steps(training)),
    )
    count = 1
    for total, every, last in lengths:
        if total and every:
            kept = (total - 1) // every
            count += min(kept, last) if last else kept
    return count


def _last_steps(training: Mapping[str, Any]) -> int | None:
    """How many step checkpoints pruning leaves: save_last_n_steps counts steps (library/train_util.py:5796-5806)."""
    last, every = training.get("save_last_n_steps"), training.get("save_every_n_steps")
    return last // every + 1 if last and every else None


def _steps(training: Mapping[str, Any]) -> int | None:
    """max_train_steps where it counts: epochs win over it (sdxl_train.py:437-443)."""
    return None if training.get("max_train_epochs") else training.get("max_train_steps", 1600)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _folder(what: str, folder: Path, setting: str) -> list[Finding]:
    there = _existing(folder)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return []
    todo = f"mend its rights, or set `{setting}` to another folder"
    verb = "cannot be written"
    return [Finding(what=f"{what} {verb}", where=str(folder), todo=todo)]


def _space(outputs: Path, training: Mapping[str, Any], trainer: Trainer) -> list[Finding]:
    """Free space against the checkpoints, as far as the options alone tell how many there will be.

    An estimate stops a run only when not even one checkpoint fits.
    """
    if not _existing(outputs).is_dir():
        return []
    one = 0 if trainer.rehearsal else SDXL_PARAMETERS * BYTES.get(str(training.get("save_precision")), 4)
    free, needed = shutil.disk_usage(_existing(outputs)).free, SPARE + checkpoint_count(training) * one
    if free >= needed:
        return []
    return [
        Finding(
            what=f"the checkpoints need about {needed / 1e9:.0f} GB, {free / 1e9:.1f} GB are free",
            where=str(outputs),
            todo="free space, set `outputs` to another disk, or save fewer checkpoints",
            severity="error" if free < SPARE + one else "warning",
        )
    ]
