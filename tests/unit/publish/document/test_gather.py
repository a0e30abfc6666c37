"""The answers themselves: what is said, and whose word it is."""

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.document import gather
from fork_wrapper.publish.document.answers import Answer
from fork_wrapper.publish.document.fields import fields
from fork_wrapper.publish.document.gather import coverage
from fork_wrapper.records.notes import add_note
from fork_wrapper.records.record import read_record, write_record
from tests.unit.publish.document.building import (
    SIX,
    answer,
    document,
    manifest,
    measured_now,
    rehearsed,
    reread,
    story,
    trained,
)

LATER = datetime(2026, 1, 5, tzinfo=timezone.utc)
DOCUMENTED = {
    *("base_model", "images", "image_size", "image_mode", "content", "caption_files", "caption_convention"),
    *("preparation", "resolution", "optimizer", "lr_scheduler", "mixed_precision", "flip_aug", "xformers"),
    *("enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "max_token_length", "clip_skip"),
    *("loss_type", "huber_schedule", "output_format", "evaluation"),
}
"""Fields that the authors' document answers, for every iteration."""


def _image(path: Path, size: tuple[int, int] = (64, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    path.with_suffix(".txt").write_text("fortnite style, full body, red hair, blue jacket", encoding="utf-8")


def test_nothing_of_ours_passes_for_documented(project: Settings) -> None:
    """Of every iteration, rehearsed, trained or neither, exactly what the authors give is documented."""
    rehearsed("humanoid_03", project)
    trained("humanoid_04", project, origin={"dataset": None})
    for language in ("en", "es"):
        made = document(SIX, project, language)
        assert len(made.columns) == 6
        for column in made.columns:
            found = {name for name, one in column.answers.items() if one is not None and one.kind == "documented"}
            chosen = {"decision", "reasons"} if column.subject.name == "humanoid_05" else set()
            assert found == DOCUMENTED | chosen
            assert not any(one.kind == "documented" for name, one in column.set_options.items() if "learning" in name)


def test_a_rehearsal_shows_what_was_meant(project: Settings) -> None:
    """No value of the miniature stands where the experiment's belongs; what was measured says whose it is."""
    rehearsed("humanoid_05", project)
    made = document(["humanoid_05"], project)
    assert made.columns[0].subject.basis == "rehearsal"
    alone = document([str(project.experiments / "humanoid_05.toml")], project)
    of_rehearsal = {"sample_images", "hardware", "duration", "losses", "speed", "system", "started"}
    of_rehearsal |= {"kft_commit", "python", "packages"}
    for name, said in made.columns[0].answers.items():
        if name in of_rehearsal:
            assert said is not None
            assert said.kind == "rehearsed", name
        elif said is not None:
            assert said.text == getattr(alone.columns[0].answers[name], "text", None), name
            assert said.kind == getattr(alone.columns[0].answers[name], "kind", None), name
    assert made.columns[0].set_options == alone.columns[0].set_options
    assert answer(made, "base_model_sha256") is answer(made, "dataset_sha256") is None


def test_values_and_their_origins(project: Settings) -> None:
    """What is set, what is sd-scripts' default, what follows, and what was said at the launch."""
    made = document(["humanoid_02", "humanoid_05"], project)
    assert answer(made, "learning_rate") == ("1e-05", "assumed")
    assert answer(made, "learning_rate_te1") == ("frozen", "default")
    assert answer(made, "learning_rate_te2", 1) == ("0.0 (frozen)", "assumed")
    assert answer(made, "text_encoder", 1) == ("yes, the first", "assumed")
    assert answer(made, "text_encoder_share", 1) == ("100 % / 0 %", "assumed")
    assert answer(made, "regularisation_images") == ("none", "default")
    assert answer(made, "other_regularisation") == ("none set", "default")
    # 1486 documented images in one bucket, but the batch, the accumulation and the epochs are ours
    assert answer(made, "total_steps") == ("3720", "assumed")
    assert answer(made, "total_steps", 1) == ("1860", "assumed")


def test_rates_of_blocks(project: Settings) -> None:
    """They are the U-Net's, with their own origin and not that of learning_rate; 0 freezes it whatever they say."""
    blocks = ",".join(["0"] * 9 + ["1e-5"] * 13 + ["2e-6"])
    text = f"extends = 'humanoid_02'\n[training]\nblock_lr = '{blocks}'\n[origin]\nblock_lr = 'recovered'\n"
    (project.experiments / "blocks.toml").write_text(text, encoding="utf-8")
    frozen = text.replace("[training]", "[training]\nlearning_rate = 0.0")
    (project.experiments / "still.toml").write_text(frozen, encoding="utf-8")
    made = document(["blocks", "still"], project)
    assert answer(made, "learning_rate") == ("2e-06 ... 1e-05 (block_lr: 14 / 23, frozen 0-8)", "recovered")
    assert answer(made, "learning_rate", 1) == ("0.0 (frozen)", "chosen")


def test_other_configurations(project: Settings) -> None:
    """Regularisation images, a text encoder at the U-Net's rate, a length in steps, two data sets."""
    (project.experiments / "other.toml").write_text(
        "[story]\ndecision = 'candidate'\n[training]\nlearning_rate = 1e-5\ntrain_text_encoder = true\n"
        "learning_rate_te1 = 0.0\nmax_train_steps = 500\nmin_snr_gamma = 5.0\n"
        "optimizer_args = ['weight_decay=0.1']\n[dataset.general]\ncolor_aug = true\n"
        "[[dataset.datasets]]\nresolution = [1024, 768]\nbatch_size = 2\n"
        "[[dataset.datasets.subsets]]\nimage_dir = 'a'\n"
        "num_repeats = 3\n[[dataset.datasets.subsets]]\nimage_dir = 'b/reg'\nis_reg = true\nnum_repeats = 5\n"
        "[[dataset.datasets]]\nresolution = 512\nbatch_size = 4\n[[dataset.datasets.subsets]]\nimage_dir = 'c'\n"
        "[origin]\ndefault = 'recovered'\nlearning_rate = 'assumed'\nbatch_size = 'measured'\n",
        encoding="utf-8",
    )
    made = document(["other"], project)
    assert answer(made, "resolution") == ("1024 x 768; 512", "recovered")
    assert answer(made, "batch_size") == ("2; 4", "measured")
    assert answer(made, "repeats") == ("3; 1", "default")
    assert answer(made, "regularisation_images") == ("reg x 5", "recovered")
    assert answer(made, "text_encoder") == ("yes, the second", "recovered")
    assert answer(made, "learning_rate_te2") == ("1e-05", "assumed")  # whoever chose the U-Net's chose this one too
    assert answer(made, "total_steps") == ("500", "recovered")
    assert answer(made, "epochs") is None
    assert answer(made, "other_regularisation") == (
        "min_snr_gamma = 5.0, weight_decay = 0.1, color_aug = true",
        "recovered",
    )


def test_a_real_training(project: Settings) -> None:
    """What was recorded, beside what is told; a --set is ours."""
    trained("humanoid_05", project, sets=("seed=7",), origin={"dataset": manifest(1480)})
    made = document(["humanoid_05"], project)
    assert answer(made, "hardware") == ("NVIDIA H100 80GB HBM3 (80 GiB)", "measured")
    assert answer(made, "duration") == ("36:34", "measured")
    assert answer(made, "losses") == ("0.1265 → 0.0912 (min 0.0874; means of an epoch, 186 steps)", "measured")
    assert answer(made, "vram_peak") == ("37425 MiB", "measured")
    assert answer(made, "total_steps") == ("1860", "measured")
    assert answer(made, "sample_images") == ("2", "measured")
    assert answer(made, "base_model_sha256") == ("31" * 32, "measured")
    images = made.columns[0].answers["images"]
    assert images is not None
    assert (images.text, images.kind) == ("1480", "measured")
    assert images.also == Answer(text="1486", kind="documented", by="sdxl_base")
    assert made.columns[0].set_options["seed"] == Answer(text="7", kind="chosen", by="--set")


def test_a_folder_that_was_named_at_the_launch(project: Settings) -> None:
    """What the authors tell of their images is not told of others."""
    trained("humanoid_05", project, sets=("image_dir=/d/other",), origin={"dataset": manifest(12)})
    made = document(["humanoid_05"], project)
    assert made.columns[0].answers["images"] == Answer(text="12", kind="measured", by="humanoid_05/20260102-030405")
    assert answer(made, "content") is answer(made, "caption_convention") is None


def test_a_resumed_training_is_one_story(project: Settings) -> None:
    """Steps, time, losses, samples and checkpoints of all its runs; the beginning may be lost."""
    loss = {"first": 0.2, "last": 0.15, "lowest": 0.15, "epoch_steps": 186, "first_epoch": 0.19, "lowest_epoch": 0.15}
    first = trained("humanoid_05", project, "20260102-030405", status="interrupted", steps=700, epochs=4, loss=loss)
    lineage = {"kind": "resume", "parent": first.run_id, "step": 700, "epoch": 4}
    second = trained(
        "humanoid_05",
        project,
        "20260103-030405",
        lineage=lineage,
        steps=1160,
        total_steps=1160,
        epochs=6,
        seconds=1000.0,
    )
    made = document(["humanoid_05"], project)
    assert [one.run.run_id for one in made.columns[0].subject.segments] == [first.run_id, second.run_id]
    assert answer(made, "total_steps") == ("1860", "measured")
    assert answer(made, "duration") == ("53:14", "measured")
    assert answer(made, "losses") == ("0.1900 → 0.0912 (min 0.0874; means of an epoch, 186 steps)", "measured")
    assert answer(made, "sample_images") == ("4", "measured")
    first.record.unlink()
    assert answer(document(["humanoid_05"], project), "total_steps") == ("1860", "measured")
    lost = document(["humanoid_05"], project)
    assert len(lost.columns[0].subject.segments) == 1
    assert answer(lost, "duration") == ("16:40 (from step 700 on)", "measured")
    assert answer(lost, "losses") == (
        "0.1265 → 0.0912 (min 0.0874; means of an epoch, 186 steps) (from step 700 on)",
        "measured",
    )


def test_what_a_resumption_changed_is_no_change_of_the_experiment(project: Settings) -> None:
    """The length of the rest, and the schedule spelled out: neither in its values nor in what changed from its parent.

    Where the beginning of the training is lost, the record of the rest says what it was.
    """
    first = trained("humanoid_05", project, status="interrupted", steps=700)
    changes = [
        {"key": "training.max_train_epochs", "value": None, "was": 10, "why": "the rest"},
        {"key": "training.max_train_steps", "value": 1160, "was": None, "why": "the rest"},
        {"key": "training.lr_scheduler", "value": None, "was": "cosine", "why": "the curve"},
        {"key": "training.lr_scheduler_type", "value": "x.get_cosine", "was": None, "why": "the curve"},
    ]
    lineage = {"kind": "resume", "parent": first.run_id, "step": 700, "epoch": 4, "changes": changes}
    second = trained("humanoid_05", project, "20260103-030405", lineage=lineage, steps=1160)
    record = read_record(second.record)
    rest = {**record.training, "max_train_steps": 1160, "lr_scheduler_type": "x.get_cosine"}
    rest = {key: value for key, value in rest.items() if key not in ("max_train_epochs", "lr_scheduler")}
    write_record(second, replace(record, training=rest))
    for _ in range(2):
        made = document(["humanoid_05"], project)
        values = made.columns[0].subject.source.training
        assert (values["max_train_epochs"], values["lr_scheduler"]) == (10, "cosine")
        assert not values.keys() & {"max_train_steps", "lr_scheduler_type"}
        first.record.unlink(missing_ok=True)


def test_people_have_the_last_word(project: Settings) -> None:
    """Notes come before the story, the latest first; the story of the file as it is now fills what was not told."""
    run = trained("humanoid_04", project)
    story(project.experiments / "humanoid_04.toml", 'effect = "cleaner hands"\nhardware = "a borrowed card"')
    add_note(run, LATER, problems=["asymmetric eyes"], solutions=["more accumulation"])
    add_note(run, LATER, problems=["dark backgrounds"], text="sharper at epoch 8")
    add_note(run, LATER, decision="rejected", text="05 is better")
    made = document(["humanoid_04"], project)
    assert answer(made, "problems") == ("dark backgrounds (2026-01-05)", "noted")
    problems = made.columns[0].answers["problems"]
    assert problems is not None
    assert problems.also is not None
    assert problems.also.text == "asymmetric eyes (2026-01-05)"
    assert answer(made, "effect") == ("sharper at epoch 8 (2026-01-05)", "noted")
    assert answer(made, "decision") == ("rejected", "noted")
    assert answer(made, "reasons") == ("05 is better (2026-01-05)", "noted")
    assert answer(made, "hardware") == ("NVIDIA H100 80GB HBM3 (80 GiB)", "measured")
    assert answer(document([run.run_id], project), "effect") == ("sharper at epoch 8 (2026-01-05)", "noted")


def test_a_told_training_wins_over_a_rehearsal(project: Settings) -> None:
    """What people know of the real one stands first."""
    story(project.experiments / "humanoid_04.toml", 'hardware = "RTX 3090"\nduration = "9 hours"')
    rehearsed("humanoid_04", project)
    made = document(["humanoid_04"], project)
    hardware = made.columns[0].answers["hardware"]
    assert hardware is not None
    assert (hardware.text, hardware.kind) == ("RTX 3090", "assumed")
    assert hardware.also is not None
    assert hardware.also.kind == "rehearsed"


def test_the_folder_is_measured_where_it_is_what_trained(project: Settings) -> None:
    """Images at hand are described; those that changed since the run are not."""
    for number in range(3):
        _image(project.datasets / "humanoid" / f"{number}.png")
    made = document(["humanoid_05"], project)
    images = made.columns[0].answers["images"]
    assert images is not None
    assert (images.text, images.kind) == ("3", "measured")
    assert answer(made, "image_size") == ("64x64", "measured")
    convention = answer(made, "caption_convention")
    assert convention is not None
    assert convention[1] == "measured"
    assert convention[0].startswith("of 3 captions have: visual traits 100 %, style tags 100 %")
    assert answer(made, "total_steps") == ("10", "assumed")
    trained("humanoid_05", project, origin={"dataset": measured_now("humanoid_05", project).to_json()})
    assert answer(document(["humanoid_05"], project), "image_size") == ("64x64", "measured")
    _image(project.datasets / "humanoid" / "3.png", (32, 32))
    changed = document(["humanoid_05"], project)
    assert answer(changed, "image_size") == ("1024x1024", "documented")
    assert answer(changed, "images") == ("3", "measured")


def test_six_rehearsals_cover_all_that_a_tool_can_know(project: Settings) -> None:
    """The rest is told, or named as missing with where it could come from."""
    for name in SIX:
        rehearsed(name, project)
    found = coverage(document(SIX, project))
    assert (found.filled, found.percent) == ((252, 252), 100.0)
    assert found.by_people == (37, 60)
    assert {cell.field.id for cell in found.missing} == {"problems", "solutions", "effect", "reasons"}
    assert all("kft note" in cell.hint and "[story]" in cell.hint for cell in found.missing)
    assert dict(found.by_kind())["rehearsed"] == 24


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("hardware", "no real run is recorded; `kft run alone` would record it"),
        ("images", "the images are not at hand"),
        ("problems", "write `problems` under [story] in `alone.toml`, or add it to the run with `kft note alone/RUN`"),
        ("purpose", "write `purpose` under [story] in `alone.toml`"),
    ],
)
def test_gaps_say_where_they_could_be_filled(project: Settings, field: str, hint: str) -> None:
    """An experiment that tells nothing and never ran."""
    (project.experiments / "alone.toml").write_text("[training]\nlearning_rate = 1e-5\n", encoding="utf-8")
    made = document(["alone"], project)
    assert made.columns[0].answers[field] is None
    (wanted,) = [one for one in fields() if one.id == field]
    assert hint in gather.hint(wanted, made.columns[0].subject, made.words)


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_checkpoint_alone(project: Settings, tmp_path: Path, rehearsal: bool) -> None:
    """Its header has the values and not whose they are; of a rehearsal not even what was meant, and it says so."""
    run = rehearsed("humanoid_05", project) if rehearsal else trained("humanoid_05", project)
    record = reread(run)
    header = {key: record["training"][f"metadata_{key}"] for key in ("kft_config", "kft_run")}
    file = run.folder / "humanoid_05.safetensors"
    save_file({"one": np.zeros(1)}, file, metadata={f"modelspec.{key}": text for key, text in header.items()})
    file.with_suffix(".json").write_text(
        json.dumps({**record, "kind": "sidecar", "checkpoint": record["checkpoints"][0]}), encoding="utf-8"
    )
    with_sidecar = document([str(file)], project)
    assert with_sidecar.columns[0].subject.basis == ("rehearsal" if rehearsal else "run")
    assert answer(with_sidecar, "batch_size") == ("4", "assumed")
    alone = file.rename(tmp_path / "alone.safetensors")
    made = document([str(alone)], project)
    assert made.columns[0].subject.basis == ("miniature" if rehearsal else "checkpoint")
    assert answer(made, "batch_size") == (("2", "rehearsed") if rehearsal else ("4", "archived"))
    kinds = {one.kind for one in made.columns[0].answers.values() if one is not None}
    assert kinds == {"rehearsed" if rehearsal else "archived", "default", "kft", "computed"}
