"""From resolved values to exactly what is launched: two TOML texts, an argument vector, an environment.

`Rendered` is the one value that `launch` reads and the archive stores: what was archived is what ran. Nothing is
written here.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import toml
import tomli_w

from fork_wrapper import __version__
from fork_wrapper.check.rules.case import effective_dataset
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment.resolve import KFT, Origin, Resolved
from fork_wrapper.files import canonical_json, flatten
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import Trainer
from fork_wrapper.records.checkpoints import NO_POSITION
from fork_wrapper.records.run_folder import RunFolder, new_run_folder
from fork_wrapper.sdscripts.options import effective

INPUTS = "metadata_kft_inputs"
"""What a run is made from: base model, data set, prompts; in every header as `modelspec.kft_inputs`."""
POSITION = "metadata_kft_position"
"""Where in the training a checkpoint was saved; the trainer writes `NO_POSITION`, the archive fills it in."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One launch, complete."""

    name: str
    """The experiment's name, and of its checkpoints."""
    run: RunFolder
    """Where it writes."""
    trainer: Trainer
    """What it starts."""
    training: Mapping[str, Any]
    """The content of train.toml."""
    dataset: Mapping[str, Any]
    """The content of dataset.toml."""
    train_toml: str
    """train.toml, byte for byte."""
    dataset_toml: str
    """dataset.toml, byte for byte."""
    argv: tuple[str, ...]
    """The whole command."""
    effective: Mapping[str, Any]
    """All options of sdxl_train.py with defaults filled in."""
    effective_dataset: Mapping[str, Any]
    """Every key of every dataset and subset as it takes effect."""
    origins: Mapping[str, Origin]
    """Where each value comes from, by full key path."""


def render(resolved: Resolved, settings: Settings, trainer: Trainer, run: RunFolder, started: datetime) -> Rendered:
    """Everything one launch needs; InputError when sd-scripts' TOML reader would not read back what was meant."""
    origins = dict(resolved.origins)
    dataset = sorted_tree(resolved.dataset)
    training = placed(resolved.training, resolved.name, run)
    origins |= {f"training.{key}": KFT for key in ("output_dir", "output_name", "logging_dir")}
    training["metadata_kft_config"] = _identity(resolved, training, dataset)
    training["metadata_kft_run"] = run_stamp(resolved.name, trainer, run, started)
    return launchable(resolved.name, training, dataset, origins=origins, settings=settings, trainer=trainer, run=run)


def try_render(resolved: Resolved, settings: Settings, trainer: Trainer) -> Rendered:
    """As a launch now would render it, for a run folder that nobody makes; InputError as of `render`."""
    now = datetime.now().astimezone()
    folder = new_run_folder(settings.outputs, resolved.name, now, rehearsal=trainer.rehearsal)
    return render(resolved, settings, trainer, folder, now)


def launchable(
    name: str,
    training: Mapping[str, Any],
    dataset: Mapping[str, Any],
    *,
    origins: Mapping[str, Origin],
    settings: Settings,
    trainer: Trainer,
    run: RunFolder,
) -> Rendered:
    """One launch of values that are complete, with all that kft manages; InputError as of `render`."""
    training = dict(sorted(training.items()))
    train_toml, dataset_toml = tomli_w.dumps(training), dataset_text(dataset)
    _prove(train_toml, training, "train.toml")
    _prove(dataset_toml, dataset, "dataset.toml")
    return Rendered(
        name=name,
        run=run,
        trainer=trainer,
        training=training,
        dataset=dataset,
        train_toml=train_toml,
        dataset_toml=dataset_toml,
        argv=command(settings, trainer, run, str(training.get("mixed_precision", "no"))),
        effective=effective(training, run.train_toml, run.dataset_toml),
        effective_dataset=effective_dataset(training, dataset),
        origins=origins,
    )


def sealed(rendered: Rendered, inputs: Mapping[str, Any]) -> Rendered:
    """The same launch with what it is made from, and room for a position, in the header of every checkpoint."""
    added = {INPUTS: canonical_json(inputs), POSITION: NO_POSITION}
    training = dict(sorted({**rendered.training, **added}.items()))
    train_toml = tomli_w.dumps(training)
    _prove(train_toml, training, "train.toml")
    return replace(rendered, training=training, train_toml=train_toml)


def placed(training: Mapping[str, Any], name: str, run: RunFolder) -> dict[str, Any]:
    """Options with what kft sets for every run, and `{run}` as its folder."""
    own = {"output_dir": run.folder.as_posix(), "output_name": name, "logging_dir": run.logs.as_posix()}
    return {key: _in_run(value, run) for key, value in training.items()} | own


def run_stamp(name: str, trainer: Trainer, run: RunFolder, started: datetime) -> str:
    """What a checkpoint's header says of its run, `metadata_kft_run`."""
    return canonical_json(
        {
            "experiment": name,
            "kft": __version__,
            "rehearsal": trainer.rehearsal,
            "run": run.run_id,
            "started": started.isoformat(timespec="seconds"),
            "trainer": trainer.kind,
        }
    )


