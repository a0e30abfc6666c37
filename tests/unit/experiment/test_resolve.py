"""What a chain of experiments comes to: values, where each comes from, paths of this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.resolve import Origin, Resolved, is_hub_name, parse_overrides, resolve, with_defaults
from fork_wrapper.experiment.subsets import subsets
from fork_wrapper.files import flatten
from fork_wrapper.machine.settings import Settings

Write = Callable[..., Path]


KFT = {
    "training.save_model_as": "safetensors",
    "training.log_with": "tensorboard",
    "training.console_log_simple": True,
    "dataset.general.caption_extension": ".txt",
}
"""What kft sets where nobody says otherwise."""


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder is none of the project's."""
    monkeypatch.chdir(tmp_path)


def _with(settings: Settings, *assignments: str, unset: tuple[str, ...] = (), name: str = "base") -> Resolved:
    return resolve(name, settings, parse_overrides(assignments, unset))


def _leaves(resolved: Resolved) -> dict[str, Any]:
    return flatten({"training": resolved.training, "dataset": resolved.dataset})


def test_child_over_parent(write: Write, settings: Settings) -> None:
    """The child's values win, arrays of tables merge by position, every value keeps the origin of who set it."""
    write("base")
    child = """
        extends = "base"
        [story]
        purpose = "lower rate"
        [training]
        learning_rate = 2e-6
        noise_offset = 0.05
        [[dataset.datasets]]
        [[dataset.datasets.subsets]]
        num_repeats = 2
        [[dataset.datasets.subsets]]
        image_dir = "{datasets}/more"
        [origin]
        noise_offset = "recovered"
    """
    write("child", child)
    made = resolve("child", settings)
    rows = "dataset.datasets[0].subsets"
    base, own = Origin(kind="documented", by="base"), Origin(kind="chosen", by="child")
    expected = {
        "training.learning_rate": (2e-06, own),
        "training.seed": (1, Origin(kind="measured", by="base")),
        "training.sample_prompts": ((settings.experiments / "prompts/a.txt").as_posix(), base),
        "training.noise_offset": (0.05, Origin(kind="recovered", by="child")),
        "dataset.general.flip_aug": (True, base),
        "dataset.datasets[0].resolution": (512, base),
        "dataset.datasets[0].batch_size": (4, base),
        f"{rows}[0].image_dir": ((settings.datasets / "people").as_posix(), base),
        f"{rows}[0].num_repeats": (2, own),
        f"{rows}[1].image_dir": ((settings.datasets / "more").as_posix(), own),
        **{path: (value, Origin(kind="kft", by="kft")) for path, value in KFT.items()},
    }
    assert _leaves(made) == {path: value for path, (value, _) in expected.items()}
    assert made.origins == {path: origin for path, (_, origin) in expected.items()}
    assert (made.name, [link.name for link in made.chain]) == ("child", ["base", "child"])
    assert (made.story, made.overrides) == ({"purpose": "lower rate"}, ())


def test_unset_forgets_what_parents_said(write: Write, settings: Settings) -> None:
    """Bare name, key path or whole table: value and origin are gone, and the child may set it anew."""
    write("base")
    write("child", 'extends = "base"\nunset = ["seed", "dataset.general", "batch_size", "image_dir"]')
    made = resolve("child", settings)
    training = {"training.learning_rate", "training.sample_prompts"}
    dataset = {"dataset.datasets[0].resolution", "dataset.datasets[0].subsets[0].num_repeats"}
    assert set(_leaves(made)) == set(made.origins) == training | dataset | set(KFT)
    write("child", 'extends = "base"\nunset = ["dataset.datasets"]\n[[dataset.datasets]]\nresolution = 64')
    assert resolve("child", settings).dataset["datasets"] == [{"resolution": 64}]


def test_kft_sets_nothing_that_is_said(write: Write, settings: Settings) -> None:
    """What an experiment says stands, with its origin; saying it twice changes nothing."""
    own = {"save_model_as": "safetensors", "log_with": "all", "console_log_simple": False, "caption_extension": ".cap"}
    table = 'save_model_as = "safetensors"\nlog_with = "all"\nconsole_log_simple = false'
    write("a", f'[training]\n{table}\n[dataset.general]\ncaption_extension = ".cap"')
    made = resolve("a", settings)
    assert {path.rsplit(".", 1)[-1]: value for path, value in _leaves(made).items()} == own
    assert set(made.origins.values()) == {Origin(kind="chosen", by="a")}
    assert with_defaults(made) == made


