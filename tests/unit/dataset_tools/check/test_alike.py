"""The same picture in another form is found, and another picture is not."""

import io

import numpy as np
import pytest
from PIL import Image

from dataset_tools.check import alike as module
from dataset_tools.check import candidates
from dataset_tools.check.alignment import Pairs, aligned, colours, lights, planes
from dataset_tools.check.alike import alike
from dataset_tools.pixels.signature import BYTES, signature
from dataset_tools.sets.figures import draw, figure
from tests.unit.dataset_tools.altered import measure, photograph


def test_recall_and_precision_on_altered_pictures() -> None:
    """At least 0.95 and 0.98, over drawn characters and noise like photographs, each altered in twelve ways."""
    found = measure(6, 10, seed=11, side=128)
    assert found.pairs == 16 * 13 * 12 // 2
    assert found.recall >= 0.95, found
    assert found.precision >= 0.98, found


def test_clusters_find_nearly_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many pictures each is compared with its nearest clusters alone."""
    monkeypatch.setattr(candidates, "WHOLE", 100)
    found = measure(3, 9, seed=12, side=96)
    assert (found.recall >= 0.9, found.precision >= 0.98) == (True, True), found


def test_each_picture_has_a_right_to_its_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair once, at its best; what many of one kind are to each other crowds nothing out."""
    monkeypatch.setattr(candidates, "_EACH", 2)
    hits = [(5, 6, 0, 0.93), (5, 7, 1, 0.94), (5, 6, 2, 0.95), (5, 8, 3, 0.99), (5, 8, 6, 0.98), (1, 2, 4, 0.925)]
    parts = [np.array(part, np.float32) for part in (hits[:2], [*hits[2:], (9, 1, 5, 0.98)])]
    kept = [tuple(round(float(one), 3) for one in hit) for hit in candidates._nearest(parts)]
    assert kept == [(1, 2, 4, 0.925), (5, 8, 3, 0.99), (5, 6, 2, 0.95), (9, 1, 5, 0.98)]
    assert candidates._nearest([]).shape == (0, 4)


def test_characters_of_one_kind_are_no_pair() -> None:
    """Same style, same size, same background: another head or hat is another picture."""
    assert alike([signature(draw(figure(2024, number), 96)) for number in range(8)]) == []
    twice = (235, 297, 1170, 1436, 630, 1009)  # pairs in one outfit and pose, whose light fits to 0.97
    assert alike([signature(draw(figure(2024, number), 192)) for number in twice]) == []


def test_a_pair_says_which_and_how() -> None:
    """Numbers in order, whether mirrored, and how alike."""
    one, other = photograph(1, (120, 90)), photograph(2, (120, 90))
    mirrored = one.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    (pair,) = alike([signature(picture) for picture in (other, mirrored, one)])
    assert (pair.first, pair.second, pair.mirrored) == (1, 2, True)
    assert pair.likeness > 0.99


def test_equal_signatures_are_pairs_however_many() -> None:
    """A thousand copies join in a thousand steps."""
    one = signature(photograph(1, (60, 60)))
    pairs = alike([one] * 1000)
    assert [(pair.first, pair.second) for pair in pairs] == [(0, number) for number in range(1, 1000)]


def test_plain_pictures_are_nobodys_twin() -> None:
    """Two black pictures are two faults of another kind."""
    assert alike([signature(Image.new("RGB", (50, 50), colour)) for colour in ("black", "black", "white", "red")]) == []
    assert alike([]) == alike([signature(photograph(1, (50, 50)))]) == []


def test_recoloured_pictures_are_no_pair() -> None:
    """The same drawing in other colours is another picture."""
    one = photograph(5, (100, 100))
    red, green, blue = one.split()
    assert alike([signature(one), signature(Image.merge("RGB", (green, blue, red)))]) == []


def test_no_hope_at_any_stage_is_no_error() -> None:
    """Pairs that come near at first and that colours, light or alignment then rule out: none, one or all of a batch."""
    rows = np.frombuffer(signature(photograph(1, (60, 60))) + signature(photograph(2, (60, 60))), np.uint8)
    some = planes(rows.reshape(2, -1))
    nothing = Pairs(
        first=np.empty(0, int), second=np.empty(0, int), window=np.empty((0, 4)), mirrored=np.empty(0, bool)
    )
    left, numbers = aligned(some, nothing)
    assert len(left.first) == len(numbers) == len(lights(some, left).light) == len(colours(some, left).mean) == 0
    assert list(module._same(some, np.array([[0, 1, window, 1.0] for window in range(128)]))) == []
    assert list(module._same(some, np.empty((0, 4)))) == []


def test_a_signature_is_small_and_steady() -> None:
    """704 bytes of a picture of any size, nearly the same after it was saved as JPEG."""
    one = photograph(7, (700, 500))
    buffer = io.BytesIO()
    one.save(buffer, "JPEG", quality=80)
    first, second = (np.frombuffer(signature(seen), np.uint8) for seen in (one, Image.open(buffer)))
    assert len(first) == BYTES == 704
    assert np.abs(first.astype(int) - second).max() < 12
    assert len(signature(Image.new("RGB", (1, 1)))) == len(signature(Image.new("RGB", (3000, 2)))) == BYTES


def test_progress_is_told_to_the_end() -> None:
    """So that a bar ends full."""
    told: list[tuple[int, int]] = []
    alike([signature(photograph(number, (60, 60))) for number in range(5)], lambda *done: told.append(done))
    assert told[-1] == (5, 5)
