"""The names of everything in a run folder, spelled here and nowhere else.

`runs/EXPERIMENT/RUN/` holds the rendered configs, the record, the raw log, TensorBoard events, samples, the
checkpoints and their sidecars. The checkpoints' own names are sd-scripts' (`sdscripts.names`).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

REHEARSAL_SUFFIX = "-rehearsal"
RECORD_NAME = "record"


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
    def log(self) -> Path:
        """The trainer's raw output."""
        return self.folder / "train.log"

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


def run_folders(outputs: Path, experiment: str | None = None) -> list[RunFolder]:
    """Every run folder below `outputs` (those with a record), oldest first."""
    if not outputs.is_dir():
        return []
    parents = [outputs / experiment] if experiment else [item for item in outputs.iterdir() if item.is_dir()]
    records = [record for parent in parents for record in parent.glob(f"*/{RECORD_NAME}.json")]
    return sorted(
        (RunFolder(folder=path.parent) for path in records), key=lambda run: (run.folder.name, run.experiment)
    )
