"""What a model file is, by its header: every family, whatever its makers wrote, and whatever is no header at all."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.table import findings
from fork_wrapper.errors import Finding
from fork_wrapper.sdscripts.model_kinds import Model, in_words, kind_of, look_at_model
from fork_wrapper.sdscripts.safetensors_header import Header, Tensor, read_header
from tests.builders.model_files import MADE, SDXL, VAE, Made
from tests.builders.sdxl_layout import write_sparse

KEY = "pretrained_model_name_or_path"


def judged(path: Path, **training: Any) -> list[Finding]:
    """What the rules say of a base model."""
    name = str(path)
    case = Case(training={KEY: name, **training}, dataset={}, surveys={}, base=look_at_model(name))
    return [one for one in findings(case) if one.rule.startswith("base-")]


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_every_family_is_called_by_its_name(made: Made, tmp_path: Path) -> None:
    """One error where it cannot be loaded, none where it can."""
    base = write_sparse(tmp_path / "model.safetensors", made.tensors, made.metadata)
    assert kind_of(read_header(base)) == made.kind
    errors = [one for one in judged(base) if one.severity == "error"]
    assert [one.rule for one in errors] == [made.rule] * bool(made.rule)
    for one in errors:
        assert made.what in one.what
        assert one.where == str(base)
        assert made.rule != "base-other" or made.kind in one.what


def test_the_families_are_all_there() -> None:
    """None is lost on the way."""
    assert len(MADE) == 60
    assert [made.rule for made in MADE.values()].count("") == 6


PREDICTIONS: tuple[tuple[Mapping[str, str], dict[str, Any], str, str], ...] = (
    ({"modelspec.prediction_type": "v"}, {}, "base-v-prediction", "modelspec.prediction_type = v"),
    ({"ss_v_parameterization": "True"}, {}, "base-v-prediction", "ss_v_parameterization = true"),
    ({"modelspec.prediction_type": "v"}, {"v_parameterization": True}, "", ""),
    ({"modelspec.prediction_type": "epsilon"}, {}, "", ""),
    ({"modelspec.prediction_type": "epsilon"}, {"v_parameterization": True}, "base-epsilon", "epsilon"),
    ({"ss_v_parameterization": "False"}, {"v_parameterization": True}, "base-epsilon", "false"),
    ({"modelspec.prediction_type": "\x1b[2J"}, {"v_parameterization": True}, "", ""),
    ({}, {}, "", ""),
    ({}, {"v_parameterization": True}, "", ""),
    ({"modelspec.merged_from": "a, b"}, {}, "base-merged", "modelspec.merged_from"),
    ({"sd_merge_recipe": '{"type": "x"}'}, {}, "base-merged", "sd_merge_recipe"),
    ({"sd_merge_models": "{}"}, {}, "", ""),
    ({"prompt": '{"3": {"class_type": "ModelMergeSimple"}}'}, {}, "base-merged", "prompt in its metadata"),
    ({"prompt": '{"3": {"class_type": "CheckpointSave"}}'}, {}, "", ""),
    ({"modelspec.title": "sdxl_lightning_4step"}, {}, "base-distilled", "its title says lightning"),
)


@pytest.mark.parametrize(("metadata", "training", "rule", "what"), PREDICTIONS)
def test_metadata_that_contradicts_the_options(
    metadata: dict[str, str], training: dict[str, Any], rule: str, what: str, tmp_path: Path
) -> None:
    """A warning, or a note; nothing where they agree, and where nobody says."""
    base = write_sparse(tmp_path / "model.safetensors", SDXL, metadata)
    found = judged(base, **training)
    assert [one.rule for one in found] == [rule] * bool(rule)
    assert all(what in one.what for one in found)


@pytest.mark.parametrize(
    ("more", "name", "training", "rules"),
    [
        ({"v_pred": (), "ztsnr": ()}, "a", {}, {"base-v-prediction", "base-zero-snr"}),
        ({"v_pred": (), "ztsnr": ()}, "a", {"v_parameterization": True}, {"base-zero-snr"}),
        ({"v_pred": (), "ztsnr": ()}, "a", {"v_parameterization": True, "zero_terminal_snr": True}, set()),
        ({}, "NoobAI-XL-Vpred-v1.0", {}, {"base-v-prediction"}),
        ({"edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)}, "a", {}, {"base-edm"}),
        ({}, "sd_xl_turbo_1.0_fp16", {}, {"base-distilled"}),
        ({}, "dreamshaperXL_lightningDPMSDE", {}, {"base-distilled"}),
        ({}, "somebodysXLTurbo", {}, set()),
        ({}, "somebodysXlTurbo_v2", {}, {"base-distilled"}),
        ({}, "nocturnal_turboprop", {}, set()),
    ],
)
def test_tensors_and_names_that_tell(
    more: dict[str, tuple[int, ...]], name: str, training: dict[str, Any], rules: set[str], tmp_path: Path
) -> None:
    """`v_pred` and `ztsnr` are what merging programs look for; a name is a hint."""
    base = write_sparse(tmp_path / f"{name}.safetensors", {**SDXL, **more})
    assert {one.rule for one in judged(base, **training)} == rules


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("Laxhar/noobai-XL-Vpred-1.0", ["base-v-prediction"]),
        ("stabilityai/sdxl-turbo", ["base-distilled"]),
        ("stabilityai/stable-diffusion-xl-base-1.0", []),
    ],
)
def test_a_name_on_the_hub_is_a_hint(name: str, rules: list[str]) -> None:
    """Nothing else is known of a model that the trainer fetches."""
    case = Case(training={KEY: name}, dataset={}, surveys={}, base=Model(path=Path(name), on_hub=True))
    assert [one.rule for one in findings(case) if one.rule.startswith("base-")] == rules


def test_an_index_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder with a half-written model_index.json is damaged."""
    (tmp_path / "model_index.json").write_text('{"_class_name": "Stable')
    (found,) = judged(tmp_path)
    assert found.what == "the base model is damaged or incomplete: model_index.json cannot be read"


