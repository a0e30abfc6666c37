"""Rules about image folders: whether they are there, which of their files are images, and what is left in them."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.reading import in_folders, listed, read, some
from fork_wrapper.rules.rule import Hit, rule

PLUGINS = {
    (".avif", ".AVIF"): ("pillow-avif-plugin",),
    (".jxl", ".JXL"): ("jxlpy", "pillow-jxl-plugin"),
}
"""Suffixes that sd-scripts reads where one of these packages is installed (library/train_util.py:106-127)."""


@rule(
    "missing-dir",
    "error",
    phase="dataset",
    when="an image folder that is missing or cannot be listed",
    why="sd-scripts trains without it, or leaves with exit code 0 where nothing else is left. Less than what was asked "
    "for is never meant, so kft stops.",
    fix="put the images and captions there, or say where your data sets are: `datasets` in kft.local.toml",
    source="library/train_util.py:1973-1975, library/train_util.py:2131-2135, sdxl_train.py:194-198",
)
def missing_dir(case: Case) -> Iterator[Hit]:
    for dataset in case.datasets:
        for subset in read(dataset) if dataset.kind != "finetuning" else ():
            if subset.survey and subset.survey.problem:
                at = f"{subset.path}.image_dir"
                where = f"{subset.survey.folder} ({at})"
                yield Hit(what=f"no training images: {subset.survey.problem}", at=at, where=where)


@rule(
    "empty-dir",
    "error",
    phase="dataset",
    when="an image folder without images",
    why="sd-scripts trains without it, leaves with exit code 0 where nothing else is left, and dies of it beside a "
    "validation_split. It does not look into folders below.",
    fix="images must lie directly in the folder, not in folders below it",
    source="library/train_util.py:2131-2135, library/train_util.py:2847-2856, sdxl_train.py:194-198",
)
def empty_dir(case: Case) -> Iterator[Hit]:
    for one in in_folders(case):
        scan = one.scan
        if not scan.pictures and not scan.not_files:
            others = ", ".join(f"{count} {suffix}" for suffix, count in scan.ignored_images.items())
            todo = f"convert them to png, jpg, webp or bmp; the folder holds {others}" if others else ""
            yield one.hit("no training images: the folder holds none", todo)


@rule(
    "not-files",
    "error",
    phase="dataset",
    when="a folder, or a link to nothing, with the name of an image",
    why="sd-scripts takes every name with the right suffix for an image and dies when it reads its size.",
    fix="move these folders or dead links away",
    source="library/train_util.py:2847-2856, library/train_util.py:1478-1491",
)
def not_files(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        if one.scan.not_files:
            names = ", ".join(path.name for path in one.scan.not_files)
            yield one.hit(f"sd-scripts would list these as images and fail to open them: {names}")


@rule(
    "image-unreadable",
    "error",
    phase="dataset",
    when="an image whose header says no size, or an image or caption that cannot be opened",
    why="The size becomes 0 x 0, and sd-scripts divides by the height; what cannot be opened stops it at once.",
    fix="replace or remove these files",
    source="library/train_util.py:1478-1491, library/train_util.py:286-287",
)
def image_unreadable(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        cached = {file.image for file in one.survey.latents} if case.get("cache_latents_to_disk") else set()
        names = [name for name, size in one.survey.sizes.items() if min(size) < 1 and name not in cached]
        names += [path.name for path in one.survey.unreadable if path.name not in one.survey.sizes]
        if names:
            yield one.hit(f"files that cannot be read: {some(names)}")


@rule(
    "images-ignored",
    "warning",
    phase="never",
    when="files that look like images and that sd-scripts does not read",
    why="It reads png, jpg, jpeg, webp and bmp, with a suffix in lower case or in upper case; avif and jxl with a "
    "plugin.",
    fix="convert or rename them, or move them away",
    source="library/train_util.py:104-127",
)
def images_ignored(case: Case) -> Iterator[Hit]:
    readable = {suffix for suffixes, names in PLUGINS.items() if case.host.has(*names) for suffix in suffixes}
    for one in listed(case):
        found = one.scan.ignored_images if one.scan.pictures else {}
        counts = {suffix: count for suffix, count in found.items() if suffix not in readable}
        if counts:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in counts.items())
            yield one.hit(f"files that look like images and are not read: {kinds}")


@rule(
    "stem-twice",
    "note",
    phase="never",
    when="images of one name with different suffixes",
    why="They share one caption file.",
    fix="remove one of each, or rename it and its caption",
    source="library/train_util.py:1946-1957",
)
def stem_twice(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        captioned = {picture.image for picture in one.scan.pictures if picture.caption}
        groups = [group for group in one.scan.same_stem if group[0] in captioned]
        if groups:
            names = "; ".join(f"{first.name} and {second.name}" for first, second, *_rest in groups[:3])
            yield one.hit(f"captions that belong to more than one image: {names}")


@rule(
    "stem-latents",
    "warning",
    phase="never",
    when="cache_latents_to_disk, and images of one name and size with different suffixes",
    why="Latents are named after the image without its suffix: the second image is trained with those of the first.",
    fix="remove one of each, or rename it",
    source="library/strategy_sd.py:152-157, library/strategy_base.py:448-472",
)
def stem_latents(case: Case) -> Iterator[Hit]:
    for one in listed(case) if case.get("cache_latents_to_disk") else ():
        for first, *others in one.scan.same_stem:
            shared = [
                path
                for path in others
                if one.survey.sizes[one.scan.name_of(path)] == one.survey.sizes[one.scan.name_of(first)]
            ]
            if shared:
                yield one.hit(f"{first.name} and {some(shared)} share one file of cached latents")
