"""`kft init`: a project in a folder of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
Kft = Callable[..., Answer]


def test_a_new_project_works(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files on stdout, what to do next as talk; every verb finds its experiments."""
    answer = kft("init", "mine")
    assert answer.code == 0
    assert_golden(answer.out + answer.err, GOLDEN / "init.txt")
    assert_golden((project / "mine" / "README.md").read_text(encoding="utf-8"), GOLDEN / "init_readme.md")
    monkeypatch.chdir(project / "mine")
    assert kft("list").out.startswith("experiments: humanoid_02, humanoid_03, ")
    checked = kft("check", "humanoid_05")
    assert "humanoid_05: 31 options, all known and well typed\n" in checked.err
    assert "PROJECT/mine/models/sd_xl_base_1.0.safetensors\n" in checked.out
    assert kft("new", "own", "--from", "humanoid_05", "--set", "seed=1").code == 0
    assert kft("diff", "humanoid_05", "own").code == 1


def test_here_and_bare(kft: Kft, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the working folder there is nowhere to go first; what the command line says of this machine is kept."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    answer = kft("init", "--bare", "--models", "m", "--python", "python-of-mine")
    assert (answer.code, answer.err) == (0, "  → kft run sdxl_base --rehearse\n  → kft check sdxl_base\n")
    assert "kft.local.toml\n" in answer.out
    shown = kft("settings").out
    assert f"{tmp_path}/empty/m " in shown
    assert "python-of-mine" in shown
    assert kft("list").out == "experiments: sdxl_base\n"
    assert project.exists()


def test_nothing_is_replaced(kft: Kft, project: Path) -> None:
    """What exists is named, nothing is written."""
    answer = kft("init")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "error: nothing was written\n  • the file exists\n    PROJECT/kft.toml\n    → move it, or name another folder\n"
    )
    assert sorted(path.name for path in project.iterdir()) == ["experiments", "kft.toml"]
    (project / "file").write_text("")
    assert kft("init", "file").code == 2
