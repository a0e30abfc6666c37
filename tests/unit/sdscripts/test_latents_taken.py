"""Which latents sd-scripts takes for the images of a metadata file."""

import os
import random

from fork_wrapper.sdscripts.latent_names import latents_taken, size_in_name


def as_written(names: list[str], latents: list[str]) -> dict[str, str]:
    """The loop of library/train_util.py:FineTuningDataset."""
    paths = sorted(latents, key=lambda item: len(os.path.basename(item)), reverse=True)  # noqa: PTH119
    taken = {}
    for name in sorted(names, key=len, reverse=True):
        found = next((path for path in paths if path.startswith(os.path.splitext(name)[0])), None)  # noqa: PTH122
        if found is not None:
            paths.remove(found)
            taken[name] = found
    return taken


def test_the_longest_first_on_both_sides() -> None:
    """Drawn names that begin one another: each file is taken once, and by the same image."""
    draw = random.Random(7)
    taken = 0
    for _ in range(300):
        stems = {"/d/" + "".join(draw.choice("ab_") for _ in range(draw.randint(1, 4))) for _ in range(8)}
        names = [f"{stem}.png" for stem in sorted(stems)] + ["b.png"]
        latents = list({f"{draw.choice(sorted(stems))}{draw.choice(['', 'a'])}_0064x0064_sdxl.npz" for _ in range(6)})
        found = latents_taken(names, latents)
        assert found == as_written(names, latents)
        taken += len(found)
    assert taken > 1000


def test_the_size_in_a_name() -> None:
    """None where there is none."""
    names = ("/d/a_0064x0128_sdxl.npz", "/d/a_sdxl.npz", "/d/a.npz", "/d/a_0064xb_sdxl.npz")
    assert [size_in_name(name) for name in names] == [(64, 128), (0, 0), (0, 0), (0, 0)]
