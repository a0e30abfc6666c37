"""What a document is about: for every name the run that answers for it, its story, its notes.

An experiment's name means its newest completed run, else its newest rehearsal, else the file alone; which of them it
became is part of the document. A run, a sidecar, a checkpoint or a config file is taken as it is.

What kft changed for a rehearsal or a resumption is taken back, by the record itself: a rehearsal's values are those of
the miniature, and a resumed run's length is that of the rest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fork_wrapper.compare.facts import is_rehearsal
from fork_wrapper.errors import Finding, InputError
from fork_wrapper.experiment import keypath
from fork_wrapper.experiment.experiment import OWN, experiment_names, find_experiment
from fork_wrapper.experiment.resolve import KFT, Origin
from fork_wrapper.files import flatten, read_text
from fork_wrapper.formats.source import Source, open_source
from fork_wrapper.machine.settings import Settings, begin
from fork_wrapper.publish.document.stories import Stories, read_stories, tables
from fork_wrapper.records.history import newest_of
from fork_wrapper.records.lineage import Segment, resumed_from, segments
from fork_wrapper.records.notes import Note, read_notes
from fork_wrapper.records.record import Record
from fork_wrapper.records.run_folder import RunFolder, newest_records, sidecar_of
from fork_wrapper.text import natural

Basis = Literal["run", "rehearsal", "experiment", "checkpoint", "miniature", "file"]

WANTED = ("completed", "rehearsed")
"""Statuses of runs that answer for an experiment, the best first."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One column of the document."""

    label: str
    """What it is called there, unlike all others."""
    name: str
    """The experiment's name."""
    basis: Basis
    """What answers for it."""
    source: Source
    """Its configuration, as it was meant: without the changes of a rehearsal, and of a resumption."""
    stories: Stories
    """What people wrote in the experiment files."""
    segments: tuple[Segment, ...] = ()
    """Its runs, the first of a resumed training first; empty where none is recorded."""
    notes: tuple[tuple[str, Note], ...] = ()
    """What was noted, with the run's id, oldest first."""

    @property
    def record(self) -> Record | None:
        """Of its last run; None where none is recorded."""
        return self.segments[-1].record if self.segments else None

    @property
    def real(self) -> bool:
        """Whether a real training is recorded."""
        return self.basis == "run"

    @property
    def follows_file(self) -> bool:
        """Whether what is written into its experiment file now becomes part of the document."""
        return self.record is None or self.stories.now is not None

    @property
    def run_id(self) -> str:
        """Of its last run; empty where none is recorded."""
        return str(self.record.run["id"]) if self.record else ""


def find_subjects(names: Sequence[str], settings: Settings, allow: Sequence[str] = ()) -> list[Subject]:
    """The subjects of these names, or of all experiments of the project; InputError for what cannot be read."""
    chosen = list(dict.fromkeys(names)) or iterations(settings)
    if not chosen:
        finding = Finding(
            what="there is no experiment",
            where=str(settings.experiments),
            todo=begin(settings.experiments) or "write one, or `kft import-config FILE`",
        )
        raise InputError("nothing to document", [finding])
    runs = newest_of(settings.outputs, chosen, WANTED, cache=settings.cache)
    found: list[Subject] = []
    wrong: list[InputError] = []
    for name in chosen:
        try:
            found.append(_subject(runs.get(name, name), settings, allow, asked=name))
        except InputError as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise InputError("cannot document this", [one for error in wrong for one in _named(error)])
    return list(_distinct(found))


def _named(error: InputError) -> list[Finding]:
    """What an error found, each with its title."""
    return [replace(one, what=f"{error.title}: {one.what}") for one in error.findings] or [Finding(what=error.title)]


def parent_subject(subject: Subject, settings: Settings) -> Subject | None:
    """What an experiment extends, as a subject of its own; None where that is nothing, gone, or a template."""
    parent = subject.stories.parent
    if not parent or parent in templates(settings):
        return None
    try:
        return find_subjects([parent], settings)[0]
    except InputError:
        return None


def iterations(settings: Settings) -> list[str]:
    """The experiments of the project, or all files where there are but templates."""
    names = experiment_names(settings.experiments)
    left_out = templates(settings)
    return [name for name in names if name not in left_out] or names


def templates(settings: Settings) -> list[str]:
    """Experiment files that say they are there to be extended only, and that never ran."""
    names = experiment_names(settings.experiments)
    said = [name for name in names if _read(settings.experiments / f"{name}.toml").get("template") is True]
    return [name for name in said if not (settings.outputs / name).is_dir()]


def left_out(settings: Settings) -> list[tuple[str, str]]:
    """What a document of all experiments does not tell of, and why: templates, and runs without an experiment file."""
    known = experiment_names(settings.experiments)
    told_of = iterations(settings)
    orphans = {one.run_id.partition("/")[0] for one in newest_records(settings.outputs)} - set(known)
    return [
        *((name, "template") for name in sorted(set(known).difference(told_of), key=natural)),
        *((name, "no_file") for name in sorted(orphans, key=natural)),
    ]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tables(read_text(path))
    except InputError:  # told where it is opened
        return {}


