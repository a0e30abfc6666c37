"""What a value holds is text, in HTML and in Markdown."""

import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from fork_wrapper.publish import templating
from fork_wrapper.publish.templating import asset, breakable, html_templates, markdown_templates


class Reader(HTMLParser):
    """What a parser makes of markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.words += data


def parsed(markup: str) -> Reader:
    """Markup as it is understood."""
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


PARAGRAPH = html_templates().from_string('<p title="{{ words }}">{{ words }}</p>')


@given(st.text())
def test_no_text_becomes_markup(words: str) -> None:
    """In an element and in an attribute; control characters, which no page may hold, are replaced."""
    read = parsed(PARAGRAPH.render(words=words))
    ((name, attributes),) = read.tags
    assert name == "p"
    if words.isprintable():
        assert read.words == words
        assert attributes == [("title", words)]
    assert "\0" not in read.words


def test_what_no_page_may_hold() -> None:
    """Null characters, halves of characters, escapes."""
    text = html_templates().from_string("{{ words }}")
    assert text.render(words="a\0b\x1b\udc80c") == "a\ufffdb\ufffd?c"
    assert text.render(words="tab\tand\nline") == "tab\tand\nline"


@given(st.text())
def test_breakable_names(words: str) -> None:
    """The same words, with places where they may break; markup that a template need not escape."""
    text = html_templates().from_string("{{ words }}").render(words=words)
    assert breakable(words).replace("<wbr>", "") == text
    assert breakable("one_two/3") == "one_<wbr>two/<wbr>3"
    assert html_templates().from_string("{{ words|breakable }}").render(words=words) == breakable(words)


def test_markdown_templates() -> None:
    """Words and values keep to their place: no tag, no new cell, no new line."""
    row = markdown_templates().from_string("| {{ words|md }} | {{ words|code }} |")
    assert row.render(words="<b>a|b\nc") == r"| \<b\>a\|b c | `<b>a\|b c` |"


def test_what_is_missing_is_an_error() -> None:
    """A template that names a value nobody gives does not leave a gap."""
    for environment in (html_templates(), markdown_templates()):
        with pytest.raises(UndefinedError):
            environment.from_string("{{ nothing }}").render()


def test_assets() -> None:
    """Style and script have one kind of line ends."""
    for name in ("report.css", "report.js"):
        assert len(asset(name)) > 1000
        assert "\r" not in asset(name)


def test_nothing_is_written_where_python_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compiled templates are kept beside their source, unless Python keeps none or the folder is not there."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(templating, "FOLDER", tmp_path / "gone")
    assert templating._compiled() is None
    monkeypatch.setattr(templating, "FOLDER", tmp_path)
    assert templating._compiled() is not None
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert templating._compiled() is None
