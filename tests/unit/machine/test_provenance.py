"""Facts about code, packages and models, from real git and real Pythons."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.machine import gpus as nvidia
from fork_wrapper.machine import probe, trainer
from fork_wrapper.machine.gpus import gpus
from fork_wrapper.machine.provenance import accelerate_config, base_model, git_commit, git_state, host
from fork_wrapper.machine.trainer import probe_python


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "file.txt").write_text("one\n")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        git(folder, *arguments)
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Real git with an identity of its own."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_clean_checkout_has_its_commit(checkout: Path) -> None:
    """The full hash, and not dirty; files that git does not track do not count."""
    (checkout / "untracked.txt").write_text("")
    state = git_state(checkout, ["file.txt"])
    assert (state.commit, state.dirty, state.patch) == (git(checkout, "rev-parse", "HEAD").strip(), False, "")


def test_local_changes_are_dirty_and_kept_as_a_patch(checkout: Path) -> None:
    """The patch together with the commit gives back what ran."""
    (checkout / "file.txt").write_text("two\n")
    state = git_state(checkout, ["file.txt"])
    assert state.dirty is True
    assert "-one\n+two\n" in state.patch
    assert git_state(checkout).patch == ""
    (checkout / "secret.env").write_text("TOKEN=1")
    git(checkout, "add", "secret.env")
    assert "TOKEN" not in git_state(checkout, ["file.txt"]).patch


def test_a_folder_inside_another_checkout_has_no_commit(checkout: Path) -> None:
    """A downloaded zip unpacked inside a repository must not pass for that repository's commit."""
    (checkout / "sd-scripts").mkdir()
    assert git_state(checkout / "sd-scripts").commit is None
    assert git_state(checkout / "nowhere").commit is None


def test_the_trainers_python_is_asked_for_its_packages() -> None:
    """Versions by distribution name, however it is spelled; nothing heavy is imported to know them."""
    python = probe_python(sys.executable)
    assert python is not None
    assert python.version == ".".join(map(str, sys.version_info[:3]))
    assert python.version_of("Tomli-W") == python.version_of("tomli_w") is not None
    assert python.version_of("no-such-package") is None


def distribution(folder: Path, name: str, version: str) -> Path:
    """An installed distribution without any file."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def test_of_two_installations_the_one_that_is_imported_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first on sys.path; and one package is one entry, however its name is spelled."""
    first = distribution(tmp_path / "a", "Huggingface_Hub", "1.0")
    second = distribution(tmp_path / "b", "huggingface-hub", "2.0")
    distribution(second, "zope.interface", "7.0")
    monkeypatch.setenv("PYTHONPATH", f"{first}{os.pathsep}{second}")
    python = probe_python(sys.executable)
    assert python is not None
    assert [name for name in python.packages if "hugging" in name.lower()] == ["huggingface-hub"]
    assert python.version_of("huggingface_hub") == "1.0"
    assert python.packages["zope-interface"] == "7.0"


@pytest.fixture
def unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path with a torch for CUDA 13 and an xformers for CUDA 12.8, neither of which may be imported."""
    folder = tmp_path / "unfit"
    for name in ("torch", "xformers"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('imported')\n")
    (folder / "torch" / "version.py").write_text(
        "from typing import Optional\n\n__all__ = ['cuda']\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"
    )
    (folder / "xformers" / "cpp_lib.json").write_text(json.dumps({"version": {"cuda": 1208, "hip": None}}))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return folder


@pytest.mark.usefixtures("unfit")
def test_the_builds_of_torch_and_xformers_are_read_from_their_files() -> None:
    """Without importing either of them."""
    python = probe_python(sys.executable)
    assert python is not None
    assert (python.torch_cuda, python.xformers_cuda) == ("13.0", "12.8")
    assert isinstance(python.xformers_runtime, bool)


@pytest.mark.parametrize(
    ("torch", "xformers", "said"),
    [
        ("cuda: Optional[str] = '12.8'", {"cuda": 1206}, ("12.8", "12.6", None)),
        ("cuda = '11.8'\nhip = None", {"cuda": 1108}, ("11.8", "11.8", None)),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'", {"cuda": None, "hip": 604}, (None, None, None)),
        ("cuda: Optional[str] = None", {"cuda": 1208}, (None, "12.8", None)),
        ("", None, (None, None, None)),
    ],
)
def test_builds_that_give_no_cause_to_look_for_a_library(
    unfit: Path, torch: str, xformers: object, said: tuple[str | None, str | None, bool | None]
) -> None:
    """The same major version, or one of them built without CUDA, or nothing that can be read."""
    (unfit / "torch" / "version.py").write_text(torch)
    (unfit / "xformers" / "cpp_lib.json").write_text(json.dumps({"version": xformers}))
    python = probe_python(sys.executable)
    assert python is not None
    assert (python.torch_cuda, python.xformers_cuda, python.xformers_runtime) == said


@pytest.mark.parametrize(
    ("platform", "xformers", "library"),
    [
        ("linux", "12.8", "libcudart.so.12"),
        ("linux", "11.8", "libcudart.so.11"),
        ("win32", "12.8", "cudart64_12.dll"),
        ("win32", "11.8", "cudart64_110.dll"),
    ],
)
def test_the_name_of_the_runtime(monkeypatch: pytest.MonkeyPatch, platform: str, xformers: str, library: str) -> None:
    """As NVIDIA names it; what cannot be loaded is not there."""
    asked: list[str] = []
    monkeypatch.setattr("fork_wrapper.machine.probe.sys.platform", platform)
    monkeypatch.setattr("fork_wrapper.machine.probe.ctypes.CDLL", asked.append)
    assert probe.xformers_runtime("13.0", xformers) is True
    assert asked == [library]

    def fails(_name: str) -> None:
        raise OSError

    monkeypatch.setattr("fork_wrapper.machine.probe.ctypes.CDLL", fails)
    assert probe.xformers_runtime("13.0", xformers) is False


@pytest.mark.skipif(sys.platform != "linux", reason="an ELF library in LD_LIBRARY_PATH")
@pytest.mark.usefixtures("unfit")
def test_a_library_that_comes_or_goes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of a Python holds only for the places where libraries are found, and for what lies there."""
    memory, there = tmp_path / "pythons.json", tmp_path / "there"
    there.mkdir()

    def found() -> bool | None:
        python = probe_python(sys.executable, memory)
        assert python is not None
        return python.xformers_runtime

    before = found()
    if before:
        pytest.skip("this machine has the runtime of CUDA 12")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(there))
    assert found() is False
    source = importlib.util.find_spec("safetensors._safetensors_rust")  # any library will do
    assert source is not None
    shutil.copy(str(source.origin), there / "libcudart.so.12")
    assert found() is True
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert found() is False


