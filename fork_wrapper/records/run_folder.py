"""The names of everything in a run folder, spelled here and nowhere else.

`runs/EXPERIMENT/RUN/` holds the rendered configs, the record, the raw log, TensorBoard events, samples, the
checkpoints and their sidecars. The checkpoints' own names are sd-scripts' (`sdscripts.names`).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dataset_tools.names import lies_in
from fork_wrapper.files import RECORD_NAME

REHEARSAL_SUFFIX = "-rehearsal"
DATASET_MANIFEST = "dataset-manifest.json"
"""Every image and caption that was trained on, with bytes and sha256."""


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """One run's folder; nothing in it needs to exist yet."""

    folder: Path
    """`runs/EXPERIMENT/RUN`, absolute."""

    @property
    def experiment(self) -> str:
        """Name of the experiment that ran."""
        return self.folder.parent.name

    @property
    def run_id(self) -> str:
        """`EXPERIMENT/RUN`, as commands print and accept it."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def holds(self, path: Path) -> bool:
        """Whether a file of this folder is one: a link that leads out of it is somebody else's file."""
        return lies_in(path, self.folder)

    def drawn(self) -> list[Path]:
        """Its sample images, by name; none that is a link to a file elsewhere."""
        return sorted(path for path in self.samples.glob("*.png") if self.holds(path))

    @property
    def train_toml(self) -> Path:
        """What sdxl_train.py gets as --config_file."""
        return self.folder / "train.toml"

    @property
    def dataset_toml(self) -> Path:
        """What sdxl_train.py gets as --dataset_config."""
        return self.folder / "dataset.toml"

    @property
    def record(self) -> Path:
        """The run's record, `running` from before the launch."""
        return self.folder / f"{RECORD_NAME}.json"

    @property
    def dataset_manifest(self) -> Path:
        """Every image and caption that was trained on, with bytes and sha256; the record holds the same."""
        return self.folder / DATASET_MANIFEST

    @property
    def notes(self) -> Path:
        """What people noted of the run, one JSON value a line; only ever added to."""
        return self.folder / "notes.jsonl"

    @property
    def log(self) -> Path:
        """The trainer's raw output."""
        return self.folder / "train.log"

    @property
    def reserve(self) -> Path:
        """Room on the disk that is kept while the run goes on, for the word of how it ended."""
        return self.folder / ".reserve"

    @property
    def logs(self) -> Path:
        """TensorBoard events."""
        return self.folder / "logs"

    @property
    def samples(self) -> Path:
        """Sample images; the name is sd-scripts' (library/train_util.py:6389)."""
        return self.folder / "sample"


def sidecar_of(checkpoint: Path) -> Path:
    """The sidecar of a checkpoint: the same name with `.json`."""
    return checkpoint.with_suffix(".json")


def new_run_folder(outputs: Path, experiment: str, now: datetime, *, rehearsal: bool) -> RunFolder:
    """A run folder that does not exist yet, named by local time; a second run in one second gets `-2`."""
    stamp = now.strftime("%Y%m%d-%H%M%S") + (REHEARSAL_SUFFIX if rehearsal else "")
    folder, number = outputs / experiment / stamp, 1
    while folder.exists():
        number += 1
        folder = outputs / experiment / f"{stamp}-{number}"
    return RunFolder(folder=folder)


@dataclass(frozen=True, kw_only=True)
class RecordFile:
    """The record of a run as a scan finds it, unread; its path is text, for ten thousand `Path`s take their time."""

    run_id: str
    """`EXPERIMENT/RUN`."""
    path: str
    """Of the file, absolute where `outputs` is."""
    stat: os.stat_result
    """As the file was when it was found."""


def run_folders(outputs: Path, experiment: str | None = None) -> list[RunFolder]:
    """Every run folder below `outputs` (those with a record), oldest first."""
    found = [RunFolder(folder=Path(one.path).parent) for one in newest_records(outputs, experiment)]
    return found[::-1]


def newest_records(outputs: Path, experiment: str | None = None) -> Iterator[RecordFile]:
    """The record of every run below `outputs`, newest first; each is looked for when its turn comes."""
    parents = [outputs / experiment] if experiment else [Path(path) for _, path in _folders(outputs)]
    runs = [(name, parent.name, path) for parent in parents for name, path in _folders(parent)]
    for name, parent_name, path in sorted(runs, reverse=True):
        record = f"{path}{os.sep}{RECORD_NAME}.json"
        try:
            stat = os.stat(record)  # noqa: PTH116 - it is text
        except OSError:  # no record, or none that may be looked at
            continue
        yield RecordFile(run_id=f"{parent_name}/{name}", path=record, stat=stat)


def _folders(folder: Path) -> list[tuple[str, str]]:
    """Name and path of every folder in a folder; none where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [(entry.name, entry.path) for entry in entries if _is_folder(entry)]
    except OSError:
        return []


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is, or links to, a folder; a link that leads nowhere must not hide what lies beside it."""
    try:
        return entry.is_dir()
    except OSError:
        return False
