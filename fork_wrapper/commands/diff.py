"""`kft diff`."""

from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, allow_flag, full_name, json_flag, setting_flags, settings_from
from fork_wrapper.compare.comparison import Diff, compare_sources, parent_of
from fork_wrapper.compare.sections import summary
from fork_wrapper.compare.text import text_lines
from fork_wrapper.formats.source import open_source


@click.command(name="diff", short_help="Compare two configurations or two runs by meaning.")
@click.argument("first", metavar="A", shell_complete=completing.sources)
@click.argument("second", metavar="[B]", required=False, shell_complete=completing.sources)
@click.option("--all", "everything", is_flag=True, help="Show what is the same, too.")
@click.option("--only-training", is_flag=True, help="Show, and count, only what changes training.")
@click.option("--md", "as_markdown", is_flag=True, help="Print Markdown.")
@allow_flag
@json_flag
@setting_flags(*PLACES)
def command(
    first: str,
    second: str | None,
    everything: bool,
    only_training: bool,
    as_markdown: bool,
    allow: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Compare A with B by meaning; without B, the parent of A with A.

    A and B are experiments, runs, sidecars or checkpoints; EXPERIMENT@latest is its newest run, @-2 the one before,
    and :epoch5, :step1200 or :final behind a run its checkpoint. Defaults are filled in and equal spellings are
    equal, so what is shown is what sd-scripts would do otherwise. Exit code 0 when nothing differs, 1 when something
    does.
    """
    if as_json and as_markdown:
        raise click.UsageError("--json and --md are two ways to print: name one")
    settings = settings_from(flags)
    one = open_source(full_name(first, settings), settings, allow)
    if second is None:
        one, two = open_source(parent_of(one), settings, allow), one
    else:
        two = open_source(full_name(second, settings), settings, allow)
    found = compare_sources(one, two, settings.cache)
    same = not found.training if only_training else found.same
    if as_json:
        from fork_wrapper.compare.as_json import to_json  # noqa: PLC0415 - one way of writing is enough for one call

        output.print_json(to_json(found, everything=everything, only_training=only_training))
    elif as_markdown:
        from fork_wrapper.compare.markdown import markdown  # noqa: PLC0415

        output.print_file(markdown(found, everything=everything, only_training=only_training))
    else:
        _print(found, same=same, everything=everything, only_training=only_training)
    if not same:
        click.get_current_context().exit(1)


def _print(found: Diff, *, same: bool, everything: bool, only_training: bool) -> None:
    shown = everything or not same or any(fact.before != fact.after for fact in found.facts)
    if shown and not (same and only_training):
        width = output.width()
        output.print_parts(text_lines(found, width=width, everything=everything, only_training=only_training))
    else:
        for note in found.notes:
            output.say(note)
    if same:
        what = "train the same" if only_training else "are the same"
        output.say(f"{found.names[0]} and {found.names[1]} {what}")
    else:
        output.say(summary(found))
