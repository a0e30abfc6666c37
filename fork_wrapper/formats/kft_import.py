"""Import of kft's own records, sidecars, exports and checkpoints, and of the headers that sd-scripts itself writes."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.experiment import ORIGINS, origins_of, source_of
from fork_wrapper.experiment.story import story_findings
from fork_wrapper.files import parse_toml
from fork_wrapper.formats.config_files import refuse_odd
from fork_wrapper.formats.found import Found, LeftOut, SourceFile, refuse, source_file
from fork_wrapper.formats.launchers import launch_left
from fork_wrapper.records.checkpoints import CONFIG_KEY, embedded_config, inputs_of, read_metadata
from fork_wrapper.records.launched_values import acknowledged_in
from fork_wrapper.records.record import Record, from_json
from fork_wrapper.sdscripts.model_kinds import in_words, look_at_model

SPEC = "modelspec."

_PLAIN = (
    *("author", "description", "license", "tags", "usage_hint", "thumbnail", "merged_from", "trigger_phrase"),
    *("preprocessor", "is_negative_embedding"),
)
"""Header keys that sd-scripts copies from `metadata_*` options (library/sai_model_spec.py, train_util.py:3495-3570)."""


def read_record_file(raw: Any, text: str, path: Path) -> Found:
    """Read a run record or a sidecar: everything that a run was launched with."""
    record = from_json(raw, path)
    kind = "run" if raw["kind"] == "run" else "sidecar"
    what = f"the {'record of a run' if kind == 'run' else 'sidecar of a checkpoint'} of kft"
    return Found(
        kind="run" if kind == "run" else "sidecar",
        what=what,
        files=(source_file(path, text, what),),
        options=dict(record.training),
        dataset=record.dataset,
        prompts=_text(record.experiment.get("sample_prompts")),
        story=_story(record),
        acknowledged={rule: one.reason for rule, one in acknowledged_in(record).items()},
        left_out=_launched(record),
        notes=_rehearsed(record),
        origins=_origins(record),
        source="; ".join(dict.fromkeys(_sources(record))),
    )


def _launched(record: Record) -> tuple[LeftOut, ...]:
    """Return what the launch set beyond the options: how many processes, on how many machines, how started."""
    argv = record.launch.get("argv")
    words = [str(word) for word in argv] if isinstance(argv, list) and not record.rehearsal else []
    at = next((index for index, word in enumerate(words) if word.endswith(".py")), 0)
    ours = ("--mixed_precision", "--num_cpu_threads_per_process")  # the option itself, and what kft always sets
    return tuple(one for one in launch_left(words[:at]) if one.key not in ours)


def _origins(record: Record) -> Mapping[str, str]:
    """Return the origins of its values, which archiving does not change. What kft set for a rehearsal is assumed."""
    known = {path: str(origin["kind"]) for path, origin in record.experiment["origins"].items()}
    files = record.experiment["files"]
    told = origins_of(_tables(str(files[-1]["text"]))) if files else {}
    known |= {path: kind for path, kind in told.items() if path.startswith("story.")}
    return {path: kind for path, kind in known.items() if kind in ORIGINS}


def _sources(record: Record) -> Iterator[str]:
    """Yield the documents that its experiment files name."""
    for file in record.experiment["files"]:
        if said := source_of(_tables(str(file["text"]))):
            yield said


def _story(record: Record) -> Mapping[str, Any]:
    """Return the parts of the story that an experiment can hold."""
    story = record.experiment.get("story")
    return story if isinstance(story, Mapping) and not story_findings(story, str) else {}


def _tables(text: str) -> Mapping[str, Any]:
    """Return the tables of an archived experiment file; none if it cannot be read."""
    with contextlib.suppress(InputError):
        return {key: value for key, value in parse_toml(text, Path("experiment")).items() if isinstance(value, dict)}
    return {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _rehearsed(record: Record) -> tuple[str, ...]:
    if not record.rehearsal:
        return ()
    return ("it comes from a rehearsal: size, steps and precision are those of the miniature, not of a real run",)


def read_export(raw: Mapping[str, Any], text: str, path: Path) -> Found:
    """Read what `kft export-config --format json` wrote."""
    what = "an export of kft"
    return Found(
        kind="config",
        what=what,
        files=(source_file(path, text, what),),
        options=dict(raw["training"]),
        dataset=raw["dataset"],
        prompts=_text(raw.get("sample_prompts")),
        origins={},
    )


def is_export(raw: Any) -> bool:
    """Return whether a JSON value is an export of kft."""
    return isinstance(raw, Mapping) and all(isinstance(raw.get(key), Mapping) for key in ("training", "dataset"))


def read_checkpoint(path: Path) -> Found:
    """Read a checkpoint: its full configuration if kft made it, otherwise the little that sd-scripts writes."""
    if not path.is_file():
        finding = Finding(what="no such file", where=str(path), todo="check the path")
        raise InputError(f"cannot read {path.name}", [finding])
    metadata = read_metadata(path)
    if metadata is not None and CONFIG_KEY not in metadata:
        return _foreign(path, metadata)
    config = embedded_config(path)
    refuse_odd({"training": config["training"], "dataset": config["dataset"]}, path)
    what = "the header of a checkpoint that kft trained"
    return Found(
        kind="checkpoint",
        what=what,
        files=(SourceFile(path=path.absolute(), what=what),),
        options=dict(config["training"]),
        dataset=config["dataset"],
        prompts=inputs_of(config["header"]).get("sample_prompts"),
        origins={},
    )


def with_own_record(found: Found) -> Found:
    """Take the dataset config from a train.toml that kft rendered, if the source has no other."""
    record = found.options.get("metadata_kft_config")
    if found.dataset is not None or not isinstance(record, str):
        return found
    with contextlib.suppress(ValueError, TypeError, KeyError):
        dataset = json.loads(record)["dataset"]
        if isinstance(dataset, Mapping):
            return replace(
                found, dataset=dataset, notes=(*found.notes, "its images are said in kft's own record in it")
            )
    return found


def _foreign(path: Path, metadata: Mapping[str, str]) -> Found:
    _refuse_others(path, metadata)
    spec = {key.removeprefix(SPEC): value for key, value in metadata.items() if key.startswith(SPEC)}
    if not spec:
        todo = "look for its JSON or TOML beside it: a full fine-tune's header has no other record"
        raise refuse(path, f"{in_words(look_at_model(str(path)))}; its header says nothing of how it was made", todo)
    what = f"the header of a checkpoint by {spec.get('implementation_version', 'an unnamed program')}"
    options: dict[str, Any] = {f"metadata_{key}": spec[key] for key in _PLAIN if key in spec}
    if "title" in spec and not spec["title"].startswith("Checkpoint@"):
        options["metadata_title"] = spec["title"]
    if spec.get("prediction_type") == "v":
        options["v_parameterization"] = True
    with contextlib.suppress(ValueError):
        if "timestep_range" in spec:
            options["min_timestep"], options["max_timestep"] = map(int, spec["timestep_range"].split(","))
        if "encoder_layer" in spec:
            options["clip_skip"] = int(spec["encoder_layer"])
        if "resolution" in spec:
            options["resolution"] = ",".join(str(int(side)) for side in spec["resolution"].split("x"))
    notes = [
        "a full fine-tune's header says no rates, steps, batch sizes or data: all of that is unknown",
        "the header says 1024x1024 also where only the dataset config had a resolution",
    ]
    notes += [f"{key} is {spec[key]}" for key in ("date", "architecture", "implementation_version") if key in spec]
    return Found(
        kind="checkpoint",
        what=what,
        files=(SourceFile(path=path.absolute(), what=what),),
        options=options,
        dataset={},
        notes=tuple(notes),
    )


def _refuse_others(path: Path, metadata: Mapping[str, str]) -> None:
    """Raise InputError for the header of anything but a full SDXL model."""
    todo = "kft is for full fine-tunes of SDXL"
    architecture = metadata.get(f"{SPEC}architecture", "")
    if "ss_network_module" in metadata or architecture.endswith("/lora"):
        base = metadata.get("ss_base_model_version", architecture or "an unnamed model")
        raise refuse(path, f"it is a LoRA for {base}", todo)
    if architecture.endswith(("/textual-inversion", "/control-net")):
        raise refuse(path, f"it is a {architecture.rsplit('/', 1)[-1]} ({architecture})", todo)
    if architecture and "stable-diffusion-xl" not in architecture:
        raise refuse(path, f"it is a model of the architecture {architecture}", todo)
