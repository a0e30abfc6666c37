"""Documents as files, and Markdown."""

from pathlib import Path

import pytest

from fork_wrapper.compare import markdown_text
from fork_wrapper.compare.markdown_text import aligned_table, code, escape
from fork_wrapper.errors import InputError
from fork_wrapper.publish.document.files import beside, marked, write


def test_only_its_own_files_are_written_over(tmp_path: Path) -> None:
    """Nothing is written where one of several must be left alone."""
    ours, theirs = tmp_path / "ours.md", tmp_path / "theirs.md"
    assert write({ours: marked("one\n")}) == [ours]
    assert write({ours: marked("one\n")}) == []
    theirs.write_text("# mine\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        write({ours: marked("two\n"), theirs: marked("two\n")})
    assert [finding.what for finding in caught.value.findings] == ["kft did not write it"]
    assert ours.read_text(encoding="utf-8").endswith("one\n")
    assert write({ours: marked("two\n"), theirs: marked("two\n")}, force=True) == [ours, theirs]


def test_an_edited_one_is_left_alone(tmp_path: Path) -> None:
    """By a person; line ends as git gives them on Windows are no edit."""
    path = tmp_path / "one.md"
    path.write_bytes(marked("one\ntwo\n").replace("\n", "\r\n").encode())
    assert write({path: marked("three\n")}) == [path]
    path.write_text(path.read_text(encoding="utf-8") + "a thought of mine\n", encoding="utf-8")
    with pytest.raises(InputError, match="edited since kft wrote it"):
        write({path: marked("four\n")})
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        write({tmp_path / "folder.md": marked("five\n")})


@pytest.mark.parametrize("name", ["kft.toml", "humanoid_05.json", "notes.jsonl", "HUMANOID_05.SAFETENSORS"])
def test_what_documents_are_made_from_is_never_written_over(tmp_path: Path, name: str) -> None:
    """Not even by force: it could be the only copy."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="documents are made from such files"):
        write({tmp_path / name: marked("one\n")}, force=True)
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_beside_an_experiment() -> None:
    """All experiments share one folder: the document has the experiment's name."""
    assert beside(Path("experiments/humanoid_05.toml")) == Path("experiments/humanoid_05.md")


def test_tables_are_aligned() -> None:
    """By what a terminal shows; a very long cell stands out alone."""
    rows = list(aligned_table(["a", "ñandú"], [("x", "1"), ("界", "y" * 60)]))
    assert rows[0] == "| a   | ñandú                                            |"
    assert rows[2].startswith("| x   | 1 ")
    assert rows[3] == f"| 界  | {'y' * 60} |"
    assert rows[-1] == ""
    assert list(aligned_table(["a"], [])) == []


def test_nothing_is_taken_for_markup() -> None:
    """What people write and what options hold stays as it is."""
    assert escape("a | b *c* [d] <e>\nf_g") == r"a \| b \*c\* \[d\] \<e\> f_g"
    assert code("a`b|c") == r"`` a`b\|c ``"
    assert code("") == ""
    assert (code("a``b"), code("```")) == ("``` a``b ```", "```` ``` ````")
    assert escape("a\x1b[31mb\u202e") == r"a\\x1b\[31mb\\u202e"
    assert code("a\x07") == r"`a\x07`"
    for one in ("a``b", "```", "a\x07", ""):
        assert markdown_text.code(one) == code(one)
    assert markdown_text.escape("\x1b") == r"\\x1b"