def test_weights_of_eight_bits() -> None:
    """They are cast, and so are loaded."""
    header = Header(tensors={name: Tensor(precision="F8_E4M3", shape=shape) for name, shape in SDXL.items()})
    base = Model(path=Path("a.safetensors"), header=header)
    found = findings(Case(training={KEY: "a.safetensors"}, dataset={}, base=base))
    assert [(one.rule, one.severity) for one in found if one.rule.startswith("base-")] == [
        ("base-eight-bits", "warning")
    ]


def test_weights_in_whole_numbers() -> None:
    """They are loaded for what they are, which is no model any more."""
    tensors = {
        name: Tensor(precision="I8" if name.endswith("to_q.weight") else "F16", shape=shape)
        for name, shape in SDXL.items()
    }
    base = Model(path=Path("a.safetensors"), header=Header(tensors=tensors))
    found = findings(Case(training={KEY: "a.safetensors"}, dataset={}, base=base))
    assert [(one.rule, one.severity) for one in found if one.rule.startswith("base-")] == [("base-incomplete", "error")]


def test_inpainting_trains_where_it_is_asked_for(tmp_path: Path) -> None:
    """Later versions have the option."""
    base = write_sparse(tmp_path / "a.safetensors", MADE["inpainting"].tensors)
    assert [one.what for one in judged(base)] == [
        "the base model is one for inpainting: its U-Net reads 9 channels, not 4"
    ]
    assert judged(base, train_inpainting=True) == []


