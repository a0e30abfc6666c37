"""`kft promote`: the chosen base of LoRAs, from a run to a folder that can be handed on."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import load_settings
from fork_wrapper.records.run_folder import RunFolder
from tests.builders.checkpoints import change_sidecar, run_with_checkpoints
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
Kft = Callable[..., Answer]

STORY = '[story]\npurpose = "the base of all LoRAs"\nchanges = "a lower rate"\nproblems = ["hands"]\n'


@pytest.fixture
def run(project: Path) -> RunFolder:
    """A run of `second` that is over."""
    with (project / "experiments" / "second.toml").open("a", encoding="utf-8") as file:
        file.write(STORY)
    return run_with_checkpoints("second", load_settings({}, cwd=project))


def test_a_run_is_promoted(kft: Kft, run: RunFolder, project: Path) -> None:
    """Files on stdout; what was taken, what to know and that it was noted, as talk; the card in full."""
    assert kft("note", run.run_id, "--problem", "dark", "--decision", "candidate", "the best of six").code == 0
    answer = kft("promote", run.run_id, "--author", "Ana", "--author", "Sergio")
    assert answer.code == 0
    assert_golden(answer.out + answer.err, GOLDEN / "promote.txt")
    card = (project / "models" / "second" / "README.md").read_text(encoding="utf-8")
    times = r"\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d\d:\d\d(?=, )"
    assert_golden(re.sub(times, "2026-01-02T05:00:00+00:00", card), GOLDEN / "promote_card.md")
    notes = json.loads(kft("note", run.run_id, "--json").out)["notes"]
    assert [note["decision"] for note in notes] == ["candidate", "selected"]
    assert notes[1]["text"].startswith("promoted second.safetensors as second, sha256 ")
    assert kft("list", "second", "--filter", "decision=selected").out.count("\n") == 2
    assert kft("show", str(project / "models" / "second" / "second.json")).code == 0


def test_a_second_time_is_refused(kft: Kft, run: RunFolder, project: Path) -> None:
    """Nothing is replaced, and nothing is noted."""
    assert kft("promote", run.run_id).code == 0
    before = run.notes.read_bytes()
    answer = kft("promote", run.run_id)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("the file exists") == 4
    assert run.notes.read_bytes() == before
    assert kft("promote", run.run_id, "--name", "other", "--link").code == 0
    assert (project / "models" / "other" / "other.safetensors").samefile(run.folder / "second.safetensors")


def test_a_note_that_cannot_be_written_undoes_nothing(kft: Kft, run: RunFolder, project: Path) -> None:
    """The run may lie on a disk that is only read: it is said, and the base is there."""
    run.notes.mkdir()
    answer = kft("promote", run.run_id, "--license", "other", "--license-name", "x", "--license-link", "http://x\x7f")
    assert answer.code == 0
    assert "its run was not noted" in answer.err
    assert f"kft note {run.run_id} --decision selected TEXT" in answer.err
    card = (project / "models" / "second" / "README.md").read_text(encoding="utf-8")
    assert r'license_link: "http://x\\x7f"' in card


def test_a_rehearsal_needs_the_word(kft: Kft, project: Path) -> None:
    """Its card says so, too."""
    run = run_with_checkpoints(
        "second", load_settings({}, cwd=project), rehearsal={"trainer": "stand-in"}, status="rehearsed"
    )
    answer = kft("promote", run.run_id)
    assert (answer.code, answer.out) == (2, "")
    assert "it is a rehearsal: the miniature draws nothing" in answer.err
    assert not run.notes.exists()
    answer = kft("promote", run.run_id, "--rehearsal", "--to", "here")
    assert (answer.code, "noted without a decision" in answer.err) == (0, True)
    assert kft("list", "--filter", "decision=selected").out.count("\n") == 1  # trying the way selects nothing
    assert "**It is a rehearsal**" in (project / "here" / "README.md").read_text(encoding="utf-8")


def test_a_stray_sidecar_and_a_stray_checkpoint(kft: Kft, run: RunFolder, project: Path) -> None:
    """Without their run there is no note, which is said; without its sidecar a checkpoint is not promoted."""
    for name in ("second.json", "second.safetensors"):
        (run.folder / name).replace(project / name)
    run.record.unlink()
    answer = kft("promote", "second.json", "--to", "there", "--license", "cc-by-nc-sa-4.0")
    assert answer.code == 0
    assert "its run is not on this machine: no note was made" in answer.err
    assert "SDXL's licence" not in answer.err
    assert "`cc-by-nc-sa-4.0`, as it was said" in (project / "there" / "README.md").read_text(encoding="utf-8")
    (project / "second.json").unlink()
    assert kft("promote", "second.safetensors", "--to", "elsewhere").code == 2
    assert not (project / "elsewhere").exists()


def test_what_is_wrong_is_said_before_anything_is_written(kft: Kft, run: RunFolder, project: Path) -> None:
    """Words of the card, the file, the source."""
    for arguments, said in (
        (["--license", "other"], "another licence needs its name and its text"),
        (["--base-model", "sdxl"], "'sdxl' is not a name on the Hugging Face Hub"),
        (["--checkpoint", "gone.safetensors"], "gone.safetensors has no sidecar"),
        (["--name", "a/b"], "'a/b' cannot be the name of a file everywhere"),
    ):
        answer = kft("promote", run.run_id, *arguments)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
    assert "only what kft has trained can be promoted" in kft("promote", "first").err
    change_sidecar(run.folder / "second.safetensors", sha256="0" * 64)
    assert "has changed since it was archived" in kft("promote", run.run_id).err
    assert not (project / "models").exists()
    assert not run.notes.exists()
