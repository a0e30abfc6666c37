"""The import rules of the design, held by reading every module."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ("torch", "torchvision", "accelerate", "diffusers", "transformers", "library")
SHOWS = ("click", "rich")
STARTS_PROCESSES = ("subprocess", "multiprocessing")
RUN_FILES = ("train.toml", "dataset.toml", "record.json", "train.log")


def modules(package: str) -> Iterator[tuple[str, ast.Module, str]]:
    """Dotted name, tree and text of every module of a package."""
    for path in sorted((ROOT / package).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name, ast.parse(text), text


def imports(tree: ast.Module) -> set[str]:
    """Full names of everything a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def users(package: str, wanted: tuple[str, ...]) -> set[str]:
    """Modules that import one of the wanted top-level packages."""
    return {name for name, tree, _text in modules(package) if any(one.split(".")[0] in wanted for one in imports(tree))}


def test_the_rules_see_the_whole_package() -> None:
    """The other tests here would pass on an empty folder: this one counts."""
    assert len(list(modules("fork_wrapper"))) > 45
    assert len(list(modules("dataset_tools"))) > 10


def test_only_the_command_line_imports_click_and_rich() -> None:
    """Everything else returns values."""
    allowed = {"fork_wrapper.cli", "fork_wrapper.commands.output", "fork_wrapper.commands.live_view"}
    assert {name for name in users("fork_wrapper", SHOWS) if not name.startswith("fork_wrapper.commands.")} == allowed
    assert users("dataset_tools", SHOWS) == set()


def test_only_output_writes_to_the_terminal() -> None:
    """There what strangers wrote is made harmless; a log's bytes are passed on where they are asked for."""
    raw = ("sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer", "print(")
    writers = {
        name
        for name, _tree, text in modules("fork_wrapper")
        if any(re.search(rf"(?<![\w.]){re.escape(word)}", text) for word in raw) and ".rehearsal." not in name
    }
    answering = {
        "fork_wrapper.check.builds",
        "fork_wrapper.machine.probe",
        "fork_wrapper.sdscripts.read_parser",
    }  # kft's questions
    assert writers - answering == {"fork_wrapper.commands.output", "fork_wrapper.commands.log"}


def test_only_launch_and_provenance_start_processes() -> None:
    """render.py borrows subprocess's quoting for Windows and starts nothing."""
    assert users("fork_wrapper", STARTS_PROCESSES) == {
        "fork_wrapper.run.launch",
        "fork_wrapper.machine.provenance",
        "fork_wrapper.run.render",
    }
    (text,) = [text for name, _tree, text in modules("fork_wrapper") if name == "fork_wrapper.run.render"]
    assert text.count("subprocess") == text.count("import subprocess") + text.count("subprocess.list2cmdline")
    assert users("dataset_tools", STARTS_PROCESSES) == set()


def test_only_the_rehearsal_imports_what_trains() -> None:
    """The kft process never loads torch, and never sd-scripts' library."""
    assert all(name.startswith("fork_wrapper.rehearsal.") for name in users("fork_wrapper", TRAINING))
    assert users("dataset_tools", (*TRAINING, "fork_wrapper")) == set()
    assert users("dataset_tools", ("numpy",)) == {
        "dataset_tools.alignment",
        "dataset_tools.alike",
        "dataset_tools.candidates",
        "dataset_tools.inspect_twins",
        "dataset_tools.single_thread",
    }


def test_only_paths_spells_the_names_of_run_files() -> None:
    """A run file's name stands as a path in one module; elsewhere only in words to people."""
    spelled = {
        name
        for name, tree, _text in modules("fork_wrapper")
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant)
        if node.right.value in RUN_FILES
    }
    assert spelled == {"fork_wrapper.records.run_folder"}


def test_help_loads_nothing_heavy() -> None:
    """`kft --help` imports click and kft's own table of verbs, and none of what takes time."""
    code = (
        "import sys; from fork_wrapper.cli import call; call(['--help']); "
        "print([n for n in sys.argv[1:] if n in sys.modules], file=sys.stderr)"
    )
    slow = ("torch", "PIL", "numpy", "accelerate", "rich", "regex")
    heavy = [*slow, "toml", "tomllib", "psutil", "safetensors", "asyncio"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr.strip() == "[]"
