"""`kft dataset prepare`."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dataset_tools.errors import DatasetError
from dataset_tools.pixels.fitting import Size
from dataset_tools.pixels.to_srgb import Colour
from dataset_tools.prepare.manifest import MANIFEST
from dataset_tools.prepare.one import Choices
from dataset_tools.prepare.outcome import Outcome
from dataset_tools.prepare.prepare import Means, prepare
from dataset_tools.scan.hashing import HashCache
from fork_wrapper import __version__
from fork_wrapper.commands import output
from fork_wrapper.commands.flags import json_flag, setting_flags, settings_from
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.sdscripts.buckets import USUAL_LIMITS, BucketError, usual, usual_limits
from fork_wrapper.text import counted

SHOWN = 20
"""The number of problems listed per kind; the manifest has them all."""

LARGEST = 16384
"""The longest side accepted, in pixels: more than any trainer takes."""


def _size(_ctx: click.Context, _param: click.Parameter, value: str) -> Size:
    """Parse a size, `1024` or `1024x768`."""
    found = re.fullmatch(r"(\d{1,5})(?:[xX](\d{1,5}))?", value.strip())
    size = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= min(size) <= max(size) <= LARGEST:
        raise click.BadParameter(f"{value!r} is no size: write 1024, or WIDTHxHEIGHT up to {LARGEST}")
    return size


def _colour(_ctx: click.Context, _param: click.Parameter, value: str) -> Colour:
    """Parse a colour, a CSS name or `#rrggbb`."""
    from PIL import ImageColor  # noqa: PLC0415 - help needs no Pillow

    try:
        red, green, blue, *_ = ImageColor.getrgb(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no colour: write a name such as white, or #rrggbb") from None
    return red, green, blue


def _limits(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int, int] | None:
    """Parse the shortest side, the longest side and the step."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,5}),(\d{1,5}),(\d{1,4})", value.replace(" ", ""))
    if found is None:
        raise click.BadParameter(f"{value!r} is no MIN,MAX,STEP: write three numbers such as 512,2048,64")
    return int(found[1]), int(found[2]), int(found[3])


@click.command(name="prepare", short_help="Turn pictures into training images of one size.")
@click.argument("src", type=click.Path(path_type=Path))
@click.argument("dst", type=click.Path(path_type=Path))
@click.option("--size", callback=_size, default="1024", metavar="WxH", help="Of the results.  [1024x1024]")
@click.option(
    "--fit",
    type=click.Choice(["cover", "contain", "bucket"]),
    default="cover",
    help="cover: crop to the centre. contain: pad. bucket: the bucket of sd-scripts for its ratio.  [cover]",
)
@click.option(
    "--buckets",
    callback=_limits,
    metavar="MIN,MAX,STEP",
    help="min_bucket_reso, max_bucket_reso and bucket_reso_steps, for --fit bucket."
    f"  [{','.join(map(str, USUAL_LIMITS))}]",
)
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["png", "webp", "jpeg"]),
    default="png",
    help="png, webp: without loss; webp is smaller and faster.  [png]",
)
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG [95]; makes WebP lossy.")
@click.option(
    "--alpha",
    type=click.Choice(["flatten", "keep"]),
    default="flatten",
    help="Transparency: show the background, or keep it as a mask (alpha_mask).  [flatten]",
)
@click.option("--background", callback=_colour, default="white", metavar="COLOUR", help="Name or #rrggbb.  [white]")
@click.option("--upscale", is_flag=True, help="Enlarge pictures that are too small rather than refuse them.")
@click.option("--prune", is_flag=True, help="Remove results whose source is gone.")
@click.option("--same-source", is_flag=True, help="SRC is what DST was made from, moved and edited since.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Threads.  [one for each core]")
@json_flag
@setting_flags("cache")
def command(src: Path, dst: Path, jobs: int | None, as_json: bool, **flags: Any) -> None:
    """Make training images of all pictures below SRC, in DST, with their captions.

    Upright, sRGB, 8 bits, one size, by Lanczos. Nothing in SRC is changed. The same command again goes on where it
    was interrupted, and makes anew only what has changed. DST/prepare.json says what became of each picture.
    """
    choices = _choices(flags)
    means = Means(
        made_by=_made_by(),
        bucket=_bucket(choices),
        hashes=HashCache(settings_from(flags).cache / "hashes.json"),
        jobs=jobs,
    )
    try:
        with output.counting("preparing") as tell:
            which = {name: flags[name] for name in ("prune", "same_source")}
            outcome = prepare(src, dst, choices, means, **which, tell=tell)
    except DatasetError as error:
        finding = Finding(what=error.what, where=error.where, todo=error.next_step)
        raise InputError("the pictures cannot be prepared", [finding]) from None
    except KeyboardInterrupt:
        output.say("finished pictures stay; the same command resumes from here")
        raise
    if as_json:
        output.print_json(asdict(outcome))
    else:
        output.print_text(_summary(outcome, dst, choices))
        output.show_findings(_findings(outcome, src, dst))
    click.get_current_context().exit(1 if outcome.problems else 0)


