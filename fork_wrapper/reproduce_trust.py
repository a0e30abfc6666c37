"""What the archive of a stranger would do beyond training, as far as its values can make sd-scripts do it.

An archive is data. Its command line and its environment are never used: the launch is rendered from this machine's
settings. What is left are options that reach further (`sdscripts.reach`), paths on other machines, and names that
kft does not know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fork_wrapper.files import flatten
from fork_wrapper.reproduce_original import Original
from fork_wrapper.reproduce_places import Places, is_below
from fork_wrapper.reproduce_sound import unknown_names
from fork_wrapper.sdscripts.options import elsewhere
from fork_wrapper.sdscripts.reach import BESIDE_IMAGES, REACHES, WORDS, Reach
from fork_wrapper.settings import Settings

RUN = "{run}"


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
    return (*_reaching(places.training, settings), *_unknown(original), *_remote(values), *_caches(values))


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
    own = reach.path and _is_ours(str(value), settings.cache)
    return value is not None and reach.when(value) and not own


def _is_ours(path: str, cache: Path) -> bool:
    return is_below(path, RUN) or is_below(path, cache.as_posix())


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
        if isinstance(value, str) and value.startswith(("\\\\", "//")):
            yield Risk(key=key, value=value, does=WORDS["reads"], what="is a path on another machine", source="")


def _caches(values: Mapping[str, Any]) -> Iterator[Risk]:
    for key, value in flatten(values).items():
        option = key.rsplit(".", 1)[-1]
        if option in BESIDE_IMAGES and value:
            what = "writes caches beside the images"
            yield Risk(
                key=key, value=str(value), does=WORDS["writes"], what=what, source=BESIDE_IMAGES[option], asks=False
            )
