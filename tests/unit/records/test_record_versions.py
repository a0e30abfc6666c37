"""Records of older versions keep loading: files of version 1 as kft wrote them, with and without a lineage.

These files are never written anew. A new version gets a folder of its own, and an upgrade in `record.UPGRADES`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fork_wrapper.compare.comparison import compare_sources
from fork_wrapper.errors import InputError
from fork_wrapper.formats.source import open_source, toml_texts
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records import record
from fork_wrapper.records.record import SCHEMA_VERSION, UPGRADES, from_json, read_record
from fork_wrapper.repeat.original import original_of
from tests.builders.records import recorded

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "records"
FILES = sorted(GOLDEN.glob("v*/*.json"))


def read(path: Path) -> dict[str, Any]:
    """A golden file."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def test_there_are_files_of_every_version() -> None:
    """Three of version 1; every older version has an upgrade."""
    assert [path.relative_to(GOLDEN).as_posix() for path in FILES] == [
        "v1/humanoid_02-reproduced.json",
        "v1/humanoid_03.json",
        "v1/record.json",
    ]
    assert ["lineage" in read(path) for path in FILES] == [True, False, False]
    assert UPGRADES.keys() == set(range(1, SCHEMA_VERSION))
    assert {read(path)["schema_version"] for path in FILES} == set(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_loads(path: Path, settings: Settings, schema: dict[str, Any]) -> None:
    """As a record, as a source, as what can be reproduced; and what it says is what it said."""
    raw = read(path)
    if raw["kind"] == "sidecar":
        jsonschema.validate(raw, schema)
    loaded = from_json(raw, path)
    assert loaded.training == raw["training"]
    assert loaded.lineage == raw.get("lineage")
    source = open_source(str(path), settings)
    assert source.kind == ("run" if raw["kind"] == "run" else "sidecar")
    assert source.origins["training.learning_rate"].kind == "assumed"
    assert toml_texts(source) == (raw["toml"]["train"], raw["toml"]["dataset"])
    original = original_of(source, settings)
    assert (original.run_id, original.trainer) == (raw["run"]["id"], raw["launch"]["trainer"])
    assert original.rehearsal is not None


def test_they_compare(settings: Settings) -> None:
    """A record and its sidecar are the same; a run of another experiment is not."""
    one, two, three = (open_source(str(path), settings) for path in FILES)
    assert compare_sources(two, three, settings.cache).same
    diff = compare_sources(one, two, settings.cache)
    assert "learning_rate" in {row.key for row in diff.different}


def test_a_version_is_lifted_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """By small functions, one after the other; a gap, or a newer version, is an error in words."""
    (path,) = [path for path in FILES if path.stem == "record"]

    def from_minus_one(raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "schema_version": 0, "options": raw["args"]}

    def from_zero(raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "schema_version": 1, "training": raw["options"]}

    raw = read(path)
    old = {key: value for key, value in raw.items() if key != "training"}
    old |= {"schema_version": -1, "args": raw["training"]}
    monkeypatch.setattr(record, "UPGRADES", {-1: from_minus_one, 0: from_zero})
    assert from_json(old, path) == from_json(raw, path)
    monkeypatch.setattr(record, "UPGRADES", {0: from_zero})
    for version in (-1, SCHEMA_VERSION + 1, None, "1"):
        with pytest.raises(InputError) as caught:
            from_json({**raw, "schema_version": version}, path)
        assert f"schema version {version}" in caught.value.findings[0].what


@pytest.mark.parametrize("section", ["plan", "rehearsal", "lineage"])
def test_a_section_of_another_shape(settings: Settings, write: Callable[..., Path], section: str) -> None:
    """Is named; it is not taken for one that is absent, for a rehearsal would pass for a real run."""
    write("one")
    path = recorded("one", settings).record
    raw = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**raw, section: []}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_record(path)
    assert caught.value.findings[0].what == f"missing or damaged: {section}"


def test_a_fact_of_another_shape_is_unknown(settings: Settings, write: Callable[..., Path]) -> None:
    """What a run had around it stops no reader."""
    write("one")
    path = recorded("one", settings).record
    raw = json.loads(path.read_text(encoding="utf-8"))
    odd = {"base_model": [1], "python": "3.11", "gpus": [1], "host": {"cpus": 2}, "later": "kept"}
    path.write_text(json.dumps({**raw, "provenance": odd}), encoding="utf-8")
    expected = {"base_model": None, "python": None, "gpus": None, "host": {"cpus": 2}, "later": "kept"}
    assert read_record(path).provenance == expected
