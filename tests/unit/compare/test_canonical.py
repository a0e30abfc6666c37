"""When two spellings are one value, and when two values that look alike are not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.compare.canonical import meaning, path_meaning, shown, shown_size


@pytest.mark.parametrize(
    ("key", "kind", "first", "second"),
    [
        ("learning_rate", "float", 1e-5, 0.00001),
        ("noise_offset", "float", 0, 0.0),
        ("max_grad_norm", "float", 1, 1.0),
        ("lr_warmup_steps", "int_or_float", 0, 0.0),
        ("resolution", "int_or_pair", 1024, [1024, 1024]),
        ("resolution", "str", "1024", 1024),
        ("resolution", "str", "1024,768", [1024, 768]),
        ("resolution", "str", "1024, 768", "1024,768"),
        ("face_crop_aug_range", "str", "2.0,4.0", [2.0, 4.0]),
        ("image_dir", "str", "/data/people/", "/data/people"),
        ("image_dir", "str", "/data/./sets/../people", "/data/people"),
        ("image_dir", "str", "C:\\data\\people", "c:/data/people/"),
        ("image_dir", "str", "sets\\people", "sets/people"),
        ("vae", "str", "./vae.safetensors", "vae.safetensors"),
        ("caption_extension", "str", "txt", ".txt"),
    ],
)
def test_equal_spellings(key: str, kind: str, first: Any, second: Any) -> None:
    """One value to sd-scripts."""
    assert meaning(key, first, kind) == meaning(key, second, kind)


@pytest.mark.parametrize(
    ("key", "kind", "first", "second"),
    [
        ("learning_rate", "float", 1e-5, 1e-6),
        ("noise_offset", "float", 0, None),
        ("noise_offset", "float", 0, False),
        ("noise_offset", "float", False, None),
        ("seed", "int", 1, True),
        ("lr_warmup_steps", "int_or_float", 1, 1.0),
        ("resolution", "int_or_pair", [1024, 768], [768, 1024]),
        ("resolution", "str", "1024", "1024,"),
        ("image_dir", "str", "/data/people", "/data/People"),
        ("image_dir", "str", "/data/a\\b", "/data/a/b"),
        ("image_dir", "str", "C:/Data", "C:/data"),
        ("image_dir", "str", "", "."),
        ("vae", "str", "madebyollin/sdxl-vae", "madebyollin/SDXL-vae"),
        ("caption_extension", "str", "", "."),
        ("caption_prefix", "str", "txt", ".txt"),
        ("custom_attributes", "table", {"a": 1}, {"a": True}),
    ],
)
def test_values_that_only_look_alike(key: str, kind: str, first: Any, second: Any) -> None:
    """Two values to sd-scripts."""
    assert meaning(key, first, kind) != meaning(key, second, kind)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_survives_its_spelling(number: float) -> None:
    """However a number is written, it is the one that is read back."""
    assert meaning("learning_rate", float(repr(number)), "float") == meaning("learning_rate", number, "float")


@given(st.lists(st.sampled_from(["a", "b", "..", "."]), min_size=1, max_size=6))
def test_a_path_means_the_same_when_it_is_cleaned_twice(parts: list[str]) -> None:
    """Cleaning is done once and for all, on both systems."""
    for path in ("/" + "/".join(parts), "d:\\" + "\\".join(parts)):
        assert path_meaning(path_meaning(path)) == path_meaning(path)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(absent)"),
        (True, "true"),
        (1e-5, "1e-05"),
        ("cosine", "cosine"),
        ("", '""'),
        (",", '","'),
        (" a", '" a"'),
        ("a\nb", "a\\nb"),
        ((0.9, 0.99), "[0.9, 0.99]"),
        ({"a": True}, "{a = true}"),
    ],
)
def test_shown(value: Any, text: str) -> None:
    """Quotes only where a person would otherwise see nothing, or too much."""
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1024, "1024"), ("1024", "1024"), ([1024, 768], "1024 x 768"), ("big", "big"), ([1, 2, 3], "[1, 2, 3]")],
)
def test_sizes(value: Any, text: str) -> None:
    """A square is one number."""
    assert shown_size(value) == text
