"""Sidecars: written once a file is whole, idempotent, and never lost with their checkpoint."""

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from safetensors.numpy import save, save_file

from dataset_tools.scan.hashing import HashCache, sha256_file
from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.machine.settings import Settings
from fork_wrapper.machine.trainer import real_trainer
from fork_wrapper.records.progress import Progress, read_log
from fork_wrapper.records.record import read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.run import archive as archive_module
from fork_wrapper.run.archive import Archive, Archivist
from fork_wrapper.run.opening import begin
from fork_wrapper.run.render import render
from fork_wrapper.run.sweep import sweep_run

SCHEMA = json.loads(files("fork_wrapper.records").joinpath("sidecar.schema.json").read_text(encoding="utf-8"))
LOG = (
    "  num examples / x: 24\n  num batches per epoch / x: 12\n  gradient accumulation steps / x = 2\n"
    "\nepoch 1/3\n"
    + "".join(
        f"\rsteps:  1%|#  | {step}/18 [00:{step:02}<00:09,  1.00s/it, avr_loss=0.{step:02}]" for step in range(1, 19)
    )
    + "\n"
)
PROVENANCE: dict[str, Any] = {
    "base_model": None,
    "dataset": None,
    "sd_scripts": None,
    "project": {"commit": None, "dirty": None, "patch": ""},
    "python": None,
    "gpus": [],
    "host": {"hostname": "here", "system": "test"},
    "accelerate": {"path": None, "text": None},
}


@pytest.fixture
def cache(tmp_path: Path) -> HashCache:
    """A hash cache of its own."""
    return HashCache(tmp_path / "hashes.json")


@pytest.fixture
def run(settings: Settings, write: Callable[..., Path]) -> RunFolder:
    """A run folder with a record, a log and no checkpoint; its data set has one captioned image."""
    write("one")
    people = settings.datasets / "people"
    people.mkdir(parents=True)
    (people / "a.png").write_bytes(b"image")
    (people / "a.txt").write_text("a caption")
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    folder = RunFolder(folder=settings.outputs / "one" / "20260102-030405")
    resolved = resolve("one", settings)
    rendered = render(resolved, settings, real_trainer(settings), folder, now)
    process = {"pid": 1, "created": 0.0, "host": "elsewhere"}
    foreseen: tuple[dict[str, str], tuple[()]] = ({"name": "one"}, ())
    record = begin(
        resolved, rendered, started=now, provenance=PROVENANCE, foreseen=foreseen, rehearsal=None, process=process
    )
    write_record(folder, record)
    folder.log.write_text(LOG)
    return folder


def opened(run: RunFolder, cache: HashCache) -> Archive:
    """The archive of a run, its progress read from the log."""
    return Archive(run, read_record(run.record), read_log(run.log), cache)


def checkpoint(run: RunFolder, name: str, count: int = 4) -> Path:
    """A whole checkpoint."""
    path = run.folder / name
    save_file({"weight": np.zeros(count, dtype=np.float32)}, path)
    return path


def sidecar(path: Path) -> dict[str, Any]:
    """The sidecar of a checkpoint, held against the schema."""
    content: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    jsonschema.validate(content, SCHEMA)
    return content


def test_a_whole_checkpoint_gets_its_sidecar(run: RunFolder, cache: HashCache) -> None:
    """File, hash, step, epoch and loss, for each kind of checkpoint."""
    paths = [
        checkpoint(run, name) for name in ("one-000002.safetensors", "one-step00000005.safetensors", "one.safetensors")
    ]
    archive = opened(run, cache)
    assert sorted(archive.sweep()) == sorted(path.name for path in paths)
    facts = [sidecar(path)["checkpoint"] for path in paths]
    assert [(one["kind"], one["step"], one["epoch"], one["loss"]) for one in facts] == [
        ("epoch", 12, 2, 0.12),
        ("step", 5, 1, 0.05),
        ("final", 18, 3, 0.18),
    ]
    assert facts[0]["sha256"] == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    assert [one["file"] for one in read_record(run.record).checkpoints] == sorted(path.name for path in paths)


