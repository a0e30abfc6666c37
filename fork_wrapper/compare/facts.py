"""What two records say beyond the configuration: what the runs were made with, and how they turned out.

Unrecorded facts are None, and are not a difference. The outcome of a run (time, loss, memory) never counts: two runs
of one configuration are the same.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fork_wrapper.files import sha256_text
from fork_wrapper.formats.source import Source
from fork_wrapper.records.losses import losses_of
from fork_wrapper.records.record import Record
from fork_wrapper.text import clock, counted

BASE_MODEL = "base model sha256"
"""Name of the fact that identifies the bytes of the base model."""

Counts = Literal["trains", "cost", "outcome"]

COMPUTES = re.compile(
    r"torch|torchvision|accelerate|transformers|tokenizers|diffusers|safetensors|numpy|einops|ftfy|imagesize|pillow|"
    r"opencv-.*|xformers|bitsandbytes|triton|deepspeed|lion-pytorch|prodigyopt|prodigy-plus-schedule-free|"
    r"pytorch-optimizer|schedulefree|dadaptation|nvidia-.*"
)
"""Packages that compute the training, or read its data."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One fact about both sides."""

    name: str
    """What the fact is about."""
    before: str | None
    """The value in the first; None if not recorded."""
    after: str | None
    """The value in the second; None if not recorded."""
    counts: Counts
    """What a difference changes; `outcome` facts change nothing."""

    @property
    def differs(self) -> bool:
        """Whether both values are known and differ."""
        return None not in (self.before, self.after) and self.before != self.after

    @property
    def trains(self) -> bool:
        """Whether this is a difference that changes training."""
        return self.differs and self.counts == "trains"


def facts(first: Source, second: Source) -> list[Fact]:
    """Return every fact that both sides may know; almost none unless both are runs."""
    if first.record is None or second.record is None:
        return [*_headers(first, second)]
    one, two = first.record, second.record
    made, came = (
        [_fact(name, read(one), read(two), counts) for name, counts, read in table]
        for table in (_MADE_WITH, _CAME_OF_IT)
    )
    return [*made, *_packages(one, two), *_checkpoints(first, second), *came]


def made_with(record: Record) -> list[tuple[str, str | None]]:
    """Return what a run was made with, except packages, in order; values not recorded are None."""
    return [(name, read(record)) for name, _, read in _MADE_WITH]


def came_of(record: Record) -> dict[str, str | None]:
    """Return the outcome of a run, by name; values not recorded are None."""
    return {name: read(record) for name, _, read in _CAME_OF_IT}


def is_rehearsal(source: Source) -> bool:
    """Return whether the source was made with the miniature model."""
    if source.record is not None:
        return source.record.rehearsal is not None
    return bool(source.header and source.header["run"].get("rehearsal"))


def _headers(first: Source, second: Source) -> Iterator[Fact]:
    """Yield the facts in a bare checkpoint's header, which says little about its run."""
    if first.header and second.header:
        before, after = first.header["run"].get("trainer"), second.header["run"].get("trainer")
        yield _fact("trainer", before, after, "trains")


def _packages(one: Record, two: Record) -> Iterator[Fact]:
    before, after = versions(one), versions(two)
    for name in sorted(before.keys() | after.keys()) if before and after else ():
        counts: Counts = "trains" if COMPUTES.fullmatch(name) else "cost"
        yield _fact(name, before.get(name, "not installed"), after.get(name, "not installed"), counts)


def versions(record: Record) -> dict[str, str]:
    """Return the versions of the trainer's packages by normalized name; empty if not recorded."""
    packages = (record.provenance.get("python") or {}).get("packages") or {}
    return {str(name).lower().replace("_", "-").replace(".", "-"): str(version) for name, version in packages.items()}


def _checkpoints(first: Source, second: Source) -> Iterator[Fact]:
    if first.checkpoint and second.checkpoint:
        one, two = first.checkpoint, second.checkpoint
        yield _fact("checkpoint", str(one["file"]), str(two["file"]), "outcome")
        yield _fact("its step", str(one["step"]), str(two["step"]), "outcome")
        yield _fact("its sha256", _short(one["sha256"]), _short(two["sha256"]), "outcome")


def _fact(name: str, before: str | None, after: str | None, counts: Counts) -> Fact:
    return Fact(name=name, before=before, after=after, counts=counts)


