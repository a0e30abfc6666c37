"""`kft show`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import click

from fork_wrapper import output
from fork_wrapper.afterwards import UNKNOWN, Afterwards, afterwards, came_from, note_rows, story_rows
from fork_wrapper.commands.flags import PLACES, allow_flag, json_flag, setting_flags, settings_from
from fork_wrapper.files import flatten, read_json
from fork_wrapper.history import resumed_by
from fork_wrapper.lineage import planned_steps, position, resumed_from, segments, shares
from fork_wrapper.paths import RunFolder
from fork_wrapper.record import Record
from fork_wrapper.run_state import KILLED, live, status_of
from fork_wrapper.settings import Settings
from fork_wrapper.source import Source, open_source
from fork_wrapper.spelling import harmless
from fork_wrapper.words import clock, pace, size


@click.command(name="show", short_help="Show an experiment, a run, a sidecar or a checkpoint.")
@click.argument("source")
@allow_flag
@json_flag
@setting_flags(*PLACES)
def command(source: str, allow: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Show how SOURCE was, or would be, trained: values with their origins, provenance, how the run went.

    SOURCE is an experiment's name, a run (EXPERIMENT/RUN or its folder), a sidecar, or a .safetensors checkpoint,
    which tells how it was made even when its sidecar is lost. Of a run that is here also: its story and notes, the
    run that it comes from, and those that came of it.
    """
    settings = settings_from(flags)
    opened = _as_it_is(open_source(source, settings, allow))
    after = afterwards(opened, settings)
    if as_json:
        output.print_json(_as_json(opened, after))
        return
    output.print_text(harmless(f"{opened.kind} {opened.label}\n{opened.path}\n\n"))
    facts = [*_facts(opened), *_lineage(opened, settings), *_kin(opened, after), *_story(opened)]
    if facts:
        output.print_table(("", ""), facts)
        output.print_text("\n")
    if after and after.notes:
        output.print_table(("noted", "", ""), note_rows(after.notes))
        output.print_text("\n")
    values = flatten({"training": opened.training, "dataset": opened.dataset})
    shown = {key: value for key, value in values.items() if not key.startswith("training.metadata_kft_")}
    rows = [(key, _spell(value), *_origin(opened, key)) for key, value in shown.items()]
    output.print_table(("key", "value", "origin", "said by"), rows)


def _as_it_is(source: Source) -> Source:
    """A run that is not closed yet with the status that it has now, and how far its log says that it is."""
    record = source.record
    if record is None or record.status != "running":
        return source
    if source.kind == "run":
        record = live(RunFolder(folder=source.path.absolute().parent), record)
    return replace(source, record=record.with_run(status=status_of(record)))


def _as_json(source: Source, after: Afterwards | None) -> Mapping[str, Any]:
    more = after.to_json() if after else UNKNOWN
    if source.record is not None:
        archived: Mapping[str, Any] = read_json(source.path)
        return {**archived, "run": dict(source.record.run), **more}
    if source.header is not None:
        return {"kind": source.kind, **source.header, **more}
    return {
        "kind": source.kind,
        "name": source.label,
        "training": source.training,
        "dataset": source.dataset,
        "origins": {key: asdict(origin) for key, origin in source.origins.items()},
        "story": dict(source.resolved.story) if source.resolved else {},
    }


def _facts(source: Source) -> list[tuple[str, str]]:
    if source.record is not None:
        return [*_checkpoint_facts(source.checkpoint), *_run_facts(source.record)]
    if source.header is not None:
        run = source.header["run"]
        return [(name, str(run[name])) for name in ("run", "started", "trainer", "rehearsal") if name in run]
    return []


def _story(source: Source) -> list[tuple[str, str]]:
    """What people said of it before it ran."""
    if source.resolved is not None:
        return story_rows(source.resolved.story)
    told = source.record.experiment.get("story") if source.record is not None else None
    return story_rows(told) if isinstance(told, Mapping) else []


def _kin(source: Source, after: Afterwards | None) -> list[tuple[str, str]]:
    """The run that it repeats, and those that repeat it."""
    facts = []
    if source.record is not None and resumed_from(source.record) is None and (words := came_from(source.record)):
        facts.append(("lineage", words))
    return facts + [("repeated by", run_id) for run_id in (after.repeated_by if after else ())]


