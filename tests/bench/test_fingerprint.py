"""How long it takes to say again which data set this is. `make bench`; never part of `make test`."""

import os
import statistics
import time
from pathlib import Path

import pytest

from dataset_tools.scan.fingerprint import fingerprint
from dataset_tools.scan.hashing import HashCache
from dataset_tools.scan.scan import scan_folder

pytestmark = pytest.mark.bench

IMAGES = 1486
LONG_AGO = 1_700_000_000


def seconds(folder: Path, memory: Path) -> float:
    """Time inside the process: scan, read the memory, ask the disk about every file, make the digest."""
    start = time.perf_counter()
    fingerprint([scan_folder(folder, ".txt")], HashCache(memory))
    return time.perf_counter() - start


def test_a_known_data_set(tmp_path: Path) -> None:
    """At most 0.1 s for 1486 images and their captions that were hashed before."""
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(IMAGES):
        for suffix, content in ((".png", os.urandom(20_000)), (".txt", b"a character, stylized")):
            path = folder / f"{number:04}{suffix}"
            path.write_bytes(content)
            os.utime(path, (LONG_AGO, LONG_AGO))
    cold = seconds(folder, tmp_path / "hashes.json")
    warm = statistics.median(seconds(folder, tmp_path / "hashes.json") for _ in range(21))
    begun = time.process_time()
    seconds(folder, tmp_path / "hashes.json")
    cpu = time.process_time() - begun
    print(f"\nfingerprint of {IMAGES} images of 20 kB: {cold:.3f} s cold, {warm:.3f} s warm ({cpu:.3f} s of CPU)")  # noqa: T201
    assert warm <= 0.1
