"""The whole document as Markdown: what it stands on first, then section by section, then what is missing."""

from collections.abc import Callable, Iterator

from fork_wrapper.document.coverage import Coverage, coverage
from fork_wrapper.document.gather import Column, Document
from fork_wrapper.document.iterations import evaluation, evolution, selection
from fork_wrapper.document.saying import listed
from fork_wrapper.document.sections import checkpoints, missing, parameters, run
from fork_wrapper.markdown_text import aligned_table, code, plain
from fork_wrapper.run_state import status_of

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
    labels = document.labels
    names = plain(labels[0]) if len(labels) == 1 else words("title.several", first=labels[0], last=labels[-1])
    yield from (f"# {words('title', names=names)}", "", words("about"), "", state(coverage(document), document), "")
    for basis in ("rehearsal", "miniature"):
        rehearsed = [code(one.subject.label) for one in document.columns if one.subject.basis == basis]
        if rehearsed:
            yield from (f"> {words(f'warning.{basis}', names=', '.join(rehearsed))}", "")


def state(found: Coverage, document: Document) -> str:
    """How complete the document is, in one line."""
    words, (filled, fields), (told, people) = document.words, found.filled, found.told
    text = words("state", percent=f"{found.percent:.1f}", filled=filled, fields=fields, told=told, people=people)
    rehearsed = dict(found.by_kind()).get("rehearsed", 0)
    return text + (words("state_rehearsed", count=rehearsed) if rehearsed else "")


def _legend(document: Document) -> Iterator[str]:
    words = document.words
    yield from (f"## {words('title.legend')}", "", words("legend"), "")
    kinds = [key.removeprefix("legend.") for key in words.table if key.startswith("legend.")]
    yield from (f"- **[{words(f'mark.{kind}')}]** {words(f'legend.{kind}')}" for kind in kinds)
    yield from (f"- **{words('unknown')}**: {words('legend_unknown')}", "")


def _sources(document: Document) -> Iterator[str]:
    words = document.words
    yield from (f"## {words('title.sources')}", "")
    headers = [words("head.experiment"), words("head.basis"), words("head.run"), words("head.said")]
    yield from aligned_table(headers, [_source(column, document) for column in document.columns])


def _source(column: Column, document: Document) -> tuple[str, ...]:
    subject, words = column.subject, document.words
    record = subject.record
    runs = " → ".join(code(segment.run.run_id) for segment in subject.segments)
    if record is not None and subject.segments[0].step:
        runs += f" ({words('begins_in_the_middle', step=subject.segments[0].step)})"
    overrides = record.experiment.get("overrides") if record is not None else []
    status = f", {words(f'status.{status_of(record)}')}" if record is not None and subject.real else ""
    return (
        plain(subject.label),
        words(f"basis.{subject.basis}") + status,
        runs or "-",
        " ".join(map(code, overrides or [])) or "-",
    )
