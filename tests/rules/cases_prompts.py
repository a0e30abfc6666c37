"""What stands in the file of sample prompts."""

import json

from tests.rules.casebook import Entry
from tests.rules.cases_sampling import FIRST
from tests.rules.furnishing import text

FLAGS = " --w 64 --h 64 --s 1"
TABLE = {"prompt": "a square", "width": 64, "height": 64, "sample_steps": 1}
TOML = '[prompt]\nwidth = 64\nheight = 64\nsample_steps = 1\n[[prompt.subset]]\nprompt = "a square"\n'


def _prompt(rule: str, trips: str | bytes, spares: str, what: str, says: str = "", suffix: str = ".txt") -> Entry:
    """An entry whose two sides differ in the file."""
    name = f"prompts{suffix}"
    changes = FIRST | {"training.sample_prompts": f"FOLDER/{name}"}
    return Entry(
        rule=rule,
        trips=changes,
        spares=changes,
        what=what,
        program="dies" if says else "goes on",
        says=says,
        trips_files=text(name, trips),
        spares_files=text(name, spares),
    )


def _value(changes: dict[str, object], what: str, says: str, spares: dict[str, object] | None = None) -> Entry:
    """An entry about one value of a JSON table."""
    trips = json.dumps([TABLE | changes])
    return _prompt("sample-value", trips, json.dumps([TABLE | (spares or {})]), f"prompt 1: {what}", says, ".json")


