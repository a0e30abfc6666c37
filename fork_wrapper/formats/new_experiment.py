"""A new experiment based on something existing: a child of an experiment, or a whole one from a run or foreign file.

Its text is read back and resolved before anything is written: it must resolve to exactly what was asked for.
"""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fork_wrapper.check.check import would_stop
from fork_wrapper.errors import Finding, InputError, raise_if_any
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.experiment import LONGEST_NAME, OWN, SUFFIX, chain_of, parse_experiment
from fork_wrapper.experiment.resolve import Origin, Override, Resolved, override, resolve_chain
from fork_wrapper.files import flatten, plain_name, write_whole
from fork_wrapper.formats.experiment_text import child_text, comment, placed, story_text, training_text
from fork_wrapper.formats.fitted import Fitted
from fork_wrapper.formats.importing import PROMPTS, files_of, import_of
from fork_wrapper.formats.own_images import OwnImages, own_values, sample_prompts
from fork_wrapper.formats.source import Source, fitted_of
from fork_wrapper.machine.settings import Settings, placeholders
from fork_wrapper.run.render import dataset_text
from fork_wrapper.text import as_toml, counted

OUTCOMES = ("problems", "solutions", "effect", "decision", "notes", "hardware", "duration")
"""Parts of a story that are about a past training, and not about its values or images."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user supplies for an experiment."""

    images: OwnImages | None = None
    """The user's images."""
    base: str | None = None
    """The base model: an absolute path, or a name on the Hugging Face Hub."""
    story: Mapping[str, Any] = field(default_factory=dict)
    """The story."""


@dataclass(frozen=True, kw_only=True)
class NewExperiment:
    """An experiment to be written."""

    name: str
    """The experiment's name."""
    source: str
    """The name of its source."""
    files: Mapping[Path, str]
    """The files to be written: the experiment, and its sample prompts if the source holds any."""
    is_child: bool
    """Whether it extends its source."""
    findings: tuple[Finding, ...]
    """What would stop it from running, as warnings."""


def plan_new(
    name: str,
    source: Source,
    settings: Settings,
    overrides: Sequence[Override],
    given: Given,
    now: datetime,
) -> NewExperiment:
    """Plan the experiment `name`, based on `source` with these changes; InputError, before any writing, if impossible.

    `overrides` are the user's: their values are `chosen`. `given` holds the story, and what replaces the source's
    images and base model.
    """
    raise_if_any("nothing was written", _name_findings(name, settings))
    both = {one.key for one in overrides if one.text is None} & {one.key for one in overrides if one.text is not None}
    findings = [Finding(what=f"{key} is both set and unset", todo="say one of them") for key in sorted(both)]
    raise_if_any("nothing was written", findings)
    allow = source.resolved.allowed if source.resolved else ()
    if source.resolved is not None:
        overrides = [*overrides_of(name, source.resolved, given, settings), *overrides]
        wanted = resolve_chain(source.resolved.chain, settings, overrides, allow)
        unset = [one.key for one in overrides if one.text is None]
        text = child_text(name, source.resolved, wanted, settings, unset=unset, story=given.story)
        files = {_path(name, settings): text} | _prompts_of(name, given, settings)
    else:
        if given.images or given.base:
            finding = Finding(what="--images and --base go with an experiment", where=source.label, todo="use --set")
            raise InputError("nothing was written", [finding])
        fitted = _changed(fitted_of(source), settings, overrides, given.story)
        made = import_of(fitted, settings, name, now)
        files = {made.path: made.text} | ({made.prompts[0]: made.prompts[1]} if made.prompts else {})
        raise_if_any("nothing was written", [_taken(path) for path in files_of(made) if os.path.lexists(path)])
    resolved = _read_back(_path(name, settings), files, settings, allow)
    if source.resolved is not None:
        _prove(resolved, wanted)
    return NewExperiment(
        name=name,
        source=source.label,
        files=files,
        is_child=source.resolved is not None,
        findings=would_stop(resolved),
    )


