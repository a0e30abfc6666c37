"""`kft dataset subset`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import output
from fork_wrapper.commands.dataset import VERBS
from fork_wrapper.commands.flags import PLACES, setting_flags, settings_from
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.text import counted

EPILOG = """\b
Examples:
  kft dataset subset datasets/humanoid datasets/humanoid_0500 --n 500
  kft dataset subset datasets/humanoid datasets/humanoid_1000 --n 1000    # holds the 500
  kft dataset subset datasets/humanoid datasets/quarter --fraction 0.25 --stratify helmet
  kft dataset subset datasets/humanoid --n 500 --list names.txt
"""


@click.command(name="subset", epilog=EPILOG, short_help=VERBS["subset"])
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="[DST]", required=False, type=click.Path(path_type=Path))
@click.option("--n", "n", type=click.IntRange(min=1), metavar="N", help="So many images.")
@click.option(
    "--fraction", type=click.FloatRange(0, 1, min_open=True), metavar="SHARE", help="This share of them, as 0.5."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other images.")
@click.option("--stratify", multiple=True, metavar="TAG", help="Keep the share of captions with this tag. Repeatable.")
@click.option("--caption-extension", "extension", metavar="EXT", help="How captions end.  [as most do, or .txt]")
@click.option("--separator", default=",", show_default=True, help="Between tags.")
@click.option(
    "--list", "listing", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write names instead."
)
@setting_flags(*PLACES)
def command(source: Path, target: Path | None, n: int | None, fraction: float | None, **flags: Any) -> None:
    """Make DST of some images of SRC, a folder or a metadata file, with captions: to see how quality grows with data.

    The same seed gives nested parts: the 500 are within the 1000, however they are named and wherever they lie.
    Images are hard links where the disk can do that. DST/subset.json says what was chosen; with --list nothing is
    made but a list of names and FILE.json.
    """
    if (n is None) == (fraction is None):
        raise click.UsageError("say how many: either --n or --fraction")
    if (target is None) == (flags["listing"] is None):
        raise click.UsageError("say where to: either DST or --list FILE")
    from dataset_tools.sets.subset import make_folder  # noqa: PLC0415 - not for --help

    settings = settings_from(flags)
    subset, rows = _chosen(source, n, fraction, settings.cache, flags)
    if target is not None:
        with output.counting("linking images") as tell:
            ways = make_folder(subset, target, tell)
        output.say(f"{target}: {len(subset.chosen)} of {counted(subset.of, 'image')} ({ways}), seed {subset.seed}")
    else:
        _list(subset, flags["listing"], source)
    if rows:
        output.print_table(("tag", "of all", "of these"), rows)


def _chosen(source: Path, n: int | None, fraction: float | None, cache: Path, flags: dict[str, Any]) -> Any:
    """Choose the subset; also return the shares of the tags it was stratified by."""
    from dataset_tools.errors import DatasetError  # noqa: PLC0415
    from dataset_tools.scan.fingerprint import fingerprint  # noqa: PLC0415
    from dataset_tools.scan.hashing import HashCache  # noqa: PLC0415
    from dataset_tools.scan.metadata_file import describes_images, scan_metadata  # noqa: PLC0415
    from dataset_tools.scan.scan import PICTURE_LIKE, scan_folder  # noqa: PLC0415
    from dataset_tools.sets.subset import Subset, candidates_of, ordered, part_of  # noqa: PLC0415
    from fork_wrapper.datasets.training_folders import most_common_extension  # noqa: PLC0415

    if describes_images(source):
        scan, _ = scan_metadata(source, source.absolute().parent, separator=flags["separator"])
        images = tuple(
            one for one in scan.pictures if one.image.name.lower().endswith(PICTURE_LIKE)
        )  # it may name any file
        scan = replace(scan, pictures=images, caption_extension=flags["extension"] or ".txt")
    else:
        scan = scan_folder(source, flags["extension"] or most_common_extension(source))
    wanted = part_of(scan.images, n, fraction)
    if wanted > scan.images:
        raise DatasetError(
            f"there {'is' if scan.images == 1 else 'are'} {counted(scan.images, 'image')}, not {wanted}",
            where=source,
            next_step="Ask for fewer of them.",
        )
    with output.counting("hashing images", patience=0.5) as tell:
        digest = fingerprint([scan], HashCache(cache / "hashes.json"), tell)
    candidates = candidates_of(scan, digest.folders[0], flags["separator"])
    missing = [tag for tag in flags["stratify"] if not any(tag in item.one.tags for item in candidates)]
    if missing:
        raise DatasetError(
            f"no caption has the tag {', '.join(missing)}",
            where=source,
            next_step="See the tags: kft dataset stats --top 100.",
        )
    chosen = tuple(ordered(candidates, flags["seed"], flags["stratify"])[:wanted])
    subset = Subset(
        chosen=chosen,
        of=scan.images,
        seed=flags["seed"],
        stratify=flags["stratify"],
        source=source.absolute(),
        source_sha256=digest.sha256,
        caption_extension=scan.caption_extension,
    )
    rows = [
        (tag, *(f"{sum(tag in item.one.tags for item in group)} of {len(group)}" for group in (candidates, chosen)))
        for tag in flags["stratify"]
    ]
    return subset, rows


def _list(subset: Any, target: Path, source: Path) -> None:
    from dataset_tools.whole_files import write_whole  # noqa: PLC0415

    manifest = target.with_name(f"{target.name}.json")
    inside = target.absolute().is_relative_to(source.absolute())
    where = [path for path in (target, manifest) if inside or path.exists()]
    if where:
        what = "a list does not belong among the images" if inside else "the file exists"
        findings = [Finding(what=what, where=str(path), todo="name another file") for path in where]
        raise InputError("nothing was written", findings)
    names = "".join(f"{item.one.picture.image.absolute()}\n" for item in subset.chosen)
    write_whole(target, names.encode("utf-8", "surrogateescape"))
    write_whole(manifest, subset.manifest().encode("utf-8", "backslashreplace"))
    output.say(f"{target}, {manifest}: {len(subset.chosen)} of {counted(subset.of, 'image')}, seed {subset.seed}")
