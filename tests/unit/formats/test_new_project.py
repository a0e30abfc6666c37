"""A new project: whole, nothing replaced, its settings in the file where they belong."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fork_wrapper.errors import InputError
from fork_wrapper.experiment.experiment import experiment_names
from fork_wrapper.experiment.resolve import resolve
from fork_wrapper.formats.new_project import BASE, EXAMPLES, NewProject, plan_project, write_project
from fork_wrapper.machine.settings import NAMES, Settings, load_settings, said_everywhere

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Make = Callable[..., NewProject]


@pytest.fixture
def make(settings: Settings, tmp_path: Path) -> Make:
    """Write a project; keyword arguments are the command line's."""

    def maker(folder: str = "new ñ 'x'", *, bare: bool = False, user: str = "", **flags: str) -> NewProject:
        environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
        if user:
            (tmp_path / "config" / "kft").mkdir(parents=True)
            (tmp_path / "config" / "kft" / "kft.toml").write_text(user, encoding="utf-8")
        now = load_settings(flags, environ=environ, cwd=settings.root)
        project = plan_project(tmp_path / folder, now, bare=bare, elsewhere=said_everywhere(now, environ))
        write_project(project)
        return project

    return maker


def files(folder: Path) -> set[str]:
    """Everything that lies in a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_all_of_it_is_written(make: Make, root: Path) -> None:
    """With the experiments as they are shipped, to the byte; all of them resolve there."""
    project = make()
    assert files(project.folder) == set(project.files)
    assert len(project.files) == 3 + len(BASE) + len(EXAMPLES) == 12
    for name in (*BASE, *EXAMPLES):
        there = project.folder / "experiments" / name
        assert there.read_bytes() == (root / "experiments" / name).read_bytes()
    settings = load_settings({}, environ={}, cwd=project.folder)
    names = experiment_names(settings.experiments)
    assert len(names) == 8
    for name in names:
        found = resolve(name, settings)
        assert found.training["pretrained_model_name_or_path"].startswith(project.folder.as_posix())
        assert Path(found.training["sample_prompts"]).is_file()


def test_a_bare_one_has_the_base_alone(make: Make) -> None:
    """And its page begins with that."""
    project = make(bare=True)
    assert {name for name in files(project.folder) if "/" in name} == {f"experiments/{name}" for name in BASE}
    page = (project.folder / "README.md").read_text(encoding="utf-8")
    assert (project.first, "kft check sdxl_base" in page) == ("sdxl_base", True)
    texts = [data.decode().casefold() for data in project.files.values()]
    assert len(texts) == 5
    for word in ("fortnite", "humanoid", "author", "odreman", "1486", "documented", "assumed"):
        assert not any(word in text for text in texts), word
    found = resolve("sdxl_base", load_settings({}, environ={}, cwd=project.folder))
    assert {one.kind for one in found.origins.values()} == {"chosen", "kft"}
    assert Path(found.training["sample_prompts"]).is_file()


def test_its_settings_are_settings(make: Make, root: Path) -> None:
    """Every one that its file says, also in comments, exists; what it says is what kft's own checkout says."""
    text = (make().folder / "kft.toml").read_text(encoding="utf-8")
    said = tomllib.loads(text)
    commented = [
        line.removeprefix("# ").split(" ")[0] for line in text.splitlines() if line.startswith("# ") and " = " in line
    ]
    assert len(said) + len(commented) == 6
    assert {*said, *commented} <= {*NAMES}
    assert said.items() <= tomllib.loads((root / "kft.toml").read_text(encoding="utf-8")).items()


def local(project: NewProject) -> dict[str, object]:
    """What the machine's own file says."""
    path = project.folder / "kft.local.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def test_a_checkout_of_sd_scripts_is_found(make: Make, settings: Settings) -> None:
    """The one in force here, into the file that git ignores; none is made up."""
    assert local(make("first")) == {}
    settings.sd_scripts.mkdir(parents=True)
    (settings.sd_scripts / "sdxl_train.py").write_text("", encoding="utf-8")
    project = make("second")
    assert local(project) == {"sd_scripts": settings.sd_scripts.as_posix()}
    assert load_settings({}, environ={}, cwd=project.folder).sd_scripts == settings.sd_scripts
    assert "kft.local.toml" in (project.folder / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_what_this_user_has_said_holds_anyway(make: Make, tmp_path: Path) -> None:
    """A user's own settings are not repeated, unless the command line says otherwise."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "sdxl_train.py").write_text("", encoding="utf-8")
    assert local(make("first", user=f"sd_scripts = {str(scripts)!r}\nmodels = '/m'\n")) == {}
    assert local(make("second", models=str(tmp_path / "models"))) == {"models": (tmp_path / "models").as_posix()}


def test_nothing_is_replaced(make: Make, tmp_path: Path) -> None:
    """Everything that is there is named, and nothing is written beside it; other files do not matter."""
    folder = tmp_path / "old"
    (folder / "experiments").mkdir(parents=True)
    for name in ("README.md", "experiments/humanoid_04.toml", "notes.txt"):
        (folder / name).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        make("old")
    assert [finding.where for finding in refused.value.findings] == [
        str(folder / "README.md"),
        str(folder / "experiments" / "humanoid_04.toml"),
    ]
    assert files(folder) == {"README.md", "experiments/humanoid_04.toml", "notes.txt"}
    (folder / "README.md").unlink()
    assert len(make("old", bare=True).files) == 5


def test_a_kft_without_its_experiments(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Says so, before it writes anything."""
    monkeypatch.setattr(
        "fork_wrapper.formats.new_project.__file__", str(tmp_path / "gone" / "fork_wrapper" / "formats" / "x.py")
    )
    with pytest.raises(InputError, match="this kft came without its experiments"):
        make()
    assert not (tmp_path / "new ñ 'x'").exists()


def test_what_is_shipped_is_what_is_written(root: Path) -> None:
    """The patterns of the packaging match the files that a project begins with, and no others of the folder."""
    packaging = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = packaging["tool"]["setuptools"]["package-data"]["fork_wrapper.examples"]
    matched = {
        path.relative_to(root / "experiments").as_posix()
        for pattern in patterns
        for path in (root / "experiments").glob(pattern)
    }
    assert matched == {*BASE, *EXAMPLES}
