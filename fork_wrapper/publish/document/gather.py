"""Everything that a document says, as one value: an answer for every field of every subject, and how complete it is."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fork_wrapper.compare.markdown_text import code
from fork_wrapper.compare.values import Understood, understand
from fork_wrapper.machine.settings import Settings
from fork_wrapper.publish.document import from_data, from_options, from_people, from_runs
from fork_wrapper.publish.document.answers import KINDS, Answer, Answering, Asked
from fork_wrapper.publish.document.evolution import Step, changes, in_order, steps
from fork_wrapper.publish.document.fields import Field, Words, fields, words
from fork_wrapper.publish.document.folder import Folders
from fork_wrapper.publish.document.from_runs import prompts
from fork_wrapper.publish.document.subjects import Subject, find_subjects, left_out, parent_subject


@dataclass(frozen=True, kw_only=True)
class Column:
    """One subject with all its answers."""

    subject: Subject
    """Whose."""
    answers: Mapping[str, Answer | None]
    """By field; None where nobody knows."""
    set_options: Mapping[str, Answer]
    """Every option and dataset key that is set, by name."""
    step: Step | None
    """What led to it; None where it stands alone, or its parent is not at hand."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """All of it."""

    columns: tuple[Column, ...]
    """Parents before children, then by time."""
    words: Words
    """Its language."""
    settings: Settings
    """For the words that say where a gap can be filled."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Experiments that it does not tell of, and why: `template` or `no_file`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Of all subjects."""
        return tuple(column.subject.label for column in self.columns)


def _prompts(asked: Asked) -> Answer | None:
    """How many prompts; whose choice they are says the option that names them."""
    count = len(prompts(asked.subject))
    value = asked.understood.options["sample_prompts"]
    if value.raw is None:
        return Answer(text=asked.words("none_drawn"), kind="default")
    text = asked.words.counted(count, "prompt")
    return Answer(text=text, kind=from_options.kind(value)) if count else None


_ANSWERS: Mapping[str, Answering] = {
    **from_people.ANSWERS,
    **from_runs.ANSWERS,
    **from_data.ANSWERS,
    **from_options.ANSWERS,
    "prompts": _prompts,
}
"""Fields that need more than the value of one place; `changes` needs the iteration before it."""

_PLACES: Mapping[str, Callable[[str], Answering]] = {
    "training": from_options.option,
    "dataset": from_options.key,
    "story": from_people.story_part,
}
"""Where a field's one source lies, and how its value is answered."""


def _answered(field: Field, asked: Asked) -> Answer | None:
    if field.id in _ANSWERS:
        return _ANSWERS[field.id](asked)
    place, _, name = field.source.rpartition(".")
    return _PLACES[place](name)(asked)


def document_of(names: Sequence[str], language: str, settings: Settings, allow: Sequence[str] = ()) -> Document:
    """The document of these names, or of all experiments."""
    subjects = in_order(find_subjects(names, settings, allow))
    there = {subject.name for subject in subjects}
    outside = {
        subject.label: parent
        for subject in subjects
        if subject.stories.parent not in there and (parent := parent_subject(subject, settings)) is not None
    }
    return gather(subjects, outside, words(language), settings, () if names else left_out(settings))


def gather(
    subjects: Sequence[Subject],
    outside: Mapping[str, Subject],
    words: Words,
    settings: Settings,
    left_out: Sequence[tuple[str, str]] = (),
) -> Document:
    """Answer every field of every subject; `outside` are parents that are compared with but not told of."""
    folders = Folders(settings)
    understood = {one.label: understand(one.source) for one in (*outside.values(), *subjects)}
    led = steps(subjects, outside, understood)
    return Document(
        columns=tuple(_column(one, understood[one.label], led.get(one.label), folders, words) for one in subjects),
        words=words,
        settings=settings,
        left_out=tuple(left_out),
    )


def _column(subject: Subject, understood: Understood, step: Step | None, folders: Folders, words: Words) -> Column:
    asked = Asked(subject=subject, understood=understood, folder=folders.of(subject), words=words)
    return Column(
        subject=subject,
        answers={
            field.id: changes(subject, step, words) if field.id == "changes" else _answered(field, asked)
            for field in fields()
        },
        set_options=from_options.set_options(asked),
        step=step,
    )


def left_out_lines(document: Document) -> Iterator[str]:
    """Which experiments a document of all experiments leaves out, and why."""
    for why in ("template", "no_file"):
        if names := [name for name, because in document.left_out if because == why]:
            yield document.words(f"left_out.{why}", names=", ".join(map(code, names)), run=f"{names[0]}/RUN")


def hint(field: Field, subject: Subject | None, words: Words) -> str:
    """Where a missing answer could come from; of several subjects, in words for any of them."""
    name = subject.name if subject else "NAME"
    return words(
        f"missing.{_hint_of(field, subject)}",
        name=name,
        run=(subject.run_id if subject else "") or f"{name}/RUN",
        file=f"{name}.toml",
        key=field.source.partition(",")[0].rpartition(".")[2],
    )


def _hint_of(field: Field, subject: Subject | None) -> str:
    """Which hint; what is written into an experiment file now helps neither a named run nor another program's file."""
    if subject is not None and subject.basis == "file" and field.missing in ("note", "story", "data", "steps"):
        return "imported"
    if subject is not None and not subject.follows_file and field.missing in ("note", "story"):
        return "noted"
    return field.missing


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One field of one subject."""

    field: Field
    """Which field."""
    label: str
    """Whose."""
    answer: Answer | None
    """What is known; None where it is missing."""
    hint: str
    """Where it could come from; empty where it is known."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """All listed fields of all subjects."""

    cells: tuple[Cell, ...]
    """Field by field, in the order of the document."""

    @property
    def percent(self) -> float:
        """Of the cells that a tool can know, how many are filled; 100 where there are none."""
        filled, count = self.filled
        return 100 * filled / count if count else 100.0

    @property
    def filled(self) -> tuple[int, int]:
        """Cells that a tool can know: filled, and all."""
        return self._count(tool=True)

    @property
    def by_people(self) -> tuple[int, int]:
        """Cells that only people can know: filled, and all."""
        return self._count(tool=False)

    def _count(self, *, tool: bool) -> tuple[int, int]:
        answers = [cell.answer for cell in self.cells if cell.field.tool is tool]
        return sum(answer is not None for answer in answers), len(answers)

    @property
    def missing(self) -> tuple[Cell, ...]:
        """What is not known."""
        return tuple(cell for cell in self.cells if cell.answer is None)

    def by_kind(self) -> list[tuple[str, int]]:
        """How many cells come from where; nothing that does not occur."""
        counts = Counter(cell.answer.kind for cell in self.cells if cell.answer is not None)
        return [(kind, counts[kind]) for kind in KINDS if counts[kind]]


def coverage(document: Document) -> Coverage:
    """The coverage of a document."""
    return Coverage(
        cells=tuple(
            Cell(
                field=field,
                label=column.subject.label,
                answer=(answer := column.answers[field.id]),
                hint="" if answer is not None else hint(field, column.subject, document.words),
            )
            for field in fields()
            for column in document.columns
            if field.listed
        )
    )
