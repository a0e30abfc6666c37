"""A file of the GUI is run as it is: imported on the way, archived with its source."""

import json

from fork_wrapper.formats.gui_keys import fresh_form
from tests.builders.real_projects import RealProject

DATASET = """\
[[datasets]]
resolution = 1024
batch_size = 2
[[datasets.subsets]]
image_dir = "IMAGES"
caption_extension = ".txt"
"""


def gui_file(real: RealProject) -> str:
    """A form of the dreambooth tab with its dataset config."""
    (real.folder / "dataset.toml").write_text(DATASET.replace("IMAGES", str(real.images())), encoding="utf-8")
    form = fresh_form("dreambooth") | {
        "sdxl": True,
        "pretrained_model_name_or_path": str(real.models / "sd_xl_base_1.0.safetensors"),
        "dataset_config": str(real.folder / "dataset.toml"),
        "output_name": "from the gui",
        "save_model_as": "safetensors",
        "max_train_epochs": 2,
        "max_train_steps": 0,
        "save_every_n_epochs": 1,
        "sample_prompts": "a character --w 1024 --h 1024",
        "sample_every_n_epochs": 1,
        "mixed_precision": "bf16",
        "learning_rate": 1e-5,
        "num_processes": 1,
    }
    (real.folder / "saved.json").write_text(json.dumps(form), encoding="utf-8")
    return "saved.json"


def test_a_gui_file_is_run(real: RealProject) -> None:
    """The record says what it was imported from; the experiments are as they were; its sidecar is as good as any."""
    before = sorted((real.folder / "experiments").rglob("*"))
    checked = real.kft("check", gui_file(real))
    assert "from the gui is read from a kohya_ss GUI file of the dreambooth tab" in checked.stdout
    done = real.kft("run", "saved.json")
    assert done.returncode == 0, done.stderr
    (run,) = real.runs
    assert run.parent.name == "from the gui"
    record = real.record(run)
    (file,) = record["experiment"]["files"]
    assert (file["name"], file["path"]) == ("from the gui", str(real.folder / "saved.json"))
    assert "recovered from a kohya_ss GUI file of the dreambooth tab" in file["text"]
    assert record["experiment"]["sample_prompts"].startswith("a character --w 1024")
    assert record["training"]["learning_rate"] == 1e-5
    assert any("is read from a kohya_ss GUI file" in one["what"] for one in record["findings"])
    assert sorted((real.folder / "experiments").rglob("*")) == before
    sidecar = next(path for path in run.glob("*.json") if path.name != "record.json")
    assert real.kft("show", str(sidecar)).returncode == 0
    assert real.kft("diff", "saved.json", str(sidecar), "--only-training").returncode == 0
    again = real.kft("reproduce", str(sidecar), "--check")
    assert again.returncode == 0, again.stderr
    assert "experiment" in json.loads(real.kft("show", str(sidecar), "--json").stdout)


def test_a_run_is_run_anew(real: RealProject) -> None:
    """By its id: as long as its experiment says the same; afterwards the way is `kft reproduce` or another name."""
    real.experiment("mine", (real.folder / "experiments" / "humanoid_05.toml").read_text(encoding="utf-8"))
    assert real.kft("run", "mine", "--set", "max_train_epochs=1").returncode == 0
    (run,) = real.runs
    other = real.kft("run", f"mine/{run.name}")
    assert other.returncode == 2
    assert "an experiment is called mine already" in other.stderr
    assert "kft import-config" in other.stderr
    same = real.kft("run", f"mine/{run.name}", "--set", "max_train_epochs=1")
    assert same.returncode == 0, same.stderr
    assert len(real.runs) == 2
