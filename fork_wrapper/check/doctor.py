"""What this machine has, and what of it would stop a run: kft itself, the trainer's Python, GPUs, sd-scripts, disks.

`preflight` looks at what one launch needs, in under a second. Here nothing is launched, so there is time to ask
torch whether it sees a GPU and to compare every version. Nothing is changed; reading the parser of the checkout is
`refresh`'s.
"""

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fork_wrapper import __version__
from fork_wrapper.check.preflight import Machine, existing, look_at
from fork_wrapper.check.versions import (
    Package,
    Torch,
    Xformers,
    about_torch,
    about_xformers,
    ask_torch,
    compare,
    xformers_of,
)
from fork_wrapper.errors import Finding
from fork_wrapper.experiment.resolve import DEFAULTS
from fork_wrapper.machine.gpus import Gpu
from fork_wrapper.machine.provenance import git_state, own_state
from fork_wrapper.machine.settings import NAMES, Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.sdscripts import options, sizes
from fork_wrapper.sdscripts.refresh import Reading


@dataclass(frozen=True, kw_only=True)
class Kft:
    """This kft."""

    version: str
    """Of the package."""
    commit: str | None
    """Of the checkout it runs from; None when it is installed."""
    dirty: bool | None
    """Whether its code has local changes."""
    python: str
    """Version of its own Python."""
    executable: str
    """Its own Python."""
    system: str
    """The operating system."""


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """sd-scripts as the settings name it."""

    path: str
    """The folder."""
    said_by: str
    """The layer of the settings that names it."""
    kind: Literal["missing", "folder", "checkout", "submodule"]
    """A folder has no commit: it is no checkout, or git is missing."""
    commit: str | None
    """Full hash."""
    pinned: bool
    """Whether that is the commit that kft is made for."""
    dirty: bool | None
    """Whether tracked files differ from the commit."""
    table: Literal["built in", "read", "unread"]
    """Where the table of its options comes from; unread: nobody has asked its parser."""
    changes: tuple[options.Change, ...]
    """How its options differ from those of the pinned commit."""


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A folder that kft writes to."""

    what: Literal["outputs", "cache"]
    """The setting."""
    path: str
    """The folder."""
    free: int | None
    """Bytes; None where nobody can say."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting in force."""

    name: str
    """As in kft.toml."""
    value: str
    """As text."""
    said_by: str
    """The layer that says it."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Everything that was looked at."""

    kft: Kft
    """This kft."""
    python: str
    """The trainer's Python, as the settings name it."""
    python_version: str | None
    """Its version; None when it cannot be started."""
    packages: tuple[Package, ...]
    """What trains."""
    torch: Torch | None
    """None when it is not installed."""
    xformers: Xformers | None
    """None when it is not installed."""
    gpus: tuple[Gpu, ...]
    """As nvidia-smi shows them."""
    sd_scripts: Checkout
    """What is trained with."""
    disks: tuple[Disk, ...]
    """Where is room."""
    settings: tuple[Setting, ...]
    """All of them."""
    findings: tuple[Finding, ...]
    """Errors would stop every run."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that would stop every run."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def examine(settings: Settings, reading: Reading | None = None) -> Examination:
    """Look at everything, with what `refresh` has just read if it was called."""
    machine = look_at(DEFAULTS, settings, real_trainer(settings), fresh=True)
    installed = machine.python is not None and machine.python.version_of("torch") is not None
    torch = ask_torch(settings.python) if installed else None
    packages = compare(machine.python, settings.sd_scripts / "requirements.txt") if machine.python else ()
    scripts = _checkout(settings, reading)
    disks = tuple(_disk(what, getattr(settings, what)) for what in ("outputs", "cache"))
    found = [
        *machine.findings,
        *about_torch(torch, machine),
        *about_xformers(machine),
        *_about_versions(packages, scripts, machine),
    ]
    found += [*_about_options(scripts, reading), *_about_space(disks)]
    found.sort(key=lambda finding: ("error", "warning", "note").index(finding.severity))
    return Examination(
        kft=_kft(),
        python=settings.python,
        python_version=machine.python.version if machine.python else None,
        packages=packages,
        torch=torch,
        xformers=xformers_of(machine.python) if machine.python else None,
        gpus=machine.gpus,
        sd_scripts=scripts,
        disks=disks,
        settings=tuple(_setting(settings, name) for name in NAMES),
        findings=tuple(found),
    )


def _kft() -> Kft:
    state = own_state()
    return Kft(
        version=__version__,
        commit=state.commit,
        dirty=state.dirty,
        python=platform.python_version(),
        executable=sys.executable,
        system=platform.platform(),
    )


def _checkout(settings: Settings, reading: Reading | None) -> Checkout:
    folder = settings.sd_scripts
    state = git_state(folder)
    known = (reading and reading.table) or options.table_for(state.commit, settings.cache)
    return Checkout(
        path=str(folder),
        said_by=settings.sources["sd_scripts"],
        kind=_kind(folder, state.commit),
        commit=state.commit,
        pinned=state.commit == options.pinned_commit(),
        dirty=state.dirty,
        table="unread" if known is None else "built in" if known is options.pinned_table() else "read",
        changes=options.changes(options.pinned_table(), known) if known else (),
    )


def _kind(folder: Path, commit: str | None) -> Literal["missing", "folder", "checkout", "submodule"]:
    if not (folder / "sdxl_train.py").is_file():
        return "missing"
    if commit is None:
        return "folder"
    link = folder / ".git"  # of a submodule it is a file that names a folder in the parent's .git/modules
    return "submodule" if link.is_file() and "/modules/" in link.read_text(encoding="utf-8") else "checkout"


def _disk(what: Literal["outputs", "cache"], folder: Path) -> Disk:
    try:
        free = shutil.disk_usage(existing(folder)).free
    except OSError:
        return Disk(what=what, path=str(folder), free=None)
    return Disk(what=what, path=str(folder), free=free)


def _setting(settings: Settings, name: str) -> Setting:
    value = getattr(settings, name)
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    return Setting(name=name, value=text, said_by=settings.sources[name])


def _about_versions(packages: tuple[Package, ...], scripts: Checkout, machine: Machine) -> Iterator[Finding]:
    rows = [row for row in packages if row.verdict == "differs" and row.by == "sd-scripts"]
    if rows and machine.python:
        others = ", ".join(f"{row.name} {row.installed} ({row.asked})" for row in rows)
        what = f"versions that sd-scripts does not ask for: {others}"
        wanted = '-c constraints.txt -e ".[train]"' if scripts.pinned else f"-r requirements.txt (in {scripts.path})"
        todo = f'"{machine.python.executable}" -m pip install {wanted}'
        yield Finding(what=what, where=machine.python.executable, todo=todo, severity="warning")


def _about_options(scripts: Checkout, reading: Reading | None) -> Iterator[Finding]:
    if scripts.kind == "missing":
        return
    if reading and reading.problem:
        todo = "start the trainer's Python there by hand: python sdxl_train.py --help"
        yield Finding(what=f"the options cannot be read: {reading.problem}", where=scripts.path, todo=todo)
    elif reading and reading.unkept:
        yield reading.unkept
    elif reading and not reading.kept and not (scripts.pinned and not scripts.dirty):
        what = "these options are not kept: no clean commit says what they belong to"
        todo = (
            "commit the changes" if scripts.commit else "use a git checkout" if shutil.which("git") else "install git"
        )
        yield Finding(what=what, where=scripts.path, todo=todo, severity="note")
    elif scripts.table == "unread" and scripts.commit:
        what = "the options of this commit have not been read: kft goes by those of its own"
        yield Finding(what=what, where=scripts.path, todo="kft doctor --refresh", severity="note")


def _about_space(disks: tuple[Disk, ...]) -> Iterator[Finding]:
    parameters = sizes.UNET + sizes.TEXT_ENCODER_1 + sizes.TEXT_ENCODER_2 + sizes.VAE
    for disk in disks:
        if disk.what == "outputs" and disk.free is not None and disk.free < 4 * parameters:
            least, most = 2 * parameters / 1e9, 4 * parameters / 1e9
            yield Finding(
                what=f"{disk.free / 1e9:.1f} GB are free; one checkpoint takes {least:.1f} (16 bits) or {most:.1f} GB",
                where=disk.path,
                todo="free space, or set `outputs` to another disk",
                severity="error" if disk.free < 2 * parameters else "warning",
            )
