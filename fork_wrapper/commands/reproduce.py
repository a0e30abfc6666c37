"""`kft reproduce`."""

from dataclasses import asdict, replace
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, SCALE, full_name, json_flag, room_names, setting_flags, settings_from
from fork_wrapper.commands.live_view import watch_run
from fork_wrapper.commands.run import draw_samples, offer_next, summarise
from fork_wrapper.errors import Finding
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.repeat.compared import ALLOWABLE, Item
from fork_wrapper.repeat.comparison_text import go_on, item_lines, item_rows, title, to_json
from fork_wrapper.repeat.original import original_of
from fork_wrapper.repeat.places import parse_maps
from fork_wrapper.repeat.reproduce import Reproduction, job_of, outcome, refuse_real, reproduction
from fork_wrapper.run.job import foresee, render_job
from fork_wrapper.run.run import run
from fork_wrapper.text import counted, size

HEADERS = ("item", "verdict", "recorded", "here")

EPILOG = """\b
Examples:
  kft reproduce humanoid_05.json --check
  kft reproduce humanoid_05.json
  kft reproduce humanoid_05.safetensors --rehearse
  kft reproduce humanoid_05.json --map /data/old=/mnt/new --allow gpu --allow torch
"""


@click.command(name="reproduce", epilog=EPILOG, short_help="Repeat a run from its sidecar, record or checkpoint alone.")
@click.argument("source", metavar="SIDECAR|RECORD|CHECKPOINT|FILE", shell_complete=completing.runs)
@click.option("--check", "only_check", is_flag=True, help="Compare and print; start nothing.")
@click.option("--rehearse", "rehearsal", is_flag=True, help="Repeat a rehearsal, or rehearse a real run on a CPU.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice((*ALLOWABLE, *room_names())),
    help="Go on although this is different, or there is too little of it. Recorded. Repeatable.",
)
@click.option(
    "--map", "maps", multiple=True, metavar="OLD=NEW", help="Paths that moved, by how they begin. Repeatable."
)
@click.option("--trust", is_flag=True, help="Let the archive's options run code, send, fetch or write elsewhere.")
@json_flag
@setting_flags(*PLACES, *SCALE)
def command(
    source: str,
    only_check: bool,
    rehearsal: bool,
    allowed: tuple[str, ...],
    maps: tuple[str, ...],
    trust: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Repeat a run from one file: a sidecar, a record, a checkpoint, or a config file of the GUI or of sd-scripts.

    EXPERIMENT alone means its newest completed run, else its newest rehearsal; EXPERIMENT@latest its newest of all,
    @-2 the one before, and :epoch5, :step1200 or :final behind a run its checkpoint.

    Nothing else needs to be left of it. What it was made with is compared with this machine, item by item; a
    difference stops it until it is allowed by name. The configs that are launched are the archived ones byte for
    byte, up to the paths of this machine and the run's own folder. Exit code 1 when something stands against it.
    """
    if as_json and not only_check:
        raise click.UsageError("--json prints the comparison: it goes with --check")
    settings = settings_from(flags)
    source = full_name(source, settings, "done")
    original = original_of(open_source(source, settings), settings)
    if original.rehearsal is not None and not (rehearsal or only_check):
        raise refuse_real(original)
    output.say(f"reproducing {title(original)}")
    with output.counting("comparing images", patience=0.5) as tell:
        found = reproduction(original, settings, rehearse=rehearsal, maps=parse_maps(maps), trust=trust, tell=tell)
    stopping, asking = found.stopping(allowed), () if trust else found.asking()
    if not as_json:
        _print(found, allowed)
    findings = _foreseen(found, settings, allowed, trusted=not asking) if only_check or stopping or asking else ()
    errors = [one for one in findings if one.severity == "error"]
    if as_json:
        output.print_json({**to_json(found, allowed, trust=trust), "findings": [asdict(one) for one in findings]})
    elif errors:
        output.say(("it could not start here:", "error"))
        output.show_findings(errors)
    if stopping or asking:
        _refuse(source, found, stopping, allowed, rehearsal=rehearsal, maps=maps, trust=trust)
    if stopping or asking or errors:
        click.get_current_context().exit(1)
    if not only_check:
        _repeat(found, settings, allowed)


def _foreseen(
    found: Reproduction, settings: Settings, allowed: tuple[str, ...], *, trusted: bool
) -> tuple[Finding, ...]:
    """Return what a launch would find; InputError if it would differ from what was archived.

    Nothing that the archive names is opened before the archive is trusted.
    """
    job = replace(job_of(found, settings, None), allowed=allowed)
    if not trusted:
        render_job(job, settings)
        return ()
    draw_samples(job, settings)
    return foresee(job, settings).findings


def _repeat(found: Reproduction, settings: Settings, allowed: tuple[str, ...]) -> None:
    if found.original.kind == "checkpoint":  # the record names it by its sha256: gigabytes to read
        output.say(f"hashing {found.original.path.name} ({size(found.original.path.stat().st_size)})")
    job = replace(job_of(found, settings, allowed), allowed=allowed)
    if job.rehearsal is not None:
        if found.repetition.anew:
            words = f"rehearsal of {found.original.name} ({job.trainer.kind})"
            output.show_changes(words, job.rehearsal["changes"])
        draw_samples(job, settings)
    record = run(job, settings, watch_run())
    summarise(record)
    offer_next(record, settings)
    if not found.repetition.anew:
        _say_outcome(outcome(found.original, record))


def _print(found: Reproduction, allowed: tuple[str, ...]) -> None:
    output.print_table(HEADERS, item_rows(found.items, allowed))
    for line in item_lines(found):
        output.print_text(f"{line}\n")
    for line in found.limits:
        output.say(("limit: ", "dim"), line)


def _refuse(
    source: str,
    found: Reproduction,
    stopping: tuple[Item, ...],
    allowed: tuple[str, ...],
    *,
    rehearsal: bool,
    maps: tuple[str, ...],
    trust: bool,
) -> None:
    asking = () if trust else found.asking()
    if stopping:
        output.say(("not the same: ", "error"), ", ".join(item.name for item in stopping))
    if asking:
        output.say(
            ("it reaches beyond training: ", "error"), f"{counted(len(asking), 'value')}, listed above: read them"
        )
    said = go_on(source, stopping, allowed, rehearsal=rehearsal, maps=maps, trust=trust or bool(asking))
    output.say(("→ ", "title"), f"to go on anyway: {said}")


def _say_outcome(items: tuple[Item, ...]) -> None:
    if not items:
        return
    other = [item for item in items if item.verdict == "different"]
    if not other:
        output.print_text(f"as archived: {', '.join(f'{item.name} {item.found}' for item in items)}\n")
    for item in other:
        output.print_text(f"other than archived: {item.name} {item.recorded} -> {item.found}\n")
