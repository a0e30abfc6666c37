"""kft's own files: whole or not at all, the same bytes for the same value, errors that name the line."""

import json
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fork_wrapper.errors import InputError
from fork_wrapper.files import (
    canonical_json,
    flatten,
    line_of,
    parse_toml,
    parse_toml_value,
    pretty_json,
    read_json,
    read_text,
    sha256_text,
    write_whole,
)

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(("data", "raw"), [("niño 🦊\n", "niño 🦊\n".encode()), (b"\x00\xff\r\n", b"\x00\xff\r\n")])
def test_writes_the_bytes_as_they_are(tmp_path: Path, data: bytes | str, raw: bytes) -> None:
    """Text becomes UTF-8 with its own line ends, bytes stay bytes, missing folders are made."""
    path = tmp_path / "new folder" / "ñ 🦊" / "file.toml"
    write_whole(path, data)
    assert path.read_bytes() == raw
    assert [item.name for item in path.parent.iterdir()] == ["file.toml"]


def test_replaces_what_was_there(tmp_path: Path) -> None:
    """A second write wins, whatever the first left."""
    path = tmp_path / "record.json"
    write_whole(path, "a much longer first text")
    write_whole(path, "second")
    assert path.read_text(encoding="utf-8") == "second"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, failure: BaseException
) -> None:
    """Whatever goes wrong on the way, the old content stands and no temporary file is left."""
    path = tmp_path / "record.json"
    path.write_text("old", encoding="utf-8")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(failure)):
        write_whole(path, "new")
    assert {item.name: item.read_text(encoding="utf-8") for item in tmp_path.iterdir()} == {"record.json": "old"}


def test_the_file_is_on_disk_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are forced to the disk before the rename, so the name never points at an empty file."""
    calls: list[str] = []

    def spy(name: str, real: Callable[..., None]) -> None:
        def call(*arguments: Any) -> None:
            calls.append(name)
            real(*arguments)

        monkeypatch.setattr(os, name, call)

    spy("fsync", os.fsync)
    spy("replace", os.replace)
    write_whole(tmp_path / "a", "text")
    assert (calls, (tmp_path / "a").read_bytes()) == (["fsync", "replace"], b"text")


@pytest.mark.skipif(os.name != "posix", reason="POSIX permission bits")
def test_others_may_read(tmp_path: Path) -> None:
    """A colleague on the same server can read what kft wrote."""
    write_whole(tmp_path / "a", "text")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_name_as_long_as_the_system_takes(tmp_path: Path) -> None:
    """The temporary name never gets longer than the real one may be."""
    path = tmp_path / ("é" * 125 + ".json")
    write_whole(path, "text")
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_canonical_json_is_one_exact_line() -> None:
    """Sorted keys at every depth, no spaces, text unescaped, floats as Python spells them."""
    value = {"b": [1, 1.0, True, None], "a": {"ñ 🦊": "é\n", "B": 1e-05}}
    assert canonical_json(value) == '{"a":{"B":1e-05,"ñ 🦊":"é\\n"},"b":[1,1.0,true,null]}'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_json_has_not(value: float) -> None:
    """NaN and infinity never reach an archive."""
    with pytest.raises(ValueError, match="Out of range float values"):
        canonical_json({"loss": value})
    with pytest.raises(ValueError, match="Out of range float values"):
        pretty_json({"loss": value})


@given(_json_values)
def test_json_comes_back_and_ignores_insertion_order(value: Any) -> None:
    """Both forms read back as the value; the same value in another order gives the same text."""
    assert json.loads(canonical_json(value)) == json.loads(pretty_json(value)) == value
    if isinstance(value, dict):
        backwards = dict(reversed(value.items()))
        assert (canonical_json(backwards), pretty_json(backwards)) == (canonical_json(value), pretty_json(value))


def test_pretty_json_is_for_people() -> None:
    """Two spaces, sorted, a final newline."""
    assert pretty_json({"b": 1, "a": ["ñ"]}) == '{\n  "a": [\n    "ñ"\n  ],\n  "b": 1\n}\n'


def test_sha256_is_of_the_utf8_bytes() -> None:
    """The digest is the one that `sha256sum` prints for the same bytes."""
    assert sha256_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_text("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


def test_reading_drops_a_byte_order_mark(tmp_path: Path) -> None:
    """An editor's byte order mark is no part of the text."""
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf[training]")
    assert read_text(tmp_path / "a") == "[training]"


def test_reading_what_is_not_utf8(tmp_path: Path) -> None:
    """Another encoding is named with the first byte that gives it away."""
    path = tmp_path / "a.toml"
    path.write_bytes("año".encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read_text(path)
    assert str(caught.value) == f"cannot read a.toml\n- byte 1 is not UTF-8\n  in {path}\n  -> save the file as UTF-8"


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.json", "No such file or directory"), ("", "Is a directory")], ids=["missing", "dir"]
)
def test_reading_what_is_no_file(tmp_path: Path, name: str, reason: str) -> None:
    """A file that cannot be opened is the user's to mend, with the system's own reason."""
    path = tmp_path / name
    with pytest.raises(InputError) as caught:
        read_text(path)
    assert (
        str(caught.value)
        == f"cannot read {path.name}\n- {reason}\n  in {path}\n  -> check the path and its permissions"
    )


