"""sd-scripts' own files as sd-scripts reads them, and a note wherever that surprises."""

import codecs
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fork_wrapper.errors import InputError
from fork_wrapper.formats.config_files import flat, is_dataset, read_config_toml, read_dataset_config, read_plain_json
from tests.unit.formats.conftest import Make


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"datasets": []}, True),
        ({"general": {}, "datasets": [{"subsets": []}]}, True),
        ({"general": {"flip_aug": True}}, True),
        ({"general": {"flip_aug": True, "learning_rate": 1}}, False),
        ({"general": {"learning_rate": 1}, "datasets": []}, True),
        ({"datasets": [], "seed": 1}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_dataset_configs(raw: Any, expected: bool) -> None:
    """Nothing but its two tables; a section of options may be called `general`, too."""
    assert is_dataset(raw) is expected


def test_sections_mean_nothing() -> None:
    """One level is flattened, the later value wins and is said; what lies deeper reaches nobody."""
    raw = {
        "seed": 1,
        "one": {"seed": 2, "clip_skip": 1, "deep": {"x": 1}},
        "two": {"clip_skip": 1, "rows": [{"y": 1}]},
        "wandb_api_key": "hush",
        "three": {"wandb_api_key": "hush, too"},
    }
    options, left, notes = flat(raw)
    assert options == {"seed": 2, "clip_skip": 1, "wandb_api_key": "hush, too"}
    why = "sd-scripts flattens one level of tables and loses it"
    assert [(one.key, one.value, one.why) for one in left] == [("deep", {"x": 1}, why), ("rows", [{"y": 1}], why)]
    assert notes == [
        "seed stands there twice: the later value, 2, won",
        "wandb_api_key stands there twice: the later value won",
    ]


def test_a_table_and_a_value_of_one_name() -> None:
    """Whichever comes later is what the name holds."""
    assert flat({"a": 1, "s": {"a": {"b": 2}}})[0] == {}
    options, left, _notes = flat({"s": {"a": {"b": 2}}, "a": 1})
    assert (options, left) == ({"a": 1}, [])


def test_a_byte_order_mark_hides_the_first_key(make: Make) -> None:
    """sd-scripts does not strip it, so the key behind it is no option of anybody."""
    raw, text, notes = read_config_toml(make("a.toml", "\ufeffseed = 1\nclip_skip = 2\n"))
    options, left, _more = flat(raw)
    assert (options, text, notes) == ({"clip_skip": 2}, "seed = 1\nclip_skip = 2\n", [])
    assert [(one.key, one.value) for one in left] == [("seed", 1)]
    assert left[0].why == "sd-scripts misreads it behind a byte order mark: it had no effect"


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ("a = [1, 2.0]\n", "sd-scripts' TOML reader cannot read this file (Not a homogeneous array (line 1 "),
        ("\ufeff[x]\na = 1\n", "sd-scripts' TOML reader cannot read this file (Found invalid character in key name"),
        ('a = """x"""y\n', "it is not valid TOML, though sd-scripts' reader takes it"),
        ("a = 1979-05-27T07:32:00Z\n", None),
        (codecs.BOM_UTF16_LE + "a = 1\n".encode("utf-16-le"), "it is UTF-16, which sd-scripts cannot read"),
        ("a = 1\nb = [\n1,\n2\n]]\n", ""),
    ],
)
def test_where_the_two_readers_differ(make: Make, data: str | bytes, note: str | None) -> None:
    """A file that sd-scripts cannot have read, or reads otherwise, is said to be one; a broken one is an error."""
    path = make("a.toml", data)
    if note == "":
        with pytest.raises(InputError, match=r"a\.toml is not valid TOML"):
            read_config_toml(path)
        return
    _raw, _text, notes = read_config_toml(path)
    assert [one[: len(note or "")] for one in notes] == ([note] if note else [])


@given(st.binary(max_size=60) | st.text(alphabet="ab=[]{}\"'\\\n.,1e-#\ufeff").map(str.encode))
def test_no_bytes_are_too_odd(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever stands in a TOML file, it is read or refused with words."""
    path = tmp_path_factory.mktemp("odd") / "a.toml"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        flat(read_config_toml(path)[0])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": "\\ud800"}', "it holds half of a character (a lone surrogate)"),
        ("[" * 30 + "]" * 30, "it is nested deeper than 20 levels, and no config is"),
        ('{"a":' * 900 + "1" + "}" * 900, "it is nested deeper than 20 levels, and no config is"),
    ],
)
def test_odd_json(make: Make, text: str, what: str) -> None:
    """What could not be written again, or walked through, is refused at the door."""
    with pytest.raises(InputError) as caught:
        read_plain_json(make("a.json", text))
    assert (caught.value.title, [one.what for one in caught.value.findings]) == ("cannot import a.json", [what])


def test_plain_json_and_deep_toml(make: Make) -> None:
    """Everything else comes as it is; a TOML is not allowed more than a JSON."""
    assert read_plain_json(make("a.json", '{"a": [1, NaN, "ñ"]}'))["a"][::2] == [1, "ñ"]
    with pytest.raises(InputError, match=r"cannot import a\.toml"):
        read_config_toml(make("a.toml", ".".join("a" * 3000) + " = 1\n"))


def test_dataset_configs_by_suffix(make: Make) -> None:
    """JSON where the name says so, else TOML; a list is none."""
    assert read_dataset_config(make("a.json", {"datasets": []}))[0] == {"datasets": []}
    assert read_dataset_config(make("a.toml", "[general]\nflip_aug = true\n"))[0] == {"general": {"flip_aug": True}}
    with pytest.raises(InputError) as caught:
        read_dataset_config(make("b.json", [1]))
    assert caught.value.findings[0].what == "a dataset config is an object, and this is none"
