"""Templates of what people read: HTML, which escapes every value, and Markdown, which has filters to do so.

jinja2 is imported when the first page is made: no other command pays for it.
"""

import json
import os
import re
import shlex
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fork_wrapper.compare.markdown_text import aligned_table, code, escape, table
from fork_wrapper.text import counted, harmless, size

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment
    from markupsafe import Markup

FOLDER = Path(__file__).with_name("templates")

_NOT_PRINTED = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), 0xFFFD)
"""Control characters, which no HTML may hold."""


@lru_cache(maxsize=1)
def html_templates() -> "Environment":
    """The environment of pages: what a value holds is text, whoever wrote it."""
    made = _environment(autoescape=True, finalize=_printable)
    made.filters |= {"breakable": breakable, "counted": counted, "size": size}
    return made


def markdown(name: str, **values: Any) -> str:
    """A document: a template with these values. Several blank lines become one, and those at its ends go."""
    return re.sub(r"\n{3,}", "\n\n", markdown_templates().get_template(name).render(values)).strip() + "\n"


@lru_cache(maxsize=1)
def markdown_templates() -> "Environment":
    """The environment of documents: `md` is for words, `code` for values, `table` aligns its columns."""
    made = _environment(autoescape=False)
    made.filters |= {"md": escape, "code": code, "quoted": quoted, "shell": shlex.quote}
    made.globals |= {"table": _aligned, "plain_table": _plain_table}
    return made


def quoted(text: str) -> str:
    """A text in the quotes of YAML and Python, without the control characters that neither may hold."""
    return json.dumps(harmless(text), ensure_ascii=False)


def asset(name: str) -> str:
    """A style or a script with one kind of line ends: the browser hashes what it parsed."""
    return (FOLDER / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def breakable(value: str) -> "Markup":
    """A name that may be broken after its punctuation, and nowhere else."""
    from markupsafe import Markup, escape  # noqa: PLC0415

    return Markup(re.sub(r"([_/.-])(?=\w)", r"\1<wbr>", str(escape(_printable(value)))))


def _environment(**more: Any) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=FileSystemLoader(FOLDER),
        bytecode_cache=_compiled(),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        **more,
    )


def _compiled() -> "BytecodeCache | None":
    """Compiled templates beside their source, as Python keeps its own; None where none may be written."""
    import jinja2  # noqa: PLC0415

    folder = FOLDER / "__pycache__"
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
    if sys.dont_write_bytecode or not os.access(folder, os.W_OK):
        return None
    times = [Path(file).stat().st_mtime_ns for file in (__file__, jinja2.__file__)]  # options and compiler, too
    return jinja2.FileSystemBytecodeCache(str(folder), f"jinja-{times[0]}-{times[1]}-%s.cache")


def _printable(value: Any) -> Any:
    """Text without what no page may hold; markup and undefined values as they are."""
    if hasattr(value, "__html__"):
        return value
    return str(value).translate(_NOT_PRINTED).encode("utf-8", "replace").decode()


def _aligned(heads: Any, rows: Any) -> str:
    return "\n".join(aligned_table(list(heads), list(rows)))


def _plain_table(heads: Any, rows: Any) -> str:
    return "\n".join(table(heads, rows))
