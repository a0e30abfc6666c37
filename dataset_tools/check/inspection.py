"""Everything that is wrong with training folders: every image decoded, every caption read, every pair compared.

Nothing is changed. What was seen is remembered by size and modification time, so that a second look reads no pixel;
memory stays small however many files there are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.captions.facts import TokenCounter, caption_facts, read_captions
from dataset_tools.check.captions import LIMITS, inspect_caption, inspect_presence
from dataset_tools.check.faults import SEVERITIES, Fault, fault
from dataset_tools.check.files import inspect_caches, inspect_names
from dataset_tools.check.images import inspect_image
from dataset_tools.check.last_look import remember
from dataset_tools.check.twins import Twins
from dataset_tools.names import lies_in
from dataset_tools.pixels.image_facts import look_at
from dataset_tools.scan.metadata_file import image_path, lacks_suffix
from dataset_tools.scan.metadata_survey import survey_metadata
from dataset_tools.scan.survey import SurveyCache, survey_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dataset_tools.captions.facts import CaptionFacts
    from dataset_tools.scan.survey import FolderSurvey
    from dataset_tools.scan.training_folder import TrainingFolder

    Tell = Callable[[str, int, int], None]

MANY = 20_000
"""Files of a folder from which headers are read again rather than remembered: to remember them takes more memory."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found."""

    faults: tuple[Fault, ...]
    """The gravest first, then by kind and name."""
    images: int
    """Images looked at; those of a folder that comes several times count once."""
    captions: int
    """Captions looked at; likewise."""
    decoded: int
    """Images that were decoded now; the others were known."""
    tokens: Mapping[int, int]
    """How many captions have more tokens than 75, 150 and 225."""

    @property
    def is_bad(self) -> bool:
        """Whether there is an error or a warning."""
        return any(one.severity != "note" for one in self.faults)


def inspect(
    folders: Sequence[TrainingFolder],
    *,
    memory: Path | None = None,
    tokenizer: Path | None = None,
    tell: Tell | None = None,
) -> Inspection:
    """Look at everything in these folders.

    Args:
        folders: as a training would take them; one folder may come several times with other values.
        memory: the folder for what is remembered; None remembers nothing.
        tokenizer: `merges.txt` of CLIP's tokenizer; without it tokens are estimated.
        tell: called with (what is being done, files done, files in all).
    """
    return _Inspector(memory, tokenizer, tell or (lambda _what, _done, _total: None)).inspect(folders)


