"""Where things are on this machine, and who said so.

Five layers, later wins: `kft.toml` (committed) < `~/.config/kft/kft.toml` (this user) < `kft.local.toml` (this
checkout, ignored by git) < `KFT_*` variables < command line. A relative path belongs to the file that says it;
in a variable or on the command line, to the working folder. Nothing here touches what the paths point to.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.files import parse_toml, read_text
from fork_wrapper.machine.backslashes import swallowed_backslashes
from fork_wrapper.text import nearest

SETTINGS_FILE = "kft.toml"
LOCAL_FILE = "kft.local.toml"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of this invocation, resolved."""

    models: Path
    """Folder of base models; `{models}` in an experiment."""
    datasets: Path
    """Folder of training sets; `{datasets}` in an experiment."""
    outputs: Path
    """Folder of runs; `{outputs}` in an experiment."""
    experiments: Path
    """Folder of experiment files; `{experiments}` in an experiment."""
    sd_scripts: Path
    """Checkout of kohya-ss/sd-scripts: the submodule, or one that a kohya_ss install already has."""
    python: str
    """The trainer's Python: a path, or a program name looked up in PATH."""
    cache: Path
    """What kft can make again: the miniature, the sample set, what it remembers of files."""
    num_processes: int
    """GPUs (processes) in all, as `accelerate launch --num_processes`."""
    num_machines: int
    """Machines in all, as `accelerate launch --num_machines`."""
    machine_rank: int
    """This machine's rank, from 0."""
    main_process_ip: str
    """Address of rank 0; empty on one machine."""
    main_process_port: int
    """Port of rank 0; 0 lets accelerate choose."""
    accelerate_args: tuple[str, ...]
    """More arguments for `accelerate launch`, as they are."""
    interrupt_grace: int
    """Seconds the trainer gets to finish after the first Ctrl-C, before it is terminated."""
    root: Path
    """Folder of the `kft.toml` in force; the working folder where there is none."""
    sources: Mapping[str, str]
    """For each setting, the layer that said it."""


PREFIX = "KFT_"
"""Of environment variables that are settings; all of them are kft's, so a misspelt one is an error."""

PLACEHOLDERS = ("models", "datasets", "outputs", "experiments")
"""Settings that an experiment may name in braces."""

PATHS = ("models", "datasets", "outputs", "experiments", "sd_scripts", "cache")
NAMES = tuple(field.name for field in fields(Settings) if field.name not in ("root", "sources"))

_BUILT_IN: Mapping[str, Any] = MappingProxyType(
    {
        "models": "models",
        "datasets": "datasets",
        "outputs": "runs",
        "experiments": "experiments",
        "sd_scripts": "third_party/sd-scripts",
        "python": "",
        "cache": "",
        "num_processes": 1,
        "num_machines": 1,
        "machine_rank": 0,
        "main_process_ip": "",
        "main_process_port": 0,
        "accelerate_args": (),
        "interrupt_grace": 600,
    }
)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One place that says settings."""

    label: str
    """What `kft settings` shows as the source."""
    base: Path
    """Folder that its relative paths belong to."""
    values: Mapping[str, Any]
    """The settings it says, typed as TOML or as text (variables, flags)."""


def load_settings(
    flags: Mapping[str, Any], *, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Settings:
    """Settings of this invocation; `flags` are the command line's, None where not given.

    Raises InputError with every unknown name and wrong type of every layer at once.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    root = find_root(cwd)
    findings: list[Finding] = []
    resolved: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in _layers(root, environ, cwd, flags):
        for name, value in layer.values.items():
            try:
                resolved[name] = _typed(name, value, layer.base, environ)
            except ValueError as error:
                findings.append(Finding(what=str(error), where=layer.label, todo=_hint(name)))
            else:
                sources[name] = layer.label
    if findings:
        raise InputError("the settings have errors", findings)
    return Settings(root=root, sources=MappingProxyType(sources), **resolved)


def find_root(cwd: Path) -> Path:
    """The project's folder: the nearest at or above `cwd` with a `kft.toml`; without one, `cwd`."""
    return _project_of(cwd) or cwd


