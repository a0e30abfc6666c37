"""What experiment files tell: languages, origins, what children inherit."""

from fork_wrapper.publish.document.stories import read_stories

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
    stories = read_stories([("base", BASE), ("child", CHILD)])
    shown = {
        (key, language): (found.value, found.kind, found.by)
        for key in ("purpose", "problems", "decision")
        for language in ("en", "es")
        if (found := stories.part(key, language))
    }
    assert shown == {
        ("purpose", "en"): ("first", "assumed", "child"),
        ("purpose", "es"): ("primero", "assumed", "child"),
        ("problems", "en"): (["eyes"], "assumed", "child"),
        ("problems", "es"): (["eyes"], "assumed", "child"),
        ("decision", "en"): ("selected", "documented", "child"),
        ("decision", "es"): ("selected", "documented", "child"),
    }
    assert stories.parent == "base"


def test_what_children_inherit() -> None:
    """What all of them train on, and nothing of the story itself; in another language rather than not at all."""
    stories = read_stories([("base", BASE), ("child", "extends = 'base'\n")])
    assert stories.part("purpose", "en") is None
    images, content = stories.part("images", "en"), stories.part("content", "en")
    assert images is not None
    assert content is not None
    assert (images.value, images.kind, images.by) == (1486, "documented", "base")
    assert content.value == "personajes"


def test_origins_of_values() -> None:
    """The file that says it last vouches for it."""
    stories = read_stories([("base", "[training]\nseed = 2\n[origin]\nseed = 'measured'\n"), ("child", CHILD)])
    assert stories.origin("training.seed") == ("assumed", "child")
    assert stories.origin("training.other") is None


def test_the_gaps_of_an_archive() -> None:
    """A file that was written on fills what was not told then, but does not speak of values that it may not hold."""
    later = read_stories(
        [("child", '[story]\npurpose = "later"\nchanges = "later"\neffect = "good"\nproblems = ["late"]\n')]
    )
    archived = read_stories([("child", '[story]\nproblems = ["early"]\n')])
    stories = type(archived)(**{**archived.__dict__, "now": later})
    effect, problems = stories.part("effect", "en"), stories.part("problems", "en")
    assert effect is not None
    assert problems is not None
    assert (effect.value, problems.value) == ("good", ["early"])
    assert stories.part("purpose", "en") is stories.part("changes", "en") is None


def test_a_broken_text_tells_nothing() -> None:
    """It may have been cut off; the rest of the chain is read."""
    stories = read_stories([("base", BASE), ("child", "[story\n")])
    assert stories.part("purpose", "en") is None
    assert stories.part("images", "en") is not None


def test_other_images_are_not_those_of_the_parent() -> None:
    """A child that trains on another folder inherits nothing that is told of the first; how it is judged it does."""
    folder = "[[dataset.datasets]]\n[[dataset.datasets.subsets]]\nimage_dir = '{}'\n"
    base, child = (
        "[story]\nimages = 1486\nevaluation = ['eyes']\n" + folder,
        "extends = 'base'\n" + folder.format("other"),
    )
    stories = read_stories([("base", base.format("one")), ("child", child)])
    assert stories.part("images", "en") is None
    assert stories.part("evaluation", "en") is not None
    assert read_stories([("base", base.format("one")), ("child", "[training]\n")]).part("images", "en") is not None
    archived = read_stories([("base", base.format("one").replace("images = 1486", ""))])
    for place, known in (("one", True), ("two", False)):
        later = type(archived)(**{**archived.__dict__, "now": read_stories([("base", base.format(place))])})
        assert (later.part("images", "en") is not None) is known
