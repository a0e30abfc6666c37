"""`kft dataset metadata`."""

from pathlib import Path

import click

from fork_wrapper.commands import output
from fork_wrapper.commands.dataset import VERBS
from fork_wrapper.errors import Finding, InputError

EPILOG = """\b
Examples:
  kft dataset metadata datasets/humanoid -o datasets/humanoid/metadata.json
  kft dataset metadata datasets/a datasets/b --full-path -o datasets/all.jsonl
  kft dataset metadata datasets/humanoid --caption-extension .caption --tags-extension .txt -o humanoid.json
"""
_PARTS = {"caption": "a caption", "tags": "tags", "image_size": "a size"}


@click.command(name="metadata", epilog=EPILOG, short_help=VERBS["metadata"])
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file: .json, or .jsonl with an image a line.",
)
@click.option("--caption-extension", metavar="EXT", help="How captions end. [what most have]")
@click.option("--tags-extension", metavar="EXT", default="", help="How tags end, which are put behind captions.")
@click.option("--full-path", is_flag=True, help="Name images by absolute path, for images of several folders.")
@click.option("--force", is_flag=True, help="Write over FILE.")
def command(
    folders: tuple[Path, ...],
    target: Path,
    caption_extension: str | None,
    tags_extension: str,
    full_path: bool,
    force: bool,
) -> None:
    """Write a metadata file of all images of DIR, for `metadata_file` of a data set.

    It holds what sd-scripts' finetune/merge_captions_to_metadata.py and merge_dd_tags_to_metadata.py put there, and
    the size of each image. Images are named with their suffix, without which the trainer finds none: by name, for a
    subset whose image_dir is DIR, or with --full-path. Only what the file says is trained; texts beside the images
    are not read any more.
    """
    from dataset_tools.scan.metadata_file import SUFFIXES, make_metadata, metadata_text  # noqa: PLC0415 - not for --help
    from dataset_tools.whole_files import write_whole  # noqa: PLC0415
    from fork_wrapper.datasets.training_folders import most_common_extension  # noqa: PLC0415
    from fork_wrapper.text import counted  # noqa: PLC0415

    if target.suffix.lower() not in SUFFIXES:
        raise _refused("its name ends otherwise", target, f"end it with {' or '.join(SUFFIXES)}")
    if target.exists() and not force:
        raise _refused("the file exists", target, "name another one, or say --force")
    extension = most_common_extension(folders[0]) if caption_extension is None else caption_extension
    entries = make_metadata(folders, extension, tags_extension, full_path=full_path)
    if not entries:
        raise _refused("there is no image in it", folders[0], "name the folder that holds the images themselves")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, metadata_text(entries, lines=target.suffix.lower() == ".jsonl").encode())
    parts = [f"{sum(key in one for one in entries.values())} with {what}" for key, what in _PARTS.items()]
    output.say(f"{target}: {counted(len(entries), 'image')}, {', '.join(parts)}")


def _refused(what: str, where: Path, todo: str) -> InputError:
    return InputError("nothing was written", [Finding(what=what, where=str(where), todo=todo)])
