"""What a run would do: as sd-scripts computes it, and in words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fork_wrapper.check.check import Checked, check
from fork_wrapper.check.measured import Measured
from fork_wrapper.check.plan import Plan, space
from fork_wrapper.check.plan_text import bucket_rows, rows
from fork_wrapper.experiment.resolve import parse_overrides, resolve
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer

EXPERIMENT = """
[training]
learning_rate = 1e-5
lr_scheduler = "cosine"
lr_warmup_steps = 0.1
max_train_epochs = 4
gradient_accumulation_steps = 2
save_every_n_epochs = 1
save_precision = "fp16"
cache_latents = true
sample_every_n_epochs = 2
sample_prompts = "prompts.txt"
seed = 1
[dataset.general]
flip_aug = true
[[dataset.datasets]]
resolution = 128
batch_size = 4
enable_bucket = true
min_bucket_reso = 64
max_bucket_reso = 256
[[dataset.datasets.subsets]]
image_dir = "{datasets}/people"
num_repeats = 2
"""


@pytest.fixture
def people(settings: Settings) -> Path:
    """Five square images and one that is wide."""
    folder = settings.datasets / "people"
    folder.mkdir(parents=True)
    for number in range(6):
        Image.new("RGB", (128, 128) if number else (256, 64)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a caption")
    return folder


@pytest.fixture
def look(write: Callable[..., Path], settings: Settings) -> Callable[..., Checked]:
    """Check the experiment, with overrides."""
    write("one", EXPERIMENT)
    (settings.experiments / "prompts.txt").write_text("a cat --w 64 --h 64\n# no prompt\n\na dog --w 64 --h 64\n")

    def looker(*overrides: str) -> Checked:
        return check(resolve("one", settings, parse_overrides(overrides)), settings, real_trainer(settings))

    return looker


@pytest.mark.usefixtures("people")
def test_a_plan_in_words(look: Callable[..., Checked]) -> None:
    """Every question before a run, each in a row; what nobody measured says so."""
    plan = replace(look().plan, free=50 * 10**9)
    assert rows(plan) == [
        ("images", "6 x 2 = 12 in an epoch, 4 batches of up to 4"),
        ("buckets", "2 buckets: 10 of 128 x 128, 2 of 256 x 64"),
        ("steps", "8: 4 epochs of 2"),
        ("one step", "8 images (4 images x 2 accumulated x 1 GPU)"),
        ("schedule", "cosine"),
        ("rates", "U-Net 1e-05, text encoder 1 frozen, text encoder 2 frozen"),
        ("checkpoints", "4 of 6.94 GB: one-000001.safetensors ... one.safetensors"),
        ("samples", "2 prompts, 2 times: 4 images"),
        ("disk", "27.75 GB of 50.00 GB free"),
        ("latents", "49 kB cached in memory"),
        (
            "GPU memory",
            "at least 42295 MiB, without activations and CUDA's own: weights U-Net 9794, text encoder 1 469, "
            "text encoder 2 2649; gradients U-Net 9794; optimizer AdamW 19588",
        ),
        ("time", "not measured yet"),
        ("VRAM", "not measured yet"),
    ]
    assert bucket_rows(plan) == [("datasets[0]", "128 x 128", "10"), ("datasets[0]", "256 x 64", "2")]


@pytest.mark.usefixtures("people")
def test_lengths_and_files_follow_the_options(look: Callable[..., Checked]) -> None:
    """Steps instead of epochs, warm-up, states, pruning, caches on disk, trained encoders."""
    plan = look(
        "max_train_epochs=2",
        "max_train_steps=5",
        "lr_warmup_steps=3",
        "save_state=true",
        "save_last_n_epochs=1",
        "cache_latents_to_disk=true",
        "train_text_encoder=true",
        "learning_rate_te1=0",
        "gradient_accumulation_steps=1",
        "learning_rate=2e-6",
    ).plan
    text = dict(rows(replace(plan, free=500 * 10**9)))
    assert text["steps"] == "8: 2 epochs of 4"
    assert text["schedule"] == "cosine, 3 warm-up steps"
    assert text["rates"] == "U-Net 2e-06, text encoder 1 frozen, text encoder 2 2e-06"
    assert text["checkpoints"] == "2 of 6.94 GB: one-000001.safetensors ... one.safetensors"
    assert text["states"] == "2 of 39.15 GB: one-000001-state ... one-state"
    assert text["latents"] == "49 kB cached on disk beside the images"
    assert text["disk"] == "92.17 GB of 500.00 GB free"


def test_caches_lie_on_the_disk_of_the_images(
    look: Callable[..., Checked], people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what is not there yet; with the runs where both are on one disk, else by itself."""
    both = ("cache_latents_to_disk=true", "cache_text_encoder_outputs_to_disk=true", "max_token_length=225")
    plan = look(*both).plan
    assert plan.latents is not None
    assert plan.texts is not None
    assert plan.latents.missing == ((str(people), plan.latents.bytes),)
    assert plan.texts.missing == ((str(people), plan.texts.bytes),)
    huge = replace(plan, latents=replace(plan.latents, missing=((str(people), 9 * 10**9),)))
    assert _space(huge, 30e9) == [("error", "checkpoints, samples and caches need about 39 GB, 30.0 GB are free")]
    monkeypatch.setattr("fork_wrapper.check.plan._disk", str)
    monkeypatch.setattr("fork_wrapper.check.plan.shutil.disk_usage", lambda _path: SimpleNamespace(free=10**9))
    (finding,) = space(replace(huge, free=30 * 10**9), Path("runs"))
    assert (finding.what, finding.where) == ("caches need about 9 GB, 1.0 GB are free", str(people))
    for number in range(2):
        np.savez(people / f"{number}_0128x0128_sdxl.npz", latents=np.zeros(1))
    again = look(*both).plan.latents
    assert again is not None
    assert again.missing == ((str(people), round(again.bytes * 4 / 6)),)


