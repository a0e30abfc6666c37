"""`kft init`."""

from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import output
from fork_wrapper.commands.flags import setting_flags, settings_from
from fork_wrapper.formats.new_experiment import Given
from fork_wrapper.formats.new_project import OWN, plan_project, write_project
from fork_wrapper.formats.own_images import base_of, described, look_at_images
from fork_wrapper.machine.settings import said_everywhere

EPILOG = """\b
Examples:
  kft init
  kft init luna --images ~/pictures/luna --base ~/models/sd_xl_base_1.0.safetensors
  kft init ~/fine-tunes --sd-scripts ~/kohya_ss/sd-scripts --python ~/kohya_ss/venv/bin/python
"""


@click.command(name="init", epilog=EPILOG, short_help="Begin a project in a folder of its own.")
@click.argument("folder", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--bare", is_flag=True, help="Without the six examples: a base experiment alone, for a GPU of 24 GB.")
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Begin with your images and captions.")
@click.option("--base", metavar="FILE", help="Their base model: a file, or a name on the Hugging Face Hub.")
@setting_flags(*OWN)
def command(folder: Path, bare: bool, images: Path | None, base: str | None, **flags: Any) -> None:
    """Write a new project into DIR, by default the working folder: settings, experiments, .gitignore, README.

    With --images its one experiment is of these images; the folders that hold them and the base model are named in
    kft.local.toml, and the experiment says {datasets} and {models}.

    Nothing is ever replaced: where one of the files exists, nothing is written. The checkout of sd-scripts that is in
    force here goes into kft.local.toml, and so do settings given here, unless they hold for this user anyway.
    """
    settings = settings_from(flags)
    if base is not None and images is None:
        raise click.UsageError("--base goes with --images")
    own = None
    if images is not None:
        own = Given(images=look_at_images(images, settings), base=base_of(base) if base is not None else None)
    project = plan_project(folder, settings, bare=bare, elsewhere=said_everywhere(settings), own=own)
    write_project(project)
    output.print_text("".join(f"{folder / name}\n" for name in project.files))
    go = [] if project.folder == Path.cwd() else [f"cd {folder}"]
    for line in described(own.images) if own and own.images else ():
        output.say(line)
    for step in (*go, *project.steps):
        output.say(("  → ", "title"), step)
