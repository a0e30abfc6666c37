"""`kft show`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import click

from fork_wrapper.commands import completing, output
from fork_wrapper.commands.flags import PLACES, allow_flag, full_name, json_flag, setting_flags, settings_from
from fork_wrapper.files import flatten, read_json
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.aftermath import UNKNOWN, Afterwards, afterwards, came_from, note_rows, story_rows
from fork_wrapper.records.checkpoints import inputs_of, position_of
from fork_wrapper.records.history import resumed_by
from fork_wrapper.records.launched_values import acknowledged_in
from fork_wrapper.records.lineage import planned_steps, position, resumed_from, segments, shares
from fork_wrapper.records.losses import losses_of, mean_at
from fork_wrapper.records.record import Record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import KILLED, live, status_of
from fork_wrapper.text import clock, counted, harmless, pace, size


@click.command(name="show", short_help="Show an experiment, a run, a sidecar or a checkpoint.")
@click.argument("source", shell_complete=completing.sources)
@allow_flag
@json_flag
@setting_flags(*PLACES)
def command(source: str, allow: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Show how SOURCE was, or would be, trained: values with their origins, provenance, how the run went.

    SOURCE is an experiment's name, a run (EXPERIMENT/RUN or its folder), a sidecar, or a .safetensors checkpoint,
    which tells how it was made even when its sidecar is lost. EXPERIMENT@latest is its newest run, @-2 the one before;
    :epoch5, :step1200 or :final behind a run is its checkpoint (EXPERIMENT@latest:epoch5). Of a run that is here also:
    its story and notes, the run that it comes from, and those that came of it.
    """
    settings = settings_from(flags)
    opened = _as_it_is(open_source(full_name(source, settings), settings, allow))
    after = afterwards(opened, settings)
    if as_json:
        output.print_json(_as_json(opened, after))
        return
    output.print_text(harmless(f"{opened.kind} {opened.label}\n{opened.path}\n\n"))
    facts = [
        *_facts(opened),
        *_lineage(opened, settings),
        *_kin(opened, after),
        *_story(opened),
        *_acknowledged(opened),
    ]
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
    """Give an unfinished run its current status and the progress its log shows."""
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
        return [*_checkpoint_facts(source.checkpoint, source.record), *_run_facts(source.record)]
    if source.header is not None:
        run, meta = source.header["run"], source.header["header"]
        facts = [(name, _spell(run[name])) for name in ("run", "started", "trainer", "rehearsal") if name in run]
        return [*_position(meta), *facts, *_inputs(inputs_of(meta))]
    return []


def _story(source: Source) -> list[tuple[str, str]]:
    """What people wrote about it before it ran."""
    if source.resolved is not None:
        return story_rows(source.resolved.story)
    told = source.record.experiment.get("story") if source.record is not None else None
    return story_rows(told) if isinstance(told, Mapping) else []


def _acknowledged(source: Source) -> list[tuple[str, str]]:
    """The findings that the experiment acknowledges, with the reasons given."""
    known = source.resolved.acknowledged if source.resolved else acknowledged_in(source.record) if source.record else {}
    return [("acknowledged", f"{rule}: {' '.join(one.reason.split())}  ({one.by})") for rule, one in known.items()]


def _kin(source: Source, after: Afterwards | None) -> list[tuple[str, str]]:
    """The run that it repeats, and the runs that repeat it."""
    facts = []
    if source.record is not None and resumed_from(source.record) is None and (words := came_from(source.record)):
        facts.append(("lineage", words))
    return facts + [("repeated by", run_id) for run_id in (after.repeated_by if after else ())]


def _lineage(source: Source, settings: Settings) -> list[tuple[str, str]]:
    """The earlier and later runs of the same training, if it was resumed."""
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


