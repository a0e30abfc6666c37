"""Options by which a configuration reaches beyond its own training: code, the network, files elsewhere.

A configuration of one's own may do all of that. One from a stranger is data, and says so first: this is the list of
what a person has to agree to. Complete for the pinned commit: a test looks through sdxl_train.py and the modules that
it imports for whatever imports, unpickles, uploads, downloads or writes.

What is not here, and why: `optimizer_args` and `lr_scheduler_args` are read by `ast.literal_eval`, which makes plain
values and nothing else (library/train_util.py:5148, 5291); `output_dir`, `output_name`, `logging_dir`,
`config_file`, `dataset_config`, `output_config` are kft's own and never taken from elsewhere (`schema.MANAGED`), and
secrets are refused (`schema.SECRETS`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

Does = Literal["code", "sends", "fetches", "writes", "reads"]

WORDS: Mapping[Does, str] = {
    "code": "runs code",
    "sends": "sends elsewhere",
    "fetches": "fetches from elsewhere",
    "writes": "writes elsewhere",
    "reads": "reads elsewhere",
}
"""Each kind, as people read it."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """One option, and how far it reaches."""

    option: str
    """As in TOML."""
    does: Does
    """What is at stake."""
    what: str
    """What sd-scripts does with the value."""
    source: str
    """Where, at the pinned commit."""
    when: Callable[[Any], bool]
    """Whether a value does that."""
    path: bool = False
    """Whether the value is a path, harmless in a folder of kft's own."""
    beside: str = ""
    """The option without which this one does nothing; empty where it does it alone."""


def _is_set(value: Any) -> bool:
    return value not in (None, "", False)


def _names_module(value: Any) -> bool:
    return isinstance(value, str) and "." in value


def _no_safetensors(value: Any) -> bool:
    """A folder is a Diffusers model of this machine.

    A relative path is none where the trainer runs, and then a name on the Hub, whatever it ends in.
    """
    path = str(value)
    absolute = PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()
    return _is_set(value) and not (absolute and (path.endswith(".safetensors") or Path(path).is_dir()))


def _remote_log(value: Any) -> bool:
    return _is_set(value) and value != "tensorboard"


def _leaves_folder(value: Any) -> bool:
    return isinstance(value, str) and any(mark in value for mark in ("/", "\\", "..", ":"))


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and value != "" and not value.startswith("data:")


_UPLOAD = "library/huggingface_util.py:23-69, library/train_util.py:5892-5893, library/train_util.py:6049-6050"
_MODEL = "is no .safetensors file: it is unpickled, or fetched from the Hugging Face Hub"
_STATE = "library/train_util.py:5945-5949, library/train_util.py:5967-5971, library/train_util.py:5993-5998"

