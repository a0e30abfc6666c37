"""`kft document`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, allow_flag, full_name, json_flag, setting_flags, settings_from
from fork_wrapper.experiment.experiment import find_experiment
from fork_wrapper.experiment.story import LANGUAGES
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.document.files import beside, marked, write
from fork_wrapper.publish.document.gather import Coverage, Document, coverage, document_of, left_out_lines
from fork_wrapper.publish.document.markdown import markdown
from fork_wrapper.publish.document.subjects import iterations, left_out

EPILOG = """\b
Examples:
  kft document --lang es -o FINE_TUNING.md
  kft document humanoid_05/20261122-101500 --lang en
  kft document --coverage --fail-under 100
  kft document humanoid_05 humanoid_06 --beside
"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a document is written."""

    file: Path | None
    """The output file; None for stdout."""
    is_beside: bool
    """Whether each document goes beside its experiment file."""
    force: bool
    """Whether to overwrite whatever is there."""


@click.command(name="document", epilog=EPILOG, short_help="Write the documentation of experiments from their records.")
@click.argument("names", nargs=-1, shell_complete=completing.sources)
@click.option("--lang", "language", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Its language.")
@click.option("-o", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write this file; default stdout.")
@click.option(
    "--beside", "is_beside", is_flag=True, help="Write a document of each beside its experiment file: NAME.md."
)
@click.option("--force", is_flag=True, help="Write over files that kft did not write, or that were edited.")
@click.option(
    "--coverage", "only_coverage", is_flag=True, help="Print which fields are filled, and where gaps could be filled."
)
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="PCT",
    help="Exit with 1 if less of what a tool can know is filled.",
)
@allow_flag
@json_flag
@setting_flags(*PLACES)
def command(
    names: tuple[str, ...],
    language: str,
    only_coverage: bool,
    fail_under: float | None,
    allow: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Write how NAMES were trained, every value with its origin, from records alone; without NAMES all experiments.

    NAMES are experiments, runs (EXPERIMENT/RUN, or EXPERIMENT@latest, @-2), sidecars, checkpoints or config files.
    An experiment's name means its newest completed run, else its newest rehearsal (with the values that were meant),
    else its file. What is not known says so, and where it could come from.
    """
    target = Target(**{name: flags.pop(name) for name in ("file", "is_beside", "force")})
    _check_flags(target, only_coverage=only_coverage, as_json=as_json)
    settings = settings_from(flags)
    names = tuple(full_name(name, settings) for name in names)
    if target.is_beside:
        made = _beside(names or tuple(iterations(settings)), language, settings, allow)
        if not names:
            for name, why in left_out(settings):
                output.say(f"{name}: left out, {'it is a template' if why == 'template' else 'its file is gone'}")
        _write({path: marked(markdown(one)) for path, one in made.items()}, force=target.force)
        _judge(list(made.values()), fail_under)
        return
    document = document_of(names, language, settings, allow)
    if as_json:
        from fork_wrapper.publish.document.as_json import coverage_json, to_json  # noqa: PLC0415 - one way of writing is enough

        output.print_json(coverage_json(coverage(document)) if only_coverage else to_json(document))
    elif only_coverage:
        _print_coverage(coverage(document), document)
    elif target.file is not None:
        _write({target.file: marked(markdown(document))}, force=target.force)
    else:
        output.print_file(marked(markdown(document)))
    _judge([document], fail_under)


def _check_flags(target: Target, *, only_coverage: bool, as_json: bool) -> None:
    said = {"-o": target.file is not None, "--beside": target.is_beside, "--coverage": only_coverage}
    if sum(said.values()) > 1:
        raise click.UsageError(f"{' and '.join(flag for flag, is_said in said.items() if is_said)} do not go together")
    if as_json and (target.file is not None or target.is_beside):
        raise click.UsageError("--json goes to stdout: leave out -o and --beside")


def _beside(names: Sequence[str], language: str, settings: Settings, allow: Sequence[str]) -> dict[Path, Document]:
    """Make a document for each experiment, keyed by the path beside its experiment file."""
    files = {name: find_experiment(name, settings.experiments) for name in names}
    return {beside(path): document_of([name], language, settings, allow) for name, path in files.items()}


def _write(texts: dict[Path, str], *, force: bool) -> None:
    changed = write(texts, force=force)
    for path in texts:
        output.print_text(f"{path}\n")
        if path not in changed:
            output.say(f"{path} is as it was")


def _print_coverage(found: Coverage, document: Document) -> None:
    said = document.words
    labels = document.labels
    rows: dict[str, list[str]] = {}
    for cell in found.cells:
        mark = said(f"kind.{cell.answer.kind}") if cell.answer else said("unknown").upper()
        name = cell.field.labels[said.language] + ("" if cell.field.tool else " *")
        rows.setdefault(name, []).append(mark)
    output.print_table((said("head.field"), *labels), [(name, *cells) for name, cells in rows.items()])
    output.print_text(f"\n* {said('people_only')}\n")
    hints: dict[str, list[str]] = {}
    for cell in found.missing:
        hints.setdefault(f"{cell.field.labels[said.language]}: {cell.hint}", []).append(cell.label)
    output.print_text("".join(f"{', '.join(who)}: {text}\n" for text, who in hints.items()))
    (filled, fields), (told, people) = found.filled, found.by_people
    summary = said(
        "coverage.summary", percent=f"{found.percent:.1f}", filled=filled, fields=fields, told=told, people=people
    )
    rehearsed = dict(found.by_kind()).get("rehearsed", 0)
    waiting = said.numbered("state_rehearsed", rehearsed).strip() if rehearsed else ""
    output.print_text(f"{summary}\n" + (f"{waiting}\n" if waiting else ""))
    output.print_text("".join(f"{line}\n" for line in left_out_lines(document)))


def _judge(documents: Sequence[Document], least: float | None) -> None:
    """Exit with 1 if any document is less complete than `least` percent."""
    found = [coverage(document).percent for document in documents]
    if least is not None and any(percent < least for percent in found):
        output.say(f"{min(found):.1f} % is filled, less than {least:g} %")
        click.get_current_context().exit(1)
