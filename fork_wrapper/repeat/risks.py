"""What the archive of a stranger would do beyond training, as far as its values can make sd-scripts do it.

An archive is data. Its command line and its environment are never used: the launch is rendered from this machine's
settings. What is left are options that reach further (`sdscripts.reach`), paths on other machines, and names that
kft does not know.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, raise_if_any
from fork_wrapper.files import flatten
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.repeat.archive_soundness import unknown_names
from fork_wrapper.repeat.original import Original
from fork_wrapper.repeat.places import PROMPTS, Places, is_below
from fork_wrapper.sdscripts.options import elsewhere
from fork_wrapper.sdscripts.reach import BESIDE_IMAGES, REACHES, WORDS, Reach
from fork_wrapper.text import shown

RUN = "{run}"

KEPT = (".json", ".jsonl", ".toml", ".safetensors")
"""Suffixes of what kft keeps in a run folder."""


@dataclass(frozen=True, kw_only=True)
class Risk:
    """One value that reaches beyond training."""

    key: str
    """Full key path."""
    value: str
    """As it would be launched."""
    does: str
    """What is at stake: `runs code`, `sends elsewhere`."""
    what: str
    """What would happen."""
    source: str
    """Where in sd-scripts; empty where nobody looked."""
    asks: bool = True
    """Whether it needs `--trust`; else it is only told."""


def risks(original: Original, places: Places, settings: Settings) -> tuple[Risk, ...]:
    """Every risk in the values as they would be launched; what lies in the run folder or kft's cache is none."""
    values = {"training": places.training, "dataset": places.dataset}
    return (
        *_reaching(places.training, settings),
        *_prompts(original, places, settings),
        *_unknown(original),
        *_remote(values),
        *_caches(values),
    )


def _reaching(training: Mapping[str, Any], settings: Settings) -> Iterator[Risk]:
    reaching = {reach.option: reach for reach in REACHES if _reaches(reach, training, settings)}
    for reach in reaching.values():
        if not reach.beside or reach.beside in reaching:
            yield Risk(
                key=f"training.{reach.option}",
                value=str(training[reach.option]),
                does=WORDS[reach.does],
                what=reach.what,
                source=reach.source,
            )


def _reaches(reach: Reach, training: Mapping[str, Any], settings: Settings) -> bool:
    value = training.get(reach.option)
    own = reach.path and _is_ours(reach, str(value), settings.cache)
    return value is not None and reach.when(value) and not own


def _is_ours(reach: Reach, path: str, cache: Path) -> bool:
    """A log must not take the place of what kft keeps, be it of the run or in the cache."""
    if reach.option == "console_log_file":
        name = Path(path)
        return (
            is_below(path, RUN)
            and name.suffix.lower() not in KEPT
            and name.name.lower() != RunFolder(folder=name.parent).log.name
        )
    return is_below(path, RUN) or is_below(path, cache.as_posix())


def refuse_remote(original: Original, maps: Sequence[tuple[str, str]]) -> None:
    """InputError where a path on another machine would be looked at: that alone tells it who asks."""
    values = {"training": original.training, "dataset": original.dataset}
    findings = [
        Finding(
            what=f"{key} is on another machine: {shown(value)}",
            where=str(original.path),
            todo="say where it is here, with --map OLD=NEW; or --trust, which lets kft ask that machine",
        )
        for key, value in flatten(values).items()
        if _is_remote(value) and not any(is_below(value, old) for old, _ in maps)
    ]
    raise_if_any(f"{original.path.name} is not looked into further", findings)


def _prompts(original: Original, places: Places, settings: Settings) -> Iterator[Risk]:
    """A file of this machine that the archive names: its text would go into the record, and on from there."""
    path = places.training.get("sample_prompts")
    said = any(move.key == PROMPTS for move in places.moves)  # by --map, or it is the archive's own text
    own = (settings.experiments, settings.datasets, settings.cache)
    if path and original.prompts is None and not said and not any(is_below(str(path), one.as_posix()) for one in own):
        what = "puts the content of that file into the record and every sidecar; --map it to itself if it is the one"
        yield Risk(key=PROMPTS, value=str(path), does=WORDS["reads"], what=what, source="")


def _unknown(original: Original) -> Iterator[Risk]:
    for name in unknown_names(original.training, original.dataset):
        scripts = elsewhere(name)
        known = f"an option of {scripts[0]}" if scripts else "no option of the sd-scripts that kft knows"
        value = str(original.training.get(name, ""))
        what = f"it is {known}: nobody looked at what sdxl_train.py does with it"
        yield Risk(key=name, value=value, does="is unknown", what=what, source="")


def _remote(values: Mapping[str, Any]) -> Iterator[Risk]:
    """Windows asks the named machine for the file, and tells it who asks."""
    for key, value in flatten(values).items():
        if _is_remote(value):
            yield Risk(key=key, value=value, does=WORDS["reads"], what="is a path on another machine", source="")


def _is_remote(value: Any) -> bool:
    """Windows takes either slash."""
    return isinstance(value, str) and len(value) > 1 and set(value[:2]) <= {"\\", "/"}


def _caches(values: Mapping[str, Any]) -> Iterator[Risk]:
    for key, value in flatten(values).items():
        option = key.rsplit(".", 1)[-1]
        if option in BESIDE_IMAGES and value:
            what = "writes caches beside the images"
            yield Risk(
                key=key, value=str(value), does=WORDS["writes"], what=what, source=BESIDE_IMAGES[option], asks=False
            )
