"""Resumed learning rates against sd-scripts' own schedulers: every rate after the state is the planned one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.repeat.resume_schedule import continued
from fork_wrapper.sdscripts.options import effective

pytestmark = [pytest.mark.trainer, pytest.mark.sd_scripts, pytest.mark.usefixtures("trainer_packages")]

TOTAL, DONE = 20, 8
PROCESSES = 2

TRAININGS: dict[str, dict[str, Any]] = {
    "constant": {},
    "constant_with_warmup": {"lr_warmup_steps": 0.6},
    "inverse_sqrt": {"lr_warmup_steps": 0.1, "lr_scheduler_timescale": 5},
    "linear": {"lr_warmup_steps": 0.1},
    "cosine": {"lr_warmup_steps": 3},
    "cosine_with_restarts": {"lr_scheduler_num_cycles": 3},
    "polynomial": {"lr_scheduler_power": 2.0, "lr_warmup_steps": 0.5},
    "cosine_with_min_lr": {"lr_scheduler_min_lr_ratio": 0.1},
    "warmup_stable_decay": {"lr_warmup_steps": 0.1, "lr_decay_steps": 0.4},
    "piecewise_constant": {"lr_scheduler_args": ["step_rules='1:10,0.1:30,0.01'"]},
}

SCRIPT = """
import argparse, json, sys
sys.path[:0] = sys.argv[1:]
from fork_wrapper.rehearsal.torchvision_ops import define_missing_ops
define_missing_ops()
import torch
from library.train_util import get_scheduler_fix

def made(options):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], lr=1e-4)
    scheduler = get_scheduler_fix(argparse.Namespace(**options), optimizer, 2)
    return optimizer, scheduler

def rates(optimizer, scheduler, count):
    found = []
    for _ in range(count):
        optimizer.step()
        for _ in range(2):
            scheduler.step()
        found.append(scheduler.get_last_lr()[0])
    return found

answers = {}
for name, case in json.load(sys.stdin).items():
    planned = rates(*made(case["planned"]), case["total"])
    broken = made(case["planned"])
    rates(*broken, case["done"])
    saved = [one.state_dict() for one in broken]
    curves = {}
    for kind in ("resumed", "plain"):
        pair = made(case[kind])
        for one, state in zip(pair, saved):
            one.load_state_dict(state)
        curves[kind] = rates(*pair, case["total"] - case["done"])
    answers[name] = {"planned": planned[case["done"]:], **curves}
print(json.dumps(answers))
"""


def _options(training: dict[str, Any], steps: int) -> dict[str, Any]:
    """What sdxl_train.py's namespace holds."""
    said = {key: value for key, value in training.items() if value is not None}
    return dict(effective({**said, "max_train_steps": steps, "optimizer_type": "AdamW"}, Path("a"), Path("b")))


def test_all_schedulers_go_on_as_planned(root: Path, sd_scripts: Path) -> None:
    """Ten of them: with kft's values the rest of the curve is exact; without them, six are not."""
    cases = {}
    for name, more in TRAININGS.items():
        training = {"lr_scheduler": name, "learning_rate": 1e-4, **more}
        rest = {**training, **continued(training, total=TOTAL, processes=PROCESSES).wanted}
        cases[name] = {
            "planned": _options(training, TOTAL),
            "resumed": _options(rest, TOTAL - DONE),
            "plain": _options(training, TOTAL - DONE),
            "total": TOTAL,
            "done": DONE,
        }
    argv = [sys.executable, "-c", SCRIPT, str(sd_scripts), str(root)]
    done = subprocess.run(argv, input=json.dumps(cases).encode(), capture_output=True, check=False, cwd=sd_scripts)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    curves = json.loads(done.stdout.splitlines()[-1])
    assert len(curves) == 10
    for name, curve in curves.items():
        assert curve["resumed"] == pytest.approx(curve["planned"], rel=1e-12), name
    off = {name for name, curve in curves.items() if curve["plain"] != pytest.approx(curve["planned"], rel=1e-12)}
    assert off >= {
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
        "cosine_with_min_lr",
        "warmup_stable_decay",
    }
    assert off <= set(TRAININGS) - {"constant", "piecewise_constant"}
