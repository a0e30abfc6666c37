"""Real `kft` processes in projects of their own."""

import json
import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.support import Project


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all rehearsals of a session: the miniature and the sample set are made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make_project(tmp_path: Path, root: Path, shared_cache: Path) -> Callable[..., Project]:
    """A function that makes a project in a folder with a nasty name; keyword arguments become settings."""

    def make(name: str = "proyecto ñ 'x' 🙂", **settings: str) -> Project:
        folder = tmp_path / name
        folder.mkdir()
        said = {"experiments": str(root / "experiments"), "cache": str(shared_cache), **settings}
        lines = [f"{key} = {value!r}" if "'" not in value else f'{key} = "{value}"' for key, value in said.items()]
        (folder / "kft.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Project(folder=folder, env={**os.environ, "PYTHONPATH": str(root), "PYTHONUTF8": "1"})

    return make


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """The shipped JSON Schema of sidecars."""
    text = files("fork_wrapper").joinpath("sidecar.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture
def double(root: Path) -> Path:
    """A stand-in for a checkout of sd-scripts whose trainer only behaves like one."""
    return root / "tests" / "integration" / "trainer_double"
