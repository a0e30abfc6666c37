"""Which checkpoint is promoted, and what forbids it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.chosen_checkpoint import Chosen, against, choose, doubts
from fork_wrapper.records.notes import add_note
from fork_wrapper.records.record import read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.checkpoints import change_sidecar, run_with_checkpoints
from tests.builders.records import NOW


@pytest.fixture
def run(settings: Settings, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run with an epoch's checkpoint and the final one."""
    monkeypatch.chdir(settings.root)
    write("one")
    return run_with_checkpoints("one", settings)


def chosen(text: Path | str, settings: Settings, checkpoint: str | None = None) -> Chosen:
    """The checkpoint that a name means."""
    return choose(open_source(str(text), settings), settings, checkpoint)


def refusal(text: Path | str, settings: Settings, checkpoint: str | None = None) -> str:
    """Why there is none."""
    with pytest.raises(InputError) as refused:
        chosen(text, settings, checkpoint)
    return str(refused.value)


def test_of_a_run_the_final_one(run: RunFolder, settings: Settings) -> None:
    """And why is said; another one by its name."""
    found = chosen(run.run_id, settings)
    assert (found.file.name, found.why, found.run) == ("one.safetensors", "the final one", run)
    assert found.entry["file"] == "one.safetensors"
    other = chosen(run.run_id, settings, "one-000002.safetensors")
    assert (other.file.name, other.why) == ("one-000002.safetensors", "")


def test_without_a_final_one_the_newest_whole(run: RunFolder, settings: Settings) -> None:
    """A file that was cut short is not it."""
    final = run.folder / "one.safetensors"
    final.write_bytes(final.read_bytes()[:-1])
    found = chosen(run.run_id, settings)
    assert (found.file.name, found.why) == ("one-000002.safetensors", "the newest whole one; there is no final one")
    (run.folder / "one-000002.safetensors").unlink()
    assert "there is no whole checkpoint" in refusal(run.run_id, settings)


def test_by_sidecar_and_by_checkpoint(run: RunFolder, settings: Settings, tmp_path: Path) -> None:
    """In the run's folder or elsewhere: the run is found by its id."""
    for name in ("one-000002.json", "one.json"):
        found = chosen(run.folder / name, settings)
        assert (found.file, found.why, found.run) == ((run.folder / name).with_suffix(".safetensors"), "", run)
    for name in ("one.json", "one.safetensors"):
        (tmp_path / name).write_bytes((run.folder / name).read_bytes())
    assert chosen(tmp_path / "one.json", settings).run == run
    run.record.unlink()
    assert chosen(tmp_path / "one.json", settings).run is None


def test_what_names_no_checkpoint(run: RunFolder, settings: Settings) -> None:
    """Each with what to do."""
    assert "kft did not train one" in refusal("one", settings)
    assert "one.json is one checkpoint" in refusal(run.folder / "one.json", settings, "one.safetensors")
    (run.folder / "one.json").unlink()
    assert f"-> kft archive {run.run_id}" in refusal(run.run_id, settings)
    raw = json.loads(run.record.read_text(encoding="utf-8"))
    (run.folder / "one.json").write_text(json.dumps(raw), encoding="utf-8")
    assert "it does not describe a checkpoint" in refusal(run.run_id, settings)


def test_a_running_run_has_no_last_checkpoint(run: RunFolder, settings: Settings) -> None:
    """One that is there can be named."""
    process = {"host": "elsewhere", "pid": 1, "created": 0.0}
    write_record(run, read_record(run.record).with_run(status="running", process=process))
    assert "it is still running" in refusal(run.run_id, settings)
    assert chosen(run.run_id, settings, "one-000002.safetensors").file.name == "one-000002.safetensors"


def _what(found: Chosen, *, rehearsal: bool = False) -> list[str]:
    return [finding.what for finding in against(found, rehearsal=rehearsal)]


def test_what_forbids_it(run: RunFolder, settings: Settings) -> None:
    """A file that is gone, broken, or not the one that was archived."""
    path = run.folder / "one.safetensors"
    found = chosen(run.run_id, settings)
    assert _what(found) == []
    change_sidecar(path, bytes=5000)
    assert _what(chosen(run.run_id, settings)) == ["it has 4 kB, and the one that was archived had 5 kB"]
    path.write_bytes(b"no model")
    assert _what(found) == ["not a complete safetensors file"]
    path.unlink()
    assert _what(found) == ["the checkpoint is gone"]


def test_a_rehearsal_is_refused_unless_it_is_meant(settings: Settings, run: RunFolder) -> None:
    """It draws nothing."""
    rehearsed = run_with_checkpoints("one", settings, rehearsal={"trainer": "stand-in"}, status="rehearsed")
    assert rehearsed == run
    found = chosen(run.run_id, settings)
    assert _what(found) == ["it is a rehearsal: the miniature draws nothing"]
    assert _what(found, rehearsal=True) == []


@pytest.mark.parametrize(
    ("facts", "entry", "said"),
    [
        ({}, {}, []),
        ({"status": "interrupted"}, {}, ["its run did not end as planned: interrupted"]),
        ({"nan_step": 7}, {}, ["the loss is no number from step 7 on"]),
        ({}, {"sha256": None}, ["its sidecar has no sha256: nothing proves that it is still the file that was saved"]),
    ],
)
def test_doubts(
    settings: Settings, run: RunFolder, facts: dict[str, Any], entry: dict[str, Any], said: list[str]
) -> None:
    """Are no reason to refuse it."""
    run_with_checkpoints("one", settings, **facts)
    change_sidecar(run.folder / "one.safetensors", **entry)
    found = chosen(run.run_id, settings)
    assert [finding.what for finding in doubts(found)] == said
    assert {finding.severity for finding in doubts(found)} <= {"warning"}
    add_note(run, NOW, decision="rejected")
    assert "its notes reject it" in [finding.what for finding in doubts(found)]
    add_note(run, NOW, decision="candidate")
    assert [finding.what for finding in doubts(found)] == said