REACHES: tuple[Reach, ...] = (
    Reach(
        option="optimizer_type",
        does="code",
        what="imports the Python module that it names",
        source="library/train_util.py:5120-5134",
        when=_names_module,
    ),
    Reach(
        option="lr_scheduler_type",
        does="code",
        what="imports the Python module that it names",
        source="library/train_util.py:5301-5310",
        when=_names_module,
    ),
    Reach(
        option="dataset_class",
        does="code",
        what="imports the Python module that it names",
        source="sdxl_train.py:180-182, library/train_util.py:2939-2945",
        when=_is_set,
    ),
    Reach(
        option="pretrained_model_name_or_path",
        does="code",
        what=_MODEL,
        source="library/sdxl_train_util.py:66-96, library/sdxl_model_util.py:186",
        when=_no_safetensors,
        path=True,
    ),
    Reach(
        option="vae",
        does="code",
        what=_MODEL,
        source="library/model_util.py:1268-1289",
        when=_no_safetensors,
        path=True,
    ),
    Reach(
        option="resume",
        does="code",
        what="unpickles the saved state of an optimizer",
        source="sdxl_train.py:521, library/train_util.py:4772-4778",
        when=_is_set,
    ),
    Reach(
        option="resume_from_huggingface",
        does="fetches",
        what="downloads a state from the Hugging Face Hub and unpickles it",
        source="library/train_util.py:4776-4822",
        when=_is_set,
        beside="resume",
    ),
    Reach(
        option="log_with",
        does="sends",
        what="sends the log, the options and the sample images to a service",
        source="library/train_util.py:5450-5465, library/train_util.py:6579-6585",
        when=_remote_log,
    ),
    Reach(
        option="wandb_run_name",
        does="sends",
        what="names a run of Weights & Biases",
        source="sdxl_train.py:607-608",
        when=_is_set,
        beside="log_with",
    ),
    Reach(
        option="log_tracker_config",
        does="sends",
        what="reads a file with settings of the services that get the log",
        source="sdxl_train.py:609-615",
        when=_is_set,
    ),
    Reach(
        option="huggingface_repo_id",
        does="sends",
        what="uploads every checkpoint to a repository of the Hugging Face Hub",
        source=_UPLOAD,
        when=_is_set,
    ),
    Reach(
        option="huggingface_path_in_repo",
        does="sends",
        what="says where in the repository",
        source=_UPLOAD,
        when=_is_set,
        beside="huggingface_repo_id",
    ),
    Reach(
        option="huggingface_repo_type",
        does="sends",
        what="says of which kind the repository is",
        source=_UPLOAD,
        when=_is_set,
        beside="huggingface_repo_id",
    ),
    Reach(
        option="huggingface_repo_visibility",
        does="sends",
        what="says who sees the repository",
        source=_UPLOAD,
        when=_is_set,
        beside="huggingface_repo_id",
    ),
    Reach(
        option="async_upload",
        does="sends",
        what="uploads while it trains",
        source=_UPLOAD,
        when=_is_set,
        beside="huggingface_repo_id",
    ),
    Reach(
        option="save_state_to_huggingface",
        does="sends",
        what="uploads every saved state, too",
        source=_STATE,
        when=_is_set,
    ),
    Reach(
        option="tokenizer_cache_dir",
        does="writes",
        what="writes the tokenizers into that folder, and reads what lies there as tokenizers",
        source="library/strategy_base.py:57-70",
        when=_is_set,
        path=True,
    ),
    Reach(
        option="console_log_file",
        does="writes",
        what="overwrites that file with the log",
        source="library/utils.py:56-59",
        when=_is_set,
        path=True,
    ),
    Reach(
        option="log_prefix",
        does="writes",
        what="leads the TensorBoard events out of the run folder",
        source="library/train_util.py:5440-5441",
        when=_leaves_folder,
    ),
    Reach(
        option="log_tracker_name",
        does="writes",
        what="leads the TensorBoard events out of the run folder",
        source="sdxl_train.py:611-612",
        when=_leaves_folder,
    ),
    Reach(
        option="offload_optimizer_nvme_path",
        does="writes",
        what="writes the optimizer's state into that folder",
        source="library/deepspeed_utils.py:27-32, library/deepspeed_utils.py:89",
        when=_is_set,
    ),
    Reach(
        option="offload_param_nvme_path",
        does="writes",
        what="writes the weights into that folder",
        source="library/deepspeed_utils.py:40-45, library/deepspeed_utils.py:91",
        when=_is_set,
    ),
    Reach(
        option="metadata_thumbnail",
        does="reads",
        what="puts the content of that file into every checkpoint",
        source="library/sai_model_spec.py:296-313, library/sai_model_spec.py:462-468",
        when=_is_file_name,
    ),
)
"""Every option that reaches out, by what is at stake."""

BESIDE_IMAGES: Mapping[str, str] = {
    "cache_latents_to_disk": "library/strategy_base.py:627-637",
    "cache_text_encoder_outputs_to_disk": "library/strategy_sdxl.py:298-304",
    "cache_info": "library/train_util.py:2099-2107",
}
"""Options that write caches into the folders of the images, and where. Said, and no more: the user has these images."""
