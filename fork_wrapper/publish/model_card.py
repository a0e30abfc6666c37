"""The model card of a promoted checkpoint: README.md as the Hugging Face Hub reads it.

YAML with the fields that the Hub knows, then what it is, how it was made, why it was chosen, how to use it as a base
of LoRAs, what it cannot, and its licence as it is: said, or taken over from SDXL because nobody said another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fork_wrapper import __version__
from fork_wrapper.compare.markdown_text import code, escape
from fork_wrapper.publish.aftermath import story_rows
from fork_wrapper.publish.card_facts import data_rows, limits, parameters, trained_parts, training_rows
from fork_wrapper.publish.templating import markdown, quoted
from fork_wrapper.records.losses import mean_at
from fork_wrapper.records.notes import Note, said_in
from fork_wrapper.records.record import Record
from fork_wrapper.sdscripts.known_bases import LICENSE, LICENSE_LINK, Base
from fork_wrapper.text import size

TAGS = ("stable-diffusion-xl", "sdxl", "full-fine-tune", "sd-scripts", "kft")


@dataclass(frozen=True, kw_only=True)
class License:
    """What a model may be used for."""

    id: str = LICENSE
    """The Hub's id."""
    name: str | None = None
    """The id of a licence that the Hub does not know; with `other`."""
    link: str | None = LICENSE_LINK
    """Where its text is."""
    said: bool = False
    """Whether somebody said it; else it is SDXL's, taken over."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything that a card says."""

    name: str
    """What the model is called; its file is NAME.safetensors."""
    record: Record
    """How it was made."""
    checkpoint: Mapping[str, Any]
    """The `checkpoint` section of its sidecar."""
    sha256: str
    """Of the file, as it was verified."""
    base: Base
    """What it was trained from."""
    license: License
    """What it may be used for."""
    authors: tuple[str, ...] = ()
    """Who made it."""
    datasets: tuple[str, ...] = ()
    """Names of its data sets on the Hub."""
    notes: tuple[Note, ...] = ()
    """What was noted of its run."""


def card_text(card: Card) -> str:
    """The whole README.md."""
    record, rows, file = card.record, parameters(card.record), f"{card.name}.safetensors"
    story = record.experiment.get("story")
    base = record.provenance.get("base_model") or {}
    known = [("base model (sha256)", base["sha256"])] if base.get("sha256") else []
    return markdown(
        "model_card.md",
        card=card,
        version=__version__,
        front=_front(card),
        parts=trained_parts(record.effective),
        trainer=record.launch["trainer"],
        file=file,
        file_rows=_file_rows(card, file),
        parameters=rows,
        tables=(("Data", [*known, *data_rows(record)]), ("Training", list(training_rows(record)))),
        story=story_rows(story) if isinstance(story, Mapping) else [],
        notes=[(note.time, kind, text) for note in card.notes for kind, text in said_in(note)],
        shared=_shared_flags(record.effective),
        limits=list(limits(record, rows, card.checkpoint)),
    )


def _front(card: Card) -> dict[str, str | list[str]]:
    """The YAML fields that are known; a text in JSON's quotes is one in YAML's."""
    fields: dict[str, Any] = {
        "license": card.license.id,
        "license_name": card.license.name,
        "license_link": card.license.link,
        "base_model": card.base.hub,
        "base_model_relation": "finetune" if card.base.hub else None,
        "library_name": "diffusers",
        "pipeline_tag": "text-to-image",
        "tags": [*TAGS, *(["rehearsal"] if card.record.rehearsal is not None else [])],
        "datasets": list(card.datasets) or None,
    }
    return {
        key: list(map(quoted, value)) if isinstance(value, list) else quoted(value)
        for key, value in fields.items()
        if value is not None
    }


def _file_rows(card: Card, file: str) -> list[tuple[str, str]]:
    entry = card.checkpoint
    rows = [
        ("file", code(file)),
        ("archived as", code(str(entry["file"]))),
        ("experiment", code(card.record.name)),
        ("position", _position(entry, card.record.run)),
        ("size", size(entry["bytes"])),
        ("sha256", code(card.sha256)),
    ]
    return [*rows, ("made by", ", ".join(map(escape, card.authors)))] if card.authors else rows


def _position(entry: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    said = [f"{name} {entry[name]}" for name in ("epoch", "step") if entry.get(name) is not None]
    if entry.get("training_step") is not None:  # a resumed run counts from 0
        said.append(f"step {entry['training_step']} of the whole training")
    loss = entry.get("loss")
    if loss is not None:
        said.append(f"loss {loss:.4f} ({mean_at(run, entry.get('step') or 0, loss).over()})")
    return ", ".join([str(entry["kind"]), *said])


def _shared_flags(effective: Mapping[str, Any]) -> list[str]:
    """Options that a LoRA has to share with its base."""
    flags = [f"--{key}" for key in ("v_parameterization", "zero_terminal_snr") if effective.get(key)]
    length = effective.get("max_token_length")
    return [*flags, f"--max_token_length {length}"] if length else flags
