"""What captions and sizes come to."""

from __future__ import annotations

import random

from dataset_tools.captions.stats import ASPECTS, Spread, aspects, caption_stats, sizes
from dataset_tools.captions.vocabulary import Vocabulary
from tests.unit.dataset_tools.captioned import all_spoken, spoken

WORDS = Vocabulary(parts={"who": ("man", "woman"), "what": ("hat", "cape")})


def test_lengths_of_captions() -> None:
    """Least, median and most; an image without words is not counted."""
    found = caption_stats(all_spoken("a, b c", "one", "x, y, z", ""), WORDS)
    assert found.captions == 3
    assert found.tags_each == Spread(least=1, median=2, most=3)
    assert found.words == Spread(least=1, median=3, most=3)
    assert found.characters == Spread(least=3, median=6, most=7)


def test_half_of_an_even_number() -> None:
    """The median is one that is there: half of the captions have no more."""
    found = caption_stats(all_spoken("a", "a, b", "a, b, c", "a, b, c, d"), WORDS)
    assert found.tags_each == Spread(least=1, median=2, most=4)


def test_no_captions_at_all() -> None:
    """Nothing is counted and nothing fails."""
    found = caption_stats(all_spoken("", ""), WORDS)
    assert (found.captions, found.tags_each, dict(found.tags), found.pairs, found.prefixes) == (0, None, {}, (), ())
    assert [(one.part, one.captions, one.lacking) for one in found.coverage] == [("who", 0, ()), ("what", 0, ())]


def test_tags_count_once_per_caption() -> None:
    """Most frequent first, equal ones by name: the order of the disk decides nothing."""
    found = caption_stats(all_spoken("b, a, a", "a", "c, b"), WORDS)
    assert list(found.tags.items()) == [("a", 2), ("b", 2), ("c", 1)]


def test_pairs_are_counted_without_their_order() -> None:
    """A tag that almost all have, and a pair that comes once, say nothing."""
    texts = [
        "style, hat, cape",
        "style, cape, hat",
        "style, hat",
        "style, belt, cape",
        "style",
        "style, belt, hat, cape",
    ]
    found = caption_stats(all_spoken(*texts), WORDS)
    assert found.pairs == ((("cape", "hat"), 3), (("belt", "cape"), 2))
    assert caption_stats(all_spoken(*texts), WORDS, top=1).pairs == found.pairs[:1]


def test_every_pair_of_brute_force_is_there() -> None:
    """Against counting the plain way, on random captions."""
    draw = random.Random(5)
    texts = [", ".join(draw.sample("abcdefgh", draw.randint(1, 5))) for _ in range(60)]
    found = dict(caption_stats(all_spoken(*texts), WORDS, top=1000).pairs)
    plain = {
        (one, two): count
        for one in "abcdefgh"
        for two in "abcdefgh"
        if one < two and (count := sum(one in text.split(", ") and two in text.split(", ") for text in texts)) > 1
    }
    assert len(found) == 28
    assert found == plain


def test_beginnings_that_captions_share() -> None:
    """Word by word in the first tag, then tag by tag; only where a longer one is rarer."""
    texts = [f"a photo of sks man, style, {word}" for word in ("hat", "hat", "cape")]
    texts += [f"a photo of sks dog, {word}" for word in ("x", "y", "z")]
    found = caption_stats(all_spoken(*texts), WORDS)
    assert found.prefixes == (
        ("a photo of sks", 6),
        ("a photo of sks dog", 3),
        ("a photo of sks man, style", 3),
        ("a photo of sks man, style, hat", 2),
    )


def test_a_beginning_of_few_is_none() -> None:
    """One in ten has to share it, and two at least."""
    texts = [f"{number} thing" for number in range(28)] + ["same start, a", "same start, b"]
    assert caption_stats(all_spoken(*texts), WORDS).prefixes == ()
    assert caption_stats(all_spoken(*texts[-20:]), WORDS).prefixes == (("same start", 2),)


def test_captions_of_several_images() -> None:
    """Word for word the same."""
    found = caption_stats(all_spoken("a, b", "a, b", "a,b", "c"), WORDS)
    assert found.repeated == (("a, b", 2),)


def test_coverage_names_what_lacks() -> None:
    """How many captions have a part, by which words, and whose have not."""
    pictures = [spoken("1.png", "man with a hat, hat"), spoken("2.png", "Woman"), spoken("3.png", "cape")]
    who, what = caption_stats(pictures, WORDS).coverage
    assert (who.captions, who.words, who.lacking) == (2, (("man", 1), ("woman", 1)), ("3.png",))
    assert (what.captions, what.words, what.lacking) == (2, (("cape", 1), ("hat", 1)), ("2.png",))


def test_sizes_by_frequency() -> None:
    """Equal counts by size."""
    assert sizes([(2, 3), (1, 1), (2, 3), (1, 4)]) == [((2, 3), 2), ((1, 1), 1), ((1, 4), 1)]


def test_an_aspect_is_the_nearest_by_factors() -> None:
    """Wide and tall are treated alike, and what cannot be read has none."""
    found = aspects([(1920, 1080), (1024, 1024), (832, 1216), (1216, 832), (100, 10), (10, 100), (0, 0), (99, 100)])
    assert found == [((21, 9), 1), ((16, 9), 1), ((3, 2), 1), ((1, 1), 2), ((2, 3), 1), ((9, 21), 1)]
    assert [aspects([one])[0][0] for one in ASPECTS] == list(ASPECTS)
