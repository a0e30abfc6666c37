"""`kft note`."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, full_name, json_flag, setting_flags, settings_from
from fork_wrapper.experiment.story import DECISIONS
from fork_wrapper.formats.named_run import named_run
from fork_wrapper.publish.aftermath import note_rows
from fork_wrapper.records.notes import add_note, read_notes

EPILOG = """\b
Examples:
  kft note humanoid_05/20261122-101500
  kft note humanoid_05 "the hands are better than in 04"
  kft note humanoid_05/20261122-101500 --problem "overfits from epoch 8" --solution "take epoch 6"
  kft note humanoid_05/20261122-101500 --decision selected "base of all LoRAs"
"""


@click.command(name="note", epilog=EPILOG, short_help="Note what was found out about a run, or show it.")
@click.argument("run", shell_complete=completing.runs)
@click.argument("text", required=False)
@click.option("--problem", "problems", multiple=True, metavar="TEXT", help="What went wrong. Repeatable.")
@click.option("--solution", "solutions", multiple=True, metavar="TEXT", help="What was done about it. Repeatable.")
@click.option("--decision", type=click.Choice(DECISIONS), help="What became of it.")
@json_flag
@setting_flags(*PLACES)
def command(
    run: str,
    text: str | None,
    problems: tuple[str, ...],
    solutions: tuple[str, ...],
    decision: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Add a note to RUN, with the time; without anything to note, show its notes.

    RUN is EXPERIMENT/RUN, its folder, or a sidecar or checkpoint of it; EXPERIMENT means its newest run, EXPERIMENT@-2
    the one before. Notes lie in its folder beside the record,
    which stays as it was archived; they are only ever added to.
    """
    settings = settings_from(flags)
    folder = named_run(full_name(run, settings, "any"), settings).folder
    if text is None and not (problems or solutions or decision):
        notes = read_notes(folder)
    else:
        now, verdict = datetime.now().astimezone(), decision or ""
        notes = (add_note(folder, now, problems=problems, solutions=solutions, decision=verdict, text=text or ""),)
    if as_json:
        output.print_json({"run": folder.run_id, "notes": [asdict(note) for note in notes]})
    elif notes:
        output.print_table(("", "", ""), note_rows(notes))
    else:
        output.say(f'{folder.run_id} has no notes; kft note {folder.run_id} "..." adds one')
