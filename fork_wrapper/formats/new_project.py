"""A new project: settings, first experiments, a .gitignore, and a page that says what to do.

The experiments are those that come with kft, from its checkout or from inside the installed package.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tomli_w

from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.files import plain_name, write_whole
from fork_wrapper.formats.new_experiment import Given, next_steps, plan_own
from fork_wrapper.formats.own_images import BARE
from fork_wrapper.machine.settings import LOCAL_FILE, SETTINGS_FILE, Settings

BASE = ("sdxl_base.toml", "prompts/standard.txt")
"""The files that every experiment builds on."""

EXAMPLES = (*(f"humanoid_{number:02}.toml" for number in range(2, 8)), "humanoid_05_24gb.toml")
"""Six iterations of one fine-tune, and one of them for smaller GPUs."""

EXPERIMENTS = "experiments"
FIRST = "humanoid_05"
"""The example that a newcomer is shown."""

OWN = ("models", "datasets", "sd_scripts", "python")
"""The settings that belong to one machine."""

_SETTINGS = """\
# Defaults of this project, to be committed. Override them, weakest first, in ~/.config/kft/kft.toml (this user), in
# kft.local.toml beside this file (this machine, ignored by git), with KFT_* variables, or on the command line.
# Relative paths are relative to the file that says them. `kft settings` shows what is in force and who said it.

models = "models"                        # {models}: sd_xl_base_1.0.safetensors goes here
datasets = "datasets"                    # {datasets}: one folder of images and captions per training set
outputs = "runs"                         # {outputs}: one folder per run
experiments = "experiments"              # {experiments}
# sd_scripts = "third_party/sd-scripts"  # a checkout of kohya-ss/sd-scripts, such as the one in kohya_ss
# python = ".venv-trainer/bin/python"    # the trainer's Python; kft's own when not said
"""

_LOCAL = "# Where things are on this machine; ignored by git.\n"

_IGNORED = """\
# what kft writes, and what only this machine has
/runs/
/models/
/datasets/
kft.local.toml
.venv*/
"""

_README = """\
# {title}

