"""Rules about caption files: missing, empty, garbled, or another image's."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.reading import in_folders, some
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.words import part


@rule(
    "caption-missing",
    "warning",
    phase="never",
    when="images without a caption file, and no class_tokens",
    why="They are trained with an empty caption. sd-scripts names the first five in its log.",
    fix="they would train without text: write captions",
    source="library/train_util.py:2068-2097",
)
def caption_missing(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        missing = one.scan.images - one.scan.captioned
        misspelt = len(one.scan.misspelt)
        if missing and one.subset.get("class_tokens") is None:
            extension = one.scan.caption_extension or '""'
            beside = ", ".join(f"{count} have {suffix}" for suffix, count in one.scan.other_extensions.items())
            todo = f"set caption_extension; beside them: {beside}" if beside else ""
            if misspelt:
                others = f"; write the other {missing - misspelt}" if missing > misspelt else ""
                todo = f"rename {misspelt} whose accents are composed otherwise: kft dataset check DIR --fix{others}"
            yield one.hit(f"{part(missing, one.scan.images, 'image', ('has', 'have'))} no {extension} caption", todo)


@rule(
    "caption-empty-file",
    "error",
    phase="dataset",
    when="a caption file of zero bytes",
    why="sd-scripts dies of a caption file without a line. A blank line is an empty caption.",
    fix="write the caption, or delete the file",
    source="library/train_util.py:1958-1964",
)
def caption_empty_file(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        if one.survey.empty_captions:
            yield one.hit(f"caption files without a line: {some(one.survey.empty_captions)}")


@rule(
    "caption-encoding",
    "error",
    phase="dataset",
    when="a caption file that is no UTF-8",
    why="sd-scripts dies of it while it lists the images.",
    fix="convert these files to UTF-8",
    source="library/train_util.py:1958-1963",
)
def caption_encoding(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        if one.survey.garbled_captions:
            yield one.hit(f"caption files that are no UTF-8: {some(one.survey.garbled_captions)}")


@rule(
    "caption-foreign",
    "warning",
    phase="never",
    when="a path with four underscores, no caption of the image's own, and one that is called like its beginning",
    why="Four numbers at the end of a name are meant to say where a face is, and are left out when the caption is "
    "looked for. The folders in the path are searched for underscores too.",
    fix="write captions of the images' own names",
    source="library/train_util.py:1946-1957",
)
def caption_foreign(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        foreign = [picture for picture in one.scan.pictures if picture.foreign]
        if foreign:
            pairs = some(f"{picture.image.name} from {picture.caption}" for picture in foreign)
            take = part(len(foreign), one.scan.images, "image", ("takes", "take"))
            yield one.hit(f"{take} the caption of another name: {pairs}")
