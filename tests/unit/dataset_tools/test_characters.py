"""The invented characters and their captions."""

from __future__ import annotations

import hashlib

from dataset_tools.characters import caption, character


def test_captions_are_frozen() -> None:
    """The same seed must give the same words on every machine; a change asks for a new SAMPLE_SET_VERSION."""
    text = "\n".join(caption(character(2024, index)) for index in range(200))
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "1c8ac3b74497f8288418c5ce9d2d70a313b9d56a6b4b8fa6dd962af2781b9aa4"
    )


def test_a_caption_follows_the_convention() -> None:
    """One line of tags: style first, background last, no empty tag, no tag twice, no wrong article."""
    for index in range(500):
        text = caption(character(7, index))
        tags = text.split(", ")
        assert tags[:3] == ["fortnite style", "stylized game character", "full body"]
        assert tags[-1].endswith(" background") or tags[-1].startswith("gradient background from ")
        assert text.isascii()
        assert "" not in tags
        assert len(set(tags)) == len(tags)
        assert not any(f" a {vowel}" in text for vowel in "aeiou")


def test_says_nothing_that_cannot_be_seen() -> None:
    """No face under a helmet, no legs under a robe, no eyes behind dark lenses."""
    for index in range(500):
        one = character(11, index)
        text = caption(one)
        assert not (one.masked and ("eyes" in text or "hair" in text or "smiling" in text or "glasses" in text))
        assert not (one.upper == "long robe" and ("trousers" in text or "skirt" in text or "knee-high" in text))
        assert not ("sunglasses" in text and " eyes" in text)
        assert not (one.head in {"hood", "beanie"} and "hair" in text)


def test_every_option_comes_in_turn() -> None:
    """Two dozen characters show every kind of head, upper garment, pose, view and build."""
    two_dozen = [character(2024, index) for index in range(24)]
    counts = {
        "head": 8,
        "upper": 5,
        "lower": 4,
        "pose": 4,
        "view": 3,
        "footwear": 3,
        "back": 4,
        "prop": 2,
        "eyewear": 4,
    }
    assert {name: len({getattr(one, name) for one in two_dozen}) for name in counts} == counts


def test_another_seed_gives_other_characters() -> None:
    """The seed matters, the number of characters does not."""
    assert [character(1, index) for index in range(8)] != [character(2, index) for index in range(8)]
