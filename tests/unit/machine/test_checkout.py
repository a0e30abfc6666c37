"""What a checkout says in plain files."""

from pathlib import Path

import pytest

from fork_wrapper.machine.checkout import detached_head, is_checkout


def test_a_detached_head(tmp_path: Path) -> None:
    """As in every submodule, whose `.git` is a file that names another folder."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "HEAD").write_text("a" * 40 + "\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".git").write_text("gitdir: ../modules\n")
    assert detached_head(tmp_path / "sub") == "a" * 40
    assert is_checkout(tmp_path / "sub")


@pytest.mark.parametrize("head", ["ref: refs/heads/main", "a" * 39, "z" * 40, "é"])
def test_what_is_no_commit(tmp_path: Path, head: str) -> None:
    """A branch, or something damaged: git has to be asked."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head, encoding="latin-1")
    assert detached_head(tmp_path) is None


def test_a_plain_folder(tmp_path: Path) -> None:
    """An empty submodule."""
    assert detached_head(tmp_path) is None
    assert not is_checkout(tmp_path)
