"""GPU memory and disks in real runs: what is said before, what after, and what the record keeps."""

import re
import shlex
from pathlib import Path

import pytest

from tests.builders.real_projects import CARD, LARGE_CARD, RealProject

FULL = "GPU 0 (NVIDIA GeForce RTX 4090) has 24564 MiB, and this configuration takes at least 26943 MiB"


def test_what_cannot_fit_is_stopped(real: RealProject) -> None:
    """On 24 GB the selected experiment does not start, and what would fit is said as flags; by name it starts."""
    real.machine([CARD])
    done = real.kft("check", "humanoid_05")
    assert done.returncode == 1
    assert f"  • {FULL}  [gpu-memory]\n" in done.stdout
    flags = next(line for line in done.stdout.splitlines() if line.startswith("    → --set optimizer_type=Adafactor"))
    proposed = shlex.split(flags.removeprefix("    → ").partition(";")[0])
    assert flags.endswith("; `--allow gpu-memory` starts anyway")
    assert "similar runs took 37425 MiB on NVIDIA H100 80GB HBM3" in done.stdout
    assert real.kft("check", "humanoid_05", *proposed).returncode == 0
    stopped = real.kft("run", "humanoid_05")
    assert (stopped.returncode, FULL in stopped.stderr, real.runs) == (2, True, [])
    quick = ("--set", "max_train_epochs=1", "--set", "gradient_accumulation_steps=1")
    started = real.kft("run", "humanoid_05", *quick, "--allow", "gpu-memory")
    assert started.returncode == 0, started.stderr
    record = real.record(real.runs[0])
    found = [one for one in record["findings"] if one["what"].startswith(FULL)]
    assert [(one["severity"], one["what"]) for one in found] == [("warning", f"{FULL} (allowed: --allow gpu-memory)")]
    assert record["plan"]["memory"]["mib"] == 26943
    assert sum(term["bytes"] for term in record["plan"]["memory"]["terms"]) == record["plan"]["memory"]["bytes"]


def test_the_one_for_small_gpus_is_ready_as_it_stands(real: RealProject) -> None:
    """On 24 GB and on 16, without a word said beside its name."""
    for total in (24564, 16376):
        real.machine([{**CARD, "memory.total": total}])
        done = real.kft("check", "humanoid_05_24gb")
        assert done.returncode == 0, done.stdout
        assert done.stderr.splitlines()[-1].startswith("ready to run")
        assert "note: similar runs took 12625 MiB on NVIDIA H100 80GB HBM3 with batch_size 4" in done.stdout
    real.machine([{**CARD, "memory.total": 6144}])
    assert real.kft("check", "humanoid_05_24gb").returncode == 1


def _recipes(root: Path) -> list[str]:
    """Every command in the README and in the experiments that trains in half precision."""
    texts = [root / "README.md", *sorted((root / "experiments").glob("*.toml"))]
    lines = [line for path in texts for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()]
    return [line.lstrip("# ").strip() for line in lines if re.match(r"#?\s*kft (check|run) .*full_bf16=true", line)]


def test_recipes_pass_as_they_are_written(real: RealProject, root: Path) -> None:
    """Whoever copies one is ready to run on a GPU of 24 GB."""
    real.machine([CARD])
    found = _recipes(root)
    assert found
    for line in found:
        words = shlex.split(line, comments=True)
        done = real.kft("check", *words[2:])
        assert done.returncode == 0, done.stdout


def test_out_of_memory_says_what_takes_less(real: RealProject) -> None:
    """In the terminal, in the record and in `kft show`: flags in order; the first of them is legal."""
    failed = real.kft("run", "humanoid_05", DOUBLE="memory")
    assert failed.returncode == 1
    assert "out of memory: the GPU has too little memory for this configuration" in failed.stderr
    shown = [line.strip() for line in failed.stderr.splitlines() if line.startswith("    → --set")]
    assert [line.partition("=")[0] for line in shown[-3:]] == [
        "→ --set optimizer_type",
        "→ --set full_bf16",
        "→ --set batch_size",
    ]
    (run,) = real.runs
    kept = real.record(run)["run"]["failure"]
    assert [one["saves_mib"] for one in kept["remedies"]] == [14421, 5131, 0]
    told = real.kft("show", f"humanoid_05/{run.name}").stdout
    assert re.search(r"^cause +out of memory: the GPU has too little memory", told, re.MULTILINE)
    rows = re.findall(r"^less memory +(.*)$", told, re.MULTILINE)
    assert rows == [" ".join(one["flags"]) for one in kept["remedies"]]
    assert real.kft("check", "humanoid_05", *shlex.split(" ".join(rows))).returncode == 0


