"""Bad input: the whole message, exit code 2, no traceback, nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

Kft = Callable[..., Answer]

EXPERIMENTS: dict[str, tuple[str, str]] = {
    "unknown key": (
        "[training]\nlerning_rate = 1e-5\nnetwork_dim = 4\nbatch_size = 2\n",
        """\
error: bad.toml has 3 errors
  • lerning_rate is not an option of sdxl_train.py  [toml-unknown-key]
    PROJECT/experiments/bad.toml, line 2: training.lerning_rate
    → did you mean learning_rate or learning_rate_te2 or learning_rate_te1?
  • network_dim is not an option of sdxl_train.py  [toml-unknown-key]
    PROJECT/experiments/bad.toml, line 3: training.network_dim
    → remove it: it is an option of sdxl_train_network.py, train_network.py and 7 more scripts, not of sdxl_train.py
  • batch_size is not an option of sdxl_train.py  [toml-unknown-key]
    PROJECT/experiments/bad.toml, line 4: training.batch_size
    → it belongs to the dataset config: move it to [dataset.general] or [[dataset.datasets]]
""",
    ),
    "wrong type": (
        "[training]\nlearning_rate = '1e-5'\nxformers = 'false'\nmixed_precision = 'bf17'\nseed = true\n",
        """\
error: bad.toml has 4 errors
  • learning_rate must be a number, not the string "1e-5"  [toml-no-type-check]
    PROJECT/experiments/bad.toml, line 2: training.learning_rate
    → write learning_rate = 1e-05
  • xformers must be true or false, not the string "false"  [toml-no-type-check]
    PROJECT/experiments/bad.toml, line 3: training.xformers
    → write xformers = false
  • mixed_precision cannot be 'bf17'  [mp-invalid]
    PROJECT/experiments/bad.toml, line 4: training.mixed_precision
    → choose one of: no, fp16, bf16
  • seed must be a whole number, not true  [toml-no-type-check]
    PROJECT/experiments/bad.toml, line 5: training.seed
    → write a whole number
""",
    ),
    "managed key": (
        "[training]\noutput_dir = 'x'\nmetadata_kft_config = 'x'\nsave_model_as = 'ckpt'\n",
        """\
error: bad.toml has 3 errors
  • output_dir is managed by kft  [managed-option]
    PROJECT/experiments/bad.toml, line 2: training.output_dir
    → remove it: every run gets a folder of its own; set `outputs` in the settings to move them all
  • metadata_kft_config is managed by kft  [managed-option]
    PROJECT/experiments/bad.toml, line 3: training.metadata_kft_config
    → remove it: kft writes its own records under these names
  • save_model_as = 'ckpt' makes checkpoints that cannot hold their configuration, so kft does not archive them  \
[save-as-typo]
    PROJECT/experiments/bad.toml, line 4: training.save_model_as
    → write save_model_as = "safetensors" and convert afterwards
""",
    ),
    "literal secret": (
        "[training]\nwandb_api_key = 'abc'\nhuggingface_token = 'hf_x'\n",
        """\
error: bad.toml has 2 errors
  • wandb_api_key is a secret and would be archived with every checkpoint  [secret]
    PROJECT/experiments/bad.toml, line 2: training.wandb_api_key
    → remove it and set the environment variable WANDB_API_KEY before the run
  • huggingface_token is a secret and would be archived with every checkpoint  [secret]
    PROJECT/experiments/bad.toml, line 3: training.huggingface_token
    → remove it and set the environment variable HF_TOKEN before the run
""",
    ),
    "dataset levels": (
        "[dataset.general]\nimage_dir = 'x'\n[[dataset.datasets]]\nbatchsize = 2\n"
        "[[dataset.datasets.subsets]]\nresolution = 512\nseed = 1\n",
        """\
error: bad.toml has 4 errors
  • image_dir may not stand in [dataset.general]: sd-scripts refuses it there  [dataset-unknown-key]
    PROJECT/experiments/bad.toml, line 2: dataset.general.image_dir
    → move it to [[dataset.datasets.subsets]]
  • batchsize is not a key of the dataset config  [dataset-unknown-key]
    PROJECT/experiments/bad.toml, line 4: dataset.datasets[0].batchsize
    → did you mean batch_size?
  • resolution may not stand in [[dataset.datasets.subsets]]: sd-scripts refuses it there  [dataset-unknown-key]
    PROJECT/experiments/bad.toml, line 6: dataset.datasets[0].subsets[0].resolution
    → move it to [dataset.general] or [[dataset.datasets]]
  • seed is not a key of the dataset config  [dataset-unknown-key]
    PROJECT/experiments/bad.toml, line 7: dataset.datasets[0].subsets[0].seed
    → it is an option: move it to [training]
""",
    ),
    "broken TOML": (
        "[training]\nlearning_rate = \n",
        """\
error: bad.toml is not valid TOML
  • there is no value behind the =
    PROJECT/experiments/bad.toml, line 2, column 17
    → write one, or remove the line
