"""What the base model is. None of them is whole: what a real loader does with whole ones is asked elsewhere."""

import json
import struct
from pathlib import Path

from tests.builders.model_files import MADE, SDXL
from tests.builders.sdxl_layout import Shape, write_sparse
from tests.rules.casebook import Entry
from tests.rules.furnishing import Change

BASE_FILE = {"training.pretrained_model_name_or_path": "FOLDER/../models/base.safetensors"}
BASE_FOLDER = {"training.pretrained_model_name_or_path": "FOLDER/../models"}
PARTS = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
FEW = {name: SDXL[name] for name in SDXL if "input_blocks.0.0." in name or "text_model.final_layer_norm" in name}
"""The beginnings of an SDXL checkpoint."""


def _file(tensors: dict[str, Shape], **metadata: str) -> Change:
    def make(images: Path) -> None:
        write_sparse(images.parent / "models" / "base.safetensors", tensors, metadata)

    return make


def _bytes(content: bytes, name: str = "base.safetensors") -> Change:
    def make(images: Path) -> None:
        (images.parent / "models").mkdir()
        (images.parent / "models" / name).write_bytes(content)

    return make


def _folder(**scheduler: str | bool) -> Change:
    def make(images: Path) -> None:
        _diffusers(images.parent / "models", scheduler)

    return make


def _diffusers(place: Path, scheduler: dict[str, str | bool], missing: str = "") -> None:
    for name in PARTS:
        (place / name).mkdir(parents=True)
    parts = {name: ["diffusers", "X"] for name in PARTS if name != missing}
    (place / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", **parts}))
    (place / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))


def _other_pipeline(images: Path) -> None:
    _diffusers(images.parent / "models", {}, "text_encoder_2")


def _vae(images: Path) -> None:
    write_sparse(images.parent / "models" / "vae.safetensors", {"encoder.down_blocks.0.resnets.0.conv1.weight": (2, 2)})


def _other(name: str) -> Change:
    return _file(dict(MADE[name].tensors))


def dies(rule: str, what: str, says: str, files: Change, trips: dict[str, str] = BASE_FILE) -> Entry:
    """An entry that the program dies of while it loads the base model."""
    return Entry(rule=rule, trips=trips, spares={}, what=what, program="dies", says=says, trips_files=files)


def quiet(rule: str, what: str, files: Change, trips: dict[str, object]) -> Entry:
    """One that would need a whole base model to be asked."""
    return Entry(rule=rule, trips=trips, spares={}, what=what, program="not asked", trips_files=files)


EIGHT = json.dumps({name: {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [n, n + 1]} for n, name in enumerate(FEW)})
V: dict[str, str | bool] = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}

ENTRIES: tuple[Entry, ...] = (
    dies("base-damaged", "the base model is damaged or incomplete", "Error", _bytes(bytes(16))),
    dies("base-other", "the base model is a LoRA or LyCORIS", "Missing key", _other("LoRA of kohya")),
    dies("base-other", "the base model is a model of the FLUX family", "Missing key", _other("FLUX")),
    dies("base-incomplete", "the base model cannot be loaded: its U-Net lacks "
         "model.diffusion_model.time_embed.0.weight, model.diffusion_model.time_embed.0.bias and 1676 more",
         "Missing key", _file(FEW)),
    quiet("base-inpainting", "the base model is one for inpainting: its U-Net reads 9 channels, not 4",
          _other("inpainting"), {**BASE_FILE}),
    dies("base-folder", "the base model is a Diffusers folder of StableDiffusionPipeline: it has no text_encoder_2",
         "Error", _other_pipeline, BASE_FOLDER),
    quiet("base-pickle", "the base model is unpickled, which can run code in it", _bytes(b"\x80\x02.", "base.ckpt"),
          {"training.pretrained_model_name_or_path": "FOLDER/../models/base.ckpt"}),
    dies("base-suffix", "the base model cannot be unpickled: it is a GGUF file", "Error",
         _bytes(b"GGUF" + bytes(32), "base.gguf"),
         {"training.pretrained_model_name_or_path": "FOLDER/../models/base.gguf"}),
    quiet("base-v-prediction", "the base model predicts v, and is trained to predict noise: its scheduler_config.json "
          "says v_prediction", _folder(**V), {**BASE_FOLDER}),
    quiet("base-epsilon", "the base model predicts noise, and is trained to predict v: its scheduler_config.json "
          "says epsilon", _folder(prediction_type="epsilon"), {**BASE_FOLDER, "training.v_parameterization": True}),
    quiet("base-edm", "the base model is one of EDM, which is not what is trained: its scheduler_config.json says "
          "EDMDPMSolverMultistepScheduler", _folder(_class_name="EDMDPMSolverMultistepScheduler"), {**BASE_FOLDER}),
    quiet("base-zero-snr", "the base model was trained with zero_terminal_snr: its scheduler_config.json says it",
          _folder(**V), {**BASE_FOLDER}),
    quiet("base-eight-bits", "the base model's weights have eight bits",
          _bytes(struct.pack("<Q", len(EIGHT)) + EIGHT.encode() + bytes(4)), {**BASE_FILE}),
    quiet("base-merged", "the base model is a merge: sd_merge_recipe in its metadata says so",
          _file(FEW, sd_merge_recipe="{'a': 1}"), {**BASE_FILE}),
    quiet("base-distilled", "the base model may be one for few steps: its title says Turbo",
          _file(FEW, **{"modelspec.title": "SDXL Turbo"}), {**BASE_FILE}),
    dies("vae-other", "the VAE cannot be loaded: it is a LoRA or LyCORIS", "KeyError", _other("LoRA of kohya"),
         {"training.vae": "FOLDER/../models/base.safetensors"}),
    dies("vae-other", "the VAE cannot be loaded: it lacks or differs in first_stage_model.encoder.conv_in.weight, "
         "first_stage_model.encoder.conv_in.bias and 246 more", "encoder.conv_in.weight", _vae,
         {"training.vae": "FOLDER/../models/vae.safetensors"}),
)  # fmt: skip
