"""A project folder in which tests call the real `kft`."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


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
