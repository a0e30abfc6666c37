"""Five layers of settings: who wins, who is named, whose folder a relative path belongs to, what is refused."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.machine.settings import NAMES, Settings, begin, find_root, load_settings, placeholders, user_file


@dataclass(frozen=True, kw_only=True)
class Place:
    """A project, a user and a working folder, all below one folder."""

    project: Path
    user: Path
    cwd: Path

    def environ(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The environment of an invocation, with this user's folders."""
        home = {"XDG_CONFIG_HOME": str(self.user.parent.parent), "XDG_CACHE_HOME": str(self.user.parent / "cache")}
        return {**home, **variables}

    def load(self, flags: Mapping[str, Any] | None = None, **variables: str) -> Settings:
        """The settings in the working folder."""
        return load_settings(flags or {}, environ=self.environ(variables), cwd=self.cwd)

    def findings(self, flags: Mapping[str, Any] | None = None, **variables: str) -> list[tuple[str, str, str]]:
        """What is wrong with them: (where, what, todo)."""
        with pytest.raises(InputError) as caught:
            self.load(flags, **variables)
        assert caught.value.title == "the settings have errors"
        return [(one.where, one.what, one.todo) for one in caught.value.findings]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty project whose working folder is two levels down."""
    made = Place(
        project=tmp_path / "project",
        user=tmp_path / "config" / "kft" / "kft.toml",
        cwd=tmp_path / "project" / "experiments" / "mine",
    )
    for folder in (made.cwd, made.user.parent):
        folder.mkdir(parents=True)
    _write(made.project / "kft.toml", "")
    return made


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_built_in(place: Place) -> None:
    """With nothing said: folders of the project, kft's own Python for the trainer, one process on one machine."""
    made = place.load()
    values = {field.name: getattr(made, field.name) for field in fields(made)}
    root = place.project
    assert values == {
        "models": root / "models",
        "datasets": root / "datasets",
        "outputs": root / "runs",
        "experiments": root / "experiments",
        "sd_scripts": root / "third_party" / "sd-scripts",
        "python": sys.executable,
        "cache": place.user.parent / "cache" / "kft",
        "num_processes": 1,
        "num_machines": 1,
        "machine_rank": 0,
        "main_process_ip": "",
        "main_process_port": 0,
        "accelerate_args": (),
        "interrupt_grace": 600,
        "root": root,
        "sources": dict.fromkeys(NAMES, "built in"),
    }


def test_each_layer_beats_the_one_before(place: Place) -> None:
    """kft.toml < the user's file < kft.local.toml < variable < flag; the winner is named as the source."""
    local = place.project / "kft.local.toml"
    seen = [place.load()]
    for number, path in enumerate((place.project / "kft.toml", place.user, local), start=2):
        _write(path, f"num_processes = {number}")
        seen.append(place.load())
    seen.append(place.load(KFT_NUM_PROCESSES="5"))
    seen.append(place.load({"num_processes": 6}, KFT_NUM_PROCESSES="5"))
    files = [str(place.project / "kft.toml"), str(place.user), str(local)]
    assert [(one.num_processes, one.sources["num_processes"]) for one in seen] == list(
        enumerate(["built in", *files, "KFT_NUM_PROCESSES", "command line"], start=1)
    )


def test_a_layer_speaks_only_for_what_it_says(place: Place) -> None:
    """A higher layer leaves the rest to the layers below it."""
    _write(place.project / "kft.toml", "machine_rank = 3\nnum_machines = 4")
    made = place.load({"num_machines": 8}, KFT_MAIN_PROCESS_IP="10.0.0.1")
    assert (made.machine_rank, made.num_machines, made.main_process_ip) == (3, 8, "10.0.0.1")


