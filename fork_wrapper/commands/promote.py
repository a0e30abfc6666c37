"""`kft promote`."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, full_name, setting_flags, settings_from
from fork_wrapper.errors import Finding
from fork_wrapper.formats.source import open_source
from fork_wrapper.publish.chosen_checkpoint import Chosen, choose, doubts
from fork_wrapper.publish.model_card import Card, License, card_text
from fork_wrapper.publish.promote import Promotion, check_hub_names, license_of, plan_promotion, promote
from fork_wrapper.records.notes import add_note, read_notes
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.sdscripts.known_bases import recognise

EPILOG = """\b
Examples:
  kft promote humanoid_05 --author "Ana"
  kft promote humanoid_05@latest:epoch8 --name humanoid_base
  kft promote humanoid_05/20261122-101500 --checkpoint humanoid_05-000008.safetensors --name humanoid_base
  kft promote runs/humanoid_05/20261122-101500/humanoid_05.json --to /data/models/humanoid --link
"""


@click.command(
    name="promote", epilog=EPILOG, short_help="Make a checkpoint the base of LoRAs: with card, sha256, note."
)
@click.argument("source", metavar="RUN|CHECKPOINT|SIDECAR", shell_complete=completing.runs)
@click.option(
    "--checkpoint", metavar="FILE", help="Which one of a run's; by default the final one, or the newest whole."
)
@click.option(
    "--to", "folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Default: {models}/NAME."
)
@click.option("--name", help="What it is to be called; by default as the checkpoint.")
@click.option(
    "--copy/--link", "copy", default=True, help="A copy, or a second name of the same file.", show_default=True
)
@click.option("--rehearsal", is_flag=True, help="Let a rehearsal pass, to try the way.")
@click.option("--license", "license_id", metavar="ID", help="The Hub's id; by default SDXL's own, stated as such.")
@click.option("--license-name", metavar="ID", help="Name of a licence that the Hub does not know.")
@click.option("--license-link", metavar="URL", help="Where its text is.")
@click.option("--author", "authors", multiple=True, metavar="NAME", help="Who made it. Repeatable.")
@click.option("--base-model", metavar="OWNER/NAME", help="The base on the Hub, where kft cannot tell.")
@click.option(
    "--dataset", "hub_datasets", multiple=True, metavar="OWNER/NAME", help="A data set on the Hub. Repeatable."
)
@setting_flags(*PLACES)
def command(source: str, **flags: Any) -> None:
    """Copy a checkpoint to where models lie, verified, with its sidecar, its sha256 and a model card.

    EXPERIMENT alone means its newest completed run, else its newest rehearsal; EXPERIMENT@latest its newest of all,
    @-2 the one before. With :epoch5, :step1200 or :final behind a run, that checkpoint.

    The card is what the Hugging Face Hub reads; it says what the sidecar says, and the story and notes. The run gets
    a note with the decision "selected", a rehearsal one without a decision. Nothing is replaced; until it is whole
    and verified it has no name.
    """
    settings = settings_from(flags)
    given = license_of(flags["license_id"], flags["license_name"], flags["license_link"])
    base = {flags["base_model"]: "--base-model"} if flags["base_model"] else {}
    check_hub_names({**base, **dict.fromkeys(flags["hub_datasets"], "--dataset")})
    chosen = choose(open_source(full_name(source, settings, "done"), settings), settings, flags["checkpoint"])
    promotion = plan_promotion(
        chosen,
        settings,
        folder=flags["folder"],
        name=flags["name"],
        link=not flags["copy"],
        rehearsal=flags["rehearsal"],
    )
    _begin(chosen)

    def card(sha256: str) -> str:
        return card_text(_card(promotion, sha256, given, flags))

    with output.counting("verifying" if promotion.link else "copying and verifying") as tell:
        sha256 = promote(promotion, card, tell)
    output.print_text("".join(f"{path}\n" for path in promotion.files))
    _finish(promotion, sha256, given)


def _begin(chosen: Chosen) -> None:
    if chosen.why:
        output.say((chosen.file.name, "title"), f": {chosen.why}")
    output.show_findings(doubts(chosen))


def _card(promotion: Promotion, sha256: str, given: License, flags: dict[str, Any]) -> Card:
    chosen = promotion.chosen
    return Card(
        name=promotion.name,
        record=chosen.record,
        checkpoint=chosen.entry,
        sha256=sha256,
        base=recognise(chosen.record.provenance.get("base_model"), said=flags["base_model"]),
        license=given,
        authors=flags["authors"],
        datasets=flags["hub_datasets"],
        notes=read_notes(chosen.run) if chosen.run else (),
    )


def _finish(promotion: Promotion, sha256: str, given: License) -> None:
    """Add the note to the run, and say what to look at before passing the checkpoint on."""
    run, said = promotion.chosen.run, f"promoted {promotion.chosen.file.name} as {promotion.name}, sha256 {sha256}"
    output.say(f"sha256 {sha256}, verified")
    if run is None:
        output.say("its run is not on this machine: no note was made")
    else:
        _note(run, promotion, said)
    if not given.said:
        output.say("  • ", ("note: ", "note"), f"the card states SDXL's licence, {given.id}: --license says another")
    output.say("  • ", ("note: ", "note"), f"{promotion.sidecar.name} names folders and the host of this machine")


def _note(run: RunFolder, promotion: Promotion, said: str) -> None:
    rehearsed = promotion.chosen.record.rehearsal is not None  # trying out the procedure chooses no base
    try:
        add_note(run, datetime.now().astimezone(), decision="" if rehearsed else "selected", text=said)
    except OSError as error:  # the checkpoint itself is in place
        finding = Finding(
            what=f"its run was not noted: {error.strerror or error}",
            where=str(run.notes),
            todo=f"kft note {run.run_id}{'' if rehearsed else ' --decision selected'} TEXT, when it can be written",
            severity="warning",
        )
        output.show_findings([finding])
        return
    output.say(f"{run.run_id}: noted", " without a decision: it is a rehearsal" if rehearsed else " as selected")
