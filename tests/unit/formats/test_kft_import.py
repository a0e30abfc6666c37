"""The records, exports and headers of kft, and the headers that others write."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.files import read_json
from fork_wrapper.formats.kft_import import is_export, read_checkpoint, read_export, read_record_file
from fork_wrapper.machine.settings import Settings
from tests.builders.records import recorded
from tests.unit.formats.conftest import Make

Header = Callable[[str, Mapping[str, str]], Path]
SDXL = "stable-diffusion-xl-v1-base"
UNKNOWN = "a model of a kind that kft does not know (1 tensor)"

EXPERIMENT = """
    [story]
    purpose = "p"
    problems = ["q"]
    [training]
    seed = 1
    sample_prompts = "a.txt"
    [[dataset.datasets]]
    resolution = 512
"""


@pytest.fixture
def record(write: Callable[..., Path], settings: Settings) -> Path:
    """The record of a run with a story and prompts."""
    write("one", EXPERIMENT)
    (settings.experiments / "a.txt").write_text("a cat\n", encoding="utf-8")
    return recorded("one", settings).record


def test_a_record_has_everything(record: Path) -> None:
    """Options, dataset, story and prompts, as the run was launched with."""
    raw = read_json(record)
    found = read_record_file(raw, record.read_text(), record)
    assert (found.kind, found.what, found.name, found.notes) == ("run", "the record of a run of kft", "one", ())
    assert (found.options["seed"], found.prompts) == (1, "a cat\n")
    assert found.story == {"purpose": "p", "problems": ["q"]}
    assert found.dataset is not None
    assert found.dataset["datasets"] == [{"resolution": 512}]
    assert found.origins is not None
    assert (found.origins["training.seed"], found.origins["story.purpose"]) == ("chosen", "chosen")
    raw["experiment"]["acknowledged"] = {"clip-skip": {"reason": "as the paper", "by": "one"}}
    assert read_record_file(raw, "", record).acknowledged == {"clip-skip": "as the paper"}
    raw["experiment"]["files"][-1]["text"] = "[broken"
    assert "story.purpose" not in (read_record_file(raw, "", record).origins or {})
    sidecar = read_record_file({**raw, "kind": "sidecar"}, "", record)
    assert (sidecar.kind, sidecar.what) == ("sidecar", "the sidecar of a checkpoint of kft")


def test_how_it_was_launched_is_named(record: Path) -> None:
    """Processes and machines are settings, and no part of an experiment; of a rehearsal they say nothing."""
    raw = read_json(record)
    assert read_record_file(raw, "", record).left_out == ()
    at = next(index for index, word in enumerate(raw["launch"]["argv"]) if word.endswith(".py"))
    raw["launch"]["argv"][at:at] = ["--num_processes", "16", "--multi_gpu"]
    assert [(one.key, one.value) for one in read_record_file(raw, "", record).left_out] == [
        ("--num_processes", "16"),
        ("--multi_gpu", ""),
    ]
    assert read_record_file({**raw, "rehearsal": {"trainer": "x"}}, "", record).left_out == ()


@pytest.mark.parametrize("story", [None, {"purpose": None}, {"decision": "maybe"}, {"more": "x"}])
def test_an_odd_story_is_dropped(record: Path, story: Any) -> None:
    """A record that was edited by hand makes no experiment that cannot be loaded."""
    raw = read_json(record)
    raw["experiment"] |= {"story": story, "sample_prompts": 5}
    found = read_record_file(raw, "", record)
    assert (found.story, found.prompts) == ({}, None)


def test_a_rehearsal_says_so(record: Path) -> None:
    """Its values are the miniature's."""
    found = read_record_file({**read_json(record), "rehearsal": {"trainer": "x"}}, "", record)
    assert found.notes == (
        "it comes from a rehearsal: size, steps and precision are those of the miniature, not of a real run",
    )


def test_exports(make: Make) -> None:
    """What `--format json` writes, whole or with odd parts."""
    raw = {"training": {"seed": 1}, "dataset": {"datasets": []}, "effective": {}, "sample_prompts": "a cat"}
    found = read_export(raw, "", make("a.json", raw))
    assert (found.options, found.dataset, found.prompts) == ({"seed": 1}, {"datasets": []}, "a cat")
    assert read_export({**raw, "sample_prompts": 5}, "", make("a.json", raw)).prompts is None
    assert is_export(raw)
    assert not any(map(is_export, ({"training": {}}, {"training": {}, "dataset": []}, [], None, {"dataset": {}})))


def test_a_checkpoint_of_kft_has_everything(checkpoint: Header) -> None:
    """And the digest of the file is the file's, as sha256sum says it."""
    config = {"training": {"seed": 1}, "dataset": {"datasets": []}, "experiment": "one"}
    inputs = json.dumps({"sample_prompts": "a cat\n"})
    header = {"modelspec.kft_config": json.dumps(config), "modelspec.kft_inputs": inputs}
    path = checkpoint("one.safetensors", header)
    found = read_checkpoint(path)
    assert (found.options, found.dataset, found.kind) == ({"seed": 1}, {"datasets": []}, "checkpoint")
    assert found.prompts == "a cat\n"
    assert found.files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.files[0].what == "the header of a checkpoint that kft trained"


