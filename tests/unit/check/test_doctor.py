"""What a machine has, from values made up for the test; torch is asked in a real Python that has a false one."""

import errno
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fork_wrapper.check import doctor, versions
from fork_wrapper.check.doctor import Checkout, examine
from fork_wrapper.check.preflight import Machine
from fork_wrapper.check.versions import Torch, ask_torch
from fork_wrapper.errors import Finding, Severity
from fork_wrapper.machine.gpus import Gpu
from fork_wrapper.machine.provenance import GitState
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import TrainerPython
from fork_wrapper.sdscripts import refresh as reader
from fork_wrapper.sdscripts.options import Change, changes, options, pinned_commit, pinned_table, table_for
from fork_wrapper.sdscripts.refresh import Reading, refresh

CARD = Gpu(name="NVIDIA H100", memory_mib=81559, used_mib=4, driver="570.1")
PYTHON = TrainerPython(executable="/trainer/python", version="3.10.12", packages={"torch": "2.6.0", "numpy": "1.26.4"})
MACHINE = Machine(findings=(), python=PYTHON, gpus=(CARD,), lacks_packages=False)
TORCH = Torch(version="2.6.0+cu124", build="CUDA 12.4", devices=("NVIDIA H100",))
ROWS = {name: {"type": row.type, "default": row.default} for name, row in pinned_table().options.items()}
NEWER = {**ROWS, "brand_new": {"type": "any", "default": None}}


@pytest.fixture
def made_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """A function that makes a machine up, by default one that has everything, with sd-scripts at the pinned commit."""
    settings.sd_scripts.mkdir(parents=True)
    (settings.sd_scripts / "sdxl_train.py").write_text("")

    def make(
        machine: Machine = MACHINE,
        torch: Torch = TORCH,
        commit: str | None = pinned_commit(),
        free: float = 1e12,
        answer: tuple[Any, str] = (NEWER, ""),
        **state: bool,
    ) -> Settings:
        found = GitState(commit=commit, dirty=state.get("dirty", False) if commit else None)
        monkeypatch.setattr(doctor, "look_at", lambda *_arguments, **_names: machine)
        monkeypatch.setattr(doctor, "ask_torch", lambda _python: torch)
        for module in (doctor, reader):
            monkeypatch.setattr(module, "git_state", lambda _folder: found)
        monkeypatch.setattr(reader, "ask_python", lambda *_arguments: answer)
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=int(free)))
        return settings

    return make


def test_a_machine_that_has_everything(made_up: Callable[..., Settings]) -> None:
    """No finding; the facts as they were found."""
    settings = made_up()
    looked = examine(settings)
    assert looked.findings == ()
    assert (looked.python, looked.python_version, looked.torch, looked.gpus) == (
        *(settings.python, "3.10.12", TORCH, (CARD,)),
    )
    assert looked.sd_scripts == Checkout(
        path=str(settings.sd_scripts),
        said_by="built in",
        kind="checkout",
        commit=pinned_commit(),
        pinned=True,
        dirty=False,
        table="built in",
        changes=(),
    )
    assert [(disk.what, disk.free) for disk in looked.disks] == [("outputs", 10**12), ("cache", 10**12)]
    said = {one.name: (one.value, one.said_by) for one in looked.settings}
    assert len(said) == 14
    assert said["interrupt_grace"] == ("600", "built in")


def test_nothing_is_asked_of_a_python_that_is_not_there(made_up: Callable[..., Settings]) -> None:
    """What preflight finds is said once, and torch is not asked where it is not installed."""
    finding = Finding(what="the trainer's Python cannot be started")
    looked = examine(made_up(replace(MACHINE, python=None, findings=(finding,))))
    assert (looked.python_version, looked.torch, looked.packages) == (None, None, ())
    assert looked.errors == looked.findings == (finding,)
    bare = replace(PYTHON, packages={})
    assert examine(made_up(replace(MACHINE, python=bare))).torch is None


@pytest.mark.parametrize(
    ("torch", "finding"),
    [
        (
            Torch(problem="ImportError: libcudart.so.12"),
            Finding(
                what="torch cannot be used: ImportError: libcudart.so.12",
                where="/trainer/python",
                todo="install it anew (see the README), and start it there by hand: python -c 'import torch'",
            ),
        ),
        (
            replace(TORCH, devices=()),
            Finding(
                what="torch 2.6.0+cu124 (CUDA 12.4) sees none of the GPUs",
                where="/trainer/python",
                todo="install a build of torch that this driver can run, and look at CUDA_VISIBLE_DEVICES",
            ),
        ),
    ],
)
def test_a_torch_that_cannot_train(made_up: Callable[..., Settings], torch: Torch, finding: Finding) -> None:
    """It cannot be imported, or it does not see the GPU that nvidia-smi shows."""
    assert examine(made_up(torch=torch)).errors == (finding,)


