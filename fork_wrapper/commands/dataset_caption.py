"""`kft dataset caption`."""

import codecs
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import output
from fork_wrapper.commands.dataset import VERBS
from fork_wrapper.commands.flags import PLACES, setting_flags, settings_from
from fork_wrapper.text import counted

TOOL_NAMES = ("wd14", "blip", "git")

EPILOG = """\b
Examples:
  kft dataset caption datasets/humanoid --with wd14 -- --onnx --general_threshold 0.4
  kft dataset caption datasets/humanoid --command "python my_captioner.py --folder {images}"
  kft dataset caption datasets/humanoid --rules rules.toml             # shows what would change
  kft dataset caption datasets/humanoid --rules rules.toml --apply
  kft dataset caption datasets/humanoid --merge-tags .tags --apply

\b
A rules file holds any of these:
  replace = [{ tag = "grey", to = "gray" }, { text = "colour", to = "color" }, { regex = "^a (.*)", to = '\\1' }]
  remove = ["watermark", { text = "http" }, { regex = "^artist:" }]
  prefix = ["fortnite style"]
  suffix = ["white background"]
  duplicates = "keep"       # else a tag that stands twice goes the second time
  separator = ","
"""


@click.command(name="caption", epilog=EPILOG, short_help=VERBS["caption"])
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("options", metavar="[-- OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.option("--with", "tool", type=click.Choice(TOOL_NAMES), help="Caption with this tool of sd-scripts.")
@click.option("--command", "program", metavar="TEXT", help="Caption with this program; {images} is the folder.")
@click.option("--overwrite", is_flag=True, help="Caption images anew that have a caption; the old ones are kept aside.")
@click.option("--caption-extension", "extension", default=".txt", show_default=True, help="How captions end.")
@click.option(
    "--merge-tags", "merge", multiple=True, metavar="EXT", help="Append the tags of files that end so. Repeatable."
)
@click.option(
    "--rules", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="TOML of what to mend in captions."
)
@click.option("--apply", is_flag=True, help="Write what rules and merging change; else they only show it.")
@setting_flags(*PLACES)
def command(folder: Path, options: tuple[str, ...], extension: str, **flags: Any) -> None:
    """Caption the images of DIR, then mend captions by rules.

    Captioners work on links (--command: on copies) of the images without a caption: none is overwritten without
    --overwrite, whatever OPTIONS they get. sd-scripts' tools run in the trainer's Python. Rules and merged tags are
    shown as a diff, exit code 1 when there is one, until --apply writes them; what is replaced goes to
    DIR/caption_backup.
    """
    captions = flags["tool"] or flags["program"]
    if flags["tool"] and flags["program"]:
        raise click.UsageError("--with and --command are two captioners: use one")
    if options and not captions:
        raise click.UsageError(f"options ({' '.join(options)}) are for a captioner: name one by --with or --command")
    if not (captions or flags["rules"] or flags["merge"]):
        raise click.UsageError("nothing to do: give --with, --command, --rules or --merge-tags")
    if (flags["overwrite"] and not captions) or (flags["apply"] and not (flags["rules"] or flags["merge"])):
        raise click.UsageError("--overwrite belongs to a captioner, --apply to --rules and --merge-tags")
    extension = extension if extension.startswith(".") else f".{extension}"
    left = _caption(folder, extension, options, flags) if captions else 0
    changed = _mend(folder, extension, flags) if flags["rules"] or flags["merge"] else 0
    if left or changed:
        click.get_current_context().exit(1)


def _caption(folder: Path, extension: str, options: tuple[str, ...], flags: dict[str, Any]) -> int:
    """Caption the images; return how many are still without a caption."""
    from dataset_tools.captions.edit import apply_edits, new_backup  # noqa: PLC0415 - not for --help
    from dataset_tools.captions.work import wanting, work_folder, written  # noqa: PLC0415
    from dataset_tools.scan.scan import scan_folder  # noqa: PLC0415
    from fork_wrapper.datasets.captioning import explain, other_program, run_captioner, sd_scripts_tool  # noqa: PLC0415
    from fork_wrapper.errors import InterruptedRunError, RunFailedError  # noqa: PLC0415

    settings = settings_from(flags)
    scan = scan_folder(folder, extension)
    wanted = wanting(scan, overwrite=flags["overwrite"])
    if flags["tool"]:
        captioner = sd_scripts_tool(flags["tool"], options, extension, settings)
    else:
        captioner = other_program(flags["program"], options)
    if not wanted:
        output.say(f"{counted(scan.images, 'image')}, each with a caption: nothing to do without --overwrite")
        return 0
    reader = codecs.getincrementaldecoder("utf-8")(errors="replace")
    with work_folder(wanted, folder, copies=not flags["tool"]) as work:
        outcome = run_captioner(captioner, work, settings, lambda chunk: output.pass_on(reader.decode(chunk)))
        whole = outcome.exit_code == 0 and not outcome.stops
        edits = written(work, wanted, extension, whole=whole)
        failure = None if whole else explain(captioner, work, outcome)
    backup = new_backup(folder, datetime.now())  # noqa: DTZ005 - a name for people here
    apply_edits(edits, backup)
    left = len(wanted) - len(edits)
    kept = f", {counted(scan.captioned, 'caption')} kept" if scan.captioned and not flags["overwrite"] else ""
    lacking = f", {counted(left, 'image')} without" if left else ""
    output.say(f"{counted(len(edits), 'caption')} written{kept}{lacking}")
    if backup.exists():
        output.say(f"what they replace is in {backup}")
    if outcome.stops:
        raise InterruptedRunError(f"{captioner.name} was interrupted; what it had written is kept")
    if failure:
        raise RunFailedError(f"{captioner.name} failed", [failure])
    return left


def _mend(folder: Path, extension: str, flags: dict[str, Any]) -> int:
    """Show or write the changes that the rules make; return how many are still to be written."""
    from dataset_tools.captions.edit import apply_edits, new_backup, plan_edits  # noqa: PLC0415 - not for --help
    from dataset_tools.captions.rules import CaptionRules  # noqa: PLC0415
    from dataset_tools.captions.rules_file import load_rules  # noqa: PLC0415

    rules = load_rules(flags["rules"]) if flags["rules"] else CaptionRules()
    edits = plan_edits(folder, extension, rules, flags["merge"])
    for path, caption in edits.garbled:
        left = "left alone" if path == caption else f"{caption} is left alone"
        output.say("  • ", ("warning: ", "warning"), f"{path}: not UTF-8, {left}")
    count = f"{len(edits.changes)} of {counted(edits.captions, 'caption')}"
    if not flags["apply"]:
        for edit in edits.changes:
            output.print_file("".join(f"{line}\n" for line in edit.diff()))
        output.say(f"{count} would change" + ("; --apply writes them" if edits.changes else ""))
        return len(edits.changes)
    backup = new_backup(folder, datetime.now())  # noqa: DTZ005 - a name for people here
    with output.counting("writing captions") as tell:
        apply_edits(edits.changes, backup, tell)
    output.say(f"{count} changed" + (f"; the old ones are in {backup}" if backup.exists() else ""))
    return 0
