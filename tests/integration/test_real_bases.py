"""What kft says of base models and VAEs is what the loader of the real sd-scripts does with them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.table import findings
from fork_wrapper.sdscripts.model_kinds import look_at_model
from tests.builders.model_files import MADE, VAE
from tests.builders.sdxl_layout import write_sparse

pytestmark = [pytest.mark.trainer, pytest.mark.sd_scripts, pytest.mark.usefixtures("trainer_packages")]
VAES = {
    "vae alone": VAE,
    "vae of a checkpoint": MADE["SDXL"].tensors,
    "vae, flat attention": {name.removeprefix("first_stage_model."): shape
                            for name, shape in MADE["SDXL with flat attention in the VAE"].tensors.items()
                            if name.startswith("first_stage_model.")},
    "vae and more": {**VAE, "loss.discriminator.main.0.weight": (64, 3, 4, 4), "model_ema.decay": ()},
    "vae with a block more": {**VAE, "decoder.up.0.block.9.conv1.weight": (128, 128, 3, 3)},
    "vae of 16 channels": {**VAE, "decoder.conv_in.weight": (512, 16, 3, 3)},
    "vae of Diffusers": MADE["VAE of Diffusers"].tensors,
    "LoRA as a vae": MADE["LoRA of kohya"].tensors,
}  # fmt: skip


def test_the_loader_does_what_kft_says(sd_scripts: Path, tmp_path: Path) -> None:
    """An error exactly where it dies."""
    bases = {
        label: str(write_sparse(tmp_path / f"{number}.safetensors", made.tensors))
        for number, (label, made) in enumerate(MADE.items())
    }
    vaes = {
        label: str(write_sparse(tmp_path / f"vae-{number}.safetensors", tensors))
        for number, (label, tensors) in enumerate(VAES.items())
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("real_bases.py")), str(sd_scripts)],
        input=json.dumps({"bases": bases, "vaes": vaes}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == len(MADE) + len(VAES)
    keys = {**dict.fromkeys(bases, "pretrained_model_name_or_path"), **dict.fromkeys(vaes, "vae")}
    assert {label: (bool(answer), answer[:300]) for label, answer in answers.items()
            if bool(answer) != _refused(keys[label], {**bases, **vaes}[label])} == {}  # fmt: skip
    assert sum(map(bool, answers.values())) > 50


def _refused(key: str, path: str) -> bool:
    base, vae = (look_at_model(path), None) if key != "vae" else (None, look_at_model(path))
    found = findings(Case(training={key: path}, dataset={}, surveys={}, base=base, vae=vae))
    return any(one.severity == "error" and one.rule.startswith(("base-", "vae-")) for one in found)