def _checkpoint_facts(entry: Mapping[str, Any] | None, record: Record) -> list[tuple[str, str]]:
    if entry is None:
        return []
    step, epoch, loss = (entry.get(name) for name in ("step", "epoch", "loss"))
    whole = (
        f" (of the training: {entry['training_step']}, {entry.get('training_epoch', '?')})"
        if "training_step" in entry
        else ""
    )
    mean = mean_at(record.run, step or 0, loss) if loss is not None else None
    return [
        ("checkpoint", f"{entry['file']}  {_size(entry)}  {entry.get('kind', '?')}"),
        ("step, epoch", f"{'?' if step is None else step}, {'?' if epoch is None else epoch}{whole}"),
        ("loss", f"{mean.value:.4f}, {mean.over()}" if mean else "-"),
        ("sha256", str(entry.get("sha256", "?"))),
    ]


def _size(entry: Mapping[str, Any]) -> str:
    return "?" if entry.get("bytes") is None else size(entry["bytes"])


def _run_facts(record: Record) -> list[tuple[str, str]]:
    run, origin = record.run, record.provenance
    speed, steps = run["steps_per_second"], str(run["steps"])
    if run["total_steps"] is not None:
        steps += f" of {run['total_steps']}"
    going = run["status"] in ("running", KILLED)
    facts = [
        ("run", f"{run['id']}  {_ended(run)}"),
        ("trainer", str(record.launch["trainer"])),
        ("time", f"{run['started']} to {run['ended']}" if run["ended"] else f"since {run['started']}"),
        ("steps", f"{steps}, {pace(speed)}" if speed else steps),
        ("loss", str(losses_of(run) or "-")),
        *(_so_far(run) if going else ()),
    ]
    scripts = origin.get("sd_scripts")
    if scripts:
        dirty = " (with local changes)" if scripts.get("dirty") else ""
        facts.append(("sd-scripts", f"{scripts.get('commit') or 'commit unknown'}{dirty}"))
    facts += _inputs(origin)
    if run["failure"]:
        facts += _failure(run["failure"])
    return facts


def _ended(run: Mapping[str, Any]) -> str:
    """The status, and where it was read from."""
    if run["status"] == KILLED:
        return f"{KILLED}; kft archive {run['id']} closes it"
    if run.get("evidence"):
        return f"{run['status']}, judged {run['evidence']}"
    return str(run["status"]) + ("" if run["exit_code"] is None else f"  exit code {run['exit_code']}")


def _so_far(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """For a run in progress: the time left, and the log's latest counter if no step is done yet."""
    if run["status"] == "running" and run.get("seconds_left") is not None:
        return [("left", clock(run["seconds_left"]))]
    return [("last line", harmless(str(run["last_line"])))] if run.get("last_line") and not run["steps"] else []


def _position(metadata: Mapping[str, str]) -> list[tuple[str, str]]:
    """The point in its training at which a lone checkpoint was saved."""
    place = position_of(metadata) or {}
    total = f" of {place['steps']}" if "steps" in place else ""
    return [(name, f"{place[name]}{more}") for name, more in (("step", total), ("epoch", "")) if name in place]


def _inputs(known: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run was made from, as far as it was recorded."""
    facts, base, data = [], known.get("base_model"), known.get("dataset")
    if base:
        facts.append(("base model", f"{base['path']}  sha256 {base.get('sha256', '?')}"))
    if data:
        parts = [counted(data[f"{name}s"], name) for name in ("image", "caption") if data.get(f"{name}s") is not None]
        facts.append(("data set", f"{', '.join(parts) or '?'}, sha256 {data.get('sha256', '?')}"))
    facts += [("sample prompt", line) for line in str(known.get("sample_prompts", "")).splitlines() if line.strip()]
    return facts


def _failure(failure: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What happened, the named cause, and what to do about it."""
    facts = [("failure", str(failure["what"]))]
    cause, less = failure.get("cause"), failure.get("remedies")
    if isinstance(cause, Mapping):
        facts.append(("cause", f"{cause.get('name')}: {cause.get('what')}"))
        if not less:
            facts.append(("what to do", str(cause.get("todo"))))
    rows = [one["flags"] for one in less if "flags" in one] if isinstance(less, list) else []
    return facts + [("less memory", " ".join(map(str, flags))) for flags in rows]


def _origin(source: Source, key: str) -> tuple[str, str]:
    origin = source.origins.get(key)
    return (origin.kind, origin.by) if origin else ("", "")


def _spell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
