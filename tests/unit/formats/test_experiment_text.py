"""An imported configuration as people read it: comments, groups, placeholders, origins."""

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.files import parse_toml
from fork_wrapper.formats.experiment_text import WIDTH, experiment_text, left_text, then_text
from fork_wrapper.formats.fitted import Fitted
from fork_wrapper.formats.found import NOTHING, Found, LeftOut, SourceFile, Then

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
FOLDERS = {"models": "/m", "datasets": "/d/sets", "outputs": "/o", "experiments": "/e"}


def text(
    training: Mapping[str, Any] | None = None,
    dataset: Mapping[str, Any] | None = None,
    *,
    prompts: str | None = None,
    **more: Any,
) -> str:
    """The text of an experiment with these values."""
    file = SourceFile(path=Path("/a/x.toml"), read="0" * 64, what="a config")
    found = Found(**{"kind": "config", "what": "a config", "files": (file,), "options": {}, **more})
    fitted = Fitted(training=training or {}, dataset=dataset or {}, found=found)
    return experiment_text(fitted, name=found.name, folders=FOLDERS, prompts=prompts, now=NOW)


def test_the_head_names_every_source() -> None:
    """What it was recovered from, by which kft and when, each file with its digest."""
    files = tuple(
        SourceFile(path=Path(f"/a/{name}"), read=digit * 64, what=f"the {name}")
        for name, digit in (("x", "1"), ("y", "2"))
    )
    head = text(files=files, options={"output_name": "n"}).split("\n\n")[0]
    assert head == (
        "# n: recovered from a config\n"
        "# by kft 0.1.0 on 2026-01-02, from\n"
        f"#   x\n#     sha256 {'1' * 64}\n"
        f"#   y\n#     sha256 {'2' * 64}  the y"
    )


def test_comments_stay_comments() -> None:
    """Line breaks and control characters of a source cannot end a comment; long lines are broken between words."""
    odd = "a\nseed = 2\r\x00\x1b[31m\u2028b"
    made = text(
        {"seed": 1},
        notes=(odd, "word " * 60),
        left_out=(LeftOut(key=odd, value=odd, why=odd),),
        then=(Then(key=odd, saved=odd, then=odd, why=odd),),
        options={"output_name": odd},
    )
    assert parse_toml(made, Path("x"))["training"] == {"seed": 1}
    assert all(len(line) <= WIDTH + 2 for line in made.splitlines() if "word" in line)
    assert "\n#   word word" in made


def test_differences_and_what_was_left_are_said() -> None:
    """Under headings of their own, between the notes and the values."""
    made = text(
        notes=("n",),
        then=(Then(key="seed", saved=1, then=2, why="w"),),
        left_out=(LeftOut(key="epoch", value=3, why="v"),),
    )
    assert (
        "#\n# Worth knowing:\n# - n\n"
        "#\n# The file and what took effect differ; here stands what took effect:\n"
        "# - seed: saved 1, effective then 2 (w)\n"
        "#\n# In the file, but not part of an experiment:\n"
        "# - epoch = 3 (v)\n\n"
    ) in made


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (Then(key="seed", saved="1", then=1, why="w"), 'seed: saved "1", effective then 1 (w)'),
        (
            Then(key="max_train_steps", saved=5, then=NOTHING, why="w"),
            "max_train_steps: saved 5, effective then nothing, so the default 1600 (w)",
        ),
        (Then(key="seed", saved=NOTHING, then=NOTHING, why="w"), "seed: saved nothing, effective then nothing (w)"),
        (Then(key="xformers", saved=0, then=True, why="w"), "xformers: saved 0, effective then true (w)"),
    ],
)
def test_saved_and_effective(then: Then, expected: str) -> None:
    """Nothing is not 0 and not false, and where sd-scripts got none its default is named."""
    assert then_text(then) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (LeftOut(key="a", value="D:/x", why="w"), 'a = "D:/x" (w)'),
        (LeftOut(key="a", value=[1, "b"], why="w"), 'a = [1, "b"] (w)'),
        (LeftOut(key="a", value={"b": 1}, why="w"), "a = a table (w)"),
        (LeftOut(key="a", value=NOTHING, why="w"), "a (w)"),
        (LeftOut(key="hf_token", value="hush", why="w"), "hf_token (w)"),
        (LeftOut(key="a", value=None, why="w"), "a = None (w)"),
    ],
)
def test_left_out(left: LeftOut, expected: str) -> None:
    """A secret is named without its value."""
    assert left_text(left) == expected