@pytest.mark.parametrize("verb", ["resume", "reproduce"])
def test_what_is_allowed_is_a_flag_of_every_launch(real: RealProject, verb: str) -> None:
    """Its help says so."""
    assert re.search(r"--allow .*\[?.*disk\|gpu-memory", real.kft(verb, "--help").stdout.replace("\n", ""))


def test_a_gpu_in_use(real: RealProject) -> None:
    """A warning that names the process; where too little is left, an error; of another GPU nothing."""
    job = {"pid": 4711, "process_name": "/usr/bin/python3", "used_memory": 30000, "gpu_uuid": LARGE_CARD["uuid"]}
    real.machine([{**LARGE_CARD, "memory.used": 30010}], [job])
    done = real.kft("check", "humanoid_05")
    assert done.returncode == 0
    used = "in use: 30010 of 81559 MiB; in use by /usr/bin/python3 (pid 4711, 30000 MiB)  [gpu-in-use]"
    assert f"  • warning: GPU 0 (NVIDIA H100 80GB HBM3) is {used}\n" in done.stdout
    real.machine([{**LARGE_CARD, "memory.used": 60000}], [{**job, "used_memory": 59990}])
    done = real.kft("check", "humanoid_05")
    assert done.returncode == 1
    assert "has 21559 of 81559 MiB free; in use by /usr/bin/python3 (pid 4711, 59990 MiB)" in done.stdout
    free = {**LARGE_CARD, "uuid": "GPU-1", "index": 1}
    real.machine([{**LARGE_CARD, "memory.used": 60000}, free], [{**job, "used_memory": 59990}])
    assert real.kft("check", "humanoid_05", CUDA_VISIBLE_DEVICES="1").returncode == 0
    assert real.kft("check", "humanoid_05", "--num-processes", "2").returncode == 1
    hidden = real.kft("check", "humanoid_05", CUDA_VISIBLE_DEVICES="")
    assert "hides every GPU from the trainer" in hidden.stdout


def test_a_disk_that_will_be_full(real: RealProject) -> None:
    """An error before the launch, a warning where it is allowed, and nothing where enough is pruned."""
    often = ("--set", "max_train_epochs=1000", "--set", "save_every_n_epochs=1", "--unset", "sample_every_n_epochs")
    stopped = real.kft("run", "humanoid_05", *often, REAL_DISK="1")
    assert (stopped.returncode, real.runs) == (2, [])
    assert re.search(r"  • checkpoints need about 69\d\d GB, [\d.]+ GB are free  \[disk\]\n", stopped.stderr)
    assert "; `--allow disk` starts anyway\n" in stopped.stderr
    allowed = real.kft("check", "humanoid_05", *often, "--allow", "disk")
    assert (allowed.returncode, "are free (allowed: --allow disk)" in allowed.stdout) == (0, True)
    pruned = real.kft("check", "humanoid_05", *often, "--set", "save_last_n_epochs=1")
    assert "GB are free" not in pruned.stdout


def test_own_runs_are_neighbours(real: RealProject) -> None:
    """What a like run of this project measured is said before what was published."""
    quick = ("--set", "max_train_epochs=1", "--set", "gradient_accumulation_steps=1", "--set", "batch_size=2")
    assert real.kft("run", "humanoid_05", *quick).returncode == 0
    path = real.runs[0] / "record.json"
    text = re.sub(r'"peak_vram_mib": (null|\[[^\]]*\])', '"peak_vram_mib": [31234]', path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    said = real.kft("check", "humanoid_05").stdout
    assert "similar runs took 31234 MiB on NVIDIA H100 80GB HBM3 with batch_size 2 and 37425 MiB on" in said
    assert real.runs[0].name in said


def test_rates_of_blocks_are_told(real: RealProject) -> None:
    """By the plan and by the note: not learning_rate, which does not count beside them."""
    blocks = ",".join(["0"] * 9 + ["1e-5"] * 13 + ["2e-6"])
    said = ("--set", f"block_lr={blocks}", "--unset", "learning_rate_te1")
    told = "2e-06 ... 1e-05 (block_lr: 14 / 23, frozen 0-8)"
    plan = real.kft("plan", "humanoid_05", *said).stdout
    assert f"rates        U-Net {told}, text encoder 1 4e-06, text encoder 2 frozen\n" in plan
    checked = real.kft("check", "humanoid_05", *said).stdout
    assert f"note: text encoder 1 has learning_rate, 4e-06, and the U-Net {told}  [te-lr-none]" in checked
