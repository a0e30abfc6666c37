"""Where the miniature lies, and that asking for it costs nothing."""

import subprocess
import sys
from pathlib import Path

from fork_wrapper.rehearsal.miniature import DESCRIPTION, ensure_miniature
from fork_wrapper.rehearsal.miniature_folder import (
    MINIATURE_VERSION,
    TIME_EMBED,
    WIDTH,
    base_model,
    miniature_folder,
    tokenizers,
)

HEAVY = "{'torch', 'diffusers', 'transformers', 'accelerate', 'torchvision'}"


def test_a_new_version_gets_a_new_folder(tmp_path: Path) -> None:
    """An old cache is never taken for a new miniature: the version is in the name."""
    assert miniature_folder(tmp_path) == tmp_path / f"miniature-v{MINIATURE_VERSION}"


def test_model_and_tokenizers_are_apart(tmp_path: Path) -> None:
    """sd-scripts looks for tokenizers by name in a folder of their own."""
    assert base_model(tmp_path) == tmp_path / "sdxl"
    assert tokenizers(tmp_path) == tmp_path / "tokenizers"


def test_the_time_embedding_follows_the_width() -> None:
    """The U-Net takes four times its width, and its group norms need 32 channels."""
    assert TIME_EMBED == 4 * WIDTH
    assert WIDTH % 32 == 0


def test_a_miniature_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """A warm start builds nothing where the description, which is written last, says that all is there."""
    (tmp_path / DESCRIPTION).write_text("{}")
    ensure_miniature(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [DESCRIPTION]


def test_a_warm_start_imports_nothing_heavy(tmp_path: Path) -> None:
    """The modules that the launcher imports leave torch alone, in a Python that has just started."""
    code = (
        "import sys; from pathlib import Path\n"
        "from fork_wrapper.rehearsal import miniature, miniature_folder, standin_data\n"
        "from fork_wrapper.rehearsal import standin_output, torchvision_ops\n"
        "miniature.ensure_miniature(Path(sys.argv[1]))\n"
        f"sys.exit(', '.join({HEAVY} & set(sys.modules)) or None)\n"
    )
    root = Path(__file__).parents[3]
    (tmp_path / DESCRIPTION).write_text("{}")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
