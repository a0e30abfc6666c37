"""Repeat a run from its archive alone: find what moved, compare item by item, render the archived values, prove it.

A run enters at `Rendered`: the archived values go in, with the paths of this machine and a folder of its own, and
both files must be the archived ones byte for byte, up to what belongs to one run. A real run can be rehearsed, too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dataset_tools.scan.hashing import HashCache, sha256_file
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.resolve import KFT, Resolved
from fork_wrapper.files import canonical_json
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer, probe_python, real_trainer
from fork_wrapper.records.lineage import REPRODUCTION
from fork_wrapper.records.losses import losses_of
from fork_wrapper.records.record import Record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.rehearsal.miniature_folder import MINIATURE_VERSION
from fork_wrapper.rehearsal.rehearse import rehearsal_trainer, rehearse
from fork_wrapper.repeat.archive_soundness import CONFIG, RUN
from fork_wrapper.repeat.compared import Item, Repetition, short
from fork_wrapper.repeat.inputs import base_item, dataset_item, other_files_items, prompts_items, seed_item
from fork_wrapper.repeat.machine import (
    accelerate_items,
    hardware_item,
    kft_item,
    package_items,
    processes_item,
    scripts_item,
)
from fork_wrapper.repeat.original import Original
from fork_wrapper.repeat.places import Move, find_places
from fork_wrapper.repeat.risks import Risk, refuse_remote, risks
from fork_wrapper.repeat.same_bytes import prove_rehearsal, prove_same
from fork_wrapper.run.job import Job
from fork_wrapper.run.render import Rendered, launchable, placed, render, run_stamp


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """An archived run, and everything there is to know before it is repeated here."""

    original: Original
    """The archive."""
    repetition: Repetition
    """Its values on this machine, and in which way they train."""
    items: tuple[Item, ...]
    """What it was made with, compared."""
    risks: tuple[Risk, ...]
    """What it would do beyond training."""
    limits: tuple[str, ...]
    """Why two runs of equal configurations can still differ, one line each."""

    @property
    def moves(self) -> tuple[Move, ...]:
        """Paths that are other ones now, without those that are the run's own."""
        return tuple(move for move in self.repetition.places.moves if move.how != "the run's folder")

    def stopping(self, allowed: Sequence[str]) -> tuple[Item, ...]:
        """Differences that nobody allowed."""
        return tuple(item for item in self.items if item.stops and item.name not in allowed)

    def asking(self) -> tuple[Risk, ...]:
        """What needs the user's trust."""
        return tuple(risk for risk in self.risks if risk.asks)


