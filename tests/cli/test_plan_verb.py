"""`kft plan`, and names let through with --allow-unknown."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "cli"


@pytest.fixture
def pictures(project: Path) -> Path:
    """Ten images of two sizes."""
    folder = project / "datasets" / "pictures"
    folder.mkdir(parents=True)
    for number in range(10):
        Image.new("RGB", (1024, 1024) if number < 7 else (1500, 900)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a caption")
    return folder


@pytest.mark.usefixtures("pictures")
def test_a_plan_is_read_as_a_whole(kft: Kft, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row that a person reads before a launch."""
    usage = type("Usage", (), {"free": 10**11})()
    monkeypatch.setattr("fork_wrapper.check.plan.shutil.disk_usage", lambda _path: usage)
    flags = ("max_train_epochs=4", "save_every_n_epochs=1", "save_precision=fp16", "cache_latents=true")
    buckets = ("dataset.general.enable_bucket=true", "dataset.general.max_bucket_reso=2048")
    answer = kft("plan", "first", *(f"--set={item}" for item in (*flags, *buckets)))
    assert (answer.code, answer.err) == (0, "")
    assert_golden(answer.out, GOLDEN / "plan.txt")


@pytest.mark.usefixtures("pictures")
def test_a_plan_for_programs(kft: Kft) -> None:
    """The same as numbers."""
    read = json.loads(kft("plan", "first", "--set=max_train_epochs=4", "--set=cache_latents=true", "--json").out)
    assert (read["schedule"]["total_steps"], read["schedule"]["epochs"]) == (12, 4)
    assert read["datasets"][0]["images"] == 10


def test_an_unknown_name_passes_when_it_is_allowed(kft: Kft, project: Path) -> None:
    """In the file and with --set, for every verb that reads an experiment; it reaches train.toml and is recorded."""
    (project / "experiments" / "new.toml").write_text("extends = 'first'\n[training]\nnew_option = 3\n")
    refused = kft("check", "new")
    assert refused.code == 2
    assert "new_option is not an option of sdxl_train.py" in refused.err
    for verb in ("check", "plan", "show", "export-config"):
        assert kft(verb, "new", "--allow-unknown", "new_option").code in (0, 1), verb
    exported = kft("export-config", "new", "--allow-unknown", "new_option").out
    assert "new_option = 3\n" in exported
    assert '\\"allowed_unknown\\":[\\"new_option\\"]' in exported
    assert kft("check", "first", "--set", "other=x", "--allow-unknown", "other").code == 1
    assert kft("diff", "first", "new", "--allow-unknown", "new_option").out.count("new_option") == 1
