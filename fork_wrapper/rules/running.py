"""Rules about everything around the training itself: seed, tokenizers, resuming, logs and trackers."""

from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule
from fork_wrapper.sdscripts.sizes import trained

SEEDS = range(2**32)
"""What numpy takes."""
LONGEST_NAME = 255
"""Bytes of a file's name on most file systems."""
STAMP = 14
"""Bytes of the time that sd-scripts puts behind log_prefix."""
WANDB = {"wandb", "all"}


@rule(
    "v2",
    "error",
    phase="start",
    when="v2",
    why="It is for Stable Diffusion 2; sd-scripts refuses it for SDXL.",
    fix="unset v2",
    source="library/sdxl_train_util.py:349",
)
def v2(case: Case) -> Iterator[Hit]:
    if case.get("v2"):
        yield Hit(what="v2 is not for SDXL", at=case.at("v2"))


@rule(
    "clip-skip",
    "warning",
    phase="start",
    when="clip_skip",
    why="SDXL takes the hidden layers that it takes. The value is written into headers as encoder_layer, and a "
    "warning into the log; nothing else comes of it.",
    fix="unset clip_skip",
    source="library/sdxl_train_util.py:351-352, library/strategy_sdxl.py:126-132, library/train_util.py:3566",
)
def clip_skip(case: Case) -> Iterator[Hit]:
    if case.get("clip_skip") is not None:
        yield Hit(what=f"clip_skip = {case.get('clip_skip')} has no effect on training", at=case.at("clip_skip"))


@rule(
    "seed-unset",
    "note",
    phase="never",
    when="seed unset",
    why="Shuffling and dropout are other ones in each run, so that the run cannot be repeated.",
    fix="set seed",
    source="sdxl_train.py:124-125",
)
def seed_unset(case: Case) -> Iterator[Hit]:
    if case.get("seed") is None:
        yield Hit(what="no seed is set: the run cannot be repeated", at=case.at("seed"))


@rule(
    "seed-range",
    "error",
    phase="start",
    when="a seed below 0, or of 2 to the power of 32 and above",
    why="The same seed goes to numpy, which refuses it.",
    fix="set a seed from 0 to 4294967295",
    source="sdxl_train.py:124-125",
)
def seed_range(case: Case) -> Iterator[Hit]:
    if case.get("seed") is not None and case.get("seed") not in SEEDS:
        yield Hit(what=f"seed = {case.get('seed')} is not between 0 and 4294967295", at=case.at("seed"))


@rule(
    "tokenizer-download",
    "note",
    phase="start",
    when="tokenizer_cache_dir unset",
    why="Both tokenizers are looked up on the Hugging Face Hub at every start. Without a network and "
    "without copies in the Hub's own cache, that ends the run.",
    fix='set tokenizer_cache_dir = "{models}/tokenizers": the first run fills it, and later ones need no network',
    source="sdxl_train.py:127, library/strategy_base.py:54-71",
)
def tokenizer_download(case: Case) -> Iterator[Hit]:
    if not case.get("tokenizer_cache_dir"):
        yield Hit(what="the tokenizers come from the Hugging Face Hub", at=case.at("tokenizer_cache_dir"))


@rule(
    "resume-counters",
    "warning",
    phase="never",
    when="resume",
    why="Weights, optimizer, scheduler and random numbers are restored; step and epoch begin at 0 again. The full "
    "length is trained once more, a scheduler goes on beyond its end, and samples and checkpoints are counted anew.",
    fix="`kft resume RUN` goes on with a run of kft's; else set a length without the steps that are done",
    source="sdxl_train.py:520-521, sdxl_train.py:595-596, library/train_util.py:4772-4779",
)
def resume_counters(case: Case) -> Iterator[Hit]:
    if case.get("resume"):
        yield Hit(what="a resumed training counts steps and epochs from 0", at=case.at("resume"))


@rule(
    "resume-groups",
    "warning",
    phase="never",
    when="resume with fused_optimizer_groups",
    why="The state is loaded when accelerate knows the first optimizer alone: the others begin anew.",
    fix="resume without fused_optimizer_groups what was begun without",
    source="sdxl_train.py:520-521, sdxl_train.py:540-544",
)
def resume_groups(case: Case) -> Iterator[Hit]:
    groups = case.get("fused_optimizer_groups")
    if case.get("resume") and groups and groups > 1:
        what = f"of {groups} optimizer groups the first one alone is resumed"
        yield Hit(what=what, at=case.at("fused_optimizer_groups"))


@rule(
    "tb-lr-names",
    "warning",
    phase="never",
    when="a text encoder that is trained while something before it is frozen",
    why="Learning rates are named by their position: U-Net, or its 23 blocks, then text encoder 1, then 2.",
    fix="read the curve of the part in front as that of the trained one",
    source="library/train_util.py:6168-6184, sdxl_train.py:80-96",
)
def tb_lr_names(case: Case) -> Iterator[Hit]:
    rates = trained(case.get)
    encoders = [name for name, rate in ((1, rates.text_encoder_1), (2, rates.text_encoder_2)) if rate]
    if encoders and case.get("block_lr") and not rates.unet:
        yield Hit(what="the rates of text encoders are logged as those of blocks", at=case.at("block_lr"))
    elif encoders == [2]:
        what = "the rate of text encoder 2 is logged as lr/text_encoder1"
        yield Hit(what=what, at=case.at("learning_rate_te1"))


