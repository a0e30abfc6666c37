"""Repeating a run from one file: the same bytes, and every difference caught and named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.repeat.compared import Item
from fork_wrapper.repeat.comparison_text import go_on
from fork_wrapper.repeat.original import original_of
from fork_wrapper.repeat.places import parse_maps
from fork_wrapper.repeat.reproduce import Reproduction, job_of, outcome, reproduction
from fork_wrapper.repeat.same_bytes import normal
from fork_wrapper.run.opening import begin
from fork_wrapper.run.render import Rendered, launchable
from tests.builders.archives import LATER, SIX, archived, commit, furnish


@pytest.fixture
def machine(settings: Settings) -> Settings:
    """A machine with everything that a run needs, in small."""
    furnish(settings)
    return settings


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """Where archives end up."""
    return tmp_path / "some disk"


def found(path: Path, settings: Settings, *, rehearse: bool = False, maps: tuple[str, ...] = ()) -> Reproduction:
    """What there is to know of a reproduction."""
    original = original_of(open_source(str(path), settings), settings)
    return reproduction(original, settings, rehearse=rehearse, maps=parse_maps(maps))


def launched(one: Reproduction, settings: Settings, *allowed: str) -> Rendered:
    """What would be launched, proved to be the archived bytes."""
    job = job_of(one, settings, allowed)
    assert job.rendered is not None
    run = RunFolder(folder=settings.outputs / one.original.name / "20260506-070809")
    return job.rendered(run, LATER)


def bytes_of(rendered: Rendered, *more: str) -> tuple[str, str]:
    """Both files with a mark for what belongs to a run, made here without the code under test."""
    folder = rendered.run.folder.as_posix()
    texts = []
    for text in (rendered.train_toml, rendered.dataset_toml):
        lines = [line for line in text.replace(folder, "RUN").split("\n") if not line.startswith("metadata_kft_run")]
        texts.append("\n".join(lines))
    for old, new in zip(more[::2], more[1::2], strict=True):
        texts = [text.replace(old, new) for text in texts]
    return texts[0], texts[1]


def item(one: Reproduction, name: str) -> Item:
    """One item of the comparison."""
    (only,) = [item for item in one.items if item.name == name]
    return only


@pytest.mark.parametrize("kind", ["sidecar", "checkpoint"])
@pytest.mark.parametrize("name", SIX)
def test_all_six_from_one_file_are_the_same_bytes(machine: Settings, away: Path, name: str, kind: str) -> None:
    """With the experiments gone, the prompts' file gone, and for a rehearsal the run's folder gone."""
    assert len(SIX) == 6
    for rehearsed in (False, True):
        one = archived(name, machine, away / str(rehearsed), rehearsed=rehearsed)
        shutil.move(machine.experiments, away / f"experiments {rehearsed}")
        again = launched(found(getattr(one, kind), machine, rehearse=rehearsed), machine)
        prompts = (str(one.rendered.training["sample_prompts"]), "RUN/sample_prompts.txt")
        assert bytes_of(again) == bytes_of(one.rendered, *(prompts if not rehearsed else ()))
        assert again.run.run_id != one.rendered.run.run_id
        assert again.argv[-1] == str(again.run.dataset_toml)
        shutil.move(away / f"experiments {rehearsed}", machine.experiments)


def test_the_same_machine_is_the_same(machine: Settings, away: Path) -> None:
    """Every item of a sidecar, and what a bare checkpoint cannot know."""
    one = archived("humanoid_05", machine, away)
    whole = found(one.sidecar, machine)
    verdicts = {item.name: item.verdict for item in whole.items}
    assert verdicts == dict.fromkeys(verdicts, "same")
    assert len(verdicts) == 11
    assert (whole.stopping(()), whole.asking()) == ((), ())
    bare = {item.name: item.verdict for item in found(one.checkpoint, machine).items}
    assert {name for name, verdict in bare.items() if verdict == "unknown"} == {
        *("base-model", "dataset", "processes", "python", "torch", "packages", "gpu", "sample-prompts", "kft"),
    }
    assert bare["seed"] == "same"
    assert bare["sd-scripts"] == "different"  # the commit stands in the header, and was another


def test_one_byte_of_a_caption(machine: Settings, away: Path) -> None:
    """The caption is named; so are images that came, went and changed."""
    one = archived("humanoid_05", machine, away)
    images = machine.datasets / "humanoid"
    (images / "a.txt").write_text("Caption a\n", encoding="utf-8")
    changed = item(found(one.sidecar, machine), "dataset")
    assert (changed.verdict, changed.names) == ("different", (("1 caption changed", ("a.png",)),))
    (images / "b.png").write_bytes(b"other")
    (images / "c.png").write_bytes(b"new")
    assert dict(item(found(one.sidecar, machine), "dataset").names) == {
        "1 image added": ("c.png",),
        "1 image changed": ("b.png",),
        "1 caption changed": ("a.png",),
    }
    (images / "b.png").unlink()
    assert ("1 image removed", ("b.png",)) in item(found(one.sidecar, machine), "dataset").names


def test_another_base_by_one_byte(machine: Settings, away: Path) -> None:
    """Caught by its sha256, though its name and its size are the same."""
    one = archived("humanoid_05", machine, away)
    base = machine.models / "sd_xl_base_1.0.safetensors"
    data = bytearray(base.read_bytes())
    data[-1] ^= 1
    base.write_bytes(data)
    changed = found(one.sidecar, machine)
    assert [one.name for one in changed.stopping(())] == ["base-model"]
    assert changed.stopping(("base-model",)) == ()


def test_all_digits_are_compared(machine: Settings, away: Path) -> None:
    """The twelve that are shown are not enough; and a manifest that cannot be read is no excuse for another digest."""
    one = archived("humanoid_05", machine, away)
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))["provenance"]
    for part, name in (("base_model", "base-model"), ("dataset", "dataset")):
        other = {**raw[part], "sha256": raw[part]["sha256"][:12] + "0" * 52}
        again = found(one.change(provenance={**raw, part: other}), machine)
        assert [item.name for item in again.stopping(())] == [name]
    broken = {**raw["dataset"], "folders": [1], "sha256": "1" * 64}
    again = found(one.change(provenance={**raw, "dataset": broken}), machine)
    assert [(item.name, item.why) for item in again.stopping(())] == [
        ("dataset", "the archive's manifest is damaged: what changed cannot be named")
    ]


def test_accelerate_s_own_config(machine: Settings, away: Path) -> None:
    """It may say of FSDP, DeepSpeed or gradients what no flag of kft's does."""
    one = archived("humanoid_05", machine, away)
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))["provenance"]
    config = {"path": "/x", "text": "distributed_type: FSDP\n"}
    again = found(one.change(provenance={**raw, "accelerate": config}), machine)
    assert [item.name for item in again.stopping(())] == ["accelerate"]
    assert "accelerate" not in {item.name for item in found(one.sidecar, machine).items}


