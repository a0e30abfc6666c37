"""Rules that appear and vanish."""

from pathlib import Path
from typing import Any

from fork_wrapper.compare.ruling import Changes, rule_changes
from fork_wrapper.compare.values import understand
from fork_wrapper.formats.source import Source
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
        row("", ""),
    )
    first = run(training={"clip_skip": 1}, made=record())
    second = run(training={"clip_skip": 1}, made=record(findings=found))
    assert _changes(first, second, tmp_path) == ({"caption-missing"}, set())
    assert _changes(source({"clip_skip": 1}), second, tmp_path) == (set(), set())
