"""`kft run`."""

from typing import Any

import click

from dataset_tools.sample_set import draw_sample_set
from fork_wrapper import output
from fork_wrapper.commands.flags import PLACES, SCALE, override_flags, setting_flags, settings_from
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.record import Record
from fork_wrapper.rehearsal.picked import copy_picked, remove_caches
from fork_wrapper.rehearsal.plan import own_folders, rehearse, sample_folders
from fork_wrapper.render import real_trainer
from fork_wrapper.resolve import Resolved, parse_overrides, resolve
from fork_wrapper.run import Job, run
from fork_wrapper.settings import Settings
from fork_wrapper.watch import watch_run
from fork_wrapper.words import clock, size

EPILOG = """\b
Examples:
  kft run humanoid_05
  kft run humanoid_05 --set learning_rate=2e-6 --set max_train_epochs=4
  kft run humanoid_05 --rehearse
"""


@click.command(
    name="run",
    epilog=EPILOG,
    short_help="Train an experiment, or rehearse it on a CPU.",
)
@click.argument("name")
@override_flags
@click.option("--rehearse", "rehearsal", is_flag=True, help="The same pipeline on a CPU with a miniature SDXL.")
@click.option("--stand-in", is_flag=True, help="Rehearse with kft's stand-in trainer even where sd-scripts is present.")
@setting_flags(*PLACES, *SCALE)
def command(
    name: str,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    allow: tuple[str, ...],
    rehearsal: bool,
    stand_in: bool,
    **flags: Any,
) -> None:
    """Train the experiment NAME with sd-scripts' sdxl_train.py and archive every checkpoint.

    Everything missing is said at once, before anything starts. The run gets a folder of its own; beside every
    checkpoint lies the JSON that says how it was made, and the same configuration is inside its header.
    """
    settings = settings_from(flags)
    resolved = resolve(name, settings, parse_overrides(assignments, unset), allow)
    if rehearsal or stand_in:
        job = _rehearsal(resolved, settings, stand_in=stand_in)
    else:
        job = Job(resolved=resolved, trainer=real_trainer(settings))
    try:
        record = run(job, settings, watch_run())
    except InputError as error:
        _offer_rehearsal(error, name)
        raise
    summarise(record)


def _offer_rehearsal(error: InputError, name: str) -> None:
    """For a machine without a GPU, the last line of the error offers what works on it."""
    if any(finding.where == "nvidia-smi" for finding in error.findings):
        what = "without a GPU the whole way can still be rehearsed, in about a minute"
        hint = Finding(what=what, todo=f"kft run {name} --rehearse", severity="note")
        error.findings = (*error.findings, hint)


def _rehearsal(resolved: Resolved, settings: Settings, *, stand_in: bool) -> Job:
    job = rehearse(resolved, settings, stand_in=stand_in)
    assert job.rehearsal is not None
    output.show_changes(f"rehearsal of {resolved.name} ({job.trainer.kind})", job.rehearsal["changes"])
    draw_samples(job, settings)
    return job


def draw_samples(job: Job, settings: Settings) -> None:
    """Draw the sample set, or copy a part of the images, where the rehearsal trains on it and it is not there."""
    for folder in sample_folders(job, settings):
        with output.counting("drawing the sample set") as progress:
            draw_sample_set(folder, progress=progress)
    try:
        copy_picked(job.picks)
        remove_caches(own_folders(job, settings))
    except OSError as error:
        finding = Finding(
            what=str(error), where=str(settings.cache), todo="see that the images can be read, and make room"
        )
        raise InputError("the images of the rehearsal cannot be copied", [finding]) from error


def summarise(record: Record) -> None:
    """How a run went, and its checkpoints with their steps in the training."""
    facts = record.run
    loss, speed = facts["loss"], facts["steps_per_second"]
    words = [f"{facts['id']}: {facts['status']} in {clock(facts['seconds'])}", f"{facts['steps']} steps"]
    if speed:
        words.append(f"{speed:.2f} it/s")
    if loss:
        words.append(f"loss {loss['first']:.4f} -> {loss['last']:.4f}")
    if facts["nan_step"]:
        words.append(f"LOSS IS NaN SINCE STEP {facts['nan_step']}")
    if facts["peak_vram_mib"]:
        words.append(f"peak VRAM {max(facts['peak_vram_mib'])} MiB (sampled)")
    output.print_text(", ".join(words) + "\n")
    rows = [
        (
            str(one["file"]),
            size(one["bytes"]),
            str(one.get("training_step") or one["step"] or "-"),
            str(one["sha256"] or "-")[:12],
        )
        for one in record.checkpoints
    ]
    output.print_table(("checkpoint", "size", "step", "sha256"), rows)
