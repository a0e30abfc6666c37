"""Asks `server.py` for verdicts, and reads what the script itself printed."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.rules.building import Built

SERVER = Path(__file__).with_name("server.py")
Outcome = Literal["trained", "died", "left", "timeout"]

NUMBERS: Mapping[str, str] = {
    "examples": r"num examples / .*: (-?\d+)",
    "batches": r"num batches per epoch / .*: (-?\d+)",
    "epochs": r"num epochs / .*: (-?\d+)",
    "steps": r"total optimization steps / .*: (-?\d+)",
    "parameters": r"number of trainable parameters: (-?\d+)",
}
"""What the script prints before the first step (sdxl_train.py:366-368, 580-593)."""
UNCLEAR: Mapping[str, str] = {
    r"can't allocate memory|MemoryError|bad_alloc|^killed": "too big for this machine",
    r"OfflineMode|LocalEntryNotFound|couldn't connect|outgoing traffic has been disabled": "needs the network",
    r"Half and Float|not implemented for 'Half'|CUDA": "needs a GPU",
}
"""Deaths of a CPU without a network, by what the exception says."""
BUCKET = re.compile(r"bucket (\d+): resolution \((\d+), (\d+)\), count: (\d+)")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What sdxl_train.py did with one configuration."""

    outcome: Outcome
    """trained: two steps are done, or all there were; left: exit code 0 and not one step."""
    phase: str
    """Where it died, of `fork_wrapper.check.rules.rule.PHASES`; else how far it came."""
    steps: int
    """Optimizer steps done."""
    losses: tuple[float, ...]
    """Of every batch."""
    error: str
    """Name of the exception's type."""
    message: str
    """The exception's text."""
    seconds: float
    """How long it took."""
    log: str = field(repr=False)
    """Everything that it printed."""
    files: tuple[str, ...]
    """Names of what lies in its folder afterwards."""

    @property
    def cut(self) -> bool:
        """Whether it was ended after its two steps, before what comes at the end."""
        return self.outcome == "trained" and self.phase != "end"

    @property
    def unclear(self) -> str:
        """Why this says nothing about other machines; empty where it does."""
        said = f"{self.error}: {self.message}"
        if self.outcome == "timeout":
            return "too slow for a CPU"
        return next(
            (why for pattern, why in UNCLEAR.items() if self.outcome == "died" and re.search(pattern, said)), ""
        )

    @property
    def numbers(self) -> dict[str, int]:
        """The numbers that it printed before the first step, by our short names."""
        found = {name: re.search(pattern, self.log) for name, pattern in NUMBERS.items()}
        return {name: int(match[1]) for name, match in found.items() if match}

    @property
    def buckets(self) -> list[tuple[int, int, int]]:
        """Width, height and number of images of every bucket, in its order; datasets one after the other."""
        return [(int(row[1]), int(row[2]), int(row[3])) for row in BUCKET.findall(self.log)]

    def __str__(self) -> str:
        """For a test's message."""
        if self.outcome == "died":
            return f"died ({self.phase}) of {self.error}: {self.message.splitlines()[:1]}"
        return f"{self.outcome} ({self.phase}), {self.steps} steps"


class Verdicts:
    """A running server, seen from outside."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log

    def ask(self, cases: Iterable[Built]) -> Iterator[tuple[Built, Verdict]]:
        """The verdict on every case, as they are found: the server may work on several at once."""
        waiting = {str(case.folder): case for case in cases}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        for name, case in waiting.items():
            question = {"id": name, "train_toml": str(case.train_toml), "dataset_toml": str(case.dataset_toml)}
            stdin.write(json.dumps(question).encode() + b"\n")
        stdin.flush()
        while waiting:
            line = stdout.readline()
            assert line, f"the server ended:\n{self._log.read_text(encoding='utf-8', errors='replace')[-3000:]}"
            answer = json.loads(line)
            case = waiting.pop(answer.pop("id"))
            yield case, _verdict(case.folder, answer)


@contextlib.contextmanager
def serving(sd_scripts: Path, miniature: Path, log: Path, *, jobs: int = 1, limit: float = 60.0) -> Iterator[Verdicts]:
    """A server that answers as long as the context lasts; its own words go to `log`."""
    argv = [sys.executable, str(SERVER), "--sd-scripts", str(sd_scripts), "--miniature", str(miniature)]
    argv += ["--jobs", str(jobs), "--limit", str(limit)]
    with (
        log.open("wb") as words,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words) as process,
    ):
        yield Verdicts(process, log)
        process.communicate()


def _verdict(folder: Path, answer: dict[str, Any]) -> Verdict:
    log = (folder / "verdict.log").read_text(encoding="utf-8", errors="replace")
    files = tuple(sorted(path.name for path in folder.iterdir()))
    return Verdict(**{**answer, "losses": tuple(map(float, answer["losses"]))}, log=log, files=files)
