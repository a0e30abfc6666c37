"""What a rehearsal changes, and that it changes nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fork_wrapper.experiment.resolve import Override, Resolved, resolve
from fork_wrapper.files import flatten
from fork_wrapper.machine.settings import Settings, load_settings
from fork_wrapper.rehearsal.rehearse import BATCH, RESOLUTION, STEPS, own_folders, rehearse, sample_folders
from fork_wrapper.run.job import Job

EXPERIMENT = """
[training]
pretrained_model_name_or_path = "{models}/base.safetensors"
vae = "{models}/vae.safetensors"
learning_rate = 4e-6
optimizer_type = "AdamW8bit"
mixed_precision = "fp16"
full_fp16 = true
xformers = true
noise_offset = 0.07
cache_latents = true
cache_latents_to_disk = true
gradient_accumulation_steps = 4
lr_warmup_steps = 100
max_train_epochs = 10
save_every_n_epochs = 2
sample_every_n_epochs = 1
sample_prompts = "prompts.txt"
[dataset.general]
flip_aug = true
min_bucket_reso = 512
cache_info = true
[[dataset.datasets]]
resolution = [1024, 768]
batch_size = 4
[[dataset.datasets.subsets]]
image_dir = "{datasets}/people"
num_repeats = 3
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project without sd-scripts, model or data."""
    (tmp_path / "kft.toml").write_text("")
    experiments = tmp_path / "experiments"
    experiments.mkdir()
    (experiments / "one.toml").write_text(EXPERIMENT)
    prompts = "# a comment\nfirst --w 1024 --h 1024 --d 7\n\nsecond --s 30\nthird\n"
    (experiments / "prompts.txt").write_text(prompts)
    return load_settings({}, environ={"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}, cwd=tmp_path)


@pytest.fixture
def rehearsed(settings: Settings) -> Callable[..., tuple[Resolved, Job]]:
    """The experiment as it is, and its rehearsal."""

    def make(*overrides: Override, stand_in: bool = False) -> tuple[Resolved, Job]:
        resolved = resolve("one", settings, overrides)
        return resolved, rehearse(resolved, settings, stand_in=stand_in)

    return make


def values(resolved: Resolved) -> dict[str, Any]:
    """All values by key path."""
    return flatten({"training": resolved.training, "dataset": resolved.dataset})


def test_only_scale_and_cuda_are_overridden(rehearsed: Callable[..., tuple[Resolved, Job]]) -> None:
    """The experiment's own options stay, and every difference is listed with what it was and why."""
    resolved, job = rehearsed()
    before, after = values(resolved), values(job.resolved)
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert job.rehearsal is not None
    changes = {change["key"]: change for change in job.rehearsal["changes"]}
    assert differing == set(changes)
    assert all(changes[key]["was"] == before.get(key) and changes[key]["value"] == after.get(key) for key in changes)
    assert all(change["why"] for change in changes.values())
    kept = {"learning_rate", "optimizer_type", "noise_offset", "cache_latents", "flip_aug", "num_repeats"}
    assert kept <= {key.rsplit(".", 1)[-1] for key in after} - {key.rsplit(".", 1)[-1] for key in changes}


def test_the_values_of_a_rehearsal(rehearsed: Callable[..., tuple[Resolved, Job]], settings: Settings) -> None:
    """Small, without CUDA, and on the miniature."""
    _, job = rehearsed()
    training, dataset = job.resolved.training, job.resolved.dataset
    assert training["pretrained_model_name_or_path"] == (settings.cache / "miniature-v1" / "sdxl").as_posix()
    assert (training["mixed_precision"], training["sdpa"], training["max_train_steps"]) == ("no", True, STEPS)
    absent = ("vae", "xformers", "full_fp16", "max_train_epochs", "save_every_n_epochs")
    assert [key for key in absent if key in training] == []
    assert training["lr_warmup_steps"] == 1
    assert "gradient_accumulation_steps" not in training
    assert dataset["datasets"][0]["resolution"] == RESOLUTION
    assert dataset["datasets"][0]["batch_size"] == BATCH


def test_images_need_not_have_the_rehearsals_size(rehearsed: Callable[..., tuple[Resolved, Job]]) -> None:
    """Without buckets they would have to, and the limits of buckets must fit the small resolution wherever it is."""
    first = rehearsed()[1].resolved.dataset["datasets"][0]
    assert "enable_bucket" not in first  # latents are cached: then images are resized and cropped
    assert (first["max_bucket_reso"], first["bucket_reso_steps"]) == (2 * RESOLUTION, RESOLUTION)
    assert rehearsed()[1].resolved.dataset["general"]["min_bucket_reso"] == RESOLUTION
    second = rehearsed(Override(key="cache_latents", text=None))[1].resolved.dataset["datasets"][0]
    assert second["enable_bucket"] is True
    third = rehearsed(Override(key="training.max_bucket_reso", text="2048"))[1].resolved
    assert third.training["max_bucket_reso"] == 2048  # --set is the user's
    assert "max_bucket_reso" not in third.dataset["datasets"][0]