def test_another_commit_and_local_changes(machine: Settings, away: Path) -> None:
    """Of sd-scripts; changes that were there then as well leave it unknown."""
    one = archived("humanoid_05", machine, away)
    (machine.sd_scripts / "sdxl_train.py").write_text("# trains otherwise\n", encoding="utf-8")
    dirty = item(found(one.sidecar, machine), "sd-scripts")
    assert dirty.verdict == "different"
    assert str(dirty.found).endswith("with local changes")
    provenance = json.loads(one.sidecar.read_text(encoding="utf-8"))["provenance"]
    scripts = {**provenance["sd_scripts"], "dirty": True}
    both = item(found(one.change(provenance={**provenance, "sd_scripts": scripts}), machine), "sd-scripts")
    assert (both.verdict, both.why) == ("unknown", "nobody kept the changes")
    commit(machine.sd_scripts)
    assert item(found(one.sidecar, machine), "sd-scripts").verdict == "different"


def test_packages_torch_and_python(machine: Settings, away: Path) -> None:
    """Those that compute are named; the others are counted and stop nothing."""
    one = archived("humanoid_05", machine, away)
    provenance = json.loads(one.sidecar.read_text(encoding="utf-8"))["provenance"]
    packages = {**provenance["python"]["packages"], "numpy": "0.1", "torch": "0.2", "a-toy": "1", "triton": "9"}
    python = {**provenance["python"], "packages": packages, "version": "2.7.1", "torch_cuda": "11.8"}
    other = found(one.change(provenance={**provenance, "python": python}), machine)
    assert [one.name for one in other.stopping(())] == ["python", "torch", "packages"]
    assert item(other, "torch").recorded == "0.2 for CUDA 11.8"
    ((what, names),) = item(other, "packages").names
    assert (what, len(names)) == ("2 packages changed", 2)
    assert names[0].startswith("numpy 0.1 -> ")
    assert names[1] == "triton 9 -> absent"
    assert item(other, "packages").why == "1 other changed, which compute nothing"


