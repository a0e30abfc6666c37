"""`kft diff` as people see it: in a terminal of 100 columns, in a pipe, as Markdown and as JSON."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.records import run_folder as paths
from fork_wrapper.records.record import Record, write_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer
from tests.unit.compare.building import GPU, PYTHON, manifest, record

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"
BASE = {"pretrained_model_name_or_path": "/m/base.safetensors", "learning_rate": 1e-5, "max_train_epochs": 3}
DATA = {"datasets": [{"resolution": 1024, "batch_size": 4, "subsets": [{"image_dir": "/d/people"}]}]}


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal of 100 columns on stdout."""
    with monkeypatch.context() as patch:
        patch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        yield


@pytest.fixture
def shipped(kft: Kft, root: Path) -> Kft:
    """Kft among the shipped experiments."""
    return lambda *arguments: kft(*arguments, "--experiments", str(root / "experiments"))


def _keep(project: Path, name: str, made: Record) -> str:
    run = RunFolder(folder=project / "runs" / "first" / name)
    write_record(run, made)
    return run.run_id


@pytest.fixture
def two_runs(project: Path) -> tuple[str, str]:
    """Two runs of one experiment; the second with more images, another torch and a lower rate."""
    one = record("first", dataset=manifest(a__png=("1", "c1"), b__png=("2", "c2")))
    story = {"changes": "A lower rate, and the pictures that were missing."}
    two = record(
        "first",
        run={"seconds": 19000.0, "loss": {"first": 0.14, "last": 0.1, "lowest": 0.1}},
        experiment={"name": "first", "story": story, "origins": {}, "files": [], "sample_prompts": None},
        dataset=manifest(a__png=("1", "x"), b__png=("2", "c2"), c__png=("3", "c3"), d__png=("4", None)),
        python={**PYTHON, "packages": {"torch": "2.7.1", "rich": "14.2.0"}},
        gpus=[{**GPU, "name": "RTX 5090"}],
    )
    sets = ({"training": BASE, "dataset": DATA}, {"training": {**BASE, "learning_rate": 5e-6}, "dataset": DATA})
    made = [Record(**{**each.__dict__, **said}) for each, said in zip((one, two), sets, strict=True)]
    return _keep(project, "20260101-101500", made[0]), _keep(project, "20260301-090000", made[1])