@pytest.mark.parametrize(
    ("table", "extensions"),
    [("[training]", [".cap"]), ("[[dataset.datasets]]\n[[dataset.datasets.subsets]]", [".cap", ".txt"])],
)
def test_caption_extension_wherever_it_is_said(
    write: Write, settings: Settings, table: str, extensions: list[str]
) -> None:
    """The dataset config beats the training config: kft's default there must not hide what was said in training."""
    write("a", f'{table}\ncaption_extension = ".cap"')
    found = [value for path, value in _leaves(resolve("a", settings)).items() if path.endswith("caption_extension")]
    assert found == extensions  # the one in [general] is for subsets that say nothing


def test_caption_extension_of_every_subset(write: Write, settings: Settings) -> None:
    """Where one of two subsets says it, the other gets kft's default and not sd-scripts'."""
    subset = '[[dataset.datasets.subsets]]\nimage_dir = "x"\n'
    write("a", f'[[dataset.datasets]]\n{subset}{subset}caption_extension = ".cap"')
    made = resolve("a", settings)
    assert [one.caption_extension for one in subsets(made.training, made.dataset)] == [".txt", ".cap"]


def test_unset_of_what_no_parent_sets(write: Write, settings: Settings) -> None:
    """All such keys are named at once; a key of the same file is none of its parents'."""
    write("base")
    path = write(
        "child", 'extends = "base"\nunset = ["noise_offset", "seed", "nonsense", "vae"]\n[training]\nvae = "x"'
    )
    with pytest.raises(InputError) as caught:
        resolve("child", settings)
    where = f"{path}: unset"
    assert [(one.what, one.where, one.todo) for one in caught.value.findings] == [
        (f"no parent sets {key!r}", where, "remove it from the list") for key in ("noise_offset", "nonsense", "vae")
    ]


@pytest.mark.parametrize("key", ["", "training.", "dataset.", "."])
def test_unset_of_no_key(write: Write, settings: Settings, key: str) -> None:
    """A key path without a key is no way to forget everything."""
    write("base")
    write("child", f'extends = "base"\nunset = ["{key}"]')
    with pytest.raises(InputError):
        resolve("child", settings)
    with pytest.raises(InputError):
        _with(settings, unset=(key,))


def test_placeholders_and_relative_paths(write: Write, settings: Settings, tmp_path: Path) -> None:
    """Placeholders anywhere in a string; a path belongs to its file; a Hub name is left alone, a dotted path is not."""
    text = """
        [training]
        pretrained_model_name_or_path = "stabilityai/stable-diffusion-xl-base-1.0"
        vae = "./vae/../it's a \\"vae\\" ñ 🦊.safetensors"
        resume = "state"
        tokenizer_cache_dir = "~/tokenizers"
        train_data_dir = "/srv/data"
        metadata_title = "of {models}, {outputs} and {experiments}, not {unknown}"
        [[dataset.datasets]]
        [[dataset.datasets.subsets]]
        image_dir = "my images"
    """
    write("paths", text)
    made = resolve("paths", settings)
    here, root = settings.experiments, settings.root
    assert made.training == {
        "pretrained_model_name_or_path": "stabilityai/stable-diffusion-xl-base-1.0",
        "vae": f'{here}/it\'s a "vae" ñ 🦊.safetensors',
        "resume": f"{here}/state",
        "tokenizer_cache_dir": str(Path.home() / "tokenizers"),
        "train_data_dir": "/srv/data",
        "metadata_title": f"of {root}/models, {root}/runs and {root}/experiments, not {{unknown}}",
        **{path.removeprefix("training."): value for path, value in KFT.items() if path.startswith("training.")},
    }
    assert made.dataset["datasets"][0]["subsets"][0]["image_dir"] == f"{here}/my images"
    changed = _with(settings, "vae=./v", "image_dir={models}/x", "resume=s", name="paths")
    assert (changed.training["vae"], changed.training["resume"]) == (f"{tmp_path}/v", f"{tmp_path}/s")
    assert changed.dataset["datasets"][0]["subsets"][0]["image_dir"] == f"{root}/models/x"


def test_free_attributes_are_not_paths(write: Write, settings: Settings) -> None:
    """In custom_attributes everything is the user's own: no path, no placeholder, a dot in a name no table."""
    write("a", '[dataset.general]\ncustom_attributes = { image_dir = "x", "a.b" = "{models}" }')
    attributes = resolve("a", settings).dataset["general"]["custom_attributes"]
    assert attributes == {"image_dir": "x", "a.b": "{models}"}


@pytest.mark.parametrize(
    ("text", "hub"),
    [
        ("stabilityai/stable-diffusion-xl-base-1.0", True),
        ("models/base.safetensors", False),
        ("./models/base", False),
        ("/models/base", False),
        ("base", False),
        ("~me/base", False),
        ("prompts/standard.txt", False),
        ("runwayml/stable-diffusion-v1-5", True),
        ("a/b/c", False),
    ],
)
def test_names_on_the_hub(text: str, hub: bool) -> None:
    """ORGANISATION/NAME is left as it is."""
    assert is_hub_name(text) is hub
