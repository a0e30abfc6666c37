"""The seven shipped experiments: they load, they hold what is documented, and nothing of ours passes for documented."""

from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.check.check import case_of
from fork_wrapper.check.rules.case import Host
from fork_wrapper.check.rules.table import findings
from fork_wrapper.experiment.experiment import experiment_names, load_experiment
from fork_wrapper.experiment.resolve import Resolved, resolve
from fork_wrapper.experiment.subsets import subsets
from fork_wrapper.files import flatten
from fork_wrapper.machine.settings import load_settings

FOLDER = Path(__file__).resolve().parents[3] / "experiments"
NAMES = ["humanoid_02", "humanoid_03", "humanoid_04", "humanoid_05", "humanoid_06", "humanoid_07", "sdxl_base"]
ITERATIONS = NAMES[:-1]
SMALL = "humanoid_05_24gb"
"""No iteration: the selected one, for smaller GPUs."""

DOCUMENTED = {
    "training.optimizer_type": "AdamW8bit",
    "training.lr_scheduler": "cosine",
    "training.mixed_precision": "fp16",
    "training.xformers": True,
    "training.max_token_length": 225,
    "training.clip_skip": 1,
    "training.loss_type": "l2",
    "training.huber_schedule": "snr",
    "training.save_model_as": "safetensors",
    "training.save_precision": "fp16",
    "dataset.datasets[0].resolution": 1024,
    "dataset.general.caption_extension": ".txt",
    "dataset.general.flip_aug": True,
    "dataset.general.enable_bucket": True,
    "dataset.general.min_bucket_reso": 512,
    "dataset.general.max_bucket_reso": 2048,
    "dataset.general.bucket_reso_steps": 64,
}
"""The authors' table, the captions of their dataset, and the output format of their notes."""

RANGES = {"training.noise_offset": (0.05, 0.1), "dataset.general.caption_dropout_rate": (0.05, 0.1)}
"""What the table gives as a range only: the exact value is ours."""

LOST = (
    *("training.learning_rate", "training.max_train_epochs", "training.gradient_accumulation_steps"),
    *("training.noise_offset", "dataset.general.caption_dropout_rate", "dataset.datasets[0].batch_size"),
    *("dataset.datasets[0].subsets[0].num_repeats",),
)
"""What stood in the lost files and every iteration needs."""


def _resolve(name: str, tmp_path: Path) -> Resolved:
    """One experiment, with every setting but the folder of experiments as built in."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    return resolve(name, load_settings({"experiments": str(FOLDER)}, environ=environ, cwd=FOLDER.parent))


def _leaves(resolved: Resolved) -> dict[str, Any]:
    return flatten({"training": resolved.training, "dataset": resolved.dataset})


def test_all_seven_are_there() -> None:
    """Exactly the common ground, six iterations, and one for smaller GPUs, every one a good file."""
    assert experiment_names(FOLDER) == sorted([*NAMES, SMALL])
    assert [load_experiment(FOLDER / f"{name}.toml").name for name in [*NAMES, SMALL]] == [*NAMES, SMALL]


@pytest.mark.parametrize("name", NAMES)
def test_documented_values(name: str, tmp_path: Path) -> None:
    """Every value of the authors' table is in every experiment, as they give it, and marked documented."""
    made = _resolve(name, tmp_path)
    leaves = _leaves(made)
    assert {path: leaves.get(path) for path in DOCUMENTED} == DOCUMENTED
    assert {path: (made.origins[path].kind, made.origins[path].by) for path in DOCUMENTED} == dict.fromkeys(
        DOCUMENTED, ("documented", "sdxl_base")
    )
    assert leaves["training.pretrained_model_name_or_path"].endswith("/sd_xl_base_1.0.safetensors")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_is_documented(name: str, tmp_path: Path) -> None:
    """No value passes for the authors' that they do not give: beside their table only the base model is theirs."""
    origins = _resolve(name, tmp_path).origins
    documented = {path for path, origin in origins.items() if origin.kind == "documented"}
    assert documented == {*DOCUMENTED, "training.pretrained_model_name_or_path"}
    assert {origin.kind for origin in origins.values()} == {"documented", "assumed", "kft"}


@pytest.mark.parametrize("name", ITERATIONS)
def test_lost_values_are_assumed(name: str, tmp_path: Path) -> None:
    """Rates, batch, length, noise offset and dropout are set in every iteration, and every one of them is ours."""
    made = _resolve(name, tmp_path)
    rates = [path for path in made.origins if path.rsplit(".", 1)[-1].startswith("learning_rate")]
    kinds = {path: made.origins[path].kind for path in (*LOST, *rates)}
    assert kinds == dict.fromkeys(kinds, "assumed")
    for path, (low, high) in RANGES.items():
        assert low <= _leaves(made)[path] <= high


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_an_origin(name: str, tmp_path: Path) -> None:
    """Each value says where it comes from, and no origin speaks of a value that is not there."""
    made = _resolve(name, tmp_path)
    assert set(made.origins) == set(_leaves(made))


def test_the_story_goes_from_02_to_07() -> None:
    """Each iteration builds on the one before (the last two on the selected one), tells why, and one is selected."""
    made = [load_experiment(FOLDER / f"{name}.toml") for name in NAMES]
    assert [one.extends for one in made] == [
        *("sdxl_base", "humanoid_02", "humanoid_03", "humanoid_04", "humanoid_05", "humanoid_05", None),
    ]
    assert [one.story.get("decision") for one in made] == [
        *("candidate", "candidate", "candidate", "selected", "candidate", "candidate", None),
    ]
    assert all(one.story["purpose"] and one.story["changes"] for one in made[:-1])


def test_the_dataset_is_the_same_for_all(tmp_path: Path) -> None:
    """One folder of images with .txt captions; only the last iteration repeats it."""
    found = {}
    for name in NAMES:
        made = _resolve(name, tmp_path)
        found[name] = [
            (one.image_dir.name, one.caption_extension, one.num_repeats) for one in subsets(made.training, made.dataset)
        ]
    assert found == {name: [("humanoid", ".txt", 2 if name == "humanoid_07" else 1)] for name in NAMES}


def test_sample_prompts_are_shipped(tmp_path: Path) -> None:
    """The prompts that every iteration is judged by are in the repository, each with its seed."""
    [path] = {_resolve(name, tmp_path).training["sample_prompts"] for name in NAMES}
    lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert len(lines) == 5
    assert all(" --d " in line for line in lines)


TRIPPED = {
    "sdxl_base": {"clip-skip", "huber-unused", "lr-default", "steps-default", "tokenizer-download"},
    "humanoid_02": {"clip-skip", "huber-unused", "last-epoch-not-saved", "tokenizer-download"},
    **{
        name: {"clip-skip", "huber-unused", "last-epoch-not-saved", "te-freeze", "tokenizer-download"}
        for name in ITERATIONS[1:]
    },
}
"""Rules that the experiments trip: two of them for documented settings, which stay as they are documented."""


@pytest.mark.parametrize("name", NAMES)
def test_what_the_rules_say_of_them(name: str, tmp_path: Path) -> None:
    """No error; the documented settings that do nothing are named, and nothing else is wrong with any of them."""
    found = findings(case_of(_resolve(name, tmp_path), None, Host(packages=None, cuda=True), {}))
    assert {one.rule for one in found} == TRIPPED[name]
    assert {one.rule for one in found if one.severity == "warning"} == {"clip-skip", "huber-unused"}
    assert [one for one in found if one.severity == "error"] == []
