"""What Markdown would misread, and what a long list is cut to."""

from pathlib import Path

from fork_wrapper.compare.comparison import compare_sources
from fork_wrapper.compare.markdown import markdown
from fork_wrapper.compare.sections import FEW, file_lines, rule_lines, sections
from fork_wrapper.compare.text import text_lines
from tests.unit.compare.building import PYTHON, manifest, record, run, source


def test_marks_in_values_stay_values(tmp_path: Path) -> None:
    """A bar would end the cell, a backtick the code."""
    found = compare_sources(source({"caption_prefix": "a|b"}), source({"caption_prefix": "`c`"}, label="*t*"), tmp_path)
    text = markdown(found)
    assert "| dataset | `caption_prefix` | `a\\|b` | `` `c` `` |" in text
    assert text.startswith("# `one` → `*t*`\n")


def test_rules_and_remarks(tmp_path: Path) -> None:
    """Both are there; with --only-training neither the rules nor what has no effect."""
    found = compare_sources(source({"huber_c": 0.2}), source(), tmp_path)
    assert '`huber_c`<br>no effect: with loss_type = "l2"' in markdown(found)
    assert "- vanishes: huber-unused (warning): huber_c is ignored" in markdown(found)
    assert (
        markdown(found, only_training=True)
        == "# `one` → `one`\n\n0 differences change training, 1 does not; 1 rule vanishes.\n"
    )
    assert [sign for sign, _, _ in rule_lines(found.rules)] == ["-"]


def test_a_remark_about_one_side(tmp_path: Path) -> None:
    """A value that is set and does nothing is pointed at, an absent one is not."""
    trained = {"train_text_encoder": True, "learning_rate_te1": 1e-6}
    absent = markdown(compare_sources(source(), source(trained, label="two"), tmp_path))
    assert "no effect in" not in absent
    said = markdown(compare_sources(source({"learning_rate_te1": 2e-6}), source(trained, label="two"), tmp_path))
    assert "`learning_rate_te1`<br>no effect in one: without train_text_encoder" in said


def test_nothing_differs(tmp_path: Path) -> None:
    """Said in words."""
    assert markdown(compare_sources(source(), source(), tmp_path)) == "# `one` → `one`\n\nNo difference.\n"


def test_packages_that_hardly_matter_are_counted(tmp_path: Path) -> None:
    """The first few are named, with --all every one."""
    packages = {f"package-{number:02}": "1" for number in range(FEW + 3)}
    other = record(python={**PYTHON, "packages": {**PYTHON["packages"], **packages}})  # type: ignore[dict-item]
    found = compare_sources(run(), run("one/b", made=other), tmp_path)
    (ran,) = sections(found)
    assert (ran.title, len(ran.lines), ran.lines[-1].key) == ("ran on", FEW + 1, "and 3 more")
    all_of_it = {table.title: len(table.lines) for table in sections(found, everything=True)}
    assert all_of_it["ran on"] == 7 + 1 + FEW + 3


def test_many_images_are_counted(tmp_path: Path) -> None:
    """Three names, and how many more."""
    before = manifest(a__png=("1", None))
    after = manifest(a__png=("1", None), **{f"b{number}__png": (f"x{number}", None) for number in range(5)})
    found = compare_sources(run(made=record(dataset=before)), run("one/b", made=record(dataset=after)), tmp_path)
    assert file_lines(found) == [("5 images added", "b0.png, b1.png, b2.png and 2 more")]
    lines = ["".join(text for text, _ in line) for line in text_lines(found, width=40)]
    assert lines[-2:] == ["  5 images added: b0.png, b1.png, b2.png", "    and 2 more"]
