"""Markup is made here or escaped."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.publish.report.html import Html, breakable, join, tag, text


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


def test_elements() -> None:
    """Attributes by their Python names, true ones bare, absent ones left out; lists and nothing among children."""
    made = tag("a", "x < y", [tag("br"), None, "z"], class_="k", data_go="1", hidden=True, title=None, href=False)
    assert made == '<a class="k" data-go="1" hidden>x &lt; y<br>z</a>'
    assert tag("meta", name="n") == '<meta name="n">'
    assert join(["a", tag("b", "c")], " ") == "a <b>c</b>"


@given(st.text())
def test_no_text_becomes_markup(words: str) -> None:
    """In an element and in an attribute; control characters, which no page may hold, are replaced."""
    read = parsed(tag("p", words, title=words))
    ((name, attributes),) = read.tags
    assert name == "p"
    plain = words.replace("\r\n", "\n").replace("\r", "\n")
    if plain.isprintable():
        assert read.words == words
        assert attributes == [("title", words)]
    assert "\0" not in read.words


def test_what_no_page_may_hold() -> None:
    """Null characters, halves of characters, escapes."""
    assert text("a\0b\x1b\udc80c") == "a\ufffdb\ufffd?c"
    assert text("tab\tand\nline") == "tab\tand\nline"


@given(st.text())
def test_breakable_names(words: str) -> None:
    """The same words, with places where they may break."""
    assert breakable(words).replace("<wbr>", "") == text(words)
    assert breakable("one_two/3") == "one_<wbr>two/<wbr>3"
    assert isinstance(breakable(words), Html)
