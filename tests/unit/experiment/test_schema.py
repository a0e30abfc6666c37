"""What an experiment may say: the whole message for everything that it may not."""

import math
from datetime import date, time
from typing import Any

import pytest

from fork_wrapper.errors import Finding
from fork_wrapper.experiment.schema import MANAGED, SECRETS, check_dataset, check_training, fits
from fork_wrapper.sdscripts.options import dataset_keys, options


def _where(key: str) -> str:
    return f"a.toml: {key}"


def _training(key: str, value: Any) -> tuple[str, str]:
    """(what, todo) of the one finding for a training value."""
    clean, [finding] = check_training({key: value}, _where)
    assert (clean, finding.where, finding.severity) == ({}, f"a.toml: training.{key}", "error")
    return finding.what, finding.todo


def _dataset(tree: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(where, what, todo) of all findings for a dataset tree."""
    return [(one.where.removeprefix("a.toml: "), one.what, one.todo) for one in check_dataset(tree, _where)]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("learning_rat", "did you mean learning_rate or learning_rate_te2 or learning_rate_te1?"),
        ("gradient-checkpointing", "did you mean gradient_checkpointing?"),
        ("zzzz", "remove it; sd-scripts knows no similar name"),
    ],
)
def test_unknown_option(key: str, nearest: str) -> None:
    """sd-scripts would take a misspelt option without a word; the nearest names are offered, else none."""
    assert _training(key, 1) == (f"{key} is not an option of sdxl_train.py", nearest)


def test_names_of_other_programs() -> None:
    """An option of another script says whose it is, a name of the GUI what sd-scripts calls it."""
    assert _training("network_dim", 4)[1] == (
        "remove it: it is an option of sdxl_train_network.py, train_network.py and 7 more scripts, not of sdxl_train.py"
    )
    assert _training("epoch", 4)[1] == "that is the kohya_ss GUI's name; sd-scripts calls it max_train_epochs"


def test_allowed_names_pass() -> None:
    """A name that kft does not know passes when it is allowed, with any plain value; nothing else is let through."""
    allow = ("new_option", "output_dir", "seed")
    given = {"new_option": [1, 2], "learning_rate": 1}
    assert check_training(given, _where, allow) == ({"new_option": [1, 2], "learning_rate": 1.0}, [])
    refused = check_training({"output_dir": "x", "seed": "1", "new_options": 1}, _where, allow)[1]
    assert [one.rule for one in refused] == ["managed-option", "toml-no-type-check", "toml-unknown-key"]
    tree = {"general": {"new_option": 1}, "datasets": [{"new_option": 1, "subsets": [{"new_option": 1}]}]}
    assert check_dataset(tree, _where, allow) == []
    assert [one.rule for one in check_dataset(tree, _where)] == ["dataset-unknown-key"] * 3


def test_seventy_five_tokens() -> None:
    """The command line refuses the default length by its number; a config file may say it."""
    assert check_training({"max_token_length": 75}, _where) == ({"max_token_length": 75}, [])
    assert _training("max_token_length", 100) == (
        "max_token_length cannot be 100",
        "choose one of: 75, 150, 225",
    )


def test_managed_options_say_what_to_do_instead() -> None:
    """The six options that kft sets itself are refused, each with its own way out."""
    assert sorted(MANAGED) == [
        *("config_file", "dataset_config", "logging_dir", "output_config", "output_dir", "output_name"),
    ]
    for key, instead in MANAGED.items():
        assert _training(key, "x") == (f"{key} is managed by kft", f"remove it: {instead}")
    assert _training("metadata_kft_anything", "x") == (
        "metadata_kft_anything is managed by kft",
        "remove it: kft writes its own records under these names",
    )


def test_secrets_travel_by_environment() -> None:
    """The two options that hold a secret are refused, with the variable that carries it; the value is not repeated."""
    assert dict(SECRETS) == {"wandb_api_key": "WANDB_API_KEY", "huggingface_token": "HF_TOKEN"}
    for key, variable in SECRETS.items():
        assert _training(key, "hunter2") == (
            f"{key} is a secret and would be archived with every checkpoint",
            f"remove it and set the environment variable {variable} before the run",
        )


@pytest.mark.parametrize("key", [*MANAGED, *SECRETS])
def test_the_dataset_is_no_way_round(key: str) -> None:
    """A managed option or a secret in the dataset config is not sent to [training], where it is refused as well."""
    [(_, _, todo)] = _dataset({"general": {key: "x"}})
    assert "[training]" not in todo


@pytest.mark.parametrize(
    ("key", "value", "what", "todo"),
    [
        ("learning_rate", "1e-5", 'a number, not the string "1e-5"', "learning_rate = 1e-05"),
        ("learning_rate", "fast", 'a number, not the string "fast"', "learning_rate = 2e-06"),
        ("learning_rate", math.nan, "a number, not nan", "learning_rate = 2e-06"),
        ("learning_rate", math.inf, "a number, not inf", "learning_rate = 2e-06"),
        ("learning_rate", True, "a number, not true", "learning_rate = 2e-06"),
        ("seed", True, "a whole number, not true", "a whole number"),
        ("seed", "many", 'a whole number, not the string "many"', "a whole number without quotes"),
        ("noise_offset", math.inf, "a number, not inf", "a number"),
        ("noise_offset", "abc", 'a number, not the string "abc"', "a number without quotes"),
        ("learning_rate", 1e400, "a number, not inf", "learning_rate = 2e-06"),
        ("learning_rate", {"a": 1}, "a number, not a table", "learning_rate = 2e-06"),
        ("learning_rate", {"a": math.nan}, "a number, not a table", "learning_rate = 2e-06"),
        ("learning_rate", "a\nb\x1b", r'a number, not the string "a\nb\x1b"', "learning_rate = 2e-06"),
        ("learning_rate", date(2024, 5, 1), "a number, not 2024-05-01", "learning_rate = 2e-06"),
        ("learning_rate", [time(7, 5)], "a number, not [07:05:00]", "learning_rate = 2e-06"),
        ("metadata_title", date(2024, 5, 1), "a string, not 2024-05-01", 'metadata_title = "2024-05-01"'),
        ("metadata_title", math.nan, "a string, not nan", 'metadata_title = "..."'),
        ("xformers", [1], "true or false, not [1]", "true or false"),
        ("xformers", "off", 'true or false, not the string "off"', "xformers = false"),
        ("seed", 1.0, "a whole number, not 1.0", "seed = 1"),
        ("seed", "42", 'a whole number, not the string "42"', "seed = 42"),
        ("xformers", "true", 'true or false, not the string "true"', "xformers = true"),
        ("xformers", 0, "true or false, not 0", "xformers = false"),
        ("xformers", 1, "true or false, not 1", "xformers = true"),
        ("xformers", "yes", 'true or false, not the string "yes"', "xformers = true"),
        ("resolution", 1024, "a string, not 1024", 'resolution = "1024"'),
        ("optimizer_type", False, "a string, not false", 'optimizer_type = "..."'),
        ("optimizer_args", "a=1", 'a list of strings, not the string "a=1"', 'optimizer_args = ["name=value"]'),
        ("optimizer_args", ["a=1", 2], 'a list of strings, not ["a=1", 2]', 'optimizer_args = ["name=value"]'),
        ("seed", [1], "a whole number, not [1]", "a whole number"),
    ],
)
def test_wrong_type(key: str, value: Any, what: str, todo: str) -> None:
    """sd-scripts converts nothing in its config file: the message says what it must be, what it is, what to write."""
    assert _training(key, value) == (f"{key} must be {what}", f"write {todo}")


def test_steps_or_fraction() -> None:
    """Warm-up takes steps as a whole number or a fraction of all steps; a string is neither."""
    assert check_training({"lr_warmup_steps": 500, "lr_decay_steps": 0.05}, _where)[1] == []
    what, _ = _training("lr_warmup_steps", "10%")
    assert what == 'lr_warmup_steps must be a whole number (steps) or a fraction (of all steps), not the string "10%"'


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_no_example_that_would_be_refused(text: str) -> None:
    """What a message says to write is something that is then taken."""
    _, todo = _training("learning_rate", text)
    assert todo == "write learning_rate = 2e-06"


@pytest.mark.parametrize(
    ("key", "value", "choices"),
    [
        ("mixed_precision", "fp32", "no, fp16, bf16"),
        ("loss_type", "L2", "l1, l2, huber, smooth_l1"),
        ("save_precision", "fp32", "float, fp16, bf16"),
        ("zero_stage", 5, "0, 1, 2, 3"),
    ],
)
def test_choices(key: str, value: Any, choices: str) -> None:
    """The config file is not checked against the parser's choices by sd-scripts: here it is."""
    assert _training(key, value) == (f"{key} cannot be {value!r}", f"choose one of: {choices}")


@pytest.mark.parametrize("value", ["ckpt", "diffusers", "diffusers_safetensors"])
def test_only_checkpoints_that_carry_their_configuration(value: str) -> None:
    """A format whose files cannot say how they were made is refused with the one that can."""
    assert _training("save_model_as", value) == (
        f"save_model_as = {value!r} makes checkpoints that cannot hold their configuration, "
        "so kft does not archive them",
        'write save_model_as = "safetensors" and convert afterwards',
    )


def test_a_misspelt_format_is_not_sent_to_one_that_is_refused() -> None:
    """What is offered for a format that does not exist is only what is then taken."""
    what, todo = _training("save_model_as", "safetensor")
    assert "'safetensor'" in what
    assert "safetensors" in todo
    assert "ckpt" not in todo


def test_token_length_is_one_that_the_parser_takes() -> None:
    """A number that is no choice is refused as a wrong string would be."""
    what, todo = _training("max_token_length", 100)
    assert what == "max_token_length cannot be 100"
    assert todo.endswith("150, 225")


def test_good_values_of_every_type() -> None:
    """Good values come back as they are, but for a whole number where a float belongs, which becomes one."""
    numbers = {"seed": 0, "xformers": False, "max_token_length": 225, "lr_warmup_steps": 0, "zero_stage": 3}
    texts = {"metadata_title": "", "mixed_precision": "bf16", "save_model_as": "safetensors", "optimizer_args": ["a=b"]}
    same = {**numbers, **texts}
    clean, findings = check_training({**same, "learning_rate": 1, "lr_scheduler_power": 2}, _where)
    assert findings == []
    assert repr(clean) == repr({**same, "learning_rate": 1.0, "lr_scheduler_power": 2.0})


def test_zero_false_and_absent_stay_apart() -> None:
    """0, 0.0, false and nothing at all are never made of one another."""
    clean, _ = check_training({"learning_rate_te2": 0, "seed": 0, "flip_aug": False}, _where)
    assert repr(clean) == "{'learning_rate_te2': 0.0, 'seed': 0, 'flip_aug': False}"


def test_keys_of_the_other_file() -> None:
    """A key of the dataset config in [training] is sent to where it may stand, and the other way round."""
    assert _training("batch_size", 4) == (
        "batch_size is not an option of sdxl_train.py",
        "it belongs to the dataset config: move it to [dataset.general] or [[dataset.datasets]]",
    )
    assert _training("image_dir", "x") == (
        "image_dir is not an option of sdxl_train.py",
        "it belongs to the dataset config: move it to [[dataset.datasets.subsets]]",
    )
    assert _dataset({"general": {"seed": 1}}) == [
        ("dataset.general.seed", "seed is not a key of the dataset config", "it is an option: move it to [training]")
    ]


def test_levels_of_the_dataset() -> None:
    """A key that may not stand at a level is named with the levels where it may, all of them at once."""
    tree = {
        "general": {"image_dir": "x"},
        "datasets": [{"num_repeats": 1, "is_reg": True, "subsets": [{"batch_size": 2}, {"num_repeats": 3}]}],
    }
    general, dataset, subset = "[dataset.general]", "[[dataset.datasets]]", "[[dataset.datasets.subsets]]"

    def wrong(path: str, here: str, there: str) -> tuple[str, str, str]:
        key = path.rsplit(".", 1)[-1]
        return path, f"{key} may not stand in {here}: sd-scripts refuses it there", f"move it to {there}"

    assert _dataset(tree) == [
        wrong("dataset.general.image_dir", general, subset),
        wrong("dataset.datasets[0].is_reg", dataset, subset),
        wrong("dataset.datasets[0].subsets[0].batch_size", subset, f"{general} or {dataset}"),
    ]


@pytest.mark.parametrize(
    ("value", "spelt", "todo"),
    [
        (1, "1", "validation_split = 1.0"),
        (0, "0", "validation_split = 0.0"),
        (True, "true", "a number"),
        ("0.1", 'the string "0.1"', "validation_split = 0.1"),
        (math.nan, "nan", "a number"),
    ],
)
def test_float_only_dataset_keys(value: Any, spelt: str, todo: str) -> None:
    """The dataset schema refuses a whole number for some keys: so does kft, and says how to write it."""
    what = f"validation_split must be a number with a decimal point, not {spelt}"
    assert _dataset({"general": {"validation_split": value}}) == [
        ("dataset.general.validation_split", what, f"write {todo}")
    ]


@pytest.mark.parametrize(
    ("key", "value", "what", "todo"),
    [
        (
            "face_crop_aug_range",
            "2,4",
            'must be a pair of numbers with decimal points, not the string "2,4"',
            "write face_crop_aug_range = [2.0, 4.0]",
        ),
        (
            "face_crop_aug_range",
            [1, 3],
            "must be a pair of numbers with decimal points, not [1, 3]",
            "write face_crop_aug_range = [1.0, 3.0]",
        ),
        ("caption_prefix", ["a"], 'must be a string, not ["a"]', 'write caption_prefix = "..."'),
        ("caption_prefix", "a\0", "holds a null character", "remove it"),
        (
            "custom_attributes",
            {"a": math.nan},
            "must be a table, not one with dates or NaN, which no archive can hold",
            "remove the dates and NaN",
        ),
        ("batch_size", "x", 'must be a whole number, not the string "x"', "write a whole number without quotes"),
        ("caption_dropout_rate", math.nan, "must be a number, not nan", "write caption_dropout_rate = 0.0"),
    ],
)
def test_wrong_types_in_the_dataset(key: str, value: Any, what: str, todo: str) -> None:
    """What is offered is possible and harmless: the value in its right type, a default, or words."""
    assert _dataset({"general": {key: value}}) == [(f"dataset.general.{key}", f"{key} {what}", todo)]


def test_a_wrong_type_where_only_some_values_may_stand() -> None:
    """The choices are the next step, not an example that is then refused."""
    assert _training("mixed_precision", 16) == (
        "mixed_precision must be a string, not 16",
        "choose one of: no, fp16, bf16",
    )


@pytest.mark.parametrize("key", ["unset", "extends", "story", "origin"])
def test_what_belongs_at_the_top(key: str) -> None:
    """What the file says of itself ends in a table when it is written below the table's header."""
    todo = "it belongs at the top of the file, above every table"
    assert _training(key, ["seed"]) == (f"{key} is not an option of sdxl_train.py", todo)
    what = f"{key} is not a key of the dataset config"
    assert _dataset({"general": {key: "x"}}) == [(f"dataset.general.{key}", what, todo)]
    what = f"{key} is not a table of the dataset config"
    assert _dataset({key: "x"}) == [(f"dataset.{key}", what, todo)]


@pytest.mark.parametrize(("key", "spelt"), [("", '""'), ("a\n\x1b[31m", r"a\n\x1b[31m")])
def test_names_that_cannot_be_printed(key: str, spelt: str) -> None:
    """A name reaches the terminal on one line and without control characters, in the message and in its place."""
    _, [finding] = check_training({key: 1}, _where)
    assert (finding.where, finding.what, finding.todo) == (
        f"a.toml: training.{spelt}",
        f"{spelt} is not an option of sdxl_train.py",
        "remove it; sd-scripts knows no similar name",
    )
    _, [finding] = check_training({key: {}}, _where, allow=(key,))
    assert (finding.what, finding.todo) == (
        f"{spelt} must be a plain value, not a table",
        "write a number, a text, true, false or a list of them",
    )


def test_dataset_numbers_of_either_kind() -> None:
    """Where the dataset schema takes both kinds of number, both stay as they are written."""
    tree = {"general": {"caption_dropout_rate": 0, "token_warmup_step": 0.5, "validation_split": 0.1}}
    assert _dataset(tree) == []
    [(_, what, _)] = _dataset({"general": {"caption_dropout_rate": "0.1"}})
    assert what == 'caption_dropout_rate must be a number, not the string "0.1"'


def test_unknown_names_in_the_dataset() -> None:
    """Unknown tables and keys are named with the nearest that may stand at that level."""
    tree = {"genral": {}, "general": {"flip_agu": True}, "datasets": [{"subsets": [{"num_repeat": 1, "qqqq": 1}]}]}
    subset = "dataset.datasets[0].subsets[0]"
    assert _dataset(tree) == [
        ("dataset.genral", "genral is not a table of the dataset config", "did you mean general?"),
        ("dataset.general.flip_agu", "flip_agu is not a key of the dataset config", "did you mean flip_aug?"),
        (f"{subset}.num_repeat", "num_repeat is not a key of the dataset config", "did you mean num_repeats?"),
        (
            f"{subset}.qqqq",
            "qqqq is not a key of the dataset config",
            "remove it; sd-scripts knows no similar name",
        ),
    ]


def test_wrong_shapes_of_the_dataset() -> None:
    """A table or an array of tables that is something else is named with the header to write, which is valid TOML."""
    assert _dataset({"general": 1, "datasets": [{}, {"subsets": {}}]}) == [
        ("dataset.general", "dataset.general must be a table, not 1", "write [dataset.general] as a table"),
        (
            "dataset.datasets[1].subsets",
            "dataset.datasets[1].subsets must be an array of tables",
            "write it as [[dataset.datasets.subsets]]",
        ),
    ]
    wrong: tuple[Any, ...] = (1, {}, [1], [{}, "x"])
    for value in wrong:
        assert _dataset({"datasets": value}) == [
            ("dataset.datasets", "dataset.datasets must be an array of tables", "write it as [[dataset.datasets]]")
        ]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int_or_pair", [1024, [512, 768], 0], [[512], [1, 2, 3], [512, 1.0], "512", True, [True, 1], 1.5]),
        ("float_pair", [[1.0, 2.5]], [[1, 2], [1.0, 2], [1.0], 1.0, "1.0,2.0", [1.0, math.inf]]),
        ("table", [{}, {"a": [1]}], [[], "x", 0]),
        ("list[str]", [[], ["a", ""]], ["a", [1], [["a"]]]),
        ("number", [0, -1.5], [True, "1", math.nan, math.inf]),
    ],
)
def test_what_fits(kind: str, good: list[Any], bad: list[Any]) -> None:
    """The types that only some keys have, by example."""
    assert [fits(value, kind) for value in good] == [True] * len(good)
    assert [fits(value, kind) for value in bad] == [False] * len(bad)


def test_every_type_of_both_tables_can_be_checked() -> None:
    """No option and no dataset key has a type without a check and words for it: 176 options, 38 keys."""
    kinds = [*(row.type for row in options().values()), *(row.type for row in dataset_keys().values())]
    assert len(kinds) == 214
    assert not any(fits(None, kind) for kind in kinds)
    nothing = object()
    _, findings = check_training(dict.fromkeys(options(), nothing), _where)
    assert len(findings) == 176
    assert all(isinstance(finding, Finding) and finding.todo for finding in findings)
