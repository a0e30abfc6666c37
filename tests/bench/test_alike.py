"""How many near duplicates are found among twenty thousand pictures, how many of them rightly, and in what time.

Signatures of small pictures: characters of one style, which come near to each other, and noise like photographs, each
of some in eight of the twelve altered forms. Nothing was tuned with them. `BENCH_SIGNATURES` sets how many.
"""

import os
import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `inspect_twins` has it

import numpy as np
import pytest

from dataset_tools.check.alike import alike
from dataset_tools.pixels.signature import BYTES, signature
from dataset_tools.sets.figures import draw, figure
from tests.unit.dataset_tools.altered import altered, judged, photograph

pytestmark = pytest.mark.bench

COUNT = int(os.environ.get("BENCH_SIGNATURES", "20000"))
FORMS = 8
SHAPES = ((80, 80), (64, 96), (100, 60))


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A picture of which there are several forms."""

    number: int
    """Of all."""
    drawn: bool
    """A character; else like a photograph."""
    forms: int
    """How many, without itself."""

    def signatures(self) -> list[tuple[str, bytes]]:
        """Of itself and its forms, by what was done to them."""
        picture = (
            draw(figure(31, self.number), 80)
            if self.drawn
            else photograph(500_000 + self.number, SHAPES[self.number % 3])
        )
        chance = random.Random(self.number)
        forms = list(altered(picture, chance)) if self.forms else []
        chance.shuffle(forms)
        seen = (("original", picture), *forms[: self.forms])
        return [(name, signature(one)) for name, one in seen]


def origins(count: int) -> list[Origin]:
    """Two fifths characters, two fifths photographs, with their forms; the rest photographs without."""
    each = 2 * count // 5 // (FORMS + 1)
    with_forms = [Origin(number=number, drawn=number < each, forms=FORMS) for number in range(2 * each)]
    rest = range(2 * each, 2 * each + count - len(with_forms) * (FORMS + 1))
    return [*with_forms, *(Origin(number=number, drawn=False, forms=0) for number in rest)]


def test_near_duplicates_among_many(capsys: pytest.CaptureFixture[str]) -> None:
    """Recall of 0.95 at a precision of 0.98, as among few, in at most a minute and a half of work."""
    all_origins = origins(COUNT)
    with ProcessPoolExecutor() as pool:
        made = [
            (number, *one)
            for number, found in enumerate(pool.map(Origin.signatures, all_origins, chunksize=20))
            for one in found
        ]
    random.Random(1).shuffle(made)
    of, names, signatures = np.array([one[0] for one in made]), [one[1] for one in made], [one[2] for one in made]
    rows = np.frombuffer(b"".join(signatures), np.uint8).reshape(-1, BYTES)
    begun, worked = time.perf_counter(), time.process_time()
    pairs = alike(rows)
    seconds, work = time.perf_counter() - begun, time.process_time() - worked
    found = judged(pairs, names, of)
    forms = Counter(names)
    shares = {name: f"{number / forms[name]:.3f}" for name, number in sorted(found.missed.items())}
    said = f"recall {found.recall:.4f}, precision {found.precision:.4f}, {seconds:.0f} s ({work:.0f} s of work)"
    with capsys.disabled():
        print(f"\n{len(rows)} signatures, {found.pairs} pairs: {said}\nmissed: {shares}")  # noqa: T201
    assert len(rows) == COUNT
    assert found.recall >= 0.95
    assert found.precision >= 0.98
    assert work <= 90
