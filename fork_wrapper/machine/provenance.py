"""Where a checkpoint comes from: code, packages, hardware, base model, data. Facts only; nothing here judges.

Apart from `launch`, the one module that starts processes: git, nvidia-smi, and the trainer's Python to ask what is
installed there. Every question has a time limit and an answer for "not there".
"""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.hashing import HashCache, sha256_file
from fork_wrapper.files import canonical_json, sha256_text, write_whole
from fork_wrapper.machine.checkout import detached_head, is_checkout

PATCH_LIMIT = 200_000
"""Characters of this checkout's uncommitted patch that a record keeps."""

_PROBE = Path(__file__).with_name("probe.py")
"""The text that asks a Python about itself."""
_LIBRARY_PATH = "PATH" if sys.platform == "win32" else "LD_LIBRARY_PATH"
_LINKER_CACHE = "/etc/ld.so.cache"


@dataclass(frozen=True, kw_only=True)
class TrainerPython:
    """The Python that trains, asked without importing anything heavy."""

    executable: str
    """Its own `sys.executable`."""
    version: str
    """As 3.11.7."""
    packages: Mapping[str, str]
    """Installed distributions by their normalised names, and their versions."""
    torch_cuda: str | None = None
    """CUDA that torch was built for, as 13.0; None of other builds."""
    xformers_cuda: str | None = None
    """CUDA that xformers was built for; None of other builds."""
    xformers_runtime: bool | None = None
    """Whether xformers' CUDA runtime can be loaded; None where it is the one that torch brings."""

    def version_of(self, package: str) -> str | None:
        """The version of a distribution, however its name is spelled; None when it is not installed."""
        plain = {_plain(name): version for name, version in self.packages.items()}
        return plain.get(_plain(package))


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, as nvidia-smi shows it."""

    name: str
    """Product name."""
    memory_mib: int
    """Total memory in MiB; 0 where nvidia-smi does not say."""
    used_mib: int
    """Memory in use now in MiB, by anyone; 0 where nvidia-smi does not say."""
    driver: str
    """Driver version."""
    uuid: str = ""
    """By which CUDA_VISIBLE_DEVICES may name it; empty where nvidia-smi does not say."""
    split: bool = False
    """Whether it is split into instances (MIG), each of which has less memory than this."""

    def to_json(self) -> dict[str, Any]:
        """As records keep it: what it is and not which one."""
        return {name: getattr(self, name) for name in ("name", "memory_mib", "used_mib", "driver")}


@dataclass(frozen=True, kw_only=True)
class GpuProcess:
    """A process that nvidia-smi sees on a GPU."""

    pid: int
    """Its id."""
    name: str
    """Its program; empty where nvidia-smi does not say."""
    used_mib: int
    """Its memory there in MiB; 0 where nvidia-smi does not say, as on Windows and in containers."""
    uuid: str
    """The GPU's."""


@dataclass(frozen=True, kw_only=True)
class GitState:
    """A checkout's commit."""

    commit: str | None
    """Full hash; None when the folder is no checkout or git is missing."""
    dirty: bool | None
    """Whether tracked files differ from the commit."""
    patch: str = ""
    """The difference, where it was asked for, up to `PATCH_LIMIT` characters."""
    patch_cut: bool = False
    """Whether the difference was longer."""


def probe_python(python: str, memory: Path | None = None) -> TrainerPython | None:
    """The trainer's Python and its packages; None when it cannot be started.

    With a file as `memory`, the last answer is taken again while nothing that it hangs on has changed: the program,
    the folders that it imports from (pip never installs anything without touching them), where libraries are found,
    and the question itself.
    """
    question = _PROBE.read_text(encoding="utf-8")
    known = _remembered(memory).get(python)
    if known and known.get("stamp") == _stamp(python, question, known.get("places", [])):
        return _trainer_python(known.get("answer"))
    text = _ask([python, "-c", question], timeout=60)
    try:  # the last line: a wrapper may greet first; and a program that is no Python says anything
        answer = json.loads((text or "").splitlines()[-1])
        places = [str(place) for place in answer.pop("places")]
    except (IndexError, ValueError, TypeError, AttributeError, KeyError):
        return None
    if memory is not None:
        entry = {"answer": answer, "places": places, "stamp": _stamp(python, question, places)}
        with contextlib.suppress(OSError):
            write_whole(memory, canonical_json({**_remembered(memory), python: entry}))
    return _trainer_python(answer)


