"""What a rehearsal changes in an experiment, and why: only what needs a GPU, 7 GB or hours.

Everything else stays the experiment's own. A value given with --set is the user's and is left alone.
Nothing here imports torch; the miniature is built by the trainer's process.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dataset_tools.sets.sample_set import sample_set_folder
from fork_wrapper.check.check import would_stop
from fork_wrapper.check.rules.case import Case
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.resolve import Origin, Resolved
from fork_wrapper.experiment.subsets import MASKS, subsets
from fork_wrapper.files import flatten, read_text
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import ENVIRONMENT, Trainer
from fork_wrapper.rehearsal.miniature_folder import MINIATURE_VERSION, SETS, base_model, miniature_folder, tokenizers
from fork_wrapper.rehearsal.picked_images import Pick, copy_picked, has_metadata, pick_images
from fork_wrapper.run.job import Job
from fork_wrapper.sdscripts.reach import BESIDE_IMAGES

STEPS = 3
SAVE_EVERY = 2
RESOLUTION = 64
BATCH = 2
PROMPTS = 1
PROMPTS_FILE = "sample_prompts.txt"
HERE = Path(__file__).parent

CUDA = "needs CUDA"
SCALE = "scale: a rehearsal takes a minute"
MINIATURE = "the miniature SDXL stands in for the 7 GB base model"
BESIDE = "would leave the miniature's caches beside your images, and real training would read them"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One override of a rehearsal."""

    key: str
    """Full key path."""
    value: Any
    """The rehearsal's value; None where the key is unset."""
    was: Any
    """The experiment's value; None where it sets none."""
    why: str
    """The reason, for people and the record."""


def rehearse(resolved: Resolved, settings: Settings, *, stand_in: bool = False, prompts: str | None = None) -> Job:
    """The rehearsal of an experiment: the real trainer shrunk where sd-scripts is there, else the stand-in.

    `prompts` is the text of its sample prompts, where that is known and their file may be gone.
    """
    trainer = rehearsal_trainer(settings, stand_in=stand_in or not (settings.sd_scripts / "sdxl_train.py").is_file())
    prompts = _prompts(resolved.training.get("sample_prompts"), prompts)
    tree: keypath.Tree = keypath.merge({"training": resolved.training, "dataset": resolved.dataset}, {})
    origins = dict(resolved.origins)
    changes = []
    picks = pick_images(resolved.training, resolved.dataset, settings)
    for path, value, why in (*_picked(picks), *_wanted(resolved, settings, picks, sampling=prompts is not None)):
        was = flatten(tree).get(path)
        said = origins.get(path)
        kept = said is not None and said.by == "--set" and _key(path) not in BESIDE_IMAGES and path not in _paths(picks)
        if was == value or kept:
            continue
        changes.append(Change(key=path, value=value, was=was, why=why))
        if value is None:
            keypath.drop(tree, path)
            origins.pop(path, None)
        else:
            keypath.put(tree, path, value)
            origins[path] = Origin(kind="kft", by="rehearsal")
    return Job(
        resolved=replace(resolved, training=tree["training"], dataset=tree["dataset"], origins=origins),
        trainer=trainer,
        rehearsal={
            "trainer": trainer.kind,
            "miniature": MINIATURE_VERSION,
            "changes": [change.__dict__ for change in changes],
            **({"picked": [pick.to_json() for pick in picks]} if picks else {}),
        },
        before=partial(copy_picked, picks),
        files={PROMPTS_FILE: prompts} if prompts else None,
        warnings=would_stop(resolved),
    )


def sample_folders(job: Job, settings: Settings) -> list[Path]:
    """Image folders of the rehearsal that are kft's own sample set, to be drawn before it starts."""
    drawn = sample_set_folder(settings.cache)
    rendered = subsets(job.resolved.training, job.resolved.dataset)
    return [drawn] if any(one.image_dir == drawn for one in rendered) else []


def own_folders(job: Job, settings: Settings) -> list[Path]:
    """Image folders of the rehearsal that are kft's own: the sample set, and copies of somebody's images."""
    rendered = subsets(job.resolved.training, job.resolved.dataset)
    copied = [one.image_dir for one in rendered if one.image_dir.is_relative_to(settings.cache / SETS)]
    return [*sample_folders(job, settings), *copied]