def _made_by() -> dict[str, str]:
    from PIL import __version__ as pillow  # noqa: PLC0415 - help needs no Pillow

    from dataset_tools.pixels.fast_png import version  # noqa: PLC0415

    imagecodecs = version()
    return {"kft": __version__, "Pillow": pillow, **({"imagecodecs": imagecodecs} if imagecodecs else {})}


def _choices(flags: dict[str, Any]) -> Choices:
    problems = []
    if flags["quality"] and flags["image_format"] == "png":
        problems.append("--quality is for jpeg and webp: a PNG has no loss")
    if flags["alpha"] == "keep" and flags["image_format"] == "jpeg":
        problems.append("--alpha keep needs png or webp: a JPEG has no transparency")
    if flags["buckets"] and flags["fit"] != "bucket":
        problems.append("--buckets is for --fit bucket")
    if problems:
        raise click.UsageError("; ".join(problems))
    return Choices(
        **{name: flags[name] for name in ("size", "fit", "image_format", "quality", "background", "upscale")},
        keep_alpha=flags["alpha"] == "keep",
        buckets=(flags["buckets"] or usual_limits(flags["size"])) if flags["fit"] == "bucket" else None,
    )


def _bucket(choices: Choices) -> Callable[[Size], tuple[Size, Size]] | None:
    """Return how sd-scripts buckets a picture, with `enable_bucket` and without `bucket_no_upscale`.

    This applies with any other fit too: a picture too small for that fit may be large enough for its bucket.
    """
    try:
        bucketing = usual(choices.size, choices.buckets)
    except BucketError as error:
        if choices.buckets is None:
            return None
        raise click.UsageError(f"--buckets {','.join(map(str, choices.buckets))}: {error}") from None

    def placed(size: Size) -> tuple[Size, Size]:
        try:
            found = bucketing.place(size)
        except BucketError as error:
            raise ValueError(str(error)) from None
        return found.bucket, found.resized

    return placed


def _summary(outcome: Outcome, dst: Path, choices: Choices) -> str:
    there = outcome.made + outcome.kept
    size = "buckets of " if choices.fit == "bucket" else ""
    size += f"{choices.size[0]} x {choices.size[1]}"
    lines = [
        f"{counted(there, 'training image')} in {dst}: {outcome.made} made, {outcome.kept} there before",
        f"  size      {size}, {choices.fit}, {choices.image_format}",
        f"  captions  {there - outcome.captioned} without, {outcome.captioned} with; {outcome.captions} copied",
    ]
    if outcome.moved_from:
        lines.append(f"  moved     the pictures were in {outcome.moved_from} before")
    if outcome.upscaled:
        lines.append(f"  enlarged  {_few(outcome.upscaled)}")
    if outcome.respelled:
        lines.append(f"  respelled {_few(outcome.respelled)}: captions, their accents composed as their picture's are")
    if outcome.removed:
        lines.append(f"  removed   {counted(outcome.removed, 'image')} whose source is gone")
    if outcome.others:
        kinds = ", ".join(f"{number} {suffix or 'without suffix'}" for suffix, number in outcome.others.items())
        lines.append(f"  left out  neither pictures nor their captions: {kinds}")
    lines.append(f"  manifest  {dst / MANIFEST}")
    return "\n".join(lines) + "\n"


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)}: {', '.join(names[:SHOWN])}{more}"


def _findings(outcome: Outcome, src: Path, dst: Path) -> list[Finding]:
    """Make one finding per problem; for a kind with many, the first ones and a count of the rest."""
    counts = Counter(problem.kind for problem in outcome.problems)
    shown: Counter[str] = Counter()
    findings = []
    for problem in outcome.problems:
        shown[problem.kind] += 1
        if shown[problem.kind] <= SHOWN:
            where = str(src / problem.source)
            findings.append(Finding(what=f"{problem.kind}: {problem.reason}", where=where, todo=problem.next_step))
    for kind, number in sorted(counts.items()):
        if number > SHOWN:
            what = f"{kind}: {number - SHOWN} more like these"
            findings.append(Finding(what=what, where=str(dst / MANIFEST), todo="Give --json to list them all."))
    return findings
