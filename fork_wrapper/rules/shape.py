"""Rules about single values: refused while the file is read, by `schema`; here is what `kft rules` says of them.

sd-scripts checks neither names nor types nor choices in its config file (library/train_util.py:4748-4764).
The dataset config is checked, but its messages name no line and no remedy.
"""

from collections.abc import Mapping

from fork_wrapper.rules.rule import Phase, Rule

UNKNOWN = "toml-unknown-key"
DASHED = "toml-dash-key"
TYPE = "toml-no-type-check"
EMPTY = "toml-empty-string"
CHOICE = "toml-choice"
DATASET_KEY = "dataset-unknown-key"
DATASET_TYPE = "dataset-type"
MANAGED = "managed-option"
SECRET = "secret"

CHOICES: Mapping[str, str] = {
    "loss_type": "loss-type",
    "mixed_precision": "mp-invalid",
    "save_model_as": "save-as-typo",
    "save_precision": "save-precision-bad",
}
"""Options whose illegal choice does something of its own, and the rule that says what."""


def _shape(identity: str, phase: Phase, when: str, why: str, fix: str, source: str) -> Rule:
    return Rule(id=identity, severity="error", phase=phase, when=when, why=why, fix=fix, source=source, test=None)


unknown_key = _shape(
    UNKNOWN,
    "never",
    "a key under [training] that is no option of sdxl_train.py",
    "sd-scripts keeps it as an attribute that nothing reads: a misspelt learning rate trains with the default one.",
    "write the option's name; `kft options WORD` finds it. For a newer sd-scripts: --allow-unknown KEY",
    "library/train_util.py:4748-4764",
)
dash_key = _shape(
    DASHED,
    "never",
    "dashes in a key (max-train-steps)",
    "Command lines of other tools spell options so; in sd-scripts' config file such a key is one that nothing reads.",
    "write underscores",
    "library/train_util.py:4757",
)
type_unchecked = _shape(
    TYPE,
    "never",
    "a value of another type than the option's",
    'Types are converted on the command line only. From a file, "false" is a text and so counts as true, "1e-5" '
    "fails in the optimizer after the model is loaded, 100.0 warm-up steps are a hundred times the whole run.",
    "write the value in the type that the message names",
    "library/train_util.py:4760-4761",
)
empty_string = _shape(
    EMPTY,
    "start",
    "an empty text where a number, a switch or a list belongs",
    "TOML has no word for absent, and an empty text is not it: sd-scripts uses it as a value and fails.",
    "remove the line; what a parent sets is forgotten with `unset = [...]`",
    "sdxl_train.py:124-125, library/train_util.py:4760-4761",
)
illegal_choice = _shape(
    CHOICE,
    "never",
    "a value outside of the option's choices",
    "Choices are enforced on the command line only. From a file, most unknown words count as the default.",
    "write one of the choices; `kft options NAME` lists them",
    "library/train_util.py:4760-4761",
)
loss_type = _shape(
    "loss-type",
    "step",
    "loss_type is none of l1, l2, huber, smooth_l1",
    "NotImplementedError at the first step.",
    'write loss_type = "l2", or one of the others',
    "library/train_util.py:6163-6164",
)
mixed_precision = _shape(
    "mp-invalid",
    "dataset",
    "mixed_precision is none of no, fp16, bf16",
    "Accelerate refuses it after the data set is read.",
    'write mixed_precision = "bf16", or "fp16"',
    "library/train_util.py:5494-5502",
)
save_model_as = _shape(
    "save-as-typo",
    "end",
    "save_model_as is not safetensors",
    "ckpt and the Diffusers layouts cannot carry their configuration in a header. Any other word counts as the "
    "Diffusers layout: a folder is written, and the scheduler and tokenizers of SDXL base are fetched from the Hub "
    "at the first save.",
    'write save_model_as = "safetensors" and convert afterwards',
    "sdxl_train.py:238-244, library/sdxl_model_util.py:548-556",
)
save_precision = _shape(
    "save-precision-bad",
    "never",
    "save_precision is none of float, fp16, bf16",
    "It counts as unset: weights are saved as they are trained, mostly in 32 bits and so at twice the size.",
    'write save_precision = "fp16"',
    "library/train_util.py:5514-5522",
)
dataset_key = _shape(
    DATASET_KEY,
    "dataset",
    "a key that the dataset config does not have, or not at this level",
    "sd-scripts stops with `extra keys not allowed @ data[...]` and names neither line nor level.",
    "move it to the level that the message names; `kft options KEY` lists them",
    "library/config_util.py:354-376",
)
dataset_type = _shape(
    DATASET_TYPE,
    "dataset",
    "a value of the wrong type in the dataset config",
    "sd-scripts stops with `expected X for dictionary value`. It takes whole numbers for few of the fractions.",
    "write the value in the type that the message names",
    "library/config_util.py:183-247",
)
managed = _shape(
    MANAGED,
    "never",
    "an option that kft sets itself",
    "Every run has a folder of its own, its checkpoints the experiment's name, its configs the archive's text: what "
    "the experiment said would be replaced without a word.",
    "remove it; the message says what to do instead",
    "sdxl_train.py:945-951",
)
secret = _shape(
    SECRET,
    "never",
    "a literal wandb_api_key or huggingface_token",
    "Everything configured is archived beside and inside each checkpoint, and checkpoints are given away.",
    "remove it and set WANDB_API_KEY or HF_TOKEN in the environment",
    "library/train_util.py:4354-4404",
)

NOT_RULES: Mapping[str, str] = {
    "toml-bom": "kft writes its files without a byte order mark",
    "toml-duplicate-across-sections": "the rendered train.toml has no sections",
    "toml-nested-table": "the rendered train.toml has no tables; one under [training] is an unknown key",
    "toml-metadata-key": "this is how kft writes its own records into checkpoints",
    "toml-metadata-non-string": "the only metadata keys that are no options are kft's own, and they are texts",
    "config-file-missing": "kft writes the file and launches with its path",
    "output-config-exists": "output_config is an option that kft manages",
    "cli-token-length-75": "kft renders a file, where 75 is the same as leaving max_token_length out",
    "cli-warmup-number": "kft renders a file; what its numbers mean there is rule warmup-float",
    "argparse-type": "the same check as toml-no-type-check: options and dataset keys of one name have one type",
    "lr-string": "the same check as toml-no-type-check",
    "resolution-type": "the same check as toml-no-type-check: under [training] it must be a text",
    "timestep-float": "the same check as toml-no-type-check",
    "output-dir": "kft sets output_dir for every run",
    "log-dir": "kft sets logging_dir for every run",
    "full-fp16-unscale": "weights are loaded in 32 bits unless full_fp16 or full_bf16 is set, and full_fp16 mends the "
    "scaler itself",
    "model-not-found": "whether a base model is there is a question about the machine: `kft check` looks",
    "save-as-unset": "kft sets save_model_as where an experiment says nothing",
    "resume-missing": "whether a named file is there is a question about the machine: `kft check` looks",
    "sample-prompts-missing": "likewise: `kft check` says that the file is not there",
    "wandb-secrets": "secrets are refused in experiments and travel by environment alone",
    "folder-prefix": "kft always renders a dataset config, so train_data_dir is never walked",
}
"""Known traps of sd-scripts that cannot occur in what kft renders, or that another rule covers, with the reason."""
