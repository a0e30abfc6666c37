"""The base of the test at full size, with narrow networks: its files are those that training in fp16 asks for."""

import subprocess
import sys
from pathlib import Path

import pytest

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.table import findings

pytestmark = pytest.mark.usefixtures("trainer_packages")

SCRIPT = """
import sys
folder, *sys.path[:0] = sys.argv[1:]
sys.argv[1:] = [folder]
import full_size
import torch
from diffusers import StableDiffusionXLPipeline
from fork_wrapper.rehearsal import miniature

def narrow():
    with torch.device("meta"):
        return {"text_encoder": miniature._text_encoder_1(514), "text_encoder_2": miniature._text_encoder_2(514),
            "unet": miniature._unet(), "vae": miniature._vae()}

full_size.shapes = narrow
full_size.main()
# as library/sdxl_train_util.py:83-89 does
StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32, variant="fp16", tokenizer=None)
"""


def test_the_base_has_fp16_files(tmp_path: Path, root: Path) -> None:
    """The library finds them, and rule fp16-variant has nothing to say."""
    folder = tmp_path / "base"
    command = [sys.executable, "-c", SCRIPT, str(folder), str(root), str(root / "tests" / "gpu")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    case = Case(training={"mixed_precision": "fp16", "pretrained_model_name_or_path": str(folder)}, dataset={})
    assert [one.what for one in findings(case) if one.rule == "fp16-variant"] == []
    assert len(list(folder.glob("*/*.fp16.safetensors"))) == 4
