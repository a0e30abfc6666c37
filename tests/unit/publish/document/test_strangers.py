"""Projects that are nobody's but a stranger's: own names, several roots, branches, parents that never ran."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import Settings, load_settings
from fork_wrapper.publish.document.gather import Document, document_of
from fork_wrapper.publish.document.markdown import markdown
from tests.unit.publish.document.building import trained

Write = Callable[..., None]


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """An empty project."""
    (tmp_path / "project" / "experiments").mkdir(parents=True)
    (tmp_path / "project" / "kft.toml").write_text("", encoding="utf-8")
    elsewhere = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return load_settings({}, environ=elsewhere, cwd=tmp_path / "project")


@pytest.fixture
def write(own: Settings) -> Write:
    """Write an experiment: its name, its parent, its learning rate and more text behind."""

    def writer(name: str, parent: str = "", rate: float = 1e-5, more: str = "") -> None:
        head = f'extends = "{parent}"\n' if parent else ""
        text = f"{head}[training]\nlearning_rate = {rate}\n"
        if not parent:
            text += (
                'pretrained_model_name_or_path = "{models}/b.safetensors"\n[[dataset.datasets]]\nresolution = 1024\n'
            )
            text += '[[dataset.datasets.subsets]]\nimage_dir = "{datasets}/moon"\n'
        (own.experiments / f"{name}.toml").write_text(text + more, encoding="utf-8")

    return writer


def labels(made: Document) -> list[str]:
    """In order."""
    return list(made.labels)


def led(made: Document) -> dict[str, str | None]:
    """By experiment what it is compared with."""
    return {one.subject.label: one.step.before.label if one.step else None for one in made.columns}


def test_every_experiment_is_told_of(own: Settings, write: Write) -> None:
    """A parent that never ran and was never decided about is one of them; numbers count by their value."""
    write("luna_1")
    for number in range(2, 12):
        write(f"luna_{number}", f"luna_{number - 1}", rate=1e-6 * number)
    made = document_of([], "en", own)
    assert labels(made) == [f"luna_{number}" for number in range(1, 12)]
    assert led(made) == {"luna_1": None} | {f"luna_{number}": f"luna_{number - 1}" for number in range(2, 12)}
    assert made.left_out == ()
    assert markdown(made).startswith("# Fine-tuning SDXL: luna_1 to luna_11\n")


@pytest.mark.parametrize(
    ("language", "alone", "title"),
    [
        ("en", "It stands alone: it extends no other experiment", "a_child, b_root, c_child, z_root"),
        ("es", "Es independiente: no extiende ningún otro experimento", "a_child, b_root, c_child, z_root"),
    ],
)
def test_two_roots(own: Settings, write: Write, language: str, alone: str, title: str) -> None:
    """Each stands alone, and is compared with no neighbour of the alphabet; children come behind their parents."""
    write("z_root")
    write("b_root")
    write("a_child", "z_root", rate=2e-5)
    write("c_child", "b_root", rate=3e-5)
    made = document_of([], language, own)
    assert labels(made) == ["b_root", "c_child", "z_root", "a_child"]
    assert led(made) == {"b_root": None, "c_child": "b_root", "z_root": None, "a_child": "z_root"}
    text = markdown(made)
    assert text.count(alone) == 2
    assert sorted(text.splitlines()[0].partition(": ")[2].split(", ")) == title.split(", ")
    assert "1e-05 [O] | 2e-05 [O] |" in text


def test_branches_go_by_the_time_of_their_runs(own: Settings, write: Write) -> None:
    """A parent without a run comes before its child all the same; what never trained comes last, by name."""
    write("moon")
    for name in ("moon_a", "moon_b", "moon_c"):
        write(name, "moon")
    write("moon_b_2", "moon_b")
    for name, day in (("moon_c", 3), ("moon_b_2", 5), ("moon_a", 9)):
        trained(name, own, started=datetime(2026, 1, day, tzinfo=timezone.utc))
    write("sun_2")
    write("sun_10")
    expected = ["moon", "moon_c", "moon_b", "moon_b_2", "moon_a", "sun_2", "sun_10"]
    assert labels(document_of([], "en", own)) == expected
    asked = ["moon_b_2", "sun_10", "moon_a", "moon_b"]
    made = document_of(asked, "en", own)
    assert labels(made) == ["moon_b", "moon_b_2", "moon_a", "sun_10"]
    assert led(made) == {"moon_b": "moon", "moon_b_2": "moon_b", "moon_a": "moon", "sun_10": None}


@pytest.mark.parametrize(
    ("language", "words", "orphan"),
    [
        ("en", "Left out: `ground`.", "the runs of `old`"),
        ("es", "No se incluye: `ground`.", "las ejecuciones de `old`"),
    ],
)
def test_what_is_left_out_is_said(own: Settings, write: Write, language: str, words: str, orphan: str) -> None:
    """A template, which says that it is one, and runs whose experiment file is gone; named, each is told of."""
    write("ground")
    path = own.experiments / "ground.toml"
    path.write_text("template = true\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    write("luna", "ground", rate=2e-6)
    write("old")
    run = trained("old", own)
    (own.experiments / "old.toml").unlink()
    made = document_of([], language, own)
    assert (labels(made), led(made)) == (["luna"], {"luna": None})
    text = markdown(made)
    assert words in text
    assert orphan in text
    named = document_of(["luna", "ground", run.run_id], language, own)
    assert labels(named) == ["ground", "luna", run.run_id] or labels(named) == [run.run_id, "ground", "luna"]
    assert led(named)["luna"] == "ground"
    assert words not in markdown(named)


def test_a_parent_that_is_gone_is_named(own: Settings, write: Write) -> None:
    """The record knows it; nothing else is put in its place."""
    write("root")
    write("other")
    write("luna", "root", rate=2e-6)
    trained("luna", own)
    (own.experiments / "root.toml").unlink()
    text = markdown(document_of(["luna", "other"], "en", own))
    assert "It goes on from `root`, which is not at hand" in text


@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_is_documented_where_nothing_was(own: Settings, write: Write, language: str) -> None:
    """No author, no document: values are the own choice of whoever wrote them."""
    write("luna", more='[story]\npurpose = "p"\n')
    text = markdown(document_of([], language, own))
    assert "[D]" not in text
    assert "authors" not in text
    assert "autores" not in text
    assert "| 1e-05 [O]" in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('source = "the wiki of *Ana*"\n', "stated in the wiki of \\*Ana\\*."),
        ("", "a document that the experiment files"),
    ],
)
def test_the_document_is_named(own: Settings, write: Write, source: str, words: str) -> None:
    """What documented values stand in is called by its name, and where it has none that is said."""
    write("luna", more=f'[origin]\ndefault = "documented"\n{source}')
    text = markdown(document_of([], "en", own))
    assert words in text
    assert "| 1e-05 [D]" in text