""",
    ),
}


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize("case", EXPERIMENTS)
def test_a_wrong_experiment_is_refused_with_everything_that_is_wrong(
    kft: Kft, project: Path, case: str, verb: str
) -> None:
    """Every error of the file, each with its line and its next step."""
    text, message = EXPERIMENTS[case]
    (project / "experiments" / "bad.toml").write_text(text)
    answer = kft(verb, "bad")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == message
    assert not (project / "runs").exists()


def test_a_misspelt_experiment_offers_the_nearest_names(kft: Kft) -> None:
    """The names that exist are the next step."""
    answer = kft("run", "secnd")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "error: no experiment is called 'secnd'\n"
        "  • no such experiment\n"
        "    PROJECT/experiments\n"
        "    → did you mean second?\n"
    )


def test_arguments_of_the_scheduler_have_examples_of_their_own(kft: Kft, project: Path) -> None:
    """What cannot be read in lr_scheduler_args is answered with arguments that schedulers have."""
    (project / "experiments" / "bad.toml").write_text("[training]\nlr_scheduler_args = ['lr_end']\n")
    answer = kft("check", "bad")
    assert answer.code == 1
    assert (
        '  • lr_scheduler_args: "lr_end" has no "="  [opt-args]\n'
        "    PROJECT/experiments/bad.toml, line 2: training.lr_scheduler_args\n"
        '    → write each as "name=value" with a literal of Python: "lr_end=1e-7", "num_stable_steps=100"\n'
    ) in answer.out


def test_a_circle_of_parents_is_shown_whole(kft: Kft, project: Path) -> None:
    """The way round is spelled out, with the file that closes it."""
    (project / "experiments" / "a.toml").write_text("extends = 'b'\n")
    (project / "experiments" / "b.toml").write_text("extends = 'a'\n")
    answer = kft("run", "a")
    assert answer.code == 2
    assert answer.err == (
        "error: a has no root\n"
        "  • extends goes in a circle: a -> b -> a\n"
        "    PROJECT/experiments/b.toml\n"
        "    → break it\n"
    )


def test_wrong_overrides_are_refused_together(kft: Kft) -> None:
    """--set is checked like a file, and each error names the flag as typed."""
    answer = kft(
        "run", "first", "--set", "learning_rate=fast", "--set", "output_name=x", "--unset", "vae", "--set", "sed=1"
    )
    assert answer.code == 2
    assert answer.err == (
        "error: the command line has errors\n"
        "  • vae is not set, so it cannot be unset\n"
        "    --unset vae\n"
        "    → correct the key\n"
        '  • learning_rate must be a number, not the string "fast"  [toml-no-type-check]\n'
        "    --set learning_rate=fast\n"
        "    → write learning_rate = 2e-06\n"
        "  • output_name is managed by kft  [managed-option]\n"
        "    --set output_name=x\n"
        "    → remove it: checkpoints are named after the experiment; rename the file\n"
        "  • sed is not an option of sdxl_train.py  [toml-unknown-key]\n"
        "    --set sed=1\n"
        "    → did you mean seed?\n"
    )
    assert kft("run", "first", "--set", "seed").err == (
        "error: the command line has errors\n"
        "  • a --set needs key=value\n"
        "    --set seed\n"
        "    → write --set seed=VALUE\n"
    )


def test_wrong_settings_are_refused_together(kft: Kft, project: Path) -> None:
    """Every layer is checked, and each error names its file."""
    (project / "kft.local.toml").write_text("modells = 'x'\nnum_processes = 'two'\n")
    answer = kft("settings")
    assert answer.code == 2
    assert answer.err == (
        "error: the settings have errors\n"
        "  • no setting is called 'modells'\n"
        "    PROJECT/kft.local.toml\n"
        "    → did you mean models? `kft settings` lists all names\n"
        "  • num_processes must be a whole number from 1, not 'two'\n"
        "    PROJECT/kft.local.toml\n"
        "    → correct the value; `kft settings` shows what is in force\n"
    )


def test_an_unknown_verb_offers_the_nearest(kft: Kft) -> None:
    """A typo in the verb is answered like any other typo."""
    answer = kft("runn", "first")
    assert answer.code == 2
    assert answer.err.endswith("Error: No such command 'runn'. Did you mean run?\n")


def test_bytes_that_are_no_text(kft: Kft, project: Path) -> None:
    """As a terminal of another encoding sends them: no bug of kft, and nothing is written."""
    answer = kft("new", "third", "--from", "second", "--purpose", "caf\udce9")
    assert (answer.code, answer.out) == (2, "")
    assert "bytes that are no text in UTF-8" in answer.err
    assert not (project / "experiments" / "third.toml").exists()


def test_a_bug_is_reported_as_one(kft: Kft, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception ends with exit code 3 and a report to paste, not with a traceback."""
    monkeypatch.setattr("fork_wrapper.commands.settings.settings_from", lambda _flags: 1 / 0)
    answer = kft("settings")
    assert answer.code == 3
    first, second = answer.err.splitlines()
    assert first == "bug: ZeroDivisionError: division by zero"
    report = Path(second.rsplit(" ", 1)[-1])
    assert "command: `kft settings`" in report.read_text(encoding="utf-8")
    report.unlink()