def test_gpus_and_processes(machine: Settings, away: Path) -> None:
    """Another GPU, and another number of processes, which changes what a step is."""
    one = archived("humanoid_05", machine, away)
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))
    cards = [{"name": "NVIDIA H100", "memory_mib": 1, "driver": "1"}] * 2
    argv = ["2" if word == "1" else word for word in raw["launch"]["argv"]]
    path = one.change(provenance={**raw["provenance"], "gpus": cards}, launch={**raw["launch"], "argv": argv})
    other = found(path, machine)
    assert {"gpu", "processes"} == {one.name for one in other.stopping(())}
    assert (item(other, "gpu").recorded, item(other, "processes").recorded) == ("2 x NVIDIA H100", "2")


def test_no_seed(machine: Settings, away: Path) -> None:
    """Then nobody can promise the same, and it says so."""
    text = (machine.experiments / "sdxl_base.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("seed = ")]
    (machine.experiments / "sdxl_base.toml").write_text("\n".join(lines), encoding="utf-8")
    one = found(archived("humanoid_05", machine, away).sidecar, machine)
    assert item(one, "seed").verdict == "unknown"
    assert any("without a seed" in line for line in one.limits)


def test_what_is_gone_stops_it(machine: Settings, away: Path) -> None:
    """A base model and images that nothing is found of are differences, too."""
    one = archived("humanoid_05", machine, away)
    shutil.rmtree(machine.models)
    shutil.rmtree(machine.datasets)
    gone = found(one.sidecar, machine)
    assert {one.name: one.found for one in gone.stopping(())} == {"base-model": "missing", "dataset": "missing"}
    assert item(gone, "dataset").why == "say where with --map OLD=NEW"


def test_what_the_record_says_of_it(machine: Settings, away: Path) -> None:
    """The new run is a child: parent, source with its sha256, differences, maps; and its record is like the old one."""
    one = archived("humanoid_05", machine, away)
    (machine.datasets / "humanoid" / "a.txt").write_text("x", encoding="utf-8")
    shutil.move(machine.models, away / "models")
    maps = (f"{machine.models}={away / 'models'}",)
    again = found(one.sidecar, machine, maps=maps)
    job = job_of(again, machine, ("dataset",))
    assert job.lineage is not None
    assert (job.lineage["kind"], job.lineage["parent"]) == ("reproduction", one.rendered.run.run_id)
    assert job.lineage["source"]["file"] == "humanoid_05.json"
    assert len(job.lineage["source"]["sha256"]) == 64
    (difference,) = job.lineage["differences"]
    assert (difference["item"], difference["allowed"]) == ("dataset", True)
    assert difference["names"] == {"1 caption changed": ["a.png"]}
    assert [one["how"] for one in job.lineage["maps"]] == ["--map", "the archive's own text"]
    record = recorded_of(job.resolved, launched(again, machine)).with_lineage(job.lineage)
    assert record.run["parent"] == one.rendered.run.run_id
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))["experiment"]
    new = record.to_json()["experiment"]
    assert {key: new[key] for key in ("name", "files", "story", "overrides")} == {
        key: raw[key] for key in ("name", "files", "story", "overrides")
    }
    assert {key: one["kind"] for key, one in new["origins"].items()} == {
        key: one["kind"] for key, one in raw["origins"].items()
    }


