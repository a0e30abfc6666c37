"""kft as people install it: a wheel in an environment of its own, far from any checkout, from `init` to `promote`."""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from fork_wrapper.formats.new_project import BASE, EXAMPLES

pytestmark = [pytest.mark.trainer, pytest.mark.usefixtures("trainer_packages")]

PARTS = ("fork_wrapper", "dataset_tools", "experiments", "pyproject.toml", "README.md", "LICENSE")
LEAST = 77
"""Of setuptools, as pyproject.toml says."""


def _run(*argv: object, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """A command in a clean environment: nothing leads to the checkout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KFT_"))}
    words = [str(word) for word in argv]
    return subprocess.run(
        words, cwd=cwd, env={**clean, "PYTHONUTF8": "1", **env}, capture_output=True, encoding="utf-8", check=False
    )


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy."""
    try:
        version = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    if int(version.split(".")[0]) < LEAST:
        pytest.skip(
            f"building needs setuptools {LEAST}, here is {version}: pip install -c constraints.txt -e '.[test]'"
        )
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in PARTS:
        whole = root / name
        if whole.is_dir():
            shutil.copytree(whole, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(whole, source / name)
    build = ("wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", folder, source)
    done = _run(sys.executable, "-m", "pip", *build, cwd=folder)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("kft-*.whl")
    return made


@pytest.fixture(scope="module")
def kft(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that has the wheel, and borrows everything else from this one."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    assert _run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=wheel.parent).returncode == 0
    scripts = venv / ("Scripts" if sys.platform == "win32" else "bin")
    python = next(scripts.glob("python*"))
    asked = _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=wheel.parent)
    borrowed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    borrowed += [path for path in (sysconfig.get_path("purelib"), *site.getsitepackages()) if path not in borrowed]
    (Path(asked.stdout.strip()) / "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    install = ("--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel)
    done = _run(sys.executable, "-m", "pip", *install, cwd=wheel.parent)
    assert done.returncode == 0, done.stderr
    where = _run(python, "-c", "import fork_wrapper; print(fork_wrapper.__file__)", cwd=wheel.parent)
    assert str(venv) in where.stdout
    return next(scripts.glob("kft*"))


def test_the_wheel_has_everything(wheel: Path, root: Path) -> None:
    """Every file of both packages, whatever its kind; of the experiments those that are shipped."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for package in PARTS[:2]:
        files = [path for path in (root / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert len(files) > 20
        assert {path.relative_to(root).as_posix() for path in files} <= names
    shipped = {name for name in names if name.startswith("fork_wrapper/examples/")}
    assert shipped == {f"fork_wrapper/examples/{name}" for name in (*BASE, *EXAMPLES)}


def test_from_init_to_promote(kft: Path, tmp_path: Path, shared_cache: Path) -> None:
    """A project is made, checked, rehearsed, listed, noted and promoted, by an installed kft alone."""
    made = _run(kft, "init", "my project", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    project = tmp_path / "my project"
    assert len(list(project.rglob("*.toml"))) == 9

    def call(*arguments: object, code: int = 0) -> str:
        done = _run(kft, *arguments, cwd=project, KFT_CACHE=str(shared_cache))
        assert done.returncode == code, done.stderr
        return done.stdout

    assert f"{project}{os.sep}models" in call("check", "humanoid_05", code=1)
    call("new", "humanoid_08", "--from", "humanoid_05", "--set", "learning_rate=3e-6")
    call("run", "humanoid_08", "--rehearse", "--stand-in")
    (run,) = (project / "runs" / "humanoid_08").iterdir()
    run_id = f"humanoid_08/{run.name}"
    assert json.loads((run / "record.json").read_text(encoding="utf-8"))["provenance"]["project"]["commit"] is None
    listed = json.loads(call("list", "--filter", "rehearsal=yes", "--filter", "loss>0", "--sort", "-started", "--json"))
    assert [one["run_id"] for one in listed["runs"]] == [run_id]
    log = call("log", run_id, "-f")
    assert re.search(r"^steps: 100%.*avr_loss=", log, re.MULTILINE)
    assert "\r" not in log
    call("note", run_id, "--problem", "it is a miniature")
    call("promote", run_id, code=2)
    call("promote", run_id, "--rehearsal", "--author", "Ana", "--name", "base")
    folder = project / "models" / "base"
    sha256, name = (folder / "base.safetensors.sha256").read_text(encoding="utf-8").split()
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
    assert "problem: it is a miniature" in (folder / "README.md").read_text(encoding="utf-8")
    assert "3e-06" in call("show", folder / "base.safetensors")
    notes = json.loads(call("show", run_id, "--json"))["notes"]
    assert [bool(note["decision"]) for note in notes] == [False, False]  # trying the way selects nothing
    assert "base" in notes[-1]["text"]
