"""A document, or its coverage alone, as plain values for programs."""

from typing import Any

from fork_wrapper.publish.document.answers import Answer
from fork_wrapper.publish.document.evolution import Step
from fork_wrapper.publish.document.fields import fields
from fork_wrapper.publish.document.from_runs import prompts, sample_files
from fork_wrapper.publish.document.gather import Column, Coverage, Document, coverage, hint


def to_json(document: Document) -> dict[str, Any]:
    """All of it; texts are in the document's language, fields and origins go by their names."""
    return {
        "language": document.words.language,
        "subjects": [_subject(column, document) for column in document.columns],
        "left_out": [{"experiment": name, "why": why} for name, why in document.left_out],
        "coverage": coverage_json(coverage(document)),
    }


def coverage_json(found: Coverage) -> dict[str, Any]:
    """Every listed field of every subject: filled and by which origin, or where it could come from."""
    filled, of_tool = found.filled
    told, of_people = found.by_people
    return {
        "percent": round(found.percent, 2),
        "tool": {"filled": filled, "fields": of_tool},
        "people": {"filled": told, "fields": of_people},
        "by_origin": dict(found.by_kind()),
        "fields": [
            {
                "field": cell.field.id,
                "subject": cell.label,
                "tool": cell.field.tool,
                "from": cell.field.source,
                "origin": cell.answer.kind if cell.answer else None,
                "hint": cell.hint or None,
            }
            for cell in found.cells
        ],
    }


def _subject(column: Column, document: Document) -> dict[str, Any]:
    subject = column.subject
    missing = {field.id: hint(field, subject, document.words) for field in fields() if not column.answers[field.id]}
    return {
        "label": subject.label,
        "experiment": subject.name,
        "basis": subject.basis,
        "runs": [segment.run.run_id for segment in subject.segments],
        "answers": {name: _answer(answer) for name, answer in column.answers.items()},
        "missing": missing,
        "options": {name: _answer(answer) for name, answer in column.set_options.items()},
        "prompts": [dict(one.values) for one in prompts(subject)],
        "samples": ["/".join(one.path.parts[-4:]) for one in sample_files(subject)],
        "step": None if column.step is None else _step(column.step),
    }


def _answer(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    also = {} if answer.also is None else {"also": _answer(answer.also)}
    return {"text": answer.text, "origin": answer.kind, "by": answer.by or None, **also}


def _step(step: Step) -> dict[str, Any]:
    rows = [(row, True) for row in step.rows] + [(row, False) for row in step.rest]
    return {
        "before": step.before.label,
        "after": step.after.label,
        "changes": [
            {"key": row.key, "before": row.before.raw, "after": row.after.raw, "trains": trains} for row, trains in rows
        ],
        "made_with": [{"fact": fact.name, "before": fact.before, "after": fact.after} for fact in step.facts],
    }
