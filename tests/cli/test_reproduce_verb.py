"""`kft reproduce` as people meet it: the table, what stops it, and the words to go on."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.check.preflight import Machine
from fork_wrapper.machine.provenance import GitState
from fork_wrapper.machine.settings import Settings, load_settings
from fork_wrapper.machine.trainer import TrainerPython
from tests.builders.archives import Archived, archived, furnish
from tests.builders.projects import assert_golden
from tests.cli.conftest import Answer

Kft = Callable[..., Answer]
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cli"
PACKAGES = {"torch": "2.6.0", "accelerate": "1.6.0", "numpy": "2.1.0", "click": "8.1.0"}


@pytest.fixture
def settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The project with a base model, images and a checkout, and a machine whose versions never change."""
    monkeypatch.setenv("KFT_CACHE", str(project / "cache"))
    found = load_settings({}, cwd=project)
    furnish(found)
    python = TrainerPython(executable="python", version="3.11.7", packages=PACKAGES, torch_cuda="12.4")
    for module in ("tests.builders.archives", "fork_wrapper.repeat.reproduce"):
        monkeypatch.setattr(f"{module}.probe_python", lambda *_: python)
    for module in ("tests.builders.archives", "fork_wrapper.repeat.machine"):
        monkeypatch.setattr(f"{module}.own_state", lambda: GitState(commit="c" * 40, dirty=False))
    machine = Machine(findings=(), python=None, gpus=(), lacks_packages=True)
    monkeypatch.setattr("fork_wrapper.check.check.look_at", lambda *_, **__: machine)
    monkeypatch.setattr("fork_wrapper.check.check.look_at_model", lambda _name: None)  # it is one number, and no SDXL
    return found


@pytest.fixture
def one(settings: Settings, project: Path) -> Archived:
    """A run's archive; its experiments are gone."""
    made = archived("humanoid_05", settings, project / "archive")
    shutil.rmtree(settings.experiments)
    return made


def plain(text: str) -> str:
    """Without hashes, which are of this moment's commit, and without the columns that they widen."""
    return re.sub(r"\b[0-9a-f]{12}\b", "HASH", text)


def test_the_same(kft: Kft, one: Archived) -> None:
    """Exit code 0, and nothing on stdout but the table and what it has no room for."""
    answer = kft("reproduce", str(one.sidecar), "--check")
    assert answer.code == 0
    assert_golden(plain(answer.out + answer.err), GOLDEN / "reproduce_same.txt")


def test_different(kft: Kft, one: Archived, settings: Settings, project: Path) -> None:
    """Each difference is named, and so is the command that goes on anyway."""
    shutil.move(settings.datasets / "humanoid", settings.datasets / "moved")
    (settings.datasets / "moved" / "a.txt").write_text("Caption a\n", encoding="utf-8")
    (settings.sd_scripts / "sdxl_train.py").write_text("# other\n", encoding="utf-8")
    (settings.models / "sd_xl_base_1.0.safetensors").rename(settings.models / "base.safetensors")  # another name
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))
    python = {**raw["provenance"]["python"], "packages": {**PACKAGES, "numpy": "1.26.4", "click": "8.0.0"}}
    path = one.change(provenance={**raw["provenance"], "python": python})
    moved = f"{settings.datasets}/humanoid={settings.datasets}/moved"
    answer = kft("reproduce", str(path), "--check", "--map", moved)
    assert answer.code == 1
    assert_golden(plain(answer.out + answer.err), GOLDEN / "reproduce_different.txt")
    said = answer.err.rsplit("to go on anyway: kft ", 1)[1].replace("PROJECT", str(project))
    words = said.replace("=NEW", f"={settings.models / 'base.safetensors'}").split()
    assert words[:2] == ["reproduce", str(path)]
    assert kft(*words, "--check").code == 0


def test_json(kft: Kft, one: Archived) -> None:
    """For programs; only with --check, since a run prints other things."""
    answer = kft("reproduce", str(one.checkpoint), "--check", "--json", "--allow", "sd-scripts")
    shown = json.loads(answer.out)
    assert answer.code == 0
    assert (shown["name"], shown["source"]["kind"], shown["stops"]) == ("humanoid_05", "checkpoint", [])
    items = {item["item"]: item for item in shown["items"]}
    assert (items["sd-scripts"]["verdict"], items["sd-scripts"]["allowed"]) == ("different", True)
    assert items["dataset"]["verdict"] == "unknown"
    assert kft("reproduce", str(one.checkpoint), "--json").code == 2


def test_a_stranger_s_archive(kft: Kft, settings: Settings, project: Path) -> None:
    """What it would do is read before it is trusted."""
    more = {"optimizer_type": "evil.Optimizer", "huggingface_repo_id": "stranger/loot", "cache_latents_to_disk": True}
    one = archived("humanoid_05", settings, project / "archive", more=more)
    answer = kft("reproduce", str(one.sidecar), "--check")
    assert answer.code == 1
    risky = answer.out[answer.out.index("needs --trust") :]
    assert_golden(plain(risky + answer.err), GOLDEN / "reproduce_risky.txt")
    assert kft("reproduce", str(one.sidecar), "--check", "--trust").code == 0


def test_wrong_words(kft: Kft, one: Archived, settings: Settings, project: Path) -> None:
    """An unknown item, a rehearsal without --rehearse, a file that is none."""
    assert "'dataset'" in kft("reproduce", str(one.sidecar), "--allow", "data").err
    shutil.copytree(Path(__file__).resolve().parents[2] / "experiments", settings.experiments)
    rehearsed = archived("humanoid_05", settings, project / "other", rehearsed=True)
    answer = kft("reproduce", str(rehearsed.sidecar))
    assert (answer.code, answer.out) == (2, "")
    assert "add --rehearse" in answer.err
    assert kft("reproduce", str(rehearsed.sidecar), "--check").code == 0
    assert kft("reproduce", "nowhere.json").code == 2
    assert kft("reproduce", "humanoid_05").code == 2


def test_a_check_proves_the_bytes(kft: Kft, one: Archived) -> None:
    """What a launch would refuse is refused before: an archive whose values kft would not render so."""
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))
    name, other = 'output_name = "humanoid_05"', 'output_name = "../evil"'
    toml = {**raw["toml"], "train": raw["toml"]["train"].replace(name, other)}
    path = one.change(training={**raw["training"], "output_name": "../evil"}, toml=toml)
    answer = kft("reproduce", str(path), "--check")
    assert (answer.code, "item" in answer.out) == (2, True)
    assert "this kft would not launch what was archived" in answer.err
    assert other in answer.err
