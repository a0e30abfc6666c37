"""`kft new`: a child of an experiment, a whole experiment of a run, and nothing where something is wrong."""

from collections.abc import Callable
from pathlib import Path

from fork_wrapper.machine.settings import load_settings
from tests.builders.projects import assert_golden
from tests.builders.records import recorded
from tests.cli.conftest import Answer

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
Kft = Callable[..., Answer]


def test_a_child(kft: Kft, project: Path) -> None:
    """Its path on stdout, what to do next as talk; the file says what it changes and what that was."""
    changes = ("--set", "learning_rate=3e-6", "--set", "batch_size=8", "--set", "seed=7", "--unset", "mixed_precision")
    answer = kft("new", "third", "--from", "second", *changes, "--purpose", "less", "--changes", "it burned")
    assert (answer.code, answer.out) == (0, "PROJECT/experiments/third.toml\n")
    assert answer.err == "  → kft diff second third\n  → kft check third\n  → kft run third --rehearse\n"
    assert_golden((project / "experiments" / "third.toml").read_text(encoding="utf-8"), GOLDEN / "new_child.toml")
    assert kft("show", "third").code == 0


def test_of_a_run(kft: Kft, project: Path) -> None:
    """A whole experiment, which needs no other file."""
    run = recorded("second", load_settings({}, cwd=project))
    answer = kft("new", "again", "--from", run.run_id, "--set", "learning_rate=3e-6")
    assert (answer.code, answer.out) == (0, "PROJECT/experiments/again.toml\n")
    assert answer.err == "  → kft check again\n  → kft run again --rehearse\n"
    text = (project / "experiments" / "again.toml").read_text(encoding="utf-8")
    assert text.startswith("# again: recovered from the record of a run of kft\n")
    assert "learning_rate is ours: 2e-05 there, 3e-06 here" in text
    shown = kft("diff", "second", "again").out
    assert "learning_rate  2e-05   3e-06  chosen" in shown


def test_nothing_is_written_where_something_is_wrong(kft: Kft, project: Path) -> None:
    """All of it said at once."""
    answer = kft("new", "third", "--from", "first", "--set", "lerning_rate=1", "--set", "sead=1", "--unset", "x")
    assert (answer.code, answer.out) == (2, "")
    assert_golden(answer.err, GOLDEN / "new_wrong.txt")
    assert kft("new", "second", "--from", "first").err == (
        "error: nothing was written\n  • the file exists\n    PROJECT/experiments/second.toml\n"
        "    → give another name, or move the file\n"
    )
    assert kft("new", "third", "--from", "firts").code == 2
    assert kft("new", "third").code == 2
    assert sorted(path.name for path in (project / "experiments").iterdir()) == ["first.toml", "second.toml"]


def test_what_would_stop_the_new_one_is_said(kft: Kft) -> None:
    """It is written nevertheless."""
    answer = kft("new", "third", "--from", "first", "--set", "lr_scheduler=constant", "--set", "lr_warmup_steps=5")
    assert answer.code == 0
    assert "warning: the real run would stop: constant has no warm-up" in answer.err
