"""From a chain of experiment files, and what was said with --set, to one set of values with their origins.

Placeholders become paths of this machine and relative paths become absolute: sd-scripts would resolve them against
its working folder. Whether the files behind the paths exist is `preflight`'s question.
"""

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import Any, Literal

from fork_wrapper.errors import Finding, raise_if_any
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.experiment import Experiment, load_chain
from fork_wrapper.experiment.schema import check_dataset, check_training
from fork_wrapper.machine.backslashes import swallowed_backslashes
from fork_wrapper.machine.settings import Settings, placeholders

OriginKind = Literal["documented", "assumed", "recovered", "measured", "chosen", "kft"]

PATH_OPTIONS = frozenset(
    (
        *("console_log_file", "in_json", "log_tracker_config", "reg_data_dir", "resume", "sample_prompts"),
        *("tokenizer_cache_dir", "train_data_dir", "conditioning_data_dir", "image_dir", "metadata_file"),
    )
)
"""Options and dataset keys that are always paths."""

MODEL_OPTIONS = frozenset(["pretrained_model_name_or_path", "vae"])
"""Paths or names on the Hugging Face Hub: relative ones are made absolute only where they are paths."""

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FILE_SUFFIX = re.compile(r"\.[^\W\d][^.]*$")  # one that begins with a digit belongs to a version


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where one value comes from."""

    kind: OriginKind
    """documented, assumed, recovered, measured or chosen, as the experiment says; kft for kft's own defaults."""
    by: str
    """Name of the experiment, `--set`, `rehearsal` or `kft`."""


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """That what a rule finds is known and meant."""

    reason: str
    """Why."""
    by: str
    """Name of the experiment that says so."""


KFT = Origin(kind="kft", by="kft")

DEFAULTS: Mapping[str, Any] = {
    "save_model_as": "safetensors",  # absent with a single-file base means .ckpt (sdxl_train.py:240-248)
    "log_with": "tensorboard",  # logging_dir alone already implies it; said so that the archive says it
    "console_log_simple": True,  # else paths in the log are wrapped at 80 columns (library/utils.py:62-70)
}
"""Set by kft where an experiment says nothing, because sd-scripts' defaults are traps."""

ACKNOWLEDGE = "acknowledge."
"""How `unset` names an inherited acknowledgement."""

CAPTION_EXTENSION = ".txt"
"""Set in `[general]` where an experiment says nothing; sd-scripts' own default is `.caption`."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Everything an experiment comes to on this machine, before kft adds what belongs to one run."""

    name: str
    """The experiment's name."""
    chain: tuple[Experiment, ...]
    """The experiment files, root first, the named one last."""
    training: Mapping[str, Any]
    """Options of sdxl_train.py that are set."""
    dataset: Mapping[str, Any]
    """The dataset config as a tree."""
    origins: Mapping[str, Origin]
    """By full key path."""
    overrides: tuple[str, ...] = ()
    """What was typed with --set and --unset."""
    allowed: tuple[str, ...] = ()
    """Names that kft does not know and that were let through with --allow-unknown."""
    flags: "Mapping[str, Override]" = field(default_factory=dict)
    """By full key path, the --set or --unset that named it."""
    imported: str = ""
    """What it was imported from without being written, as it was named; empty for an experiment's own file."""
    told: tuple[Finding, ...] = ()
    """What that import has to say."""
    acknowledged: Mapping[str, Acknowledged] = field(default_factory=dict)
    """What the chain acknowledges, by the rule's id."""

    @property
    def story(self) -> Mapping[str, Any]:
        """The story of the named experiment; stories are not inherited."""
        return self.chain[-1].story


@dataclass(frozen=True, kw_only=True)
class Override:
    """One `--set KEY=VALUE` or `--unset KEY`."""

    key: str
    """Bare name or key path."""
    text: str | None
    """The value as typed; None to unset."""

    def __str__(self) -> str:
        """As it was typed."""
        return f"--unset {self.key}" if self.text is None else f"--set {self.key}={self.text}"


