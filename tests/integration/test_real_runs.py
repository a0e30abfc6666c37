"""Real runs, not rehearsals: what `kft run` leaves behind with a scripted trainer and a made-up GPU."""

import re

from tests.real_runs import RealProject

QUICK = ("--set", "max_train_epochs=2", "--set", "batch_size=2", "--set", "gradient_accumulation_steps=1")


def test_caching_shows_its_counter(real: RealProject) -> None:
    """What takes an hour before the first step says how far it is."""
    done = real.kft("run", "humanoid_05", *QUICK, DOUBLE_CACHE="0.2")
    assert done.returncode == 0, done.stderr
    before = done.stderr.partition("step 1/")[0]
    assert re.search(r"^caching latents \d/6$", before, re.MULTILINE), done.stderr


def test_a_real_run_is_completed_and_archived(real: RealProject) -> None:
    """Status, GPU, samples, curves and the sidecar of every checkpoint."""
    done = real.kft("run", "humanoid_05", *QUICK, "--set", "save_every_n_epochs=1")
    assert done.returncode == 0, done.stderr
    (run,) = real.runs
    record = real.record(run)
    assert (record["run"]["status"], record["run"]["steps"]) == ("completed", 6)
    assert record["provenance"]["gpus"][0]["name"] == "NVIDIA H100 80GB HBM3"
    assert sorted(path.name for path in run.glob("humanoid_05*.json")) == [
        "humanoid_05-000001.json",
        "humanoid_05.json",
    ]
    assert len(list((run / "sample").iterdir())) == 2 * 5
    assert list((run / "logs").rglob("events.out.tfevents.*"))
