"""Answers that only people can give: what the experiment files tell, and what was noted after a run."""

from collections.abc import Callable

from fork_wrapper.publish.document.answers import Answer, Answering, Asked
from fork_wrapper.publish.document.stories import FOLDERS, OF_ITS_IMAGES
from fork_wrapper.records.notes import Note


def story_part(key: str) -> Answering:
    """How a part of the story is answered."""

    def answer(asked: Asked) -> Answer | None:
        said = asked.subject.stories.part(key, asked.words.language)
        if said is None or (key in OF_ITS_IMAGES and _has_other_images(asked)):
            return None
        text = "; ".join(map(str, said.value)) if isinstance(said.value, list) else " ".join(str(said.value).split())
        return Answer(text=text, kind=said.kind, by=said.by)  # type: ignore[arg-type]

    return answer


def _has_other_images(asked: Asked) -> bool:
    """Whether the folder was named at the launch, so that no file speaks of its images."""
    origins = asked.subject.source.origins
    return any(path.rpartition(".")[2] in FOLDERS and one.by == "--set" for path, one in origins.items())


def with_notes(key: str, read: Callable[[Note], str]) -> Answering:
    """How a part of the story is answered to which notes add: the latest first, what was told before beside it."""

    def answer(asked: Asked) -> Answer | None:
        first = story_part(key)(asked)
        for run, note in asked.subject.notes:
            if said := " ".join(read(note).split()):
                first = Answer(text=f"{said} ({note.time[:10]})", kind="noted", by=run, also=first)
        return first

    return answer


def decision(asked: Asked) -> Answer | None:
    """What was decided last: a note's decision is younger than the story's."""
    for run, note in reversed(asked.subject.notes):
        if note.decision:
            return Answer(text=_decided(asked, note.decision), kind="noted", by=run)
    said = story_part("decision")(asked)
    return said and Answer(text=_decided(asked, said.text), kind=said.kind, by=said.by)


def _decided(asked: Asked, text: str) -> str:
    return asked.words(f"decision.{text}") if asked.words.has(f"decision.{text}") else text


def _reason(note: Note) -> str:
    """What was said with a decision is its reason."""
    return note.text if note.decision else ""


def _observation(note: Note) -> str:
    return "" if note.decision else note.text


ANSWERS: dict[str, Answering] = {
    "why": story_part("changes"),
    "problems": with_notes("problems", lambda note: "; ".join(note.problems)),
    "solutions": with_notes("solutions", lambda note: "; ".join(note.solutions)),
    "effect": with_notes("effect", _observation),
    "decision": decision,
    "reasons": with_notes("notes", _reason),
}
"""By field."""
