"""SHA-256 of files, and the memory of it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from dataset_tools.errors import DatasetError
from dataset_tools.scan.hashing import HashCache, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIE = "0" * 64


def _old(path: Path, content: bytes, *, age: int = 100) -> Path:
    """A file whose time of change lies `age` seconds back, so that the cache will trust it."""
    path.write_bytes(content)
    moment = time.time_ns() - age * 1_000_000_000
    os.utime(path, ns=(moment, moment))
    return path


def _planted(folder: Path, path: Path) -> HashCache:
    """A cache that holds a wrong hash for the file: it shows whether the cache was used."""
    cache = HashCache(folder / "hashes.json")
    cache.put(path, path.stat(), LIE)
    return cache


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_equals_hashlib_at_every_size(tmp_path: Path, size: int) -> None:
    """Reading in pieces changes nothing, around the borders of the pieces too."""
    content = os.urandom(size)
    assert sha256_file(_old(tmp_path / "f", content)) == hashlib.sha256(content).hexdigest()


def test_stops_when_told(tmp_path: Path) -> None:
    """`stop` is asked between pieces and ends the work with None, and nothing is remembered."""
    path = _old(tmp_path / "f", bytes(4 << 20))
    cache = HashCache(tmp_path / "hashes.json")
    answers = iter([False, False, True])
    assert sha256_file(path, cache, stop=lambda: next(answers)) is None
    assert cache.get(path, path.stat()) is None


def test_a_known_file_is_not_read(tmp_path: Path) -> None:
    """Same path, size and time: the remembered hash is the answer, in this process and the next."""
    path = _old(tmp_path / "f", b"abc")
    cache = _planted(tmp_path, path)
    assert sha256_file(path, cache) == LIE
    assert sha256_file(path, HashCache(tmp_path / "hashes.json")) == LIE


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Another size or another time makes the memory void."""
    path = _old(tmp_path / "f", b"abc")
    cache = _planted(tmp_path, path)
    for content, age in ((b"abcd", 100), (b"abd", 50)):
        _old(path, content, age=age)
        assert sha256_file(path, cache) == hashlib.sha256(content).hexdigest()


def test_a_file_moved_over_another_is_read_again(tmp_path: Path) -> None:
    """Of the same size and time, and yet another file: its inode says so."""
    path, other = _old(tmp_path / "f", b"abc"), _old(tmp_path / "g", b"xyz")
    cache = _planted(tmp_path, path)
    os.utime(other, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert sha256_file(path, cache) == hashlib.sha256(b"xyz").hexdigest()


def test_entries_without_an_inode_still_count(tmp_path: Path) -> None:
    """What earlier versions remembered is no reason to read seven gigabytes again."""
    path = _old(tmp_path / "f", b"abc")
    stored = {"form": 1, "files": {str(path): [path.stat().st_size, path.stat().st_mtime_ns, LIE]}}
    (tmp_path / "hashes.json").write_text(json.dumps(stored), encoding="utf-8")
    assert sha256_file(path, HashCache(tmp_path / "hashes.json")) == LIE


def test_a_file_just_written_is_not_remembered(tmp_path: Path) -> None:
    """A second change within the same tick of the clock could not be seen."""
    path = _old(tmp_path / "f", b"abc", age=0)
    cache = HashCache(tmp_path / "hashes.json")
    sha256_file(path, cache)
    assert cache.get(path, path.stat()) is None
    assert not (tmp_path / "hashes.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\ufeff{}",
        '{"form": 2, "files": {}}',
        '{"form": 1, "files": []}',
        '{"form": 1, "files": {"x": [1]}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, text: str) -> None:
    """Whatever the file holds, hashing works, and the next save makes it whole."""
    (tmp_path / "hashes.json").write_text(text, encoding="utf-8")
    path = _old(tmp_path / "f", b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert sha256_file(path, HashCache(tmp_path / "hashes.json")) == expected
    assert json.loads((tmp_path / "hashes.json").read_bytes())["files"][str(path)][2] == expected


def test_wrong_entries_are_dropped_one_by_one(tmp_path: Path) -> None:
    """A bad entry does not take the good ones with it, and a hash that is none is never given out."""
    path, good = _old(tmp_path / "f", b"abc"), _old(tmp_path / "g", b"xyz")
    facts = [good.stat().st_size, good.stat().st_mtime_ns, LIE]
    bad = [path.stat().st_size, path.stat().st_mtime_ns, "not a hash"]
    stored = {"form": 1, "files": {str(path): bad, str(good): facts}}
    (tmp_path / "hashes.json").write_text(json.dumps(stored), encoding="utf-8")
    cache = HashCache(tmp_path / "hashes.json")
    assert (cache.get(path, path.stat()), cache.get(good, good.stat())) == (None, LIE)


def test_two_processes_add_to_each_other(tmp_path: Path) -> None:
    """Saving keeps what another one has saved in the meantime."""
    one, other = _old(tmp_path / "one", b"1"), _old(tmp_path / "other", b"2")
    first, second = HashCache(tmp_path / "hashes.json"), HashCache(tmp_path / "hashes.json")
    sha256_file(one, first)
    sha256_file(other, second)
    fresh = HashCache(tmp_path / "hashes.json")
    assert fresh.get(one, one.stat())
    assert fresh.get(other, other.stat())


def test_many_savers_never_leave_a_torn_file(tmp_path: Path) -> None:
    """While others save, every reading of the file is whole JSON; no temporary file stays behind."""
    files = [_old(tmp_path / f"f{number}", bytes([number])) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda path: sha256_file(path, HashCache(tmp_path / "hashes.json")), files):
            json.loads((tmp_path / "hashes.json").read_bytes())
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """Losing the cache costs time only."""
    (tmp_path / "file").write_bytes(b"")
    path = _old(tmp_path / "f", b"abc")
    assert sha256_file(path, HashCache(tmp_path / "file" / "hashes.json")) == hashlib.sha256(b"abc").hexdigest()


def test_a_name_that_is_not_unicode_is_cached(tmp_path: Path) -> None:
    """Such names exist on Linux, and must not stop the cache from being written."""
    path = tmp_path / os.fsdecode(b"f\xff")
    try:
        _old(path, b"abc")
    except (OSError, UnicodeError) as error:
        pytest.skip(f"this file system refuses the name: {error}")
    sha256_file(path, HashCache(tmp_path / "hashes.json"))
    assert HashCache(tmp_path / "hashes.json").get(path, path.stat())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says which file is gone."""
    with pytest.raises(DatasetError, match="the file is gone") as caught:
        sha256_file(tmp_path / "absent")
    assert caught.value.where == str(tmp_path / "absent")


def test_a_file_that_grows_is_refused(tmp_path: Path) -> None:
    """A hash of something half written would be worth nothing."""
    path = _old(tmp_path / "f", bytes(2 << 20))

    def grow() -> bool:
        with path.open("ab") as file:
            file.write(b"more")
        return False

    with pytest.raises(DatasetError, match="changed while it was being read"):
        sha256_file(path, stop=_once(grow))


def test_a_file_that_is_replaced_is_refused(tmp_path: Path) -> None:
    """What was read to its end is no longer what lies there."""
    path, other = _old(tmp_path / "f", bytes(2 << 20)), _old(tmp_path / "g", bytes(2 << 20))

    def replace() -> bool:
        other.replace(path)
        return False

    with pytest.raises(DatasetError, match="changed while it was being read"):
        sha256_file(path, stop=_once(replace))


def _once(action: Callable[[], bool]) -> Callable[[], bool]:
    todo = [action]
    return lambda: todo.pop()() if todo else False