def test_nothing_is_left_beside_the_users_images(
    rehearsed: Callable[..., tuple[Resolved, Job]], settings: Settings
) -> None:
    """Caches of the miniature would be read by the real training that follows: they fall beside copies."""
    people = settings.datasets / "people"
    people.mkdir(parents=True)
    for number in range(3):
        Image.new("L", (64, 64)).save(people / f"{number}.png")
    _, job = rehearsed()
    assert job.resolved.training["cache_latents_to_disk"] is True
    assert job.resolved.dataset["general"]["cache_info"] is True
    (folder,) = own_folders(job, settings)
    assert folder.is_relative_to(settings.cache / "rehearsal-sets")
    assert job.resolved.dataset["datasets"][0]["subsets"][0]["image_dir"] == folder.as_posix()
    first = settings.experiments / "one.toml"
    named = first.read_text().replace("num_repeats", 'metadata_file = "m.json"\nnum_repeats')
    first.write_text(named)
    kept = Override(key="cache_latents_to_disk", text="true")
    for _, job in (rehearsed(), rehearsed(kept)):  # images that a file names are where they are
        assert "cache_latents_to_disk" not in job.resolved.training
        assert "cache_info" not in job.resolved.dataset["general"]


def test_what_a_cpu_can_do_is_done(rehearsed: Callable[..., tuple[Resolved, Job]], settings: Settings) -> None:
    """States, samples before the first step, caches on disk: only scale and CUDA are reasons to drop an option."""
    first = settings.experiments / "one.toml"
    options = ("save_state", "save_state_on_train_end", "sample_at_first", "masked_loss")
    more = "".join(f"{option} = true\n" for option in options)
    first.write_text(first.read_text().replace("noise_offset", f"{more}noise_offset"))
    training = rehearsed()[1].resolved.training
    assert [option for option in options if training.get(option) is not True] == []


def test_what_the_user_sets_is_the_users(rehearsed: Callable[..., tuple[Resolved, Job]]) -> None:
    """--set wins over the rehearsal: a longer one is `--set max_train_steps=150`."""
    _, job = rehearsed(Override(key="max_train_steps", text="150"), Override(key="batch_size", text="3"))
    assert job.resolved.training["max_train_steps"] == 150
    assert "max_train_epochs" not in job.resolved.training
    assert job.resolved.dataset["datasets"][0]["batch_size"] == 3


def test_a_data_set_that_is_there_is_used(rehearsed: Callable[..., tuple[Resolved, Job]], settings: Settings) -> None:
    """The sample set stands in only for images that are not on this machine."""
    _, job = rehearsed()
    assert job.resolved.dataset["datasets"][0]["subsets"][0]["image_dir"] == str(sample_folders(job, settings)[0])
    (settings.datasets / "people").mkdir(parents=True)
    _, job = rehearsed()
    assert job.resolved.dataset["datasets"][0]["subsets"][0]["image_dir"] == str(settings.datasets / "people")
    assert sample_folders(job, settings) == []


def test_the_first_prompt_is_drawn_small(rehearsed: Callable[..., tuple[Resolved, Job]]) -> None:
    """sd-scripts takes the last of two flags, so appending is enough; comments and blanks do not count."""
    _, job = rehearsed()
    assert job.files == {"sample_prompts.txt": ("first --w 1024 --h 1024 --d 7 --w 64 --h 64 --s 2\n")}
    assert job.resolved.training["sample_prompts"] == "{run}/sample_prompts.txt"


def test_prompts_that_cannot_be_taken_mean_no_sampling(
    rehearsed: Callable[..., tuple[Resolved, Job]], settings: Settings
) -> None:
    """No prompts, no samples: sd-scripts would die with a TypeError."""
    (settings.experiments / "prompts.txt").unlink()
    _, job = rehearsed()
    assert job.files is None
    assert not [key for key in job.resolved.training if key.startswith("sample_")]


def test_the_real_trainer_is_taken_where_it_is(
    rehearsed: Callable[..., tuple[Resolved, Job]], settings: Settings
) -> None:
    """sd-scripts present: its own script; absent or asked for: the stand-in."""
    assert rehearsed()[1].trainer.kind == "stand-in"
    settings.sd_scripts.mkdir(parents=True)
    (settings.sd_scripts / "sdxl_train.py").write_text("")
    trainer = rehearsed()[1].trainer
    assert (trainer.kind, trainer.script.name) == ("sd-scripts on the miniature", "shrunk.py")
    assert trainer.env["CUDA_VISIBLE_DEVICES"] == ""
    assert rehearsed(stand_in=True)[1].trainer.script.name == "standin.py"
