"""Versions against what is asked for: sd-scripts' own file first, then kft's constraints."""

from pathlib import Path

import pytest

from fork_wrapper.check import versions
from fork_wrapper.check.versions import Package, compare
from fork_wrapper.machine.trainer import TrainerPython

PYTHON = TrainerPython(
    executable="/python",
    version="3.10.12",
    packages={
        "torch": "2.6.0+cu124",
        "Accelerate": "1.7",
        "opencv_python_headless": "4.10.0.84",
        "numpy": "1.26.4",
        "odd": "not-a-version",
        "diffusers": "0.32.1.dev0",
    },
)


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as sd-scripts has one, and kft's constraints beside it."""
    (tmp_path / "constraints.txt").write_text('torch==2.6.0\nnumpy==2.4.6; python_version >= "3.11"\nnumpy==1.26.4\n')
    monkeypatch.setattr(versions, "CONSTRAINTS", tmp_path / "constraints.txt")
    path = tmp_path / "requirements.txt"
    path.write_text(
        "accelerate==1.6.0\n"
        "# albumentations==1.3.0\n"
        "diffusers[torch]>=0.32.1  # or later\n"
        "opencv-python==4.10.0.84\n"
        'windows-only==1; sys_platform == "nowhere"\n'
        'old-python==1; python_version < "3.11"\n'
        "odd==1\n"
        "bitsandbytes\n"
        "--prefer-binary\n"
        "-e .\n"
    )
    return path


def test_each_package_with_what_is_asked_and_what_is_there(requirements: Path) -> None:
    """Pins, extras, comments, markers of the trainer's Python, another name for the same module, local versions."""
    rows = {row.name: (row.asked, row.by, row.installed, row.verdict) for row in compare(PYTHON, requirements)}
    assert {name: rows[name] for name in list(rows)[:9]} == {
        "torch": ("==2.6.0", "kft", "2.6.0+cu124", "ok"),
        "torchvision": ("", "", None, "missing"),
        "xformers": ("", "", None, "missing"),
        "accelerate": ("==1.6.0", "sd-scripts", "1.7", "differs"),
        "diffusers": (">=0.32.1", "sd-scripts", "0.32.1.dev0", "differs"),
        "opencv-python": ("==4.10.0.84", "sd-scripts", "4.10.0.84", "ok"),
        "old-python": ("==1", "sd-scripts", None, "missing"),
        "odd": ("==1", "sd-scripts", "not-a-version", "differs"),
        "bitsandbytes": ("", "sd-scripts", None, "missing"),
    }
    assert rows["numpy"] == ("==1.26.4", "kft", "1.26.4", "ok")
    assert rows["einops"] == ("", "", None, "missing")


def test_without_any_file_nothing_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkout, and a kft installed without its own: what is there is shown all the same."""
    monkeypatch.setattr(versions, "CONSTRAINTS", tmp_path / "constraints.txt")
    rows = compare(PYTHON, tmp_path / "requirements.txt")
    assert rows[0] == Package(name="torch", asked="", by="", installed="2.6.0+cu124", verdict="ok")
    assert {row.verdict for row in rows} == {"ok", "missing"}
    assert {row.by for row in rows} == {""}


def test_kfts_own_constraints_are_where_the_checkout_has_them(root: Path) -> None:
    """The file that `pip install -c` reads."""
    assert root / "constraints.txt" == versions.CONSTRAINTS
    assert versions.CONSTRAINTS.is_file()
