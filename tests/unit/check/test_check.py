"""Rules, machine and plan in one answer, and where each finding points to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.check.acknowledging import place
from fork_wrapper.check.check import check, would_stop
from fork_wrapper.experiment.resolve import parse_overrides, resolve
from fork_wrapper.machine.gpus import Gpu
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import TrainerPython, real_trainer
from fork_wrapper.sdscripts.packages import needed_packages
from tests.builders.model_files import MADE
from tests.builders.sdxl_layout import write_sparse

EXPERIMENT = """
[training]
learning_rate = 1e-5
full_bf16 = true
[dataset.general]
caption_extension = ".txt"
[[dataset.datasets]]
resolution = 1024
[[dataset.datasets.subsets]]
image_dir = "{datasets}/people"
"""


def test_places(settings: Settings, write: Callable[..., Path]) -> None:
    """The line of the file that says a value, the flag, kft itself, or only the key path when nobody said it."""
    path = write("one", EXPERIMENT)
    write("two", 'extends = "one"\n')
    resolved = resolve("two", settings, parse_overrides(["seed=5", "dataset.general.flip_aug=true"]))
    assert place(resolved, "training.full_bf16") == f"{path}, line 4: training.full_bf16"
    deep = "dataset.datasets[0].subsets[0].image_dir"
    assert place(resolved, deep) == f"{path}, line 10: {deep}"
    assert place(resolved, "training.seed") == "--set seed=5"
    assert place(resolved, "dataset.general.flip_aug") == "--set dataset.general.flip_aug=true"
    assert place(resolved, "training.log_with") == "training.log_with (set by kft)"
    assert place(resolved, "training.max_train_steps") == "training.max_train_steps"


def test_each_flag_is_blamed_for_its_own_value(settings: Settings, write: Callable[..., Path]) -> None:
    """Two places of one name, each with a flag of its own."""
    write("one", EXPERIMENT + "[[dataset.datasets]]\nresolution = 512\n")
    overrides = parse_overrides(["dataset.datasets[0].batch_size=0", "dataset.datasets[1].batch_size=2"])
    resolved = resolve("one", settings, overrides)
    for index, value in enumerate((0, 2)):
        path = f"dataset.datasets[{index}].batch_size"
        assert place(resolved, path) == f"--set {path}={value}"


def test_documented_values_name_their_document(settings: Settings, write: Callable[..., Path]) -> None:
    """A note for each file that names none, of the whole chain; none for values that nobody documents."""

    def found() -> list[str]:
        checked = check(resolve("two", settings), settings, real_trainer(settings))
        return [one.where for one in checked.findings if "no document is named" in one.what]

    path = write("one", EXPERIMENT + '[origin]\ndefault = "documented"\n')
    write("two", 'extends = "one"\n')
    assert found() == [str(path)]
    write("one", EXPERIMENT + '[origin]\ndefault = "documented"\nsource = "the wiki"\n')
    assert found() == []


def test_words_in_braces_must_stand_for_something(settings: Settings, write: Callable[..., Path]) -> None:
    """A misspelt placeholder is no folder that is missing, unless there is one of that very name."""
    path = write("one", EXPERIMENT.replace("{datasets}", "{dataset}"))

    def found() -> list[tuple[str, str, str]]:
        checked = check(resolve("one", settings), settings, real_trainer(settings))
        return [(one.what, one.where, one.todo) for one in checked.findings if "placeholder" in one.what]

    key = "dataset.datasets[0].subsets[0].image_dir"
    assert found() == [("{dataset} is not a placeholder", f"{path}, line 10: {key}", "did you mean {datasets}?")]
    (settings.experiments / "{dataset}" / "people").mkdir(parents=True)
    assert found() == []


def test_nothing_passes_in_silence(settings: Settings, write: Callable[..., Path]) -> None:
    """A name let through is a note; one that let nothing pass, or that kft knows, a warning."""
    write("one", EXPERIMENT)
    resolved = resolve("one", settings, parse_overrides(["new_option=1"]), ["new_option", "seed", "other"])
    checked = check(resolved, settings, real_trainer(settings))
    said = [(one.severity, one.what) for one in checked.findings if one.where.startswith("--allow-unknown")]
    assert said == [
        ("warning", "other has no effect"),
        ("warning", "seed has no effect"),
        ("note", "new_option is let through: kft does not know it"),
    ]


def test_errors_come_first_and_rules_say_their_id(
    settings: Settings, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rules find and what the machine lacks stand in one list, ordered by severity."""
    card = Gpu(name="A card", memory_mib=24000, used_mib=0, driver="1")
    monkeypatch.setattr("fork_wrapper.check.preflight.gpus", lambda: (card,))
    path = write("one", EXPERIMENT)
    checked = check(resolve("one", settings), settings, real_trainer(settings))
    severities = [one.severity for one in checked.findings]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    assert checked.errors == tuple(one for one in checked.findings if one.severity == "error")
    by_rule = {one.rule: one for one in checked.findings}
    assert by_rule["full-bf16"].where == f"{path}, line 4: training.full_bf16"
    assert by_rule["sd-scripts-missing"].severity == "error"
    assert checked.plan.name == "one"


