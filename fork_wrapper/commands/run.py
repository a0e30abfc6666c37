"""`kft run`."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from dataset_tools.sets.sample_set import draw_sample_set
from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import (
    PLACES,
    SCALE,
    full_name,
    override_flags,
    room_flag,
    setting_flags,
    settings_from,
)
from fork_wrapper.commands.live_view import watch_run
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.resolve import Resolved, parse_overrides
from fork_wrapper.formats.configuration import configuration, refuse_borrowed_name
from fork_wrapper.machine.settings import NAMES, Settings, load_settings, own_sd_scripts
from fork_wrapper.machine.submodule import SECONDS, Outcome, fetch_submodule
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records.history import list_runs
from fork_wrapper.records.losses import losses_of
from fork_wrapper.records.record import Record
from fork_wrapper.rehearsal.picked_images import remove_caches
from fork_wrapper.rehearsal.rehearse import own_folders, rehearse, sample_folders
from fork_wrapper.run.job import Job
from fork_wrapper.run.run import run
from fork_wrapper.text import clock, counted, pace, size

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
@click.argument("name", shell_complete=completing.experiments)
@override_flags
@room_flag
@click.option("--rehearse", "rehearsal", is_flag=True, help="The same pipeline on a CPU with a miniature SDXL.")
@click.option("--stand-in", is_flag=True, help="Rehearse with kft's stand-in trainer even where sd-scripts is present.")
@click.option(
    "--fetch", is_flag=True, help="First get kft's submodule of sd-scripts if it is missing, within a minute."
)
@setting_flags(*PLACES, *SCALE)
def command(
    name: str,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    allow: tuple[str, ...],
    allowed: tuple[str, ...],
    rehearsal: bool,
    stand_in: bool,
    **flags: Any,
) -> None:
    """Train the experiment NAME with sd-scripts' sdxl_train.py and archive every checkpoint.

    NAME is an experiment, or anything that `kft import-config` takes, imported on the way: the record then says of
    what.

    Everything missing is said at once, before anything starts. The run gets a folder of its own; beside every
    checkpoint lies the JSON that says how it was made, and the same configuration is inside its header.
    """
    if flags["fetch"]:
        _fetch(load_settings({name: flags[name] for name in NAMES if name in flags}))
    settings = settings_from(flags)
    resolved = configuration(full_name(name, settings), settings, parse_overrides(assignments, unset), allow)
    refuse_borrowed_name(resolved, settings)
    if rehearsal or stand_in:
        job = _rehearsal(resolved, settings, stand_in=stand_in)
    else:
        job = Job(resolved=resolved, trainer=real_trainer(settings))
    try:
        record = run(replace(job, allowed=allowed), settings, watch_run())
    except InputError as error:
        _offer_rehearsal(error, name)
        raise
    summarise(record)
    offer_next(record, settings)


def _fetch(settings: Settings) -> None:
    """Get kft's own sd-scripts submodule if it is the checkout in use and is missing; say how it went."""
    folder = settings.sd_scripts
    if folder != own_sd_scripts() or (folder / "sdxl_train.py").is_file():
        return
    output.say(f"fetching sd-scripts into {folder} (git submodule update, {SECONDS:.0f} s at most)")
    outcome, said = fetch_submodule(folder)
    output.say(_FETCHED[outcome] + (f": {said}" if outcome == "failed" and said else ""))


_FETCHED: Mapping[Outcome, str] = {
    "fetched": "sd-scripts is here",
    "no checkout": "nothing fetched: this is not a git checkout of kft",
    "no git": "nothing fetched: git is not installed",
    "too slow": f"nothing fetched: no answer within {SECONDS:.0f} s",
    "failed": "nothing fetched",
}


def _offer_rehearsal(error: InputError, name: str) -> None:
    """For a machine without a GPU, the last line of the error offers what works on it."""
    if any(finding.rule == "gpu-missing" for finding in error.findings):
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
    """Draw the sample set or copy part of the images, if the rehearsal trains on them and they are missing."""
    for folder in sample_folders(job, settings):
        with output.counting("drawing the sample set") as progress:
            draw_sample_set(folder, progress=progress)
    try:
        if job.before is not None:
            job.before()
        remove_caches(own_folders(job, settings))
    except OSError as error:
        finding = Finding(
            what=str(error), where=str(settings.cache), todo="see that the images can be read, and make room"
        )
        raise InputError("the images of the rehearsal cannot be copied", [finding]) from error


def offer_next(record: Record, settings: Settings) -> None:
    """Print the commands that usually follow a successful run."""
    run, name = shlex.quote(str(record.run["id"])), shlex.quote(record.name)
    steps = {f"kft show {run}": "how it was made and how it went"}
    if record.rehearsal is not None:
        steps |= {f"kft check {name}": "what stands between it and the real run", f"kft run {name}": "the real run"}
    else:
        lines = list_runs(settings.outputs, record.name, cache=settings.cache)
        before = [line.run_id for line in lines if line.status == "completed" and line.run_id != record.run["id"]]
        if before:
            steps[f"kft diff {shlex.quote(before[-1])} {run}"] = "what is other than in the run before"
        steps |= {
            f"kft report {run}": "curves and samples on one page",
            f"kft promote {run}": "its last checkpoint as the base of LoRAs",
        }
    longest = max(map(len, steps))
    for command_line, what in steps.items():
        output.say(("  → ", "title"), f"{command_line:<{longest}}  ", (what, "dim"))


def summarise(record: Record) -> None:
    """Print how a run went, and its checkpoints with their training steps."""
    facts = record.run
    loss, speed = losses_of(facts), facts["steps_per_second"]
    words = [f"{facts['id']}: {facts['status']} in {clock(facts['seconds'])}", counted(facts["steps"], "step")]
    if speed:
        words.append(pace(speed))
    if loss:
        words.append(f"loss {loss}")
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
