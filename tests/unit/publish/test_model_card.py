"""Model cards: what the Hub reads, every value with its origin, and nothing that names a machine."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.card_facts import limits, parameters, trained_parts
from fork_wrapper.publish.model_card import Card, License, card_text
from fork_wrapper.records.notes import Note
from fork_wrapper.records.record import Record, from_json
from fork_wrapper.sdscripts.known_bases import SDXL, Base, recognise
from tests.builders.checkpoints import run_with_checkpoints

STORY = '[story]\npurpose = "less | more"\nproblems = ["<b>dark</b>", "hands"]\ndecision = "selected"\n'


@pytest.fixture
def card(settings: Settings, write: Callable[..., Path]) -> Card:
    """The card of a run's last checkpoint."""
    write("one", STORY + (write("base").read_text(encoding="utf-8")))
    folder = run_with_checkpoints("one", settings).folder
    raw = json.loads((folder / "one.json").read_text(encoding="utf-8"))
    record = from_json(raw, folder)
    base = recognise(record.provenance["base_model"])
    return Card(name="one", record=record, checkpoint=raw["checkpoint"], sha256="f" * 64, base=base, license=License())


def front(text: str) -> dict[str, Any]:
    """The YAML of a card, read as YAML."""
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the packages that train: pip install -e '.[train]'")
    assert text.startswith("---\n")
    loaded: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return loaded


def test_what_the_hub_reads(card: Card) -> None:
    """The fields by their names, with values that are texts; what is not known is not there."""
    assert front(card_text(card)) == {
        "license": "openrail++",
        "license_link": "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/blob/main/LICENSE.md",
        "base_model": SDXL,
        "base_model_relation": "finetune",
        "library_name": "diffusers",
        "pipeline_tag": "text-to-image",
        "tags": ["stable-diffusion-xl", "sdxl", "full-fine-tune", "sd-scripts", "kft"],
    }
    other = License(id="other", name="my-licence", link="https://x.org/a: b", said=True)
    more = replace(card, license=other, datasets=("a/b", "c/d"), base=Base(hub=None, how="unknown"))
    said = front(card_text(more))
    assert (said["license"], said["license_name"], said["license_link"]) == (
        "other",
        "my-licence",
        "https://x.org/a: b",
    )
    assert said["datasets"] == ["a/b", "c/d"]
    assert "base_model" not in said


def test_the_hubs_own_library_takes_it(card: Card) -> None:
    """`huggingface_hub` reads the card as one."""
    hub = pytest.importorskip("huggingface_hub", reason="comes with the packages that train: pip install -e '.[train]'")
    read = hub.ModelCard(card_text(card))
    assert (read.data.license, read.data.base_model, read.data.pipeline_tag) == ("openrail++", SDXL, "text-to-image")
    assert read.text.lstrip().startswith("# one")


def test_nothing_names_a_machine(card: Card, settings: Settings) -> None:
    """No folder, no host: a card is handed on."""
    text = card_text(card)
    assert "secret" not in text
    assert str(settings.root) not in text
    assert "| folder | people: 3 images, 2 times |" in text


def test_every_value_has_its_origin(card: Card) -> None:
    """All that change training; defaults that a reader looks for are named as such."""
    rows = {key: (value, origin) for _, key, value, origin in parameters(card.record)}
    assert rows["learning_rate"] == ("1e-05", "documented (one)")
    assert rows["seed"] == ("1", "measured (one)")
    assert rows["datasets[0].batch_size"] == ("4", "documented (one)")
    assert rows["datasets[0].subsets[0].image_dir"] == ("people", "documented (one)")
    assert rows["lr_scheduler"] == ('"constant"', "sd-scripts' default")
    assert rows["general.caption_extension"] == ('".txt"', "kft (kft)")
    assert not {"sample_prompts", "logging_dir", "metadata_kft_run", "output_dir"} & rows.keys()
    assert rows["max_train_steps"] == ("1600", "sd-scripts' default")
    groups = [group for group, _, _, _ in parameters(card.record)]
    assert groups == sorted(groups, key=groups.index)


BLOCKS = ",".join(["0"] * 20 + ["1e-5"] * 3)


@pytest.mark.parametrize(
    ("effective", "parts"),
    [
        ({"learning_rate": 1e-5}, "the U-Net"),
        ({"learning_rate": 1e-5, "learning_rate_te1": 1e-6}, "the U-Net"),
        ({"learning_rate": 1e-5, "train_text_encoder": True}, "the U-Net, text encoder 1 and text encoder 2"),
        (
            {"learning_rate": 1e-5, "train_text_encoder": True, "learning_rate_te1": 1e-6, "learning_rate_te2": 0.0},
            "the U-Net and text encoder 1",
        ),
        ({"learning_rate": 0.0, "train_text_encoder": True, "learning_rate_te2": 1e-6}, "text encoder 2"),
        ({"learning_rate": 0.0}, "nothing, by its rates"),
        ({"learning_rate": 1e-5, "block_lr": BLOCKS}, "3 of the U-Net's 23 blocks"),
        ({"learning_rate": 0.0, "block_lr": BLOCKS}, "nothing, by its rates"),
        ({"learning_rate": 1e-5, "block_lr": ",".join("0" * 23)}, "nothing, by its rates"),
    ],
)
def test_what_was_trained(effective: dict[str, Any], parts: str) -> None:
    """By the rates, as sd-scripts takes them."""
    assert trained_parts(effective) == parts


