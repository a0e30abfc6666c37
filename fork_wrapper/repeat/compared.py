"""The values of a comparison: one item, its verdict, and what is compared.

Unknown is what the archive does not say, or nobody can know before the launch; it stops nothing and is told. A
difference stops a reproduction until it is allowed by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fork_wrapper.repeat.original import Original
from fork_wrapper.repeat.places import Places
from fork_wrapper.text import counted

Verdict = Literal["same", "different", "unknown"]

ALLOWABLE: Mapping[str, str] = {
    "base-model": "the bytes of the base model",
    "dataset": "images and captions",
    "files": "other files that options name",
    "sd-scripts": "the commit of sd-scripts",
    "processes": "how many processes share a step",
    "python": "the trainer's Python",
    "torch": "torch, and the CUDA it is built for",
    "packages": "the other packages that compute",
    "accelerate": "accelerate's own config file, which counts where kft passes no flag",
    "gpu": "the GPUs, or of a rehearsal the processors",
}
"""Items whose difference can be allowed, and what each is about."""

COMPARED: Mapping[str, str] = {
    **ALLOWABLE,
    "seed": "the seed that was set",
    "sample-prompts": "the prompts of the sample images, by their text",
    "kft": "the version of kft itself",
}
"""Every item that a comparison shows before a launch."""

MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that a run was made with."""

    name: str
    """As `--allow` names it."""
    verdict: Verdict
    """Whether it is the same now."""
    recorded: str | None
    """Of the archive; None where it does not say."""
    found: str | None
    """Of this machine; None where it cannot be known."""
    why: str = ""
    """What else there is to say, in one line."""
    names: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())
    """What happened how often, and the files or packages that it happened to."""

    @property
    def stops(self) -> bool:
        """Whether it stops a reproduction until it is allowed."""
        return self.verdict == "different" and self.name in ALLOWABLE

    def to_json(self) -> dict[str, Any]:
        """As plain values, for `--json` and the record."""
        known = {"item": self.name, "verdict": self.verdict, "recorded": self.recorded, "found": self.found}
        named = {"names": {what: list(names) for what, names in self.names}} if self.names else {}
        return {**known, **({"why": self.why} if self.why else {}), **named}


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """What is to be compared: an archived run, and how it would be repeated here."""

    original: Original
    """The archive."""
    places: Places
    """Its values with the paths of this machine."""
    rehearsed: bool
    """Whether the miniature trains."""
    anew: bool
    """Whether a real run is rehearsed, which takes another base model and another size."""


def compared(name: str, recorded: str | None, found: str | None, why: str = "") -> Item:
    """An item of which either side may be unknown."""
    known = recorded is not None and found is not None
    verdict: Verdict = "unknown" if not known else "same" if recorded == found else "different"
    return Item(name=name, verdict=verdict, recorded=recorded, found=found, why=why)


def compared_hashes(name: str, recorded: Any, found: Any) -> Item:
    """An item of two sha256: all of their digits decide, the first twelve are shown."""
    item = compared(name, str(recorded) if recorded else None, str(found) if found else None)
    return replace(item, recorded=short(recorded), found=short(found))


def unknown(name: str, recorded: str | None, why: str) -> Item:
    """An item that cannot be compared."""
    return Item(name=name, verdict="unknown", recorded=recorded, found=None, why=why)


def gone(name: str, recorded: str | None, paths: tuple[str, ...]) -> Item:
    """Paths that lead nowhere: a difference that needs a --map more than a permission."""
    what = f"{counted(len(paths), 'path')} that nothing is found at"
    why = "say where with --map OLD=NEW"
    return Item(name=name, verdict="different", recorded=recorded, found=MISSING, why=why, names=((what, paths),))


def short(digest: Any) -> str | None:
    """The first twelve digits, which is enough to tell two apart."""
    return str(digest)[:12] if digest else None
