"""How long a document of six keeps a person waiting where ten thousand runs lie beside. `make bench`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.machine.settings import load_settings
from tests.bench.many_runs import RUNS, make_runs
from tests.bench.test_history import median, wall
from tests.builders.projects import Project
from tests.unit.publish.document.building import SIX, rehearsed, trained

pytestmark = pytest.mark.bench


def test_six_of_ten_thousand(make_project: Callable[..., Project], root: Path, tmp_path: Path) -> None:
    """At most a second, with a cold memory too: only the records of the six are read."""
    project = make_project(cache=str(tmp_path / "cache"))
    settings = load_settings(
        {"experiments": root / "experiments", "outputs": project.folder / "runs"}, environ={}, cwd=project.folder
    )
    make_runs(settings.outputs, settings)
    for name in SIX:
        trained(name, settings)
        rehearsed(name, settings)
    cold = wall(project, "document")
    warm, as_json = median(project, "document", "--lang", "es"), median(project, "document", "--json")
    print(f"\nkft document of six, {RUNS} runs beside: {cold:.2f} s cold, {warm:.2f} s, {as_json:.2f} s as JSON")  # noqa: T201
    assert project.kft("document").stdout.count("real training, completed") == 6
    assert max(cold, warm, as_json) <= 1
