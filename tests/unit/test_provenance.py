"""Facts about code, packages and models, from real git and real Pythons."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_tools.hashing import HashCache
from fork_wrapper import provenance
from fork_wrapper.provenance import accelerate_config, base_model, git_commit, git_state, gpus, host, probe_python


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


def test_a_python_that_cannot_start_is_none(tmp_path: Path) -> None:
    """No exception for a path that is wrong."""
    assert probe_python(str(tmp_path / "python")) is None
    assert probe_python(shutil.which("git") or "git") is None


def test_gpus_are_read_from_nvidia_smi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, memory, use and driver; lines that make no sense are no GPUs; no nvidia-smi means none."""
    answer = "NVIDIA H200, 143771, 4, 580.65.06\nNVIDIA GB10, rev. B, [N/A], [N/A], 580.1\nbroken\n"
    monkeypatch.setattr(provenance, "_ask", lambda _argv, timeout: answer)  # noqa: ARG005
    gpu, unified = gpus()
    assert (unified.name, unified.memory_mib) == ("NVIDIA GB10, rev. B", 0)
    assert (gpu.name, gpu.memory_mib, gpu.used_mib, gpu.driver) == ("NVIDIA H200", 143771, 4, "580.65.06")
    monkeypatch.setattr(provenance, "_ask", lambda _argv, timeout: None)  # noqa: ARG005
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
