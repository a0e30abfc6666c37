"""Outside of any project: no verb takes another folder's, and each says how one begins."""

from pathlib import Path

import pytest

from fork_wrapper.cli import call

REMEDY = "this is not a kft project (no kft.toml here or above): `kft init` begins one"

VERBS = (
    *(("check", "x"), ("plan", "x"), ("run", "x"), ("run", "x", "--rehearse"), ("show", "x"), ("diff", "x")),
    *(("export-config", "x"), ("new", "y", "--from", "x"), ("list",), ("list", "x"), ("archive",), ("document",)),
    *(("report",), ("log", "x"), ("note", "x"), ("resume", "x"), ("promote", "x"), ("reproduce", "x")),
    *(("archive", "x"), ("show", "x@latest"), ("log", "x/20260101-000000"), ("dataset", "check", "x")),
)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a kft.toml above it, while kft itself runs from a checkout that has one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("arguments", VERBS)
def test_the_remedy_is_named(nowhere: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    """Exit code 2, nothing written, and no word of the checkout's experiments."""
    code = call(arguments)
    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert REMEDY in said.err
    assert "humanoid_05" not in said.err
    assert list(nowhere.iterdir()) == []
    assert len(VERBS) == 22


def test_the_checkouts_own_experiments_are_a_project_in_its_folders_alone(
    root: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There, and in every folder below, they are listed; elsewhere they are not."""
    for folder in (root, root / "experiments" / "prompts"):
        monkeypatch.chdir(folder)
        assert call(["list"]) == 0
        assert "humanoid_05" in capsys.readouterr().out
    monkeypatch.chdir(nowhere)
    assert call(["list"]) == 2
    assert capsys.readouterr().out == ""


def test_a_folder_becomes_a_project(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `kft init`; from a folder below it, its experiments are found and relative paths belong to that folder."""
    assert call(["init", "."]) == 0
    below = nowhere / "notes" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    capsys.readouterr()
    assert call(["list"]) == 0
    assert "humanoid_05" in capsys.readouterr().out
    assert call(["settings", "--outputs", "elsewhere"]) == 0
    assert str(below / "elsewhere") in capsys.readouterr().out
    monkeypatch.setenv("KFT_OUTPUTS", "by_variable")
    assert call(["settings"]) == 0
    assert str(below / "by_variable") in capsys.readouterr().out
