"""Which packages are needed in any case, and which one an option adds."""

import pytest

from fork_wrapper.sdscripts.packages import ALTERNATIVES, ALWAYS, STAND_IN, needed_packages


def test_always_needed() -> None:
    """Without any option the fixed packages, for no option's sake; the stand-in needs fewer."""
    assert needed_packages({}) == dict.fromkeys(ALWAYS, "")
    assert needed_packages({}, stand_in=True) == dict.fromkeys(STAND_IN, "")
    assert set(STAND_IN) < set(ALWAYS)
    assert set(ALTERNATIVES) <= set(ALWAYS)


@pytest.mark.parametrize("log_with", ["tensorboard", "all"])
def test_tensorboard(log_with: str) -> None:
    """TensorBoard is needed when something is logged to it, for the stand-in, too."""
    wanted = {"tensorboard": f'log_with = "{log_with}"'}
    assert needed_packages({"log_with": log_with}) == dict.fromkeys(ALWAYS, "") | wanted
    assert needed_packages({"log_with": log_with}, stand_in=True) == dict.fromkeys(STAND_IN, "") | wanted


@pytest.mark.parametrize(
    "training",
    [
        {"log_with": "wandb"},
        {"log_with": None},
        {"optimizer_type": "AdamW8bit"},
        {"use_8bit_adam": True},
        {"use_lion_optimizer": True},
        {"xformers": True},
        {"deepspeed": True},
    ],
)
def test_what_rules_say(training: dict[str, object]) -> None:
    """Packages that an option asks for are the business of rules."""
    assert needed_packages(training) == dict.fromkeys(ALWAYS, "")