Full fine-tunes of SDXL with [kohya-ss/sd-scripts](https://github.com/kohya-ss/sd-scripts), run and archived by kft:
beside and inside every checkpoint lies how it was made.

```
{commands}```

| | |
|---|---|
| `kft.toml` | settings to commit; this machine's own go into `kft.local.toml` |
| `experiments/` | one small TOML file for each experiment{base} |
| `models/` | {models} |
| `datasets/` | {datasets} |
| `runs/` | a folder for each run: configs, record, log, samples, checkpoints and their sidecars |
"""

_EXAMPLES_NOTE = """
`humanoid_02` to `humanoid_07` are examples: six iterations of one fine-tune on 1486 characters, by Odreman Ferrer and
Sergio Valdueza. What their document gives is marked `documented` in them, the rest `assumed`. `humanoid_05_24gb` is
`humanoid_05` for a GPU of 24 GB. Delete them when you have your own.
"""

_PAGE = "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0"


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A project to be written."""

    folder: Path
    """The project folder, absolute."""
    files: Mapping[str, bytes]
    """The files to be written, by relative path with forward slashes."""
    first: str
    """The experiment to try first."""
    steps: tuple[str, ...]
    """The next steps in the project, as commands."""


def plan_project(
    folder: Path, settings: Settings, *, bare: bool, elsewhere: Sequence[str], own: Given | None = None
) -> NewProject:
    """Plan the files of a project in `folder`; InputError if one of them exists already.

    `bare` leaves out the examples, and the parts of the base that mention them. `own` holds the user's images and base
    model: they become the only experiment, and this machine's settings point to the folders that hold them. Settings in
    `OWN` are written if they lead somewhere and are not in `elsewhere`: those come from the user's own file or a
    variable, and hold in every project anyway.
    """
    folder = folder.absolute()
    local = {name: value for name, value in _found(settings).items() if name not in elsewhere}
    if own is not None:
        first, experiments, steps, found = _own(folder, settings, own, local, elsewhere)
        local |= found
    else:
        first = "sdxl_base" if bare else FIRST
        names = [*BASE, *(() if bare else EXAMPLES)]
        experiments = {f"{EXPERIMENTS}/{name}": _bare(name) if bare else _shipped(name) for name in names}
        steps = (f"kft run {first} --rehearse", f"kft check {first}")
    files = {SETTINGS_FILE: _SETTINGS.encode(), ".gitignore": _IGNORED.encode()}
    if local:
        files[LOCAL_FILE] = (_LOCAL + tomli_w.dumps(local)).encode()
    files["README.md"] = _readme(folder.name, first, bare=bare, own=own).encode()
    files |= experiments
    there = [
        Finding(what="the file exists", where=str(folder / name), todo="move it, or name another folder")
        for name in files
        if os.path.lexists(folder / name)  # a dangling link counts too
    ]
    raise_if_any("nothing was written", there)
    return NewProject(folder=folder, files=files, first=first, steps=steps)


def write_project(project: NewProject) -> None:
    """Write the project; the settings, which make a folder a project, come last."""
    for name, data in sorted(project.files.items(), key=lambda file: file[0] == SETTINGS_FILE):
        write_whole(project.folder / name, data)


def _found(settings: Settings) -> dict[str, str]:
    """Return this machine's settings that someone set, or that lead somewhere."""
    here = {"sd_scripts"} if (settings.sd_scripts / "sdxl_train.py").is_file() else set()
    said = {name for name in OWN if settings.sources[name] == "command line"}
    return {name: Path(getattr(settings, name)).as_posix() for name in OWN if name in here | said}


def _own(
    folder: Path, settings: Settings, own: Given, local: Mapping[str, str], elsewhere: Sequence[str]
) -> tuple[str, dict[str, bytes], tuple[str, ...], dict[str, str]]:
    """Return the experiment of the user's images: its name, files and next steps, and settings that lead to them."""
    assert own.images is not None
    name = plain_name(own.images.folder.name.replace(" ", "_"))
    fixed = {*local, *elsewhere}
    places: dict[str, Path] = {}
    for key, path in (("datasets", own.images.folder), ("models", Path(own.base or "here"))):
        places[key] = getattr(settings, key) if key in fixed else folder / key
        outside = path.is_absolute() and path.parent != Path(path.anchor) and not path.is_relative_to(places[key])
        places[key] = path.parent if outside and key not in fixed else places[key]
    found = {key: place.as_posix() for key, place in places.items() if key not in fixed and place != folder / key}
    settings = replace(settings, datasets=places["datasets"], models=places["models"])
    settings = replace(settings, experiments=folder / EXPERIMENTS, outputs=folder / "runs")
    new = plan_own(name, own, settings, ())
    files = {path.relative_to(folder).as_posix(): text.encode() for path, text in new.files.items()}
    return name, files, tuple(next_steps(new, own=True)), found


def _readme(title: str, first: str, *, bare: bool, own: Given | None) -> str:
    child = f"{first}_02" if own else "mine"
    commands = {
        **({f"kft dataset check {first}": "what is wrong with the images and captions"} if own else {}),
        f"kft run {first} --rehearse": "the whole way on a CPU, in about a minute",
        f"kft check {first}": "what is missing for the real run",
        f"kft run {first}": "the real run",
        f"kft new {child} --from {first} --set learning_rate=3e-6": "an experiment of your own",
        "kft list": "what has run",
    }
    longest = max(map(len, commands))
    lines = "".join(f"{line:<{longest}}    # {what}\n" for line, what in commands.items())
    images = "images" if bare else "humanoid"
    text = _README.format(
        title=title or "kft",
        commands=lines,
        base="" if own else "; `sdxl_base` is what the others go on from",
        models="base models" if own else f"put `sd_xl_base_1.0.safetensors` here ([download]({_PAGE}))",
        datasets="one folder of images and captions for each training set"
        if own
        else f"put images and `.txt` captions of the same names into `datasets/{images}/`",
    )
    return text if bare or own else text + _EXAMPLES_NOTE


def _bare(name: str) -> bytes:
    """Return the bare version of a file in `BASE`, which describes no particular project."""
    return (BARE / Path(name).name).read_bytes()


def _shipped(name: str) -> bytes:
    """Return an experiment or prompt file that comes with kft."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "examples", package.parent / EXPERIMENTS):
        if (place / name).is_file():
            return (place / name).read_bytes()
    finding = Finding(what=f"{name} is missing", where=str(package / "examples"), todo="install kft again")
    raise InputError("this kft came without its experiments", [finding])
