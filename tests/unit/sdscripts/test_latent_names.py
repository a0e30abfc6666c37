"""Sizes guessed from the names of latents."""

import pytest

from fork_wrapper.sdscripts.latent_names import sizes_from_names


def sizes(images: str, latents: str) -> list[tuple[int, int] | None]:
    """Of images and latents in a folder, named in one line each."""
    sort = [f"d/{name}_sdxl.npz" for name in latents.split()]
    return sizes_from_names([f"d/{name}" for name in images.split()], sort)


def test_each_image_has_its_own() -> None:
    """Leading zeros mean nothing, and more digits than four are as good."""
    found = sizes("a.png b.png c.jpg", "a_0064x0128 c_12345x0001")
    assert found == [(64, 128), None, (12345, 1)]


@pytest.mark.parametrize(
    ("images", "latents", "found"),
    [
        ("a.png ab.png", "ab_0064x0128", [(64, 128), (64, 128)]),
        ("a.png ab.png", "a_0032x0032 ab_0064x0128", [(32, 32), (64, 128)]),
        ("a.png a1.png", "a_0032x0032 a1_0064x0128", [(32, 32), None]),
        ("x.png x.webp", "x_0032x0064 x_0064x0032", [(32, 64), (32, 64)]),
        ("b.png", "a_0032x0032 c_0064x0128", [None]),
        ("b.png", "", [None]),
        ("", "a_0032x0032", []),
    ],
)
def test_a_name_is_taken_for_whatever_it_begins_with(
    images: str, latents: str, found: list[tuple[int, int] | None]
) -> None:
    """A missing one is replaced by a longer name; of two the first wins; an order of signs may hide one."""
    assert sizes(images, latents) == found


def test_underscores_of_the_folder_count() -> None:
    """The size stands between the last two underscores, wherever those are."""
    assert sizes_from_names(["a_64x32_b/c.png"], ["a_64x32_b/c_0016x0016_sdxl.npz"]) == [(16, 16)]


@pytest.mark.parametrize("name", ["a", "a_b", "a_64", "a_64x64x64", "a_64xb"])
def test_a_name_without_a_size(name: str) -> None:
    """sd-scripts dies of it, but only where the name is taken for an image's."""
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        sizes("a.png", name)
    assert sizes("b.png", name) == [None]
