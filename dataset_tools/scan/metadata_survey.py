"""What the images of a metadata file hold, as `survey` looks at those of a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.errors import DatasetError
from dataset_tools.scan.captions import SEPARATOR
from dataset_tools.scan.metadata_file import image_path, scan_metadata
from dataset_tools.scan.survey import Surveyor, unlisted

if TYPE_CHECKING:
    from dataset_tools.scan.survey import FolderSurvey, SurveyCache


def survey_metadata(
    metadata: Path,
    image_dir: Path | None,
    cache: SurveyCache | None = None,
    *,
    separator: str = SEPARATOR,
    all_lines: bool = False,
) -> FolderSurvey:
    """Look at every image that a metadata file names, and its caches; a file that cannot be used has no `entries`.

    Args:
        metadata: the file.
        image_dir: where its relative paths begin.
        cache: spares opening files already known; saved at the end.
        separator: `caption_separator`.
        all_lines: `enable_wildcard`.
    """
    try:
        scan, entries = scan_metadata(metadata, image_dir, separator=separator, all_lines=all_lines)
        survey = Surveyor(scan, cache, metadata).survey()
    except DatasetError as error:
        return replace(unlisted(metadata.parent, error.what), metadata=metadata)
    except (OSError, ValueError) as error:
        what = f"the images of the metadata file cannot be read ({getattr(error, 'strerror', '') or error})"
        return replace(unlisted(metadata.parent, what), metadata=metadata)
    if cache is not None:
        cache.save()
    paths = {path: image_path(path, image_dir) for path in entries}
    there = {str(picture.image): scan.name_of(picture.image) for picture in scan.pictures}
    written = {path: there[str(Path(whole))] for path, whole in paths.items() if str(Path(whole)) in there}
    return replace(survey, metadata=metadata, entries=entries, written=written, metadata_cache=False, cached_sizes=None)
