"""Rules that appear and vanish."""

import json
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.check.rules.case import Case
from fork_wrapper.compare import rule_changes as module
from fork_wrapper.compare.rule_changes import KEPT, Changes, code_stamp, judged, rule_changes
from fork_wrapper.compare.values import understand
from fork_wrapper.formats.source import Source
from fork_wrapper.sdscripts.options import Table, options, pinned_table, using
from tests.unit.compare.building import record, run, source


def _changes(first: Source, second: Source, cache: Path) -> tuple[set[str], set[str]]:
    found = rule_changes(understand(first), understand(second), cache)
    return {one.rule for one in found.appear}, {one.rule for one in found.vanish}


def test_appear_and_vanish(tmp_path: Path) -> None:
    """By what the configurations say."""
    first, second = source({"huber_c": 0.2}), source({"clip_skip": 1})
    assert _changes(first, second, tmp_path) == ({"clip-skip"}, {"huber-unused"})
    assert _changes(second, first, tmp_path) == ({"huber-unused"}, {"clip-skip"})


def test_another_value_is_the_same_finding(tmp_path: Path) -> None:
    """Its words differ, the rule and its subject do not."""
    assert _changes(source({"clip_skip": 1}), source({"clip_skip": 2}), tmp_path) == (set(), set())


def test_a_rule_may_speak_of_several_keys(tmp_path: Path) -> None:
    """The same rule about another key appears."""
    found = rule_changes(
        understand(source({"dynamo_backend": "eager"})), understand(source({"vae_batch_size": 2})), tmp_path
    )
    assert [one.where for one in found.appear] == ["training.vae_batch_size"]
    assert [one.where for one in found.vanish] == ["training.dynamo_backend"]
    assert found
    assert not Changes(appear=(), vanish=())


def test_runs_bring_what_was_found_at_their_launch(tmp_path: Path) -> None:
    """About images and machines; what the configuration alone says is judged alike for both, and named once."""

    def row(rule: str, where: str) -> dict[str, Any]:
        return {"what": "w", "where": where, "todo": "", "severity": "warning", "rule": rule}

    found = (
        row("caption-missing", "/d (a)"),
        row("caption-missing", "/e (b)"),
        row("clip-skip", "x.toml, line 1"),
        row("sd-scripts-commit", "/s"),
        row("", ""),
    )
    first = run(training={"clip_skip": 1}, made=record())
    second = run(training={"clip_skip": 1}, made=record(findings=found))
    assert _changes(first, second, tmp_path) == ({"caption-missing"}, set())
    assert _changes(source({"clip_skip": 1}), second, tmp_path) == (set(), set())


UNUSED = Case(training={"huber_c": 0.2}, dataset={})


def _rules(cases: list[Case], cache: Path) -> list[set[str]]:
    return [{finding.rule for finding in found} for found in judged(cases, cache)]


def test_the_second_time_no_rule_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The findings are those of the first time."""
    first = judged([UNUSED, Case(training={}, dataset={})], tmp_path)
    assert "huber-unused" in {finding.rule for finding in first[0]}
    assert "huber-unused" not in {finding.rule for finding in first[1]}
    monkeypatch.setattr(module, "_judge", lambda _case: pytest.fail("asked again"))
    assert judged([UNUSED, Case(training={}, dataset={})], tmp_path) == first


def test_other_code_judges_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory of another kft counts for nothing."""
    judged([UNUSED], tmp_path)
    monkeypatch.setattr(module, "code_stamp", lambda: "newer")
    monkeypatch.setattr(module, "_judge", lambda _case: ())
    assert judged([UNUSED], tmp_path) == [()]
    assert json.loads((tmp_path / "judged.json").read_text())["code"] == "newer"


def test_the_stamp_moves_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of any rule, however small."""
    for name in ("check", "check/rules", "sdscripts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.py").write_text("a")
    monkeypatch.setattr(module, "_CODE", tmp_path)
    before = code_stamp()
    assert code_stamp() == before
    (tmp_path / "check" / "rules" / "one.py").write_text("ab")
    assert code_stamp() != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"code": 1}', '{"code": "CODE", "findings": {"a": [1]}}'])
def test_a_damaged_memory_counts_for_nothing(tmp_path: Path, text: str) -> None:
    """It is written anew."""
    (tmp_path / "judged.json").write_text(text.replace("CODE", code_stamp()))
    assert "huber-unused" in _rules([UNUSED], tmp_path)[0]


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """It is only slow."""
    (tmp_path / "file").write_text("")
    assert "huber-unused" in _rules([UNUSED], tmp_path / "file")[0]


def test_the_memory_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest stay."""
    monkeypatch.setattr(module, "_judge", lambda _case: ())
    judged([Case(training={"seed": number}, dataset={}) for number in range(KEPT + 10)], tmp_path)
    assert len(json.loads((tmp_path / "judged.json").read_text())["findings"]) == KEPT


def test_another_table_is_not_remembered(tmp_path: Path) -> None:
    """Defaults are part of what is judged."""
    other = Table(commit="c0ffee", options=dict(pinned_table().options))
    with using(lambda: other):
        assert options() is other.options
        assert "huber-unused" in _rules([UNUSED], tmp_path)[0]
    assert not (tmp_path / "judged.json").exists()


def test_what_has_no_canonical_form_is_judged_each_time(tmp_path: Path) -> None:
    """NaN, or a date."""
    assert (
        "huber-unused"
        in _rules([Case(training={"huber_c": 0.2, "noise_offset": float("nan")}, dataset={})], tmp_path)[0]
    )
    assert not (tmp_path / "judged.json").exists()


def test_rules_that_look_around_are_left_out(tmp_path: Path) -> None:
    """A folder that is not there, and a model that is a bad link, are facts of this machine."""
    link = tmp_path / "base.safetensors"
    link.symlink_to("elsewhere.safetensors")
    training = {"console_log_file": str(tmp_path / "no" / "log"), "pretrained_model_name_or_path": str(link)}
    found = _rules([Case(training=training, dataset={})], tmp_path)[0]
    assert "console-log-file" in found
    assert not found & {"console-log-folder", "model-symlink"}
