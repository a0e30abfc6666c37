"""Whatever bytes a file has, it is decoded or there is a reason; and what is known is not read again."""

import io
import os
import random
import time
from pathlib import Path

import pytest
from PIL import Image

from dataset_tools.pixels import image_facts as module
from dataset_tools.pixels.image_facts import ImageFacts, image_facts, look_at
from tests.unit.dataset_tools.planted import PLANTS, clean_set, picture, settle

FUZZED = int(os.environ.get("FUZZED_IMAGES", "240"))
"""Files that the fuzzing makes; a whole night's worth on demand."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000", "PPM", "AVIF")


def seeds() -> list[bytes]:
    """Small files of every format, some with metadata."""
    exif = Image.Exif()
    exif[0x0112] = 6
    found: list[bytes] = []
    for name in FORMATS:
        for mode in ("RGB", "L", "RGBA"):
            buffer = io.BytesIO()
            options = {"exif": exif} if name in ("JPEG", "WEBP", "PNG") else {}
            try:
                picture(len(found), (40, 30)).convert(mode).save(buffer, name, **options)
            except (OSError, KeyError, ValueError):
                continue  # a mode that the format has not, or a format that this Pillow has not
            found.append(buffer.getvalue())
    return found


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Damaged as files are: cut, bytes changed, removed, doubled, numbers made huge."""
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(max(1, len(damaged)))
        kind = chance.randrange(6)
        if kind == 0:
            del damaged[at:]
        elif kind == 1:
            damaged[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 2:
            del damaged[at : at + chance.randrange(1, 40)]
        elif kind == 3:
            damaged[at:at] = damaged[at : at + chance.randrange(1, 60)]
        elif kind == 4:
            damaged[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\0\0\xff\xff"))
        else:
            damaged[at % 64 : at % 64 + 2] = bytes(chance.randrange(256) for _ in range(2))
    return bytes(damaged)


def test_fuzzed_files_are_decoded_or_have_a_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No crash, no word on the terminal, and none takes five seconds."""
    chance = random.Random(8)
    originals = seeds()
    assert len(originals) >= 15
    path = tmp_path / "fuzzed.png"
    decoded = slowest = 0.0
    for _ in range(FUZZED):
        path.write_bytes(mutated(chance.choice(originals), chance))
        begun = time.monotonic()
        facts = image_facts(path)
        slowest = max(slowest, time.monotonic() - begun)
        assert bool(facts.failure) == bool(facts.reason) != bool(facts.signature), facts
        decoded += not facts.failure
    assert 0.05 < decoded / FUZZED < 0.95
    assert slowest < 5
    assert capfd.readouterr() == ("", "")


def test_facts_of_good_images(tmp_path: Path) -> None:
    """Format by content, size, and nothing said that is not so."""
    clean_set(tmp_path, 6)
    for path in tmp_path.glob("good_*[!t]"):
        facts = image_facts(path)
        assert (facts.failure, facts.mode, facts.width, facts.height, facts.alpha) == ("", "RGB", 192, 192, "")
        assert (facts.orientation, facts.animated, facts.profile, facts.plain) == (1, False, "", False)
        assert len(facts.sha256) == 64
    assert image_facts(tmp_path / "good_1.jpg").format == "JPEG"


def test_an_opaque_picture_with_alpha_is_not_transparent(tmp_path: Path) -> None:
    """Nothing shows through, so nothing is lost."""
    picture(1).convert("RGBA").save(tmp_path / "a.png")
    assert (image_facts(tmp_path / "a.png").mode, image_facts(tmp_path / "a.png").alpha) == ("RGBA", "")


def test_known_images_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal facts from the memory, without a byte being read; a failed one too."""
    folder, memory = tmp_path / "set", tmp_path / "memory"
    clean_set(folder, 5)
    PLANTS["truncated_jpeg"](folder)
    settle(folder)
    paths = sorted(path for path in folder.iterdir() if path.suffix != ".txt")
    first = {number: facts for number, facts, fresh in look_at(paths, memory) if fresh}
    monkeypatch.setattr(module, "read", None)
    second = {number: facts for number, facts, fresh in look_at(paths, memory) if not fresh}
    assert first == second
    assert sorted(first) == list(range(6))


def test_an_interrupted_look_is_kept(tmp_path: Path) -> None:
    """What was decoded until Ctrl-C is known afterwards."""
    folder, memory = tmp_path / "set", tmp_path / "memory"
    clean_set(folder, 12)
    settle(folder)
    paths = sorted(path for path in folder.iterdir() if path.suffix != ".txt")
    looking = look_at(paths, memory)
    for _ in range(9):
        next(looking)
    looking.close()
    fresh = sum(fresh for _, _, fresh in look_at(paths, memory))
    assert fresh <= 3


@pytest.mark.parametrize(
    "value", [None, [], [1] * 13, {"a": 1}, ["", "", "PNG", "RGB", "1", 1, 1, "", False, "", False, "", ""]]
)
def test_a_foreign_memory_is_none(value: object) -> None:
    """A value of another shape is not believed."""
    assert not module._is_known(value)


def test_facts_survive_json() -> None:
    """Their shape is the memory's."""
    from dataclasses import astuple  # noqa: PLC0415

    *plain, _ = astuple(ImageFacts())
    assert module._is_known([*plain, ""])
