"""Answers about images and captions, recorded, measured in the folder or told; and about the steps they come to."""

import math
from typing import Any

from fork_wrapper.check.dataset_layout import layouts
from fork_wrapper.check.rules.case import Case
from fork_wrapper.publish.document.answers import Answer, Answering, Asked, beside, weakest
from fork_wrapper.publish.document.folder import regularising
from fork_wrapper.publish.document.from_options import option, values
from fork_wrapper.publish.document.from_people import story_part
from fork_wrapper.publish.document.subjects import recorded_dataset
from fork_wrapper.records.record import sound_folders
from fork_wrapper.sdscripts.steps import Schedule, StepsError, plan_steps

COVERAGE = {
    "visual traits": "part.visual",
    "style tags": "part.style",
    "anatomy and structure": "part.anatomy",
    "outfit and accessories": "part.outfit",
}
"""Parts of the shipped vocabulary and the keys of their words."""


def images(asked: Asked) -> Answer | None:
    """How many images are trained on: of the record, else of the folder, beside what people tell of it."""
    count, by = _recorded_images(asked), asked.subject.run_id
    if count is None and asked.folder is not None:
        count, by = asked.folder.images, ""
    measured = None if count is None else Answer(text=str(count), kind="measured", by=by)
    return beside(measured, story_part("images")(asked))


def _recorded_images(asked: Asked) -> int | None:
    """Of a run whose images were those of the experiment, without those for regularisation."""
    data = recorded_dataset(asked.subject)
    if data is None:
        return None
    reg = regularising(asked.understood.case.dataset)
    folders = sound_folders(data)
    if not folders:
        return int(data["images"]) if data.get("images") else None
    return sum(len(one.get("files", {})) for one in folders if one.get("subset", "") not in reg)


def image_size(asked: Asked) -> Answer | None:
    """Width and height of the images, as they are in the folder, beside what people tell of it."""
    measured = None
    if asked.folder is not None:
        shown = [f"{width}x{height}" for (width, height), _ in asked.folder.sizes]
        if len(shown) > 1:
            shown = [f"{size} ({count})" for size, (_, count) in zip(shown, asked.folder.sizes, strict=True)]
        rest = len(shown) - 3
        text = ", ".join(shown[:3]) + (asked.words.numbered("and_more", rest) if rest > 0 else "")
        measured = Answer(text=text, kind="measured")
    return beside(measured, story_part("image_size")(asked))


def caption_convention(asked: Asked) -> Answer | None:
    """Which parts the captions have, and how many of them: measured in the folder, else as people tell it."""
    said = story_part("captions")(asked)
    if asked.folder is None or not asked.folder.captions.captions:
        return said
    found = asked.folder.captions
    parts = [
        f"{asked.words(COVERAGE[one.part])} {one.captions / found.captions:.0%}"
        for one in found.coverage
        if one.part in COVERAGE
    ]
    text = asked.words.numbered("convention", found.captions, parts=", ".join(parts).replace("%", " %"))
    if found.tags_each is not None:
        text += asked.words("tags_each", least=found.tags_each.least, most=found.tags_each.most)
    if found.prefixes:
        text += asked.words("begin_with", text=found.prefixes[0][0])
    return beside(Answer(text=text, kind="measured"), said)


def dataset_sha256(asked: Asked) -> Answer | None:
    """The fingerprint of images and captions."""
    data = recorded_dataset(asked.subject)
    if data is None or not data.get("sha256"):
        return None
    return Answer(text=str(data["sha256"]), kind="measured", by=asked.subject.run_id)


def total_steps(asked: Asked) -> Answer | None:
    """Of a real training the steps that were made, all its runs together; else what the configuration comes to."""
    subject = asked.subject
    if subject.real and subject.record is not None:
        last = subject.segments[-1]
        done = last.step + int(last.record.run["steps"])
        planned = last.step + int(last.record.run["total_steps"] or 0)
        text = str(done) if done >= planned else asked.words("of", done=done, planned=planned)
        return Answer(text=text, kind="measured", by=subject.run_id)
    schedule = _schedule(asked)
    if schedule is None:
        return option("max_train_steps")(asked) if _in_steps(asked) else None
    return Answer(text=str(schedule.total_steps), kind=weakest(["computed", *_kinds_of_length(asked)]))


def epochs(asked: Asked) -> Answer | None:
    """As the configuration says; of one that counts steps, what they come to."""
    said = asked.understood.options["max_train_epochs"]
    if said.raw is not None:
        return option("max_train_epochs")(asked)
    record = asked.subject.record
    if asked.subject.real and record is not None and record.run.get("epochs"):
        last = asked.subject.segments[-1]
        return Answer(text=str(last.epoch + int(record.run["epochs"])), kind="measured", by=asked.subject.run_id)
    schedule = _schedule(asked)
    return (
        None
        if schedule is None
        else Answer(text=str(schedule.epochs), kind=weakest(["computed", *_kinds_of_length(asked)]))
    )


def _in_steps(asked: Asked) -> bool:
    return asked.understood.options["max_train_epochs"].raw is None


def _kinds_of_length(asked: Asked) -> list[Any]:
    """Whose the values are that a length follows from; what an assumption comes to is assumed."""
    length = option("max_train_steps" if _in_steps(asked) else "max_train_epochs")(asked)
    found = [length, option("gradient_accumulation_steps")(asked), images(asked)]
    said = [value for name in ("batch_size", "num_repeats") for value in values(asked, name)]
    kinds: list[Any] = [one.kind for one in found if one is not None and one.kind != "default"]
    return kinds + [value.origin.kind for value in said if value.said and value.origin]


def _schedule(asked: Asked) -> Schedule | None:
    """As sd-scripts would count: by the images at hand, else by their number, as if they were of one size."""
    case = asked.understood.case
    if asked.folder is not None:
        seen = Case(training=case.training, dataset=case.dataset, surveys=asked.folder.surveys)
        found = layouts(seen)
        batches = 0 if any(one.problem for one in found) else sum(one.batches for one in found)
    else:
        batches = _batches_of_one_size(asked)
    try:
        return plan_steps(case.get, batches=batches, processes=1, name=asked.subject.name)
    except StepsError:
        return None


def _batches_of_one_size(asked: Asked) -> int:
    """Batches in an epoch where all images fall into one bucket; 0 where their number is not known, or not whose."""
    count = images(asked)
    case = asked.understood.case
    if count is None or not count.text.isdecimal() or len(case.subsets) != 1 or len(case.datasets) != 1:
        return 0
    repeats, batch = case.subsets[0].get("num_repeats"), case.datasets[0].get("batch_size")
    sound = isinstance(repeats, int) and isinstance(batch, int) and batch > 0
    return math.ceil(int(count.text) * repeats / batch) if sound else 0


ANSWERS: dict[str, Answering] = {
    "images": images,
    "image_size": image_size,
    "caption_convention": caption_convention,
    "dataset_sha256": dataset_sha256,
    "total_steps": total_steps,
    "epochs": epochs,
}