def test_relative_paths_belong_to_who_says_them(place: Place) -> None:
    """A file's paths start at the file, a variable's and a flag's at the working folder; `..` and `~` are resolved."""
    _write(place.project / "kft.toml", 'models = "shared/../m"\nexperiments = "/srv/ex"')
    _write(place.user, 'datasets = "d"\npython = "venv/bin/python"\ncache = "~/c"')
    made = place.load({"sd_scripts": "s"}, KFT_OUTPUTS="../o")
    assert made.models == place.project / "m"
    assert made.experiments == Path("/srv/ex")
    assert made.datasets == place.user.parent / "d"
    assert made.python == str(place.user.parent / "venv" / "bin" / "python")
    assert made.cache == Path.home() / "c"
    assert made.outputs == place.project / "experiments" / "o"
    assert made.sd_scripts == place.cwd / "s"


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights on Windows")
def test_symbolic_links_stay_as_typed(place: Place, tmp_path: Path) -> None:
    """A link is kept: where it points may change, and a venv's python is one."""
    (tmp_path / "real").mkdir()
    (place.project / "models").symlink_to(tmp_path / "real")
    assert place.load().models == place.project / "models"


@pytest.mark.parametrize(("flag", "variable"), [(None, ""), ((), "")])
def test_empty_is_no_say(place: Place, flag: object, variable: str) -> None:
    """An empty variable and a flag that was not given say nothing; zero does."""
    _write(place.project / "kft.toml", 'interrupt_grace = 7\naccelerate_args = ["--a"]\nmodels = "m"')
    made = place.load({"accelerate_args": flag, "interrupt_grace": 0}, KFT_MODELS=variable)
    assert (made.models, made.accelerate_args, made.interrupt_grace) == (place.project / "m", ("--a",), 0)
    assert made.sources["interrupt_grace"] == "command line"


@pytest.mark.parametrize(
    ("said", "arguments"),
    [('"--a 1  --b"', ("--a", "1", "--b")), ('["--a", "1 2"]', ("--a", "1 2")), ("[]", ()), ('""', ())],
)
def test_accelerate_args_as_string_or_list(place: Place, said: str, arguments: tuple[str, ...]) -> None:
    """A string is split at spaces, a list is taken as it is."""
    _write(place.project / "kft.toml", f"accelerate_args = {said}")
    assert place.load().accelerate_args == arguments


def test_accelerate_args_of_flag_and_variable(place: Place) -> None:
    """A variable is a string; repeated flags come as a tuple."""
    assert place.load(KFT_ACCELERATE_ARGS="--a 1").accelerate_args == ("--a", "1")
    assert place.load({"accelerate_args": ("--b 2", "c")}).accelerate_args == ("--b 2", "c")


