"""What a model card says of a training: its values with their origins, how it went, and what nobody knows.

From the record alone. A card is meant to be handed on, so no path of a machine and no host stands in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.rates import block_rates
from fork_wrapper.experiment import keypath
from fork_wrapper.formats.found import holds_secret, sounds_secret
from fork_wrapper.publish.aftermath import came_from
from fork_wrapper.records.losses import losses_of
from fork_wrapper.records.record import Record, sound_folders
from fork_wrapper.records.run_state import SUCCESSES, status_of
from fork_wrapper.sdscripts.meaning import TITLES, Kind, kind_of
from fork_wrapper.text import as_toml, clock, counted, size

ALWAYS = (
    *("learning_rate", "train_text_encoder", "optimizer_type", "lr_scheduler", "max_train_steps"),
    *("gradient_accumulation_steps", "mixed_precision", "seed", "loss_type", "noise_offset"),
)
"""Options that a reader looks for, said or not: what nobody set has sd-scripts' default."""

_MEANT: Mapping[str, str] = {"optimizer_type": "AdamW"}
"""What an empty default stands for (library/train_util.py:4844-4845)."""

VOUCHED = ("documented", "recovered", "measured", "chosen")
"""Origins of values that somebody or something vouches for."""

Row = tuple[str, str, str, str]
"""Group, key, value, origin."""


def parameters(record: Record) -> list[Row]:
    """Every value that changes training, in the order in which a person reads them."""
    tree: keypath.Tree = {"training": dict(record.training), "dataset": dict(record.dataset)}
    found: list[tuple[Kind, Row]] = []
    for path, value in keypath.values(tree).items():
        key = path.rsplit(".", 1)[-1]
        kind = kind_of(key, dataset=path.startswith("dataset."))
        if kind.effect == "trains" and not key.startswith("metadata_") and not sounds_secret(key):
            row = (TITLES[kind.group], _name(path), _value(value), _origin(record, path))
            found.append((kind, row))
    for key in ALWAYS:
        if key not in record.training and not (key == "max_train_steps" and "max_train_epochs" in record.training):
            kind, value = kind_of(key), record.effective.get(key) or _MEANT.get(key, record.effective.get(key))
            found.append((kind, (TITLES[kind.group], key, _value(value), "sd-scripts' default")))
    groups = list(TITLES.values())
    found.sort(key=lambda pair: (groups.index(pair[1][0]), pair[0].rank))
    return [row for _, row in found]


def _name(path: str) -> str:
    return path.removeprefix("training.").removeprefix("dataset.")


def _value(value: Any) -> str:
    """A value as TOML spells it; of a path no more than the name."""
    if value is None:
        return "absent"
    if isinstance(value, str) and any(kind(value).is_absolute() for kind in (PurePosixPath, PureWindowsPath)):
        return PureWindowsPath(value).name
    if holds_secret(str(value)):
        return "(not shown)"
    return as_toml(value)


def _origin(record: Record, path: str) -> str:
    origin = record.experiment["origins"].get(path) or {}
    return f"{origin['kind']} ({origin['by']})" if origin else ""


def trained_parts(effective: Mapping[str, Any]) -> str:
    """Which parts of the model were trained: a rate of 0 freezes one (sdxl_train.py:286, 293-302)."""
    rate = effective.get("learning_rate")
    case = Case(training=effective, dataset={})
    blocks = block_rates(case) if rate else None
    moved = sum(map(bool, blocks or ()))
    unet = "the U-Net" if blocks is None else f"{moved} of the U-Net's {len(blocks)} blocks"
    rates: dict[str, Any] = {unet: rate if blocks is None else moved}
    if effective.get("train_text_encoder"):
        for number in (1, 2):
            own = effective.get(f"learning_rate_te{number}")
            rates[f"text encoder {number}"] = rate if own is None else own
    parts = [part for part, one in rates.items() if one]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]])) or "nothing, by its rates"


def training_rows(record: Record) -> Iterator[tuple[str, str]]:
    """How the training went, as far as it is recorded."""
    run, origin = record.run, record.provenance
    yield "run", f"{run['id']}, {status_of(record)}"
    if words := came_from(record):
        yield "lineage", words
    yield "started", str(run["started"])
    if run["seconds"] is not None:
        yield "time", clock(run["seconds"])
    yield "steps", " of ".join(str(count) for count in (run["steps"], run["total_steps"]) if count is not None)
    if loss := losses_of(run):
        yield "loss", str(loss)
    if cards := origin.get("gpus"):
        yield "GPU", ", ".join(str(card["name"]) for card in cards)
    if peak := run.get("peak_vram_mib"):
        yield "peak VRAM", f"{max(peak)} MiB (sampled)"
    yield "trainer", _trainer(record)
    if (project := origin.get("project")) and project.get("commit"):
        yield "kft", f"commit {project['commit']}{' with local changes' if project.get('dirty') else ''}"


def _trainer(record: Record) -> str:
    scripts = record.provenance.get("sd_scripts") or {}
    if not scripts.get("commit"):
        return str(record.launch["trainer"])
    dirty = " with local changes" if scripts.get("dirty") else ""
    return f"{record.launch['trainer']}, commit {scripts['commit']}{dirty}"


def data_rows(record: Record) -> Iterator[tuple[str, str]]:
    """The data set, by content; its folders by their names."""
    data = record.provenance.get("dataset")
    if not data:
        return
    yield "images", f"{data.get('images', '?')}, {data.get('captions', '?')} of them with captions"
    if data.get("bytes"):
        yield "bytes", size(data["bytes"])
    if data.get("sha256"):
        yield "fingerprint (sha256)", str(data["sha256"])
    for folder in sound_folders(data):
        repeats = folder.get("repeats")
        name = PureWindowsPath(str(folder.get("folder", ""))).name
        yield (
            "folder",
            f"{name}: {counted(len(folder.get('files') or ()), 'image')}"
            + (f", {counted(repeats, 'time')}" if repeats else ""),
        )


def limits(record: Record, rows: Sequence[Row], checkpoint: Mapping[str, Any]) -> Iterator[str]:
    """What a reader must not believe, and what nobody knows."""
    if record.rehearsal is not None:
        yield "**It is a rehearsal**: a miniature with random weights, trained for a few steps. It draws nothing."
    if record.status not in SUCCESSES:
        yield f"Its run did not end as planned: {status_of(record)}."
    if record.run.get("nan_step"):
        yield f"The loss is no number from step {record.run['nan_step']} on: later weights are broken."
    shown = {key for _, key, _, _ in rows}
    known = sum(one["kind"] in VOUCHED for path, one in record.experiment["origins"].items() if _name(path) in shown)
    yield (
        f"Of the {len(rows)} values above, {known} are documented, recovered, measured or chosen by whoever wrote "
        "the experiment; the rest is assumed, or a default."
    )
    yield "Its losses are the trainer's running means over noise of all strengths: they say little about the images."
    yield "Nobody has measured its images: no FID, no CLIP score."
    unknown = {
        "the base model's sha256": (record.provenance.get("base_model") or {}).get("sha256"),
        "the fingerprint of the data set": record.provenance.get("dataset"),
        "the GPU": record.provenance.get("gpus"),
        "a seed (none was set)": record.effective.get("seed"),
        "the loss at this checkpoint": checkpoint.get("loss"),
    }
    if missing := [name for name, value in unknown.items() if value in (None, [], {})]:
        yield f"Not recorded: {', '.join(missing)}."
    yield "What its makers state of SDXL base 1.0 holds for it: legible text, faces, several things at once are hard."