class _Inspector:
    """One look, and what it has found so far."""

    def __init__(self, memory: Path | None, tokenizer: Path | None, tell: Tell) -> None:
        self._memory = memory
        self._tokenizer = tokenizer
        self._tell = tell
        self._twins = Twins()
        self._compared: set[str] = set()
        self._read: set[tuple[str, str]] = set()
        self._images = self._captions = self._decoded = 0
        self._tokens = dict.fromkeys(LIMITS, 0)

    def inspect(self, folders: Sequence[TrainingFolder]) -> Inspection:
        found = [one for folder in folders for one in self._folder(folder)]
        found += self._twins.faults(self._memory, lambda done, total: self._tell("comparing", done, total))
        order = sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.kind, str(one.file)))
        if len(self._compared) < len(folders):  # one folder, several times
            order = list({(one.kind, str(one.file), one.reason): one for one in order}.values())
        return Inspection(
            faults=tuple(order),
            images=self._images,
            captions=self._captions,
            decoded=self._decoded,
            tokens=self._tokens,
        )

    def _folder(self, folder: TrainingFolder) -> Iterator[Fault]:
        names, below = _entries(folder.folder)
        remembered = self._memory is not None and len(names) < MANY
        cache = SurveyCache(self._memory / "survey.json") if self._memory and remembered else None
        if folder.metadata is not None:
            yield from self._metadata(folder, folder.metadata, cache)
            return
        survey = survey_folder(folder.folder, folder.caption_extension, cache)
        if survey.scan is None:
            yield fault("folder", folder.folder, survey.problem)
            return
        yield from inspect_names(folder, survey.scan, names, below)
        yield from inspect_presence(folder, survey, names)
        yield from inspect_caches(folder, survey, names)
        names.clear()
        yield from self._texts(folder, survey)
        yield from self._pictures(folder, survey)

    def _metadata(self, folder: TrainingFolder, metadata: Path, cache: SurveyCache | None) -> Iterator[Fault]:
        """The images that a metadata file names; text files beside them are not read."""
        survey = survey_metadata(metadata, folder.folder, cache, separator=folder.separator, all_lines=folder.all_lines)
        if survey.scan is None or survey.entries is None:
            yield fault("metadata", metadata, survey.problem)
            return
        for name in (name for name in survey.entries if name not in survey.written):
            whole = image_path(name, folder.folder)
            reason = "its name lacks the suffix of the file" if lacks_suffix(whole) else "it is not there"
            yield fault("metadata-image", Path(whole), reason)
        yield from (_kept_off(one, folder.folder) for one in inspect_caches(folder, survey, set()))
        counter = TokenCounter(self._tokenizer)
        for picture in survey.scan.pictures:
            if not picture.text:
                yield fault("caption-missing", picture.image, f"no caption and no tags in {metadata.name}")
                continue
            self._captions += 1
            facts = caption_facts(picture.text.encode("utf-8", "surrogatepass"), counter.count)
            yield from self._text(folder, picture.image, facts, mendable=False)
        yield from (_kept_off(one, folder.folder) for one in self._pictures(folder, survey))

    def _text(
        self, folder: TrainingFolder, place: Path, facts: CaptionFacts, *, mendable: bool = True, is_new: bool = True
    ) -> Iterator[Fault]:
        """Faults of one caption; what stands in a metadata file is not mended."""
        tokens = facts.longest if folder.all_lines else facts.tokens
        for limit in LIMITS:
            self._tokens[limit] += is_new and tokens > limit
        for one in inspect_caption(folder, place, facts, counted=self._tokenizer is not None):
            yield one if mendable else replace(one, remedy=None)

    def _texts(self, folder: TrainingFolder, survey: FolderSurvey) -> Iterator[Fault]:
        pictures = survey.scan.pictures if survey.scan else ()
        captions = list({str(one.caption): one.caption for one in pictures if one.caption}.values())
        place = os.path.abspath(folder.folder), folder.caption_extension  # noqa: PTH100 - without following links
        is_new = place not in self._read
        self._read.add(place)
        self._captions += len(captions) if is_new else 0
        memory = self._memory / "captions" if self._memory else None
        tell = lambda done, total: self._tell("reading captions", done, total)  # noqa: E731
        for number, facts in read_captions(captions, self._tokenizer, memory, tell):
            yield from self._text(folder, captions[number], facts, is_new=is_new)

    def _pictures(self, folder: TrainingFolder, survey: FolderSurvey) -> Iterator[Fault]:
        pictures = survey.scan.pictures if survey.scan else ()
        memory = self._memory / "decoded" if self._memory else None
        tell = lambda done, total: self._tell("decoding", done, total)  # noqa: E731
        place = os.path.abspath(folder.metadata or folder.folder)  # noqa: PTH100 - without following links
        is_new = place not in self._compared
        self._compared.add(place)
        self._images += len(pictures) if is_new else 0
        broken: list[str] = []
        for number, facts, fresh in look_at([one.image for one in pictures], memory, tell):
            picture = pictures[number]
            self._decoded += fresh
            if facts.failure:
                broken.append(survey.scan.name_of(picture.image) if survey.scan else picture.image.name)
            size = survey.sizes.get(survey.scan.name_of(picture.image)) if survey.scan else None
            yield from inspect_image(folder, picture, facts, size)
            if is_new:
                self._twins.add(picture, facts, regularisation=folder.regularisation)
        if self._memory is not None:
            remember(self._memory, survey, broken)


def _kept_off(one: Fault, folder: Path) -> Fault:
    """A fault without a remedy where that would move files elsewhere: a metadata file may name any file."""
    outside = one.remedy is not None and not all(lies_in(path, folder) for path in one.remedy.files)
    return replace(one, remedy=None) if outside else one


def _entries(folder: Path) -> tuple[set[str], list[str]]:
    """Names of files and of folders; none where the folder cannot be listed, which the survey says."""
    names: set[str] = set()
    below: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_folder(entry):
                    below.append(entry.name)
                else:
                    names.add(entry.name)
    except (OSError, ValueError):
        return set(), []
    return names, below


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
