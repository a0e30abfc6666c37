"""`kft new`."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, full_name, override_flags, setting_flags, settings_from
from fork_wrapper.experiment.resolve import parse_overrides
from fork_wrapper.formats.new_experiment import Given, next_steps, plan_new, plan_own, write_new
from fork_wrapper.formats.own_images import base_of, described, look_at_images
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import begin

EPILOG = """\b
Examples:
  kft new luna --images ~/pictures/luna --base ~/models/sd_xl_base_1.0.safetensors
  kft new humanoid_08 --from humanoid_05 --set learning_rate=3e-6 --changes "a lower rate"
  kft new humanoid_08 --from humanoid_05 --unset xformers --set sdpa=true
  kft new recovered --from runs/humanoid_05/20261122-101500/humanoid_05.json
"""


@click.command(name="new", epilog=EPILOG, short_help="Write a new experiment, made of another or of a run.")
@click.argument("name")
@click.option("--from", "source", metavar="SOURCE", help="What it is made of.", shell_complete=completing.sources)
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Your images and captions.")
@click.option("--base", metavar="FILE", help="The base model: a file, or a name on the Hugging Face Hub.")
@override_flags
@click.option("--purpose", metavar="TEXT", help="What it is for.")
@click.option("--changes", metavar="TEXT", help="Why these values moved.")
@setting_flags(*PLACES)
def command(
    name: str,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    allow: tuple[str, ...],
    **flags: Any,
) -> None:
    """Write experiments/NAME.toml, and check it before: nothing is written that would not load, nothing replaced.

    Of your own images (--images) it becomes a whole experiment, with values for a GPU of 24 GB. Of an experiment
    (--from) it becomes a child, which holds only what changes. Of a run, a sidecar, a checkpoint or a config of the
    kohya_ss GUI or of sd-scripts it becomes a whole experiment, as `kft import-config` makes one. Values given here
    are your choice: their origin is "chosen".
    """
    source, images, base = (flags.pop(key) for key in ("source", "images", "base"))
    story = {key: text for key in ("purpose", "changes") if (text := flags.pop(key))}
    if source is None and images is None:
        raise click.UsageError("say what it is made of: --images DIR, or --from SOURCE")
    settings = settings_from(flags)
    opened = open_source(full_name(source, settings), settings, allow) if source is not None else None
    given = Given(
        images=look_at_images(images, settings) if images is not None else None,
        base=base_of(base) if base is not None else None,
        story=story,
    )
    overrides = parse_overrides(assignments, unset)
    if opened is None:
        new = plan_own(name, given, settings, overrides, allow)
    else:
        new = plan_new(name, opened, settings, overrides, given, datetime.now().astimezone())
    write_new(new)
    output.print_text("".join(f"{path}\n" for path in new.files))
    for line in described(given.images) if given.images else ():
        output.say(line)
    output.show_findings(new.findings)
    if todo := begin(settings.experiments):
        output.say("  • ", ("note: ", "note"), todo)
    for step in next_steps(new, own=given.images is not None):
        output.say(("  → ", "title"), step)
