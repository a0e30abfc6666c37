"""The shipped experiments in a project of their own."""

import shutil
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import Settings, load_settings


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Settings:
    """Settings of a project with copies of the shipped experiments, and nothing else."""
    shutil.copytree(root / "experiments", tmp_path / "project" / "experiments")
    (tmp_path / "project" / "kft.toml").write_text("", encoding="utf-8")
    elsewhere = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return load_settings({}, environ=elsewhere, cwd=tmp_path / "project")