@pytest.mark.parametrize("runtime", [True, False, None])
@pytest.mark.parametrize("key", ["xformers", "diffusers_xformers"])
def test_an_xformers_of_another_cuda_is_an_error(
    settings: Settings, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, runtime: bool | None, key: str
) -> None:
    """Where its runtime is not there; with the flags that help, which do."""
    python = TrainerPython(
        executable="/python",
        version="3.11.7",
        packages=dict.fromkeys([*needed_packages({"log_with": "tensorboard"}), "xformers"], "1.0"),
        torch_cuda="13.0",
        xformers_cuda="12.8",
        xformers_runtime=runtime,
    )
    card = Gpu(name="A card", memory_mib=24000, used_mib=0, driver="1")
    monkeypatch.setattr("fork_wrapper.check.preflight.gpus", lambda: (card,))
    monkeypatch.setattr("fork_wrapper.check.preflight.probe_python", lambda *_arguments: python)
    write("one", EXPERIMENT)

    def found(*overrides: str) -> list[tuple[str, str]]:
        resolved = resolve("one", settings, parse_overrides(overrides))
        checked = check(resolved, settings, real_trainer(settings))
        return [(one.what, one.todo) for one in checked.errors if one.rule == "xformers-build"]

    what = f"{key} has no operators here: xformers is built for CUDA 12.8, torch for CUDA 13.0"
    expected = [(what, f"--unset {key} --set sdpa=true")]
    assert found(f"{key}=true") == (expected if runtime is False else [])
    assert found("sdpa=true") == []