@rule(
    "console-log-file",
    "warning",
    phase="never",
    when="console_log_file",
    why="Log lines go there instead of into train.log: kft cannot name the cause of a failure. The file is "
    "overwritten, its folder has to be there, and console_log_simple does nothing.",
    fix="unset console_log_file; train.log has all of it",
    source="library/utils.py:57-75",
)
def console_log_file(case: Case) -> Iterator[Hit]:
    if case.get("console_log_file"):
        what = f"train.log will lack the log lines: they go to {case.get('console_log_file')}"
        yield Hit(what=what, at=case.at("console_log_file"))


@rule(
    "console-log-folder",
    "error",
    phase="start",
    when="console_log_file in a folder that is not there",
    why="sd-scripts opens the file before anything else, and makes no folder for it.",
    fix="make the folder, or unset console_log_file: train.log has all of it",
    source="library/utils.py:57-60",
)
def console_log_folder(case: Case) -> Iterator[Hit]:
    if case.get("console_log_file") and not Path(case.get("console_log_file")).parent.is_dir():
        folder = Path(case.get("console_log_file")).parent
        yield Hit(what=f"there is no folder {folder} for console_log_file", at=case.at("console_log_file"))


@rule(
    "console-log-rich",
    "note",
    phase="never",
    when="console_log_simple = false",
    why="Log lines are set in columns and broken after 80 characters, paths and messages included.",
    fix="set console_log_simple = true",
    source="library/utils.py:61-70",
)
def console_log_rich(case: Case) -> Iterator[Hit]:
    if case.said("console_log_simple") and not case.get("console_log_simple") and not case.get("console_log_file"):
        what = "log lines in train.log are broken after 80 characters"
        yield Hit(what=what, at=case.at("console_log_simple"))


@rule(
    "log-level",
    "note",
    phase="never",
    when="console_log_level above WARNING",
    why="Much that sd-scripts changes, skips or ignores it says in warnings alone.",
    fix='set console_log_level = "WARNING", or unset it',
    source="library/utils.py:50-55",
)
def log_level(case: Case) -> Iterator[Hit]:
    level = case.get("console_log_level")
    if level in {"ERROR", "CRITICAL"}:
        yield Hit(what=f'console_log_level = "{level}" hides warnings', at=case.at("console_log_level"))


@rule(
    "log-name",
    "error",
    phase="step",
    when="log_prefix or log_tracker_name with a part that no folder can be called",
    why="Both become names of folders, and most file systems end names at 255 bytes; a time follows log_prefix.",
    fix="shorten it",
    source="library/train_util.py:5437-5441, sdxl_train.py:611-615",
)
def log_name(case: Case) -> Iterator[Hit]:
    for key, more in (("log_prefix", STAMP), ("log_tracker_name", 0)):
        *folders, last = (case.get(key) or "").split("/")
        if max(map(_bytes, folders), default=0) > LONGEST_NAME or _bytes(last) + more > LONGEST_NAME:
            yield Hit(what=f"{key} is too long for the name of a folder", at=case.at(key))


@rule(
    "wandb-uploads",
    "note",
    phase="never",
    when='log_with = "wandb" or "all"',
    why="Losses, learning rates and the command line go to Weights & Biases, and so does every sample image with its "
    "prompt. It needs a login: WANDB_API_KEY.",
    fix="nothing, if that is meant",
    source="library/train_util.py:5455-5464, library/train_util.py:6579-6586",
)
def wandb_uploads(case: Case) -> Iterator[Hit]:
    if case.get("log_with") in WANDB:
        what = "sample images and their prompts are uploaded to Weights & Biases"
        yield Hit(what=what, at=case.at("log_with"))


@rule(
    "wandb-config",
    "warning",
    phase="never",
    when='log_config with log_with = "wandb" or "all"',
    why="sd-scripts leaves some paths out of what it uploads, but not those of prompts, states and data set configs. "
    "The record that kft writes into headers is uploaded whole, with every path of this machine.",
    fix="unset log_config",
    source="library/train_util.py:4317-4350",
)
def wandb_config(case: Case) -> Iterator[Hit]:
    if case.get("log_config") and case.get("log_with") in WANDB:
        yield Hit(what="the configuration is uploaded with paths of this machine", at=case.at("log_config"))


@rule(
    "tracker-config-wins",
    "warning",
    phase="never",
    when="log_tracker_config and wandb_run_name",
    why="What the file holds replaces the name.",
    fix="write the name into the file, under [wandb], or unset log_tracker_config",
    source="sdxl_train.py:606-610",
)
def tracker_config_wins(case: Case) -> Iterator[Hit]:
    if case.get("log_tracker_config") is not None and case.get("wandb_run_name"):
        what = "wandb_run_name does not count beside log_tracker_config"
        yield Hit(what=what, at=case.at("wandb_run_name"))


@rule(
    "thumbnail-relative",
    "warning",
    phase="never",
    when="metadata_thumbnail with a relative path",
    why="The trainer works in the run's own folder, where the image is not: a line in the log, and no thumbnail.",
    fix="write the whole path, or {experiments}/ in front",
    source="library/sai_model_spec.py:460-474",
)
def thumbnail_relative(case: Case) -> Iterator[Hit]:
    path = case.get("metadata_thumbnail") or ""
    absolute = PurePath(path).is_absolute() or PurePosixPath(path).is_absolute()
    if path and not path.startswith("data:") and not absolute:
        what = f"metadata_thumbnail is not found from the run's folder: {path}"
        yield Hit(what=what, at=case.at("metadata_thumbnail"))


def _bytes(name: str) -> int:
    return len(name.encode(errors="surrogateescape"))