def test_broken_json_names_the_line(tmp_path: Path) -> None:
    """Line and column of the fault, in the JSON reader's own words."""
    path = tmp_path / "record.json"
    path.write_text('{"a": 1,\n "b": }', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_json(path)
    assert str(caught.value) == (
        f"record.json is not JSON\n- Expecting value\n  in {path}, line 2, column 7\n  -> fix the file, or name another"
    )
    path.write_text('{"b": [1, null]}', encoding="utf-8")
    assert read_json(path) == {"b": [1, None]}


def test_broken_toml_names_file_and_line() -> None:
    """A TOML fault names the file and the line, and the commonest cure."""
    path = Path("experiments") / "a.toml"
    with pytest.raises(InputError) as caught:
        parse_toml("[training]\nlr_scheduler = cosine\n", path)
    assert str(caught.value) == (
        f"a.toml is not valid TOML\n- Invalid value\n  in {path}, line 2, column 16\n  -> strings need quotes in TOML"
    )
    assert parse_toml("a = 1", path) == {"a": 1}


LINES = """\
extends = "base"
# seed = 0 in a comment is no setting
[ training ]   # a comment
seed = 1
"quoted" = 2
[dataset.general]
flip_aug=true
[[dataset.datasets]]
batch_size = 1
[[dataset.datasets.subsets]]
num_repeats = 1
[[dataset.datasets.subsets]]
num_repeats = 2
[[dataset.datasets]]
batch_size = 2
[[dataset.datasets.subsets]]   # the count begins again
num_repeats = 3
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("extends", 1),
        ("training.seed", 4),
        ("dataset.general.flip_aug", 7),
        ("dataset.datasets[0].batch_size", 9),
        ("dataset.datasets[0].subsets[0].num_repeats", 11),
        ("dataset.datasets[0].subsets[1].num_repeats", 13),
        ("dataset.datasets[1].batch_size", 15),
        ("dataset.datasets[1].subsets[0].num_repeats", 17),
        ("training.quoted", None),
        ("training.flip_aug", None),
        ("dataset.datasets[2].batch_size", None),
        ("seed", None),
    ],
)
def test_line_of_a_key(key: str, line: int | None) -> None:
    """A key is found in its own table, whichever of a nested array of tables that is; else no line is claimed."""
    assert line_of(LINES, key) == line


def test_flatten_nested_tables() -> None:
    """Tables by dots, arrays of tables by index; other arrays, empty ones and mixed ones are leaves."""
    tree = {
        "seed": 0,
        "general": {"flip_aug": False, "empty": {}},
        "datasets": [{"resolution": [512, 768], "subsets": [{"a": 1}, {"a": 2}]}, {"resolution": 64, "subsets": []}],
        "mixed": [{"a": 1}, 2],
    }
    assert flatten(tree) == {
        "seed": 0,
        "general.flip_aug": False,
        "datasets[0].resolution": [512, 768],
        "datasets[0].subsets[0].a": 1,
        "datasets[0].subsets[1].a": 2,
        "datasets[1].resolution": 64,
        "datasets[1].subsets": [],
        "mixed": [{"a": 1}, 2],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("1e-5", 1e-05), ("1", 1), ("1.0", 1.0), ("true", True), ("[512, 512]", [512, 512]), ('"a b"', "a b")],
        *[("True", "True"), ("", ""), ("a b", "a b"), ("fp16", "fp16"), ('"open', '"open'), ("1\nseed = 2",) * 2],
        *[("{a = 1}", {"a": 1}), ("1\n[x]", "1\n[x]"), ("C:\\x", "C:\\x"), ("0x10", 16), ("niño 🦊", "niño 🦊")],
    ],
)
def test_one_toml_value(text: str, value: Any) -> None:
    """One TOML value is read as its type; anything else stays the text that was typed."""
    read = parse_toml_value(text)
    assert (read, type(read)) == (value, type(value))


@given(st.text())
@example("1\nvalue.a = 2")
def test_any_text_is_a_value(text: str) -> None:
    """No text on a command line can break the reading of one value."""
    parse_toml_value(text)


def test_a_number_too_long_for_python() -> None:
    """Digits beyond what Python turns into a number are wrong input, not a crash."""
    digits = "9" * 5000
    assert parse_toml_value(digits) == digits
    with pytest.raises(InputError, match="is not valid TOML"):
        parse_toml(f"seed = {digits}", Path("a.toml"))


def test_tables_nested_without_end_are_refused(tmp_path: Path) -> None:
    """What the TOML reader takes and nobody can walk through is an error with words."""
    with pytest.raises(InputError, match="nested too deeply"):
        parse_toml("a" + ".a" * 3000 + " = 1", tmp_path / "deep.toml")
