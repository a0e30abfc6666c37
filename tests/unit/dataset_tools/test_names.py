"""What is a name, and what leads elsewhere: on this system and on the others."""

import os
from pathlib import Path

import pytest

from dataset_tools import names
from dataset_tools.names import are_plain, is_below, is_plain, lies_in

PLAIN = (
    "humanoid_05",
    "humanoid_05-000001.safetensors",
    "año 'uno' 🙂",
    ".hidden",
    "a..b",
    "-x",
    "console",
    "com10.txt",
)
NO_NAME = (
    *("", ".", "..", "/", "a/b", "../a", "/a", "a\\b", "..\\a", "C:\\a", "C:a", "a:stream", "a\0", "a\n", "\x1b[2J"),
    *("\x9bm", "con", "CON", "con.txt", "nul", "Lpt1.json", "com¹", "aux .txt", "conin$", "a.", "a ", "a. ", "\u2028"),
    *("x" * 256, "\ud800", None, 5, ["a"], b"a"),
)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name(name: str) -> None:
    """On every system."""
    assert is_plain(name)
    assert are_plain(f"{name}/20260102-030405")
    assert is_below(f"sub/{name}")


@pytest.mark.parametrize("name", NO_NAME, ids=repr)
def test_what_is_no_plain_name(name: object) -> None:
    """On one system at least, or of another type."""
    assert not is_plain(name)
    if "/" not in str(name):
        assert not are_plain(f"one/{name}" if isinstance(name, str) else name)


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/..", "a/../b", "./a", "a\0b", "a/", "x" * 300, None, 5])
def test_what_is_not_below(path: object) -> None:
    """Whatever the system."""
    assert not is_below(path)


@pytest.mark.parametrize("path", ["a: b?.png", "sub/con.png", "a\\b.png", "x.", "C:\\x"])
def test_what_is_below_on_one_system_alone(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures keep the names that their owner's system gave them."""
    monkeypatch.setattr(names, "_is_strict", lambda: False)
    assert is_below(path)
    monkeypatch.setattr(names, "_is_strict", lambda: True)
    assert not is_below(path)


@pytest.mark.skipif(os.name == "nt", reason="links cannot be made there")
def test_links_are_followed(tmp_path: Path) -> None:
    """Those of the folder itself as well; what does not exist yet lies where it would be made."""
    home, other = tmp_path / "home", tmp_path / "home-other"
    home.mkdir()
    other.mkdir()
    (home / "inside").mkdir()
    (home / "out").symlink_to(other)
    (home / "in").symlink_to(home / "inside")
    (home / "round").symlink_to(home / "round")
    (tmp_path / "second").symlink_to(home)
    assert [lies_in(home / name, home) for name in ("inside/x", "in/x", "new/x", ".")] == [True] * 4
    assert [lies_in(home / name, home) for name in ("out", "out/x", "..", "../home-other", "a\0b")] == [False] * 5
    assert lies_in(tmp_path / "second" / "inside", home)
    assert lies_in(home / "inside", tmp_path / "second")
