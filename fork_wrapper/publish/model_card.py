"""The model card of a promoted checkpoint: README.md as the Hugging Face Hub reads it.

YAML with the fields that the Hub knows, then what it is, how it was made, why it was chosen, how to use it as a base
of LoRAs, what it cannot, and its licence as it is: said, or taken over from SDXL because nobody said another.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fork_wrapper import __version__
from fork_wrapper.compare.markdown_text import code, escape, table
from fork_wrapper.publish.aftermath import story_rows
from fork_wrapper.publish.card_facts import Row, data_rows, limits, parameters, trained_parts, training_rows
from fork_wrapper.records.losses import mean_at
from fork_wrapper.records.notes import Note, said_in
from fork_wrapper.records.record import Record
from fork_wrapper.sdscripts.known_bases import LICENSE, LICENSE_LINK, Base
from fork_wrapper.text import harmless, size

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
    rows = parameters(card.record)
    parts = [
        _front(card),
        _what(card),
        _how(card, rows),
        _why(card),
        _use(card),
        _limits(card, rows),
        _license(card),
        [f"Written by kft {__version__} from the record of the run; `{card.name}.json` holds all of it."],
    ]
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part) + "\n"


def _front(card: Card) -> Iterator[str]:
    """The YAML; a text in JSON's quotes is one in YAML's."""
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
    yield "---"
    for key, value in fields.items():
        if isinstance(value, list):
            yield f"{key}:"
            yield from (f"- {_quoted(item)}" for item in value)
        elif value is not None:
            yield f"{key}: {_quoted(value)}"
    yield "---"


def _quoted(text: str) -> str:
    """A text in quotes, without the control characters that no YAML may hold."""
    return json.dumps(harmless(text), ensure_ascii=False)


def _what(card: Card) -> Iterator[str]:
    entry, record = card.checkpoint, card.record
    yield f"# {escape(card.name)}"
    yield ""
    parts, trainer = trained_parts(record.effective), record.launch["trainer"]
    if record.rehearsal is not None:
        yield f"A **rehearsal** of a full fine-tune, on a miniature SDXL: {parts}, trained by {trainer}, run by kft."
    else:
        base = f"{code(card.base.hub)} ({card.base.how})" if card.base.hub else f"an SDXL base ({card.base.how})"
        yield f"A full fine-tune of {base}: {parts}, trained by {trainer}, run by kft."
    yield ""
    rows = [
        ("file", code(f"{card.name}.safetensors")),
        ("archived as", code(str(entry["file"]))),
        ("experiment", code(record.name)),
        ("position", _position(entry, record.run)),
        ("size", size(entry["bytes"])),
        ("sha256", code(card.sha256)),
        *((("made by", ", ".join(map(escape, card.authors))),) if card.authors else ()),
    ]
    yield from table(("", ""), rows)


def _position(entry: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    said = [f"{name} {entry[name]}" for name in ("epoch", "step") if entry.get(name) is not None]
    if entry.get("training_step") is not None:  # a resumed run counts from 0
        said.append(f"step {entry['training_step']} of the whole training")
    loss = entry.get("loss")
    if loss is not None:
        said.append(f"loss {loss:.4f} ({mean_at(run, entry.get('step') or 0, loss).over()})")
    return ", ".join([str(entry["kind"]), *said])


def _how(card: Card, values: Sequence[Row]) -> Iterator[str]:
    yield "## How it was made"
    yield ""
    yield "Every value that changes training, with where it comes from: chosen for this training, documented by others,"
    yield "recovered from an old file, measured, assumed where nobody knows it, or set by kft."
    yield ""
    heads = ("part", "option", "value", "origin")
    yield from table(heads, ((part, code(key), code(value), escape(origin)) for part, key, value, origin in values))
    base = card.record.provenance.get("base_model") or {}
    known = [("base model (sha256)", base["sha256"])] if base.get("sha256") else []
    for title, rows in (("Data", [*known, *data_rows(card.record)]), ("Training", list(training_rows(card.record)))):
        if rows:
            yield from ("", f"### {title}", "")
            yield from table(("", ""), ((name, escape(str(text))) for name, text in rows))


def _why(card: Card) -> Iterator[str]:
    told = card.record.experiment.get("story")
    story = told if isinstance(told, Mapping) else {}
    yield "## Why this one"
    yield ""
    if not story and not card.notes:
        yield "Nobody has said why: neither the experiment's story nor the notes of its run."
    yield from (f"- {escape(part)}: {escape(words)}" for part, words in story_rows(story))
    for note in card.notes:
        yield from (f"- {note.time}, {kind}: {escape(text)}" for kind, text in said_in(note))


def _use(card: Card) -> Iterator[str]:
    file = f"{card.name}.safetensors"
    yield "## As a base of LoRAs"
    yield ""
    yield "A LoRA fits the weights it was trained on: check them first, and note this sha256 with every LoRA."
    yield ""
    yield from ("```", f"sha256sum -c {shlex.quote(f'{file}.sha256')}", "```", "")
    yield "With sd-scripts:"
    yield ""
    yield "```"
    yield f"accelerate launch sdxl_train_network.py --pretrained_model_name_or_path {shlex.quote(file)} \\"
    yield f"  --network_module networks.lora {_like(card.record.effective)}..."
    yield "```"
    yield ""
    yield "With diffusers:"
    yield ""
    yield "```python"
    yield "import torch"
    yield "from diffusers import StableDiffusionXLPipeline"
    yield ""
    yield f"pipe = StableDiffusionXLPipeline.from_single_file({json.dumps(file)}, torch_dtype=torch.float16)"
    yield "```"


def _like(effective: Mapping[str, Any]) -> str:
    """Options that a LoRA has to share with its base."""
    switches = [key for key in ("v_parameterization", "zero_terminal_snr") if effective.get(key)]
    length = effective.get("max_token_length")
    shared = [f"--{key}" for key in switches] + ([f"--max_token_length {length}"] if length else [])
    return "".join(f"{word} " for word in shared)


def _limits(card: Card, values: Sequence[Row]) -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield from (f"- {text}" for text in limits(card.record, values, card.checkpoint))


def _license(card: Card) -> Iterator[str]:
    given = card.license
    link = f" ({given.link})" if given.link else ""
    yield "## Licence"
    yield ""
    if given.said:
        yield f"{code(given.name or given.id)}{link}, as it was said at the promotion."
    else:
        yield f"{code(given.id)}{link}: the CreativeML Open RAIL++-M licence of SDXL base 1.0."
        yield "Nobody said one for this model: kft took over that of the model which SDXL fine-tunes derive from."
        if not card.base.hub:
            yield "Its own base was not recognised: see which licence that has."
    yield ""
    yield "The Open RAIL++-M licence asks that its use-based restrictions and a copy of its text go along with every"
    yield "derivative. Rights in the images that it was trained on are not settled by it."
