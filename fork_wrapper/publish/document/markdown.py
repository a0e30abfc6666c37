"""The whole document as Markdown: what the template `document.md` says of all columns of a document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from fork_wrapper.check.rules.prompt_file import Prompt
from fork_wrapper.compare.comparison import FileChanges
from fork_wrapper.compare.markdown_text import aligned_table, code, escape
from fork_wrapper.publish import templating
from fork_wrapper.publish.document.answers import KINDS, Answer
from fork_wrapper.publish.document.evolution import Step
from fork_wrapper.publish.document.fields import Field, Section, Words, fields, fields_of
from fork_wrapper.publish.document.from_options import of_value
from fork_wrapper.publish.document.from_runs import mean_words, prompts, sample_files
from fork_wrapper.publish.document.gather import Column, Coverage, Document, coverage, hint, left_out_lines
from fork_wrapper.publish.document.subjects import templates
from fork_wrapper.records.launched_values import acknowledged_in
from fork_wrapper.records.lineage import Segment
from fork_wrapper.records.losses import mean_at
from fork_wrapper.records.run_state import status_of
from fork_wrapper.text import size

MOST_NAMES = 6
"""Subjects that the title names, unless they are numbered one after the other."""

COLUMNS = 6
"""Subjects side by side in one table; more go on in another."""

IN_TABLE = ("started", "duration", "losses", "speed", "vram_peak")
"""Of a run, what stands side by side; what is long stands in lines."""

_Rows = list[tuple[str, list[str]]]


def markdown(document: Document) -> str:
    """The text of the document."""
    return templating.markdown(
        "document.md",
        page=_Page(document=document),
        columns=document.columns,
        words=document.words,
        several=len(document.columns) > 1,
        fields_of=fields_of,
        of_value=of_value,
        in_table=IN_TABLE,
        legend=KINDS,
        left_out=list(left_out_lines(document)),
    )


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Markdown of the parts of one document, for its template."""

    document: Document

    @property
    def words(self) -> Words:
        return self.document.words

    @property
    def columns(self) -> Sequence[Column]:
        return self.document.columns

    @cached_property
    def coverage(self) -> Coverage:
        return coverage(self.document)

    def title(self) -> str:
        """The names of all subjects: as a span where they are numbered one after the other, else each."""
        labels, words = list(map(escape, self.document.labels)), self.words
        parts = [label.rpartition("_") for label in self.document.labels]
        numbers = [int(number) for _, _, number in parts if number.isdecimal()]
        follow = all(two == one + 1 for one, two in pairwise(numbers))
        if len(numbers) == len(labels) > 2 and follow and len({stem for stem, _, _ in parts}) == 1:
            return words("title.several", first=labels[0], last=labels[-1])
        names, rest = ", ".join(labels[:MOST_NAMES]), len(labels) - MOST_NAMES
        return words("title.more", names=names, count=rest) if rest > 0 else names

    def state(self) -> str:
        """How complete the document is, in one line."""
        found, words = self.coverage, self.words
        (filled, fields_), (told, people) = found.filled, found.by_people
        percent = f"{found.percent:.1f}"
        text = words("state", percent=percent, filled=filled, fields=fields_, told=told, people=people)
        rehearsed = dict(found.by_kind()).get("rehearsed", 0)
        return text + (words.numbered("state_rehearsed", rehearsed) if rehearsed else "")

    def source(self) -> str:
        """The documents that the experiment files name for what is documented in them."""
        told = [one for column in self.columns for one in (column.subject.stories, column.subject.stories.now) if one]
        names = dict.fromkeys(source for one in told for _, source in one.sources)
        return "; ".join(names) or self.words("nameless_source")

    def kinds(self) -> set[str]:
        """Origins of everything that is shown."""
        answers = [one for column in self.columns for one in (*column.answers.values(), *column.set_options.values())]
        rows = [row for column in self.columns if column.step for row in (*column.step.rows, *column.step.rest)]
        kinds = {of_value(value, self.words, row.key).kind for row in rows for value in (row.before, row.after)}
        while answers := [one for one in answers if one is not None]:
            kinds |= {one.kind for one in answers}
            answers = [one.also for one in answers]
        return {*kinds}

    def source_rows(self) -> list[tuple[str, ...]]:
        """Of each subject its label, basis, runs, and what was said at the launch."""
        return [self._source(column) for column in self.columns]

    def _source(self, column: Column) -> tuple[str, ...]:
        subject, words, record = column.subject, self.words, column.subject.record
        runs = " → ".join(code(segment.run.run_id) for segment in subject.segments)
        if record is not None and subject.segments[0].step:
            runs += f" ({words('begins_in_the_middle', step=subject.segments[0].step)})"
        overrides = record.experiment.get("overrides") if record is not None else []
        status = f", {words(f'status.{status_of(record)}')}" if record is not None and subject.real else ""
        said = " ".join(map(code, overrides or []))
        return escape(subject.label), words(f"basis.{subject.basis}") + status, runs or "-", said or "-"

    def labels(self, columns: Sequence[Column]) -> str:
        """The names of some columns."""
        return ", ".join(code(column.subject.label) for column in columns)

    def said(self, answer: Answer | None) -> str:
        """An answer with its mark, and with what another origin says beside it."""
        if answer is None:
            return f"**{self.words('unknown')}**"
        text = f"{escape(answer.text)} [{self.words(f'mark.{answer.kind}')}]"
        return f"{text} ({self.said(answer.also)})" if answer.also else text

    def hint(self, field: Field, columns: Sequence[Column]) -> str:
        """Where a gap of these columns could be filled; of several, in words for any of them."""
        return hint(field, columns[0].subject if len(columns) == 1 else None, self.words)

    def why(self, field: Field, columns: Sequence[Column]) -> str:
        """Behind what is unknown, where it could come from."""
        return "" if columns[0].answers[field.id] is not None else f": {self.hint(field, columns)}"

    def answer_lines(self, field: Field) -> Iterator[str]:
        """One field of all columns: each different answer once, with whose it is."""
        groups: dict[str, list[Column]] = {}
        for column in self.columns:
            groups.setdefault(self.said(column.answers[field.id]), []).append(column)
        lines = [(text + self.why(field, columns), columns) for text, columns in groups.items()]
        head = f"- **{field.labels[self.words.language]}:**"
        yield f"{head} {lines[0][0]}" if len(lines) == 1 else head
        for text, columns in lines if len(lines) > 1 else ():
            yield f"  - {self.labels(columns)}: {text}"

    def cells(self, field: Field) -> list[str]:
        """One field of all columns, each answer with its mark."""
        return [self.said(column.answers[field.id]) for column in self.columns]

    def rows_of(self, asked: Sequence[Field]) -> _Rows:
        """Some fields, each with its cells."""
        return [(field.labels[self.words.language], self.cells(field)) for field in asked]

    def run_rows(self, numbers: Sequence[Field]) -> list[tuple[str, ...]]:
        """The numbers of each run, one line each."""
        return list(zip(map(escape, self.document.labels), *map(self.cells, numbers), strict=True))

    def side_by_side(self, heading: str, rows: _Rows) -> str:
        """A table with a column for each subject, `COLUMNS` of them at a time."""
        labels = list(map(escape, self.document.labels))
        lines: list[str] = []
        for start in range(0, len(labels), COLUMNS):
            part = slice(start, start + COLUMNS)
            lines += aligned_table([heading, *labels[part]], [(name, *cells[part]) for name, cells in rows])
        return "\n".join(lines)

    def gaps(self, section: Section | None = None) -> list[tuple[Field, list[Column]]]:
        """The fields that some columns lack, of a section, or all that the authors list; with these columns."""
        asked = fields_of(section) if section else [field for field in fields() if field.listed]
        found = [(field, [one for one in self.columns if one.answers[field.id] is None]) for field in asked]
        return [(field, columns) for field, columns in found if columns]

    def further_options(self) -> tuple[list[tuple[str, str]], _Rows]:
        """What else is set: where all agree, and where they differ."""
        shown = {part.rpartition(".")[2] for field in fields() for part in field.source.split(", ")}
        names = dict.fromkeys(name for column in self.columns for name in column.set_options if name not in shown)
        rows = [(code(name), self._cells(name)) for name in names]
        same = [(name, cells[0]) for name, cells in rows if len(set(cells)) == 1]
        return same, [(name, cells) for name, cells in rows if len(set(cells)) > 1]

    def _cells(self, name: str) -> list[str]:
        found = [column.set_options.get(name) for column in self.columns]
        return [self.words("absent") if answer is None else self.said(answer) for answer in found]

    def acknowledged(self) -> dict[tuple[str, str], list[Column]]:
        """What the check says of these values and the experiments mean so: rule and reason, with who gives it."""
        found: dict[tuple[str, str], list[Column]] = {}
        for column in self.columns:
            source = column.subject.source
            known = source.resolved.acknowledged if source.resolved else {}
            for rule, one in (acknowledged_in(source.record) if source.record else known).items():
                found.setdefault((rule, one.reason), []).append(column)
        return found

    def alone(self, column: Column) -> str:
        """Why a column has nothing to be compared with."""
        parent, document = column.subject.stories.parent, self.document
        if not parent:
            return self.words("stands_alone_long")
        known = parent in dict(document.left_out) or parent in templates(document.settings)
        return self.words("on_a_template" if known else "on_what_is_gone", name=code(parent))

    def change_rows(self, step: Step) -> list[tuple[str, ...]]:
        """What changed and changes training: key, before, after."""
        return [
            (
                code(row.key) + (f" ({escape(row.place)})" if row.place else ""),
                *(self.said(of_value(value, self.words, row.key)) for value in (row.before, row.after)),
            )
            for row in step.rows
        ]

    def file_changes(self, files: FileChanges) -> str:
        """How many images and captions came, went and changed."""
        names = {"added": files.added, "removed": files.removed}
        names |= {"changed_images": files.images, "changed_captions": files.captions}
        return ", ".join(self.words.counted(len(found), name) for name, found in names.items() if found)

    def by_prompts(self) -> list[tuple[tuple[Prompt, ...], list[Column]]]:
        """Columns by their prompts: mostly all have the same."""
        groups: list[tuple[tuple[Prompt, ...], list[Column]]] = []
        for column in self.columns:
            found = prompts(column.subject)
            same = [columns for text, columns in groups if text == found]
            if same:
                same[0].append(column)
            else:
                groups.append((found, [column]))
        return groups

    def prompt_line(self, prompt: Prompt) -> str:
        """A prompt with its seed, size, steps, scale and negative prompt."""
        words, values = self.words, prompt.values
        seed, negative = values.get("seed"), values.get("negative_prompt")
        parts = (
            words("prompt.seed", seed=seed) if seed is not None else words("prompt.no_seed"),
            f"{values.get('width', 512)}x{values.get('height', 512)}",
            words.counted(values.get("sample_steps", 30), "step"),
            words("prompt.scale", scale=values.get("scale", 7.5)),
        )
        text = f"{code(str(values.get('prompt', '')))}: {', '.join(parts)}"
        return f"{text}; {words('prompt.negative')} {code(str(negative))}" if negative else text

    def drawn(self) -> Iterator[tuple[Column, list[tuple[str, str, list[str]]]]]:
        """Columns with sample images: when they were drawn, in which folder, the files."""
        words = self.words
        for column in self.columns:
            groups = groupby(sample_files(column.subject), key=lambda one: (one.path.parent, one.epoch, one.step))
            found = [
                (
                    words("at_epoch", count=epoch) if epoch is not None else words("at_step", count=step),
                    "/".join(folder.parts[-3:]),
                    [one.path.name for one in group],
                )
                for (folder, epoch, step), group in groups
            ]
            if found:
                yield column, found

    def selected(self) -> list[Column]:
        """The columns that were chosen."""
        chosen = self.words("decision.selected")
        return [one for one in self.columns if (answer := one.answers["decision"]) and answer.text == chosen]

    def lacking(self, asked: Sequence[Field]) -> list[Column]:
        """The columns that lack any of these fields."""
        return [column for column in self.columns if any(column.answers[field.id] is None for field in asked)]

    def checkpoint_lines(self, column: Column) -> list[str]:
        """What every run saved, pruned files included, with where in the whole training it was."""
        segments = column.subject.segments
        return [self._checkpoint(entry, segment) for segment in segments for entry in segment.record.checkpoints]

    def _checkpoint(self, entry: Mapping[str, Any], segment: Segment) -> str:
        words = self.words
        step, epoch, loss = (entry.get(name) for name in ("step", "epoch", "loss"))
        parts = [words("at_step", count=step + segment.step)] if step is not None else []
        parts += [words("at_epoch", count=epoch + segment.epoch)] if epoch is not None else []
        if loss is not None:
            mean = mean_words(mean_at(segment.record.run, step or 0, loss), segment.step, words)
            parts.append(words("with_loss", loss=f"{loss:.4f}", mean=mean))
        parts += [size(entry["bytes"])] if entry.get("bytes") else []
        parts += [f"sha256 {code(str(entry['sha256']))}"] if entry.get("sha256") else []
        return f"{code(str(entry['file']))}: {', '.join(parts)}"

    def origin_rows(self) -> list[tuple[str, str]]:
        """How many fields come from where."""
        words, found = self.words, self.coverage
        rows = [(f"[{words(f'mark.{kind}')}] {words(f'kind.{kind}')}", str(count)) for kind, count in found.by_kind()]
        return [*rows, (words("unknown"), str(len(found.missing)))]
