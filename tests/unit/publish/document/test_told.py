"""What experiment files tell: languages, origins, what children inherit."""

from fork_wrapper.publish.document.told import told

BASE = """
[story]
purpose = "common"
images = 1486
[story.es]
content = "personajes"
[origin]
default = "documented"
"""
CHILD = """
extends = "base"
[story]
purpose = "first"
problems = ["eyes"]
decision = "selected"
[story.es]
purpose = "primero"
[training]
seed = 1
[origin]
default = "assumed"
"story.decision" = "documented"
"""


def test_languages_and_origins() -> None:
    """A text in the language of the document where there is one, else as it is; with whose word it is."""
    said = told([("base", BASE), ("child", CHILD)])
    shown = {
        (key, language): (found.value, found.kind, found.by)
        for key in ("purpose", "problems", "decision")
        for language in ("en", "es")
        if (found := said.part(key, language))
    }
    assert shown == {
        ("purpose", "en"): ("first", "assumed", "child"),
        ("purpose", "es"): ("primero", "assumed", "child"),
        ("problems", "en"): (["eyes"], "assumed", "child"),
        ("problems", "es"): (["eyes"], "assumed", "child"),
        ("decision", "en"): ("selected", "documented", "child"),
        ("decision", "es"): ("selected", "documented", "child"),
    }
    assert said.parent == "base"


def test_what_children_inherit() -> None:
    """What all of them train on, and nothing of the story itself; in another language rather than not at all."""
    said = told([("base", BASE), ("child", "extends = 'base'\n")])
    assert said.part("purpose", "en") is None
    images, content = said.part("images", "en"), said.part("content", "en")
    assert images is not None
    assert content is not None
    assert (images.value, images.kind, images.by) == (1486, "documented", "base")
    assert content.value == "personajes"


def test_origins_of_values() -> None:
    """The file that says it last vouches for it."""
    said = told([("base", "[training]\nseed = 2\n[origin]\nseed = 'measured'\n"), ("child", CHILD)])
    assert said.origin("training.seed") == ("assumed", "child")
    assert said.origin("training.other") is None


def test_the_gaps_of_an_archive() -> None:
    """A file that was written on fills what was not told then, but does not speak of values that it may not hold."""
    later = told([("child", '[story]\npurpose = "later"\nchanges = "later"\neffect = "good"\nproblems = ["late"]\n')])
    archived = told([("child", '[story]\nproblems = ["early"]\n')])
    said = type(archived)(**{**archived.__dict__, "now": later})
    effect, problems = said.part("effect", "en"), said.part("problems", "en")
    assert effect is not None
    assert problems is not None
    assert (effect.value, problems.value) == ("good", ["early"])
    assert said.part("purpose", "en") is said.part("changes", "en") is None


def test_a_broken_text_tells_nothing() -> None:
    """It may have been cut off; the rest of the chain is read."""
    said = told([("base", BASE), ("child", "[story\n")])
    assert said.part("purpose", "en") is None
    assert said.part("images", "en") is not None


def test_other_images_are_not_those_of_the_parent() -> None:
    """A child that trains on another folder inherits nothing that is told of the first; how it is judged it does."""
    folder = "[[dataset.datasets]]\n[[dataset.datasets.subsets]]\nimage_dir = '{}'\n"
    base, child = (
        "[story]\nimages = 1486\nevaluation = ['eyes']\n" + folder,
        "extends = 'base'\n" + folder.format("other"),
    )
    said = told([("base", base.format("one")), ("child", child)])
    assert said.part("images", "en") is None
    assert said.part("evaluation", "en") is not None
    assert told([("base", base.format("one")), ("child", "[training]\n")]).part("images", "en") is not None
    archived = told([("base", base.format("one").replace("images = 1486", ""))])
    for place, known in (("one", True), ("two", False)):
        later = type(archived)(**{**archived.__dict__, "now": told([("base", base.format(place))])})
        assert (later.part("images", "en") is not None) is known
