"""A folder with everything of a source except the weights: to hand on, to keep, to import elsewhere."""

import shlex
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.files import plain_name, pretty_json, write_whole
from fork_wrapper.formats.export import DATASET, GUI_FORMS, Exported, Form, configs_of, export
from fork_wrapper.formats.found import sets_secret
from fork_wrapper.formats.gui_keys import TABS
from fork_wrapper.formats.source import Source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.run_folder import DATASET_MANIFEST, RunFolder

WEIGHTS = frozenset([".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".npz"])
"""Suffixes of files that a bundle leaves out."""

_WORDS: Mapping[str, str] = {
    "train.toml": "for `sdxl_train.py --config_file`",
    "dataset.toml": "for `--dataset_config`",
    "config.json": "both, and all options with their defaults; `kft import-config` reads it",
    "command.txt": "one line that starts the training without train.toml",
    "gui-finetune.json": "for the kohya_ss GUI, finetune tab",
    "gui-dreambooth.json": "for the kohya_ss GUI, dreambooth tab",
    "gui-finetune-dataset.toml": "the dataset config that gui-finetune.json names",
    "gui-dreambooth-dataset.toml": "the dataset config that gui-dreambooth.json names",
    "sample_prompts.txt": "the prompts of the sample images",
    "packages.txt": "the Python packages that trained, for pip",
    DATASET_MANIFEST: "every image and caption with its sha256",
    "experiment": "the experiment file and its parents, as written",
    "source": "the files that all of this was recovered from",
    "run": "the run folder without its weights: record, sidecars, log, curves, samples",
}
"""What the bundle's README says about each part."""


def bundle(source: Source, settings: Settings, folder: Path) -> Exported:
    """Make the texts of a bundle, by relative name."""
    configs = configs_of(source, settings, folder)
    files: dict[str, str] = {}
    lost: dict[str, str] = {}
    plain: tuple[Form, ...] = ("toml", "json", "command")
    for form in plain:
        made = export(source, settings, form, folder)
        files |= made.files
        lost |= {f"{form}: {key}": why for key, why in made.lost.items()}
    for tab in TABS:
        made = export(source, settings, GUI_FORMS[tab], folder)
        name = f"gui-{tab}-{DATASET}"
        form_text = made.files[f"{configs.name}.json"].replace(
            pretty_json(str(folder.absolute() / DATASET)).strip(), pretty_json(str(folder.absolute() / name)).strip()
        )
        files |= {f"gui-{tab}.json": form_text, name: made.files[DATASET]}
        lost |= {f"gui-{tab}: {key}": why for key, why in made.lost.items()}
    files |= _known(source)
    texts, kept_back = _recovered_from(source)
    files |= texts
    lost |= {**kept_back, **_elsewhere(source)}
    if configs.prompts is not None:
        files["sample_prompts.txt"] = configs.prompts
    files[DATASET] = configs.dataset_toml
    files["README.md"] = _readme(configs.name, source, files)
    return Exported(files=dict(sorted(files.items())), lost=lost)


def _known(source: Source) -> dict[str, str]:
    """Return what a record or an experiment holds beyond the configs, as texts."""
    files: dict[str, str] = {}
    if source.resolved is not None:
        for link in source.resolved.chain:
            files[_apart(f"experiment/{link.name}.toml", files)] = link.text
    if source.record is not None:
        record = source.record
        for file in record.experiment["files"]:
            files[_apart(f"experiment/{plain_name(str(file['name']))}.toml", files)] = str(file["text"])
        packages = (record.provenance.get("python") or {}).get("packages") or {}
        if packages:
            files["packages.txt"] = "".join(f"{name}=={version}\n" for name, version in sorted(packages.items()))
        if record.provenance.get("dataset"):
            files[DATASET_MANIFEST] = pretty_json(record.provenance["dataset"])
        if source.kind == "sidecar":
            files[f"run/{source.path.name}"] = source.path.read_text(encoding="utf-8")
    return files


def _recovered_from(source: Source) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files that a foreign source was read from, and those left where they are, with the reason."""
    files: dict[str, str] = {}
    kept_back: dict[str, str] = {}
    for file in source.found.files if source.found is not None else ():
        if file.path.suffix.lower() in WEIGHTS:
            continue
        name = _apart(f"source/{plain_name(file.path.stem)}{file.path.suffix.lower()}", {**files, **kept_back})
        text = file.path.read_text(encoding="utf-8", errors="replace")
        if sets_secret(text):
            kept_back[name] = "it holds what looks like a token or password, and a bundle is for handing on"
        else:
            files[name] = text
    return files, kept_back


def _apart(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number in front if Windows or macOS would confuse it with a taken one."""
    known = {_as_disks_see_it(one) for one in taken}
    folder, _slash, file = name.rpartition("/")
    names = chain([name], (f"{folder}/{number}-{file}" for number in count(2)))
    return next(one for one in names if _as_disks_see_it(one) not in known)


def _as_disks_see_it(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _readme(name: str, source: Source, files: Mapping[str, str]) -> str:
    tops = sorted({file.split("/")[0] for file in files} | ({"run"} if source.kind == "run" else set()))
    rows = "".join(f"- `{top}`: {_WORDS[top]}\n" for top in tops if top in _WORDS)
    return (
        f"# {name}\n\nEverything about {source.kind} `{source.label}` but the weights, written by kft.\n\n{rows}\n"
        "Paths in these files are those of the machine that wrote them. To train again with kft:\n\n"
        f"```\nkft import-config config.json --name {shlex.quote(name)}\nkft check {shlex.quote(name)}\n```\n"
    )


def run_files(source: Source) -> Iterator[tuple[Path, Path]]:
    """Yield the files of a run's folder that are not weights, each with its name in the bundle."""
    if source.kind != "run":
        return
    root = source.path.parent
    run = RunFolder(folder=root)
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        in_state = any(part.endswith("-state") for part in inside.parts[:-1])
        if (
            path.is_file()
            and run.holds(path)
            and path.suffix not in WEIGHTS
            and not in_state
            and not path.name.endswith(".tmp")
        ):
            yield path, Path("run") / inside


def _elsewhere(source: Source) -> dict[str, str]:
    """Return links in a run's folder that point elsewhere; their targets are not the run's to hand on."""
    root = source.path.parent
    links = [path for path in root.rglob("*") if path.is_symlink()] if source.kind == "run" else []
    why = "it is a link to a file outside the run's folder"
    return {path.relative_to(root).as_posix(): why for path in links if not RunFolder(folder=root).holds(path)}


def write_bundle(made: Exported, source: Source, folder: Path) -> list[Path]:
    """Write a bundle into a new or empty folder and return its files; InputError for any other folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        finding = Finding(what="the folder is not empty", where=str(folder), todo="name a new one")
        raise InputError("nothing was written", [finding])
    written = []
    for name, text in made.files.items():
        write_whole(folder / name, text)
        written.append(folder / name)
    for path, inside in run_files(source):
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / inside)
        written.append(folder / inside)
    return written
