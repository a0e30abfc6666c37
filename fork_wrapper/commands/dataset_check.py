"""`kft dataset check`."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from dataset_tools.captions.clip_tokens import find_merges
from dataset_tools.check.faults import KINDS, SEVERITIES, Fault
from dataset_tools.check.inspection import Inspection, inspect
from dataset_tools.check.mend import Step, mend, plan
from dataset_tools.errors import DatasetError
from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import full_name, json_flag, override_flags, setting_flags, settings_from
from fork_wrapper.datasets.training_folders import Asked, Meant, meant_by
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.resolve import parse_overrides
from fork_wrapper.machine.settings import Settings
from fork_wrapper.text import counted

SHOWN = 5
"""The number of files shown per kind; the rest are counted."""


@click.command(name="check", short_help="Find everything that is wrong with images and captions.")
@click.argument("what", metavar="DIR|NAME", shell_complete=completing.experiments)
@click.option(
    "--fix", is_flag=True, help="Fix what is safe (rename, rewrite, move aside), after a list and a question."
)
@click.option("--yes", is_flag=True, help="Do not ask before --fix.")
@click.option("--all", "everything", is_flag=True, help=f"Name every file, not the first {SHOWN} of each kind.")
@click.option(
    "--resolution",
    type=click.IntRange(64, 16384),
    help="For a folder, what it is measured against. [as prepared, or 1024]",
)
@click.option("--caption-extension", metavar="EXT", help="For a folder: of its captions. [what most have]")
@override_flags
@json_flag
@setting_flags("datasets", "experiments", "cache")
def command(what: str, fix: bool, yes: bool, everything: bool, as_json: bool, **flags: Any) -> None:
    """Look at every image and caption of a folder, or of all folders of an experiment.

    Every image is decoded, every caption read, every pair of images compared; what was seen is remembered, so that the
    next look is quick. With an experiment, resolution, buckets, caption extension, tokens and caches are as it says.

    --fix deletes nothing: what goes lies in kft-aside/ below its folder.

    Exit code 0 without errors and warnings, 1 with, 2 when there is nothing to look at.
    """
    settings = settings_from(flags)
    asked = Asked(
        overrides=parse_overrides(flags["assignments"], flags["unset"]),
        allow=flags["allow"],
        resolution=flags["resolution"],
        caption_extension=flags["caption_extension"],
    )
    meant = meant_by(full_name(what, settings), settings, asked)
    merges = find_merges(os.environ, [meant.tokenizers] if meant.tokenizers else [])
    found = _look(meant, settings, merges)
    steps = plan(found.faults)
    if not as_json:
        _show(meant, found, merges, everything=everything)
    if fix:
        if not as_json:
            _list(steps)
        if steps and (yes or _asked(as_json=as_json)):
            _mend(steps)
            found = _look(meant, settings, merges)
            if not as_json:
                output.say(_verdict(found))
    if as_json:
        _print_json(meant, found, steps, merges)
    if found.is_bad:
        click.get_current_context().exit(1)


def _look(meant: Meant, settings: Settings, merges: Path | None) -> Inspection:
    with _Bars() as bars:
        return inspect(meant.folders, memory=settings.cache, tokenizer=merges, tell=bars.tell)


class _Bars:
    """Progress bars, one after the other, for work that takes long enough to be noticed."""

    def __init__(self) -> None:
        self._stage = ""
        self._stack = ExitStack()
        self._tell: Any = None

    def __enter__(self) -> "_Bars":  # noqa: PYI034 - typing.Self is younger than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Report that `done` of `total` items of a stage are finished."""
        if stage != self._stage:
            self._stack.close()
            self._stage, self._stack = stage, ExitStack()
            self._tell = self._stack.enter_context(output.counting(stage, patience=0.5))
        self._tell(done, total)


def _show(meant: Meant, found: Inspection, merges: Path | None, *, everything: bool) -> None:
    known = f", {found.decoded} decoded now" if found.decoded != found.images else ""
    output.say(f"{meant.name}: {counted(found.images, 'image')}{known}, {counted(found.captions, 'caption')}")
    if meant.measured:
        output.say(f"measured against {meant.measured} (--resolution, or name an experiment)")
    output.print_parts(_lines(meant, found.faults, everything=everything))
    if tokens := _tokens(found, merges):
        output.say(tokens)
    output.say(_verdict(found))