def folder(place: Path, **parts: Any) -> Path:
    """A Diffusers folder of SDXL but for what is said; None leaves a file out."""
    names = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
    index = {"_class_name": "StableDiffusionXLPipeline", **{name: ["diffusers", "X"] for name in names}}
    for name in names if parts.get("whole", True) else ():
        write_sparse(place / name / "model.safetensors", {"a": (1,)})
    if bare := parts.get("bare"):
        (place / bare / "model.safetensors").unlink()
    if pointer := parts.get("pointer"):
        (place / pointer / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    unet = {"cross_attention_dim": 2048, "in_channels": 4, "block_out_channels": [320, 640, 1280]}
    for file, content in (
        ("model_index.json", {**index, **parts.get("index", {})}),
        ("unet/config.json", {**unet, **parts.get("unet", {})}),
        ("scheduler/scheduler_config.json", parts.get("scheduler", {"prediction_type": "epsilon"})),
    ):
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(json.dumps(content))
    return place


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, []),
        ({"index": {"_class_name": "StableDiffusionXLImg2ImgPipeline"}}, []),
        ({"whole": False}, ["the base model lacks the folder vae"]),
        ({"bare": "vae"}, ["the base model is damaged or incomplete: there are no weights in vae"]),
        (
            {"pointer": "unet"},
            [
                "the base model is damaged or incomplete: unet/model.safetensors is a pointer of Git LFS: the file "
                "itself was not fetched"
            ],
        ),
        (
            {"scheduler": {"_class_name": "EDMEulerScheduler", "prediction_type": "epsilon"}},
            [
                "the base model is one of EDM, which is not what is trained: its scheduler_config.json says "
                "EDMEulerScheduler"
            ],
        ),
        (
            {"index": {"_class_name": "StableDiffusionPipeline", "text_encoder_2": None}},
            ["the base model is a Diffusers folder of StableDiffusionPipeline: it has no text_encoder_2"],
        ),
        (
            {"index": {"_class_name": "StableDiffusionXLImg2ImgPipeline", "text_encoder": [None, None]}},
            ["the base model is a Diffusers folder of StableDiffusionXLImg2ImgPipeline: it has no text_encoder"],
        ),
        (
            {"unet": {"cross_attention_dim": 768}},
            ["the base model is no SDXL: cross_attention_dim of its U-Net is 768, not 2048"],
        ),
        (
            {"unet": {"block_out_channels": [384, 768, 1536, 1536]}},
            ["the base model is no SDXL: block_out_channels of its U-Net is [384, 768, 1536, 1536], not "
             "[320, 640, 1280]"],
        ),
        ({"unet": {"in_channels": 9}}, ["the base model is one for inpainting: its U-Net reads 9 channels, not 4"]),
        (
            {"scheduler": {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}},
            [
                "the base model predicts v, and is trained to predict noise: its scheduler_config.json says "
                "v_prediction",
                "the base model was trained with zero_terminal_snr: its scheduler_config.json says it",
            ],
        ),
    ],
)  # fmt: skip
def test_folders_of_diffusers(parts: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    """Their small files tell the pipeline, the U-Net's sizes and the prediction."""
    assert [one.what for one in judged(folder(tmp_path / "base", **parts))] == expected


def _header(raw: Any, data: int = 0) -> bytes:
    text = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DEEP = b'{"a":' + b"[" * 100_000

DAMAGED: Mapping[str, bytes] = {
    "empty": b"",
    "short": b"\x01\x02",
    "a length of 2^60": struct.pack("<Q", 1 << 60) + b"{}",
    "longer than the file": struct.pack("<Q", 64) + b"{}",
    "no JSON": _header(b"not json"),
    "no UTF-8": _header(b'{"\xff": 1}'),
    "a list": _header([1, 2]),
    "nested": _header(DEEP),
    "a tensor that is a number": _header({"a": 1}),
    "no shape": _header({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, 8),
    "a shape in words": _header({"a": {**ONE, "shape": ["two"]}}, 8),
    "a negative side": _header({"a": {**ONE, "shape": [-2]}}, 8),
    "a side that is true": _header({"a": {**ONE, "shape": [True, 2]}}, 8),
    "more sides than anything has": _header({"a": {**ONE, "shape": [10**17] * 5000}}, 8),
    "an unknown precision": _header({"a": {**ONE, "dtype": "F7"}}, 8),
    "a precision that is a list": _header({"a": {**ONE, "dtype": []}}, 8),
    "metadata that is no text": _header({"__metadata__": {"a": 1}, "a": ONE}, 8),
    "metadata that is a list": _header({"__metadata__": [1], "a": ONE}, 8),
    "a byte less": _header({"a": ONE}, 7),
    "a byte more": _header({"a": ONE}, 9),
    "a hole": _header({"a": ONE, "b": {**ONE, "data_offsets": [9, 17]}}, 17),
    "one over the other": _header({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, 12),
    "another size than its shape": _header({"a": {**ONE, "shape": [3]}}, 8),
    "a number of 5000 digits": _header(b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,8]}}', 8),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_no_header_is_an_error_in_words(content: bytes, tmp_path: Path) -> None:
    """What the library refuses is refused, and nothing raises."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert read_header(path).problem == "it is damaged or incomplete"
    assert [one.what for one in judged(path)] == ["the base model is damaged or incomplete"]
    with pytest.raises((SafetensorError, OSError)), safe_open(str(path), framework="np"):
        pass


WHOLE: Mapping[str, bytes] = {
    "nothing": _header({}),
    "padded": _header(json.dumps({"a": ONE}).encode() + b"   ", 8),
    "a name twice": _header(b'{"a":%s,"a":%s}' % ((json.dumps(ONE).encode(),) * 2), 8),
    "a name of 100 kB": _header({"a" * 100_000: ONE}, 8),
    "a name that drives the terminal": _header({"\x1b[2J\u202e": ONE}, 8),
    "a scalar": _header({"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}, 4),
    "an empty tensor": _header({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}),
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE)
def test_odd_headers_that_the_library_takes(content: bytes, tmp_path: Path) -> None:
    """What it opens is opened, and what is shown is short and printable."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with safe_open(str(path), framework="np") as file:
        assert list(read_header(path).tensors) == list(file.keys())
    (found,) = judged(path)
    assert found.rule == "base-other"
    assert found.what.isprintable()
    assert len(found.what) < 200


@pytest.mark.parametrize(
    ("begin", "seems"),
    [
        (b"GGUF\x03\0\0\0", "it is a GGUF file"),
        (b"PK\x03\x04\0\0\0\0", "it is a file that torch.save wrote, a .ckpt or .pt by another name"),
        (b"\x80\x02}q\0\0\0\0", "it is a pickle, a .ckpt or .pt by another name"),
        (b"<!DOCTYPE html><html>", "it is a page of HTML or XML, not what it links to"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "it is a pointer of Git LFS: the file itself was not fetched",
        ),
        (b'{"error": "Access denied"}', "it is a JSON file"),
    ],
)
def test_other_files_by_that_name(begin: bytes, seems: str, tmp_path: Path) -> None:
    """A download that went wrong says what came instead; by another suffix it would be unpickled."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(begin + bytes(64))
    assert [one.what for one in judged(path)] == [f"the base model is damaged or incomplete: {seems}"]
    other = path.rename(tmp_path / "a.ckpt")
    pickled = begin.startswith((b"PK", b"\x80"))
    assert [one.rule for one in judged(other)] == ["base-pickle" if pickled else "base-suffix"]


def test_a_safetensors_file_by_another_suffix(tmp_path: Path) -> None:
    """sd-scripts would unpickle it."""
    save_file({"a": np.zeros(1)}, tmp_path / "a.sft")
    assert [one.what for one in judged(tmp_path / "a.sft")] == [
        "the base model cannot be unpickled: it is a safetensors file by another name"
    ]


@pytest.mark.parametrize(
    ("tensors", "what"),
    [
        (SDXL, ""),
        (VAE, ""),
        (MADE["FLUX"].tensors, "it is a model of the FLUX family"),
        (MADE["LoRA of kohya"].tensors, "it is a LoRA or LyCORIS"),
        (
            {**VAE, "decoder.conv_in.weight": (512, 16, 3, 3)},
            "it lacks or differs in first_stage_model.decoder.conv_in",
        ),
        (MADE["VAE of Diffusers"].tensors, "it lacks or differs in first_stage_model.encoder.conv_in.weight"),
    ],
)
def test_the_file_of_a_vae(tensors: dict[str, tuple[int, ...]], what: str, tmp_path: Path) -> None:
    """The VAE alone or a whole checkpoint, in the names of Stability AI."""
    path = write_sparse(tmp_path / "vae.safetensors", tensors)
    found = findings(Case(training={"vae": str(path)}, dataset={}, vae=look_at_model(str(path))))
    said = [one.what for one in found if one.rule == "vae-other"]
    assert len(said) == bool(what)
    assert all(one.startswith(f"the VAE cannot be loaded: {what}") for one in said)


def test_in_words(tmp_path: Path) -> None:
    """For people who ask what a file is."""
    base = write_sparse(tmp_path / "a.safetensors", {**SDXL, "v_pred": ()}, {"sd_merge_recipe": "x"})
    assert in_words(look_at_model(str(base))) == "an SDXL checkpoint (2516 tensors, v-prediction, merged)"
    assert in_words(look_at_model(str(folder(tmp_path / "b")))) == "a Diffusers folder of StableDiffusionXLPipeline"


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"config.json": {"latent_channels": 4}}, ""),
        ({"vae/config.json": {"_class_name": "AutoencoderKL"}}, ""),
        ({"config.json": {"latent_channels": 16}}, "its latents have 16 channels, not 4"),
        ({}, "neither the folder nor vae in it has a config.json"),
    ],
)
def test_the_folder_of_a_vae(files: dict[str, dict[str, Any]], what: str, tmp_path: Path) -> None:
    """The one of a VAE, or of a pipeline."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    found = findings(Case(training={"vae": str(tmp_path)}, dataset={}, vae=look_at_model(str(tmp_path))))
    said = [one.what for one in found if one.rule == "vae-other"]
    assert said == [f"the VAE cannot be loaded: {what}"] * bool(what)
