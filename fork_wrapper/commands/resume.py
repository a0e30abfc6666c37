"""`kft resume`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, SCALE, json_flag, room_flag, setting_flags, settings_from, short_name
from fork_wrapper.commands.live_view import watch_run
from fork_wrapper.commands.run import draw_samples, offer_next, summarise
from fork_wrapper.formats.source import open_run
from fork_wrapper.repeat.resume import Resumption, close_killed, job_of, plan_resume
from fork_wrapper.run.job import foresee
from fork_wrapper.run.run import run
from fork_wrapper.sdscripts.names import STATE_SUFFIX
from fork_wrapper.text import counted

EPILOG = """\b
Examples:
  kft resume humanoid_05
  kft resume humanoid_05/20261122-101500 --check
  kft resume humanoid_05:epoch4
  kft resume runs/humanoid_05/20261122-101500 --state humanoid_05-000004-state
"""


@click.command(name="resume", epilog=EPILOG, short_help="Go on with a run that was broken off, from its newest state.")
@click.argument("name", metavar="RUN", shell_complete=completing.runs)
@click.option("--state", type=click.Path(path_type=Path), help="A state of the run; default its newest whole one.")
@click.option("--check", "check_only", is_flag=True, help="Say what would be done, and do nothing.")
@room_flag
@json_flag
@setting_flags(*PLACES, *SCALE)
def command(
    name: str, state: Path | None, check_only: bool, allowed: tuple[str, ...], as_json: bool, **flags: Any
) -> None:
    """Go on with RUN in a run of its own, up to the planned number of steps.

    RUN is EXPERIMENT/RUN, its folder, EXPERIMENT@latest, or EXPERIMENT alone for its newest run that was broken off;
    with :epoch4 or :step1200 behind it, the state of then.

    Values come from the record of RUN alone. Its state, base model and data set must be whole and unchanged; nothing
    of RUN is overwritten. A rehearsal is resumed as one. With --check, exit code 1 says that something stands
    against the launch.
    """
    settings = settings_from(flags)
    meant = short_name(name, settings, "broken")
    if meant and meant.checkpoint and state is None:  # sd-scripts saves a state beside a checkpoint, by the same name
        state = Path(f"{meant.checkpoint.stem}{STATE_SUFFIX}")
    plan = plan_resume(open_run(meant.run.run_id if meant else name, settings), settings, state=state)
    job = replace(job_of(plan, settings), allowed=allowed)
    if not as_json:
        _show(plan)
    if check_only:
        draw_samples(job, settings)
        found = foresee(job, settings)
        if as_json:
            output.print_json(plan.to_json())
        output.show_findings((*plan.findings, *found.findings))
        if found.errors:
            click.get_current_context().exit(1)
        return
    if words := close_killed(plan.run, settings):
        output.say(words)
    record = run(job, settings, watch_run())
    if as_json:
        output.print_json({**plan.to_json(), "resumed_by": record.run["id"], "new_run": dict(record.run)})
    else:
        summarise(record)
        offer_next(record, settings)


def _show(plan: Resumption) -> None:
    rows = [
        ("run", f"{plan.run.run_id}, broken off at step {plan.reached} of {plan.total_steps}"),
        ("state", str(plan.state.path)),
        *(("passed over", f"{name}: {why}") for name, why in plan.choice.passed_over.items()),
        ("done", f"{counted(plan.done.step, 'step')}, {counted(plan.done.epoch, 'epoch')}"),
        ("remains", counted(plan.remaining, "step")),
    ]
    if plan.reached > plan.done.step:
        rows.append(("done again", f"step {plan.done.step + 1} to {plan.reached}"))
    output.print_table(("", ""), rows)
    output.print_text("\n")
    for words in plan.consequences:
        output.print_folded(f"  {words}", indent=4)
    output.print_text("\n")
    output.print_table(("option", "was", "is"), [_row(change.key, change.was, change.value) for change in plan.changes])


def _row(key: str, was: Any, value: Any) -> tuple[str, str, str]:
    before, after = ("absent" if one is None else str(one) for one in (was, value))
    return key.removeprefix("training."), before, after
