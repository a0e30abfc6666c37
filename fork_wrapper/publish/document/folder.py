"""What the images and captions of a subject are, measured where they lie at hand and are those that were trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.experiment.subsets import at_hand, described, fingerprint_subsets, subsets, survey_subsets
from fork_wrapper.files import canonical_json
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.document.subjects import Subject, recorded_dataset

if TYPE_CHECKING:
    from dataset_tools.captions.stats import CaptionStats
    from dataset_tools.scan.survey import FolderSurvey


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What was found."""

    images: int
    """Images that are trained on, those for regularisation left out."""
    regularisation: int
    """Images for regularisation."""
    sizes: tuple[tuple[tuple[int, int], int], ...]
    """Width and height, and how many images have them, the most frequent first."""
    captions: "CaptionStats"
    """What the captions are made of."""
    surveys: "Mapping[str, FolderSurvey]"
    """By key path of the subset."""


class Folders:
    """Looks at each set of folders once, however many subjects share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, Folder | None] = {}
        self._hashes = HashCache(settings.cache / "hashes.json")

    def of(self, subject: Subject) -> Folder | None:
        """What a subject's images are; None where they are not at hand, or not those of its run."""
        training, dataset = subject.source.training, subject.source.dataset
        if subject.basis == "miniature" or not at_hand(training, dataset):
            return None
        recorded = str((recorded_dataset(subject) or {}).get("sha256") or "")
        if subject.real and not recorded:  # it may have been other images
            return None
        named = [[str(one.image_dir), one.caption_extension] for one in subsets(training, dataset)]
        named += [[str(one.metadata), one.separator] for one in described(training, dataset)]
        key = canonical_json(named) + recorded
        if key not in self._known:
            self._known[key] = self._look(subject) if self._unchanged(subject, recorded) else None
        return self._known[key]

    def _unchanged(self, subject: Subject, recorded: str) -> bool:
        if not recorded:  # nothing was recorded of it: it is described as it is now
            return True
        now = fingerprint_subsets(subject.source.training, subject.source.dataset, self._hashes, lambda: False)
        return now is not None and now.sha256 == recorded

    def _look(self, subject: Subject) -> Folder | None:
        from dataset_tools.captions.stats import caption_stats, sizes  # noqa: PLC0415
        from dataset_tools.captions.vocabulary import load_vocabulary  # noqa: PLC0415
        from dataset_tools.scan.captions import SEPARATOR, captioned  # noqa: PLC0415 - only a folder at hand pays for it

        training, dataset = subject.source.training, subject.source.dataset
        surveys = {
            key: one
            for key, one in survey_subsets(training, dataset, self._settings.cache).items()
            if key.endswith("]")  # no masks
        }
        reg = regularising(dataset)
        counts = {key: len(one.scan.pictures) if one.scan else 0 for key, one in surveys.items()}
        pictures = [
            picture
            for key, one in surveys.items()
            if one.scan and key not in reg
            for picture in captioned(one.scan.pictures, SEPARATOR)
        ]
        if not pictures:
            return None
        found = [size for key, one in surveys.items() if key not in reg for size in one.sizes.values()]
        return Folder(
            images=sum(count for key, count in counts.items() if key not in reg),
            regularisation=sum(count for key, count in counts.items() if key in reg),
            sizes=tuple(sizes(found)),
            captions=caption_stats(pictures, load_vocabulary(), top=1),
            surveys=surveys,
        )


def regularising(dataset: Mapping[str, object]) -> frozenset[str]:
    """Key paths of the subsets whose images are for regularisation."""
    tables = dataset.get("datasets")
    found = []
    for index, one in enumerate(tables if isinstance(tables, list) else []):
        for number, subset in enumerate(one.get("subsets", [])):
            if subset.get("is_reg"):
                found.append(f"dataset.datasets[{index}].subsets[{number}]")
    return frozenset(found)
