"""`kft doctor`."""

from dataclasses import asdict
from typing import Any

import click

from fork_wrapper.check.doctor import Checkout, Examination, examine
from fork_wrapper.check.versions import Xformers
from fork_wrapper.commands import output
from fork_wrapper.commands.flags import PLACES, SCALE, json_flag, setting_flags, settings_from
from fork_wrapper.sdscripts.options import pinned_commit
from fork_wrapper.sdscripts.refresh import refresh
from fork_wrapper.text import size

Rows = list[tuple[str, ...]]


@click.command(name="doctor", short_help="Show what this machine has for training and what it lacks.")
@click.option("--refresh", "anew", is_flag=True, help="Read the options of the sd-scripts checkout from its parser.")
@json_flag
@setting_flags(*PLACES, *SCALE)
def command(anew: bool, as_json: bool, **flags: Any) -> None:
    """Look at everything that trains: Python and packages, torch and GPUs, sd-scripts, disks, settings.

    With --refresh the options of another commit of sd-scripts are read and kept, and kft goes by them while that
    commit is checked out. Exit code 1 when something would stop every run.
    """
    settings = settings_from(flags)
    reading = None
    if anew:
        with output.counting("reading the options of sd-scripts"):
            reading = refresh(settings)
    with output.counting("asking torch"):
        looked = examine(settings, reading)
    if as_json:
        output.print_json(asdict(looked))
    else:
        _print(looked)
    if reading and reading.kept:
        output.say(f"options kept in {reading.kept}")
    if looked.errors:
        click.get_current_context().exit(1)
    output.say("nothing here prevents a run")


def _print(looked: Examination) -> None:
    output.print_table(("", ""), _facts(looked))
    _table(("package", "asked", "by", "installed", ""), _packages(looked))
    _table(("option", "change", f"at {pinned_commit()[:8]}", "here"), _changes(looked.sd_scripts))
    _table(("setting", "value", "said by"), [(one.name, one.value, one.said_by) for one in looked.settings])
    if looked.findings:
        output.print_text("\n")
        output.print_findings(looked.findings)


def _table(headers: tuple[str, ...], rows: Rows) -> None:
    if rows:
        output.print_text("\n")
        output.print_table(headers, rows)


def _facts(looked: Examination) -> Rows:
    own = looked.kft
    commit = f", commit {own.commit}{_changed(own.dirty)}" if own.commit else ""
    cards = [f"{one.name}  {one.memory_mib} MiB, {one.used_mib} in use  driver {one.driver}" for one in looked.gpus]
    return [
        ("kft", f"{own.version}{commit}"),
        ("kft's Python", f"{own.python}  {own.executable}"),
        ("system", own.system),
        ("trainer's Python", f"{looked.python_version or 'cannot be started'}  {looked.python}"),
        ("torch", _torch(looked)),
        *(("xformers", _xformers(one)) for one in [looked.xformers] if one),
        *(("GPU", card) for card in cards or ["none that nvidia-smi shows"]),
        *_sd_scripts(looked.sd_scripts),
        *((f"room for {disk.what}", f"{size(disk.free)}  {disk.path}") for disk in looked.disks),
    ]


def _torch(looked: Examination) -> str:
    torch = looked.torch
    if torch is None:
        return "not installed"
    if torch.problem:
        return "does not answer"
    return f"{torch.version}  built for {torch.build}, sees {', '.join(torch.devices) or 'no GPU'}"


def _xformers(one: Xformers) -> str:
    built = f"built for CUDA {one.cuda}" if one.cuda else "built without CUDA"
    return f"{one.version}  {built}{'' if one.fits else ', which is not there'}"


def _sd_scripts(scripts: Checkout) -> Rows:
    kind = {"folder": "no checkout, or git is missing"}.get(scripts.kind, scripts.kind)
    rows: Rows = [("sd-scripts", f"{kind}  {scripts.path}  ({scripts.said_by})")]
    if scripts.commit:
        known = "the one kft is made for" if scripts.pinned else f"not {pinned_commit()[:8]}, which kft is made for"
        rows.append(("its commit", f"{scripts.commit}{_changed(scripts.dirty)}  {known}"))
    if scripts.kind != "missing":
        count = len(scripts.changes)
        source = {"built in": "as kft has them built in", "unread": "not read: kft goes by its own"}.get(
            scripts.table, f"read from its parser, {count or 'no'} change{'' if count == 1 else 's'}"
        )
        rows.append(("its options", source))
    return rows


def _packages(looked: Examination) -> Rows:
    return [(one.name, one.asked or "-", one.by or "-", one.installed or "-", one.verdict) for one in looked.packages]


def _changes(scripts: Checkout) -> Rows:
    return [
        (one.name, one.what, _spell(one.before, one.after), _spell(one.after, one.before)) for one in scripts.changes
    ]


def _spell(value: Any, other: Any) -> str:
    """Spell a type or default; for choices, only those that the other side lacks."""
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value if one not in (other or ())) or "-"
    return "-" if value is None else str(value)


def _changed(dirty: bool | None) -> str:
    return " with local changes" if dirty else ""
