"""The import rules of the design, held by reading every module once."""

import ast
import re
import subprocess
import sys

import pytest

from tests.house import ROOMS, ROOT, Module, arrows_up, circle, house

TRAINING = ("torch", "torchvision", "accelerate", "diffusers", "transformers", "library")
SHOWS = ("click", "rich")
STARTS_PROCESSES = ("subprocess", "multiprocessing")
RUN_FILES = ("train.toml", "dataset.toml", "record.json", "train.log")
ROOT_MODULES = {"__main__", "cli", "errors", "files", "text"}
LONGEST = 300


@pytest.fixture(scope="module", name="modules")
def _modules() -> dict[str, Module]:
    """The whole product, read and parsed once."""
    return house()


def users(modules: dict[str, Module], package: str, wanted: tuple[str, ...]) -> set[str]:
    """Modules of a package that import one of the wanted top-level packages."""
    return {
        name
        for name, module in modules.items()
        if module.package == package and any(one.partition(".")[0] in wanted for one in module.imports)
    }


def test_the_rules_see_the_whole_house(modules: dict[str, Module]) -> None:
    """The other tests here would pass on an empty folder: this one counts."""
    assert len([name for name in modules if name.startswith("fork_wrapper.")]) > 200
    assert len([name for name in modules if name.startswith("dataset_tools.")]) > 30
    for package, rooms in ROOMS.items():
        assert {module.room for module in modules.values() if module.package == package} == {"", *rooms}


def test_rooms_import_downwards_only(modules: dict[str, Module]) -> None:
    """No import leads to a higher room, and no modules import one another in a ring."""
    assert arrows_up(modules) == []
    assert circle(modules) == []


def test_the_root_holds_what_all_rooms_use(modules: dict[str, Module]) -> None:
    """Everything else lies in a room."""
    root = {
        name.partition(".")[2]
        for name, module in modules.items()
        if module.package == "fork_wrapper" and not module.room
    }
    assert root == {"", *ROOT_MODULES}


def test_no_module_is_too_long(modules: dict[str, Module]) -> None:
    """A module that outgrows this holds more than one thought."""
    assert {name: module.lines for name, module in modules.items() if module.lines > LONGEST} == {}


def test_only_the_command_line_imports_click_and_rich(modules: dict[str, Module]) -> None:
    """Everything else returns values."""
    shows = users(modules, "fork_wrapper", SHOWS)
    assert {name for name in shows if modules[name].room != "commands"} == {"fork_wrapper.cli"}
    assert users(modules, "dataset_tools", SHOWS) == set()


def test_only_output_writes_to_the_terminal(modules: dict[str, Module]) -> None:
    """There what strangers wrote is made harmless; a log's bytes are passed on where they are asked for."""
    raw = re.compile(r"(?<![\w.])(?:sys\.stdout\.write|sys\.stderr\.write|sys\.stdout\.buffer|print\()")
    inside = [module for module in modules.values() if module.package == "fork_wrapper" and module.room != "rehearsal"]
    answers = {"fork_wrapper.check.versions", "fork_wrapper.machine.probe", "fork_wrapper.sdscripts.read_parser"}
    writers = {module.name for module in inside if raw.search(module.text)}
    assert writers - answers == {"fork_wrapper.commands.output", "fork_wrapper.commands.log"}


def test_only_run_and_machine_start_processes(modules: dict[str, Module]) -> None:
    """render.py borrows subprocess's quoting for Windows and starts nothing."""
    starting = ("machine.ask", "machine.submodule", "run.launch", "run.render")
    assert users(modules, "fork_wrapper", STARTS_PROCESSES) == {f"fork_wrapper.{name}" for name in starting}
    text = modules["fork_wrapper.run.render"].text
    assert text.count("subprocess") == text.count("import subprocess") + text.count("subprocess.list2cmdline")
    assert users(modules, "dataset_tools", STARTS_PROCESSES) == set()


def test_only_the_rehearsal_imports_what_trains(modules: dict[str, Module]) -> None:
    """The kft process never loads torch, and never sd-scripts' library."""
    assert {modules[name].room for name in users(modules, "fork_wrapper", TRAINING)} == {"rehearsal"}
    assert users(modules, "dataset_tools", (*TRAINING, "fork_wrapper")) == set()
    assert users(modules, "dataset_tools", ("numpy",)) == {
        "dataset_tools.check.alignment",
        "dataset_tools.check.alike",
        "dataset_tools.check.candidates",
        "dataset_tools.check.twins",
        "dataset_tools.pixels.single_thread",
    }


def test_only_the_run_folder_spells_the_names_of_run_files(modules: dict[str, Module]) -> None:
    """A run file's name stands as a path in one module; elsewhere only in words to people."""
    spelled = {
        module.name
        for module in modules.values()
        if module.package == "fork_wrapper"
        for node in ast.walk(module.tree)
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
