"""Which packages a configuration needs, and which option needs them."""

import pytest

from fork_wrapper.sdscripts.packages import ALTERNATIVES, ALWAYS, STAND_IN, needed_packages


def _extra(**training: object) -> dict[str, str]:
    """What is needed beyond the fixed packages."""
    return {name: why for name, why in needed_packages(training).items() if name not in ALWAYS}


def test_always_needed() -> None:
    """Without any option the fixed packages, for no option's sake; the stand-in needs fewer."""
    assert needed_packages({}) == dict.fromkeys(ALWAYS, "")
    assert needed_packages({}, stand_in=True) == dict.fromkeys(STAND_IN, "")
    assert set(STAND_IN) < set(ALWAYS)
    assert set(ALTERNATIVES) <= set(ALWAYS)


@pytest.mark.parametrize(
    ("optimizer", "package"),
    [
        ("AdamW8bit", "bitsandbytes"),
        ("PagedAdamW", "bitsandbytes"),
        ("Lion8bit", "bitsandbytes"),
        ("bitsandbytes.optim.AdEMAMix8bit", "bitsandbytes"),
        ("DAdaptAdam", "dadaptation"),
        ("DAdaptLion", "dadaptation"),
        ("Prodigy", "prodigyopt"),
        ("prodigyplus.ProdigyPlusScheduleFree", "prodigy-plus-schedule-free"),
        ("RAdamScheduleFree", "schedulefree"),
        ("Lion", "lion-pytorch"),
        ("LION", "lion-pytorch"),
        ("AdamW", None),
        ("Adafactor", None),
        ("SGDNesterov", None),
        ("", None),
    ],
)
def test_optimizers(optimizer: str, package: str | None) -> None:
    """An optimizer needs one package at most, found by its name in any spelling of case."""
    wanted = {package: f'optimizer_type = "{optimizer}"'} if package else {}
    assert _extra(optimizer_type=optimizer) == wanted


@pytest.mark.parametrize(
    ("option", "package"),
    [
        ("use_8bit_adam", "bitsandbytes"),
        ("use_lion_optimizer", "lion-pytorch"),
        ("xformers", "xformers"),
        ("deepspeed", "deepspeed"),
    ],
)
def test_switches(option: str, package: str) -> None:
    """A switch that is on needs its package and is named; one that is off needs nothing."""
    assert _extra(**{option: True}) == {package: f"{option} = true"}
    assert _extra(**{option: False}) == {}


@pytest.mark.parametrize(
    ("log_with", "packages"),
    [("tensorboard", ["tensorboard"]), ("wandb", ["wandb"]), ("all", ["tensorboard", "wandb"]), (None, [])],
)
def test_trackers(log_with: str | None, packages: list[str]) -> None:
    """A tracker is needed when it is asked for."""
    assert _extra(log_with=log_with) == dict.fromkeys(packages, f'log_with = "{log_with}"')


def test_the_stand_in_needs_no_xformers() -> None:
    """What needs CUDA is not asked of a rehearsal; the rest of an experiment still is."""
    needed = needed_packages({"xformers": True, "log_with": "tensorboard"}, stand_in=True)
    assert needed == {**dict.fromkeys(STAND_IN, ""), "tensorboard": 'log_with = "tensorboard"'}
