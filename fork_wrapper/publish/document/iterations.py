"""Sections of the document that tell of iterations: how they evolved, by what they were judged, which was chosen."""

from collections.abc import Iterator
from itertools import groupby

from fork_wrapper.check.rules.prompt_file import Prompt
from fork_wrapper.compare.compare import Row
from fork_wrapper.compare.markdown_text import aligned_table, code, escape
from fork_wrapper.compare.values import Value
from fork_wrapper.publish.document.evolution import Step
from fork_wrapper.publish.document.fields import fields_of
from fork_wrapper.publish.document.from_options import of_value
from fork_wrapper.publish.document.gather import Column, Document
from fork_wrapper.publish.document.samples import Sample, prompts, sample_files
from fork_wrapper.publish.document.saying import hint_for, label, listed, said, spread
from fork_wrapper.publish.document.subjects import templates


def evolution(document: Document) -> Iterator[str]:
    """What changed from one to the next, why, which problems were found and what was done about them."""
    for column in document.columns:
        step = column.step
        before = f"{escape(step.before.label)} → " if step is not None else ""
        yield from (f"### {before}{escape(column.subject.label)}", "")
        yield from _changes(step, document) if step is not None else (_alone(column, document), "")
        for field in fields_of("evolution"):
            if field.id != "changes":
                answer = column.answers[field.id]
                why = "" if answer is not None else f": {hint_for(field, [column], document)}"
                yield f"- **{label(field, document)}:** {said(answer, document)}{why}"
        yield ""


def _alone(column: Column, document: Document) -> str:
    """Why nothing is compared."""
    parent = column.subject.told.parent
    if not parent:
        return document.words("stands_alone_long")
    why = (
        "on_a_template"
        if parent in dict(document.left_out) or parent in templates(document.settings)
        else "on_what_is_gone"
    )
    return document.words(why, name=code(parent))


def _changes(step: Step, document: Document) -> Iterator[str]:
    words = document.words
    if not step.count:
        yield from (words("no_change"), "")
    heads = [words("head.parameter"), escape(step.before.label), escape(step.after.label)]
    yield from aligned_table(heads, [_row(row, document) for row in step.rows])
    for fact in step.facts:
        name = words(f"fact.{fact.name}") if words.has(f"fact.{fact.name}") else fact.name
        yield f"- {escape(name)}: {escape(str(fact.before))} → {escape(str(fact.after))} [{words('mark.measured')}]"
    yield from _files(step, document)
    if step.rest:
        rest = "; ".join(
            f"{code(row.key)} {_short(row.before, row, document)} → {_short(row.after, row, document)}"
            for row in step.rest
        )
        yield f"- {words('no_effect')}: {rest}"
    yield from ("",) if step.facts or step.files or step.rest else ()


def _row(row: Row, document: Document) -> tuple[str, str, str]:
    name = code(row.key) + (f" ({escape(row.place)})" if row.place else "")
    before, after = (said(of_value(value, document.words, row.key), document) for value in (row.before, row.after))
    return name, before, after


def _short(value: Value, row: Row, document: Document) -> str:
    return escape(of_value(value, document.words, row.key).text)


def _files(step: Step, document: Document) -> Iterator[str]:
    files = step.files
    if not files:
        return
    counts = [
        (len(names), name)
        for name, names in (
            ("added", files.added),
            ("removed", files.removed),
            ("changed_images", files.images),
            ("changed_captions", files.captions),
        )
        if names
    ]
    told = ", ".join(document.words.counted(count, name) for count, name in counts)
    yield f"- {document.words('fact.dataset')}: {told} [{document.words('mark.measured')}]"


def evaluation(document: Document) -> Iterator[str]:
    """When and by what samples were drawn, with their prompts and seeds, and where they lie."""
    words = document.words
    yield from listed("evaluation", document)
    for text, columns in _by_prompts(document):
        if text:
            whose = (
                [words("all")] if len(columns) == len(document.columns) > 1 else [one.subject.label for one in columns]
            )
            yield from (f"### {words('title.prompts')}: {escape(', '.join(whose))}", "")
            yield from (_prompt(number, one, document) for number, one in enumerate(text, start=1))
            yield ""
    for column in document.columns:
        found = sample_files(column.subject)
        if found:
            yield from (f"### {words('title.samples')}: {escape(column.subject.label)}", "")
            yield from _drawn(found, column, document)
            yield ""


def _by_prompts(document: Document) -> list[tuple[tuple[Prompt, ...], list[Column]]]:
    """Subjects by their prompts: mostly all have the same."""
    groups: list[tuple[tuple[Prompt, ...], list[Column]]] = []
    for column in document.columns:
        found = prompts(column.subject)
        same = [columns for text, columns in groups if text == found]
        if same:
            same[0].append(column)
        else:
            groups.append((found, [column]))
    return groups


def _prompt(number: int, one: Prompt, document: Document) -> str:
    words, values = document.words, one.values
    width, height = values.get("width", 512), values.get("height", 512)
    seed = values.get("seed")
    parts = [
        words("prompt.seed", seed=seed) if seed is not None else words("prompt.no_seed"),
        f"{width}x{height}",
        words.counted(values.get("sample_steps", 30), "step"),
        words("prompt.scale", scale=values.get("scale", 7.5)),
    ]
    negative = values.get("negative_prompt")
    text = f"{number}. {code(str(values.get('prompt', '')))}: {', '.join(parts)}"
    return f"{text}; {words('prompt.negative')} {code(str(negative))}" if negative else text


def _drawn(found: tuple[Sample, ...], column: Column, document: Document) -> Iterator[str]:
    words = document.words
    if column.subject.basis == "rehearsal":
        yield from (f"{words('samples_of_the_miniature')}", "")
    for (folder, epoch, step), group in groupby(found, key=lambda one: (one.folder, one.epoch, one.step)):
        when = words("at_epoch", count=epoch) if epoch is not None else words("at_step", count=step)
        place = "/".join(folder.parts[-3:])
        yield f"- {when}, {code(place)}: {', '.join(code(one.file) for one in group)}"


def selection(document: Document) -> Iterator[str]:
    """Which was chosen, and why."""
    words = document.words
    decision, reasons = fields_of("selection")
    chosen = [code(one.subject.label) for one in document.columns if _is_chosen(one, document)]
    yield words("selected", names=", ".join(chosen)) if chosen else words("none_selected")
    yield ""
    yield from spread(decision, document)
    yield from spread(reasons, document)
    yield ""


def _is_chosen(column: Column, document: Document) -> bool:
    answer = column.answers["decision"]
    return answer is not None and answer.text == document.words("decision.selected")
