"""What a training set is made of: how large its images are, how long its captions, and which words they share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dataset_tools.captions.vocabulary import Vocabulary
    from dataset_tools.scan.captions import Captioned

_Key = TypeVar("_Key", bound=Any)

Size = tuple[int, int]
"""Width and height."""

ASPECTS: tuple[Size, ...] = ((21, 9), (16, 9), (3, 2), (4, 3), (5, 4), (1, 1), (4, 5), (3, 4), (2, 3), (9, 16), (9, 21))
"""Ratios that people have names for, the widest first."""

PAIRED = 200
"""Pairs are counted among so many of the most frequent tags: all pairs of all tags are too many."""

UBIQUITOUS = 0.9
"""Tags that this share of captions have are left out of pairs: they go with everything."""

PREFIX_SHARE = 0.1
"""Least share of captions that begin alike to call it a prefix."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How a number is spread over captions."""

    least: int
    """The smallest."""
    median: int
    """Half have no more."""
    most: int
    """The largest."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many captions have one part of the convention."""

    part: str
    """Its name."""
    captions: int
    """Captions that have it."""
    words: tuple[tuple[str, int], ...]
    """Words that showed it, in how many captions, most frequent first."""
    lacking: tuple[str, ...]
    """Images whose caption lacks it."""


@dataclass(frozen=True, kw_only=True)
class CaptionStats:
    """What captions are made of; images without one, or with an empty one, are not counted."""

    captions: int
    """How many."""
    characters: Spread | None
    """Length in characters; None without captions."""
    words: Spread | None
    """Length in words between blanks."""
    tags_each: Spread | None
    """Length in tags."""
    tags: Mapping[str, int]
    """Captions that have each tag, most frequent first."""
    pairs: tuple[tuple[tuple[str, str], int], ...]
    """Captions that have both tags of a pair, most frequent first."""
    prefixes: tuple[tuple[str, int], ...]
    """Beginnings that captions share, longest last, with how many begin so."""
    repeated: tuple[tuple[str, int], ...]
    """Captions that several images have word for word."""
    coverage: tuple[Coverage, ...]
    """Per part of the vocabulary."""


def caption_stats(pictures: Sequence[Captioned], vocabulary: Vocabulary, *, top: int = 20) -> CaptionStats:
    """Count captions, tags, pairs of tags, prefixes, and which caption has which part of the convention.

    Args:
        pictures: with their captions read.
        vocabulary: words by part.
        top: pairs to keep.
    """
    spoken = [one for one in pictures if one.text]
    tags = Counter(tag for one in spoken for tag in set(one.tags))
    whole = Counter(one.text for one in spoken)
    return CaptionStats(
        captions=len(spoken),
        characters=_spread(len(one.text) for one in spoken),
        words=_spread(len(one.text.split()) for one in spoken),
        tags_each=_spread(len(one.tags) for one in spoken),
        tags=dict(_ranked(tags)),
        pairs=tuple(_ranked(_pairs(spoken, tags))[:top]),
        prefixes=tuple(_prefixes(spoken)),
        repeated=tuple(_ranked(Counter({text: count for text, count in whole.items() if count > 1}))),
        coverage=tuple(_coverage(spoken, vocabulary)),
    )


def sizes(found: Iterable[Size]) -> list[tuple[Size, int]]:
    """Every size and how many images have it, most frequent first; (0, 0) are those whose size cannot be read."""
    return _ranked(Counter(found))


def aspects(found: Iterable[Size]) -> list[tuple[Size, int]]:
    """The named ratio that comes nearest to each image's, the widest first, and how many images have it."""
    counts = Counter(_aspect(size) for size in found if min(size) > 0)
    return [(ratio, counts[ratio]) for ratio in ASPECTS if counts[ratio]]


def _aspect(size: Size) -> Size:
    """By factors: 2:1 is as far from 1:1 as 1:2 is."""
    ratio = size[0] / size[1]
    return min(ASPECTS, key=lambda one: max(ratio * one[1] / one[0], one[0] / one[1] / ratio))


def _spread(numbers: Iterable[int]) -> Spread | None:
    ordered = sorted(numbers)
    if not ordered:
        return None
    return Spread(least=ordered[0], median=ordered[(len(ordered) - 1) // 2], most=ordered[-1])


def _ranked(counts: Counter[_Key]) -> list[tuple[_Key, int]]:
    """Most frequent first, equal ones by name: `Counter.most_common` would keep the order of the disk."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _pairs(pictures: Sequence[Captioned], tags: Counter[str]) -> Counter[tuple[str, str]]:
    telling = [tag for tag, count in _ranked(tags) if 1 < count < UBIQUITOUS * len(pictures)]
    kept = set(telling[:PAIRED])
    counts: Counter[tuple[str, str]] = Counter()
    for one in pictures:
        counts.update(combinations(sorted(kept.intersection(one.tags)), 2))
    return Counter({pair: count for pair, count in counts.items() if count > 1})


def _prefixes(pictures: Sequence[Captioned]) -> list[tuple[str, int]]:
    """Beginnings of at least `PREFIX_SHARE` of the captions that no longer beginning has just as often.

    They grow word by word within the first tag, tag by tag behind it.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    for one in pictures:
        counts.update(_beginnings(one))
    least = max(2, PREFIX_SHARE * len(pictures))
    shared = {prefix: count for prefix, count in counts.items() if count >= least}
    longer = {(prefix[:-1], count) for prefix, count in shared.items()}
    kept = [(prefix, count) for prefix, count in shared.items() if (prefix, count) not in longer]
    kept.sort(key=lambda item: (-item[1], item[0]))
    return [("".join(prefix).rstrip(" ,"), count) for prefix, count in kept]


def _beginnings(one: Captioned) -> list[tuple[str, ...]]:
    first, *rest = one.tags or ("",)
    units = [f"{word} " for word in first.split()]
    if units:
        units[-1] = f"{units[-1].strip()}, "
    units += [f"{tag}, " for tag in rest]
    return [tuple(units[:length]) for length in range(1, min(len(units), 12) + 1)]


def _coverage(pictures: Sequence[Captioned], vocabulary: Vocabulary) -> list[Coverage]:
    found = [vocabulary.found(one.text) for one in pictures]
    return [
        Coverage(
            part=part,
            captions=sum(part in words for words in found),
            words=tuple(_ranked(Counter(word for words in found for word in set(words.get(part, ()))))),
            lacking=tuple(one.name for one, words in zip(pictures, found, strict=True) if part not in words),
        )
        for part in vocabulary.parts
    ]
