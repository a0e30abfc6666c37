"""`kft log`, `kft note` and what `kft show` says of a run beyond its record."""

import json
import os
import platform
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest

from fork_wrapper.machine.settings import load_settings
from fork_wrapper.records.record import read_record, write_record
from fork_wrapper.records.run_folder import RunFolder
from fork_wrapper.records.run_state import status_now
from tests.builders.projects import assert_golden
from tests.builders.records import recorded
from tests.cli.conftest import Answer

GOLDEN = Path(__file__).parents[1] / "golden"
Kft = Callable[..., Answer]


@pytest.fixture
def run(project: Path) -> RunFolder:
    """A run that is over."""
    return _run(project)


def _run(project: Path, **known: Any) -> RunFolder:
    folder = recorded("first", load_settings({}, cwd=project))
    done = {"status": "completed", "ended": "2026-01-02T04:00:00+00:00", "seconds": 3355.0, "exit_code": 0, **known}
    write_record(folder, read_record(folder.record).with_run(**done).with_provenance(dataset=None))
    folder.log.write_bytes((GOLDEN / "logs" / "saves_and_samples.log").read_bytes())
    return folder


def test_log(kft: Kft, run: RunFolder) -> None:
    """Every bar on one line; the last lines; the bytes; JSON."""
    answer = kft("log", run.run_id)
    assert (answer.code, answer.err) == (0, "")
    assert_golden(answer.out, GOLDEN / "cli" / "log.txt")
    assert kft("log", str(run.folder), "-n", "1").out == answer.out.splitlines(keepends=True)[-1]
    assert kft("log", run.run_id, "--raw").out == run.log.read_bytes().decode()
    shown = json.loads(kft("log", run.run_id, "-n", "2", "--json").out)
    assert (shown["run"], shown["status"]) == (run.run_id, "completed")
    assert shown["lines"] == answer.out.splitlines()[-2:]


@pytest.mark.parametrize(("status", "code"), [("completed", 0), ("rehearsed", 0), ("failed", 1), ("interrupted", 1)])
def test_following_a_run_that_is_over(kft: Kft, project: Path, status: str, code: int) -> None:
    """Shows what there is, and says how it ended."""
    failure: dict[str, Any] | None
    failure = {"what": "the trainer ended with exit code 1", "cause": None, "tail": []} if status == "failed" else None
    run = _run(project, status=status, failure=failure)
    answer = kft("log", run.run_id, "-f", "-n", "1")
    assert answer.code == code
    assert answer.out.startswith("steps: 100%")
    assert answer.err == f"{run.run_id}: {status}{': the trainer ended with exit code 1' if failure else ''}\n"


def _running(project: Path) -> RunFolder:
    owner = {"pid": os.getpid(), "created": psutil.Process().create_time(), "host": platform.node()}
    run = _run(project, status="running", process=owner)
    run.log.write_bytes(b"begun\n\rsteps: 0%")
    return run


