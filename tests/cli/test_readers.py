"""What people read, compared whole: help, settings, experiments, exports."""

import json
import platform
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from fork_wrapper.cli import VERBS, group
from fork_wrapper.commands.dataset import VERBS as DATASET_VERBS
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"


def test_help_is_complete_and_in_the_docs(kft: Kft, root: Path) -> None:
    """`kft --help` lists every verb, and docs/commands.md shows the same text."""
    answer = kft("--help")
    assert (answer.code, answer.err) == (0, "")
    assert_golden(answer.out, GOLDEN / "help.txt")
    assert answer.out.strip() in (root / "docs" / "commands.md").read_text(encoding="utf-8")


def test_every_verb_is_in_the_table_with_its_own_line(root: Path) -> None:
    """The table of `kft --help` and the commands' own short help cannot drift apart."""
    modules = {path.stem for path in (root / "fork_wrapper" / "commands").glob("*.py")}
    modules -= {"__init__", "completing", "flags", "lazy", "live_view", "output", "tables"}
    tools = {f"dataset_{verb}" for verb in DATASET_VERBS}
    assert {verb.replace("-", "_") for verb in VERBS} == modules - tools
    assert len(VERBS) == 24
    for verb, line in VERBS.items():
        command = group.get_command(click.Context(group), verb)
        assert command is not None
        assert (command.name, command.short_help) == (verb, line)
        assert command.help


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help(kft: Kft, verb: str) -> None:
    """`kft VERB --help` works for all of them and names its arguments."""
    answer = kft(verb, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: kft {verb} [OPTIONS]")


def test_settings_name_their_source(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value with the layer that said it, relative paths made absolute."""
    (project / "kft.toml").write_text("models = 'm'\ninterrupt_grace = 60\n")
    (project / "kft.local.toml").write_text("datasets = '../data'\n")
    monkeypatch.setenv("KFT_PYTHON", str(project / "python"))
    answer = kft("settings", "--num-processes", "2", "--cache", "c", "--json")
    shown = json.loads(answer.out)
    assert len(shown) == 14
    assert shown["models"] == {"value": "PROJECT/m", "source": "PROJECT/kft.toml"}
    assert shown["datasets"]["source"] == "PROJECT/kft.local.toml"
    assert shown["python"] == {"value": "PROJECT/python", "source": "KFT_PYTHON"}
    assert shown["num_processes"] == {"value": 2, "source": "command line"}
    assert shown["outputs"] == {"value": "PROJECT/runs", "source": "built in"}
    assert shown["interrupt_grace"] == {"value": 60, "source": "PROJECT/kft.toml"}
    table = kft("settings", "--cache", "c").out
    assert re.search(r"^models +PROJECT/m +PROJECT/kft.toml", table, re.MULTILINE)


def test_show_an_experiment(kft: Kft) -> None:
    """An experiment with its parents' values, each with its origin."""
    answer = kft("show", "second")
    assert (answer.code, answer.err) == (0, "")
    # columns are as wide as the longest path of this machine
    assert_golden(re.sub(" {2,}", "  ", answer.out), GOLDEN / "show_experiment.txt")


def test_show_an_experiment_as_json(kft: Kft) -> None:
    """The same as values."""
    shown = json.loads(kft("show", "second", "--json").out)
    assert shown["training"]["learning_rate"] == 2e-5
    assert shown["origins"]["training.learning_rate"] == {"kind": "chosen", "by": "second"}
    assert shown["origins"]["training.save_model_as"] == {"kind": "kft", "by": "kft"}


def test_export_writes_the_exact_files_and_never_over_others(kft: Kft, project: Path) -> None:
    """train.toml and dataset.toml in a folder; a second export into it is refused."""
    answer = kft("export-config", "second", "-o", "out")
    assert (answer.code, answer.out) == (0, "out/train.toml\nout/dataset.toml\n")
    assert_golden(
        (project / "out" / "dataset.toml").read_text().replace(str(project), "PROJECT"), GOLDEN / "dataset.toml"
    )
    again = kft("export-config", "second", "-o", "out")
    assert again.code == 2
    assert again.err == (
        "error: nothing was written\n"
        "  • the file exists\n"
        "    out/train.toml\n"
        "    → name another folder\n"
        "  • the file exists\n"
        "    out/dataset.toml\n"
        "    → name another folder\n"
    )


def test_list_without_runs(kft: Kft) -> None:
    """Experiments on stdout, the absence of runs as talk."""
    answer = kft("list")
    assert (answer.code, answer.out) == (0, "experiments: first, second\n")
    assert answer.err == "no runs in PROJECT/runs\n"


def test_list_of_a_name_that_is_none(kft: Kft) -> None:
    """A misspelt experiment is not one without runs."""
    answer = kft("list", "frist")
    assert (answer.code, answer.out) == (2, "")
    assert "first" in answer.err
    assert (kft("list", "first").code, kft("list", "first").err) == (0, "no runs in PROJECT/runs\n")


def _run(project: Path, run_id: str, status: str, **facts: object) -> None:
    """A run's record: no more than readers rely on."""
    name, stamp = run_id.split("/")
    known = {"id": run_id, "status": status, "started": "", "process": {}, "steps": 0}
    nothing = ("ended", "total_steps", "steps_per_second", "loss", "seconds", "exit_code", "failure")
    record: dict[str, object] = {"kind": "run", "schema_version": 1, "rehearsal": None}
    record |= {section: {} for section in ("training", "dataset", "effective", "provenance")}
    record |= {
        "experiment": {"name": name, "origins": {}, "files": []},
        "toml": {"train": "", "dataset": ""},
        "launch": {"argv": [], "trainer": "sd-scripts"},
        "run": dict.fromkeys(nothing) | known | facts,
    }
    folder = project / "runs" / name / stamp
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(record))


def test_list_shows_every_run(kft: Kft, project: Path) -> None:
    """Oldest first; one that says `running` though its kft is gone is named, with what closes it."""
    done = {"steps": 8, "total_steps": 8, "loss": {"first": 0.2, "last": 0.12345, "lowest": 0.1}, "seconds": 3725.0}
    _run(project, "second/20260102-000000", "completed", **done)
    _run(project, "first/20260101-000000", "running")
    owner = {"host": platform.node(), "pid": 2**40, "created": 0.0}
    _run(project, "first/20260103-000000", "running", process=owner, total_steps=9)
    answer = kft("list")
    assert answer.out == (
        "experiments: first, second\n"
        "run                     status     steps  mean loss  time     saved\n"
        "first/20260101-000000   running    0      -          -        0\n"
        "second/20260102-000000  completed  8/8    0.1235     1:02:05  0\n"
        "first/20260103-000000   killed     0/9    -          -        0\n"
    )
    assert answer.err == "1 run ended with kft; `kft archive RUN` closes what it left open\n"
    shown = json.loads(kft("list", "first", "--json").out)
    assert shown["experiments"] == ["first"]
    assert [(run["run_id"], run["status"]) for run in shown["runs"]] == [
        ("first/20260101-000000", "running"),
        ("first/20260103-000000", "killed"),
    ]


def test_list_sorts_and_filters(kft: Kft, project: Path) -> None:
    """By what the records say and, where it is asked for, by the decision in a run's notes."""
    for day, loss in ((1, 0.3), (2, 0.1), (3, 0.2)):
        known = {
            "started": f"2026-01-0{day}T00:00:00+00:00",
            "loss": {"first": 1.0, "last": loss, "lowest": 0.0},
            "steps": day,
        }
        _run(project, f"first/2026010{day}-000000", "completed", **known)
    assert kft("note", "first/20260103-000000", "--decision", "selected").code == 0
    runs = json.loads(kft("list", "--sort", "-loss", "--filter", "steps<3", "--json").out)["runs"]
    assert [(run["run_id"], run["loss"], run["rehearsal"], run["parent"]) for run in runs] == [
        ("first/20260101-000000", 0.3, False, None),
        ("first/20260102-000000", 0.1, False, None),
    ]
    assert kft("list", "first", "--filter", "decision=selected").out == (
        "run                    status     steps  mean loss  time  saved\n"
        "first/20260103-000000  completed  3      0.2000     -     0\n"
    )
    nothing = kft("list", "first", "--filter", "loss>1", "--reverse")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "none of 3 runs passes the filters\n")


def test_list_says_all_that_is_wrong_with_what_was_asked(kft: Kft) -> None:
    """Before it reads anything."""
    answer = kft("list", "--filter", "los<0.1", "--filter", "status=done", "--sort", "-lss")
    assert (answer.code, answer.out) == (2, "")
    assert_golden(answer.err, GOLDEN / "list_wrong.txt")


def test_unknown_sources_are_explained(kft: Kft) -> None:
    """What can be named is said where a name is unknown."""
    assert kft("show", "first/20260101-000000").err == (
        "error: cannot find 'first/20260101-000000'\n"
        "  • no such experiment, run or file\n"
        "    first/20260101-000000\n"
        "    → name an experiment (first, second), a run (EXPERIMENT/RUN), a sidecar, a checkpoint or a config file\n"
    )
    assert kft("show", "gone.safetensors").err == (
        "error: cannot read gone.safetensors\n  • no such file\n    gone.safetensors\n    → check the path\n"
    )
