"""Command lines, config files and image folders: kft's readers against the real ones of sd-scripts."""

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.formats.command_line import options_to_words, words_to_options
from fork_wrapper.formats.config_files import flat, read_config_toml
from fork_wrapper.formats.folders import dataset_of
from fork_wrapper.sdscripts.options import Option, options

pytestmark = [pytest.mark.trainer, pytest.mark.sd_scripts, pytest.mark.usefixtures("trainer_packages")]

VALUES = (
    *("1", "0", "-1", "-1.5", "-.5", "1e-5", "1e3", "1.5", "0.1", "10%", "100%", "%", "nan", "inf", "-inf", "1_000"),
    *("abc", "", "a b", " 5", "1,2", "a=1", "b=2", "x=--y", "=", "-", "-x", "-1x", "-h5", "-5 6", "--a b", "True"),
    *("fp16", "no", "bf17", "l2", "cosine", "constant", "75", "150", "225", "٣", "1e400", "C:\\a b", '"', "'"),
)
"""Words that are values of something, and some that argparse takes for options."""

CONFIGS: Mapping[str, str] = {
    "flat": 'learning_rate = 1e-5\nxformers = true\noptimizer_args = ["a=1", "b=2"]\n',
    "sections": "[one]\nseed = 1\n[two]\nmax_train_epochs = 3\n",
    "a key in two sections": "[one]\nseed = 1\n[two]\nseed = 2\n",
    "a key above and in a section": "seed = 1\n[one]\nseed = 2\n",
    "a section of the name of an option": "[seed]\nclip_skip = 2\n",
    "tables in a section": "seed = 3\n[one.two]\nclip_skip = 2\n[one]\nmax_train_epochs = 4\n",
    "a table over a value": "clip_skip = 2\n[one.clip_skip]\nseed = 3\n",
    "a value over a table": "[one.clip_skip]\nseed = 3\n[two]\nclip_skip = 2\n",
    "arrays of tables": "[[datasets]]\nbatch_size = 2\n[one]\nseed = 1\n[[one.subsets]]\nclip_skip = 2\n",
    "an inline table": "one = {seed = 1, clip_skip = 2}\n",
    "dotted keys": "one.seed = 1\ntwo.three.clip_skip = 2\n",
    "texts for numbers": 'seed = "1"\nlearning_rate = "1e-5"\nlr_warmup_steps = "10%"\nxformers = "false"\n',
    "wrong types": "seed = 1.5\nxformers = 1\nresolution = [1024, 768]\noutput_name = 5\n",
    "not finite": "noise_offset = nan\nlearning_rate = inf\n",
    "dates": "seed = 1979-05-27T07:32:00Z\nclip_skip = 07:32:00\n",
    "unknown names": 'lerning_rate = 1e-5\n"max-train-epochs" = 3\nbatch_size = 4\nclass_tokens = "x"\n',
    "a byte order mark": "\ufeffseed = 1\nclip_skip = 2\n",
    "a byte order mark before a section": "\ufeff[one]\nseed = 1\n",
    "windows line ends": "seed = 1\r\n[one]\r\nclip_skip = 2\r\n",
    "escapes": "output_name = \"one\\ttwo\\u00f1\"\ncaption_prefix = 'C:\\temp'\n",
    "a mixed array": "optimizer_args = [1, 2.0]\n",
    "a key twice": "seed = 1\nseed = 2\n",
    "a section twice": "[one]\nseed = 1\n[one]\nclip_skip = 2\n",
    "defaults": "learning_rate = 2e-6\nmax_train_steps = 1600\n",
    "empty": "",
}
"""Config files, by what is odd about them."""

FOLDERS = (
    *("10_a_b", "0_x", "-3_y", " 5_z", "5 _z", "1_", "1", "x_1", "٣_a", "+2_a", "1_000_a", "_1_a", "1__000_a", "01_a"),
    *(
        "1.0_a",
        "1e1_a",
        "²_a",
        "-0_a",
        "+-2_a",
        "7_ñ 🙂",
        "8_A_B ",
        "10a_b",
        "",
        "\u20019_em",
        "0x10_a",
        "\uff11\uff12_a",
    ),
)
"""Names of folders, some of which sd-scripts takes."""


