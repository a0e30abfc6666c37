"""Real runs on bases and data that are not what they should be, and on data that a metadata file names."""

import json

import pytest

from tests.builders.model_files import MADE, SDXL
from tests.builders.real_projects import RealProject
from tests.builders.sdxl_layout import write_sparse

QUICK = ("--set", "max_train_epochs=2", "--set", "batch_size=2", "--set", "gradient_accumulation_steps=1")
CHILD = """
extends = "humanoid_05"
[[dataset.datasets]]
resolution = 1024
batch_size = 2
[[dataset.datasets.subsets]]
image_dir = "{datasets}/humanoid"
metadata_file = "{datasets}/humanoid/metadata.json"
"""


@pytest.mark.parametrize("name", ["LoRA of kohya", "SD 1.x", "no VAE", "U-Net of Diffusers", "refiner"])
def test_no_run_on_what_is_no_sdxl(real: RealProject, name: str) -> None:
    """The trainer is not started, and `kft show` says what the file is."""
    base = write_sparse(real.folder / "other.safetensors", MADE[name].tensors)
    done = real.kft("run", "humanoid_05", "--set", f"pretrained_model_name_or_path={base}")
    assert done.returncode == 2
    assert f"[{MADE[name].rule}]" in done.stderr
    assert real.runs == []
    assert MADE[name].kind in real.kft("show", str(base)).stderr


def test_a_base_that_predicts_v_is_told_of(real: RealProject) -> None:
    """A warning, gone with the options that it asks for; a rehearsal says nothing of it."""
    base = write_sparse(real.folder / "v.safetensors", {**SDXL, "v_pred": (), "ztsnr": ()})
    said = ("--set", f"pretrained_model_name_or_path={base}")
    first = real.kft("check", "humanoid_05", *said)
    assert ("[base-v-prediction]" in first.stdout, "[base-zero-snr]" in first.stdout) == (True, True)
    both = ("--set", "v_parameterization=true", "--set", "zero_terminal_snr=true")
    assert "[base-" not in real.kft("check", "humanoid_05", *said, *both).stdout


def test_a_run_by_a_metadata_file(real: RealProject) -> None:
    """It is planned, run, recorded and compared like any other; what changes in the file is named by its image."""
    metadata = real.datasets / "humanoid" / "metadata.json"
    made = real.kft("dataset", "metadata", str(metadata.parent), "-o", str(metadata))
    assert made.returncode == 0, made.stderr
    real.experiment("by_metadata", CHILD)
    done = real.kft("run", "by_metadata", *QUICK)
    assert done.returncode == 0, done.stderr
    (run,) = real.runs
    record = real.record(run)
    data = record["provenance"]["dataset"]
    assert (data["images"], data["captions"]) == (6, 6)
    assert record["run"]["steps"] == record["plan"]["schedule"]["total_steps"] == 6
    page = real.kft("document", run.parent.name, "--lang", "en").stdout
    assert "**Number of images:** 6 [M]" in page
    assert "**Caption files:** metadata.json" in page
    assert "**Caption convention:** of 6 captions" in page
    for text in metadata.parent.glob("*.txt"):
        text.write_text("never read", encoding="utf-8")
    sidecar = str(run / "by_metadata.json")
    same = real.kft("reproduce", sidecar, "--check", "--json")
    assert _dataset(same.stdout)["verdict"] == "same", same.stderr
    entries = json.loads(metadata.read_text(encoding="utf-8"))
    entries["0003.png"]["caption"] = "another"
    metadata.write_text(json.dumps(entries), encoding="utf-8")
    other = real.kft("reproduce", sidecar, "--check", "--json")
    assert _dataset(other.stdout)["verdict"] == "different"
    assert "0003.png" in other.stdout


def _dataset(text: str) -> dict[str, str]:
    """The item about the data set."""
    items: list[dict[str, str]] = json.loads(text)["items"]
    return next(one for one in items if one["item"] == "dataset")