def plan_own(
    name: str, given: Given, settings: Settings, overrides: Sequence[Override], allow: Sequence[str] = ()
) -> NewExperiment:
    """Plan the experiment `name` for the user's own images: whole, from kft's bare base, every value `chosen`.

    InputError, before anything is written, if that is impossible.
    """
    raise_if_any("nothing was written", _name_findings(name, settings))
    assert given.images is not None
    prompts = _prompts_of(name, given, settings)
    training, dataset = own_values(given.images, given.base, f"{PROMPTS}/{name}.txt")
    tree = {"training": training, "dataset": dataset}
    start = Resolved(name=name, chain=(), training=training, dataset=dataset, origins={}, allowed=tuple(allow))
    wanted = override(start, overrides, base=Path.cwd(), words=placeholders(settings))
    for path, said in wanted.flags.items():
        keypath.drop(tree, path)
        if said.text is not None:
            keypath.put(tree, path, keypath.get({"training": wanted.training, "dataset": wanted.dataset}, path))
    words = placeholders(settings)
    where = given.images.folder.as_posix()
    parts = [
        "".join(comment(line) for line in _own_head(name, placed(where, words))),
        story_text(given.story),
        training_text(placed(tree["training"], words)),
        dataset_text(placed(tree["dataset"], words), "dataset"),
        f'[origin]\ndefault = "{OWN}"\n',
    ]
    files = {_path(name, settings): "\n".join(part for part in parts if part)} | prompts
    resolved = _read_back(_path(name, settings), files, settings, allow)
    return NewExperiment(name=name, source="", files=files, is_child=False, findings=would_stop(resolved))


def overrides_of(name: str, parent: Resolved, given: Given, settings: Settings) -> list[Override]:
    """Return the user's images and base model as changes to an experiment that has one subset of images."""
    found = [("pretrained_model_name_or_path", given.base)] if given.base else []
    if (images := given.images) is not None:
        subsets = [one for dataset in parent.dataset.get("datasets", []) for one in dataset.get("subsets", [])]
        if len(subsets) != 1 or len(images.folders) != 1:
            what = f"{parent.name} has {counted(len(subsets), 'subset')}, and these images make {len(images.folders)}"
            todo = "leave out --from: then it becomes an experiment of its own"
            raise InputError("nothing was written", [Finding(what=what, where=str(images.folder), todo=todo)])
        key = "dataset.datasets[0].subsets[0]"
        found += [(f"{key}.{option}", str(value)) for option, value in images.subsets()[0].items()]
        found += [("caption_extension", images.caption_extension)]
        found += [("sample_prompts", str(path)) for path in _prompts_of(name, given, settings)]
    here: keypath.Tree = {"training": parent.training, "dataset": parent.dataset}
    same = {
        (key, text)
        for key, text in found
        for path in keypath.places(here, key)
        if keypath.has(here, path) and str(keypath.get(here, path)) == text
    }
    return [Override(key=key, text=text) for key, text in found if (key, text) not in same]


def _prompts_of(name: str, given: Given, settings: Settings) -> dict[Path, str]:
    """Return the file of sample prompts made from the images' captions; InputError if it exists already."""
    if given.images is None:
        return {}
    path = settings.experiments / PROMPTS / f"{name}.txt"
    raise_if_any("nothing was written", [_taken(path)] if os.path.lexists(path) else [])
    return {path: sample_prompts(given.images)}


def _own_head(name: str, where: str) -> Iterator[str]:
    yield f"{name}: the images in {where}."
    yield "Its values are those of kft's bare base for a GPU of 24 GB, to be changed as you like."
    yield from ("", f"kft dataset check {name}", f"kft check {name}", f"kft run {name} --rehearse", f"kft run {name}")


def write_new(new: NewExperiment) -> None:
    """Write the experiment, after the files that it names."""
    for path, text in reversed(list(new.files.items())):
        write_whole(path, text)


