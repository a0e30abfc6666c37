"""`kft doctor`: the whole answer on machines made up for the test."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from fork_wrapper.check import doctor, preflight, versions
from fork_wrapper.check.doctor import Kft as Own
from fork_wrapper.check.versions import Torch
from fork_wrapper.machine.gpus import Gpu
from fork_wrapper.machine.provenance import GitState
from fork_wrapper.machine.trainer import TrainerPython
from fork_wrapper.sdscripts import refresh
from fork_wrapper.sdscripts.options import pinned_commit, pinned_table
from fork_wrapper.sdscripts.packages import needed_packages
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]

ROWS = {
    name: {"type": row.type, "default": row.default, "choices": list(row.choices)}
    for name, row in pinned_table().options.items()
    if name not in ("fp8_base", "loss_type")
}
NEWER = {
    **ROWS,
    "brand_new": {"type": "int", "default": 3},
    "loss_type": {"type": "str", "default": "huber", "choices": ["l2", "huber", "smooth_l1", "newest"]},
}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a disk and nothing else, wherever the tests run."""
    own = Own(version="9.9", commit=None, dirty=None, python="3.12.1", executable="/kft/python", system="Linux-made-up")
    monkeypatch.setattr(doctor, "_kft", lambda: own)
    monkeypatch.setattr(preflight, "gpus", lambda: ())
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=5 * 10**9))
    monkeypatch.setattr(versions, "CONSTRAINTS", Path("constraints.txt"))


