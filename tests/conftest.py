"""What all tests share: a home that is not the user's, and the facts that decide about skips.

Tiers: `tests/unit` (pure, seconds), `tests/cli` (the command in this process), `tests/integration` (real processes;
those marked `trainer` train), `tests/gpu`, `tests/bench` (never part of the test command).
"""

import importlib.util
import os
from pathlib import Path

import pytest

from fork_wrapper.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
TRAINER_PACKAGES = ("torch", "accelerate", "diffusers", "transformers")

# Read before any test changes the environment: where this user keeps sd-scripts, if at all.
_SD_SCRIPTS = load_settings({}, cwd=ROOT).sd_scripts


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
