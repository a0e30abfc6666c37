"""Completion: what may follow, by click's own machinery and in a real shell."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.cli import group
from fork_wrapper.commands.completion import SHELLS, VARIABLE, register
from fork_wrapper.machine.settings import load_settings
from tests.builders.checkpoints import run_with_checkpoints
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(project: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """What a shell is told to offer behind a line, in a project with two runs of `first`."""
    settings = load_settings({}, cwd=project)
    made = run_with_checkpoints("first", settings, ("-000002", "")).folder
    shutil.copytree(made, made.with_name("20260103-030405"))
    register()
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    bash = get_completion_class("bash")
    assert bash is not None

    def offered(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        answer = bash(group, {}, "kft", VARIABLE).complete()
        return [one.partition("\t")[0] for one in answer.splitlines()]

    return offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("kft sh", ["show"]),
        ("kft dataset st", ["stats"]),
        ("kft show --all", ["--allow-unknown"]),
        ("kft run ", ["first", "second"]),
        ("kft check sec", ["second"]),
        ("kft show sec", ["second"]),
        ("kft log ", ["first", "first@latest", "first/20260103-030405", "first/20260102-030405"]),
        ("kft diff first first/20260103", ["first/20260103-030405"]),
        ("kft promote first@", ["first@latest", "first@-2"]),
        ("kft reproduce first@-2:", ["first@-2:epoch2", "first@-2:final"]),
        ("kft show first:e", ["first:epoch2"]),
        ("kft show first/20260102-030405:f", ["first/20260102-030405:final"]),
        ("kft run first --set lr_scheduler_ty", ["lr_scheduler_type="]),
        ("kft run first --set loss_type=h", ["loss_type=huber"]),
        ("kft run first --set=loss_type=h", ["loss_type=huber"]),
        ("kft run first --set dataset.general.flip_aug=t", ["dataset.general.flip_aug=true"]),
        ("kft run first --unset noise_offset_", ["noise_offset_random_strength"]),
        ("kft list --sort lo", ["loss"]),
        ("kft list --filter sta", ["status=", "started="]),
        ("kft list --filter status=failed,com", ["status=failed,completed"]),
        ("kft list --filter experiment=f", ["experiment=first"]),
        ("kft list --columns status,max_train_s", ["status,max_train_steps"]),
        ("kft rules huber-u", ["huber-unused"]),
        ("kft rules image-pl", ["image-plain"]),
        ("kft options noise_offset_", ["noise_offset_random_strength"]),
        ("kft note first --decision se", ["selected"]),
        ("kft completion p", ["powershell"]),
        ("kft show nobody@", []),
        ("kft show 'a b", []),
    ],
)  # fmt: skip
def test_what_may_follow(complete: Complete, line: str, offered: list[str]) -> None:
    """Verbs, options, experiments, runs, checkpoints, keys, values."""
    found = complete(line)
    assert found[: len(offered)] == offered
    assert len(found) == len(offered)


def test_a_broken_project_offers_nothing(complete: Complete, project: Path) -> None:
    """And says nothing: a shell is no place for it."""
    (project / "kft.toml").write_text("models = 3", encoding="utf-8")
    assert complete("kft show fir") == []


def test_other_projects_and_flags(complete: Complete, project: Path, tmp_path: Path) -> None:
    """What the line itself says of places is heeded."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "third.toml").write_text("", encoding="utf-8")
    assert complete(f"kft check --experiments {other} ") == ["third"]
    assert project.is_dir()


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_every_shell_has_its_script(kft: Kft, shell: str) -> None:
    """With kft's own names filled in, and nothing left to fill."""
    answer = kft("completion", shell)
    assert answer.code == 0
    assert f"{shell}_complete" in answer.out
    assert VARIABLE in answer.out
    assert "%(" not in answer.out
    assert len(SHELLS) == 4


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("kft chec", ["check"]),
        ("kft show first@la", ["@latest"]),  # bash breaks words at : and = and before @, and replaces what is behind
        ("kft show first@latest:fi", ["final"]),
        ("kft run first --set loss_type=hu", ["huber"]),
        ("kft run sec", ["second"]),
        ("kft import-config kft.to", []),  # files are the shell's own business
    ],
)
def test_in_bash(complete: Complete, kft: Kft, project: Path, line: str, replies: list[str]) -> None:
    """The script as bash runs it, with the words as bash breaks them."""
    assert complete("kft chec") == ["check"]
    script = project / "script.sh"
    breaks = r""" \t\n\"\'@><=;|&(:"""  # as they are by default
    script.write_text(
        f"{kft('completion', 'bash').out}\n"
        f"kft() {{ '{sys.executable}' -m fork_wrapper \"$@\"; }}\n"
        f"COMP_WORDBREAKS=$'{breaks}'\n"
        f"COMP_LINE='{line}' COMP_POINT={len(line)}\n"
        "compopt() { :; }\n"
        "_kft_completion kft\n"
        'printf "%s\\n" ${#COMPREPLY[@]} "${COMPREPLY[@]}"\n',
        encoding="utf-8",
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        ["bash", "--norc", str(script)],
        capture_output=True,
        text=True,
        check=True,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout.split() == [str(len(replies)), *replies]
    assert done.stderr == ""


def test_completing_a_verb_imports_no_other() -> None:
    """A shell waits: the list of verbs is a table, and a verb's names come from folders."""
    code = (
        "import os, sys; os.environ.update(_KFT_COMPLETE='bash_complete', COMP_WORDS=sys.argv[1]); "
        "from fork_wrapper.cli import call; call([]); "
        "print([n for n in sys.modules if n.startswith('fork_wrapper.commands.')], "
        "[n for n in ('rich', 'torch', 'numpy', 'PIL', 'psutil') if n in sys.modules], file=sys.stderr)"
    )
    root = Path(__file__).resolve().parents[2]
    found = []
    for line in ("kft sh", "kft check hum"):
        done = subprocess.run([sys.executable, "-c", code, line], capture_output=True, text=True, cwd=root, check=True)
        found.append((done.stdout.count("\n"), done.stderr.strip()))
    loaded = [f"fork_wrapper.commands.{name}" for name in ("lazy", "output", "completion")]
    assert found[0] == (1, f"{loaded} []")
    assert found[1][0] == 7


def test_help_says_how(kft: Kft) -> None:
    """Where the script goes, for each shell."""
    said = kft("completion", "--help").out
    assert all(place in said for place in ("~/.bashrc", "~/.zshrc", "kft.fish", "$PROFILE"))