def test_of_a_cpu_build_and_of_no_gpu_preflight_speaks(made_up: Callable[..., Settings]) -> None:
    """Not twice: where the build is for a CPU, or there is no GPU to see, that is preflight's finding."""
    assert examine(made_up(torch=Torch(version="2.6.0+cpu", build="CPU"))).findings == ()
    assert examine(made_up(replace(MACHINE, gpus=()), torch=replace(TORCH, devices=()))).findings == ()


def test_versions_that_sd_scripts_does_not_ask_for(made_up: Callable[..., Settings]) -> None:
    """One warning with all of them; the way out is the checkout's own file where kft's is for another commit."""
    settings = made_up()
    (settings.sd_scripts / "requirements.txt").write_text("torch==2.5.0\nnumpy==2.0\nrich==14.1.0\n")
    finding = Finding(
        what="versions that sd-scripts does not ask for: torch 2.6.0 (==2.5.0), numpy 1.26.4 (==2.0)",
        where="/trainer/python",
        todo='"/trainer/python" -m pip install -c constraints.txt -e ".[train]"',
        severity="warning",
    )
    assert examine(settings).findings == (finding,)
    todo = f'"/trainer/python" -m pip install -r requirements.txt (in {settings.sd_scripts})'
    assert replace(finding, todo=todo) in examine(made_up(commit="c0ffee")).findings


def test_room_for_one_checkpoint(made_up: Callable[..., Settings]) -> None:
    """Not even one in 16 bits is an error, not one in 32 a warning."""
    cases: tuple[tuple[float, Severity], ...] = ((6.9e9, "error"), (7e9, "warning"), (13.8e9, "warning"))
    for free, severity in cases:
        (finding,) = examine(made_up(free=free)).findings
        assert finding == Finding(
            what=f"{free / 1e9:.1f} GB are free; one checkpoint takes 6.9 (16 bits) or 13.9 GB",
            where=str(made_up().outputs),
            todo="free space, or set `outputs` to another disk",
            severity=severity,
        )
    assert examine(made_up(free=13.9e9)).findings == ()