@pytest.fixture
def well_equipped(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that can train, with a checkout at another commit than the pinned one."""
    packages = dict.fromkeys(needed_packages({"log_with": "tensorboard"}), "1.0")
    python = TrainerPython(executable="/trainer/python", version="3.10.12", packages={**packages, "torch": "2.6.0"})
    state = GitState(commit="c0ffee00" * 5, dirty=False)
    (project / "sd-scripts").mkdir()
    (project / "sd-scripts" / "sdxl_train.py").write_text("")
    (project / "sd-scripts" / "requirements.txt").write_text("accelerate==1.0\neinops==0.7.0\nlion-pytorch==0.2.3\n")
    (project / "constraints.txt").write_text("torch==2.6.0\n")
    card = Gpu(name="NVIDIA H100", memory_mib=81559, used_mib=4, driver="570.1")
    monkeypatch.setattr(preflight, "probe_python", lambda *_arguments: python)
    monkeypatch.setattr(preflight, "gpus", lambda: (card,))
    for module in (preflight, doctor, refresh):
        monkeypatch.setattr(module, "git_state", lambda _folder: state)
    torch = Torch(version="2.6.0", build="CUDA 12.4", devices=("NVIDIA H100",))
    monkeypatch.setattr(doctor, "ask_torch", lambda _python: torch)
    monkeypatch.setattr(refresh, "ask_python", lambda *_arguments: (NEWER, ""))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=10**12))


def plain(answer: Answer) -> str:
    """The answer without the padding of its columns, which are as wide as the folder of the test."""
    return re.sub(r"(?<=\S) {2,}", "  ", answer.out)


def test_a_bare_machine(kft: Kft, root: Path) -> None:
    """Every fact that there is, every error with its next step, exit code 1."""
    answer = kft("doctor", "--python", "/nowhere/python", "--cache", "cache")
    assert (answer.code, answer.err.strip()) == (1, "")
    assert_golden(plain(answer), root / "tests" / "golden" / "cli" / "doctor_bare.txt")


@pytest.mark.usefixtures("well_equipped")
def test_a_machine_that_can_train(kft: Kft, project: Path, root: Path) -> None:
    """Versions and changed options as tables, warnings and notes behind them, exit code 0."""
    arguments = ("doctor", "--sd-scripts", "sd-scripts", "--cache", "cache", "--python", "/trainer/python")
    answer = kft(*arguments, "--refresh")
    kept = f"PROJECT/cache/options-{'c0ffee00' * 5}.json"
    assert (answer.code, answer.err.strip()) == (
        0,
        f"options kept in {kept}\nnothing here prevents a run",
    )
    assert_golden(plain(answer), root / "tests" / "golden" / "cli" / "doctor_newer.txt")
    assert (project / kept.removeprefix("PROJECT/")).is_file()
    assert kft(*arguments).out == answer.out


@pytest.mark.usefixtures("well_equipped")
def test_json_has_every_fact(kft: Kft) -> None:
    """For programs: the same, with choices as lists; nothing but JSON on stdout."""
    answer = kft("doctor", "--sd-scripts", "sd-scripts", "--cache", "cache", "--refresh", "--json")
    said = json.loads(answer.out)
    assert answer.code == 0
    assert list(said) == [
        *("disks", "findings", "gpus", "kft", "packages", "python", "python_version", "sd_scripts", "settings"),
        *("torch", "xformers"),
    ]
    assert said["python"] == sys.executable
    assert said["torch"] == {"version": "2.6.0", "build": "CUDA 12.4", "devices": ["NVIDIA H100"], "problem": ""}
    assert said["xformers"] is None
    assert said["sd_scripts"]["table"] == "read"
    assert [tuple(change.values()) for change in said["sd_scripts"]["changes"]] == [
        ("int", None, "brand_new", "added"),
        (None, "bool", "fp8_base", "removed"),
        ("huber", "l2", "loss_type", "default"),
        (["l2", "huber", "smooth_l1", "newest"], ["l1", "l2", "huber", "smooth_l1"], "loss_type", "choices"),
    ]
    assert {one["severity"] for one in said["findings"]} == {"warning"}


@pytest.mark.usefixtures("well_equipped")
@pytest.mark.parametrize(
    ("built", "runtime", "row"),
    [
        ("12.4", None, "xformers  0.0.35  built for CUDA 12.4\n"),
        ("12.8", True, "xformers  0.0.35  built for CUDA 12.8\n"),
        ("12.8", False, "xformers  0.0.35  built for CUDA 12.8, which is not there\n"),
        (None, None, "xformers  0.0.35  built without CUDA\n"),
    ],
)
def test_both_builds_are_shown(
    kft: Kft, monkeypatch: pytest.MonkeyPatch, built: str | None, runtime: bool | None, row: str
) -> None:
    """Of torch and of xformers; a warning where they do not fit."""
    python = TrainerPython(
        executable="/trainer/python",
        version="3.11.7",
        packages=dict.fromkeys([*needed_packages({"log_with": "tensorboard"}), "xformers"], "0.0.35"),
        torch_cuda="13.0",
        xformers_cuda=built,
        xformers_runtime=runtime,
    )
    monkeypatch.setattr(preflight, "probe_python", lambda *_arguments: python)
    answer = kft("doctor", "--sd-scripts", "sd-scripts", "--cache", "cache", "--python", "/trainer/python")
    assert f"torch  2.6.0  built for CUDA 12.4, sees NVIDIA H100\n{row}" in plain(answer)
    warning = (
        "  • warning: xformers cannot be used: it is built for CUDA 12.8, torch for CUDA 13.0\n"
        "    /trainer/python\n"
        "    → train with sdpa: --unset xformers --set sdpa=true\n"
    )
    assert (warning in answer.out) == (runtime is False)
    assert answer.code == 0


@pytest.mark.usefixtures("well_equipped")
def test_what_cannot_be_read_is_an_error(kft: Kft, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainer's last words, and exit code 1."""
    monkeypatch.setattr(refresh, "ask_python", lambda *_arguments: (None, "ModuleNotFoundError: No module named 'x'"))
    answer = kft("doctor", "--sd-scripts", "sd-scripts", "--cache", "cache", "--refresh")
    assert answer.code == 1
    assert (
        "  • the options cannot be read: ModuleNotFoundError: No module named 'x'\n"
        "    PROJECT/sd-scripts\n"
        "    → start the trainer's Python there by hand: python sdxl_train.py --help\n"
    ) in answer.out
    assert f"not {pinned_commit()[:8]}, which kft is made for" in answer.out


@pytest.mark.usefixtures("well_equipped")
@pytest.mark.parametrize(("more", "said"), [(0, "no changes"), (1, "1 change"), (2, "2 changes")])
def test_changes_are_counted(kft: Kft, monkeypatch: pytest.MonkeyPatch, more: int, said: str) -> None:
    """In the right number."""
    rows = {
        name: {"type": row.type, "default": row.default, "choices": list(row.choices)}
        for name, row in pinned_table().options.items()
    }
    rows |= {f"brand_new_{number}": {"type": "int", "default": 3, "choices": []} for number in range(more)}
    monkeypatch.setattr(refresh, "ask_python", lambda *_arguments: (rows, ""))
    answer = kft("doctor", "--sd-scripts", "sd-scripts", "--cache", "cache", "--refresh")
    assert f"its options  read from its parser, {said}\n" in plain(answer)


@pytest.mark.usefixtures("well_equipped")
def test_options_that_cannot_be_kept_are_shown(kft: Kft, project: Path) -> None:
    """A warning, exit code 0, and no word of a file that is not there."""
    (project / "cache").write_text("")
    answer = kft("doctor", "--sd-scripts", "sd-scripts", "--cache", "cache", "--refresh", "--python", "/trainer/python")
    assert "brand_new" in answer.out
    assert "  • warning: the options were read and cannot be kept: " in answer.out
    assert "\n    PROJECT/cache\n    → fix its permissions, or set `cache` to another folder\n" in answer.out
    assert "options kept in" not in answer.err
