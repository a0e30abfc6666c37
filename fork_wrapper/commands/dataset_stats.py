"""`kft dataset stats`."""

from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.dataset import VERBS
from fork_wrapper.commands.flags import PLACES, full_name, json_flag, setting_flags, settings_from

EPILOG = """\b
Examples:
  kft dataset stats datasets/humanoid
  kft dataset stats humanoid_05 --top 30
  kft dataset stats datasets/humanoid --sheet sheet.png --n 120
  kft dataset stats datasets/humanoid --sheet capes.png --select "red cape" --select "skin_07*"
  kft dataset stats --show-vocabulary > words.toml
"""


@click.command(name="stats", epilog=EPILOG, short_help=VERBS["stats"])
@click.argument("source", metavar="[DIR|NAME]", default=".", shell_complete=completing.experiments)
@click.option("--caption-extension", "extension", metavar="EXT", help="How captions of DIR end.  [as most do]")
@click.option("--resolution", type=click.IntRange(64, 16384), help="For buckets of DIR.  [as prepared, or 1024]")
@click.option("--separator", metavar="TEXT", help="Between tags; the configuration's, or a comma.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Rows of each table.")
@click.option(
    "--vocabulary",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML of the words for each part of a caption.",
)
@click.option("--show-vocabulary", is_flag=True, help="Print the vocabulary that comes with kft, to edit.")
@click.option(
    "--sheet", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png", help="Draw a contact sheet."
)
@click.option(
    "--select", "wanted", multiple=True, metavar="TAG|GLOB", help="Only images with this tag or name. Repeatable."
)
@click.option("--n", "count", type=click.IntRange(min=1), metavar="N", help="So many images, evenly spaced.")
@json_flag
@setting_flags(*PLACES)
def command(source: str, show_vocabulary: bool, as_json: bool, top: int, **flags: Any) -> None:
    """Describe a folder of images, or the data sets of an experiment or run.

    Images, sizes, aspects and buckets as sd-scripts fills them; lengths of captions, tags, pairs of tags, beginnings
    that captions share; and how many captions have each part of the convention: visual traits, style tags, anatomy
    and structure, outfit and accessories. Without an argument, the working folder.
    """
    from dataset_tools.captions.vocabulary import load_vocabulary, shipped_vocabulary_text  # noqa: PLC0415 - not for --help
    from fork_wrapper.datasets.stats import gather, named  # noqa: PLC0415
    from fork_wrapper.datasets.stats_text import tables  # noqa: PLC0415

    if show_vocabulary:
        output.print_file(shipped_vocabulary_text())
        return
    if (flags["wanted"] or flags["count"]) and not flags["sheet"]:
        raise click.UsageError("--select and --n choose images for a contact sheet: name it with --sheet FILE.png")
    settings = settings_from(flags)
    one = named(full_name(source, settings), settings, extension=flags["extension"], resolution=flags["resolution"])
    vocabulary = load_vocabulary(flags["vocabulary"])
    with output.counting("hashing images", patience=0.5) as tell:
        stats = gather(one, settings, vocabulary, separator=flags["separator"], top=top, tell=tell)
    if as_json:
        output.print_json(stats.to_json())
    else:
        for table in tables(stats, top=top):
            if table.title:
                output.print_text(f"\n{table.title}\n")
            output.print_table(table.headers, table.rows)
    if flags["sheet"]:
        _draw(stats, flags["sheet"], flags["wanted"], flags["count"])


def _draw(stats: Any, target: Path, wanted: tuple[str, ...], count: int | None) -> None:
    from dataset_tools.scan.captions import selected  # noqa: PLC0415
    from dataset_tools.sets.contact_sheet import draw_sheet, evenly  # noqa: PLC0415
    from fork_wrapper.errors import Finding, InputError  # noqa: PLC0415
    from fork_wrapper.text import counted  # noqa: PLC0415

    if target.absolute().parent.resolve() in {survey.folder.resolve() for survey in stats.surveys.values()}:
        what = "there it would be trained on"
        raise InputError("the sheet was not drawn", [Finding(what=what, where=str(target), todo="name another folder")])
    pictures = selected(stats.pictures, wanted)
    if not pictures:
        finding = Finding(what="no image has such a tag or name", where=" ".join(wanted), todo="see `--top 100`")
        raise InputError("the sheet was not drawn", [finding])
    with output.counting("drawing") as tell:
        sheet = draw_sheet(evenly(pictures, count or len(pictures)), target, progress=tell)
    output.say(f"{target}: {counted(sheet.pictures, 'image')}, {sheet.width} x {sheet.height}")
    for name, why in sheet.undecodable:
        output.say("  • ", ("warning: ", "warning"), f"{name}: {why}")
