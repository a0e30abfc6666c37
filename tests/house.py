"""The house in numbers: lines by room, modules, the longest of them, and imports that lead upwards.

`python -m tests.house` prints them; the architecture test reads the same survey.
"""

import ast
import graphlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ROOMS: Mapping[str, Sequence[str]] = {
    "fork_wrapper": (
        "machine",
        "sdscripts",
        "experiment",
        "records",
        "check",
        "run",
        "rehearsal",
        "formats",
        "datasets",
        "compare",
        "repeat",
        "publish",
        "commands",
    ),
    "dataset_tools": ("scan", "pixels", "captions", "check", "prepare", "sets"),
}
"""The rooms of each package, from the ground up: each imports itself and what stands before it."""

TOPS = ("cli", "__main__")
"""Modules of the root above all rooms; the others of the root are below them."""


@dataclass(frozen=True)
class Module:
    """One module of the product."""

    name: str
    """Dotted, from the top level: `fork_wrapper.check.plan`."""
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Parsed once, for all who ask."""
        return ast.parse(self.text)

    @property
    def package(self) -> str:
        """`fork_wrapper` or `dataset_tools`."""
        return self.name.partition(".")[0]

    @property
    def room(self) -> str:
        """The folder that it lies in, below the package; empty in the root."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 2 or (self.path.name == "__init__.py" and len(parts) > 1) else ""

    @property
    def floor(self) -> int:
        """How high it stands: 0 for the root's own modules, then the rooms, above them `cli`."""
        rooms = ROOMS[self.package]
        if self.room:
            return 1 + rooms.index(self.room)
        return len(rooms) + 1 if self.name.rpartition(".")[2] in TOPS else 0

    @property
    def lines(self) -> int:
        """Lines of the file."""
        return self.text.count("\n")

    @cached_property
    def imports(self) -> list[str]:
        """The dotted names that it imports, wherever in it; `from a import b` is `a.b`."""
        found = []
        for node in _statements(self.tree.body):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found += [f"{node.module}.{alias.name}" for alias in node.names]
        return found


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Every statement, at any depth; expressions, most of a tree, are left out."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, part, None)
            if isinstance(inside, list):
                yield from _statements(inside)


def house(root: Path = ROOT) -> dict[str, Module]:
    """Every module of the product by its dotted name."""
    found = {}
    for package in ROOMS:
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            found[name] = Module(name, path, path.read_text(encoding="utf-8"))
    return found


def targets(module: Module, modules: Mapping[str, Module]) -> set[str]:
    """The modules of the house that a module imports."""
    found = set()
    for name in module.imports:
        owner = name if name in modules else name.rpartition(".")[0]
        if owner in modules and owner != module.name:
            found.add(owner)
    return found


def arrows_up(modules: Mapping[str, Module]) -> list[str]:
    """Imports that lead to a higher room, as `from -> to`."""
    return sorted(
        f"{module.name} -> {target}"
        for module in modules.values()
        for target in targets(module, modules)
        if modules[target].package == module.package and modules[target].floor > module.floor
    )


def circle(modules: Mapping[str, Module]) -> list[str]:
    """Modules that import one another in a ring, the first also at its end; empty where there is none."""
    try:
        graphlib.TopologicalSorter({name: targets(module, modules) for name, module in modules.items()}).prepare()
    except graphlib.CycleError as error:
        ring: list[str] = error.args[1]
        return ring
    return []


def _lines() -> Iterator[str]:
    modules = house()
    yield f"{'room':32} {'modules':>7} {'lines':>7} {'longest':>7}"
    total = 0
    for package, rooms in ROOMS.items():
        for room in ("", *rooms[::-1]):
            inside = [module for module in modules.values() if module.package == package and module.room == room]
            total += sum(module.lines for module in inside)
            longest = max((module.lines for module in inside), default=0)
            lines = sum(module.lines for module in inside)
            yield f"{package + '/' + room:32} {len(inside):7} {lines:7} {longest:7}"
    tests = sum(path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "tests").rglob("*.py"))
    worst = max(modules.values(), key=lambda module: module.lines)
    yield f"{'product':32} {len(modules):7} {total:7}"
    yield f"{'tests':32} {'':7} {tests:7}"
    yield f"longest module: {worst.name}, {worst.lines} lines"
    yield f"arrows up: {len(arrows_up(modules))}; circles: {' -> '.join(circle(modules)) or 0}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(_lines()) + "\n")
