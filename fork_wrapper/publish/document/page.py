"""The whole document as Markdown: what it stands on first, then section by section, then what is missing."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from fork_wrapper.compare.markdown_text import aligned_table, code, escape
from fork_wrapper.publish.document.coverage import Coverage, coverage
from fork_wrapper.publish.document.from_options import of_value
from fork_wrapper.publish.document.gather import Column, Document
from fork_wrapper.publish.document.iterations import evaluation, evolution, selection
from fork_wrapper.publish.document.saying import listed
from fork_wrapper.publish.document.sections import checkpoints, missing, parameters, run
from fork_wrapper.records.run_state import status_of

MOST_NAMES = 6
"""Subjects that the title names, unless they are numbered one after the other."""

SECTIONS: tuple[tuple[str, Callable[[Document], Iterator[str]]], ...] = (
    ("model", lambda document: listed("model", document)),
    ("dataset", lambda document: listed("dataset", document)),
    ("parameters", parameters),
    ("evolution", evolution),
    ("evaluation", evaluation),
    ("selection", selection),
    ("run", run),
    ("provenance", lambda document: listed("provenance", document)),
    ("checkpoints", checkpoints),
    ("missing", missing),
)
"""The sections in order, by the keys of their titles."""


def markdown(document: Document) -> str:
    """The text of the document."""
    lines = [*_head(document), *_legend(document), *_sources(document)]
    for number, (name, content) in enumerate(SECTIONS, start=1):
        lines += [f"## {number}. {document.words(f'title.{name}')}", "", *content(document)]
    return "\n".join(lines).rstrip() + "\n"


def _head(document: Document) -> Iterator[str]:
    words = document.words
    yield from (f"# {words('title', names=_names(document))}", "", words("about"), "")
    yield from (state(coverage(document), document), "")
    for basis in ("rehearsal", "miniature"):
        rehearsed = [code(one.subject.label) for one in document.columns if one.subject.basis == basis]
        if rehearsed:
            yield from (f"> {words(f'warning.{basis}', names=', '.join(rehearsed))}", "")


def _names(document: Document) -> str:
    """Of all subjects: as a span where they are numbered one after the other, else each."""
    labels, words = [escape(label) for label in document.labels], document.words
    parts = [label.rpartition("_") for label in document.labels]
    numbers = [int(number) for _, _, number in parts if number.isdecimal()]
    follow = all(two == one + 1 for one, two in pairwise(numbers))
    if len(numbers) == len(labels) > 2 and follow and len({stem for stem, _, _ in parts}) == 1:
        return words("title.several", first=labels[0], last=labels[-1])
    names = ", ".join(labels[:MOST_NAMES])
    rest = len(labels) - MOST_NAMES
    return words("title.more", names=names, count=rest) if rest > 0 else names


def state(found: Coverage, document: Document) -> str:
    """How complete the document is, in one line."""
    words, (filled, fields), (told, people) = document.words, found.filled, found.told
    text = words("state", percent=f"{found.percent:.1f}", filled=filled, fields=fields, told=told, people=people)
    rehearsed = dict(found.by_kind()).get("rehearsed", 0)
    return text + (words.numbered("state_rehearsed", rehearsed) if rehearsed else "")


def _legend(document: Document) -> Iterator[str]:
    words = document.words
    kinds = [key.removeprefix("legend.") for key in words.table if key.startswith("legend.")]
    source = escape(_documents(document) or words("nameless_source"))
    documented = "documented" in _kinds(document)
    only = words("only_documented", source=source) if documented else ""
    yield from (f"## {words('title.legend')}", "", words("legend") + only, "")
    for kind in kinds:
        if kind != "documented" or documented:
            yield f"- **[{words(f'mark.{kind}')}]** {words(f'legend.{kind}', source=source)}"
    yield from (f"- **{words('unknown')}**: {words('legend_unknown')}", "")


def _documents(document: Document) -> str:
    """The documents that the experiment files name for what is documented in them."""
    told = [one for column in document.columns for one in (column.subject.told, column.subject.told.now) if one]
    return "; ".join(dict.fromkeys(source for one in told for _, source in one.sources))


def _kinds(document: Document) -> set[str]:
    """Origins of everything that is shown."""
    answers = [one for column in document.columns for one in (*column.answers.values(), *column.set_options.values())]
    rows = [row for column in document.columns if column.step for row in (*column.step.rows, *column.step.rest)]
    kinds = {of_value(value, document.words, row.key).kind for row in rows for value in (row.before, row.after)}
    while answers := [one for one in answers if one is not None]:
        kinds |= {one.kind for one in answers}
        answers = [one.also for one in answers]
    return {*kinds}


def not_told_of(document: Document) -> Iterator[str]:
    """What a document of all experiments does not tell of."""
    for why in ("template", "no_file"):
        if names := [name for name, because in document.left_out if because == why]:
            told = ", ".join(map(code, names))
            yield document.words(f"left_out.{why}", names=told, run=f"{names[0]}/RUN")


def _sources(document: Document) -> Iterator[str]:
    words = document.words
    yield from (f"## {words('title.sources')}", "")
    headers = [words("head.experiment"), words("head.basis"), words("head.run"), words("head.said")]
    yield from aligned_table(headers, [_source(column, document) for column in document.columns])
    yield from (line for text in not_told_of(document) for line in (text, ""))


def _source(column: Column, document: Document) -> tuple[str, ...]:
    subject, words = column.subject, document.words
    record = subject.record
    runs = " → ".join(code(segment.run.run_id) for segment in subject.segments)
    if record is not None and subject.segments[0].step:
        runs += f" ({words('begins_in_the_middle', step=subject.segments[0].step)})"
    overrides = record.experiment.get("overrides") if record is not None else []
    status = f", {words(f'status.{status_of(record)}')}" if record is not None and subject.real else ""
    return (
        escape(subject.label),
        words(f"basis.{subject.basis}") + status,
        runs or "-",
        " ".join(map(code, overrides or [])) or "-",
    )
