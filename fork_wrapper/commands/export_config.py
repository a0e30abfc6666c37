"""`kft export-config`."""

from pathlib import Path
from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.commands.flags import PLACES, allow_flag, setting_flags, settings_from
from fork_wrapper.export import export, refuse_to_overwrite
from fork_wrapper.files import pretty_json, write_whole
from fork_wrapper.source import open_source

EPILOG = """\b
Examples:
  kft export-config humanoid_05 -o exported
  kft export-config runs/humanoid_05/20261122-101500/humanoid_05.json --format json
"""


@click.command(
    name="export-config", epilog=EPILOG, short_help="Write the exact configs of an experiment, a run or a checkpoint."
)
@click.argument("source")
@click.option("--format", "form", type=click.Choice(["toml", "json"]), default="toml", show_default=True)
@click.option(
    "-o",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write files into this folder; default stdout.",
)
@allow_flag
@setting_flags(*PLACES)
def command(source: str, form: str, folder: Path | None, allow: tuple[str, ...], **flags: Any) -> None:
    """Write the configs that sdxl_train.py reads, of an experiment NAME, a RUN, a sidecar or a checkpoint.

    Of a run, a sidecar or a checkpoint they are what trained; of an experiment, what would train now.
    """
    settings = settings_from(flags)
    exported = export(open_source(source, settings, allow), settings, folder)
    texts = {"train.toml": exported.train_toml, "dataset.toml": exported.dataset_toml}
    if form == "json":
        texts = {"config.json": pretty_json(exported.values)}
    if folder is None:
        output.print_text("\n".join(_headed(name, text, alone=len(texts) == 1) for name, text in texts.items()))
        return
    paths = [folder / name for name in texts]
    refuse_to_overwrite(paths)
    for path, text in zip(paths, texts.values(), strict=True):
        write_whole(path, text)
        output.print_text(f"{path}\n")


def _headed(name: str, text: str, *, alone: bool) -> str:
    return text if alone else f"# {name}\n{text}"