def _lines(meant: Meant, faults: tuple[Fault, ...], *, everything: bool) -> Iterator[list[output.Part]]:
    """Lay out findings grouped by kind, in the order of `faults` (most severe first)."""
    groups: dict[tuple[str, str], list[Fault]] = {}
    for one in faults:
        groups.setdefault((one.severity, one.kind), []).append(one)
    base = meant.folders[0].folder if len({one.folder for one in meant.folders}) == 1 else None
    for (severity, kind), group in groups.items():
        mark = "" if severity == "error" else f"{severity}: "
        yield [("  ", ""), (f"• {mark}", severity), (f"{KINDS[kind].title}: {len(group)}", ""), (f"  [{kind}]", "dim")]
        shown = group if everything else group[:SHOWN]
        for one in shown:
            yield [(f"      {_place(one.file, base)}", ""), (f"  {printable(one.reason)}", "dim")]
        if len(group) > len(shown):
            yield [(f"      … and {len(group) - len(shown)} more (--all)", "dim")]
        yield [("    → ", "title"), (KINDS[kind].fix, "")]


def _place(path: Path, base: Path | None) -> str:
    return printable(path.name if base is not None and path.parent == base else str(path))


def printable(text: str) -> str:
    """Return `text` with characters spelled out that a terminal cannot show or would act on."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in plain)


def _tokens(found: Inspection, merges: Path | None) -> str:
    """Say how many captions exceed each token limit; empty if none does."""
    over = {limit: count for limit, count in found.tokens.items() if count}
    if not over:
        return ""
    how = "" if merges else " (estimated: CLIP's tokenizer is not on this machine)"
    parts = ", ".join(f"{count} more than {limit}" for limit, count in over.items())
    return f"tokens of {counted(found.captions, 'caption')}: {parts}{how}"


def _verdict(found: Inspection) -> str:
    counts = Counter(one.severity for one in found.faults)
    parts = [counted(counts[name], name) for name in SEVERITIES if counts[name]]
    return ", ".join(parts) if parts else "nothing is wrong"


def _list(steps: tuple[Step, ...]) -> None:
    if not steps:
        output.say("nothing can be fixed without a decision from you")
        return
    output.say(f"{counted(len(steps), 'thing')} can be fixed; what is removed goes to kft-aside/:")
    output.print_parts(_step(step) for step in steps)


def _step(step: Step) -> list[output.Part]:
    names = " and ".join(printable(path.name) for path in step.remedy.files)
    what = {
        "aside": f"move aside {names}",
        "rename": f"rename {names} to {printable(step.remedy.target)}",
        "rewrite": f"write {names} anew as UTF-8, without a mark",
    }[step.remedy.action]
    return [("  ", ""), (what, ""), (f"  ({printable(step.reason)})", "dim")]


def _asked(*, as_json: bool) -> bool:
    if as_json or not sys.stdin.isatty():
        output.say("nothing was changed: use --yes to fix this")
        return False
    return click.confirm("Mend this?", err=True)


def _mend(steps: tuple[Step, ...]) -> None:
    try:
        folders = mend(steps, datetime.now().astimezone().strftime("%Y%m%d-%H%M%S"))
    except DatasetError as error:
        finding = Finding(what=error.what, where=error.where, todo=error.next_step)
        raise InputError("not everything could be fixed", [finding]) from error
    for folder in folders:
        output.say(f"fixed; the old files are in: {folder}")


def _print_json(meant: Meant, found: Inspection, steps: tuple[Step, ...], merges: Path | None) -> None:
    """Write what `output.print_json` would, streamed with one finding per line: there may be a hundred thousand."""
    parts: dict[str, Any] = {
        "captions": found.captions,
        "decoded": found.decoded,
        "findings": (_fault_json(one) for one in found.faults),
        "fixes": (_step_json(step) for step in steps),
        "folders": [printable(str(one.folder)) for one in meant.folders],
        "images": found.images,
        "measured_against": meant.measured,
        "name": printable(meant.name),
        "tokens": {"counted": merges is not None, "more_than": {str(key): n for key, n in found.tokens.items()}},
    }
    between = "{\n"
    for name, value in parts.items():
        output.print_text(f'{between}  "{name}": ')
        if isinstance(value, int | str | dict | list):
            output.print_text(json.dumps(value, ensure_ascii=False, sort_keys=True))
        else:
            _print_list(value)
        between = ",\n"
    output.print_text("\n}\n")


def _print_list(values: Iterator[dict[str, Any]]) -> None:
    between = "["
    for value in values:
        output.print_text(f"{between}\n    {json.dumps(value, ensure_ascii=False, sort_keys=True)}")
        between = ","
    output.print_text("[]" if between == "[" else "\n  ]")


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "action": step.remedy.action,
        "files": [printable(str(path)) for path in step.remedy.files],
        "target": printable(step.remedy.target),
        "kind": step.kind,
    }


def _fault_json(one: Fault) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "severity": one.severity,
        "file": printable(str(one.file)),
        "others": [printable(str(path)) for path in one.others],
        "reason": printable(one.reason),
        "fix": one.fix,
        "safe": one.remedy is not None,
    }
