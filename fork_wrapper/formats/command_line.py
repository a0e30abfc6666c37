"""Command-line words read as options, the way sdxl_train.py's argparse would, and options written as words.

Abbreviations, `--key=value`, switches and lists are understood; what argparse would reject is reported and left out.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fork_wrapper.formats.found import sounds_secret
from fork_wrapper.sdscripts.options import Option, elsewhere, options
from fork_wrapper.text import spell


def words_to_options(words: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the options that the words set, the last one winning, and reports of what argparse would have rejected."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for flag, values in _groups(words):
        if not flag:
            problems += [f"{word!r} belongs to no option" for word in values]
            continue
        name, problem = _name(flag.split("=", 1)[0])
        if problem:
            problems.append(" ".join([*_shown(flag, values), problem]))
            continue
        if "=" in flag and values:  # argparse takes the text after the sign and no more
            problems.append(" ".join([f"what follows --{name}=... belongs to no option:", *_shown(name, values)[1:]]))
        try:
            found[name] = _value(options()[name], [flag.split("=", 1)[1]] if "=" in flag else values)
        except ValueError as error:
            problems.append(str(error))
    return found, tuple(problems)


def _groups(words: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each flag with the words up to the next one; words before the first flag have an empty name."""
    flag: str = ""
    values: list[str] = []
    for word in words:
        if _is_flag(word):
            if flag or values:
                yield flag, values
            flag, values = word, []
        else:
            values.append(word)
    if flag or values:
        yield flag, values


def _is_flag(word: str) -> bool:
    """Whether argparse takes a word for an option: no negative number, and no text with spaces that names none."""
    if not word.startswith("-") or len(word) == 1 or _NEGATIVE.match(word):
        return False
    return " " not in word or (word.startswith("--") and bool(_longer(word.split("=", 1)[0].lstrip("-"))))


_NEGATIVE = re.compile(r"-\d+$|-\d*\.\d+$")


def _longer(beginning: str) -> list[str]:
    """Return the option of this name, or else the options whose names start with it."""
    return [beginning] if beginning in options() else [known for known in options() if known.startswith(beginning)]


def _shown(flag: str, values: list[str]) -> list[str]:
    """Return a flag with its values, which are hidden if the name sounds like a secret's."""
    name = flag.split("=", 1)[0]
    return [name] if sounds_secret(name) else [flag, *values]


def _name(flag: str) -> tuple[str, str]:
    """Return the option that a flag means, or why there is none; argparse accepts an unambiguous prefix."""
    name = flag.lstrip("-")
    longer = _longer(name) if name and flag.startswith("--") else []
    if len(longer) == 1:
        return longer[0], ""
    if longer:
        return "", f"can mean {', '.join(longer)}: sdxl_train.py refuses it"
    if scripts := elsewhere(name):
        likely = min(scripts, key=lambda script: "train_network" not in script)  # people come from LoRA training
        return "", f"is an option of {likely}, not of sdxl_train.py, which refuses it"
    near = difflib.get_close_matches(name, options(), n=1)
    hint = f" (nearest: --{near[0]})" if near else ""
    return "", f"is no option of sdxl_train.py, which refuses it{hint}"


def _value(option: Option, given: list[str]) -> Any:
    """Return an option's value from its words; ValueError says what argparse would have said."""
    if option.type == "bool":
        if given:
            raise ValueError(f"--{option.name} is a switch and takes no value, not {' '.join(given)!r}")
        return True
    if option.type == "list[str]":
        return given
    if len(given) != 1:
        shown = f" ({given})" if given and not sounds_secret(option.name) else ""
        raise ValueError(f"--{option.name} takes one value, not {len(given)}{shown}")
    read = READERS.get(option.type, str)
    try:
        value = read(given[0])
    except (ValueError, OverflowError):
        raise ValueError(f"--{option.name} cannot be {given[0]!r}") from None
    if option.choices and value not in option.choices:
        raise ValueError(f"--{option.name} cannot be {given[0]!r}: sdxl_train.py refuses it")
    return value


def steps_or_ratio(text: str) -> int | float:
    """Read a warm-up or decay: `10%`, an integer from 1 up, otherwise a ratio (library/train_util.py:3664-3676)."""
    if text.endswith("%"):
        return float(text[:-1]) / 100.0
    return int(text) if float(text) >= 1 else float(text)


READERS: Mapping[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "int_or_float": steps_or_ratio,
}
"""How argparse reads the one word of an option, by the option's type."""


def options_to_words(training: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the words that set these options for sdxl_train.py, and why some options cannot be set that way.

    A switch that is false needs no words: every switch is off unless named.
    """
    words: list[str] = []
    lost: dict[str, str] = {}
    for name in sorted(training):
        option, value = options().get(name), training[name]
        if option is None:
            lost[name] = "it is no option of sdxl_train.py"
        elif value is False and option.type == "bool":
            continue
        else:
            said = _said(option, value)
            back, problems = words_to_options(said)
            if problems or repr(back.get(name)) != repr(_as_read(option, value)):
                if repr(value) != repr(option.default):  # a default needs no words
                    lost[name] = _why_lost(option, value)
            else:
                words += said
    return words, lost


def _said(option: Option, value: Any) -> list[str]:
    flag = f"--{option.name}"
    if option.type == "bool":
        return [flag]
    if isinstance(value, list):
        return [flag, *map(str, value)]
    return [f"{flag}={value}"]


def _as_read(option: Option, value: Any) -> Any:
    return float(value) if option.type == "float" and isinstance(value, int) else value


def _why_lost(option: Option, value: Any) -> str:
    if option.type == "int_or_float" and isinstance(value, float):
        return f"the command line cannot say the ratio {spell(value)}: from 1 on it takes steps, and 0 is a ratio there"
    if option.type == "int_or_float":
        return f"the command line reads {spell(value)} as a ratio"
    if isinstance(value, list):
        return "one of its words would begin an option of its own"
    if option.choices:
        return f"the command line refuses {spell(value)}, a config file takes it"
    return f"the command line cannot say {spell(value)}"