def ask(root: Path, sd_scripts: Path, questions: Mapping[str, Any]) -> Any:
    """What the real sd-scripts answers."""
    script = root / "tests" / "integration" / "real_words.py"
    argv = [sys.executable, str(script), str(sd_scripts)]
    done = subprocess.run(argv, input=json.dumps(questions).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def drawn_words() -> list[list[str]]:
    """Two thousand command lines, always the same: of known and unknown names, whole and abbreviated."""
    draw = random.Random(11)
    names = [*options(), "network_dim", "xyz", "learning-rate", ""]
    lines = []
    for _ in range(2000):
        line: list[str] = []
        for _ in range(draw.randint(1, 4)):
            line += _drawn_option(draw, draw.choice(names))
        lines.append(line)
    return lines


def _drawn_option(draw: random.Random, name: str) -> list[str]:
    option = options().get(name, Option(name=name, type="str", default=None))
    short = name[: draw.randint(min(4, len(name)), len(name))] if draw.random() < 0.2 else name
    chance = draw.random()
    if option.type == "bool" and chance < 0.9:
        return [f"--{short}"]
    if option.type == "list[str]":
        return [f"--{short}", *draw.choices(VALUES, k=draw.randint(0, 3))]
    if chance < 0.5:
        return [f"--{short}={draw.choice(VALUES)}"]
    return [f"--{short}", *draw.choices(VALUES, k=1 if chance < 0.9 else draw.randint(0, 2))]


def changed(found: Mapping[str, Any]) -> dict[str, Any]:
    """Values that are not the parser's defaults, as JSON has them."""
    other = {key: value for key, value in found.items() if repr(value) != repr(_default(key))}
    loaded: dict[str, Any] = json.loads(json.dumps(other, default=str))
    return loaded


def _default(key: str) -> Any:
    return options()[key].default if key in options() else None


def test_words_are_read_as_the_real_parser_reads_them(root: Path, sd_scripts: Path) -> None:
    """Two thousand drawn command lines: the same options, and something to say exactly where it refuses the line."""
    lines = drawn_words()
    answers = ask(root, sd_scripts, {"words": lines})["words"]
    accepted = 0
    for line, real in zip(lines, answers, strict=True):
        found, problems = words_to_options(line)
        if "refused" in real:
            assert problems, (line, real)
            continue
        accepted += 1
        assert problems == (), line
        assert repr(sorted(changed(found).items())) == repr(sorted(real["options"].items())), line
    assert (len(answers), accepted > 500) == (2000, True)


def test_options_come_back_from_the_real_parser(root: Path, sd_scripts: Path) -> None:
    """Whatever `options_to_words` says travels: every option with every value that has its type."""
    draw = random.Random(5)
    trainings = [{name: _drawn_value(draw, option) for name, option in options().items()} for _ in range(60)]
    said = [options_to_words(training) for training in trainings]
    answers = ask(root, sd_scripts, {"words": [words for words, _lost in said]})["words"]
    travelled = 0
    for training, (_words, lost), real in zip(trainings, said, answers, strict=True):
        meant = {key: value for key, value in training.items() if key not in lost and value is not False}
        assert real["options"] == changed(meant)
        travelled += len(meant)
        assert len(lost) < 30
    assert travelled > 60 * 90


def _drawn_value(draw: random.Random, option: Option) -> Any:
    if option.choices:
        return draw.choice([choice for choice in option.choices if choice is not None])
    texts = [text for text in VALUES if text]
    drawn: dict[str, Any] = {
        "bool": draw.random() < 0.5,
        "int": draw.choice((0, 1, -5, 10**20)),
        "float": draw.choice((0.0, 1e-5, -0.5, 1e300, 3.0)),
        "int_or_float": draw.choice((0, 1, 100, 0.1, 0.5, 1.5, 2.0, 0.0)),
        "list[str]": draw.choices(texts, k=draw.randint(0, 3)),
    }
    return drawn.get(option.type, draw.choice(texts))


def test_config_files_are_read_as_the_real_reader_reads_them(root: Path, sd_scripts: Path, tmp_path: Path) -> None:
    """The same namespace of every odd file; where its reader dies, kft says that it cannot read the file."""
    paths = []
    for index, text in enumerate(CONFIGS.values()):
        paths.append(tmp_path / f"{index}.toml")
        paths[-1].write_bytes(text.encode())
    answers = ask(root, sd_scripts, {"configs": [str(path) for path in paths]})["configs"]
    died = []
    for name, path, real in zip(CONFIGS, paths, answers, strict=True):
        if "died" in real:
            died.append(name)
            continue
        raw, _text, notes = read_config_toml(path)
        found, left, _more = flat(raw)
        plain = {
            key: value
            for key, value in real["options"].items()
            if not key.startswith("\ufeff") and not isinstance(value, dict) and not _holds_tables(value)
        }
        assert repr(sorted(changed(found).items())) == repr(sorted(plain.items())), name
        assert {one.key for one in left} == {key.removeprefix("\ufeff") for key in real["options"].keys() - plain}, name
        assert notes == [] or name in ("a byte order mark", "dates"), name
    assert len(answers) == 25
    assert died == ["a byte order mark before a section", "a mixed array", "a key twice", "a section twice"]
    for name in ("a byte order mark before a section", "a mixed array"):
        _raw, _text, notes = read_config_toml(paths[list(CONFIGS).index(name)])
        assert "sd-scripts' TOML reader cannot read this file" in notes[0], name


def _holds_tables(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def test_folders_are_found_as_the_real_walk_finds_them(root: Path, sd_scripts: Path, tmp_path: Path) -> None:
    """Subsets of odd folder names, with their repeats and class tokens; files and a folder that is not there."""
    train, reg = tmp_path / "train", tmp_path / "reg"
    for name in FOLDERS:
        (train / name).mkdir(parents=True, exist_ok=True)
    (reg / "2_person").mkdir(parents=True)
    (train / "3_file").write_text("")
    pairs = [(str(train), str(reg)), (str(train), None), (str(tmp_path / "gone"), str(reg))]
    real = ask(root, sd_scripts, {"folders": pairs})["folders"]
    for (images, regular), subsets in zip(pairs[:2], real, strict=False):
        found, notes = dataset_of({"train_data_dir": images, "reg_data_dir": regular})
        ours = [{"is_reg": False, **subset} for subset in found["datasets"][0]["subsets"]]
        key = lambda subset: subset["image_dir"]  # noqa: E731 - the order on disk is nobody's
        assert sorted(ours, key=key) == sorted(subsets, key=key)
        assert notes == ()
    assert [len(subsets) for subsets in real] == [15, 14, 1]
