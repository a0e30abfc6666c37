"""Ids of the rules about single values, which `schema` refuses while the file is read, and what is no rule at all.

sd-scripts checks neither names nor types nor choices in its config file (library/train_util.py:4748-4764).
The dataset config is checked, but its messages name no line and no remedy.
"""

from collections.abc import Mapping

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
