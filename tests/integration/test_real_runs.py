"""Real runs with a scripted trainer and a made-up GPU: what they leave behind, and every verb on them."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.builders.real_projects import CARD, RealProject

QUICK = ("--set", "max_train_epochs=2", "--set", "batch_size=2", "--set", "gradient_accumulation_steps=1")
SAVING = ("--set", "save_every_n_epochs=1")


def run(project: RealProject, name: str = "humanoid_05") -> Path:
    """Train an experiment, quickly, and return the run's folder."""
    before = set(project.runs)
    done = project.kft("run", name, *QUICK, *SAVING)
    assert done.returncode == 0, done.stderr
    (made,) = set(project.runs) - before
    return made


def alone(project: RealProject, source: Path) -> Path:
    """A file of a run by itself: its experiment and its run folder are gone."""
    kept = project.folder / source.name
    shutil.copy(source, kept)
    for folder in (project.folder / "runs", project.folder / "experiments"):
        shutil.rmtree(folder)
        folder.mkdir()
    return kept


def configs(record: dict[str, Any]) -> dict[str, Any]:
    """The options of a record without what belongs to one run."""
    own = ("output_dir", "logging_dir", "metadata_kft_config", "metadata_kft_run", "sample_prompts")
    return {key: value for key, value in record["training"].items() if key not in own}


def test_caching_shows_its_counter(real: RealProject) -> None:
    """What takes an hour before the first step says how far it is."""
    done = real.kft("run", "humanoid_05", *QUICK, DOUBLE_CACHE="0.2")
    assert done.returncode == 0, done.stderr
    before = done.stderr.partition("step 1/")[0]
    assert re.search(r"^caching latents \d/6$", before, re.MULTILINE), done.stderr


def test_a_real_run_is_completed_and_archived(real: RealProject) -> None:
    """Status, GPU, samples, curves and the sidecar of every checkpoint."""
    made = run(real)
    record = real.record(made)
    assert (record["run"]["status"], record["run"]["steps"]) == ("completed", 6)
    assert record["provenance"]["gpus"][0]["name"] == "NVIDIA H100 80GB HBM3"
    sidecars = sorted(path.name for path in made.glob("humanoid_05*.json"))
    assert sidecars == ["humanoid_05-000001.json", "humanoid_05.json"]
    assert len(list((made / "sample").iterdir())) == 2 * 5
    assert list((made / "logs").rglob("events.out.tfevents.*"))


@pytest.mark.parametrize("name", ["humanoid_05.json", "humanoid_05-000001.json", "record.json"])
def test_a_real_run_is_reproduced_from_one_file(real: RealProject, name: str) -> None:
    """Its prompts lie in the archive alone; the check says that it would start, and it does, with the same values."""
    made = run(real)
    then = real.record(made)
    source = alone(real, made / name)
    checked = real.kft("reproduce", str(source), "--check")
    assert checked.returncode == 0, checked.stderr
    done = real.kft("reproduce", str(source))
    assert done.returncode == 0, done.stderr
    (again,) = real.runs
    now = real.record(again)
    assert (now["run"]["status"], now["lineage"]["kind"]) == ("completed", "reproduction")
    assert configs(now) == configs(then)
    prompts = (again / "sample_prompts.txt").read_text(encoding="utf-8")
    assert prompts == then["experiment"]["sample_prompts"] == now["experiment"]["sample_prompts"]
    assert len(list((again / "sample").iterdir())) == 2 * 5


def test_every_shipped_experiment_is_reproduced_from_one_sidecar(real: RealProject) -> None:
    """All six draw samples; of each only the sidecar is left."""
    names = [f"humanoid_0{number}" for number in range(2, 8)]
    kept = [Path(shutil.copy(run(real, name) / f"{name}.json", real.folder)) for name in names]
    for folder in ("runs", "experiments"):
        shutil.rmtree(real.folder / folder)
    for source in kept:
        done = real.kft("reproduce", str(source))
        assert done.returncode == 0, done.stderr
        assert "as archived: steps" in done.stdout
    assert [made.parent.name for made in real.runs] == names


def test_a_real_run_is_reproduced_from_its_checkpoint_alone(real: RealProject) -> None:
    """The configuration, and what it was made from, travel in its header."""
    made = run(real)
    then = real.record(made)
    source = alone(real, made / "humanoid_05-000001.safetensors")
    checked = real.kft("reproduce", str(source), "--check")
    assert checked.returncode == 0, checked.stderr
    done = real.kft("reproduce", str(source))
    assert done.returncode == 0, done.stderr
    (again,) = real.runs
    assert configs(real.record(again)) == configs(then)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("no gpu", "no NVIDIA GPU was found"),
        ("no python", "the trainer's Python cannot be started"),
        ("no sd-scripts", "sd-scripts is missing"),
        ("no base", "the base model is missing"),
        ("no outputs", "runs cannot be written"),
    ],
)
def test_the_check_of_a_reproduction_asks_what_the_launch_asks(real: RealProject, trouble: str, said: str) -> None:
    """Whatever would refuse the launch is said by --check, and by both in the same words."""
    source = alone(real, run(real) / "humanoid_05.json")
    flags: list[str] = []
    if trouble == "no gpu":
        real.machine([])
    elif trouble == "no python":
        flags = ["--python", str(real.folder / "none")]
    elif trouble == "no sd-scripts":
        flags = ["--sd-scripts", str(real.folder / "none"), "--allow", "sd-scripts"]
    elif trouble == "no base":
        flags = ["--map", f"{real.models}={real.folder / 'none'}", "--models", str(real.folder / "none")]
        flags += ["--allow", "base-model"]
    else:
        (real.folder / "in the way").write_text("")
        flags = ["--outputs", str(real.folder / "in the way")]
    flags += ["--allow", "gpu", "--allow", "python", "--allow", "packages", "--allow", "torch"]
    checked = real.kft("reproduce", str(source), "--check", *flags)
    launched = real.kft("reproduce", str(source), *flags)
    assert said in checked.stderr, checked.stderr
    assert checked.returncode == 1
    assert launched.returncode in (1, 2)
    assert real.runs == []