def test_values_stand_in_groups() -> None:
    """What differs from sd-scripts' defaults first, in the order of every list; the rest at the end."""
    made = text(
        {"max_train_steps": 1600, "xformers": True, "learning_rate": 1e-5, "pretrained_model_name_or_path": "/x"}
    )
    values = made.split("[training]\n")[1].split("\n[origin]")[0]
    assert values == (
        '# model\npretrained_model_name_or_path = "/x"\n'
        "# optimizer\nlearning_rate = 1e-05\n"
        "# precision and memory\nxformers = true\n"
        "# said by the source too, and sd-scripts' defaults anyway\nmax_train_steps = 1600\n"
    )


def test_an_option_of_a_newer_table_has_a_place() -> None:
    """What kft does not know comes in a group of its own."""
    assert "# not known to kft\nbrand_new = 1\n" in text({"brand_new": 1})


def test_paths_of_this_machine_become_placeholders() -> None:
    """Below a folder of the settings, at any depth of the dataset; others stay, and so do texts that are no paths."""
    subsets = [
        {"image_dir": "/d/sets/people"},
        {"image_dir": "/d/sets"},
        {"image_dir": "/d/setsx"},
        {"image_dir": "D:\\d"},
    ]
    made = parse_toml(
        text(
            {"pretrained_model_name_or_path": "/m/a/b.safetensors", "vae": "/v", "optimizer_args": ["/m/x", "m/x"]},
            {"datasets": [{"subsets": subsets}]},
        ),
        Path("x"),
    )
    assert made["training"] == {
        "pretrained_model_name_or_path": "{models}/a/b.safetensors",
        "vae": "/v",
        "optimizer_args": ["{models}/x", "m/x"],
    }
    named = [subset["image_dir"] for subset in made["dataset"]["datasets"][0]["subsets"]]
    assert named == ["{datasets}/people", "{datasets}", "/d/setsx", "D:\\d"]


def test_prompts_take_the_place_of_the_sources() -> None:
    """The file beside the experiment is named, not the one of the run."""
    made = parse_toml(text({"sample_prompts": "/run/prompt.txt"}, prompts="prompts/x.txt"), Path("x"))
    assert made["training"] == {"sample_prompts": "prompts/x.txt"}
    assert parse_toml(text({"sample_prompts": "/run/prompt.txt"}), Path("x"))["training"] == {}


def test_the_dataset_as_people_write_it() -> None:
    """Headers below `dataset`; a table among the values is written as the writer can."""
    tree = {"general": {"flip_aug": True}, "datasets": [{"resolution": 512, "subsets": [{"image_dir": "x"}]}]}
    made = text({}, tree)
    assert (
        "[dataset.general]\nflip_aug = true\n\n[[dataset.datasets]]\nresolution = 512\n\n"
        '[[dataset.datasets.subsets]]\nimage_dir = "x"\n'
    ) in made
    assert parse_toml(made, Path("x"))["dataset"] == tree
    custom = {"custom_attributes": {"a": 1}}
    for odd in ({"general": custom}, {"general": {}, "datasets": [{"subsets": [{"image_dir": "x", **custom}]}]}):
        assert parse_toml(text({}, odd), Path("x"))["dataset"] == odd
    assert "dataset" not in parse_toml(text(), Path("x"))


@pytest.mark.parametrize("value", ["[general]\n", "[[datasets]]\n", "a\n[[datasets.subsets]]\nb"])
def test_headers_within_values_stay(value: str) -> None:
    """A text that looks like a header is a text."""
    tree = {"general": {"caption_prefix": value}, "datasets": [{"subsets": [{"caption_suffix": value}]}]}
    assert parse_toml(text({}, tree), Path("x"))["dataset"] == tree


def test_story_and_origins() -> None:
    """A story that was recorded is told; without one a line says what no tool can recover; guesses are ours."""
    made = parse_toml(
        text({"seed": 1}, story={"purpose": "p", "problems": ["a"]}, assumed=frozenset(["seed", "x"])), Path("x")
    )
    assert made["story"] == {"purpose": "p", "problems": ["a"]}
    assert made["origin"] == {"default": "recovered", "seed": "assumed"}
    twice = {"es": {"purpose": "q"}, "purpose": "p"}
    assert parse_toml(text({"seed": 1}, story=twice), Path("x"))["story"] == twice
    assert "# [story]   purpose, changes, problems, solutions, decision, notes: what no tool can recover\n" in text()


def test_what_was_acknowledged_stays_so() -> None:
    """With its reason; nothing is written where nothing was."""
    made = parse_toml(text(acknowledged={"clip-skip": "as the paper"}), Path("x.toml"))
    assert made["acknowledge"] == {"clip-skip": "as the paper"}
    assert "acknowledge" not in parse_toml(text(), Path("x.toml"))
