"""Layouts, placements and schedules against the real classes and functions of sd-scripts, all in one process."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from PIL import Image

from fork_wrapper.check.dataset_layout import layouts
from fork_wrapper.check.rules.case import Case, Host, effective_dataset
from fork_wrapper.cli import call
from fork_wrapper.files import parse_toml
from fork_wrapper.sdscripts.buckets import BucketError, Bucketing, Size
from fork_wrapper.sdscripts.options import options
from fork_wrapper.sdscripts.steps import Schedule, plan_steps
from tests.integration.dataset_cases import EXAMPLES
from tests.integration.expected import expected_facts, surveyed

pytestmark = [pytest.mark.trainer, pytest.mark.sd_scripts, pytest.mark.usefixtures("trainer_packages")]

RESOLUTIONS: tuple[Size, ...] = ((1024, 1024), (832, 1216), (512, 512), (500, 700), (64, 64))
LIMITS = ((256, 1024, 64), (64, 2048, 64), (200, 1300, 64), (32, 1536, 32), (256, 2048, 96), (0, 2048, 64))
BUCKETINGS = tuple(
    Bucketing(resolution=resolution, enabled=enabled, no_upscale=no_upscale, smallest=low, largest=high, steps=steps)
    for resolution in RESOLUTIONS
    for low, high, steps in LIMITS
    for enabled, no_upscale in ((True, False), (True, True), (False, True))
    if not enabled or (low - low % steps <= min(resolution) and max(resolution) <= high and (low or no_upscale))
)
PREPARED: Mapping[str, Bucketing] = {
    f"{width}x{height} {low},{high},{steps}": Bucketing(
        resolution=(width, height), enabled=True, no_upscale=False, smallest=low, largest=high, steps=steps
    )
    for (width, height), (low, high, steps) in (
        *(((128, 128), (64, 256, 8)), ((96, 160), (32, 256, 16)), ((104, 104), (50, 210, 20))),
    )
}
"""What small pictures are prepared for, by `--size` and `--buckets`."""
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "gradient_accumulation_steps": (1, 1, 2, 3, 4),
    "save_every_n_epochs": (None, 1, 2, 3, -2),
    "save_every_n_steps": (None, 1, 2, 5, -3),
    "save_n_epoch_ratio": (None, None, None, 2, 5, 100, 0, -1),
    **dict.fromkeys(("save_last_n_epochs", "save_last_n_epochs_state"), (None, 0, 1, 2, -1)),
    **dict.fromkeys(("save_last_n_steps", "save_last_n_steps_state"), (None, 0, 1, 2, 3, 7, 10, -1, -4)),
    **dict.fromkeys(("save_state", "save_state_on_train_end", "sample_at_first"), (False, True)),
    **dict.fromkeys(("sample_every_n_epochs", "sample_every_n_steps"), (None, None, 0, -1, 1, 2, 3)),
    **dict.fromkeys(("lr_warmup_steps", "lr_decay_steps"), (0, 7, 0.1, 0.29, 0.3, 1.5, 100.0)),
}
"""What is drawn from for trainings. No 0 where sd-scripts would divide by it."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A drawn training."""

    options: Mapping[str, Any]
    """Those that are set."""
    batches: int
    """Per epoch."""
    processes: int
    """In all."""

    def schedule(self) -> Schedule:
        """What kft plans."""
        table = {name: option.default for name, option in options().items()} | dict(self.options)
        return plan_steps(table.__getitem__, batches=self.batches, processes=self.processes, name="one {x}")


def drawn_trainings() -> list[Training]:
    """A hundred, always the same."""
    draw = random.Random(7)
    trainings = []
    for index in range(100):
        chosen = {key: draw.choice(values) for key, values in CHOICES.items()}
        length = {"max_train_epochs": draw.randint(1, 8)} if index % 2 else {"max_train_steps": draw.randint(1, 40)}
        batches, processes = draw.randint(1, 11), draw.choice((1, 1, 2, 3))
        trainings.append(Training(options={**chosen, **length}, batches=batches, processes=processes))
    return trainings


def sizes_for(bucketing: Bucketing) -> list[Size]:
    """Its own buckets, sizes half-way between the ratios of two of them, and two hundred others."""
    draw = random.Random(11)
    sizes = [*bucketing.fixed[:20]]
    ratios = sorted({Fraction(*one) for one in bucketing.fixed})
    halves = [(one + other) / 2 for one, other in pairwise(ratios)]
    sizes += [(half.numerator * times, half.denominator * times) for half in halves for times in (1, 3)]
    sizes += [(draw.randint(1, 4000), draw.randint(1, 4000)) for _ in range(150)]
    sizes += [(draw.randint(1, 200), draw.randint(1, 9000)) for _ in range(50)]
    return [*sizes, (1024, 1024), (1025, 1023), (64, 64), (0, 0), (5, 0)]