def _trainer_python(answer: Any) -> TrainerPython | None:
    try:
        return TrainerPython(**answer)
    except TypeError:
        return None


def _remembered(memory: Path | None) -> dict[str, Any]:
    try:
        known = json.loads(memory.read_bytes()) if memory else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _stamp(python: str, question: str, places: Sequence[str]) -> list[int | str]:
    """The question and where libraries are looked for; when files and folders last changed, 0 for what is gone."""
    libraries = os.environ.get(_LIBRARY_PATH, "")
    stamps: list[int | str] = [sha256_text(repr((question, libraries)))]
    for path in (shutil.which(python) or python, *places, _LINKER_CACHE, *filter(None, libraries.split(os.pathsep))):
        try:
            stamps.append(Path(path).stat().st_mtime_ns)
        except OSError:
            stamps.append(0)
    return stamps


def ask_python(python: str, arguments: Sequence[str], timeout: float) -> tuple[Any, str]:
    """What a script prints as JSON on its last line in the trainer's Python; None and the reason when it does not."""
    try:
        done = subprocess.run([python, *arguments], capture_output=True, timeout=timeout, check=True)
        return json.loads(done.stdout.decode("utf-8", errors="replace").splitlines()[-1]), ""
    except subprocess.TimeoutExpired:
        return None, f"no answer in {timeout:.0f} s"
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", errors="replace").strip()
        return None, said.splitlines()[-1] if said else f"it ended with exit code {error.returncode}"
    except OSError as error:
        return None, error.strerror or str(error)
    except (IndexError, ValueError):
        return None, "its answer is not JSON"


def gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs of this machine, in its order; empty without nvidia-smi."""
    rows = _smi("gpu", "name,memory.total,memory.used,driver_version,uuid,mig.mode.current")
    rows = rows or [[*row, "", ""] for row in _smi("gpu", "name,memory.total,memory.used,driver_version")]
    return tuple(
        Gpu(name=row[0], memory_mib=_number(row[1]), used_mib=_number(row[2]), driver=row[3], uuid=row[4], split=on)
        for row in rows
        for on in [row[5] == "Enabled"]
    )


def gpu_processes() -> tuple[GpuProcess, ...]:
    """What computes on them now; empty without nvidia-smi. On Windows it lists whatever draws there too."""
    rows = _smi("compute-apps", "process_name,pid,used_memory,gpu_uuid")
    return tuple(
        GpuProcess(pid=_number(pid), name="" if name.startswith("[") else name, used_mib=_number(used), uuid=uuid)
        for name, pid, used, uuid in rows
        if _number(pid)
    )


def _smi(what: str, fields: str) -> list[list[str]]:
    """Rows of nvidia-smi's answer; the first field may hold commas. What is no such row is left out."""
    answer = _ask(["nvidia-smi", f"--query-{what}={fields}", "--format=csv,noheader,nounits"], timeout=20)
    count = fields.count(",")
    rows = [[cell.strip() for cell in line.rsplit(",", count)] for line in (answer or "").splitlines()]
    return [row for row in rows if len(row) == count + 1]


def _number(text: str) -> int:
    """A number; 0 for `[N/A]`, as GPUs that share the machine's memory say."""
    return int(text) if text.isdecimal() and len(text) < 12 else 0


