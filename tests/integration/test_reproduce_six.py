"""All six experiments rehearsed by the real trainer and repeated from one file each, by themselves.

    python -m pytest tests/integration/test_reproduce_six.py --long -s

Eighteen rehearsals: about half an hour on two cores.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.projects import Project, step_losses
from tests.integration.test_reproduce import texts

pytestmark = [
    pytest.mark.long,
    pytest.mark.trainer,
    pytest.mark.sd_scripts,
    pytest.mark.usefixtures("miniature"),
]


@pytest.mark.parametrize("number", range(2, 8))
def test_from_a_sidecar_and_from_a_checkpoint(
    make_project: Callable[..., Project], sd_scripts: Path, tmp_path: Path, number: int
) -> None:
    """The same configs to the byte and the same losses to the bit."""
    name = f"humanoid_0{number}"
    project = make_project(sd_scripts=str(sd_scripts))
    done = project.kft("run", name, "--rehearse")
    assert done.returncode == 0, done.stderr
    (run,) = project.runs
    before, losses = texts(run), step_losses(run)
    print(f"\n{name} as it was: {losses}")  # noqa: T201 - the figures are what this is for
    for suffix in (".json", ".safetensors"):
        shutil.copy(run / f"{name}{suffix}", tmp_path / f"alone{suffix}")
    shutil.rmtree(project.folder / "runs")
    for suffix in (".json", ".safetensors"):
        again = project.kft("reproduce", str(tmp_path / f"alone{suffix}"), "--rehearse")
        assert again.returncode == 0, again.stderr
        (new,) = project.runs
        print(f"{name} from its {suffix}: {step_losses(new)}")  # noqa: T201
        assert texts(new) == before
        assert step_losses(new) == losses
        shutil.rmtree(project.folder / "runs")
