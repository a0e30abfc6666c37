"""`kft document` as people use it: the whole text in both languages, coverage, files, errors."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper import __version__
from fork_wrapper.machine.settings import Settings, load_settings
from fork_wrapper.records.notes import add_note
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer
from tests.unit.publish.document.building import SIX, rehearsed, trained

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "document"
LATER = datetime(2026, 1, 5, tzinfo=timezone.utc)


@pytest.fixture
def shipped(project: Path, root: Path) -> Settings:
    """The shipped iterations in place of the two of the project."""
    shutil.rmtree(project / "experiments")
    shutil.copytree(root / "experiments", project / "experiments", ignore=shutil.ignore_patterns("*_24gb.toml"))
    return load_settings({}, cwd=project)


@pytest.fixture
def told(shipped: Settings) -> Settings:
    """Of the six: two rehearsed, one never run, three trained, one of these interrupted, resumed and noted."""
    rehearsed("humanoid_02", shipped)
    rehearsed("humanoid_03", shipped)
    run = trained("humanoid_04", shipped, steps=2232, total_steps=2232, epochs=12, seconds=2650.0)
    add_note(run, LATER, problems=["dark backgrounds"], solutions=["less noise offset"], decision="rejected")
    first = trained("humanoid_05", shipped, "20260103-030405", status="interrupted", steps=744, epochs=4, seconds=880.0)
    lineage = {"kind": "resume", "parent": first.run_id, "step": 744, "epoch": 4}
    facts: dict[str, Any] = {"steps": 1116, "total_steps": 1116, "epochs": 6, "seconds": 1300.0}
    trained("humanoid_05", shipped, "20260104-030405", lineage=lineage, **facts)
    trained("humanoid_06", shipped, sets=("seed=7",))
    return shipped


def _text(answer: Answer) -> str:
    """A document without the line whose hash changes with all others, and without the version of kft."""
    first, rest = answer.out.split("\n", 1)
    assert first.startswith("<!-- kft document: do not edit; sha256 of the rest ")
    return rest.replace(f"{__version__} {'d' * 40}", f"VERSION {'d' * 40}")


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_whole_document(told: Settings, kft: Kft, language: str) -> None:
    """Rehearsed, trained, resumed, noted and never run, side by side; the same every time, and of no machine."""
    answer = kft("document", "--lang", language)
    assert (answer.code, answer.err) == (0, "")
    text = _text(answer)
    assert str(told.root) not in text
    assert "PROJECT" not in text
    assert kft("document", "--lang", language) == answer
    assert_golden(text, GOLDEN / f"six.{language}.md")


@pytest.mark.parametrize("language", ["en", "es"])
def test_coverage(shipped: Settings, kft: Kft, language: str) -> None:
    """Of six rehearsals everything that a tool can know; what is missing, with where it could come from."""
    for name in SIX:
        rehearsed(name, shipped)
    answer = kft("document", "--coverage", "--fail-under", "100", "--lang", language)
    assert (answer.code, answer.err) == (0, "")
    assert_golden(answer.out, GOLDEN / f"coverage.{language}.txt")


def test_coverage_of_experiments_that_never_ran(shipped: Settings, kft: Kft) -> None:
    """Less than all, and exit code 1 where that is not enough; the document is written all the same."""
    answer = kft("document", "humanoid_05", "--coverage", "--fail-under", "99.9")
    assert (answer.code, answer.err) == (1, "90.5 % is filled, less than 99.9 %\n")
    assert kft("document", "humanoid_05", "--coverage", "--fail-under", "90").code == 0
    answer = kft("document", "humanoid_05", "-o", "one.md", "--fail-under", "100")
    assert (answer.code, answer.out) == (1, "one.md\n")
    assert (shipped.root / "one.md").exists()


@pytest.mark.usefixtures("told")
def test_json(kft: Kft) -> None:
    """Everything as values: answers with origins, gaps with hints, steps, samples, coverage."""
    made = json.loads(kft("document", "humanoid_04", "humanoid_05", "--json", "--lang", "es").out)
    fourth, fifth = made["subjects"]
    assert made["language"] == "es"
    assert (fourth["basis"], fifth["runs"]) == ("run", ["humanoid_05/20260103-030405", "humanoid_05/20260104-030405"])
    assert fourth["answers"]["problems"]["origin"] == "noted"
    assert fifth["answers"]["learning_rate"] == {"text": "4e-06", "origin": "assumed", "by": "humanoid_05"}
    assert "kft note" in fifth["missing"]["problems"]
    assert {change["key"] for change in fifth["step"]["changes"]} == {
        *("learning_rate", "max_train_epochs", "caption_dropout_rate"),
    }
    assert len(fifth["samples"]) == 4
    assert [prompt["seed"] for prompt in fifth["prompts"]] == [101, 202, 303, 404, 505]
    alone = json.loads(kft("document", "humanoid_04", "humanoid_05", "--json", "--coverage", "--lang", "es").out)
    assert alone == made["coverage"]
    assert alone["tool"] == {"filled": 84, "fields": 84}


def test_files(told: Settings, kft: Kft) -> None:
    """Written whole, again only where something changed, never over what is not kft's."""
    assert kft("document", "-o", "docs/es.md", "--lang", "es").out == "docs/es.md\n"
    written = told.root / "docs" / "es.md"
    assert written.read_text(encoding="utf-8") == kft("document", "--lang", "es").out
    assert kft("document", "-o", "docs/es.md", "--lang", "es").err == "docs/es.md is as it was\n"
    assert kft("document", "-o", "docs/es.md", "--lang", "en").code == 0
    (told.root / "mine.md").write_text("# mine\n", encoding="utf-8")
    answer = kft("document", "-o", "mine.md")
    assert answer.code == 2
    assert "kft did not write it" in answer.err
    assert (told.root / "mine.md").read_text(encoding="utf-8") == "# mine\n"
    assert kft("document", "-o", "mine.md", "--force").code == 0


