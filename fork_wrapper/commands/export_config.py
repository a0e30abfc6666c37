"""`kft export-config`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, allow_flag, full_name, setting_flags, settings_from
from fork_wrapper.files import write_whole
from fork_wrapper.formats.bundle import bundle, write_bundle
from fork_wrapper.formats.export import Exported, Form, export, refuse_to_overwrite
from fork_wrapper.formats.source import open_source
from fork_wrapper.text import counted

FORMS = ("toml", "json", "gui-finetune", "gui-dreambooth", "command", "bundle")

EPILOG = """\b
Examples:
  kft export-config humanoid_05 -o exported
  kft export-config humanoid_05 --format command
  kft export-config humanoid_05 --format gui-finetune -o for_the_gui
  kft export-config runs/humanoid_05/20261122-101500/humanoid_05.json --format json
  kft export-config humanoid_05/20261122-101500 --format bundle -o humanoid_05_bundle
"""


@click.command(
    name="export-config", epilog=EPILOG, short_help="Write the exact configs of an experiment, a run or a checkpoint."
)
@click.argument("source", shell_complete=completing.sources)
@click.option("--format", "form", type=click.Choice(FORMS), default="toml", show_default=True)
@click.option(
    "-o",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write files into this folder; default stdout.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 when something cannot travel.")
@allow_flag
@setting_flags(*PLACES)
def command(source: str, form: Form, folder: Path | None, strict: bool, allow: tuple[str, ...], **flags: Any) -> None:
    """Write the configs that sdxl_train.py reads, of an experiment NAME, a RUN, a sidecar or a checkpoint.

    EXPERIMENT@latest is its newest run, @-2 the one before; with :epoch5, :step1200 or :final behind, a checkpoint.

    Of a run, a sidecar or a checkpoint they are what trained; of an experiment, what would train now. The GUI forms
    load in the kohya_ss GUI's finetune or dreambooth tab, `command` is one line for the shell, `bundle` a folder with
    everything but the weights. What a form cannot say is named on stderr.
    """
    settings = settings_from(flags)
    opened = open_source(full_name(source, settings), settings, allow)
    if form == "bundle":
        if folder is None:
            raise click.UsageError("a bundle is a folder: name it with -o FOLDER")
        exported = bundle(opened, settings, folder)
        output.print_text("".join(f"{path}\n" for path in write_bundle(exported, opened, folder)))
    else:
        exported = export(opened, settings, form, folder)
        _write(exported, folder)
    if form.startswith("gui-"):
        output.say(
            "  • ",
            ("note: ", "note"),
            "the form is for kohya_ss v26.0.0 and newer; older ones pass some values on otherwise",
        )
    _report(exported.lost)
    if strict and exported.lost:
        click.get_current_context().exit(1)


def _write(exported: Exported, folder: Path | None) -> None:
    if folder is None:
        texts = exported.files.items()
        output.print_file("\n".join(_headed(name, text, alone=len(texts) == 1) for name, text in texts))
        return
    paths = [folder / name for name in exported.files]
    refuse_to_overwrite(paths)
    for path, text in zip(paths, exported.files.values(), strict=True):
        write_whole(path, text)
        output.print_text(f"{path}\n")


def _headed(name: str, text: str, *, alone: bool) -> str:
    return text if alone else f"# {name}\n{text}"


def _report(lost: Mapping[str, str]) -> None:
    if lost:
        values = counted(len(lost), "value")
        output.say("  • ", ("warning: ", "warning"), f"{values} cannot travel in this form:")
    for key, why in sorted(lost.items()):
        output.say(f"    {key}: {why}")
