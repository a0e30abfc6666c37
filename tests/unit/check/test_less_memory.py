"""What takes less GPU memory: in order, legal by itself and together, and as flags that kft understands."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.check.gpu_memory import gpu_memory
from fork_wrapper.check.less_memory import Remedy, remedies
from fork_wrapper.check.rules.case import Case, Host
from fork_wrapper.check.rules.table import findings
from fork_wrapper.experiment.resolve import Resolved, parse_overrides, resolve
from fork_wrapper.machine.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]
WAYS: dict[str, tuple[str, ...]] = {
    "selected": (),
    "adamw": ("optimizer_type=AdamW",),
    "adamw fp32": ("optimizer_type=AdamW", "mixed_precision=no"),
    "full fp16": ("full_fp16=true", 'optimizer_args=["eps=1e-4"]'),
    "groups": ("fused_optimizer_groups=10", "gradient_accumulation_steps=1", "mixed_precision=bf16"),
    "without": ("gradient_checkpointing=false", "xformers=false", "cache_latents=false"),
    "prodigy": ("optimizer_type=Prodigy", "learning_rate=1", "learning_rate_te1=1"),
    "blocks": (f"block_lr={','.join(['0'] * 9 + ['1e-5'] * 14)}",),
    "adafactor": ("optimizer_type=Adafactor", "lr_warmup_steps=0"),
    "frozen": ("learning_rate=0.0",),
    "text cached": ("train_text_encoder=false", "caption_dropout_rate=0"),
    "augmented": ("cache_latents=false", "color_aug=true"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With the shipped experiments."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    return load_settings({"experiments": str(ROOT / "experiments")}, environ=environ, cwd=ROOT)


def case_of(resolved: Resolved, processes: int = 1) -> Case:
    """As the rules see it without its images."""
    host = Host(packages=None, cuda=True, processes=processes)
    return Case(training=resolved.training, dataset=resolved.dataset, host=host)


def objections(case: Case) -> set[str]:
    """Rules that find an error or a warning."""
    return {one.rule for one in findings(case) if one.severity != "note"}


def typed(found: list[Remedy]) -> Iterator[tuple[str, str]]:
    """Flags and values, as a shell gives them to kft."""
    words = shlex.split(" ".join(one.text for one in found))
    yield from zip(words[::2], words[1::2], strict=True)


@pytest.mark.parametrize("way", WAYS)
def test_each_of_them_is_legal_and_saves(way: str, settings: Settings) -> None:
    """Taken one after the other as flags, no rule objects more than before, and the bound falls as it was said."""
    before = case_of(resolve("humanoid_05", settings, parse_overrides(WAYS[way])))
    found = remedies(before)
    assert found
    last = gpu_memory(before)
    for count in range(1, len(found) + 1):
        flags = list(typed(list(found[:count])))
        sets = [*WAYS[way], *(text for flag, text in flags if flag == "--set")]
        unset = [text for flag, text in flags if flag == "--unset"]
        after = case_of(resolve("humanoid_05", settings, parse_overrides(sets, unset)))
        assert objections(after) <= objections(before)
        now = gpu_memory(after)
        assert last is not None
        assert now is not None
        assert abs(last.mib - now.mib - found[count - 1].saves_mib) <= 1
        last = now


def test_what_saves_most_comes_first(settings: Settings) -> None:
    """Of the selected experiment: gradients and optimizer, half the weights, then activations."""
    found = remedies(case_of(resolve("humanoid_05", settings)))
    assert [one.text for one in found] == [
        "--set optimizer_type=Adafactor "
        """--set 'optimizer_args=["scale_parameter=False","relative_step=False","warmup_init=False"]' """
        "--set max_grad_norm=0.0 --set fused_backward_pass=true --set gradient_accumulation_steps=1 "
        "--set mixed_precision=bf16",
        "--set full_bf16=true",
        "--set batch_size=2",
    ]
    assert [one.saving for one in found] == ["14421 MiB less", "5131 MiB less", "less for activations"]


def test_only_what_applies(settings: Settings) -> None:
    """What is set already is not proposed, and several processes must exchange gradients."""
    small = resolve("humanoid_05_24gb", settings)
    assert [one.text for one in remedies(case_of(small))] == ["--set batch_size=2"]
    done = resolve("humanoid_05_24gb", settings, parse_overrides(["batch_size=1"]))
    assert remedies(case_of(done)) == ()
    flags = " ".join(one.text for one in remedies(case_of(resolve("humanoid_05", settings), processes=2)))
    assert "fused_backward_pass" not in flags
    assert "optimizer_type=Adafactor" in flags
    assert "--set batch_size=2 --set gradient_accumulation_steps=4" in flags


def test_batches_of_several_datasets(settings: Settings) -> None:
    """Each is named by its path."""
    dataset: dict[str, Any] = {"datasets": [{"batch_size": 4, "subsets": []}, {"batch_size": 8, "subsets": []}]}
    case = Case(training=resolve("humanoid_05_24gb", settings).training, dataset=dataset)
    (found,) = remedies(case)
    assert found.text == "--set 'dataset.datasets[0].batch_size=2' --set 'dataset.datasets[1].batch_size=4'"
