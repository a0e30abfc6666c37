"""What all tests share: a home that is not the user's, and the facts that decide about skips.

Tiers: `tests/unit` (pure, seconds), `tests/cli` (the command in this process), `tests/integration` (real processes;
those marked `trainer` train), `tests/gpu`, `tests/bench` (never part of the test command).
What is marked `long` runs with `--long` alone (`make test-all`).
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import settings

from fork_wrapper.machine.settings import load_settings
from fork_wrapper.rehearsal.miniature_folder import miniature_folder
from tests.builders.projects import Project
from tests.builders.real_projects import RealProject, real_project

LONG = {"VERDICTS": "300", "PREPARE_KILLS": "30", "FUZZED_IMAGES": "5000"}
"""How often the tests that count by the environment repeat with `--long`; what the environment says already stands."""
ROOT = Path(__file__).resolve().parent.parent
TRAINER_PACKAGES = ("torch", "accelerate", "diffusers", "transformers")

# Read before any test changes the environment: where this user keeps sd-scripts, if at all.
_SD_SCRIPTS = load_settings({}, cwd=ROOT).sd_scripts


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`."""
    parser.addoption("--long", action="store_true", help="the long forms too: more examples, kills, rehearsals")


def pytest_configure(config: pytest.Config) -> None:
    """How many examples each property is tried with: where a test names its own number, that stands."""
    settings.register_profile("quick", max_examples=40, deadline=None)
    settings.register_profile("long", max_examples=1000, deadline=None)
    settings.load_profile("long" if config.getoption("--long") else "quick")
    if config.getoption("--long"):
        os.environ.update({name: os.environ.get(name, value) for name, value in LONG.items()})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless it is asked for."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's settings and caches, and none inherits a KFT_ variable."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("KFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(scope="session")
def root() -> Path:
    """This checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sd_scripts() -> Path:
    """A checkout of sd-scripts, or a skip that says how to have one."""
    if not (_SD_SCRIPTS / "sdxl_train.py").is_file():
        pytest.skip(f"no sd-scripts in {_SD_SCRIPTS} (git submodule update --init, or `sd_scripts` in the settings)")
    return _SD_SCRIPTS


@pytest.fixture(scope="session")
def trainer_packages() -> None:
    """A skip unless this Python can train."""
    missing = [name for name in TRAINER_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"this Python lacks {', '.join(missing)}: pip install -c constraints.txt -e '.[train]'")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all rehearsals of a session: the miniature and the sample set are made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def miniature(shared_cache: Path, root: Path, trainer_packages: None) -> None:  # noqa: ARG001 - it may skip
    """The miniature is in the cache: else the first run builds it, and its header cannot name its base model yet."""
    script = """
import sys
from pathlib import Path
from fork_wrapper.rehearsal.torchvision_ops import define_missing_ops
define_missing_ops()  # before diffusers imports torchvision
from fork_wrapper.rehearsal.miniature import ensure_miniature
ensure_miniature(Path(sys.argv[1]))
"""
    subprocess.run([sys.executable, "-c", script, str(miniature_folder(shared_cache))], cwd=root, check=True)


@pytest.fixture
def make_project(tmp_path: Path, root: Path, shared_cache: Path) -> Callable[..., Project]:
    """A function that makes a project in a folder with a nasty name; keyword arguments become settings."""

    def make(name: str = "proyecto ñ 'x' 🙂", **settings: str) -> Project:
        folder = tmp_path / name
        folder.mkdir()
        said = {"experiments": str(root / "experiments"), "cache": str(shared_cache), **settings}
        (folder / "kft.toml").write_text(tomli_w.dumps(said), encoding="utf-8")
        return Project(folder=folder, env={**os.environ, "PYTHONPATH": str(root), "PYTHONUTF8": "1"})

    return make


@pytest.fixture(scope="session")
def shared_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of models for all real runs of a session."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def real(tmp_path: Path, root: Path, double: Path, shared_cache: Path, shared_models: Path) -> RealProject:
    """A project where `kft run` is a real run, with six images and a made-up GPU of 80 GB."""
    if sys.platform == "win32":
        pytest.skip("the made-up machine is made of shell scripts")
    return real_project(tmp_path / "real project", root, double, shared_cache, share=shared_models)


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """The shipped JSON Schema of sidecars."""
    text = files("fork_wrapper.records").joinpath("sidecar.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture
def double(root: Path) -> Path:
    """A stand-in for a checkout of sd-scripts whose trainer only behaves like one."""
    return root / "tests" / "integration" / "trainer_double"
