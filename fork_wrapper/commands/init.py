"""`kft init`."""

from pathlib import Path
from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.commands.flags import setting_flags, settings_from
from fork_wrapper.new_project import OWN, plan_project, write_project
from fork_wrapper.settings import said_everywhere

EPILOG = """\b
Examples:
  kft init
  kft init ~/fine-tunes --sd-scripts ~/kohya_ss/sd-scripts --python ~/kohya_ss/venv/bin/python
"""


@click.command(name="init", epilog=EPILOG, short_help="Begin a project in a folder of its own.")
@click.argument("folder", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--bare", is_flag=True, help="Without the six examples: the base experiment alone.")
@setting_flags(*OWN)
def command(folder: Path, bare: bool, **flags: Any) -> None:
    """Write a new project into DIR, by default the working folder: settings, experiments, .gitignore, README.

    Nothing is ever replaced: where one of the files exists, nothing is written. The checkout of sd-scripts that is in
    force here goes into kft.local.toml, and so do settings given here, unless they hold for this user anyway.
    """
    settings = settings_from(flags)
    project = plan_project(folder, settings, bare=bare, elsewhere=said_everywhere(settings))
    write_project(project)
    output.print_text("".join(f"{folder / name}\n" for name in project.files))
    go = [] if project.folder == Path.cwd() else [f"cd {folder}"]
    for step in (*go, f"kft run {project.first} --rehearse", f"kft check {project.first}"):
        output.say(("  → ", "title"), step)
