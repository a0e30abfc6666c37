"""`kft report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, full_name, json_flag, setting_flags, settings_from
from fork_wrapper.files import write_whole
from fork_wrapper.publish.report.choose import choose
from fork_wrapper.publish.report.gather import Report, gather
from fork_wrapper.publish.report.page import LIMIT, page, refuse_one_place, refuse_to_overwrite
from fork_wrapper.text import counted, size

PATIENCE = 0.5
"""Seconds of work before a bar appears."""


@click.command(name="report", short_help="Write one page of curves, samples and values of runs.")
@click.argument("names", nargs=-1, shell_complete=completing.sources)
@click.option(
    "-o",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page.",
)
@click.option(
    "--png",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write pictures here, too (needs kft[png]).",
)
@json_flag
@setting_flags(*PLACES)
def command(names: tuple[str, ...], file: Path, folder: Path | None, as_json: bool, **flags: Any) -> None:
    """Write a page about runs: how they went, what changed between them, losses, rates, samples, data, machines.

    NAMES are experiments (the newest completed run, else the newest rehearsal), runs (EXPERIMENT/RUN, or
    EXPERIMENT@latest, @-2) or sidecars; without any, every
    experiment that has run. The page is one file that needs no network. --png writes curves and sample sheets as PNG.
    """
    settings = settings_from(flags)
    refuse_to_overwrite([file])
    if folder is not None:
        from fork_wrapper.publish.report.png import need_matplotlib, picture_paths, write_pictures  # noqa: PLC0415 - a page alone needs none

        need_matplotlib()
    with output.counting("reading runs", patience=PATIENCE) as tell:
        report = gather(choose([full_name(name, settings) for name in names], settings), settings, tell)
    with output.counting("making images smaller", patience=PATIENCE) as tell:
        text, made = page(report, tell)
    written = [file]
    if folder is not None:
        pictures = picture_paths(report, folder)
        refuse_one_place(file, pictures)
        refuse_to_overwrite(pictures)
        with output.counting("drawing", patience=PATIENCE) as tell:
            written += write_pictures(report, folder, tell)
    write_whole(file, text)
    _tell(report, written, len(text.encode()), len(made), as_json=as_json)


def _tell(report: Report, written: Sequence[Path], length: int, images: int, *, as_json: bool) -> None:
    runs = [{"label": run.label, "run": run.record.run["id"], "rehearsal": run.rehearsal} for run in report.runs]
    if as_json:
        files = [str(path) for path in written]
        output.print_json({"files": files, "bytes": length, "images": images, "runs": runs})
    else:
        output.print_text("".join(f"{path}\n" for path in written))
    output.show_findings(report.findings())
    output.say(f"{counted(len(runs), 'run')}, {counted(images, 'sample')}, {size(length)}")
    if length > LIMIT:
        output.say(f"  it is larger than {size(LIMIT)} with its samples as small as they can be: name fewer runs")