def begin(folder: Path) -> str:
    """What to do where nothing lies in `folder` because no project is there; empty where one is at or above it."""
    if _project_of(folder) is not None:
        return ""
    return "this is not a kft project (no kft.toml here or above): `kft init` begins one, or go to the folder of yours"


def _project_of(folder: Path) -> Path | None:
    return next((one for one in (folder, *folder.parents) if (one / SETTINGS_FILE).is_file()), None)


def user_file(environ: Mapping[str, str]) -> Path:
    """This user's settings file, the same place on every system: `~/.config/kft/kft.toml`."""
    home = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "kft" / SETTINGS_FILE


def said_everywhere(settings: Settings, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Settings that this user's file or a variable says: they hold in every project."""
    own = str(user_file(os.environ if environ is None else environ))
    return tuple(name for name, label in settings.sources.items() if label == own or label.startswith(PREFIX))


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where kft keeps what it can make again, the same place on every system: `~/.cache/kft`."""
    home = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "kft"


def placeholders(settings: Settings) -> dict[str, str]:
    """What `{models}` and its kin stand for in an experiment, with forward slashes on every system."""
    return {name: getattr(settings, name).as_posix() for name in PLACEHOLDERS}


def _layers(root: Path, environ: Mapping[str, str], cwd: Path, flags: Mapping[str, Any]) -> Iterator[Layer]:
    built_in = {**_BUILT_IN, "cache": cache_folder(environ), "python": sys.executable}
    if _project_of(root) is None and ((own := own_sd_scripts()) / "sdxl_train.py").is_file():
        built_in["sd_scripts"] = own
    yield Layer(label="built in", base=root, values=built_in)
    for path in (root / SETTINGS_FILE, user_file(environ), root / LOCAL_FILE):
        if path.is_file():
            text = read_text(path)
            values = parse_toml(text, path)
            raise_if_any("the settings have errors", swallowed_backslashes(values, text, path))
            yield Layer(label=str(path), base=path.parent, values=values)
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and environ[variable]:
            name = variable.removeprefix(PREFIX).lower()
            yield Layer(label=variable, base=cwd, values={name: environ[variable]})
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    yield Layer(label="command line", base=cwd, values=given)


def own_sd_scripts() -> Path:
    """The submodule of the checkout that kft runs from: a program, as kft is; experiments and runs are a project's."""
    return Path(__file__).resolve().parents[2] / str(_BUILT_IN["sd_scripts"])


def _typed(name: str, value: Any, base: Path, environ: Mapping[str, str]) -> Any:
    """The value as `Settings` holds it; ValueError says what it should have been."""
    if name not in _BUILT_IN:
        raise ValueError(f"no setting is called {name!r}")
    default = _BUILT_IN[name]
    if name in PATHS:
        return _path(name, value, base)
    if name == "python":
        return _program(value, base, environ)
    if isinstance(default, tuple):
        return _arguments(name, value)
    if isinstance(default, int):
        return _number(name, value)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, not {value!r}")
    return value


def _path(name: str, value: Any, base: Path) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"{name} must be a path, not {value!r}")
    try:
        expanded = Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"{name} names the home of an unknown user: {value!r}") from None
    return Path(os.path.abspath(base / expanded))  # noqa: PTH100 - keeps symbolic links as typed


def _program(value: Any, base: Path, environ: Mapping[str, str]) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"python must be a path or a program name, not {value!r}")
    if Path(value).name == value:
        from shutil import which  # noqa: PLC0415 - only a bare name is looked for

        return which(value, path=environ.get("PATH")) or value
    return str(_path("python", value, base))


def _arguments(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        import shlex  # noqa: PLC0415 - only several words need it

        return tuple(shlex.split(value, posix=os.name != "nt"))
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError(f"{name} must be a list of strings, not {value!r}")


def _number(name: str, value: Any) -> int:
    least = 1 if name in ("num_processes", "num_machines") else 0
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if isinstance(number, int) and not isinstance(number, bool) and number >= least:
        return number
    raise ValueError(f"{name} must be a whole number from {least}, not {value!r}")


def _hint(name: str) -> str:
    if name in _BUILT_IN:
        return "correct the value; `kft settings` shows what is in force"
    near = nearest(name, NAMES, 2)
    names = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{names}`kft settings` lists all names"
