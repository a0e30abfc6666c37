"""What a run trained with, compared with what is there now."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_tools.scan.hashing import HashCache
from fork_wrapper.experiment.subsets import fingerprint_subsets
from fork_wrapper.machine.provenance import GitState, base_model
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import TrainerPython
from fork_wrapper.records.record import Record, read_record
from fork_wrapper.repeat import changed_inputs as unchanged
from fork_wrapper.repeat.changed_inputs import changed_inputs, newer_programs
from tests.builders.records import recorded

BASE = """
[training]
pretrained_model_name_or_path = "{models}/base.safetensors"
[[dataset.datasets]]
resolution = 512
[[dataset.datasets.subsets]]
image_dir = "{datasets}/people"
"""


@pytest.fixture
def cache(tmp_path: Path) -> HashCache:
    """A hash cache of its own."""
    return HashCache(tmp_path / "hashes.json")


@pytest.fixture
def record(settings: Settings, write: Callable[..., Path], cache: HashCache) -> Record:
    """The record of a run whose base model and images are there and known."""
    write("one", BASE)
    settings.models.mkdir(parents=True)
    (settings.models / "base.safetensors").write_bytes(b"weights")
    people = settings.datasets / "people"
    people.mkdir(parents=True)
    for name in "abcde":
        (people / f"{name}.png").write_bytes(name.encode())
        (people / f"{name}.txt").write_text(f"caption {name}", encoding="utf-8")
    run = recorded("one", settings)
    plain = read_record(run.record)
    found = fingerprint_subsets(plain.training, plain.dataset, cache, lambda: False)
    assert found is not None
    base = base_model(str(plain.training["pretrained_model_name_or_path"]), cache)
    return plain.with_provenance(base_model=base, dataset=found.to_json())


def test_nothing_has_changed(record: Record, cache: HashCache) -> None:
    """By content: times and places on the disk do not count."""
    assert changed_inputs(record, cache) == []


def test_a_caption_has_changed(record: Record, settings: Settings, cache: HashCache) -> None:
    """By one byte; it is named by its image."""
    (settings.datasets / "people" / "b.txt").write_text("caption B", encoding="utf-8")
    (finding,) = changed_inputs(record, cache)
    assert (finding.what, finding.severity) == ("the data set has changed: b.png", "error")
    assert finding.where == str(settings.datasets / "people")


def test_more_than_three_are_counted(record: Record, settings: Settings, cache: HashCache) -> None:
    """New ones, lost ones and changed ones."""
    people = settings.datasets / "people"
    (people / "a.png").unlink()
    (people / "f.png").write_bytes(b"f")
    for name in "bcd":
        (people / f"{name}.png").write_bytes(b"other")
    (finding,) = changed_inputs(record, cache)
    assert finding.what == "the data set has changed: a.png, b.png, c.png and 2 more"


def test_another_base(record: Record, settings: Settings, cache: HashCache) -> None:
    """Another file under the same name, and none."""
    path = settings.models / "base.safetensors"
    path.write_bytes(b"other weights")
    (finding,) = changed_inputs(record, cache)
    assert finding.what.startswith("the base model is another one: sha256 ")
    path.unlink()
    (finding,) = changed_inputs(record, cache)
    assert (finding.what, finding.severity) == ("the base model is gone", "error")


def test_images_that_are_gone(record: Record, settings: Settings, cache: HashCache) -> None:
    """A folder that cannot be read is no other data set."""
    (settings.datasets / "people").rename(settings.datasets / "moved")
    (finding,) = changed_inputs(record, cache)
    assert finding.what == "the data set cannot be read"


def test_what_was_never_recorded(record: Record, cache: HashCache) -> None:
    """A run killed before everything was hashed: it is said, and stops nothing."""
    found = changed_inputs(record.with_provenance(base_model=None, dataset=None), cache)
    assert [finding.severity for finding in found] == ["warning", "warning"]
    assert all("cannot be compared" in finding.what for finding in found)


def test_other_programs(record: Record, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another commit, other versions of what reads a state; a package that came or went is no matter here."""
    monkeypatch.setattr(unchanged, "git_state", lambda _: GitState(commit="b" * 40, dirty=False))
    python = TrainerPython(
        executable="python", version="3.11", packages={"torch": "2.7.0", "accelerate": "1.6.0", "rich": "2"}
    )
    monkeypatch.setattr(unchanged, "probe_python", lambda *_: python)
    known = record.with_provenance(sd_scripts={"commit": "a" * 40, "dirty": False, "path": "x"})
    assert [finding.what for finding in newer_programs(known, settings)] == [
        "sd-scripts is at bbbbbbbb, the run had aaaaaaaa",
        "other versions than the run had: torch 2.7.0 (was 2.6.0)",
    ]
    assert newer_programs(replace(record, provenance={"sd_scripts": None, "python": None}), settings) == []
