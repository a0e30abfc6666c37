"""`kft archive`."""

from typing import Any

import click

from dataset_tools.errors import DatasetError
from dataset_tools.scan.hashing import HashCache
from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, full_name, setting_flags, settings_from
from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.formats.named_run import named_run
from fork_wrapper.machine.settings import begin
from fork_wrapper.records.run_folder import run_folders
from fork_wrapper.run.sweep import sweep_run


@click.command(name="archive", short_help="Write the sidecars that are missing, for one run or all.")
@click.argument("run", required=False, shell_complete=completing.runs)
@click.option("--over", is_flag=True, help="RUN is over, though its kft seems to be alive (on another host).")
@setting_flags(*PLACES)
def command(run: str | None, over: bool, **flags: Any) -> None:
    """Sweep RUN, or every run, again: whole checkpoints without a sidecar get one.

    RUN is EXPERIMENT/RUN, its folder, EXPERIMENT for its newest run, or EXPERIMENT@-2 for the one before.

    Harmless at any time. A run whose kft is gone is closed as its log and its files prove: completed,
    failed, or interrupted; one whose kft or trainer is alive is left running.
    """
    settings = settings_from(flags)
    if over and run is None:
        raise click.UsageError("--over needs the RUN that is over")
    cache = HashCache(settings.cache / "hashes.json")
    broken: list[Finding] = []
    folders = (
        run_folders(settings.outputs) if run is None else [named_run(full_name(run, settings, "any"), settings).folder]
    )
    if not folders:
        output.say(f"no runs in {settings.outputs}")
        if todo := begin(settings.outputs):
            raise InputError("there is nothing to archive", [Finding(what="there is no project", todo=todo)])
    bug: Exception | None = None
    for folder in folders:
        try:
            swept = sweep_run(folder, cache, over=over)
        except InputError as error:
            broken += error.findings
            continue
        except (OSError, DatasetError) as error:
            todo = "check its rights and the disk, then: kft archive " + folder.run_id
            broken.append(Finding(what=str(error), where=str(folder.folder), todo=todo))
            continue
        except Exception as error:  # noqa: BLE001 - a bug, which must not keep the other runs from their sidecars
            bug = bug or error
            continue
        files = ", ".join(swept.new) or "nothing new"
        output.print_text(f"{folder.run_id}: {swept.status}, {swept.archived} archived, {files}\n")
    if bug is not None:
        raise bug
    raise_if_any("not every run can be archived", broken)