def _subject(text: str, settings: Settings, allow: Sequence[str], *, asked: str) -> Subject:
    source = open_source(text, settings, allow)
    if source.header is not None:
        source = _with_sidecar(source, settings)
    if source.record is not None:
        return _of_record(source, source.record, settings, asked=asked)
    files = [(link.name, link.text) for link in source.resolved.chain] if source.resolved else []
    name = str((source.header or {}).get("experiment") or Path(source.label).stem)
    basis: Basis = "experiment" if source.resolved else "checkpoint" if source.header else "file"
    if is_rehearsal(source):
        basis, source = "miniature", _of_the_miniature(source)
    return Subject(label=Path(asked).stem, name=name, basis=basis, source=source, stories=read_stories(files))


def _with_sidecar(source: Source, settings: Settings) -> Source:
    """The sidecar beside a checkpoint, which knows more than its header, where it is of the same run."""
    try:
        sidecar = open_source(str(sidecar_of(source.path)), settings)
    except InputError:
        return source
    run = source.header["run"].get("run") if source.header else None
    return sidecar if sidecar.record is not None and sidecar.record.run["id"] == run else source


def _of_the_miniature(source: Source) -> Source:
    """A rehearsed checkpoint alone: its header does not say which of its values the rehearsal changed."""
    values = flatten({"training": source.training, "dataset": source.dataset})
    rehearsed = Origin(kind="rehearsed", by=source.label)  # type: ignore[arg-type]
    return replace(source, origins=dict.fromkeys(values, rehearsed))


def _of_record(source: Source, record: Record, settings: Settings, *, asked: str) -> Subject:
    said = read_stories([(str(file["name"]), str(file["text"])) for file in record.experiment["files"]])
    if by_name := asked == record.name:
        said = replace(said, now=_stories_now(asked, settings))
    run = RunFolder(folder=source.path.absolute().parent)
    chain = segments(settings.outputs, run, record)
    training, dataset, origins = intended(chain[0].record, said)
    notes = [(one.run.run_id, note) for one in chain for note in read_notes(one.run)]
    return Subject(
        label=source.path.stem if source.kind == "sidecar" else record.name if by_name else str(record.run["id"]),
        name=record.name,
        basis="rehearsal" if record.rehearsal is not None else "run",
        source=replace(source, training=training, dataset=dataset, origins=origins),
        stories=said,
        segments=chain,
        notes=tuple(sorted(notes, key=lambda item: item[1].time)),
    )


def _stories_now(name: str, settings: Settings) -> Stories | None:
    """What the files of an experiment tell now; None where there are none.

    A story is told to its end after the run: what went wrong, what was decided. Values are never looked up here.
    """
    files: list[tuple[str, str]] = []
    try:
        path = find_experiment(name, settings.experiments)
        while path.stem not in [known for known, _ in files]:
            files.insert(0, (path.stem, read_text(path)))
            parent = tables(files[0][1]).get("extends")
            if not isinstance(parent, str):
                break
            path = find_experiment(parent, settings.experiments, beside=path.parent)
    except InputError:
        pass  # what is there tells what it can
    return read_stories(files) if files else None


def _distinct(found: list[Subject]) -> Iterator[Subject]:
    """Each with a label of its own: a run's id where the short one is taken, else a number."""
    seen: set[str] = set()
    for subject in found:
        label = subject.label
        if label in seen and subject.run_id:
            label = subject.run_id
        number = 2
        while label in seen:
            label, number = f"{subject.label} ({number})", number + 1
        seen.add(label)
        yield replace(subject, label=label)


def intended(record: Record, said: Stories) -> tuple[Mapping[str, Any], Mapping[str, Any], dict[str, Origin]]:
    """Training options, dataset config and origins of a record, as the experiment meant them."""
    tree: keypath.Tree = keypath.merge({"training": record.training, "dataset": record.dataset}, {})
    origins = {path: Origin(**one) for path, one in record.experiment["origins"].items()}
    for change in (*_of_resume(record), *(record.rehearsal or {}).get("changes", ())):
        path, was = str(change["key"]), change["was"]
        origins.pop(path, None)
        if was is None:
            keypath.drop(tree, path)
            continue
        keypath.put(tree, path, was)
        found = _typed(record, path) or said.origin(path)
        origins[path] = Origin(kind=found[0], by=found[1]) if found else KFT  # type: ignore[arg-type]
    return tree["training"], tree["dataset"], origins


def _typed(record: Record, path: str) -> tuple[str, str] | None:
    """The origin of a value that was said at the launch and of which a rehearsal took a part: somebody's images."""
    said = [str(text).removeprefix("--set ").partition("=")[0] for text in record.experiment.get("overrides") or ()]
    return (OWN, "--set") if {path, path.rpartition(".")[2]} & {*said} else None


def _of_resume(record: Record) -> Iterable[Mapping[str, Any]]:
    """Of a training whose beginning is lost: what this run had otherwise than the run before it."""
    return (record.lineage or {}).get("changes") or () if resumed_from(record) else ()


def changed(record: Record) -> frozenset[str]:
    """Key paths that a rehearsal changed."""
    return frozenset(str(change["key"]) for change in (record.rehearsal or {}).get("changes", ()))


def recorded_dataset(subject: Subject) -> Mapping[str, Any] | None:
    """The manifest of images and captions in the record; None where there is none, or a rehearsal had other images."""
    record = subject.record
    if record is None or any(path.endswith(".image_dir") for path in changed(record)):
        return None
    return record.provenance.get("dataset") or None
