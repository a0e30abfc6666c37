"""Where the files of an archived run are now: as it says, as `--map` says, or found through the settings.

A path that is gone is looked for by its last name: a base model below `models`, everything of the data set below
`datasets`. What has the recorded sha256 is taken first; else the first of that name, and the comparison says what is
different about it. Nothing is guessed in silence: every move is told and recorded.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from dataset_tools.scan.hashing import HashCache
from dataset_tools.sets.sample_set import sample_set_folder
from fork_wrapper.errors import Finding, raise_if_any
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.resolve import MODEL_OPTIONS, PATH_OPTIONS
from fork_wrapper.machine.provenance import base_model
from fork_wrapper.machine.settings import Settings
from fork_wrapper.rehearsal.miniature_folder import SETS, miniature_folder, tokenizers
from fork_wrapper.rehearsal.miniature_folder import base_model as miniature_model
from fork_wrapper.repeat.original import Original

BASE = "training.pretrained_model_name_or_path"
PROMPTS = "training.sample_prompts"

NO_PROMPTS = "# the archive does not hold the prompts of this run: no samples are drawn\n"
"""What stands in the file of prompts that nobody knows; sd-scripts leaves out lines that begin with # (:6413)."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """One path that is another one now."""

    key: str
    """Full key path."""
    old: str
    """As the archive says it."""
    new: str
    """As it is now; `{run}` is the new run's folder."""
    how: str
    """Who says so."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """The archive's values with the paths of this machine."""

    training: Mapping[str, Any]
    """Options."""
    dataset: Mapping[str, Any]
    """The dataset config."""
    moves: tuple[Move, ...]
    """Every path that is another one now."""
    files: Mapping[str, str]
    """What is to be written into the run folder, by name."""


