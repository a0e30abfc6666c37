"""Seed, tokenizers, resuming, logs and trackers; options that do nothing."""

from typing import Any

from tests.rules.casebook import Entry
from tests.rules.cases_sampling import FILE, FIRST, PROMPT

UPLOAD = {
    "training.huggingface_repo_id": "someone/model",
    "training.huggingface_path_in_repo": "checkpoints",
}
WANDB = {"training.log_with": "wandb"}
TEXT_ENCODERS = {"training.train_text_encoder": True}
FROZEN = {"training.learning_rate_te1": 0.0}


def _idle(changes: dict[str, Any], why: str, needs: dict[str, Any] | None = None) -> Entry:
    """An option without the one that switches it on."""
    (key,) = changes
    return Entry(
        rule="no-effect",
        trips=changes,
        spares=changes | needs if needs else {},
        what=f"{key.removeprefix('training.')} has no effect{why}",
        program="goes on",
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="v2",
        trips={"training.v2": True},
        spares={"training.v2": False},
        what="v2 is not for SDXL",
        program="dies",
        says="v2 cannot be enabled in SDXL training",
    ),
    Entry(
        rule="clip-skip",
        trips={"training.clip_skip": 1},
        spares={},
        what="clip_skip = 1 has no effect on training",
        program="goes on",
    ),
    Entry(
        rule="seed-unset",
        trips={"training.seed": None},
        spares={"training.seed": 0},
        what="no seed is set: the run cannot be repeated",
        program="goes on",
    ),
    *(
        Entry(
            rule="seed-range",
            trips={"training.seed": seed},
            spares={"training.seed": near},
            what=f"seed = {seed} is not between 0 and 4294967295",
            program="dies",
            says="Seed must be between 0 and 2**32 - 1",
        )
        for seed, near in ((-1, 0), (2**32, 2**32 - 1))
    ),
    Entry(
        rule="tokenizer-download",
        trips={"training.tokenizer_cache_dir": None},
        spares={},
        what="the tokenizers come from the Hugging Face Hub",
        program="not asked",
    ),
    Entry(
        rule="resume-counters",
        trips={"training.resume": "/states/first-state"},
        spares={},
        what="a resumed training counts steps and epochs from 0",
        program="not asked",
    ),
    Entry(
        rule="resume-groups",
        trips={"training.resume": "/states/first-state", "training.fused_optimizer_groups": 2},
        spares={"training.fused_optimizer_groups": 2},
        what="of 2 optimizer groups the first one alone is resumed",
        program="not asked",
    ),
    Entry(
        rule="tb-lr-names",
        trips=TEXT_ENCODERS | FROZEN,
        spares=TEXT_ENCODERS | {"training.learning_rate_te2": 0.0},
        what="the rate of text encoder 2 is logged as lr/text_encoder1",
        program="goes on",
    ),
    Entry(
        rule="console-log-file",
        trips={"training.console_log_file": "FOLDER/log.txt"},
        spares={},
        what="train.log will lack the log lines: they go to FOLDER/log.txt",
        program="goes on",
    ),
    Entry(
        rule="console-log-folder",
        trips={"training.console_log_file": "FOLDER/nowhere/log.txt"},
        spares={"training.console_log_file": "FOLDER/log.txt"},
        what="there is no folder FOLDER/nowhere for console_log_file",
        program="dies",
        says="FileNotFoundError",
    ),
    Entry(
        rule="console-log-rich",
        trips={"training.console_log_simple": False},
        spares={"training.console_log_simple": True},
        what="log lines in train.log are broken after 80 characters",
        program="goes on",
    ),
    Entry(
        rule="log-level",
        trips={"training.console_log_level": "ERROR"},
        spares={"training.console_log_level": "WARNING"},
        what='console_log_level = "ERROR" hides warnings',
        program="goes on",
    ),
    *(
        Entry(
            rule="log-name",
            trips={f"training.{key}": "x" * (longest + 1)},
            spares={f"training.{key}": "x" * longest},
            what=f"{key} is too long for the name of a folder",
            program="dies",
            says="File name too long",
        )
        for key, longest in (("log_prefix", 241), ("log_tracker_name", 255))
    ),
    Entry(
        rule="wandb-uploads",
        trips=WANDB,
        spares={},
        what="sample images and their prompts are uploaded to Weights & Biases",
        program="not asked",
    ),
    Entry(
        rule="wandb-config",
        trips=WANDB | {"training.log_config": True},
        spares={"training.log_config": True},
        what="the configuration is uploaded with paths of this machine",
        program="not asked",
    ),
    Entry(
        rule="tracker-config-wins",
        trips={"training.log_tracker_config": "/trackers.toml", "training.wandb_run_name": "first"},
        spares={"training.wandb_run_name": "first"},
        what="wandb_run_name does not count beside log_tracker_config",
        program="not asked",
    ),
    *(
        Entry(
            rule="thumbnail-relative",
            trips={"training.metadata_thumbnail": "thumbnail.png"},
            spares={"training.metadata_thumbnail": near},
            what="metadata_thumbnail is not found from the run's folder: thumbnail.png",
            program="goes on",
        )
        for near in ("FOLDER/a.png", "data:image/png;base64,AA==")
    ),
    _idle({"training.conditioning_data_dir": "/masks"}, ": masks are named in the subsets of the data set"),
    _idle({"training.use_safetensors": True}, ': save_model_as = "safetensors" says it'),
    _idle({"training.noise_offset_random_strength": True}, " without noise_offset", {"training.noise_offset": 0.1}),
    _idle(
        {"training.ip_noise_gamma_random_strength": True}, " without ip_noise_gamma", {"training.ip_noise_gamma": 0.1}
    ),
    _idle(
        {"training.multires_noise_discount": 0.5},
        " without multires_noise_iterations",
        {"training.multires_noise_iterations": 6},
    ),
    _idle({"training.dynamo_backend": "eager"}, " without torch_compile"),
    _idle({"training.wandb_run_name": "first"}, ' without log_with = "wandb" or "all"'),
    _idle({"training.zero_stage": 3}, " without deepspeed"),
    _idle({"training.async_upload": True}, " without huggingface_repo_id", UPLOAD),
    _idle({"training.resume_from_huggingface": True}, " without resume"),
    _idle({"training.ddp_static_graph": True}, " with a single process"),
    Entry(
        rule="no-effect",
        trips={"training.adaptive_noise_scale": 0.1, "training.noise_offset": 0.0},
        spares={"training.adaptive_noise_scale": 0.1, "training.noise_offset": 0.1},
        what="adaptive_noise_scale has no effect with noise_offset = 0",
        program="goes on",
    ),
    *(
        Entry(
            rule="no-effect",
            trips={f"training.{key}": setting, "training.cache_latents": None},
            spares={f"training.{key}": setting},
            what=f"{key} has no effect without cached latents",
            program="goes on",
        )
        for key, setting in (("highvram", True), ("vae_batch_size", 2))
    ),
    *(
        Entry(
            rule="no-effect",
            trips=FILE | {key: setting},
            spares=FILE | FIRST | {key: setting},
            what=f"{key.removeprefix('training.')} has no effect: no samples are drawn",
            program="goes on",
            trips_files=PROMPT,
            spares_files=PROMPT,
        )
        for key, setting in (("training.sample_prompts", "FOLDER/prompts.txt"), ("training.sample_sampler", "euler"))
    ),
    Entry(
        rule="no-effect",
        trips=UPLOAD | {"training.save_state_to_huggingface": True},
        spares=UPLOAD | {"training.save_state_to_huggingface": True, "training.save_state_on_train_end": True},
        what="save_state_to_huggingface has no effect without save_state",
        program="goes on",
    ),
)