def command(settings: Settings, trainer: Trainer, run: RunFolder, mixed_precision: str) -> tuple[str, ...]:
    """The argument vector. `-m accelerate.commands.launch` and not `accelerate`: the interpreter is ours to choose.

    sdxl_train.py passes its own mixed_precision to Accelerator (library/train_util.py:5494-5502); it is repeated
    here, with the other flags, so that accelerate has no default to guess and nothing to warn about.
    """
    launcher = [settings.python, "-m", "accelerate.commands.launch"]
    launcher += ["--mixed_precision", mixed_precision, "--dynamo_backend", "no"]
    if trainer.rehearsal:
        launcher += ["--num_processes", "1", "--num_machines", "1"]
    else:
        launcher += _scale(settings)
    return (
        *launcher,
        *trainer.accelerate,
        str(trainer.script),
        *trainer.arguments,
        "--config_file",
        str(run.train_toml),
        "--dataset_config",
        str(run.dataset_toml),
    )


def shell_line(argv: Sequence[str]) -> str:
    """Words as one line for this machine's shell."""
    if sys.platform == "win32":
        import subprocess  # noqa: PLC0415 - its quoting rules; nothing is started here

        return subprocess.list2cmdline(argv)
    import shlex  # noqa: PLC0415

    return shlex.join(argv)


def _scale(settings: Settings) -> list[str]:
    """The flags for processes and machines, and the user's own last: later flags win."""
    flags = ["--num_processes", str(settings.num_processes), "--num_machines", str(settings.num_machines)]
    if settings.num_processes > 1:
        flags.append("--multi_gpu")
    if settings.num_machines > 1:
        flags += ["--machine_rank", str(settings.machine_rank)]
    if settings.main_process_ip:
        flags += ["--main_process_ip", settings.main_process_ip]
    if settings.main_process_port:
        flags += ["--main_process_port", str(settings.main_process_port)]
    return [*flags, *settings.accelerate_args]


def _in_run(value: Any, run: RunFolder) -> Any:
    """`{run}` as the run folder: for files that kft itself writes there."""
    return value.replace("{run}", run.folder.as_posix()) if isinstance(value, str) else value


def sorted_tree(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with sorted keys, tables after values."""
    copy: dict[str, Any] = {}
    tables = ("general", "datasets", "subsets")
    for key in sorted(tree, key=lambda key: (key in tables, key == "datasets", key)):
        value = tree[key]
        if isinstance(value, Mapping) and key in tables:
            copy[key] = sorted_tree(value)
        elif isinstance(value, list) and key in tables:
            copy[key] = [sorted_tree(item) for item in value]
        else:
            copy[key] = value
    return copy


def _identity(resolved: Resolved, training: Mapping[str, Any], dataset: Mapping[str, Any]) -> str:
    """The configuration as it travels inside every checkpoint.

    sd-scripts copies `metadata_*` strings into the header as `modelspec.*` (library/train_util.py:3532-3548).
    """
    identity = {
        "dataset": dataset,
        "experiment": resolved.name,
        "files": [{"name": link.name, "sha256": link.sha256} for link in resolved.chain],
        "overrides": list(resolved.overrides),
        "schema_version": 1,
        "training": training,
    }
    return canonical_json({**identity, **({"allowed_unknown": list(resolved.allowed)} if resolved.allowed else {})})


def dataset_text(dataset: Mapping[str, Any], inside: str = "") -> str:
    """dataset.toml in the form people know, `[[datasets.subsets]]` and all; the writer alone would inline short tables.

    `inside` is the table that it stands in, in an experiment. A table among the values (custom_attributes) cannot stand
    below such a header: then the writer decides.
    """
    above = f"{inside}." if inside else ""
    blocks = [(f"[{above}general]", dataset["general"])] if "general" in dataset else []
    for one in dataset.get("datasets", []):
        blocks.append((f"[[{above}datasets]]", {key: value for key, value in one.items() if key != "subsets"}))
        blocks += [(f"[[{above}datasets.subsets]]", subset) for subset in one.get("subsets", [])]
    if any(isinstance(value, Mapping) for _, values in blocks for value in values.values()):
        return tomli_w.dumps({inside: dict(dataset)} if inside else dict(dataset))
    return "\n".join(f"{header}\n{tomli_w.dumps(dict(values))}" for header, values in blocks)


def _prove(text: str, meant: Mapping[str, Any], name: str) -> None:
    """Read `text` with the library that sd-scripts reads with; `toml` 0.10.2 misreads some valid TOML."""
    wrong: list[str] = []
    try:
        read = flatten(toml.loads(text))
        text.encode()
    except UnicodeEncodeError:  # bytes of a command line that are no UTF-8
        wrong += [key for key, value in flatten(meant).items() if not _is_unicode(value)]
    except (toml.TomlDecodeError, IndexError, ValueError) as error:
        wrong.append(str(error))
    else:
        expected = flatten(meant)
        wrong += [key for key in expected.keys() | read.keys() if repr(expected.get(key)) != repr(read.get(key))]
    if wrong:
        findings = [
            Finding(what=f"its TOML reader cannot read back {item}", where=name, todo="use plainer characters there")
            for item in sorted(wrong)
        ]
        raise InputError("sd-scripts would not see the values as they are meant", findings)


def _is_unicode(value: Any) -> bool:
    return str(value).isascii() or str(value).encode(errors="ignore").decode() == str(value)