def reproduction(
    original: Original,
    settings: Settings,
    *,
    rehearse: bool,
    maps: Sequence[tuple[str, str]] = (),
    trust: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> Reproduction:
    """Find, compare and judge. Nothing is changed, no trainer is started.

    InputError for a `--map` of no use, and without `trust` for a path on another machine: to look is to ask it.
    """
    if not trust:
        refuse_remote(original, maps)
    cache = HashCache(settings.cache / "hashes.json")
    places = find_places(original, settings, maps, cache)
    was = original.rehearsal is not None
    one = Repetition(original=original, places=places, rehearsed=rehearse or was, anew=rehearse and not was)
    items = compare_items(one, settings, cache, tell)
    cache.save()
    return Reproduction(
        original=original,
        repetition=one,
        items=items,
        risks=risks(original, places, settings),
        limits=tuple(_limits(one)),
    )


def compare_items(
    one: Repetition, settings: Settings, cache: HashCache, tell: Callable[[int, int], None] | None = None
) -> tuple[Item, ...]:
    """Every item; `tell` hears of images compared, of all."""
    python = probe_python(settings.python, settings.cache / "pythons.json")
    return (
        base_item(one, settings, cache),
        dataset_item(one, settings, cache, tell),
        *other_files_items(one),
        scripts_item(one, settings),
        processes_item(one, settings),
        *package_items(one, python),
        *accelerate_items(one),
        hardware_item(one),
        seed_item(one),
        *prompts_items(one),
        kft_item(one),
    )


def job_of(found: Reproduction, settings: Settings, allowed: Sequence[str] | None) -> Job:
    """The job that repeats the run; its launch is refused where it would not be what was archived.

    `allowed` are the differences that were allowed; None for a job that is looked at and never launched, which needs no
    lineage: that of a checkpoint has the hash of gigabytes.
    """
    lineage = None if allowed is None else lineage_of(found, settings, allowed)
    one, original = found.repetition, found.original
    places = one.places
    resolved = replace(original.resolved, training=places.training, dataset=places.dataset)
    if one.anew:
        return _rehearsal(found, resolved, settings, lineage)
    trainer = real_trainer(settings)
    if one.rehearsed:
        trainer = rehearsal_trainer(settings, stand_in=original.trainer == "stand-in")

    def rendered(run: RunFolder, started: datetime) -> Rendered:
        made = _rendered(found, resolved, settings, trainer, run, started)
        prove_same(original, made, places.moves)
        return made

    return Job(
        resolved=resolved,
        trainer=trainer,
        rehearsal=_repeated(original, trainer) if one.rehearsed else None,
        files=dict(places.files) or None,
        lineage=lineage,
        rendered=rendered,
    )


def lineage_of(found: Reproduction, settings: Settings, allowed: Sequence[str]) -> dict[str, Any]:
    """What the new run's record says of where it comes from."""
    path = found.original.path
    digest = sha256_file(path, HashCache(settings.cache / "hashes.json"))
    return {
        "kind": REPRODUCTION,
        "parent": found.original.run_id,
        "source": {"file": path.name, "kind": found.original.kind, "sha256": digest},
        "differences": [{**item.to_json(), "allowed": item.name in allowed} for item in found.items if item.stops],
        "unknown": [item.name for item in found.items if item.verdict == "unknown"],
        "maps": [{"key": move.key, "old": move.old, "new": move.new, "how": move.how} for move in found.moves],
        "trusted": [{"key": risk.key, "value": risk.value} for risk in found.asking()],
    }


def outcome(original: Original, record: Record) -> tuple[Item, ...]:
    """What came of both runs, once the new one is over; nothing where the archive knows no end."""
    then = original.record.run if original.record else {}
    if not then.get("ended"):
        return ()
    now = record.run
    pairs = [("steps", str(then.get("steps")), str(now["steps"]))]
    pairs += [pair for pair in zip(_MEANS, _means(then), _means(now), strict=True) if pair[1:] != ("-", "-")]
    for name, part in (("base-model", "base_model"), ("dataset", "dataset")):  # of a fresh machine, known only now
        digests = [short((facts.get(part) or {}).get("sha256")) for facts in (original.provenance, record.provenance)]
        if all(digests):
            pairs.append((name, str(digests[0]), str(digests[1])))
    return tuple(
        Item(name=name, verdict="same" if was == now else "different", recorded=was, found=now)
        for name, was, now in pairs
    )


_MEANS = ("first epoch's mean loss", "last mean loss", "lowest epoch's mean loss")


def _means(run: Mapping[str, Any]) -> list[str]:
    """The losses of the `run` section of a record by `_MEANS`; a dash for what it does not know."""
    known = losses_of(run)
    values = (known.first, known.last.value, known.lowest) if known else (None, None, None)
    return ["-" if value is None else f"{value:.4f}" for value in values]


def _rendered(
    found: Reproduction, resolved: Resolved, settings: Settings, trainer: Trainer, run: RunFolder, started: datetime
) -> Rendered:
    """The archived values, and what belongs to this run; no experiment is asked."""
    original = found.original
    if original.identity is None:
        return render(resolved, settings, trainer, run, started)
    training = placed(resolved.training, original.name, run)
    training[CONFIG] = canonical_json({**original.identity, "training": training, "dataset": resolved.dataset})
    training[RUN] = run_stamp(original.name, trainer, run, started)
    own = {f"training.{key}": KFT for key in ("output_dir", "output_name", "logging_dir")}
    return launchable(
        original.name,
        training,
        resolved.dataset,
        origins={**resolved.origins, **own},
        settings=settings,
        trainer=trainer,
        run=run,
    )


def _rehearsal(found: Reproduction, resolved: Resolved, settings: Settings, lineage: Mapping[str, Any] | None) -> Job:
    """The rehearsal of a real run: its own values but for what needs a GPU, 7 GB or hours."""
    job = rehearse(resolved, settings, prompts=found.original.prompts)
    changed = frozenset(str(change["key"]) for change in (job.rehearsal or {})["changes"])
    moved = frozenset(move.key for move in found.repetition.places.moves)

    def rendered(run: RunFolder, started: datetime) -> Rendered:
        made = render(job.resolved, settings, job.trainer, run, started)
        prove_rehearsal(found.original, made, changed | moved)
        return made

    return replace(job, lineage=lineage, rendered=rendered)


def _repeated(original: Original, trainer: Trainer) -> dict[str, Any]:
    """What the record says of a rehearsal that is repeated; a checkpoint does not say what it had changed."""
    changes = (original.rehearsal or {}).get("changes")
    known = changes if isinstance(changes, list) else []
    picked = (original.rehearsal or {}).get("picked")
    more = {"picked": picked} if isinstance(picked, list) else {}
    return {"trainer": trainer.kind, "miniature": MINIATURE_VERSION, "changes": known, **more}


def _limits(one: Repetition) -> Iterator[str]:
    """What no comparison can promise."""
    if one.places.training.get("seed") is None:
        yield "without a seed sd-scripts draws order, noise and dropout anew (sdxl_train.py:124-125)"
    if not one.rehearsed:
        yield (
            "sd-scripts asks torch for no deterministic algorithms: on a GPU, sums made in another order differ in "
            "their last bits, and a long training lets them grow"
        )
    yield "another GPU or CPU, driver, torch or CUDA rounds otherwise"
    if one.original.trainer is None:
        yield "the archive says nothing of its program: what trained then may have read the same options otherwise"
    yield "checkpoints never have the same sha256: their headers say which run made them, and when"


def refuse_real(original: Original) -> InputError:
    """The error for a rehearsal that is to be reproduced as a real run."""
    finding = Finding(
        what="it is of a rehearsal: its values are those of the miniature",
        where=str(original.path),
        todo="add --rehearse to repeat it, or `kft import-config` its experiment",
    )
    return InputError(f"{original.path.name} cannot be reproduced as a real run", [finding])