def test_every_reader_of_a_real_run(real: RealProject) -> None:
    """Each verb that takes a run, on one that trained."""
    made = run(real)
    name = f"humanoid_05/{made.name}"
    out = real.folder / "out"
    calls = [
        ["list"],
        ["list", "--json"],
        ["show", name],
        ["show", name, "--json"],
        ["show", str(made / "humanoid_05.json")],
        ["show", str(made / "humanoid_05.safetensors")],
        ["log", name],
        ["note", name, "--problem", "hands melt"],
        ["archive", name],
        ["diff", name, "humanoid_05"],
        ["diff", "humanoid_04", name, "--json"],
        ["document"],
        ["document", "--lang", "es", name],
        ["report", name, "-o", str(out / "report.html")],
        ["promote", name, "--author", "Ana", "--name", "base", "--models", str(out / "models")],
        ["new", "child", "--from", name],
        ["new", "sibling", "--from", "humanoid_05", "--set", "learning_rate=1e-6"],
        ["import-config", str(made / "humanoid_05.json"), "--print"],
        ["reproduce", str(made / "record.json"), "--check", "--json"],
        *(
            ["export-config", name, "--format", form, "-o", str(out / form)]
            for form in ("toml", "json", "gui-finetune", "gui-dreambooth", "command", "bundle")
        ),
    ]
    out.mkdir()
    for call in calls:
        done = real.kft(*call)
        assert done.returncode in ((0, 1) if call[0] == "diff" else (0,)), (call, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        if "--json" in call:
            json.loads(done.stdout)


def test_a_real_run_that_broke_off_is_resumed(real: RealProject) -> None:
    """From the state of its first epoch, to the planned end; --check says so before."""
    flags = (*QUICK, *SAVING, "--set", "save_state=true")
    process = real.start("run", "humanoid_05", *flags, DOUBLE_WAIT_AT="5", DOUBLE_GO=str(real.folder / "go"))
    real.wait_for_step(5)
    listed = real.kft("list")
    shown = real.kft("show", f"humanoid_05/{real.runs[0].name}")
    process.kill()
    process.communicate()
    (real.folder / "go").touch()
    (broken,) = real.runs
    name = f"humanoid_05/{broken.name}"
    assert "running" in listed.stdout
    assert "running" in shown.stdout
    checked = real.kft("resume", name, "--check")
    assert checked.returncode == 0, checked.stderr
    done = real.kft("resume", name)
    assert done.returncode == 0, done.stderr
    record = real.record(real.runs[-1])
    assert (record["run"]["status"], record["lineage"]["step"], record["run"]["steps"]) == ("completed", 3, 3)
    real.machine([{**CARD, "memory.total": 0}])
    report = real.kft("report", "humanoid_05", "-o", str(real.folder / "report.html"))
    assert report.returncode == 0, report.stderr


def test_a_lone_renamed_checkpoint_tells_what_it_was_made_of(real: RealProject) -> None:
    """Base model, data, prompts, and its place in the training, with nothing else left."""
    made = run(real)
    record = real.record(made)
    sidecar = real.read_json(made / "humanoid_05-000001.json")
    lone = real.folder / "found on a disk.safetensors"
    shutil.copy(made / "humanoid_05-000001.safetensors", lone)
    assert hashlib.sha256(lone.read_bytes()).hexdigest() == sidecar["checkpoint"]["sha256"]
    shutil.rmtree(made)
    shown = real.kft("show", str(lone)).stdout
    rows = [line.split(maxsplit=2) for line in shown.splitlines()]
    assert ["step", "3", "of 6"] in rows
    assert ["epoch", "1"] in rows
    assert record["provenance"]["base_model"]["sha256"] in shown
    assert record["provenance"]["dataset"]["sha256"] in shown
    for line in record["experiment"]["sample_prompts"].splitlines():
        assert line.strip() in shown
    items = json.loads(real.kft("reproduce", str(lone), "--check", "--json").stdout)["items"]
    verdicts = {item["item"]: item["verdict"] for item in items}
    assert {verdicts[name] for name in ("base-model", "dataset", "sample-prompts")} == {"same"}
    (real.datasets / "humanoid" / "0001.txt").write_text("another caption", encoding="utf-8")
    items = json.loads(real.kft("reproduce", str(lone), "--check", "--json").stdout)["items"]
    assert {item["item"]: item["verdict"] for item in items}["dataset"] == "different"


def test_what_took_effect_for_the_images_is_archived(real: RealProject) -> None:
    """Options of the parser do not say it: the dataset config does, at any of its levels."""
    record = real.record(run(real))
    assert (record["effective"]["flip_aug"], record["effective"]["caption_extension"]) == (False, ".caption")
    (dataset,) = record["effective_dataset"]["datasets"]
    (subset,) = dataset["subsets"]
    assert (dataset["resolution"], dataset["batch_size"], dataset["enable_bucket"]) == ([1024, 1024], 2, True)
    assert (subset["flip_aug"], subset["caption_dropout_rate"], subset["caption_extension"]) == (True, 0.1, ".txt")
    assert (subset["num_repeats"], subset["is_reg"], subset["keep_tokens"]) == (1, False, 0)
