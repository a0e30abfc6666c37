"""Numbers as people say them."""

import re
from pathlib import Path

import pytest

from fork_wrapper.text import clock, counted, pace, part, size, sizes


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3599.4, "59:59"), (36_000, "10:00:00")]
)
def test_seconds_as_a_clock(seconds: float, text: str) -> None:
    """Minutes and seconds, with hours only where there are any."""
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "-"), (0, "0 B"), (999, "999 B"), (206_434_902, "206 MB"), (6_938_040_736, "6.94 GB")]
)
def test_bytes_as_people_say_them(count: int | None, text: str) -> None:
    """Decimal units, as disks are sold."""
    assert size(count) == text


def test_one_and_many() -> None:
    """A noun agrees with its number, and so does a verb."""
    assert [counted(count, "step") for count in (0, 1, 2, 1.0, 2.5)] == [
        "0 steps",
        "1 step",
        "2 steps",
        "1 step",
        "2.5 steps",
    ]
    assert [counted(count, "batch", "batches") for count in (1, 2)] == ["1 batch", "2 batches"]
    verbs = ("is", "are")
    assert [part(one, 6, "image", verbs) for one in (1, 2)] == ["1 of 6 images is", "2 of 6 images are"]
    assert part(1, 1, "image", verbs) == "1 of 1 image is"


def test_speed_has_one_unit() -> None:
    """Seconds a step, however fast: three digits."""
    assert [pace(speed) for speed in (12.3, 1.0, 0.999, 0.5, 0.0123)] == [
        *("0.081 s/it", "1.00 s/it", "1.00 s/it", "2.00 s/it", "81.3 s/it"),
    ]


def test_sizes_that_are_compared_have_one_unit() -> None:
    """That of the largest, but where nothing would be left of one."""
    assert sizes([34_690_000_000, 780_000_000]) == ["34.69 GB", "0.78 GB"]
    assert sizes([900_000, 206_434_902]) == ["1 MB", "206 MB"]
    assert sizes([4000, 100]) == ["4 kB", "100 B"]
    assert sizes([0, 4000]) == ["0 kB", "4 kB"]


NOUNS = (
    *("image", "caption", "step", "epoch", "batch", "batche", "run", "checkpoint", "token", "tag", "value", "error"),
    *("warning", "note", "option", "subset", "process", "processe", "GPU", "prompt", "sample", "second", "number"),
    *("experiment", "change", "difference", "state", "sidecar", "file", "folder", "time", "group"),
)
ALWAYS_MANY = (
    "{own.scale:.2f} times",  # more than once
    "{len(pick.files)} of {pick.of} images",  # more than 24
    "{len(bare)} of {len(one.entries or ())} images have",
    "image_size of {len(other)} images",
    'len(findings)} errors"',  # behind "an error" if there is one
    "starts {SDXL_TRAIN} {len(lines)} times",
    "{len(wanting)} runs could read",
    '<= NAMED else f"{count} runs"',
    "{len(kind)} values:",
    "groups steps {steps} times",
    "split into {_optimizers(case)} groups",
    "each of {_optimizers(case)} groups",
    "each of {case.host.processes} processes",
    "{case.host.processes} processes draw",
    "{names.count(name)} times, and",
    "with {processes} processes",
    "counts {processes} steps for",
    "is {value:g} times the whole",
    "images of others, with cache_info",
    " rest of {len(one.entries or ())} paths",
    "{len(lost)} of {len(one.entries or ())} images are not there",
    "{tokens} tokens, of which",
    "{shape[0]} tokens, not",
    "error.seconds:g} seconds",
    "enlarged {times:.1f} times",
    "enlarged {placement.scale:.2f} times",
    "and room for {state.f_favail} files",
    "of {groups} optimizer groups",
    "of {_optimizers(case)} optimizer groups",
    "Of the {len(rows)} values above",
    "{key} steps with scaled gradients",
    "{by(size)} in steps of",
)
"""Numbers that are never one, or are no whole ones."""


def test_no_message_counts_one_of_many() -> None:
    """A number before a plural in the text of a message goes through `counted`, or is known to be more than one."""
    pattern = re.compile(r"\{(?![^{}]*counted\()[^{}]*\} (?:\w+ )?(?:" + "|".join(NOUNS) + r")s\b")
    verbs = re.compile(r"\} (?:names|gives|holds|takes|makes|steps with|has|times out)\b")
    root = Path(__file__).resolve().parents[2]
    seen, wrong = 0, []
    for path in sorted([*(root / "fork_wrapper").rglob("*.py"), *(root / "dataset_tools").rglob("*.py")]):
        if path.name.startswith("standin"):  # prints what sd-scripts prints
            continue
        seen += 1
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for match in pattern.finditer(line):
                known = any(words in line for words in ALWAYS_MANY) or verbs.match(match[0][match[0].index("}") :])
                if not known and ('"' in line[: match.start()] or "'" in line[: match.start()]):
                    wrong.append(f"{path.name}:{number}: {match[0]}")
    assert not wrong, "\n".join(wrong)
    assert seen > 250