def _lineage(source: Source, settings: Settings) -> list[tuple[str, str]]:
    """The runs before and after it in the same training, where it was resumed."""
    record = source.record
    if record is None:
        return []
    run = RunFolder(folder=settings.outputs / str(record.run["id"]))
    facts = []
    if parent := resumed_from(record):
        facts.append(("resumes", f"{parent} from step {position(record).step} of {planned_steps(record)}"))
        for one, first, last in shares(segments(settings.outputs, run, record)):
            facts.append((f"step {first} to {last}", one.run.run_id))
        facts += [("consequence", str(words)) for words in (record.lineage or {}).get("consequences", ())]
    for line in resumed_by(settings.outputs, run.run_id, cache=settings.cache):
        facts.append(("resumed by", f"{line.run_id} from step {line.before}  {line.status}"))
    return facts


def _checkpoint_facts(entry: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if entry is None:
        return []
    loss = "-" if entry.get("loss") is None else f"{entry['loss']:.4f}"
    whole = (
        f" (of the training: {entry['training_step']}, {entry.get('training_epoch', '?')})"
        if "training_step" in entry
        else ""
    )
    return [
        ("checkpoint", f"{entry['file']}  {_size(entry)}  {entry.get('kind', '?')}"),
        ("step, epoch, loss", f"{entry.get('step', '?')}, {entry.get('epoch', '?')}, {loss}{whole}"),
        ("sha256", str(entry.get("sha256", "?"))),
    ]


def _size(entry: Mapping[str, Any]) -> str:
    return "?" if entry.get("bytes") is None else size(entry["bytes"])


def _run_facts(record: Record) -> list[tuple[str, str]]:
    run, origin = record.run, record.provenance
    loss = run["loss"]
    going = run["status"] in ("running", KILLED)
    facts = [
        ("run", f"{run['id']}  {_ended(run)}"),
        ("trainer", str(record.launch["trainer"])),
        ("time", f"since {run['started']}" if going else f"{run['started']} to {run['ended']}"),
        ("steps", f"{run['steps']} of {run['total_steps']}" + _speed(run, going=going)),
        ("loss", f"{loss['first']:.4f} -> {loss['last']:.4f}, lowest {loss['lowest']:.4f}" if loss else "-"),
        *(_so_far(run) if going else ()),
    ]
    scripts, base, data = origin.get("sd_scripts"), origin.get("base_model"), origin.get("dataset")
    if scripts:
        dirty = " (with local changes)" if scripts.get("dirty") else ""
        facts.append(("sd-scripts", f"{scripts.get('commit', '?')}{dirty}"))
    if base:
        facts.append(("base model", f"{base['path']}  sha256 {base.get('sha256', '?')}"))
    if data:
        images, captions, sha256 = (data.get(name, "?") for name in ("images", "captions", "sha256"))
        facts.append(("data set", f"{images} images, {captions} captions, sha256 {sha256}"))
    if run["failure"]:
        facts += _why(run["failure"])
    return facts


def _ended(run: Mapping[str, Any]) -> str:
    """The status, and what says so."""
    if run["status"] in ("running", KILLED):
        closes = f"; kft archive {run['id']} closes it" if run["status"] == KILLED else ""
        return f"{run['status']}{closes}"
    if run.get("evidence"):
        return f"{run['status']}, judged {run['evidence']}"
    return f"{run['status']}  exit code {run['exit_code']}"


def _speed(run: Mapping[str, Any], *, going: bool) -> str:
    return "" if going else f", {run['steps_per_second']} per second"


def _so_far(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a run in progress: what its log told last, how fast it is, what is left."""
    facts = []
    if run.get("steps_per_second"):
        left = "" if run.get("seconds_left") is None else f", ETA {clock(run['seconds_left'])}"
        facts.append(("speed", f"{pace(run['steps_per_second'])}{left if run['status'] == 'running' else ''}"))
    if run.get("last_line") and not run["steps"]:
        facts.append(("last line", harmless(str(run["last_line"]))))
    return facts


def _why(failure: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A failure with its cause, and what to do about it."""
    cause = failure.get("cause")
    facts = [("failure", str(failure["what"]))]
    if isinstance(cause, Mapping):
        facts += [("cause", f"{cause.get('name')}: {cause.get('what')}"), ("what to do", str(cause.get("todo")))]
    return facts


def _origin(source: Source, key: str) -> tuple[str, str]:
    origin = source.origins.get(key)
    return (origin.kind, origin.by) if origin else ("", "")


def _spell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
