"""`kft dataset`: the verbs for training sets, each in a module `dataset_VERB`."""

import click

from fork_wrapper.commands.lazy import LazyGroup

VERBS: dict[str, str] = {
    "caption": "Caption images with sd-scripts' own tools, and mend captions by rules.",
    "check": "Find everything that is wrong with images and captions.",
    "metadata": "Write captions, tags and sizes of folders into one metadata file.",
    "prepare": "Turn pictures into training images of one size.",
    "stats": "Count sizes, buckets, captions and tags; draw a contact sheet.",
    "subset": "Make nested subsets, to see how quality grows with the data.",
}
"""Each verb with its line in `kft dataset --help`."""


@click.group(
    name="dataset",
    cls=LazyGroup,
    verbs=VERBS,
    prefix="dataset_",
    short_help="Prepare, check, describe and caption training sets.",
)
def command() -> None:
    """Work on a folder of images and captions: what sd-scripts would train on."""