@pytest.mark.parametrize("config", ["{}", "5", "[" * 100_000, '{"training": {"a": "\\ud800"}, "dataset": {}}'])
def test_a_damaged_header(checkpoint: Header, config: str) -> None:
    """Said with the next step, whatever it holds."""
    with pytest.raises(InputError) as caught:
        read_checkpoint(checkpoint("a.safetensors", {"modelspec.kft_config": config}))
    assert [one.what for one in caught.value.findings] == ["the kft configuration in its header is damaged"]


def test_a_header_that_is_nested_too_deeply(checkpoint: Header) -> None:
    """It is none that kft wrote."""
    config = {"training": {}, "dataset": json.loads('{"a":' * 50 + "1" + "}" * 50)}
    with pytest.raises(InputError, match="it is nested deeper than 20 levels"):
        read_checkpoint(checkpoint("a.safetensors", {"modelspec.kft_config": json.dumps(config)}))


def test_the_little_that_others_write(checkpoint: Header) -> None:
    """Each `modelspec` key that an option made, and notes of what the header cannot say."""
    found = read_checkpoint(
        checkpoint(
            "a.safetensors",
            {
                "modelspec.architecture": SDXL,
                "modelspec.implementation_version": "sd-scripts/0.10",
                "modelspec.title": "T",
                "modelspec.author": "A",
                "modelspec.tags": "🦊",
                "modelspec.date": "2025-01-01",
                "modelspec.prediction_type": "v",
                "modelspec.timestep_range": "10,900",
                "modelspec.encoder_layer": "2",
                "modelspec.resolution": "832x1216",
            },
        )
    )
    assert found.options == {
        "metadata_author": "A",
        "metadata_tags": "🦊",
        "metadata_title": "T",
        "v_parameterization": True,
        "min_timestep": 10,
        "max_timestep": 900,
        "clip_skip": 2,
        "resolution": "832,1216",
    }
    assert (found.what, found.dataset) == ("the header of a checkpoint by sd-scripts/0.10", {})
    assert found.notes == (
        "a full fine-tune's header says no rates, steps, batch sizes or data: all of that is unknown",
        "the header says 1024x1024 also where only the dataset config had a resolution",
        "date is 2025-01-01",
        f"architecture is {SDXL}",
        "implementation_version is sd-scripts/0.10",
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"resolution": "1024xabc"},
        {"timestep_range": "1"},
        {"timestep_range": "a,b"},
        {"encoder_layer": "x"},
        {"title": "Checkpoint@2025"},
        {"prediction_type": "epsilon"},
    ],
)
def test_odd_header_values_say_nothing(checkpoint: Header, odd: dict[str, str]) -> None:
    """A value that cannot be its option's is passed over, and so is a title that nobody chose."""
    metadata = {f"modelspec.{key}": value for key, value in {"architecture": SDXL, **odd}.items()}
    found = read_checkpoint(checkpoint("a.safetensors", metadata))
    assert (found.options, found.what) == ({}, "the header of a checkpoint by an unnamed program")


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ({}, f"{UNKNOWN}; its header says nothing of how it was made"),
        ({"format": "pt"}, f"{UNKNOWN}; its header says nothing of how it was made"),
        (
            {"ss_network_module": "networks.lora", "ss_base_model_version": "sdxl_base_v1-0"},
            "it is a LoRA for sdxl_base_v1-0",
        ),
        ({"modelspec.architecture": f"{SDXL}/lora"}, f"it is a LoRA for {SDXL}/lora"),
        ({"ss_network_module": "x"}, "it is a LoRA for an unnamed model"),
        (
            {"modelspec.architecture": f"{SDXL}/textual-inversion"},
            f"it is a textual-inversion ({SDXL}/textual-inversion)",
        ),
        ({"modelspec.architecture": f"{SDXL}/control-net"}, f"it is a control-net ({SDXL}/control-net)"),
        ({"modelspec.architecture": "stable-diffusion-v1"}, "it is a model of the architecture stable-diffusion-v1"),
        ({"modelspec.architecture": "flux-1-dev"}, "it is a model of the architecture flux-1-dev"),
    ],
)
def test_headers_of_other_things(checkpoint: Header, metadata: dict[str, str], what: str) -> None:
    """Refused by name of what they are."""
    with pytest.raises(InputError) as caught:
        read_checkpoint(checkpoint("a.safetensors", metadata))
    assert [one.what for one in caught.value.findings] == [what]


def test_no_checkpoint(make: Make, tmp_path: Path) -> None:
    """A file that is not there, and one that is none."""
    for path, what in (
        (tmp_path / "gone.safetensors", "no such file"),
        (make("a.safetensors", b"\xff" * 40), "not a complete safetensors file"),
        (make("b.safetensors", b""), "not a complete safetensors file"),
    ):
        with pytest.raises(InputError) as caught:
            read_checkpoint(path)
        assert [one.what for one in caught.value.findings] == [what]