def small_sizes(bucketing: Bucketing) -> list[Size]:
    """Five hundred and more, no two the same: buckets, half-way between their ratios, one pixel beside that, others."""
    draw = random.Random(13)
    ratios = sorted({Fraction(*one) for one in bucketing.fixed})
    halves = [(one + other) / 2 for one, other in pairwise(ratios)]
    ties = [(half.numerator, half.denominator) for half in halves if max(half.as_integer_ratio()) < 600]
    beside = [(width + more, height) for width, height in ties for more in (-1, 1) if width + more]
    others = [(draw.randint(20, 400), draw.randint(20, 400)) for _ in range(480)]
    return list(dict.fromkeys([*bucketing.fixed, *ties, *beside, (1, 300), (500, 2), (7, 7), *others]))


TRAININGS = drawn_trainings()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The examples as cases with their surveys, and the program's answers."""

    cases: Mapping[str, Case]
    """By name, looked at before the program was asked."""
    root: Path
    """Each example has a folder of its name in it."""
    answers: Mapping[str, Any]
    """As `real_datasets.py` prints them; those of layouts by name."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, root: Path, sd_scripts: Path) -> Asked:
    """Everything that the program is asked in this file, in one call."""
    folder = tmp_path_factory.mktemp("real")
    cases, questions = {}, []
    for index, (name, example) in enumerate(EXAMPLES.items()):
        home = folder / str(index)
        dataset = example.write(home)
        training = {"max_train_steps": 1600, **example.training}
        (home / "dataset.toml").write_text(dataset, encoding="utf-8")
        (home / "train.toml").write_text(tomli_w.dumps(training), encoding="utf-8")
        host = Host(packages=None, cuda=None, processes=example.processes)
        tree = parse_toml(dataset, home / "dataset.toml")
        cases[name] = surveyed(Case(training=training, dataset=tree, host=host))
        paths = {"train_toml": str(home / "train.toml"), "dataset_toml": str(home / "dataset.toml")}
        questions.append({**paths, "processes": example.processes})
    places = [{"bucketing": asdict(one), "images": sizes_for(one)} for one in BUCKETINGS]
    places += [{"bucketing": asdict(one), "images": small_sizes(one)} for one in PREPARED.values()]
    trainings = [{**asdict(one), "folder": str(folder / f"training-{n}")} for n, one in enumerate(TRAININGS)]
    done = subprocess.run(
        [sys.executable, str(root / "tests" / "integration" / "real_datasets.py"), str(sd_scripts)],
        input=json.dumps({"layouts": questions, "places": places, "trainings": trainings}),
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout)
    answers["layouts"] = dict(zip(EXAMPLES, answers["layouts"], strict=True))
    return Asked(cases=cases, root=folder, answers=answers)


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if not example.dies])
def test_the_layout_is_the_programs(asked: Asked, name: str) -> None:
    """Buckets with their counts and order, images, batches and examples of every dataset, and the printed numbers."""
    real = asked.answers["layouts"][name]
    assert "died" not in real
    laid_out = layouts(asked.cases[name])
    ours = [
        {
            "buckets": [[*bucket.resolution, bucket.count] for bucket in one.buckets],
            "images": one.images,
            "batches": one.batches,
        }
        for one in laid_out
    ]
    assert ([one.problem for one in laid_out], ours) == ([""] * len(laid_out), real["datasets"])
    assert sum(one.train_images for one in laid_out) == real["examples"]
    if real["length"]:
        printed = {key: real[key] for key in ("num_batches_per_epoch", "num_epochs", "total_steps")}
        assert expected_facts(asked.cases[name]) == {"num_examples": real["examples"], **printed}


def test_what_takes_effect_is_what_the_program_holds(asked: Asked) -> None:
    """Every value of every subset, from whichever level it comes, where none is left to the folder."""
    compared = 0
    for name, real in asked.answers["layouts"].items():
        case = asked.cases[name]
        if "died" in real or any(subset.ignored for one in layouts(case) for subset in one.subsets):  # these it drops
            continue
        for ours, theirs in zip(
            effective_dataset(case.training, case.dataset)["datasets"], real["effective"], strict=True
        ):
            assert ours["batch_size"] == theirs["batch_size"]
            for subset, held in zip(ours["subsets"], theirs["subsets"], strict=False):  # it drops what holds no images
                said = {key: value for key, value in subset.items() if key in held and key != "custom_attributes"}
                assert said == {key: held[key] for key in said}, name
                compared += len(said)
    assert compared > 500


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example.dies])
def test_a_problem_is_where_the_program_dies(asked: Asked, name: str) -> None:
    """What has a problem kills sd-scripts before it has loaded anything, and the problem says why."""
    assert "died" in asked.answers["layouts"][name]
    home = asked.root / str(list(EXAMPLES).index(name))
    problems = [one.problem for one in layouts(asked.cases[name])]
    assert problems == [EXAMPLES[name].dies.replace("DIR", home.as_posix())]


def test_every_image_goes_where_the_program_puts_it(asked: Asked) -> None:
    """Bucket and resized size of thousands of sizes, ties included; what has no bucket dies there."""
    placed = 0
    for bucketing, real in zip(BUCKETINGS, asked.answers["places"][: len(BUCKETINGS)], strict=True):
        assert "died" not in real, bucketing
        for image, answer in zip(sizes_for(bucketing), real["placed"], strict=True):
            assert _place(bucketing, image) == answer, (bucketing, image)
            placed += isinstance(answer, list)
    assert placed > 10_000


def _place(bucketing: Bucketing, image: Size) -> list[int] | str:
    try:
        placed = bucketing.place(image)
    except BucketError:
        return "ZeroDivisionError"
    return [*placed.bucket, *placed.resized]


@pytest.mark.parametrize("choices", PREPARED)
def test_every_prepared_file_has_the_programs_bucket(asked: Asked, tmp_path: Path, choices: str) -> None:
    """`prepare --fit bucket`: size of the file, and what of the picture is in it, for each of five hundred sizes."""
    bucketing, number = PREPARED[choices], list(PREPARED).index(choices)
    sizes, answers = small_sizes(bucketing), asked.answers["places"][len(BUCKETINGS) + number]["placed"]
    assert len(set(sizes)) == len(sizes) >= 500
    (tmp_path / "photos").mkdir()
    for width, height in sizes:
        Image.new("RGB", (width, height), (width % 256, height % 256, 9)).save(
            tmp_path / "photos" / f"{width}x{height}.bmp"
        )
    size, limits = choices.split()
    flags = ("--fit", "bucket", "--size", size, "--buckets", limits, "--upscale", "--format", "jpeg")
    places = (str(tmp_path / "photos"), str(tmp_path / "out"), "--cache", str(tmp_path / "cache"))
    assert call(["dataset", "prepare", *places, *flags]) == 0
    manifest = json.loads((tmp_path / "out" / "prepare.json").read_text(encoding="utf-8"))
    crops = {entry["source"]: entry["result"]["crop"] for entry in manifest["pictures"]}
    for image, answer in zip(sizes, answers, strict=True):
        bucket, resized = answer[:2], answer[2:]
        name = f"{image[0]}x{image[1]}"
        with Image.open(tmp_path / "out" / f"{name}.jpg") as made:
            assert list(made.size) == bucket, name
        cut = [max(0, whole - part) // 2 for whole, part in zip(resized, bucket, strict=True)]
        ends = [min(whole, begin + part) for whole, begin, part in zip(resized, cut, bucket, strict=True)]
        wanted = [side * image[at % 2] / resized[at % 2] for at, side in enumerate((*cut, *ends))]
        assert crops[f"{name}.bmp"] == pytest.approx(wanted, abs=0.001), name
    assert len({tuple(answer[:2]) for answer in answers}) == len(bucketing.fixed)


@pytest.mark.parametrize("index", range(len(TRAININGS)))
def test_the_schedule_is_the_programs(asked: Asked, index: int) -> None:
    """Steps, epochs, warm-up; what is written, when, under which name; and what is left at the end."""
    real, schedule = asked.answers["trainings"][index], TRAININGS[index].schedule()
    assert (schedule.epochs, schedule.total_steps) == (real["epochs"], real["total"])
    assert (schedule.warmup_steps, schedule.decay_steps) == (real["warmup"], real["decay"])
    for writes, ending in ((schedule.checkpoints, ".safetensors"), (schedule.states, "-state")):
        ours = [[one.file, one.step] for one in writes]
        assert ours == [one for one in real["written"] if one[0].endswith(ending)]
        kept = sorted(one.file for one in writes if one.kept)
        assert kept == [name for name in real["left"] if name.endswith(ending)]
        assert (len(writes), writes.kept) == (len(ours), len(kept))
    samples = [[f"sample {one.epoch}", one.step] for one in schedule.samples]
    assert samples == [one for one in real["written"] if one[0].startswith("sample ")]