def parse_overrides(assignments: Sequence[str], unset: Sequence[str] = ()) -> tuple[Override, ...]:
    """Overrides from the command line; InputError for a --set without `=`."""
    findings = [
        Finding(what="a --set needs key=value", where=f"--set {text}", todo=f"write --set {text}=VALUE")
        for text in assignments
        if "=" not in text
    ]
    raise_if_any("the command line has errors", findings)
    sets = [Override(key=text.split("=", 1)[0].strip(), text=text.split("=", 1)[1].strip()) for text in assignments]
    return (*sets, *(Override(key=key, text=None) for key in unset))


def resolve(name: str, settings: Settings, overrides: Sequence[Override] = (), allow: Sequence[str] = ()) -> Resolved:
    """The values of an experiment, by name or path of its file; InputError lists all that is wrong.

    Names in `allow` pass although kft does not know them: for an sd-scripts newer than its tables.
    """
    return resolve_chain(load_chain(name, settings.experiments, allow), settings, overrides, allow)


def resolve_chain(
    chain: tuple[Experiment, ...], settings: Settings, overrides: Sequence[Override] = (), allow: Sequence[str] = ()
) -> Resolved:
    """The values of an experiment and its parents, root first."""
    tree: keypath.Tree = {"training": {}, "dataset": {}}
    origins: dict[str, Origin] = {}
    acknowledged: dict[str, Acknowledged] = {}
    for experiment in chain:
        _forget(tree, origins, acknowledged, experiment)
        acknowledged |= {
            key: Acknowledged(reason=why, by=experiment.name) for key, why in experiment.acknowledged.items()
        }
        own = {"training": experiment.training, "dataset": experiment.dataset}
        tree = keypath.merge(tree, _on_this_machine(own, experiment.path.parent, placeholders(settings)))
        by = experiment.name
        origins |= {path: Origin(kind=kind, by=by) for path, kind in experiment.origins.items()}  # type: ignore[arg-type]
    resolved = Resolved(
        name=chain[-1].name,
        chain=chain,
        training=tree["training"],
        dataset=tree["dataset"],
        origins=origins,
        allowed=tuple(sorted(set(allow))),
        acknowledged=acknowledged,
    )
    return with_defaults(override(resolved, overrides, base=Path.cwd(), words=placeholders(settings)))


def override(
    resolved: Resolved,
    overrides: Sequence[Override],
    *,
    base: Path,
    words: Mapping[str, str],
) -> Resolved:
    """`resolved` with the user's overrides applied and checked; relative paths belong to `base`."""
    tree = keypath.merge({"training": resolved.training, "dataset": resolved.dataset}, {})
    origins = dict(resolved.origins)
    findings: list[Finding] = []
    said: dict[str, Override] = {}
    for item in overrides:
        try:
            said |= dict.fromkeys(_apply(tree, origins, item), item)
        except KeyError as error:
            findings.append(Finding(what=str(error.args[0]), where=str(item), todo="correct the key"))

    def where(path: str) -> str:
        return str(said.get(path, path))

    clean, wrong = check_training(tree["training"], where, resolved.allowed)
    findings += wrong + check_dataset(tree["dataset"], where, resolved.allowed)
    typed = {path: value for path, value in keypath.values(tree).items() if path in said}
    findings += swallowed_backslashes(typed, "", Path("--set"))
    raise_if_any("the command line has errors", findings)
    tree = _on_this_machine({"training": clean, "dataset": tree["dataset"]}, base, words)
    return replace(
        resolved,
        training=tree["training"],
        dataset=tree["dataset"],
        origins=origins,
        overrides=(*resolved.overrides, *(str(item) for item in overrides)),
        flags={**resolved.flags, **said},
    )