def test_beside(told: Settings, kft: Kft) -> None:
    """One document for each experiment, beside its file; one that is a person's stops all of them."""
    folder = told.experiments
    answer = kft("document", "humanoid_04", "humanoid_05", "--beside")
    assert answer.out == "PROJECT/experiments/humanoid_04.md\nPROJECT/experiments/humanoid_05.md\n"
    text = (folder / "humanoid_05.md").read_text(encoding="utf-8")
    assert text.splitlines()[1] == "# Fine-tuning SDXL: humanoid_05"
    assert "### humanoid_04 → humanoid_05" in text
    (folder / "humanoid_03.md").write_text("mine", encoding="utf-8")
    answer = kft("document", "--beside")
    assert answer.code == 2
    assert not (folder / "humanoid_02.md").exists()
    (folder / "humanoid_03.md").unlink()
    assert len(kft("document", "--beside").out.splitlines()) == 6
    assert "humanoid_02.md" not in kft("list").out


def test_a_sidecar_and_a_config_file(told: Settings, kft: Kft, root: Path) -> None:
    """Whatever holds a configuration; of a file of the GUI the values are recovered."""
    record = (told.outputs / "humanoid_04" / "20260102-030405" / "record.json").read_text(encoding="utf-8")
    sidecar = told.root / "humanoid_04-000004.json"
    sidecar.write_text(record.replace('"kind": "run"', '"kind": "sidecar"'), encoding="utf-8")
    assert "| humanoid_04-000004 | real training, completed |" in kft("document", str(sidecar)).out
    (gui,) = sorted((root / "tests" / "golden" / "gui").glob("**/v25.2.2-finetune.json"))[:1]
    answer = kft("document", str(gui))
    assert answer.code == 0
    assert "config file of another program" in answer.out
    assert " [R]" in answer.out
    assert "[D]" not in answer.out.split("## ", 2)[2]
    assert "| min_snr_gamma = 5.0, shuffle_caption = true [R] |" in answer.out  # the form's other fields change nothing
    assert "`kft import-config FILE` makes an experiment of it" in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["humanoid_99", "humanoid_98"], "no experiment is called"),
        (["humanoid_05/nowhere"], "no such experiment, run or file"),
        (["--coverage", "-o", "x.md"], "-o and --coverage do not go together"),
        (["--json", "--beside"], "--json goes to stdout"),
        (["--fail-under", "101"], "101"),
        (["--lang", "fr"], "'fr'"),
    ],
)
def test_bad_input(shipped: Settings, kft: Kft, arguments: list[str], words: str) -> None:
    """Words and exit code 2; nothing is written."""
    answer = kft("document", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err
    assert list(shipped.root.glob("*.md")) == []