def test_caches_need_a_folder_that_can_be_written(
    settings: Settings, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the trainer dies after the base model is loaded; caches in memory need none."""
    write("one", EXPERIMENT)
    folder = settings.datasets / "people"
    folder.mkdir(parents=True)
    monkeypatch.setattr("fork_wrapper.check.preflight.os.access", lambda path, _mode: path != folder)

    def found(*overrides: str) -> list[tuple[str, str]]:
        checked = check(resolve("one", settings, parse_overrides(overrides)), settings, real_trainer(settings))
        return [(one.what, one.where) for one in checked.findings if "nothing can be written" in one.what]

    assert found("cache_latents=true") == []
    where = f"{folder} (dataset.datasets[0].subsets[0].image_dir)"
    what = "caches are kept beside the images, and nothing can be written there"
    assert found("cache_latents_to_disk=true") == found("dataset.general.cache_info=true") == [(what, where)]


def test_a_rehearsal_says_what_would_stop_the_real_run(settings: Settings, write: Callable[..., Path]) -> None:
    """It runs with other values, and so must not let the real run's errors pass in silence."""
    write("one", EXPERIMENT)
    found = {one.rule: one for one in would_stop(resolve("one", settings))}
    assert found["full-bf16"].severity == "warning"
    assert found["full-bf16"].what.startswith("the real run would stop: ")


def test_a_rehearsal_says_that_the_base_is_another_model(settings: Settings, write: Callable[..., Path]) -> None:
    """It trains the miniature, and the real run would die of the file."""
    base = write_sparse(settings.models / "base.safetensors", MADE["LoRA of peft"].tensors)
    write("one", f"[training]\npretrained_model_name_or_path = '{base.as_posix()}'\n")
    (found,) = [one for one in would_stop(resolve("one", settings)) if one.rule == "base-other"]
    assert (found.severity, found.what) == ("warning", "the real run would stop: the base model is a LoRA")


WARNED = """
[training]
learning_rate = 1e-5
clip_skip = 1
huber_schedule = "snr"
[[dataset.datasets]]
resolution = 1024
[[dataset.datasets.subsets]]
image_dir = "{datasets}/people"
"""
KNOWN = """
[acknowledge]
clip-skip = "the document gives it"
huber-unused = "so does it this"
"""


def _found(name: str, settings: Settings, *sets: str) -> tuple[list[str], list[str], list[str]]:
    """Rules of warnings that stand, of acknowledged ones, and what is said of acknowledgements."""
    checked = check(resolve(name, settings, parse_overrides(sets)), settings, real_trainer(settings))
    ours = [one for one in checked.findings if one.rule in ("clip-skip", "huber-unused")]
    said = [f"{one.what} | {one.where} | {one.todo}" for one in checked.findings if "acknowledged" in one.what]
    return (
        [one.rule for one in ours if not one.acknowledged],
        [f"{one.rule}: {one.acknowledged}" for one in ours if one.acknowledged],
        said,
    )


def test_what_is_acknowledged(settings: Settings, write: Callable[..., Path]) -> None:
    """Stays a finding with its reason, in children too, but not for values that a child or --set says."""
    write("one", WARNED)
    assert _found("one", settings) == (["huber-unused", "clip-skip"], [], [])
    write("one", WARNED + KNOWN)
    both = ["huber-unused: so does it this", "clip-skip: the document gives it"]
    assert _found("one", settings) == ([], both, [])
    write("two", 'extends = "one"\n')
    assert _found("two", settings) == ([], both, [])
    assert _found("two", settings, "clip_skip=2") == (["clip-skip"], both[:1], [])
    write("two", 'extends = "one"\n[training]\nclip_skip = 2\n')
    assert _found("two", settings) == (["clip-skip"], both[:1], [])
    write("two", 'extends = "one"\n[training]\nclip_skip = 2\n[acknowledge]\nclip-skip = "ours too"\n')
    assert _found("two", settings) == ([], [both[0], "clip-skip: ours too"], [])
    write("two", 'extends = "one"\nunset = ["acknowledge.clip-skip"]\n')
    assert _found("two", settings) == (["clip-skip"], both[:1], [])


def test_what_is_acknowledged_and_no_longer_found(settings: Settings, write: Callable[..., Path]) -> None:
    """Is said, with the line, and how a child is rid of it."""
    path = write("one", WARNED.replace("clip_skip = 1\n", "") + KNOWN)
    line = f"{path}, line 11: acknowledge.clip-skip"
    what = "clip-skip is acknowledged, but no longer found"
    assert _found("one", settings)[2] == [f"{what} | {line} | remove the line"]
    write("two", 'extends = "one"\n')
    assert _found("two", settings)[2] == [
        f'{what} | {line} | leave it, or add to this experiment: unset = ["acknowledge.clip-skip"]'
    ]


def test_what_cannot_be_acknowledged(settings: Settings, write: Callable[..., Path]) -> None:
    """Rules that there are not, with the nearest, and errors: these stop a run, each with its line."""
    wrong = '[acknowledge]\nclip-skipp = "x"\nwarmup-needless = "x"\nimage-plain = "x"\ndisk = "x"\n'
    path = write("one", WARNED + wrong)
    write("two", 'extends = "one"\n')
    for name in ("one", "two"):
        checked = check(resolve(name, settings), settings, real_trainer(settings))
        found = [(one.what, one.where, one.todo) for one in checked.errors if "acknowledge." in one.where]
        assert found == [
            ("no rule is called clip-skipp", f"{path}, line 11: acknowledge.clip-skipp", "did you mean clip-skip?"),
            (
                "warmup-needless is an error: it cannot be acknowledged",
                f"{path}, line 12: acknowledge.warmup-needless",
                "`kft rules warmup-needless` says what to do",
            ),
            (
                "image-plain belongs to `kft dataset check`; only rules can be acknowledged",
                f"{path}, line 13: acknowledge.image-plain",
                "`kft rules image-plain` says what to do",
            ),
            (
                "disk is an error: it cannot be acknowledged",
                f"{path}, line 14: acknowledge.disk",
                "`kft rules disk` says what to do",
            ),
        ]


def test_a_warning_about_the_machine_is_acknowledged(settings: Settings, write: Callable[..., Path]) -> None:
    """By its kind; on a machine where it is not found, nothing is said of the acknowledgement."""
    (settings.sd_scripts).mkdir(parents=True)
    (settings.sd_scripts / "sdxl_train.py").write_text("")
    write("one", EXPERIMENT + '[acknowledge]\nsd-scripts-commit = "a copy of ours"\ngpu-in-use = "it is ours"\n')
    checked = check(resolve("one", settings), settings, real_trainer(settings))
    found = [(one.rule, one.acknowledged) for one in checked.findings if one.rule.startswith("sd-scripts")]
    assert found == [("sd-scripts-commit", "a copy of ours")]
    assert not [one for one in checked.findings if "acknowledge" in one.what]