def test_following_a_run_until_it_ends(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes is shown when it comes; the end of the record ends the look, with all that was said by then."""
    run = _running(project)
    monkeypatch.setattr("fork_wrapper.commands.log.POLL", 0.01)

    def train() -> None:
        for piece in (b"\rsteps: 50%", b"\rsteps: 100%", b"\nsaved\n"):
            time.sleep(0.05)
            with run.log.open("ab") as file:
                file.write(piece)
        write_record(run, read_record(run.record).with_run(status="rehearsed"))

    trainer = threading.Thread(target=train)
    trainer.start()
    answer = kft("log", run.run_id, "-f")
    trainer.join()
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if line not in ("steps: 0%", "steps: 50%")] == [
        "begun",
        "steps: 100%",
        "saved",
    ]
    assert answer.err == f"{run.run_id}: rehearsed\n"


def test_following_ends_when_kft_is_gone(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record says `running` for ever."""
    run = _running(project)
    monkeypatch.setattr("fork_wrapper.commands.log.POLL", 0.01)
    asked: list[str] = []

    def dying(status: str, process: Any, argv: Any) -> str:
        asked.append(status)
        return "killed" if len(asked) > 3 else status_now(status, process, argv)

    monkeypatch.setattr("fork_wrapper.records.run_state.status_now", dying)
    answer = kft("log", run.run_id, "-f", "-n", "0")
    assert (answer.code, answer.out) == (1, "steps: 0%\n")
    assert answer.err == f"{run.run_id}: killed\n"
    assert len(asked) > 3


def test_ctrl_c_ends_the_look(kft: Kft, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the run; no traceback."""
    run = _running(project)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fork_wrapper.commands.log.time.sleep", interrupted)
    answer = kft("log", run.run_id, "-f")
    assert (answer.code, answer.out.splitlines()[0]) == (130, "begun")
    assert answer.err.strip() == "interrupted"
    assert read_record(run.record).status == "running"


def test_logs_that_cannot_be_shown(kft: Kft, run: RunFolder) -> None:
    """What is not a run, what has printed nothing, what cannot be had at once."""
    assert "second is an experiment" in kft("log", "second").err
    run.log.unlink()
    answer = kft("log", run.run_id)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {run.run_id} has printed nothing\n  • there is no log\n")
    assert kft("log", run.run_id, "-f", "--json").code == 2
    assert kft("log", run.run_id, "-n", "-1").code == 2


def test_notes(kft: Kft, run: RunFolder) -> None:
    """Added with the time, shown in order, as text and as JSON; the record stays as it was."""
    archived = run.record.read_bytes()
    none = kft("note", run.run_id)
    assert (none.code, none.out) == (0, "")
    assert none.err == f'{run.run_id} has no notes; kft note {run.run_id} "..." adds one\n'
    first = kft("note", run.run_id, "--problem", "too dark", "--problem", "hands", "--solution", "more noise offset")
    assert (first.code, first.err) == (0, "")
    assert kft("note", str(run.folder), "base of all LoRAs", "--decision", "selected").code == 0
    answer = kft("note", run.run_id)
    assert_golden(
        re.sub(r"\d{4}-\d\d-\d\dT[\d:+-]{14}", "2026-01-02T03:04:05+00:00", answer.out), GOLDEN / "cli" / "note.txt"
    )
    shown = json.loads(kft("note", run.run_id, "--json").out)
    assert shown["run"] == run.run_id
    assert [(note["problems"], note["decision"], note["text"]) for note in shown["notes"]] == [
        (["too dark", "hands"], "", ""),
        ([], "selected", "base of all LoRAs"),
    ]
    age = datetime.now(timezone.utc) - datetime.fromisoformat(shown["notes"][0]["time"])
    assert abs(age.total_seconds()) < 3600
    assert run.record.read_bytes() == archived


def test_notes_that_say_nothing(kft: Kft, run: RunFolder) -> None:
    """Are refused, and nothing is written."""
    assert kft("note", run.run_id, " ").err.startswith("error: cannot note this\n  • there is nothing to note\n")
    assert kft("note", run.run_id, "--decision", "chosen").code == 2
    assert kft("note", "second", "x").code == 2
    assert not run.notes.exists()


def test_show_a_run_with_what_came_after(kft: Kft, run: RunFolder) -> None:
    """Its notes, its parent, its children; as JSON beside everything that was archived."""
    lineage = {"parent": run.run_id, "step": 4, "epoch": 1}
    for name, kind in (("20260103-000000", "resume"), ("20260104-000000", "reproduction")):
        child = RunFolder(folder=run.folder.with_name(name))
        write_record(child, read_record(run.record).with_lineage({**lineage, "kind": kind}).with_run(id=child.run_id))
    assert kft("note", run.run_id, "--decision", "rejected").code == 0
    shown = kft("show", run.run_id).out
    assert re.search(r"^resumed by +first/20260103-000000 from step 4", shown, re.MULTILINE)
    assert re.search(r"^repeated by +first/20260104-000000$", shown, re.MULTILINE)
    assert re.search(r"^noted *\n\S+ +decision +rejected$", shown, re.MULTILINE)
    assert re.search(rf"^lineage +repeats {run.run_id}$", kft("show", child.run_id).out, re.MULTILINE)
    as_json = json.loads(kft("show", run.run_id, "--json").out)
    assert ([note["decision"] for note in as_json["notes"]], as_json["children"]) == (
        ["rejected"],
        ["first/20260103-000000", "first/20260104-000000"],
    )
    archived = json.loads(run.record.read_text(encoding="utf-8"))
    assert {key: value for key, value in as_json.items() if key not in ("notes", "children")}.keys() == archived.keys()


def test_show_a_sidecar_whose_run_is_not_here(kft: Kft, run: RunFolder, project: Path) -> None:
    """What came after it is not known, which is not the same as nothing."""
    raw = json.loads(run.record.read_text(encoding="utf-8"))
    raw["run"]["id"] = "first/20200101-000000"
    (project / "stray.json").write_text(json.dumps({**raw, "kind": "sidecar"}), encoding="utf-8")
    as_json = json.loads(kft("show", "stray.json", "--json").out)
    assert (as_json["notes"], as_json["children"]) == (None, None)


LOGS: Mapping[str, tuple[str, str]] = {
    "plain": (
        "steps:  10%|#  | 3/30 [00:09<00:09,  3.00s/it, avr_loss=0.5]\n"
        'Traceback (most recent call last):\n  File "sdxl_train.py", line 900, in <module>\n'
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB.\n",
        "out of memory",
    ),
    "ranks": (
        '[rank1]: Traceback (most recent call last):\n[rank1]:   File "sdxl_train.py", line 1\n'
        "[rank1]: ModuleNotFoundError: No module named 'bitsandbytes'\n"
        "[rank0]:[E321 02:07:08.408271257 ProcessGroupNCCL.cpp:607] [Rank 0] Watchdog caught collective operation "
        "timeout: WorkNCCL(SeqNum=3)\n",
        "missing package",
    ),
    "gui": (
        "\x1b[31m13:02:14-584959 ERROR    No data found. Please verify     sdxl_train.py:195\x1b[0m\n"
        "                             the metadata file and               \n"
        "                             train_data_dir option.              \n"
        "13:02:14-584959 INFO     Training has ended.\n",
        "no data",
    ),
    "windows": (
        "steps:   0%|   | 0/30 [00:00<?, ?it/s]Traceback (most recent call last):\r\n"
        '  File "accelerate\\commands\\launch.py", line 986, in launch_command\r\n'
        "subprocess.CalledProcessError: Command '['python.exe']' returned non-zero exit status 3221225477.\r\n",
        "access violation",
    ),
    "box": (
        "\u256d\u2500\u2500 Traceback (most recent call last) \u2500\u2500\u256e\n"
        "\u2502 /opt/kohya/sdxl_train.py:176 in <module>  \u2502\n"
        "\u2570\u2500\u2500\u256f\nRuntimeError: NaN detected in latents: /data/020.jpg\n",
        "NaN in latents",
    ),
    "table": (
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
        "Root Cause (first observed failure):\n[0]:\n  exitcode  : -9 (pid: 4711)\n"
        "  traceback : Signal 9 (SIGKILL) received by PID 4711\n",
        "killed",
    ),
}


@pytest.mark.parametrize("kind", LOGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_log_that_kft_did_not_run(kft: Kft, project: Path, kind: str, encoding: str) -> None:
    """From a console, a notebook, several GPUs or Windows: its cause is named; exit code 1."""
    text, cause = LOGS[kind]
    (project / "console.txt").write_bytes(text.encode(encoding))
    answer = kft("log", "console.txt")
    assert answer.code == 1, answer.err
    assert f"\u2022 {cause}: " in answer.out
    assert json.loads(kft("log", "console.txt", "--json").out)["failure"]["cause"]["name"] == cause


def test_a_log_that_tells_of_no_failure(kft: Kft, project: Path) -> None:
    """A survived traceback before the steps is none; exit code 0; what cannot be had of a file is said."""
    survived = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'triton'\n"
    bar = "steps: 100%|###| 3/3 [00:09<00:00,  3.00s/it, avr_loss=0.5]\n"
    (project / "a.log").write_text(survived + bar + "model saved.\n")
    answer = kft("log", "a.log")
    assert (answer.code, answer.out.splitlines()[-1].split(maxsplit=1)) == (0, ["end", "all steps are done"])
    assert kft("log", "a.log", "--raw").code == 2