def git_state(folder: Path, patch_of: Sequence[str] = ()) -> GitState:
    """The commit of a checkout whose root is `folder`; a plain folder inside another checkout has none.

    The uncommitted difference is kept of `patch_of` only: other files may hold what nobody wants archived.
    """
    commit = git_commit(folder)
    if commit is None:
        return GitState(commit=None, dirty=None)
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    wanted = patch_of if changes else ()
    patch = _git(folder, "diff", "--no-ext-diff", "--no-color", "HEAD", "--", *wanted) if wanted else None
    return GitState(
        commit=commit,
        dirty=None if changes is None else bool(changes.strip()),
        patch=(patch or "")[:PATCH_LIMIT],
        patch_cut=len(patch or "") > PATCH_LIMIT,
    )


def git_commit(folder: Path) -> str | None:
    """The commit of a checkout whose root is `folder`, and nothing else."""
    if (commit := detached_head(folder)) is not None:
        return commit
    if not is_checkout(folder):
        return None
    answer = _git(folder, "rev-parse", "--show-toplevel", "HEAD")
    top, _, commit = (answer or "").strip().rpartition("\n")
    return commit if top and _same(Path(top), folder) else None


def own_state() -> GitState:
    """The commit of the checkout that this kft runs from, with local changes of its code; none when installed."""
    return git_state(Path(__file__).resolve().parents[2], ("fork_wrapper", "dataset_tools"))


def host() -> dict[str, Any]:
    """This machine, without anything that names its user."""
    return {
        "cpus": os.cpu_count(),
        "hostname": platform.node(),
        "machine": platform.machine(),
        "system": platform.platform(),
    }


def accelerate_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """The user's accelerate default config, which `accelerate launch` reads where a flag is not given."""
    cache = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    home = environ.get("HF_HOME") or str(Path(cache) / "huggingface")
    path = Path(home) / "accelerate" / "default_config.yaml"
    try:
        return {"path": str(path), "text": path.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError):
        return {"path": None, "text": None}


def base_model(name: str, cache: HashCache, stop: Callable[[], bool] | None = None) -> dict[str, Any]:
    """Path, bytes and sha256 of the base model: of the file, or of a folder's files and their names.

    sha256 is None when `stop()` became true, or for a name on the Hugging Face Hub.
    """
    path = Path(name)
    if path.is_file():
        size = path.stat().st_size
        return {"path": name, "kind": "file", "bytes": size, "sha256": _sha256(path, cache, stop)}
    if name and path.is_dir():
        files = sorted(item for item in path.rglob("*") if item.is_file())
        hashes = [(item.relative_to(path).as_posix(), _sha256(item, cache, stop)) for item in files]
        size = sum(item.stat().st_size for item in files)
        whole = None if any(value is None for _, value in hashes) else _sha256_of(hashes)
        return {"path": name, "kind": "folder", "bytes": size, "sha256": whole}
    return {"path": name, "kind": "name", "bytes": None, "sha256": None}


def newest(name: str) -> float:
    """The latest change of a base model in seconds since the epoch; 0 for what is no file here."""
    path = Path(name)
    files = [path, *path.rglob("*")] if name and path.is_dir() else [path]
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)


def _sha256(path: Path, cache: HashCache, stop: Callable[[], bool] | None) -> str | None:
    try:
        return sha256_file(path, cache, stop)
    except DatasetError:
        return None


def _sha256_of(hashes: Sequence[tuple[str, str | None]]) -> str:

    return sha256_text(canonical_json(hashes))


def _git(folder: Path, *arguments: str) -> str | None:
    # safe.directory: a checkout owned by another user (a shared install) is only read here.
    return _ask(["git", "-c", "safe.directory=*", "-C", str(folder), *arguments], timeout=30)


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False


def _ask(argv: list[str], timeout: float) -> str | None:
    """The output of a short question; None when the program is missing, fails or takes too long."""
    try:
        done = subprocess.run(argv, capture_output=True, timeout=timeout, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", errors="replace")


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
