"""The story of an experiment: what no tool can derive, and what is wrong with one as it is written."""

from collections.abc import Mapping
from typing import Any

from fork_wrapper.errors import Finding
from fork_wrapper.experiment.schema import Where
from fork_wrapper.text import nearest

STORY: Mapping[str, str] = {
    "purpose": "a string",
    "changes": "a string",
    "problems": "a list of strings",
    "solutions": "a list of strings",
    "effect": "a string",
    "decision": "a string",
    "notes": "a string",
    "hardware": "a string",
    "duration": "a string",
    "images": "a whole number",
    "image_size": "a string",
    "image_mode": "a string",
    "content": "a string",
    "preparation": "a list of strings",
    "captions": "a list of strings",
    "evaluation": "a list of strings",
}
"""What a story may tell, and of which shape; from `images` on, what its children's documents tell too."""

LANGUAGES = ("en", "es")
"""Languages in which a story may be told once more, each as a table of its texts: `[story.es]`."""

_TEXTS = {key: shape for key, shape in STORY.items() if key not in ("decision", "images")}

SHAPES = {
    "a string": '{key} = "..."',
    "a list of strings": '{key} = ["..."]',
    "a whole number": "{key} = 1486",
    "true or false": "{key} = true",
    "a table": "[{key}] as a table",
}
"""How a value of each shape is written."""

DECISIONS = ("candidate", "selected", "rejected")


def has_shape(value: Any, shape: str) -> bool:
    """Whether a value has one of `SHAPES`."""
    if shape == "a list of strings":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if shape == "true or false":
        return isinstance(value, bool)
    if shape == "a whole number":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str if shape == "a string" else dict)


def story_findings(story: Mapping[str, Any], where: Where) -> list[Finding]:
    """What is wrong with a `[story]`: parts that it has not, shapes, an unknown decision; and with its translations."""
    findings = _story_findings({key: value for key, value in story.items() if key not in LANGUAGES}, STORY, where)
    for language in LANGUAGES:
        again = story.get(language, {})
        if isinstance(again, dict):
            findings += _story_findings(again, _TEXTS, lambda key, table=language: where(f"story.{table}{key[5:]}"))  # type: ignore[misc]
        else:
            todo = f"write [story.{language}] as a table of texts"
            findings.append(Finding(what=f"{language} must be a table", where=where(f"story.{language}"), todo=todo))
    return findings


def _story_findings(story: Mapping[str, Any], shapes: Mapping[str, str], where: Where) -> list[Finding]:
    findings = []
    for key, value in story.items():
        place = where(f"story.{key}")
        if key not in shapes:
            near = nearest(key, shapes, 1)
            todo = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(shapes)}"
            findings.append(Finding(what=f"the story has no {key}", where=place, todo=todo))
        elif not has_shape(value, shapes[key]):
            todo = f"write {SHAPES[shapes[key]].format(key=key)}"
            findings.append(Finding(what=f"{key} must be {shapes[key]}", where=place, todo=todo))
        elif key == "decision" and value not in DECISIONS:
            findings.append(
                Finding(
                    what=f"decision cannot be {value!r}", where=place, todo=f"choose one of: {', '.join(DECISIONS)}"
                )
            )
    return findings