def recorded_of(resolved: Any, rendered: Rendered) -> Any:
    """The record of what is about to be launched."""
    return begin(resolved, rendered, started=LATER, provenance={}, foreseen=({}, ()), rehearsal=None, process={})


def test_a_real_run_is_rehearsed(machine: Settings, away: Path) -> None:
    """Only what a rehearsal changes is changed, and everything else is the archive's."""
    one = archived("humanoid_05", machine, away, more={"min_snr_gamma": 5.0})
    shutil.rmtree(machine.experiments)
    again = found(one.sidecar, machine, rehearse=True)
    job = job_of(again, machine, ())
    assert job.trainer.kind == "sd-scripts on the miniature"
    made = launched(again, machine)
    assert (made.training["min_snr_gamma"], made.training["max_train_steps"]) == (5.0, 3)
    assert list(job.files or {}) == ["sample_prompts.txt"]
    assert item(again, "base-model").verdict == "unknown"
    assert item(again, "dataset").verdict == "same"
    shutil.rmtree(machine.datasets)
    assert item(found(one.sidecar, machine, rehearse=True), "dataset").verdict == "unknown"


def test_a_stand_in_is_repeated_by_the_stand_in(machine: Settings, away: Path) -> None:
    """Though sd-scripts is there."""
    one = archived("humanoid_05", machine, away, rehearsed=True, stand_in=True)
    again = found(one.sidecar, machine, rehearse=True)
    job = job_of(again, machine, ())
    assert job.trainer.kind == "stand-in"
    assert job.rehearsal is not None
    assert len(job.rehearsal["changes"]) > 10
    assert item(again, "sd-scripts").verdict == "same"


def test_the_run_of_another_machine_with_another_cache(machine: Settings, away: Path, tmp_path: Path) -> None:
    """The miniature and the drawn set are this machine's; the bytes are the same but for these paths."""
    shutil.rmtree(machine.datasets)
    one = archived("humanoid_05", machine, away, rehearsed=True)
    other = replace(machine, cache=tmp_path / "another cache", outputs=tmp_path / "other runs")
    again = launched(found(one.sidecar, other, rehearse=True), other)
    assert bytes_of(again) == bytes_of(one.rendered, machine.cache.as_posix(), other.cache.as_posix())
    assert other.cache.as_posix() in again.dataset_toml


def test_gui_and_toml_files(machine: Settings, away: Path) -> None:
    """A configuration of another program is reproduced as far as it says; the rest is unknown."""
    away.mkdir()
    base = machine.models / "sd_xl_base_1.0.safetensors"
    dataset = f"[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = '{machine.datasets}/humanoid'\n"
    (away / "data.toml").write_text(dataset, encoding="utf-8")
    (away / "old.toml").write_text(
        f"seed = 3\noutput_name = 'old run'\ndataset_config = '{away}/data.toml'\n"
        f"pretrained_model_name_or_path = '{base}'\n[more]\nlearning_rate = 1e-5\n",
        encoding="utf-8",
    )
    one = found(away / "old.toml", machine)
    assert {item.name for item in one.items if item.verdict == "same"} == {"seed"}
    assert one.stopping(()) == ()
    made = launched(one, machine)
    assert (made.name, made.training["seed"], made.training["learning_rate"]) == ("old run", 3, 1e-5)
    assert made.training["save_model_as"] == "safetensors"
    job = job_of(one, machine, ())
    assert job.lineage is not None
    assert job.lineage["parent"] is None
    assert "learning_rate = 1e-05" in job.resolved.chain[-1].text
    assert launched(found(away / "old.toml", machine, rehearse=True), machine).training["seed"] == 3


