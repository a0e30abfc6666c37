"""The user's own images as an experiment: what a folder holds, and the values that follow from it.

The folder is only read. Whole experiments start with the values of `bare/sdxl_base.toml`, which tells no one's story.
"""

import os
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.scan.scan import FolderScan, scan_folder
from dataset_tools.scan.survey import SurveyCache, survey_folder
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.resolve import CAPTION_EXTENSION, is_hub_name
from fork_wrapper.files import parse_toml, read_text
from fork_wrapper.formats.folders import concept_folders
from fork_wrapper.machine.settings import Settings
from fork_wrapper.text import counted, natural

BARE = Path(__file__).with_name("bare")
"""The base experiment and its prompts, as `kft init --bare` writes them."""

SIDES = (1024, 768, 512)
"""The resolutions to choose from, best first."""

REGULARISING = ("reg", "regularization", "regularisation")
"""The names that kohya's tools use for the folder of regularisation images."""

PROMPTS = 4
"""The number of captions that become sample prompts."""

LONGEST = 300
"""The longest sample prompt, in characters; CLIP reads about 75 tokens of it."""


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """One folder that becomes a subset."""

    path: Path
    """The absolute path, as typed."""
    scan: FolderScan
    """Its images, and their captions by the extension used for all folders."""
    repeats: int
    """Repeats, from a name like `10_luna`, otherwise 1."""
    name: str
    """The name for display, without the number."""
    is_reg: bool
    """Whether it lies in a folder for regularisation images, as kohya's tools name it."""


@dataclass(frozen=True, kw_only=True)
class OwnImages:
    """The content of a folder."""

    folder: Path
    """The absolute path, as typed."""
    folders: tuple[ImageFolder, ...]
    """Folders with images, at least one."""
    caption_extension: str
    """The extension of most captions; `.txt` if there are none."""
    resolution: int
    """The resolution that most images have enough pixels for."""
    left_out: Mapping[str, int]
    """Subfolders of a folder with images, and their image counts: sd-scripts does not look there."""

    @property
    def images(self) -> int:
        """The number of images."""
        return sum(one.scan.images for one in self.folders)

    @property
    def captioned(self) -> int:
        """The number of images with a caption."""
        return sum(one.scan.captioned for one in self.folders)

    def subsets(self) -> list[dict[str, Any]]:
        """Return the folders as tables of a dataset config; one without captions uses its name instead."""
        return [
            {
                "image_dir": one.path.as_posix(),
                "num_repeats": one.repeats,
                **({} if one.scan.captioned else {"class_tokens": one.name}),
                **({"is_reg": True} if one.is_reg else {}),
            }
            for one in self.folders
        ]


def look_at_images(folder: Path, settings: Settings) -> OwnImages:
    """Look at a folder of images; InputError if it holds nothing to train on.

    Images directly in it are one subset. If there are none, each subfolder with images is one, and a name like
    `10_luna` sets the number of repeats.
    """
    folder = _absolute(folder)
    if not folder.is_dir():
        what = "this is a file, not a folder of images" if folder.exists() else "there is no such folder"
        raise _refused(what, folder, "give the folder that holds the images")
    found = _with_images(folder)
    if not found:
        raise _refused(*_nothing_in(folder))
    paths = [folder] if folder in found else sorted(found, key=lambda path: natural(path.as_posix()))
    extension = _extension([found[path] for path in paths])
    folders = [_folder(path, path.relative_to(folder).parts, found[path], extension) for path in paths]
    return OwnImages(
        folder=folder,
        folders=tuple(folders),
        caption_extension=extension,
        resolution=_resolution(folders, settings),
        left_out={
            path.relative_to(folder).as_posix(): scan.images for path, scan in found.items() if path not in paths
        },
    )


def base_of(text: str) -> str:
    """Return the base model in `--base`: an absolute path or a Hugging Face Hub name; InputError if it is neither."""
    path = _absolute(Path(text))
    if path.exists():
        return path.as_posix()
    if is_hub_name(text):
        return text
    beside = sorted(one.name for one in path.parent.glob("*.safetensors")) if path.parent.is_dir() else []
    more = f"; in that folder: {', '.join(beside[:3])}" if beside else ""
    finding = Finding(what=f"the file does not exist{more}", where=str(path), todo="correct --base")
    raise InputError("there is no such base model", [finding])