ENTRIES: tuple[Entry, ...] = (
    _prompt(
        "sample-prompts-broken",
        f"a square \xe9{FLAGS}".encode("latin-1"),
        f"a square \xe9{FLAGS}",
        "the sample prompts cannot be read: it is not UTF-8",
        "UnicodeDecodeError",
    ),
    _prompt(
        "sample-prompts-broken",
        f"\ufeff{TOML}",
        TOML,
        "the sample prompts cannot be read: it is no TOML: Found invalid character in key name: '['. "
        "Try quoting the key name. (line 1 column 2 char 1)",
        "TomlDecodeError",
        ".toml",
    ),
    *(
        _prompt("sample-prompts-broken", broken, sound, f"the sample prompts cannot be read: {fault}", says, suffix)
        for suffix, broken, sound, fault, says in (
            (
                ".json",
                "{",
                "{}",
                "it is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
                "JSONDecodeError",
            ),
            (".json", '{"prompt": "a"}', '""', "it is no list of prompts", "KeyError"),
            (".json", "[1]", json.dumps([f"a{FLAGS}"]), "prompt 1 is neither a text nor a table", "AssertionError"),
            (
                ".toml",
                "a = ",
                TOML,
                "it is no TOML: Empty value is invalid (line 1 column 1 char 0)",
                "TomlDecodeError",
            ),
            (".toml", "a = 1", TOML, "it has no [[prompt.subset]]", "KeyError"),
            (".toml", "[prompt]\nwidth = 64", "[prompt]\nsubset = []", "it has no [[prompt.subset]]", "KeyError"),
            (".toml", '[prompt]\nsubset = ["a"]', TOML, "prompt.subset is no array of tables", "TypeError"),
            (
                ".toml",
                TOML + "width = 96\n",
                TOML,
                "width stands in [prompt] and again in [[prompt.subset]]",
                "multiple values",
            ),
        )
    ),
    *(
        _prompt("sample-prompts-empty", empty, sound, "there is no sample prompt", suffix=suffix)
        for suffix, empty, sound in (
            (".txt", "# a square\n\n", f" # a square{FLAGS}"),
            (".json", "[]", json.dumps([TABLE])),
            (".toml", "[prompt]\nsubset = []", TOML),
        )
    ),
    _prompt(
        "sample-size",
        f"# two\na square --w 64 --s 1\na square --s 1\na square{FLAGS}",
        f"a square{FLAGS}",
        "sample prompts without width or height are drawn at 512: line 2, line 3",
    ),
    *(
        _prompt(
            "sample-size-32",
            f"a square --w {side} --h 64 --s 1",
            f"a square --w {near} --h 64 --s 1",
            f"line 1: width {side} is drawn as {drawn}, no multiple of 32",
            "Sizes of tensors must match",
        )
        for side, drawn, near in ((104, 104, 96), (127, 120, 103))
    ),
    _value({"height": "64"}, 'height = "64" is no whole number', "TypeError"),
    _value({"width": None}, "width = None is no whole number", "TypeError"),
    _value({"width": 96.0}, "width = 96.0 is no whole number", "TypeError", {"width": 64.0}),
    _value({"scale": "7"}, 'scale = "7" is no number', "TypeError", {"scale": 0}),
    _value({"seed": "x"}, 'seed = "x" is no number', "ValueError", {"seed": "5"}),
    _value({"seed": 2**64}, "seed = 18446744073709551616 is out of range", "Overflow", {"seed": 2**64 - 1}),
    _value({"seed": -(2**63) - 1}, "seed = -9223372036854775809 is out of range", "Overflow", {"seed": -(2**63)}),
    _value({"sample_steps": 2.0}, "sample_steps = 2.0 is no whole number", "IndexError", {"sample_steps": 2}),
    _value({"sample_steps": 0}, '"ddim" cannot draw in 0 steps', "ZeroDivisionError"),
    _value({"sample_steps": 1001}, '"ddim" cannot draw in 1001 steps', "cannot be larger"),
    _value(
        {"sample_steps": -1, "sample_sampler": "euler"},
        "euler cannot draw in -1 steps",
        "must be non-negative",
        {"sample_steps": 0, "sample_sampler": "euler"},
    ),
    _value(
        {"sample_steps": 0, "sample_sampler": "dpmsingle"},
        "dpmsingle cannot draw in 0 steps",
        "TypeError",
        {"sample_steps": 1, "sample_sampler": "dpmsingle"},
    ),
    _value(
        {"sample_steps": 0, "sample_sampler": "heun"},
        "heun cannot draw in 0 steps",
        "TypeError",
        {"sample_steps": 0, "sample_sampler": "dpmsolver++"},
    ),
    _value({"prompt": 1}, "prompt = 1 is no text", "`prompt` has to be of type"),
    _value(
        {"prompt": ["a", "b"]},
        "prompt and negative_prompt have to be one text each",
        "RuntimeError",
        {"prompt": ["a", "b"], "scale": 1},
    ),
    _value({"prompt": [], "scale": 1}, "prompt is an empty list", "RuntimeError", {"prompt": "", "scale": 1}),
    _value(
        {"negative_prompt": 5},
        "prompt and negative_prompt have to be one text each",
        "TypeError",
        {"negative_prompt": 5, "scale": 1},
    ),
    _prompt(
        "sample-value",
        "a square --w 64 --h 64 --s 3 --ss pndm",
        "a square --w 64 --h 64 --s 4 --ss pndm",
        "line 1: pndm cannot draw in 3 steps",
        "could not be broadcast",
    ),
    *(
        _prompt(
            "sample-weight", trips + FLAGS, spares + FLAGS, f"line 1: the weight {weight} is no number", "ValueError"
        )
        for trips, spares, weight in (
            ("a (square:1.2.3)", "a (square:1.2)", "1.2.3"),
            ("a (square:.)", r"a \(square:.)", "."),
            ("a ((red) square:..)", "a (red) square:..)", ".."),
            ("a --n (red:1.2.3)", "a --l 1 --n (red:1.2.3)", "1.2.3"),
        )
    ),
    _prompt(
        "sample-controlnet",
        f"a square --cn pose.png{FLAGS}",
        f"a square --cnpose.png{FLAGS}",
        "line 1: there is no ControlNet for pose.png",
        "FileNotFoundError",
    ),
    _prompt(
        "sample-prompt-sampler",
        f"a square --ss dpmsolver{FLAGS}",
        f"a square --ss dpmsolver++{FLAGS}",
        "line 1: the sampler dpmsolver does not work here",
        "final_sigmas_type",
    ),
    *(
        _prompt(
            "sample-sampler-unknown",
            f"a square --ss {name}{FLAGS}",
            f"a square --ss euler{FLAGS}",
            f'line 1: there is no sampler "{name}", ddim is taken',
        )
        for name in ("euler ancestral", "euler ")
    ),
    *(
        _prompt(
            "sample-flag-ignored",
            f"a square --{flag}{FLAGS}",
            f"a square --{known}{FLAGS}",
            f"line 1: --{flag} is ignored",
        )
        for flag, known in (("d -1", "d 1"), ("width 64", "w 64"), ("g 7", "l 7"), ("l 1.2.3", "l 1.2"))
    ),
)