def test_two_experiments_in_a_terminal(shipped: Kft, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what changed, in 100 columns; docs/experiments.md shows the same."""
    with terminal(monkeypatch):
        answer = shipped("diff", "humanoid_04", "humanoid_05")
    assert answer.code == 1
    assert answer.err == "3 differences change training\n"
    assert max(map(len, answer.out.splitlines())) <= 100
    assert_golden(answer.out, GOLDEN / "diff_04_05.txt")
    assert answer.out + answer.err in (root / "docs" / "experiments.md").read_text(encoding="utf-8")


def test_two_experiments_as_markdown(shipped: Kft) -> None:
    """A document for a pull request."""
    answer = shipped("diff", "humanoid_04", "humanoid_05", "--md")
    assert (answer.code, answer.err) == (1, "")
    assert_golden(answer.out, GOLDEN / "diff_04_05.md")


def test_two_runs_in_a_terminal(kft: Kft, two_runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration, images, what they were made with, and what came of it."""
    with terminal(monkeypatch):
        answer = kft("diff", *two_runs)
    assert answer.code == 1
    assert max(map(len, answer.out.splitlines())) <= 100
    assert_golden(answer.out + answer.err, GOLDEN / "diff_runs.txt")


def test_two_runs_as_markdown(kft: Kft, two_runs: tuple[str, str]) -> None:
    """The same."""
    assert_golden(kft("diff", *two_runs, "--md").out, GOLDEN / "diff_runs.md")


def test_a_long_way_apart(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of line: rounding, no effect on one side or both, subsets, paths, rules."""
    (project / "experiments" / "old.toml").write_text(
        "[training]\npretrained_model_name_or_path = '/srv/models/base/sd_xl_base_1.0.safetensors'\n"
        "optimizer_args = ['weight_decay=0.1', 'betas=(0.9,0.99)']\nhuber_c = 0.2\nnoise_offset = 0.0\n"
        "max_train_steps = 200\nxformers = true\n[dataset.general]\nbatch_size = 4\n[[dataset.datasets]]\n"
        "resolution = 1024\n[[dataset.datasets.subsets]]\n"
        "image_dir = '/srv/a/long/way/to/the/training/sets/of/the/whole/team/humanoid/v1'\n"
        "[[dataset.datasets.subsets]]\nimage_dir = '/srv/people'\nis_reg = true\n"
    )
    (project / "experiments" / "new.toml").write_text(
        "[training]\npretrained_model_name_or_path = '/srv/models/other/sd_xl_base_1.0.safetensors'\n"
        "use_8bit_adam = true\noptimizer_args = ['betas=(0.9, 0.990)', 'eps=1e-6']\nmax_train_epochs = 3\n"
        "sdpa = true\ngradient_checkpointing = true\ntrain_batch_size = 4\nkeep_tokens = 2\nseed = 0\n"
        "[[dataset.datasets]]\nresolution = [1024, 1024]\n[[dataset.datasets.subsets]]\n"
        "image_dir = '/srv/a/long/way/to/the/training/sets/of/the/whole/team/humanoid/v2'\nnum_repeats = 3\n"
        "[[dataset.datasets.subsets]]\nimage_dir = '/srv/people/'\nis_reg = true\n"
        "[[dataset.datasets.subsets]]\nimage_dir = '/srv/animals'\nflip_aug = true\n"
    )
    with terminal(monkeypatch):
        answer = kft("diff", "old", "new")
    assert max(map(len, answer.out.splitlines())) <= 100
    assert_golden(answer.out + answer.err, GOLDEN / "diff_far.txt")


def test_the_parent_is_meant_where_only_one_is_named(shipped: Kft) -> None:
    """Parent first."""
    assert shipped("diff", "humanoid_05").out == shipped("diff", "humanoid_04", "humanoid_05").out
    answer = shipped("diff", "sdxl_base")
    assert answer.code == 2
    assert "sdxl_base has no parent" in answer.err


def test_exit_codes(kft: Kft) -> None:
    """0 the same, 1 different, 2 no such source; --only-training counts training alone."""
    same = kft("diff", "first", "first")
    assert (same.code, same.out, same.err) == (0, "", "first and first are the same\n")
    assert kft("diff", "first", "second").code == 1
    assert kft("diff", "first", "third").code == 2
    assert kft("diff", "first", "second", "--only-training").code == 1


def test_only_training(kft: Kft, project: Path) -> None:
    """A checkpoint more often trains nothing differently."""
    (project / "experiments" / "often.toml").write_text("extends = 'first'\n[training]\nsave_every_n_epochs = 1\n")
    answer = kft("diff", "first", "often")
    assert (answer.code, answer.err) == (1, "0 differences change training, 1 does not\n")
    answer = kft("diff", "first", "often", "--only-training")
    assert (answer.code, answer.out, answer.err) == (0, "", "first and often train the same\n")


def test_all_shows_what_is_the_same(kft: Kft) -> None:
    """Every option and key has a line."""
    lines = kft("diff", "first", "second", "--all").out.splitlines()
    assert sum(line.startswith("    ") for line in lines) == 136 + 38
    assert kft("diff", "first", "first", "--all").out


def test_json(kft: Kft) -> None:
    """Complete, whatever is shown."""
    answer = kft("diff", "first", "second", "--json")
    assert (answer.code, answer.err) == (1, "")
    found = json.loads(answer.out)
    assert [one["key"] for one in found["differences"]] == ["learning_rate"]
    assert len(json.loads(kft("diff", "first", "second", "--json", "--all").out)["equal"]) == 173


def test_a_run_beside_its_experiment(kft: Kft, two_runs: tuple[str, str]) -> None:
    """Only the configuration, and it says so."""
    answer = kft("diff", "first", two_runs[0])
    assert (
        "first has not run: data, base model, code, machine and results have nothing to be compared with" in answer.out
    )
    assert re.search(r"max_train_epochs +\(absent\) +3", answer.out)


def test_a_named_source_is_opened_and_no_other(
    kft: Kft, two_runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand runs beside it cost nothing: their folders are not listed."""

    def listed(*_arguments: Any) -> None:
        pytest.fail("the folder of runs was listed")

    monkeypatch.setattr(paths, "newest_records", listed)
    monkeypatch.setattr("fork_wrapper.formats.source.newest_records", listed)
    assert kft("diff", *two_runs).code == 1
    assert kft("diff", "first", "second").code == 1