@pytest.mark.usefixtures("people")
def test_time_comes_from_a_run_or_not_at_all(look: Callable[..., Checked]) -> None:
    """At the speed that an earlier run had, and with its name."""
    by = Measured(run="one/20260101-000000", steps_per_second=0.5, peak_vram_mib=(30000, 31000))
    text = dict(rows(replace(look().plan, measured=by)))
    assert text["time"] == "0:16 at 2.00 s/it, without start, samples and saves; measured by one/20260101-000000"
    assert text["VRAM"] == "30000 MiB, 31000 MiB; measured by one/20260101-000000"


def test_without_images_the_length_is_unknown(look: Callable[..., Checked]) -> None:
    """What the options alone say is there; the rest says that it is not known, and why."""
    plan = look().plan
    text = dict(rows(plan))
    assert (text["images"], text["steps"]) == ("none", "unknown: there is no batch to train on")
    assert "checkpoints" not in text
    assert plan.to_json()["schedule"] is None
    assert bucket_rows(plan) == []


@pytest.mark.usefixtures("people")
def test_a_plan_as_json(look: Callable[..., Checked]) -> None:
    """For records: numbers, and the names of files."""
    plain = look().plan.to_json()
    assert plain["schedule"] == {
        "batches_per_epoch": 4,
        "steps_per_epoch": 2,
        "total_steps": 8,
        "epochs": 4,
        "warmup_steps": 0,
        "decay_steps": 0,
        "checkpoints": {
            "count": 4,
            "kept": 4,
            "files": [*(f"one-00000{epoch}.safetensors" for epoch in (1, 2, 3)), "one.safetensors"],
        },
        "states": {"count": 0, "kept": 0, "files": []},
        "samples": 2,
    }
    assert plain["datasets"][0]["buckets"][0] == {"resolution": (128, 128), "count": 10}


def _space(plan: Plan, free: float) -> list[tuple[str, str]]:
    return [(one.severity, one.what) for one in space(replace(plan, free=int(free)), Path("runs"))]


@pytest.mark.usefixtures("people")
def test_a_disk_too_small(look: Callable[..., Checked]) -> None:
    """All that is kept must fit: checkpoints, states, samples; what is pruned takes no room."""
    plan = look().plan
    assert _space(plan, 30e9) == []
    assert _space(plan, 20e9) == [("error", "checkpoints and samples need about 30 GB, 20.0 GB are free")]
    stateful = look("save_state=true").plan
    assert _space(stateful, 8e9) == [("error", "checkpoints, states and samples need about 153 GB, 8.0 GB are free")]
    assert _space(look("save_last_n_epochs=1").plan, 20e9) == []