def test_an_answer_is_remembered_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started for a second question; another question, of a newer kft, is asked."""
    memory = tmp_path / "pythons.json"
    first = probe_python(sys.executable, memory)
    assert first is not None
    asked: list[list[str]] = []
    monkeypatch.setattr(trainer, "ask", lambda argv, timeout: asked.append(argv))  # noqa: ARG005
    assert probe_python(sys.executable, memory) == first
    assert asked == []
    newer = tmp_path / "probe.py"
    newer.write_text("print(1)\n")
    monkeypatch.setattr(trainer, "_PROBE", newer)
    assert probe_python(sys.executable, memory) is None
    assert asked == [[sys.executable, "-c", "print(1)\n"]]


def test_a_python_that_cannot_start_is_none(tmp_path: Path) -> None:
    """No exception for a path that is wrong."""
    assert probe_python(str(tmp_path / "python")) is None
    assert probe_python(shutil.which("git") or "git") is None


def test_gpus_are_read_from_nvidia_smi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, memory, use and driver; lines that make no sense are no GPUs; no nvidia-smi means none."""
    answer = "NVIDIA H200, 143771, 4, 580.65.06\nNVIDIA GB10, rev. B, [N/A], [N/A], 580.1\nbroken\n"
    monkeypatch.setattr(nvidia, "ask", lambda _argv, timeout: answer)  # noqa: ARG005
    gpu, unified = gpus()
    assert (unified.name, unified.memory_mib) == ("NVIDIA GB10, rev. B", 0)
    assert (gpu.name, gpu.memory_mib, gpu.used_mib, gpu.driver) == ("NVIDIA H200", 143771, 4, "580.65.06")
    monkeypatch.setattr(nvidia, "ask", lambda _argv, timeout: None)  # noqa: ARG005
    assert gpus() == ()


def test_a_base_model_is_known_by_its_bytes(tmp_path: Path) -> None:
    """A file by its sha256, a folder by names and contents, a hub name by nothing."""
    cache = HashCache(tmp_path / "hashes.json")
    file = tmp_path / "base.safetensors"
    file.write_bytes(b"weights")
    known = base_model(str(file), cache)
    assert known == {
        "path": str(file),
        "kind": "file",
        "bytes": 7,
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }
    assert base_model(str(file), HashCache(tmp_path / "other.json"), lambda: True)["sha256"] is None
    folder = tmp_path / "diffusers"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "model.bin").write_bytes(b"a")
    first = base_model(str(folder), cache)
    (folder / "unet" / "model.bin").rename(folder / "unet" / "other.bin")
    assert first["sha256"] != base_model(str(folder), cache)["sha256"]
    assert base_model("stabilityai/sdxl", cache) == {
        "path": "stabilityai/sdxl",
        "kind": "name",
        "bytes": None,
        "sha256": None,
    }


def test_the_accelerate_config_is_kept_as_text(tmp_path: Path) -> None:
    """What accelerate would read where a flag is not given; None where there is none."""
    assert accelerate_config({"HF_HOME": str(tmp_path)}) == {"path": None, "text": None}
    (tmp_path / "accelerate").mkdir()
    path = tmp_path / "accelerate" / "default_config.yaml"
    path.write_text("num_processes: 2\n")
    assert accelerate_config({"HF_HOME": str(tmp_path)}) == {"path": str(path), "text": "num_processes: 2\n"}


def test_the_host_names_no_user() -> None:
    """A record may be published."""
    assert set(host()) == {"cpus", "hostname", "machine", "system"}


def test_a_detached_head_is_read_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submodule's `.git` is a file that names a folder, whose HEAD names the commit; a branch needs git."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    checkout, place = tmp_path / "scripts", tmp_path / "modules" / "scripts"
    checkout.mkdir()
    place.mkdir(parents=True)
    (checkout / ".git").write_text("gitdir: ../modules/scripts\n")
    (place / "HEAD").write_text(f"{'a' * 40}\n")
    assert git_commit(checkout) == "a" * 40
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    assert git_commit(checkout) is None
    assert git_commit(tmp_path) is None
