"""No logic reads a message: what a caller must know is a value, and words are free to change."""

import ast
from collections.abc import Iterator

from tests.house import house

WORDS = frozenset(["fix", "message", "problem", "reason", "title", "todo", "what", "why"])
"""Names of attributes and variables that hold text for people."""

READING = frozenset(["endswith", "find", "index", "match", "partition", "removeprefix", "removesuffix", "rpartition"])
READING |= {"search", "startswith", "fullmatch"}
"""Methods, and functions of `re`, by which logic would read it."""

NAMES = {
    "fork_wrapper.check.doctor: disk.what == 'outputs'",  # an identifier: the setting that a disk serves
    "fork_wrapper.commands.document: why == 'template'",  # an identifier, which the document's words belong to
    "fork_wrapper.files: 'Invalid statement' in what",  # tomllib says by its words alone what is wrong and where
    "fork_wrapper.files: 'overwrite' in what",
    "fork_wrapper.files: re.search(_PLACE, str(error))",
    "fork_wrapper.files: re.search(words, what)",
    "fork_wrapper.files: 'control character' in what",  # and so does json
    "fork_wrapper.files: 'escape' in what",
}
"""What is no message of kft's own."""


def _is_words(node: ast.expr) -> bool:
    if isinstance(node, (ast.Attribute, ast.Name)):
        return (node.attr if isinstance(node, ast.Attribute) else node.id) in WORDS
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "spell"):
        return any(isinstance(one, ast.Name) and one.id in ("error", "finding") for one in node.args) or (
            node.func.id == "spell"
        )
    return False


def _is_text(node: ast.expr) -> bool:
    """A text, or a constant of a module, which may be one."""
    if isinstance(node, ast.Name):
        return node.id.isupper()
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


def _readings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READING:
            if any(_is_words(one) for one in (node.func.value, *node.args)):
                yield ast.unparse(node)
        elif isinstance(node, ast.Compare) and any(
            isinstance(operator, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)) for operator in node.ops
        ):
            sides = (node.left, *node.comparators)
            if any(map(_is_text, sides)) and any(map(_is_words, sides)):
                yield ast.unparse(node)


def test_no_logic_reads_a_message() -> None:
    """In no module of the product."""
    modules = house()
    assert len(modules) > 300
    found = {f"{name}: {one}" for name, module in modules.items() for one in _readings(module.tree)}
    assert found == NAMES


def test_the_search_finds_what_it_is_for() -> None:
    """Each way in which code has read prose before."""
    for code in (
        "finding.where if finding.what.startswith('no GPU') else None",
        "'CUDA' in one.why",
        "why != BESIDE",
        "spell(value).removeprefix('the string ')",
        "str(error).endswith('not found')",
        "re.search('GPU', finding.todo)",
        "error.title == 'cannot run'",
    ):
        assert list(_readings(ast.parse(code))), code
