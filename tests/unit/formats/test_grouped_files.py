"""Several files at once: those of one run make one, everything that cannot be read is said together."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.formats.found import Found
from fork_wrapper.formats.grouped_files import read_all
from tests.unit.formats.conftest import Make
from tests.unit.formats.test_recognise import GUI

RUN = "accelerate launch sdxl_train.py --seed=1"


def read(*sources: Path | str) -> Sequence[Found]:
    """What they hold."""
    return read_all([str(source) for source in sources], gui_version=None, images=None)


def test_each_is_its_own(make: Make) -> None:
    """Files that do not speak of each other are several runs; one that is named twice is one."""
    one, two = make("one.toml", "seed = 1\n"), make("two.sh", RUN)
    assert [found.path for found in read(one, two, one)] == [one, two]


def test_a_typed_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words with a script among them are a command, however long, unless they are a file's name."""
    monkeypatch.chdir(tmp_path)
    (found,) = read(f"{RUN} --output_name {'x' * 400}")
    assert (found.options["seed"], found.path) == (1, tmp_path / "command line")
    (tmp_path / "run sdxl_train.py.toml").write_text("seed = 2\n")
    assert read("run sdxl_train.py.toml")[0].options == {"seed": 2}
    with pytest.raises(InputError, match="it holds bytes that are no UTF-8"):
        read(f"{RUN} --output_name \udcff")


def test_all_that_cannot_be_read_is_said_at_once(make: Make, tmp_path: Path) -> None:
    """And nothing is imported."""
    paths = [make("a.json", "[]"), tmp_path / "gone.toml", make("c.toml", "seed = 1\n"), tmp_path]
    with pytest.raises(InputError) as caught:
        read(*paths)
    assert caught.value.title == "nothing was imported"
    assert [one.what for one in caught.value.findings] == [
        "its content is JSON, but a list",
        "No such file or directory",
        "it is a folder",
    ]


def test_what_another_file_brings_along_counts_once(make: Make) -> None:
    """A dataset config that the config names, by whatever way it is named; a config that a script names."""
    data = make("data.toml", "[general]\nflip_aug = true\n")
    config = make("train.toml", "seed = 1\ndataset_config = 'data.toml'\n")
    script = make("a.sh", "python sdxl_train.py --config_file train.toml --dataset_config data.toml")
    (found,) = read(data, config)
    assert [file.path for file in found.files] == [config, data]
    make("x/y", "")
    (found,) = read(config.parent / "x" / ".." / "train.toml", data)
    assert found.dataset == {"general": {"flip_aug": True}}
    (found,) = read(script, config, data)
    assert [file.path for file in found.files] == [script, config, data]


def test_files_that_name_themselves_or_each_other(make: Make) -> None:
    """Nothing that was named is lost in a circle."""
    one = make("a.toml", "seed = 1\ndataset_config = 'a.toml'\n")
    assert [found.path for found in read(one)] == [one]
    two, three = (make(f"{x}.toml", f"seed = 2\ndataset_config = '{y}.toml'\n") for x, y in ("bc", "cb"))
    assert [found.path for found in read(two, three)] == [two, three]


def test_a_dataset_config_finds_its_run(make: Make) -> None:
    """The one that names it, else the only one that names any, else the only one."""
    data = make("d/data.toml", "[general]\nflip_aug = true\n")
    named = make("a.toml", "seed = 1\ndataset_config = 'X:\\old\\data.toml'\n")
    other = make("b.toml", "seed = 2\ndataset_config = 'other.toml'\n")
    plain = make("c.toml", "seed = 3\n")
    found = read(named, other, data)
    assert [one.dataset for one in found] == [{"general": {"flip_aug": True}}, None]
    assert [file.path for file in found[0].files] == [named, data]
    assert [one.dataset for one in read(plain, other, data)] == [None, {"general": {"flip_aug": True}}]
    assert read(plain, data)[0].dataset == {"general": {"flip_aug": True}}


def test_a_dataset_config_without_a_run(make: Make) -> None:
    """Alone it is one; with several that could read it, or none, nobody guesses."""
    data = make("data.toml", "[general]\nflip_aug = true\n")
    assert [one.kind for one in read(data, make("e.json", {"datasets": []}))] == ["dataset", "dataset"]
    one, two = make("a.toml", "seed = 1\n"), make("b.toml", "seed = 2\n")
    full = make("c.json", {"training": {"seed": 1}, "dataset": {"datasets": []}})
    for paths, what in (
        ((one, two, data), "2 runs could read this dataset config"),
        ((full, data), "no run that was named reads this dataset config"),
    ):
        with pytest.raises(InputError) as caught:
            read(*paths)
        (finding,) = caught.value.findings
        assert (finding.what, finding.where, finding.todo) == (what, str(data), "import it with one config at a time")


def test_a_form_and_the_toml_of_its_start(make: Make) -> None:
    """By the time in their names, from one folder or from two."""
    form = make("x_20240101-000000.json", GUI)
    beside = make("config_finetune-20240101-000001.toml", "learning_rate = 2e-5\n")
    (found,) = read(form, beside)
    assert [file.path for file in found.files] == [form, beside]
    apart = make("f/x_20240101-000000.json", GUI)
    (found,) = read(apart, beside)
    assert found.options["learning_rate"] == 2e-5
    later = make("g/config_finetune-20240101-000009.toml", "learning_rate = 3e-5\n")
    assert len(read(apart, later)) == 2