def test_a_disk_that_cannot_be_asked(made_up: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is unknown, and that is no finding."""
    settings = made_up()

    def refuse(_folder: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    looked = examine(settings)
    assert [disk.free for disk in looked.disks] == [None, None]
    assert looked.findings == ()


def test_the_kinds_of_sd_scripts(made_up: Callable[..., Settings]) -> None:
    """A submodule's .git is a file that points into its parent's; a plain folder has no commit."""
    settings = made_up()
    link = settings.sd_scripts / ".git"
    link.write_text("gitdir: ../../.git/modules/third_party/sd-scripts\n")
    assert examine(settings).sd_scripts.kind == "submodule"
    link.write_text("gitdir: /elsewhere/.git/worktrees/sd-scripts\n")
    assert examine(settings).sd_scripts.kind == "checkout"
    assert examine(made_up(commit=None)).sd_scripts.kind == "folder"
    (settings.sd_scripts / "sdxl_train.py").unlink()
    looked = examine(made_up(commit=None))
    assert (looked.sd_scripts.kind, looked.sd_scripts.table, looked.findings) == ("missing", "unread", ())


def test_another_commit_before_and_after_its_options_are_read(made_up: Callable[..., Settings]) -> None:
    """Unread it is a note; then its table is kept, found again, and what changed is said."""
    settings = made_up(commit="c0ffee")
    before = examine(settings)
    assert (before.sd_scripts.pinned, before.sd_scripts.table, before.sd_scripts.changes) == (False, "unread", ())
    assert before.findings == (
        Finding(
            what="the options of this commit have not been read: kft goes by those of its own",
            where=str(settings.sd_scripts),
            todo="kft doctor --refresh",
            severity="note",
        ),
    )
    reading = refresh(settings)
    assert reading.kept == str(settings.cache / "options-c0ffee.json")
    kept = table_for("c0ffee", settings.cache)
    assert kept is not None
    assert (kept, kept.options.keys() - options().keys()) == (reading.table, {"brand_new"})
    for after in (examine(settings, reading), examine(settings)):
        assert (after.sd_scripts.table, after.findings) == ("read", ())
        assert Change(name="brand_new", what="added", after="any") in after.sd_scripts.changes


def test_what_no_clean_commit_stands_for_is_read_and_not_kept(made_up: Callable[..., Settings]) -> None:
    """Local changes, or no commit at all: the changes are shown this once."""
    todos = ("commit the changes", "commit the changes", "use a git checkout")
    states: tuple[dict[str, Any], ...] = ({"commit": "c0ffee", "dirty": True}, {"dirty": True}, {"commit": None})
    for todo, state in zip(todos, states, strict=True):
        settings = made_up(**state)
        reading = refresh(settings)
        assert reading.kept == ""
        looked = examine(settings, reading)
        assert reading.table is not None
        assert (looked.sd_scripts.table, looked.sd_scripts.changes) == ("read", changes(pinned_table(), reading.table))
        assert looked.findings == (
            Finding(
                what="these options are not kept: no clean commit says what they belong to",
                where=str(settings.sd_scripts),
                todo=todo,
                severity="note",
            ),
        )
    assert list(settings.cache.glob("options-*.json")) == []


def test_without_git_nothing_is_kept(made_up: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step is git itself, not a checkout."""
    settings = made_up(commit=None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert [one.todo for one in examine(settings, refresh(settings)).findings] == ["install git"]


def test_a_cache_that_cannot_be_written(made_up: Callable[..., Settings]) -> None:
    """The options read are shown all the same, and a warning says why and where they could not be kept."""
    settings = made_up(commit="c0ffee")
    settings.cache.parent.mkdir(parents=True, exist_ok=True)
    settings.cache.write_text("a file in its place")
    reading = refresh(settings)
    assert (reading.kept, reading.problem) == ("", "")
    looked = examine(settings, reading)
    assert Change(name="brand_new", what="added", after="any") in looked.sd_scripts.changes
    (finding,) = looked.findings
    said, _, reason = finding.what.partition(": ")
    assert (said, reason in (os.strerror(errno.EEXIST), os.strerror(errno.ENOTDIR))) == (
        *("the options were read and cannot be kept", True),
    )
    todo = "mend its rights, or set `cache` to another folder"
    assert finding == Finding(what=finding.what, where=str(settings.cache), todo=todo, severity="warning")


@pytest.mark.parametrize("answer", [[1], 1, None, {}, {"seed": 1}, {"seed": {"type": "int"}}, {**ROWS, "a": {}}])
def test_an_answer_of_another_form(made_up: Callable[..., Settings], answer: Any) -> None:
    """A program that is no Python may print any JSON: nothing of it is believed or kept."""
    settings = made_up(commit="c0ffee", answer=(answer, ""))
    assert refresh(settings) == Reading(problem="its answer is no table of options")
    assert not settings.cache.exists()


def test_the_pinned_commit_needs_nothing_kept(made_up: Callable[..., Settings]) -> None:
    """That table is built in; reading it again only compares."""
    settings = made_up()
    reading = refresh(settings)
    assert (reading.kept, examine(settings, reading).findings) == ("", ())
    assert not settings.cache.exists()


def test_a_parser_that_cannot_be_read(made_up: Callable[..., Settings]) -> None:
    """The trainer's own last words are the reason."""
    settings = made_up(answer=(None, "ModuleNotFoundError: No module named 'accelerate'"))
    reading = refresh(settings)
    assert reading == Reading(problem="ModuleNotFoundError: No module named 'accelerate'")
    assert examine(settings, reading).errors == (
        Finding(
            what="the options cannot be read: ModuleNotFoundError: No module named 'accelerate'",
            where=str(settings.sd_scripts),
            todo="start the trainer's Python there by hand: python sdxl_train.py --help",
        ),
    )
    (settings.sd_scripts / "sdxl_train.py").unlink()
    assert examine(settings, reading).findings == ()


FALSE_TORCH = """
import sys, types
print("a greeting")
__version__ = "{version}"
version = types.SimpleNamespace(cuda={cuda}, hip={hip})
cuda = types.SimpleNamespace(
    is_available=lambda: {count} > 0, device_count=lambda: {count}, get_device_name=lambda index: f"card {{index}}"
)
"""


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (
            {"version": "2.6.0+cu124", "cuda": "'12.4'", "hip": None, "count": 2},
            Torch(version="2.6.0+cu124", build="CUDA 12.4", devices=("card 0", "card 1")),
        ),
        ({"version": "2.6.0", "cuda": "'12.4'", "hip": None, "count": 0}, Torch(version="2.6.0", build="CUDA 12.4")),
        (
            {"version": "2.6.0+rocm6.2", "cuda": None, "hip": "'6.2'", "count": 1},
            Torch(version="2.6.0+rocm6.2", build="ROCm 6.2", devices=("card 0",)),
        ),
        ({"version": "2.6.0+cpu", "cuda": None, "hip": None, "count": 0}, Torch(version="2.6.0+cpu", build="CPU")),
    ],
)
def test_torch_is_asked_what_it_is_built_for_and_what_it_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], answer: Torch
) -> None:
    """In the trainer's Python, whatever else that prints."""
    (tmp_path / "torch.py").write_text(FALSE_TORCH.format(**said))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert ask_torch(sys.executable) == answer


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("import os; os._exit(3)", "it ended with exit code 3"),
        ("raise SystemExit(0)", "its answer is not JSON"),
        ("import time; time.sleep(60)", "no answer in 1 s"),
    ],
)
def test_a_torch_that_says_nothing_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, problem: str
) -> None:
    """Its last words, its exit code, or that it took too long."""
    (tmp_path / "torch.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(versions, "TIME_LIMIT", 1.0 if "sleep" in source else 60.0)
    assert ask_torch(sys.executable) == Torch(problem=problem)


def test_a_python_that_is_not_there_has_a_reason(tmp_path: Path) -> None:
    """The system's own words."""
    assert ask_torch(str(tmp_path / "python")).problem == os.strerror(2)
