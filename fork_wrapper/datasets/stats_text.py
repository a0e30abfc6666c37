"""The statistics of a data set as tables of title, headers and rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataset_tools.captions.stats import PREFIX_SHARE, UBIQUITOUS, Spread
from fork_wrapper.datasets.stats import DatasetStats
from fork_wrapper.text import counted, size

WORDS = 8
"""The number of words named per part of the caption convention."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table."""

    title: str
    """The title above it; empty for the first table."""
    headers: tuple[str, ...]
    """Column headers; all empty for a list of facts."""
    rows: tuple[tuple[str, ...], ...]
    """Rows of cells."""


def tables(stats: DatasetStats, *, top: int) -> list[Table]:
    """Return every table that has rows; a long one ends after `top` rows with a count of the rest."""
    found = [
        Table(title="", headers=("", ""), rows=tuple(_facts(stats))),
        _counts("size", "sizes", [(_by(one), count) for one, count in stats.sizes], len(stats.pictures), top),
        _counts("aspect", "aspects", [(f"{w}:{h}", n) for (w, h), n in stats.aspects], len(stats.pictures), top),
        *_buckets(stats, top),
        *_captions(stats, top),
    ]
    return [table for table in found if table.rows]


def _facts(stats: DatasetStats) -> Iterator[tuple[str, str]]:
    bare = sum(len(one.scan.uncaptioned) for one in stats.surveys.values() if one.scan)
    words = [counted(len(stats.pictures), "image")]
    words.append(f"{bare} without a caption" if bare else "each with a caption")
    if stats.bytes is not None:
        words.append(f"{size(stats.bytes)} in all")
    yield "images", ", ".join(words)
    yield from _problems(stats)
    yield "fingerprint", stats.fingerprint
    one = stats.captions
    yield "tags each", _spread(one.tags_each)
    yield "words each", _spread(one.words)
    yield "characters each", _spread(one.characters)
    yield "different tags", str(len(one.tags))
    if one.repeated:
        images = sum(count for _, count in one.repeated)
        yield "same captions", f"{counted(len(one.repeated), 'caption')} of {counted(images, 'image')}, word for word"


def _problems(stats: DatasetStats) -> Iterator[tuple[str, str]]:
    found = (
        ("empty captions", [path for one in stats.surveys.values() for path in one.empty_captions]),
        ("not UTF-8", [path for one in stats.surveys.values() for path in one.garbled_captions]),
        ("unreadable", [path for one in stats.surveys.values() for path in one.unreadable]),
    )
    misspelt = sum(len(one.scan.misspelt) for one in stats.surveys.values() if one.scan)
    if misspelt:
        yield "misspelt names", f"{counted(misspelt, 'caption')}, accents composed otherwise than the image's"
    yield from ((label, str(len(paths))) for label, paths in found if paths)


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "no captions"
    return f"{spread.least} to {spread.most}, half of them up to {spread.median}"


def _buckets(stats: DatasetStats, top: int) -> Iterator[Table]:
    for one in stats.layouts:
        place = one.path.removeprefix("dataset.") if len(stats.layouts) > 1 else ""
        title = f"buckets {place}".strip()
        if one.problem:
            yield Table(title=title, headers=("", ""), rows=(("none", one.problem),))
        else:
            ranked = sorted(one.buckets, key=lambda bucket: -bucket.count)
            rows = [(_by(bucket.resolution), bucket.count) for bucket in ranked]
            yield _counts("bucket", title, rows, one.repeats, top)


def _captions(stats: DatasetStats, top: int) -> Iterator[Table]:
    one, total = stats.captions, stats.captions.captions
    yield _counts("tag", "tags", list(one.tags.items()), total, top, "captions")
    title = f"pairs of tags, without tags that {UBIQUITOUS:.0%} of the captions have"
    yield _counts("pair", title, [(" + ".join(pair), count) for pair, count in one.pairs], total, top, "captions")
    title = f"beginnings that {PREFIX_SHARE:.0%} of the captions share"
    yield _counts("beginning", title, list(one.prefixes), total, top, "captions")
    rows = [(_few([f"{word} {n}" for word, n in part.words], WORDS), part.part, part.captions) for part in one.coverage]
    yield Table(
        title="the convention: captions that have each part",
        headers=("part", "captions", "share", "words"),
        rows=tuple((part, str(count), _share(count, total), words) for words, part, count in rows) if total else (),
    )


def _counts(
    noun: str, title: str, pairs: Sequence[tuple[str, int]], total: int, top: int, unit: str = "images"
) -> Table:
    rows = [(name, str(count), _share(count, total)) for name, count in pairs[:top]]
    if more := pairs[top:]:
        rows.append((f"{len(more)} more", "", ""))
    return Table(title=title, headers=(noun, unit, "share"), rows=tuple(rows))


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else ""


def _by(one: tuple[int, int]) -> str:
    return f"{one[0]} x {one[1]}" if min(one) > 0 else "cannot be read"


def _few(words: Sequence[str], most: int) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