def test_what_is_not_whole_waits(run: RunFolder, cache: HashCache) -> None:
    """A file that still grows has no sidecar; the sweep after its last byte writes it."""
    whole = save({"weight": np.zeros(64, dtype=np.float32)})
    path = run.folder / "one.safetensors"
    archive = opened(run, cache)
    for length in (0, 7, 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert archive.sweep() == []
    assert not path.with_suffix(".json").exists()
    path.write_bytes(whole)
    assert archive.sweep() == ["one.safetensors"]


def test_other_files_are_left_alone(run: RunFolder, cache: HashCache) -> None:
    """Models that are not checkpoints of this run get no sidecar."""
    checkpoint(run, "two.safetensors")
    checkpoint(run, "one-lora.safetensors")
    assert opened(run, cache).sweep() == []


def test_sweeping_again_changes_nothing(run: RunFolder, cache: HashCache) -> None:
    """Idempotent, byte for byte."""
    path = checkpoint(run, "one.safetensors")
    opened(run, cache).sweep()
    before = path.with_suffix(".json").read_bytes(), run.record.read_bytes()
    assert opened(run, cache).sweep() == []
    assert (path.with_suffix(".json").read_bytes(), run.record.read_bytes()) == before


def test_a_lost_sidecar_comes_back(run: RunFolder, cache: HashCache) -> None:
    """`kft archive` restores what somebody deleted."""
    path = checkpoint(run, "one.safetensors")
    opened(run, cache).sweep()
    path.with_suffix(".json").unlink()
    assert opened(run, cache).sweep() == ["one.safetensors"]


def test_a_pruned_checkpoint_keeps_its_sidecar(run: RunFolder, cache: HashCache) -> None:
    """save_last_n_* deletes files; how they were made stays, and closing the run still updates it."""
    path = checkpoint(run, "one-000001.safetensors")
    archive = opened(run, cache)
    archive.sweep()
    path.unlink()
    archive.write(status="completed", ended="2026-01-02T04:00:00+00:00", seconds=1.5, exit_code=0)
    archive.close()
    content = sidecar(path)
    assert content["run"]["status"] == "completed"
    assert content["run"]["loss"] == {
        "first": 0.01,
        "last": 0.18,
        "lowest": 0.01,
        "last_step": 18,
        "epoch_steps": 6,
        "first_epoch": 0.06,
        "lowest_epoch": 0.06,
    }
    assert content["checkpoint"]["sha256"]


def test_a_checkpoint_pruned_while_it_is_hashed_still_has_its_sidecar(
    run: RunFolder, cache: HashCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecar is written before the hash: seven gigabytes take seconds, and pruning does not wait."""
    path = checkpoint(run, "one-000001.safetensors")

    def pruned(file: Path, *rest: Any) -> str | None:
        file.unlink()
        return sha256_file(file, *rest)

    monkeypatch.setattr(archive_module, "sha256_file", pruned)
    opened(run, cache).sweep()
    assert sidecar(path)["checkpoint"]["sha256"] is None


def test_the_inputs_are_described_once(run: RunFolder, cache: HashCache, settings: Settings) -> None:
    """Data set and base model are hashed into the record; what is known is not hashed again."""
    archive = opened(run, cache)
    archive.describe_inputs(lambda: False)
    data = read_record(run.record).provenance["dataset"]
    assert (data["images"], data["captions"]) == (1, 1)
    (folder,) = data["folders"]
    assert (folder["subset"], folder["repeats"]) == ("dataset.datasets[0].subsets[0]", 1)
    assert folder["sizes"] == {"a.png": [5, 9]}
    assert json.loads(run.dataset_manifest.read_text(encoding="utf-8")) == data
    (settings.datasets / "people" / "a.txt").write_text("another caption")
    archive.describe_inputs(lambda: False)
    assert read_record(run.record).provenance["dataset"] == data


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "INTERVAL", 0.01)


@pytest.mark.usefixtures("_quick")
def test_the_thread_archives_while_hashing_never_blocks_the_caller(
    run: RunFolder, cache: HashCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a file is being hashed the record can still be written, and abandoning ends the hashing."""
    checkpoint(run, "one.safetensors")
    hashing, stopped = threading.Event(), threading.Event()

    def slow(_file: Path, _cache: HashCache, stop: Callable[[], bool]) -> None:
        hashing.set()
        while not stop():
            stopped.wait(0.01)

    monkeypatch.setattr(archive_module, "sha256_file", slow)
    archive = opened(run, cache)
    archivist = Archivist(archive)
    archivist.start()
    assert hashing.wait(10)
    archive.write(exit_code=0)
    assert read_record(run.record).run["exit_code"] == 0
    archivist.finish(abandon=True)
    assert not archivist.is_alive()


def test_a_run_that_may_be_alive_is_left_to_its_kft(run: RunFolder, cache: HashCache) -> None:
    """Another host's kft may be alive: two writers would undo each other. `over` says that it is not."""
    checkpoint(run, "one.safetensors")
    before = run.record.read_bytes()
    assert (sweep_run(run, cache).status, run.record.read_bytes()) == ("running", before)
    swept = sweep_run(run, cache, over=True)
    assert (swept.status, swept.archived, swept.new) == ("completed", 1, ("one.safetensors",))


TRACE = 'Traceback (most recent call last):\n  File "sdxl_train.py", line 1, in <module>\n'
DIED = "subprocess.CalledProcessError: Command '['python']' died with <Signals.SIGKILL: 9>.\n"


@pytest.mark.parametrize(
    ("log", "final", "status", "cause"),
    [
        (LOG, True, "completed", None),
        (LOG, False, "interrupted", None),
        (LOG.replace("/18", "/19"), True, "interrupted", None),
        (LOG + TRACE + "OSError: [Errno 28] No space left on device\n", False, "failed", "disk-full"),
        (LOG + f"[rank0]: {TRACE}[rank0]: RuntimeError: CUDA out of memory.\n", False, "failed", "cuda-memory"),
        (LOG + TRACE + DIED, False, "failed", "sigkill"),
        ("No data found. Please verify the metadata file\n", False, "failed", "no-data"),
        (TRACE + "ModuleNotFoundError: No module named 'triton'\n" + LOG, False, "interrupted", None),
        ("", False, "interrupted", None),
    ],
)
def test_a_run_whose_kft_is_gone_is_judged_by_what_is_left(
    run: RunFolder, cache: HashCache, log: str, final: bool, status: str, cause: str | None
) -> None:
    """Progress at its end and a whole final checkpoint prove one thing, the trainer's last words another."""
    run.log.write_text(log)
    if final:
        checkpoint(run, "one.safetensors")
    assert sweep_run(run, cache, over=True).status == status
    facts = read_record(run.record).run
    assert ((facts["failure"] or {}).get("cause") or {}).get("id") == cause
    assert facts["stops"] == (["kft was killed"] if status == "interrupted" else [])
    assert facts["evidence"] == "by its log and its files, when kft was gone"
    assert sweep_run(run, cache).status == status


def test_one_sidecar_that_cannot_be_written_keeps_no_other_from_its_own(run: RunFolder, cache: HashCache) -> None:
    """And it is said."""
    first = checkpoint(run, "one-000001.safetensors")
    first.with_suffix(".json").mkdir()
    (first.with_suffix(".json") / "x").touch()
    second = checkpoint(run, "one-000002.safetensors")
    with pytest.raises(OSError, match=r"one-000001\.json"):
        sweep_run(run, cache, over=True)
    assert sidecar(second)["run"]["status"] == "interrupted"


def test_what_changed_after_the_start_is_not_recorded_as_what_trained(run: RunFolder, cache: HashCache) -> None:
    """The data set is of today, the run of long ago: provenance stays unknown."""
    sweep_run(run, cache, over=True)
    assert read_record(run.record).provenance["dataset"] is None


def test_a_checkpoint_of_another_run_is_not_ours(run: RunFolder, cache: HashCache) -> None:
    """A file copied into the folder under a fitting name keeps telling whose it is."""
    path = run.folder / "one-000007.safetensors"
    for run_id, expected in (("other/20250101-000000", []), (run.run_id, [path.name])):
        header = {"modelspec.kft_run": json.dumps({"run": run_id})}
        save_file({"weight": np.zeros(4, dtype=np.float32)}, path, metadata=header)
        assert opened(run, cache).sweep() == expected


def test_the_loss_is_that_of_the_step_when_the_run_closes(run: RunFolder, cache: HashCache) -> None:
    """The trainer saves before it shows the step's loss; closing asks once more."""
    path = checkpoint(run, "one-step00000005.safetensors")
    archive = opened(run, cache)
    archive.progress.losses[4] = (5, 9.9)
    archive.sweep()
    archive.progress.losses[4] = (5, 0.5)
    archive.close()
    assert sidecar(path)["checkpoint"]["loss"] == 0.5


def test_progress_of_a_run_without_a_log_is_empty(run: RunFolder) -> None:
    """Killed before the first byte: nothing is invented."""
    run.log.unlink()
    assert read_log(run.log) == Progress()