def test_a_file_that_names_no_base_model(machine: Settings, away: Path) -> None:
    """Nothing to map: the words to go on do not speak of an empty path."""
    away.mkdir()
    dataset = f"[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nimage_dir = '{machine.datasets}/humanoid'\n"
    (away / "data.toml").write_text(dataset, encoding="utf-8")
    one = found(away / "data.toml", machine)
    (base,) = one.stopping(())
    assert (base.name, base.found, base.why) == ("base-model", "missing", "the file names none")
    assert "--map" not in go_on("data.toml", [base], (), rehearsal=False, maps=(), trust=False)


def test_an_experiment_has_nothing_to_reproduce(machine: Settings) -> None:
    """It says what to do instead."""
    with pytest.raises(InputError) as caught:
        found(machine.experiments / "humanoid_05.toml", machine)
    assert "kft run humanoid_05" in caught.value.findings[0].todo


def test_what_came_of_it(machine: Settings, away: Path) -> None:
    """Steps and losses, as far as the archive knows its end."""
    one = archived("humanoid_05", machine, away)
    original = original_of(open_source(str(one.sidecar), machine), machine)
    assert original.record is not None
    record = original.record.with_run(steps=3, loss={"first": 1.5, "last": 1.0, "lowest": 1.0})
    other = record.with_provenance(base_model={"sha256": "0" * 64}, dataset={"sha256": "1" * 64})
    assert {item.verdict for item in outcome(original, other)} == {"different"}
    names = ["steps", "last mean loss", "base-model", "dataset"]
    assert [item.name for item in outcome(original, other)] == names
    assert [item.name for item in outcome(original, record.with_provenance(dataset=None))] == names[:-1]
    assert {item.verdict for item in outcome(original, original.record)} == {"same"}
    epochs = {"epoch_steps": 2, "first_epoch": 1.25, "lowest_epoch": 1.0, "last_step": 3}
    longer = original.record.with_run(steps=3, loss={"first": 1.5, "last": 1.0, "lowest": 0.5, **epochs})
    said = {item.name: item.found for item in outcome(original, longer)}
    assert (said["first epoch's mean loss"], said["lowest epoch's mean loss"]) == ("1.2500", "1.0000")
    bare = original_of(open_source(str(one.checkpoint), machine), machine)
    assert outcome(bare, record) == ()


def test_the_bytes_are_compared(machine: Settings, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kft that renders one option otherwise refuses to launch, and says which."""
    one = archived("humanoid_05", machine, away)
    again = found(one.sidecar, machine)

    def other(name: str, training: dict[str, Any], *rest: Any, **more: Any) -> Rendered:
        return launchable(name, {**training, "seed": 4}, *rest, **more)

    monkeypatch.setattr("fork_wrapper.repeat.reproduce.launchable", other)
    with pytest.raises(InputError) as caught:
        launched(again, machine)
    assert "was: seed = 20251\nis: seed = 4" in caught.value.findings[0].what


def test_marks_leave_all_other_values_alone() -> None:
    """What is not among the values is not touched, nor parts of longer ones."""
    text = 'a = "/old"\nb = "/older"\nmetadata_kft_run = "x"\nmetadata_kft_config = "{\\"a\\":\\"/old\\"}"\n'
    expected = 'a = <old>\nb = "/older"\nmetadata_kft_run = <run>\nmetadata_kft_config = {"a":<old>}\n'
    assert normal(text, {"/old": "old"}) == expected