def test_a_resumed_run_says_what_came_before(card: Card) -> None:
    """Where it went on from, and where in the whole training the checkpoint stands."""
    lineage = {"kind": "resume", "parent": "one/20260101-000000", "step": 40, "epoch": 2}
    record = card.record.with_lineage(lineage)
    text = card_text(replace(card, record=record, checkpoint={**card.checkpoint, "training_step": 58}))
    assert "| position | final, epoch 2, step 18, step 58 of the whole training, loss 0.1200 (running mean) |" in text
    assert "| lineage | goes on from one/20260101-000000, after step 40 (epoch 2) |" in text


def test_a_rehearsal_does_not_pass_for_a_model(card: Card) -> None:
    """Its first sentence and its tags say so, and it names no base."""
    record = replace(card.record, rehearsal={"trainer": "stand-in"})
    record = replace(record, launch={**record.launch, "trainer": "stand-in"})
    text = card_text(replace(card, record=record, base=Base(hub=None, how="no base model that kft knows")))
    assert (
        "A **rehearsal** of a full fine-tune, on a miniature SDXL: the U-Net, trained by stand-in, run by kft." in text
    )
    assert front(text)["tags"][-1] == "rehearsal"
    assert "base_model" not in front(text)
    assert "A full fine-tune of `stabilityai/" in card_text(card)


def test_why_it_was_chosen(card: Card) -> None:
    """Story and notes, in which nothing is taken for markup; and where nobody said anything, that."""
    note = Note(time="2026-01-03T00:00:00+00:00", problems=("a\nb",), decision="selected")
    text = card_text(replace(card, notes=(note,)))
    assert "- purpose: less \\| more\n- problems: \\<b\\>dark\\</b\\>; hands\n- decision: selected\n" in text
    assert "- 2026-01-03T00:00:00+00:00, problem: a b\n" in text
    silent = replace(card, record=replace(card.record, experiment={**card.record.experiment, "story": {}}))
    assert "Nobody has said why" in card_text(silent)


def test_the_licence_is_stated_as_what_it_is(card: Card) -> None:
    """SDXL's, taken over; or the one that was said."""
    assert "Nobody said one for this model: kft took over that" in card_text(card)
    assert "was not recognised" not in card_text(card)
    assert "Its own base was not recognised" in card_text(replace(card, base=Base(hub=None, how="x")))
    said = card_text(replace(card, license=License(id="cc-by-nc-sa-4.0", link=None, said=True)))
    assert "`cc-by-nc-sa-4.0`, as it was said at the promotion." in said
    assert "Nobody said one" not in said


def _limits(record: Record, **entry: Any) -> str:
    return "\n".join(limits(record, parameters(record), {"loss": 0.1, **entry}))


def test_limits(card: Card) -> None:
    """What a reader must not believe, and what is not recorded."""
    record = card.record
    plain = _limits(record)
    assert len(parameters(record)) == 16
    assert "Of the 16 values above, 7 are documented, recovered, measured or chosen" in plain
    assert "Not recorded" not in plain
    assert "rehearsal" not in plain
    bare = record.with_provenance(base_model=None, dataset=None, gpus=[])
    missing = "the base model's sha256, the fingerprint of the data set, the GPU, the loss at this checkpoint"
    assert f"Not recorded: {missing}." in _limits(bare, loss=None)
    bad = replace(record.with_run(status="interrupted", nan_step=7), rehearsal={"trainer": "stand-in"})
    assert "It is a rehearsal" in _limits(bad)
    assert "did not end as planned: interrupted" in _limits(bad)
    assert "no number from step 7 on" in _limits(bad)


def test_a_lora_shares_what_it_has_to(card: Card) -> None:
    """v-prediction above all: with it left out, a LoRA learns nonsense."""
    assert "--v_parameterization" not in card_text(card)
    record = replace(
        card.record, effective={**card.record.effective, "v_parameterization": True, "max_token_length": 225}
    )
    assert "--network_module networks.lora --v_parameterization --max_token_length 225 ..." in card_text(
        replace(card, record=record)
    )


def test_odd_names_are_quoted(card: Card) -> None:
    """For the shell, for Python, for Markdown."""
    text = card_text(replace(card, name="ana's *base*"))
    assert "# ana's \\*base\\*\n" in text
    assert """sha256sum -c 'ana'"'"'s *base*.safetensors.sha256'""" in text
    assert """from_single_file("ana's *base*.safetensors",""" in text
