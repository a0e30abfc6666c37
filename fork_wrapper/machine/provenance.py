"""Where a checkpoint comes from: code, hardware, base model, data. Facts only; nothing here judges."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.scan.hashing import HashCache, sha256_file
from fork_wrapper.files import canonical_json, sha256_text
from fork_wrapper.machine.ask import ask
from fork_wrapper.machine.checkout import detached_head, is_checkout

PATCH_LIMIT = 200_000
"""Characters of this checkout's uncommitted patch that a record keeps."""


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
    return ask(["git", "-c", "safe.directory=*", "-C", str(folder), *arguments], timeout=30)


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False
