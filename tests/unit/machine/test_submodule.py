"""Getting the submodule of sd-scripts: from a real repository, from none, and from a server that never answers."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fork_wrapper.machine.submodule import fetch_submodule

HERE = "third_party/sd-scripts"


def git(folder: Path, *arguments: str) -> str:
    """Git in a folder."""
    identity = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(name="clone")
def _clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone of a project whose submodule is pinned below the newest commit, and is not there yet."""
    for number, (name, value) in enumerate([("protocol.file.allow", "always"), ("http.proxy", "")]):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    scripts, project = tmp_path / "scripts", tmp_path / "project"
    for folder in (scripts, project):
        folder.mkdir()
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    (scripts / "sdxl_train.py").write_text("old\n")
    git(scripts, "add", ".")
    git(scripts, "commit", "--quiet", "-m", "old")
    git(project, "submodule", "--quiet", "add", scripts.as_uri(), HERE)
    git(project, "commit", "--quiet", "-m", "pinned")
    (scripts / "sdxl_train.py").write_text("new\n")
    git(scripts, "commit", "--quiet", "-am", "new")
    git(tmp_path, "clone", "--quiet", project.as_uri(), "clone")
    return tmp_path / "clone"


@pytest.fixture(name="silent")
def _silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/scripts"


def test_the_pinned_commit_is_fetched_alone(clone: Path) -> None:
    """Not the newest one, and not the history."""
    assert fetch_submodule(clone / HERE) == ("fetched", "")
    assert (clone / HERE / "sdxl_train.py").read_text() == "old\n"
    assert git(clone / HERE, "rev-parse", "--is-shallow-repository") == "true"


def test_a_repository_that_is_gone(clone: Path, tmp_path: Path) -> None:
    """Git's own reason is passed on."""
    (tmp_path / "scripts").rename(tmp_path / "elsewhere")
    outcome, said = fetch_submodule(clone / HERE)
    assert outcome == "failed"
    assert "scripts" in said
    assert not (clone / HERE / "sdxl_train.py").exists()


def test_a_server_that_never_answers(clone: Path, silent: str) -> None:
    """After the time limit nothing of git is left, and another try works."""
    good = git(clone, "config", "--file", ".gitmodules", f"submodule.{HERE}.url")
    git(clone, "config", "--file", ".gitmodules", f"submodule.{HERE}.url", silent)
    began = time.monotonic()
    assert fetch_submodule(clone / HERE, seconds=1.0) == ("too slow", "")
    assert time.monotonic() - began < 30
    git(clone, "config", "--file", ".gitmodules", f"submodule.{HERE}.url", good)
    git(clone, "submodule", "sync", "--quiet")
    assert fetch_submodule(clone / HERE) == ("fetched", "")


def test_without_git(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the files on a machine that has none."""
    monkeypatch.setenv("PATH", "")
    assert fetch_submodule(clone / HERE) == ("no git", "")


def test_a_folder_of_no_checkout(tmp_path: Path) -> None:
    """Nothing is started."""
    assert fetch_submodule(tmp_path / HERE) == ("no checkout", "")
    (tmp_path / ".git").mkdir()
    assert fetch_submodule(tmp_path / HERE) == ("no checkout", "")
