"""README.md, CONTRIBUTING.md and docs/: generated pages are current, commands and links in them exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests import docs

_FENCE = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_CALL = re.compile(r"^\s*(?:[$→#>-]\s+)?(?:\S*/)?(kft \S.*)$")


def _written(root: Path) -> list[Path]:
    """Every page that a person wrote."""
    made = set(docs.pages())
    pages = [path for path in sorted((root / "docs").glob("*.md")) if path.name not in made]
    return [root / "README.md", root / "CONTRIBUTING.md", root / "CHANGELOG.md", *pages]


def _calls(text: str) -> Iterator[str]:
    """Every call of kft in fenced blocks and inline code, from `kft` on, without its comment."""
    for block in _FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _CALL.match(line):
                yield re.split(r"\s#|\s&&|\s\|\s|\s>", found[1])[0].strip()
    for code in _CODE.findall(_FENCE.sub("", text)):
        if code.startswith("kft "):
            yield code


def _fault(call: str, verbs: dict[str, click.Command]) -> str:
    """What is wrong with a call: the verb or a flag that does not exist; empty where nothing is."""
    words = re.sub(r"\"[^\"]*\"|'[^']*'", "TEXT", call).split()[1:]
    name = next((n for n in (" ".join(words[:2]), words[0]) if n in verbs), "")
    if not name:
        return "" if words[0] in {"...", "…", "VERB", "--help", "--version", "-h"} else f"no verb {words[0]}"
    known = {flag: one for one in verbs[name].params for flag in (*one.opts, *one.secondary_opts)}
    words = ["", *" ".join(words).removeprefix(name).split(" -- ")[0].split(), ""]
    faults = []
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        flag, _, value = word.strip("[]").partition("=")
        if not re.match(r"--?[A-Za-z]", flag) or flag in {"-h", "--help"} or _takes_value(known.get(before)):
            continue  # no flag, or the value of one, as in `--sort -loss`
        if flag not in known:
            faults.append(f"{name} has no {flag}")
        elif isinstance(choice := known[flag].type, click.Choice):
            said = (value or after).strip("[]").split("|")
            faults += [f"{flag} does not take {one}" for one in said if one.islower() and one not in choice.choices]
    return ", ".join(faults)


def _takes_value(flag: click.Parameter | None) -> bool:
    return isinstance(flag, click.Option) and not flag.is_flag


@pytest.mark.parametrize("name", ["commands.md", "options.md", "rules.md"])
def test_generated_pages_are_current(root: Path, name: str) -> None:
    """What lies in docs/ is what the program says today."""
    pages = docs.pages()
    assert sorted(pages) == ["commands.md", "options.md", "rules.md"]
    assert (root / "docs" / name).read_text(encoding="utf-8") == pages[name], "run `make docs`"


def test_generated_pages_know_no_machine(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminal, settings and working folder change nothing in them."""
    before = docs.pages()
    (tmp_path / "kft.toml").write_text("sd_scripts = 'elsewhere'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "61")
    monkeypatch.setenv("KFT_MODELS", "/models-of-this-machine")
    after = docs.pages()
    assert after == before
    assert not any(str(root) in text or str(Path.home()) in text for text in after.values())


def test_every_verb_and_flag_shown_exists(root: Path) -> None:
    """A command that a page shows can be typed."""
    verbs = docs.verbs()
    calls = [(path.name, call) for path in _written(root) for call in _calls(path.read_text(encoding="utf-8"))]
    assert len(calls) > 150
    assert not [f"{name}: {call}: {fault}" for name, call in calls if (fault := _fault(call, verbs))]
    shown = {name for name in verbs for _, call in calls if f"{call} ".startswith(f"kft {name} ")}
    assert set(verbs) - shown == set(), "verbs that no page shows"


def test_a_wrong_command_is_found() -> None:
    """The test above can fail: on a verb, a flag or a choice, in a block and in a sentence."""
    text = "`kft chekc x`\n```\n$ kft run x --rehears  # text\n  → kft list --sort -loss\nkft document --lang fr\n```\n"
    faults = [_fault(call, docs.verbs()) for call in _calls(text)]
    assert faults == ["run has no --rehears", "", "--lang does not take fr", "no verb chekc"]


def test_every_make_target_shown_exists(root: Path) -> None:
    """`make TARGET` in a page is a target of the Makefile."""
    texts = [path.read_text(encoding="utf-8") for path in _written(root)]
    code = "\n".join([*(block for text in texts for block in _FENCE.findall(text)), *_CODE.findall("\n".join(texts))])
    shown = set(re.findall(r"^(?:\$ )?make ([a-z-]+)", code, re.MULTILINE))
    assert {"rehearse", "test", "docs"} <= shown
    assert shown <= set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_links_lead_somewhere(root: Path) -> None:
    """Files and headings that pages link to exist, and README.md links to every page."""
    links = [
        (path, link) for path in _written(root) for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    ]
    here = [(path, link) for path, link in links if not link.startswith("https://")]
    assert len(here) > 40
    assert not [f"{path.name}: {link}" for path, link in here if not _leads(path, link)]
    from_readme = {link for path, link in here if path.name == "README.md"}
    assert {f"docs/{path.name}" for path in (root / "docs").glob("*.md")} <= from_readme


def _leads(page: Path, link: str) -> bool:
    name, _, heading = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
    return not heading or heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short(root: Path) -> None:
    """Everything else has a page in docs/."""
    assert len((root / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