def own_values(images: OwnImages, base: str | None, prompts: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return training options and dataset config of a whole experiment: the bare base with what is given."""
    tree = parse_toml(read_text(BARE / "sdxl_base.toml"), BARE / "sdxl_base.toml")
    training, dataset = dict(tree["training"]), dict(tree["dataset"])
    if base is not None:
        training["pretrained_model_name_or_path"] = base
    training["sample_prompts"] = prompts
    dataset["general"] = {**dataset["general"], "caption_extension": images.caption_extension}
    dataset["general"]["min_bucket_reso"] = images.resolution // 2
    (first,) = dataset["datasets"]
    dataset["datasets"] = [{**first, "resolution": images.resolution, "subsets": images.subsets()}]
    return training, dataset


def sample_prompts(images: OwnImages) -> str:
    """Make prompts from the user's captions, evenly spaced; from folder names if there are none."""
    folders = [one for one in images.folders if not one.is_reg] or images.folders
    texts = [text for one in folders for text in _captions(one.scan)] or [one.name for one in folders]
    distinct = list(dict.fromkeys(texts))
    count = min(PROMPTS, len(distinct))
    taken = [distinct[number * len(distinct) // count] for number in range(count)]
    side = images.resolution
    lines = [f"{text} --w {side} --h {side} --d {seed} --s 28 --l 7" for seed, text in enumerate(taken, start=1)]
    head = [
        "# Sample prompts, taken from the captions. The same words and seeds every time, to compare epochs.",
        "# Flags: --n negative --w width --h height --d seed --s steps --l scale",
    ]
    return "".join(f"{line}\n" for line in (*head, *lines))


def described(images: OwnImages) -> list[str]:
    """Describe what was found, for users."""
    captions = f"{images.captioned} with a {images.caption_extension} caption"
    if not images.captioned:
        captions = "none with a caption: the folder's name is told for each"
    lines = [f"{counted(images.images, 'image')} in {counted(len(images.folders), 'folder')}, {captions}"]
    if len(images.folders) > 1:
        lines += [_line(one, images.folder) for one in images.folders]
    if images.left_out:
        below = ", ".join(f"{name} ({count})" for name, count in images.left_out.items())
        lines.append(f"left out, sd-scripts looks into no folder below: {below}")
    return lines


def _line(one: ImageFolder, home: Path) -> str:
    """Describe one of several folders."""
    place, more = one.path.relative_to(home).as_posix(), ", for regularisation" if one.is_reg else ""
    return f"  {place}: {counted(one.scan.images, 'image')}, x {one.repeats}{more}"


def _folder(path: Path, below: tuple[str, ...], scan: FolderScan, extension: str) -> ImageFolder:
    """Make a subset; the folder that the user named is never one of many, so its name sets no repeats."""
    concepts = {name: (repeats, words) for name, repeats, words in concept_folders(str(path.parent)) or []}
    repeats, words = concepts.get(path.name, (1, "")) if below else (1, "")
    return ImageFolder(
        path=path,
        scan=scan if extension == CAPTION_EXTENSION else scan_folder(path, extension),
        repeats=repeats,
        name=" ".join((words or path.name).replace("_", " ").split()),
        is_reg=any(part.casefold() in REGULARISING for part in below),
    )


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - keeps symbolic links as typed


def _refused(what: str, where: Path, todo: str) -> InputError:
    return InputError("there are no images to train on", [Finding(what=what, where=str(where), todo=todo)])


def _with_images(folder: Path) -> dict[Path, FolderScan]:
    """Return every folder at or below this one with images, and its content; links to folders are not followed."""
    found = {}
    for place, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        try:
            scan = scan_folder(Path(place), CAPTION_EXTENSION)
        except DatasetError as error:
            raise _refused(error.what, Path(place), error.next_step) from error
        if scan.images:
            found[Path(place)] = scan
    return found


def _nothing_in(folder: Path) -> tuple[str, Path, str]:
    """Return why there is nothing to train on."""
    ignored = Counter(scan_folder(folder, CAPTION_EXTENSION).ignored_images)
    if ignored:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in ignored.most_common())
        todo = f"`kft dataset prepare {shlex.quote(str(folder))} DIR` makes some that it reads"
        return f"sd-scripts reads none of its images: {kinds}", folder, todo
    return (
        "it holds no images",
        folder,
        "put .png, .jpg, .webp or .bmp there, each with a .txt caption of the same name",
    )


def _extension(scans: list[FolderScan]) -> str:
    """Return the extension with which most images have a caption."""
    counts: Counter[str] = Counter({CAPTION_EXTENSION: sum(one.captioned for one in scans)})
    for one in scans:
        counts.update(one.other_extensions)
    return max(counts, key=lambda extension: (counts[extension], extension == CAPTION_EXTENSION))


def _resolution(folders: list[ImageFolder], settings: Settings) -> int:
    """Return the largest of `SIDES` that at least half of the images fill without much enlargement."""
    memory = SurveyCache(settings.cache / "survey.json")
    sizes = [
        width * height
        for one in folders
        for width, height in survey_folder(one.path, one.scan.caption_extension, memory).sizes.values()
    ]
    memory.save()
    middle = sorted(sizes)[len(sizes) // 2] if sizes else 0
    return next((side for side in SIDES if middle >= (0.9 * side) ** 2), SIDES[-1])


def _captions(scan: FolderScan) -> list[str]:
    """Return first lines of captions as prompts; nothing in them is read as a flag or a comment."""
    found = []
    for picture in scan.pictures:
        try:
            lines = picture.caption.read_text(encoding="utf-8-sig").splitlines() if picture.caption else []
        except (OSError, UnicodeDecodeError):  # `kft dataset check` reports it
            continue
        words = " ".join(next((line for line in lines if line.strip()), "").replace("--", "-").split()).lstrip("# ")
        if words and words.isprintable():
            found.append(words if len(words) <= LONGEST else words[:LONGEST].rsplit(" ", 1)[0])
    return found