def _short(digest: Any) -> str | None:
    return str(digest)[:12] if digest else None


def _model(record: Record) -> str | None:
    return _short((record.provenance.get("base_model") or {}).get("sha256"))


def _commit_of(name: str) -> Callable[[Record], str | None]:
    def commit(record: Record) -> str | None:
        state = record.provenance.get(name) or {}
        if not state.get("commit"):
            return None
        return f"{state['commit'][:12]}{' with local changes' if state.get('dirty') else ''}"

    return commit


def _prompts(record: Record) -> str | None:
    text = record.experiment.get("sample_prompts")
    return None if text is None else f"{counted(len(text.splitlines()), 'line')}, sha256 {sha256_text(text)[:8]}"


def _python(record: Record) -> str | None:
    return (record.provenance.get("python") or {}).get("version")


def _gpus(record: Record) -> str | None:
    names = [str(gpu["name"]) for gpu in record.provenance.get("gpus") or ()]
    words = [name if names.count(name) == 1 else f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    return None if record.provenance.get("gpus") is None else " + ".join(words) or "none"


def _drivers(record: Record) -> str | None:
    return ", ".join(sorted({str(gpu["driver"]) for gpu in record.provenance.get("gpus") or ()})) or None


def _of_host(name: str) -> Callable[[Record], str | None]:
    return lambda record: (record.provenance.get("host") or {}).get(name)


def _steps(record: Record) -> str:
    done, planned = record.run["steps"], record.run["total_steps"]
    return f"{done} of {planned}" if planned else str(done)


def _time(record: Record) -> str | None:
    return None if record.run["seconds"] is None else clock(record.run["seconds"])


def _speed(record: Record) -> str | None:
    speed = record.run["steps_per_second"]
    return None if speed is None else f"{speed:.3g}"


def _last_loss(record: Record) -> str | None:
    found = losses_of(record.run)
    return f"{found.last.value:.4f}" if found else None


def _loss_steps(record: Record) -> str | None:
    """Return the steps that the last mean covers: means over different numbers of steps cannot be ranked."""
    found = losses_of(record.run)
    return f"{found.last.first} to {found.last.step}" if found and found.last.first else None


def _epoch_loss(name: Literal["first", "lowest"]) -> Callable[[Record], str | None]:
    """Read the mean loss of a whole epoch; earlier ones shown cover fewer steps, the first only one."""

    def loss(record: Record) -> str | None:
        value = getattr(losses_of(record.run), name, None)
        return None if value is None else f"{value:.4f}"

    return loss


def _vram(record: Record) -> str | None:
    peak = record.run.get("peak_vram_mib")
    return f"{', '.join(map(str, peak))} MiB" if peak else None  # one per GPU


_MADE_WITH: tuple[tuple[str, Counts, Callable[[Record], str | None]], ...] = (
    ("trainer", "trains", lambda record: str(record.launch["trainer"])),
    (BASE_MODEL, "trains", _model),
    ("sd-scripts", "trains", _commit_of("sd_scripts")),
    ("processes", "trains", lambda record: record.processes),
    ("kft", "cost", _commit_of("project")),
    ("sample prompts", "cost", _prompts),
    ("GPU", "cost", _gpus),
    ("GPU driver", "cost", _drivers),
    ("host", "cost", _of_host("hostname")),
    ("system", "cost", _of_host("system")),
    ("Python", "cost", _python),
)
"""Facts listed before the packages."""


def _status(record: Record) -> str:
    from fork_wrapper.records.run_state import status_of  # noqa: PLC0415 - experiments have none

    return status_of(record)


_CAME_OF_IT: tuple[tuple[str, Counts, Callable[[Record], str | None]], ...] = (
    ("status", "outcome", _status),
    ("steps", "outcome", _steps),
    ("time", "outcome", _time),
    ("steps per second", "outcome", _speed),
    ("first epoch's mean loss", "outcome", _epoch_loss("first")),
    ("last mean loss", "outcome", _last_loss),
    ("over the steps", "outcome", _loss_steps),
    ("lowest epoch's mean loss", "outcome", _epoch_loss("lowest")),
    ("peak VRAM", "outcome", _vram),
)
"""Outcome facts of a whole run."""