def parse_maps(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`--map OLD=NEW` as pairs; InputError for one without both."""
    pairs = [tuple(text.partition("=")[::2]) for text in texts]
    findings = [
        Finding(what="a --map needs OLD=NEW", where=f"--map {text}", todo="write both paths")
        for text, (old, new) in zip(texts, pairs, strict=True)
        if not (old and new)
    ]
    raise_if_any("the command line has errors", findings)
    return tuple((old, Path(os.path.abspath(_home(Path(new)))).as_posix()) for old, new in pairs)  # noqa: PTH100 - links as typed


def _home(path: Path) -> Path:
    """No shell expands a tilde behind an equals sign; ~nobody is a name like any other."""
    with contextlib.suppress(RuntimeError):
        return path.expanduser()
    return path


def find_places(original: Original, settings: Settings, maps: Sequence[tuple[str, str]], cache: HashCache) -> Places:
    """The archive's values on this machine; InputError for a `--map` that no path begins with."""
    tree: keypath.Tree = keypath.merge({"training": original.training, "dataset": original.dataset}, {})
    finder = _Finder(original, settings, maps, cache)
    moves = []
    for path, value in keypath.values(tree).items():
        if _option(path) in PATH_OPTIONS | MODEL_OPTIONS and isinstance(value, str) and value:
            move = finder.find(path, value)
            if move is not None:
                moves.append(move)
                keypath.put(tree, path, move.new)
    raise_if_any("the command line has errors", list(finder.idle()))
    return Places(training=tree["training"], dataset=tree["dataset"], moves=tuple(moves), files=finder.files)


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it, by their names alone; each in the spelling of its own system."""
    return _rest(path, folder) is not None


def is_model(path: Path) -> bool:
    """Whether a path can be a base model: of any other folder not every file must be read to compare it."""
    return path.is_file() or (path / "model_index.json").is_file()


def name_of(path: str) -> str:
    """The last name of a path of any system."""
    return _pure(path).name


class _Finder:
    """Looks for one path after the other; remembers which `--map` was of use, and what is to be written."""

    def __init__(
        self, original: Original, settings: Settings, maps: Sequence[tuple[str, str]], cache: HashCache
    ) -> None:
        self._original, self._settings, self._maps, self._cache = original, settings, maps, cache
        self._used: set[str] = set()
        self.files: dict[str, str] = {}
        self._ways: tuple[Callable[[str, str], Move | None], ...] = (
            self._mapped,
            self._prompts,
            self._in_run,
            self._rehearsal,
            self._model,
            self._data,
        )

    def find(self, key: str, value: str) -> Move | None:
        """Where a path is now; None where it is what it was, or nowhere."""
        return next((move for way in self._ways if (move := way(key, value)) is not None), None)

    def idle(self) -> Iterator[Finding]:
        """Every `--map` that no path begins with."""
        for old, new in self._maps:
            if old not in self._used:
                yield Finding(
                    what="no path of the archive begins with it", where=f"--map {old}={new}", todo="correct it"
                )

    def _mapped(self, key: str, value: str) -> Move | None:
        for old, new in self._maps:
            rest = _rest(value, old)
            if rest is not None:
                self._used.add(old)
                return Move(key=key, old=value, new="/".join((new, *rest)), how="--map")
        return None

    def _prompts(self, key: str, value: str) -> Move | None:
        """The archive holds the prompts' text; a checkpoint only where they lay."""
        text = self._original.prompts
        if key != PROMPTS or (text is None and Path(value).is_file()):
            return None
        ours = self._original.record is not None or self._original.identity is not None
        suffix = _pure(value).suffix if ours and text is not None else ".txt"
        name = f"sample_prompts{suffix}"
        self.files[name] = NO_PROMPTS if text is None else text
        how = "nobody knows the prompts" if text is None else "the archive's own text"
        return Move(key=key, old=value, new=f"{{run}}/{name}", how=how)

    def _in_run(self, key: str, value: str) -> Move | None:
        """What lay in the old run's folder lies in the new one's; a state to go on from is read, and stays."""
        folder = self._original.folders[0] if self._original.folders else ""
        rest = _rest(value, folder) if folder and key != "training.resume" else None
        return (
            None if rest is None else Move(key=key, old=value, new="/".join(("{run}", *rest)), how="the run's folder")
        )

    def _rehearsal(self, key: str, value: str) -> Move | None:
        """What kft makes itself lies in this machine's cache."""
        if self._original.rehearsal is None:
            return None
        miniature, drawn = miniature_folder(self._settings.cache), sample_set_folder(self._settings.cache)
        own = {
            BASE: (miniature_model(miniature), _pure(value).parent.name.startswith("miniature-v")),
            "training.tokenizer_cache_dir": (tokenizers(miniature), _pure(value).parent.name.startswith("miniature-v")),
        }
        place, known = own.get(key, (drawn, _option(key) == "image_dir" and name_of(value) == drawn.name))
        *_, sets, choice, name = ("", "", "", *_pure(value).parts)
        copies = self._settings.cache / SETS / choice / name
        if not known and sets == SETS and ".." not in (choice, name) and copies.exists():
            place, known = copies, True
        if not known or place.as_posix() == value:
            return None
        return Move(key=key, old=value, new=place.as_posix(), how="this machine's cache")

    def _model(self, key: str, value: str) -> Move | None:
        """The base model, by its sha256 where the archive has one; another model by its name."""
        if _option(key) not in MODEL_OPTIONS:
            return None
        recorded = (self._original.provenance.get("base_model") or {}) if key == BASE else {}
        there = Path(value).exists()
        if there and (not recorded.get("sha256") or self._is(Path(value), recorded)):
            return None
        found = [path for path in _named(self._settings.models, name_of(value)) if path.as_posix() != value]
        same = [path for path in found if recorded.get("sha256") and self._is(path, recorded)]
        if there:
            found = []  # another one under the old name: only the very one takes its place
        for path in (*same, *found):
            return Move(key=key, old=value, new=path.as_posix(), how="found below `models`")
        return None

    def _is(self, path: Path, recorded: Mapping[str, Any]) -> bool:
        if not is_model(path):
            return False
        if path.is_file() and recorded.get("kind") == "file" and path.stat().st_size != recorded.get("bytes"):
            return False  # seven gigabytes need not be read to see that
        return bool(base_model(path.as_posix(), self._cache)["sha256"] == recorded["sha256"])

    def _data(self, key: str, value: str) -> Move | None:
        """A folder or file of the data set: of those of its name, the one whose images have the recorded names."""
        if Path(value).exists() or key == PROMPTS or not key.startswith("dataset."):
            return None
        found = list(_tails(self._settings.datasets, value))
        if not found:
            return None
        wanted = self._recorded_names(key)
        best = max(found, key=lambda path: len(wanted & _names_in(path))) if wanted else found[0]
        return Move(key=key, old=value, new=best.as_posix(), how="found below `datasets`")

    def _recorded_names(self, key: str) -> frozenset[str]:
        """Names of the images that the archive has of the subset of a key."""
        data = self._original.provenance.get("dataset") or {}
        folders = data.get("folders") if isinstance(data, Mapping) else None
        for one in folders if isinstance(folders, list) else ():
            if isinstance(one, Mapping) and one.get("subset") and key.startswith(f"{one['subset']}."):
                return frozenset(one["files"]) if isinstance(one.get("files"), Mapping) else frozenset()
        return frozenset()


def _tails(root: Path, value: str) -> Iterator[Path]:
    """What lies below `root` as it lay on the other machine: by as much of the way as there is, then by name."""
    parts = _pure(value).parts
    seen = set()
    for start in range(1, len(parts)):
        path = root.joinpath(*parts[start:])
        if ".." not in parts[start:] and path.exists() and path not in seen:
            seen.add(path)
            yield path
    yield from (path for path in _named(root, name_of(value)) if path not in seen)


def _named(root: Path, name: str) -> list[Path]:
    """Everything of a name below a folder, the shortest way first."""
    found = []
    for folder, folders, files in os.walk(root):
        if name in folders or name in files:
            found.append(Path(folder) / name)
    return sorted(found, key=lambda path: (len(path.parts), path))


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:
        return frozenset()


def _rest(path: str, folder: str) -> tuple[str, ...] | None:
    """The names between a folder and what lies in it; None where it does not lie there, or climbs out again."""
    inside, outside = _pure(path), _pure(folder)
    try:
        rest = inside.relative_to(outside).parts
    except (ValueError, TypeError):  # TypeError: paths of two systems
        return None
    return None if ".." in rest else rest


def _pure(path: str) -> PurePath:
    """A path in the spelling of the system that it is of."""
    windows = PureWindowsPath(path)
    return windows if windows.drive else PurePosixPath(path)


def _option(path: str) -> str:
    return path.rsplit(".", 1)[-1]