@pytest.mark.skipif(os.name != "posix", reason="executable bits")
def test_python_by_name_is_looked_up_in_path(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare program name is found in PATH; one that is not there stays, for the check to complain about."""
    program = tmp_path / "bin" / "python-of-the-trainer"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert place.load(KFT_PYTHON=program.name).python == str(program)
    assert place.load(KFT_PYTHON="no-such-python").python == "no-such-python"
    assert place.load(KFT_PYTHON="./here").python == str(place.cwd / "here")


def test_all_that_is_wrong_at_once(place: Place) -> None:
    """Unknown names with the nearest known one and wrong types, of every layer, in one error."""
    _write(place.project / "kft.toml", 'modells = "x"\nmodels = 3\nnum_machines = true')
    _write(place.user, 'python = ""\ninterrupt_grace = -1\nmain_process_ip = 5')
    files = str(place.project / "kft.toml"), str(place.user)
    correct = "correct the value; `kft settings` shows what is in force"
    assert place.findings({"accelerate_args": [1]}, KFT_NUM_PROCESSES="two") == [
        (files[0], "no setting is called 'modells'", "did you mean models? `kft settings` lists all names"),
        (files[0], "models must be a path, not 3", correct),
        (files[0], "num_machines must be a whole number from 1, not True", correct),
        (files[1], "python must be a path or a program name, not ''", correct),
        (files[1], "interrupt_grace must be a whole number from 0, not -1", correct),
        (files[1], "main_process_ip must be text, not 5", correct),
        ("KFT_NUM_PROCESSES", "num_processes must be a whole number from 1, not 'two'", correct),
        ("command line", "accelerate_args must be a list of strings, not [1]", correct),
    ]


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("zzz", "`kft settings` lists all names"),
        ("main_proces", "did you mean main_process_ip or main_process_port? `kft settings` lists all names"),
        ("root", "`kft settings` lists all names"),
        ("sources", "`kft settings` lists all names"),
    ],
)
def test_unknown_names(place: Place, name: str, todo: str) -> None:
    """Only settings can be set: the nearest two names are offered where any is near."""
    _write(place.project / "kft.toml", f"{name} = 1")
    where = str(place.project / "kft.toml")
    assert place.findings() == [(where, f"no setting is called {name!r}", todo)]


@pytest.mark.parametrize("value", ['""', "1.5", '["a"]', "true", "{ a = 1 }"])
def test_what_is_no_path(place: Place, value: str) -> None:
    """A path is a string with something in it."""
    _write(place.project / "kft.toml", f"outputs = {value}")
    [(_, what, _)] = place.findings()
    assert what.startswith("outputs must be a path, not ")


def test_a_broken_file_is_named(place: Place) -> None:
    """TOML that cannot be read is an error of that file, not of the settings."""
    _write(place.project / "kft.local.toml", "models = here")
    with pytest.raises(
        InputError, match=r"kft\.local\.toml is not valid TOML\n- Invalid value\n  in .*, line 1, column 10\n"
    ):
        place.load()


def test_root_is_the_nearest_kft_toml(tmp_path: Path) -> None:
    """The folder at or above the working folder that has a kft.toml; a folder of that name does not count."""
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "b" / "kft.toml").mkdir()
    _write(tmp_path / "kft.toml", "")
    assert find_root(inner) == find_root(tmp_path) == tmp_path
    _write(tmp_path / "a" / "kft.toml", "")
    assert (find_root(inner), find_root(tmp_path / "a")) == (tmp_path / "a", tmp_path / "a")


def test_root_far_from_any_project(tmp_path: Path) -> None:
    """Without a kft.toml above, the working folder is the root: never the checkout that kft runs from."""
    assert find_root(tmp_path) == tmp_path
    here = load_settings({}, environ={"XDG_CONFIG_HOME": str(tmp_path / "none")}, cwd=tmp_path)
    assert {here.outputs, here.experiments, here.models, here.datasets} == {
        tmp_path / name for name in ("runs", "experiments", "models", "datasets")
    }
    assert begin(here.outputs).startswith(
        "this is not a kft project (no kft.toml here or above): `kft init` begins one"
    )
    _write(tmp_path / "kft.toml", "")
    assert begin(here.outputs) == ""


def test_the_users_file() -> None:
    """XDG_CONFIG_HOME where it is set and not empty, else ~/.config."""
    assert user_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/kft/kft.toml")
    assert user_file({"XDG_CONFIG_HOME": ""}) == user_file({}) == Path.home() / ".config" / "kft" / "kft.toml"


def test_placeholders_have_forward_slashes(place: Place) -> None:
    """The four folders that an experiment may name."""
    names = ("models", "datasets", "experiments")
    expected = {name: (place.project / name).as_posix() for name in names}
    assert placeholders(place.load()) == expected | {"outputs": (place.project / "runs").as_posix()}


def test_sd_scripts_far_from_any_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkout's own submodule is a program, as kft is: it serves where no project says another."""
    own = tmp_path / "submodule"
    monkeypatch.setattr("fork_wrapper.machine.settings.own_sd_scripts", lambda: own)
    here = {"environ": {"XDG_CONFIG_HOME": str(tmp_path / "none")}, "cwd": tmp_path}
    assert load_settings({}, **here).sd_scripts == tmp_path / "third_party" / "sd-scripts"  # type: ignore[arg-type]
    own.mkdir()
    (own / "sdxl_train.py").touch()
    assert load_settings({}, **here).sd_scripts == own  # type: ignore[arg-type]
    _write(tmp_path / "kft.toml", "")
    assert load_settings({}, **here).sd_scripts == tmp_path / "third_party" / "sd-scripts"  # type: ignore[arg-type]