def rehearsal_trainer(settings: Settings, *, stand_in: bool) -> Trainer:
    """The program that trains the miniature: the real one of the checkout, shrunk, or the stand-in."""
    miniature = str(miniature_folder(settings.cache))
    # accelerate counts physical cores for a CPU process and fails where the system tells none: so they are said
    accelerate = ("--cpu", "--num_cpu_threads_per_process", str(os.cpu_count() or 1))
    # no GPU is touched, even where there is one in use; and everything that is needed lies in the cache
    env = {**ENVIRONMENT, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    env["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that wait by spinning starve each other on a busy machine
    if stand_in:
        return Trainer(
            kind="stand-in",
            script=HERE / "standin.py",
            arguments=("--miniature", miniature),
            accelerate=accelerate,
            env=env,
        )
    return Trainer(
        kind="sd-scripts on the miniature",
        script=HERE / "shrunk.py",
        arguments=("--sd-scripts", str(settings.sd_scripts), "--miniature", miniature),
        accelerate=accelerate,
        env=env,
    )


def _picked(picks: Sequence[Pick]) -> Iterator[tuple[str, Any, str]]:
    """The images of a rehearsal in place of all."""
    for pick in picks:
        what = "all images, copied" if len(pick.files) == pick.of else f"{len(pick.files)} of {pick.of} images"
        across = ", picked across buckets and copied" if what[0] != "a" and pick.option == "image_dir" else ""
        why = f"scale: {what}{across}"
        yield f"{pick.key}.{pick.option}", pick.target.as_posix(), why
        if pick.masks is not None:
            yield f"{pick.key}.{MASKS}", pick.masks.as_posix(), why


def _paths(picks: Sequence[Pick]) -> set[str]:
    return {path for path, _, _ in _picked(picks)}


def _wanted(
    resolved: Resolved, settings: Settings, picks: Sequence[Pick], *, sampling: bool
) -> Iterator[tuple[str, Any, str]]:
    """Every override that could be needed, as (key path, value or None, reason)."""
    miniature = miniature_folder(settings.cache)
    yield "training.pretrained_model_name_or_path", base_model(miniature).as_posix(), MINIATURE
    yield "training.tokenizer_cache_dir", tokenizers(miniature).as_posix(), MINIATURE
    for key in ("vae", "resume"):
        yield f"training.{key}", None, MINIATURE
    yield "training.mixed_precision", "no", CUDA
    for key in ("full_fp16", "full_bf16", "fp8_base", "torch_compile", "deepspeed"):
        yield f"training.{key}", None, CUDA
    if resolved.training.get("xformers"):
        yield "training.xformers", None, "xformers has no CPU kernel"
        yield "training.sdpa", True, "takes the place of xformers"
    yield from _length(resolved.training)
    yield from _sampling(sampling=sampling)
    if has_metadata(resolved.dataset):
        for key in ("cache_latents_to_disk", "cache_text_encoder_outputs_to_disk"):
            yield f"training.{key}", None, BESIDE
    yield from _dataset(resolved, settings, {pick.key for pick in picks})


def _length(training: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    yield "training.max_train_epochs", None, SCALE
    yield "training.max_train_steps", STEPS, SCALE
    for key in ("save_every_n_epochs", "save_n_epoch_ratio"):
        yield f"training.{key}", None, SCALE
    yield "training.save_every_n_steps", SAVE_EVERY, SCALE
    if isinstance(training.get("lr_warmup_steps"), int) and training["lr_warmup_steps"] > 1:
        yield "training.lr_warmup_steps", 1, SCALE
    if training.get("gradient_accumulation_steps", 1) > 1:
        yield "training.gradient_accumulation_steps", None, SCALE
    yield "training.max_data_loader_n_workers", 0, SCALE
    yield "training.persistent_data_loader_workers", None, "without worker processes there is none to keep"


def _sampling(*, sampling: bool) -> Iterator[tuple[str, Any, str]]:
    yield "training.sample_every_n_epochs", None, SCALE
    if not sampling:
        yield "training.sample_at_first", None, "there are no prompts to take"
    yield "training.sample_every_n_steps", STEPS if sampling else None, SCALE
    yield "training.sample_prompts", f"{{run}}/{PROMPTS_FILE}" if sampling else None, SCALE


def _key(path: str) -> str:
    return path.rsplit(".", maxsplit=1)[-1].split("[", maxsplit=1)[0]


def _dataset(resolved: Resolved, settings: Settings, picked: Collection[str]) -> Iterator[tuple[str, Any, str]]:
    for path, value in flatten({"dataset": resolved.dataset}).items():
        key = _key(path)
        if key == "cache_info" and has_metadata(resolved.dataset):
            yield path, None, BESIDE
        elif key == "batch_size" and isinstance(value, int) and value > BATCH:
            yield path, BATCH, SCALE
    yield from _sizes(Case(training=resolved.training, dataset=resolved.dataset))
    for one in subsets(resolved.training, resolved.dataset):
        if not one.image_dir.is_dir() and one.key not in picked:
            folder = sample_set_folder(settings.cache).as_posix()
            yield f"{one.key}.image_dir", folder, "the images are not on this machine: a drawn sample set"


def _sizes(case: Case) -> Iterator[tuple[str, Any, str]]:
    """The resolution and what must fit it, wherever each value in force is said, or else in the dataset.

    Without buckets or cached latents, images must have exactly the resolution (library/train_util.py:1630-1648).
    """
    buckets = {"min_bucket_reso": RESOLUTION, "max_bucket_reso": 2 * RESOLUTION, "bucket_reso_steps": RESOLUTION}
    for dataset in case.datasets:
        if dataset.said("resolution"):
            at = dataset.at("resolution")
            yield at, f"{RESOLUTION},{RESOLUTION}" if at.startswith("training.") else RESOLUTION, SCALE
        if not dataset.get("enable_bucket") and not case.get("cache_latents"):
            yield dataset.at("enable_bucket"), True, "images have another size than a rehearsal's resolution"
        for key, value in buckets.items():
            yield dataset.at(key), value, SCALE


def _prompts(path: str | None, text: str | None = None) -> str | None:
    """The first prompts of the experiment's file, at the rehearsal's size; None when there are none to take.

    Flags are sd-scripts' own (library/train_util.py:6254-6326); later ones win.
    """
    if not path or not path.endswith(".txt") or (text is None and not Path(path).is_file()):
        return None
    lines = [line.strip() for line in (read_text(Path(path)) if text is None else text).splitlines()]
    prompts = [line for line in lines if line and not line.startswith("#")][:PROMPTS]
    return "".join(f"{line} --w {RESOLUTION} --h {RESOLUTION} --s 2\n" for line in prompts) or None
