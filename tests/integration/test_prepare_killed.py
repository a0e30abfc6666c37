"""`kft dataset prepare` killed at any moment, and called again.

`PREPARE_KILLS=50` tries more random moments than the few of the test command.
"""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from fork_wrapper.cli import call

KILLS = int(os.environ.get("PREPARE_KILLS", "3"))
PICTURES = 24
COUNTED = """
import os, sys
from fork_wrapper.cli import call
last, touched = int(sys.argv[1]), 0
def watch(event, arguments):
    global touched
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") and "out" in str(arguments[0]):
        touched += 1
        if touched == last:
            os._exit(99)
sys.addaudithook(watch)
sys.exit(call(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several sizes, captions, and one that is broken."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PICTURES):
        place = folder / ("" if number % 3 else "sub")
        place.mkdir(exist_ok=True)
        blocks = hashlib.sha256(str(number).encode()).digest() * 24
        size = (300 + 10 * number, 400)
        Image.frombytes("RGB", (16, 16), blocks).resize(size).save(place / f"{number}.{'png' if number % 2 else 'jpg'}")
        (place / f"{number}.txt").write_text(f"picture {number}")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def command(photos: Path, out: Path) -> list[str]:
    """Arguments of kft."""
    return [
        "dataset",
        "prepare",
        str(photos),
        str(out),
        "--size",
        "256",
        "--jobs",
        "2",
        "--cache",
        str(out.parent / "c"),
    ]


def start(root: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """A kft of its own."""
    env = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.Popen([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def visible(out: Path) -> dict[str, bytes]:
    """Every file under a final name."""
    paths = [path for path in out.rglob("*") if path.is_file() and ".prepare" not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def undisturbed(photos: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """What comes out when nobody disturbs, and how long it takes."""
    outs = [tmp_path_factory.mktemp("undisturbed") / "out" for _time in range(2)]
    for out in outs:  # the second is as fast as those that follow
        begun = time.monotonic()
        assert start(root, "-m", "fork_wrapper", *command(photos, out)).wait() == 1
        seconds = time.monotonic() - begun
    first, second = map(visible, outs)
    assert first == second
    assert len(first) == 2 * PICTURES + 1
    return first, seconds


def check_whole(out: Path, wanted: dict[str, bytes]) -> int:
    """Whatever is there is as it will be; how many files that is."""
    found = visible(out)
    found.pop("prepare.json", None)
    assert found.items() <= wanted.items()
    return len(found)


def test_killed_at_random_moments(
    photos: Path, root: Path, tmp_path: Path, undisturbed: tuple[dict[str, bytes], float]
) -> None:
    """No part of a file is ever seen under a final name; the next run ends as if nothing had been."""
    wanted, seconds = undisturbed
    luck, seen = random.Random(5), []
    for number in range(KILLS):
        out = tmp_path / f"{number}" / "out"
        out.parent.mkdir()
        process = start(root, "-m", "fork_wrapper", *command(photos, out))
        time.sleep(luck.uniform(0, seconds))
        process.kill()
        process.wait()
        seen.append(check_whole(out, wanted))
        assert call(command(photos, out)) == 1
        assert visible(out) == wanted
        assert not (out / ".prepare").exists()
        shutil.rmtree(out)
    print(f"\n{KILLS} kills, files at each: {sorted(seen)}")  # noqa: T201 - says whether the moments were spread
    assert len(seen) == KILLS


def test_killed_at_each_touch_of_a_file(
    photos: Path, root: Path, tmp_path: Path, undisturbed: tuple[dict[str, bytes], float]
) -> None:
    """Again and again, a few touches later each time: every run begins with what the last one left."""
    wanted, _seconds = undisturbed
    out = tmp_path / "out"
    runs = 0
    for touch in (1, 2, 3, 5, 8, 12, 17, 23, 30, 60, 100_000):
        code = start(root, "-c", COUNTED, str(touch), *command(photos, out)).wait()
        runs += code == 99
        check_whole(out, wanted)
    assert runs >= 8
    assert code == 1
    assert visible(out) == wanted