def next_steps(new: NewExperiment, *, own: bool = False) -> list[str]:
    """Return the next steps as commands; with images of the user's `own`, they are looked at first."""
    name = shlex.quote(new.name)
    compare = [f"kft diff {shlex.quote(new.source)} {name}"] if new.is_child else []
    if new.source and not own:
        return [*compare, f"kft check {name}", f"kft run {name} --rehearse"]
    return [*compare, f"kft dataset check {name}", f"kft check {name}", f"kft run {name} --rehearse", f"kft run {name}"]


def _path(name: str, settings: Settings) -> Path:
    return settings.experiments / f"{name}{SUFFIX}"


def _name_findings(name: str, settings: Settings) -> list[Finding]:
    plain = plain_name(name)
    if name != plain or len(os.fsencode(name)) > LONGEST_NAME:
        todo = f"say {shlex.quote(plain[:60])}"
        return [Finding(what=f"{name!r} cannot be the name of an experiment", todo=todo)]
    return [_taken(_path(name, settings))] if os.path.lexists(_path(name, settings)) else []


def _taken(path: Path) -> Finding:
    return Finding(what="the file exists", where=str(path), todo="give another name, or move the file")


def _changed(fitted: Fitted, settings: Settings, overrides: Sequence[Override], story: Mapping[str, Any]) -> Fitted:
    """Apply the user's changes, which are listed in the notes, and the story to recovered values."""
    tree: keypath.Tree = keypath.merge({"training": fitted.training, "dataset": fitted.dataset}, {})
    before = flatten(tree)
    origins = dict.fromkeys(before, Origin(kind="recovered", by=fitted.found.path.name))
    start = Resolved(name="", chain=(), training=tree["training"], dataset=tree["dataset"], origins=origins)
    words = placeholders(settings)
    wanted = override(start, overrides, base=Path.cwd(), words=words)
    here = {"training": wanted.training, "dataset": wanted.dataset}
    for path, said in wanted.flags.items():
        if said.text is not None and keypath.has(here, path):
            keypath.put(tree, path, keypath.get(here, path))
        else:
            keypath.drop(tree, path)
    after = flatten(tree)
    ours = {path for path, origin in wanted.origins.items() if origin.by == "--set"}
    notes = [
        f"{path.removeprefix('training.')} is ours: {_shown(before, path)} there, {_shown(after, path)} here"
        for path in sorted({*before, *after})
        if repr(before.get(path)) != repr(after.get(path))
    ]
    found = replace(
        fitted.found,
        assumed=fitted.found.assumed - {path.removeprefix("training.") for path in ours},
        chosen=frozenset(path.removeprefix("training.") for path in ours),
        notes=(*fitted.found.notes, *notes),
        story={**_still_true(fitted.found.story), **story},
        prompts=None if "training.sample_prompts" in wanted.flags else fitted.found.prompts,
    )
    return Fitted(training=tree["training"], dataset=tree["dataset"], found=found)


def _still_true(story: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a story without the outcome of its training: a new experiment is neither selected nor praised."""
    texts = {key: value for key, value in story.items() if key not in OUTCOMES}
    kept = {key: _still_true(value) if isinstance(value, Mapping) else value for key, value in texts.items()}
    return {key: value for key, value in kept.items() if value or not isinstance(value, Mapping)}


def _shown(values: Mapping[str, Any], path: str) -> str:
    return as_toml(values[path]) if path in values else "nothing"


def _read_back(path: Path, files: Mapping[Path, str], settings: Settings, allow: Sequence[str]) -> Resolved:
    """Resolve the text, in the same way as a file's."""
    experiment = parse_experiment(files[path], path, allow)
    return resolve_chain(chain_of(experiment, settings.experiments, allow), settings, allow=allow)


def _prove(resolved: Resolved, wanted: Resolved) -> None:
    """Raise ValueError, which is a bug, if the text resolves to something else than what was asked for."""
    one, two = (flatten({"training": each.training, "dataset": each.dataset}) for each in (resolved, wanted))
    wrong = sorted(path for path in {*one, *two} if repr(one.get(path)) != repr(two.get(path)))
    if wrong:
        raise ValueError(f"the new text gives other values for {', '.join(wrong)}")
