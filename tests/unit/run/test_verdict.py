"""Success is exit code 0 and a whole final checkpoint that is newer than the start."""

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fork_wrapper.run.launch import Outcome
from fork_wrapper.run.verdict import Verdict, no_final

STARTED = 1_700_000_000.0


def outcome(exit_code: int = 0) -> Outcome:
    """A process that ran for ten seconds."""
    return Outcome(exit_code=exit_code, stops=(), started=STARTED, ended=STARTED + 10)


@pytest.fixture
def final(tmp_path: Path) -> Path:
    """A whole final checkpoint, written five seconds after the start."""
    path = tmp_path / "one.safetensors"
    save_file({"weight": np.zeros(8, dtype=np.float32)}, path)
    os.utime(path, (STARTED + 5, STARTED + 5))
    return path


def test_the_final_checkpoint_that_proves_a_success(final: Path) -> None:
    """It is there, whole, and newer than the start; else it is said which."""
    assert no_final(final.parent, "one", STARTED) == ""
    assert no_final(final.parent, "two", STARTED) == "wrote no two.safetensors"
    os.utime(final, (STARTED - 60, STARTED - 60))
    assert no_final(final.parent, "one", STARTED) == "one.safetensors is older than its start"
    os.utime(final, (STARTED + 5, STARTED + 5))
    final.write_bytes(final.read_bytes()[:-1])
    os.utime(final, (STARTED + 5, STARTED + 5))
    assert no_final(final.parent, "one", STARTED) == "one.safetensors is not whole"


def test_a_trainer_that_never_started_has_no_times() -> None:
    """Nothing is invented for the record."""
    facts = Verdict.not_started("no such file").to_run()
    assert (facts["status"], facts["exit_code"], facts["seconds"], facts["ended"]) == ("failed", None, None, None)
    assert facts["failure"] == {"what": "no such file", "cause": None, "tail": []}