def with_defaults(resolved: Resolved) -> Resolved:
    """`resolved` with what kft always sets, where nobody said otherwise."""
    missing = {key: value for key, value in DEFAULTS.items() if key not in resolved.training}
    origins = {**resolved.origins, **{f"training.{key}": KFT for key in missing}}
    dataset = dict(resolved.dataset)
    if "caption_extension" not in {**resolved.training, **dataset.get("general", {})}:
        dataset["general"] = {**dataset.get("general", {}), "caption_extension": CAPTION_EXTENSION}
        origins["dataset.general.caption_extension"] = KFT
    return replace(resolved, training={**resolved.training, **missing}, dataset=dataset, origins=origins)


def _apply(tree: keypath.Tree, origins: dict[str, Origin], item: Override) -> list[str]:
    """Apply one override in place and return the key paths it changed; KeyError says why it cannot be."""
    paths = keypath.places(tree, item.key)
    for path in paths:
        if item.text is None:
            if not keypath.drop(tree, path):
                raise KeyError(f"{item.key} is not set, so it cannot be unset")
            _drop_origins(origins, path)
        else:
            keypath.put(tree, path, keypath.typed(path, item.text))
            _drop_origins(origins, path)
            mine = [known for known in keypath.values(tree) if _at_or_below(known, path)]
            origins |= {known: Origin(kind="chosen", by="--set") for known in mine or [path]}
    return paths


def _drop_origins(origins: dict[str, Origin], path: str) -> None:
    for known in [known for known in origins if _at_or_below(known, path)]:
        del origins[known]


def _at_or_below(known: str, path: str) -> bool:
    return known == path or known.startswith((f"{path}.", f"{path}["))


def _forget(
    tree: keypath.Tree, origins: dict[str, Origin], acknowledged: dict[str, Acknowledged], experiment: Experiment
) -> None:
    """Drop what the experiment unsets from what it inherits; InputError for keys that nothing set."""
    findings = []
    for key in experiment.unset:
        if (rule := key.removeprefix(ACKNOWLEDGE)) != key and rule in acknowledged:
            del acknowledged[rule]
            continue
        try:
            dropped = [path for path in keypath.places(tree, key) if keypath.drop(tree, path)]
        except KeyError:
            dropped = []
        for path in dropped:
            _drop_origins(origins, path)
        if not dropped:
            where = f"{experiment.path}: unset"
            findings.append(Finding(what=f"no parent sets {key!r}", where=where, todo="remove it from the list"))
    raise_if_any(f"{experiment.path.name} has errors", findings)


def _on_this_machine(tree: keypath.Tree, base: Path, words: Mapping[str, str]) -> keypath.Tree:
    """The tree with placeholders filled in and relative paths made absolute against `base`."""
    changed = keypath.merge(tree, {})
    for path, value in keypath.values(tree).items():
        if isinstance(value, str) and (text := _place(path.rsplit(".", 1)[-1], value, base, words)) != value:
            keypath.put(changed, path, text)
    return changed


def _place(key: str, value: str, base: Path, words: Mapping[str, str]) -> str:
    for word, folder in words.items():
        value = value.replace(f"{{{word}}}", folder)
    if PureWindowsPath(value).is_absolute() and not Path(value).is_absolute():
        return value  # a path of another machine: said as it is, it is missing here by the name it has there
    if (value and key in PATH_OPTIONS) or (key in MODEL_OPTIONS and _is_path(value, base)):
        path = Path(value)
        with contextlib.suppress(RuntimeError):  # ~nobody: no such user, then it is a name like any other
            path = path.expanduser()
        return Path(os.path.abspath(base / path)).as_posix()  # noqa: PTH100 - keeps symbolic links as typed
    return value


def is_hub_name(text: str) -> bool:
    """Whether a model is named as on the Hugging Face Hub: ORGANISATION/NAME, and no file."""
    return _HUB_NAME.fullmatch(text) is not None and _FILE_SUFFIX.search(text) is None


def _is_path(value: str, base: Path) -> bool:
    """Whether a model is surely named by a path; what may also be a name on the Hub is left as it is."""
    return value.startswith((".", "~")) or value.endswith((".safetensors", ".ckpt")) or (base / value).exists()
