"""A project folder in which tests call the real `kft`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.records.progress import read_log


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with kft.toml and the shipped experiments, and the way to call kft in it."""

    folder: Path
    """Working folder of every call."""
    env: Mapping[str, str]
    """Environment of every call."""

    @property
    def runs(self) -> list[Path]:
        """Run folders, oldest first."""
        return sorted((self.folder / "runs").glob("*/*"))

    def start(self, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        """Start kft and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "fork_wrapper", *arguments],
            cwd=self.folder,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def kft(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Call kft and wait for its end."""
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def record(self, run: Path) -> dict[str, Any]:
        """The record of a run folder."""
        return self.read_json(run / "record.json")

    def read_json(self, path: Path) -> dict[str, Any]:
        """A record or a sidecar."""
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

    def by_hand(self, record: Mapping[str, Any]) -> tuple[float, float]:
        """Repeat a recorded run's command without kft into another folder: wall seconds, steps per second."""
        folder = self.folder / f"by-hand-{len(list(self.folder.glob('by-hand-*')))}"
        folder.mkdir()
        train = record["toml"]["train"].replace(str(record["launch"]["cwd"]), str(folder))
        (folder / "train.toml").write_text(train, encoding="utf-8")
        prompts = Path(record["launch"]["cwd"]) / "sample_prompts.txt"
        (folder / prompts.name).write_bytes(prompts.read_bytes())
        argv = [word.replace(str(record["launch"]["cwd"]), str(folder)) for word in record["launch"]["argv"]]
        (folder / "dataset.toml").write_text(record["toml"]["dataset"], encoding="utf-8")
        start = time.perf_counter()
        with (folder / "train.log").open("wb") as log:
            env = {**self.env, **record["launch"]["env"]}
            subprocess.run(argv, cwd=folder, env=env, stdout=log, stderr=log, check=True)
        wall = time.perf_counter() - start
        return wall, read_log(folder / "train.log").steps_per_second or 0.0


def step_losses(run: Path) -> list[tuple[int, float]]:
    """The loss of every step of a run, to the last bit that TensorBoard keeps."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    (events,) = (run / "logs").rglob("events.out.tfevents.*")
    accumulator = EventAccumulator(str(events))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars("loss")]


def assert_golden(text: str, golden: Path) -> None:
    """Compare with a golden file; GOLDEN=write makes the file anew, for a person to read and commit."""
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(text, encoding="utf-8", newline="\n")
    assert text == golden.read_text(encoding="utf-8"), f"differs from {golden}; GOLDEN=write writes it anew"
