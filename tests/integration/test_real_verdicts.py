"""kft's rules against the real, unmodified sdxl_train.py on the miniature SDXL (`verdicts/server.py`).

Two questions. Is the casebook true: does the program do with every entry what the entry says? And do kft and the
program agree on random configurations: what kft passes trains, and what kft calls an error does not?

The test command asks a part: the casebook's configurations that die before training, some of the others, and 40
random ones. VERDICTS=300 in the environment asks the whole casebook and 300 random ones; VERDICTS=300,7 starts
counting elsewhere (seed 7).
"""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fork_wrapper.check.rules.table import rules
from fork_wrapper.errors import Finding
from fork_wrapper.machine.probe import packages
from fork_wrapper.rehearsal.miniature_folder import miniature_folder
from tests.integration.verdicts.client import Outcome, Verdict, Verdicts, serving
from tests.rules.building import Built, build, kft_findings
from tests.rules.casebook import Entry, Program, entries
from tests.rules.drawing import draw, furnish

pytestmark = [
    pytest.mark.trainer,
    pytest.mark.sd_scripts,
    pytest.mark.usefixtures("trainer_packages"),
    pytest.mark.skipif(sys.platform != "linux", reason="the server forks"),
]

CASES = Path(__file__).parents[1] / "rules"
ASKED: Mapping[Program, Outcome] = {"dies": "died", "goes on": "trained", "no data": "left"}
EARLY = ("start", "dataset", "model")
"""Phases whose deaths take less than a second."""
EVERY = 16
"""Of the slower casebook questions, the test command asks one in so many."""
STRICTER = {"empty-dir", "missing-dir"}
"""Errors on purpose where the program goes on with what is left: less than was asked for is never meant."""
HOST: Mapping[str, Any] = {"cuda": False, "packages": packages()}
"""The machine that the server runs on."""
WISH = os.environ.get("VERDICTS", "")
COUNT, SEED = [int(text) for text in f"{WISH or 40},1".split(",")[:2]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A configuration that the program is asked about."""

    label: str
    """Names it, and its folder."""
    changes: Mapping[str, Any]
    """Changes to BASE."""
    files: Callable[[Path], None] | None = None
    """Changes to the image folder."""
    host: Mapping[str, Any]
    """What kft is told of the machine."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What both say."""

    question: Question
    findings: tuple[Finding, ...]
    """Of kft."""
    verdict: Verdict
    """Of the program."""

    @property
    def errors(self) -> list[Finding]:
        """What kft would refuse to launch for."""
        return [one for one in self.findings if one.severity == "error"]

    def __str__(self) -> str:
        """The configuration, and both opinions."""
        said = [f"{one.severity} {one.rule}: {one.what}" for one in self.findings] or ["nothing"]
        kft = "\n        ".join(said)
        changes = dict(self.question.changes)
        return f"\n{self.question.label}: {changes}\n   kft: {kft}\n   program: {self.verdict}"


def _asked() -> list[tuple[Entry, str]]:
    """Entries with the side to ask about, `trips` or `spares`; all of them, or the part for every day."""
    everything = [(entry, side) for entry in entries() if entry.program in ASKED for side in ("trips", "spares")]
    return [
        (entry, side)
        for index, (entry, side) in enumerate(everything)
        if WISH
        or index % EVERY == 0
        or (side == "trips" and entry.program != "goes on" and _phase(entry.rule) in EARLY)
    ]


def _phase(rule: str) -> str:
    return rules()[rule].phase if rule in rules() else "start"


ENTRIES = _asked()
LABELS = [f"{entry.rule}-{index}-{side}" for index, (entry, side) in enumerate(ENTRIES)]


@pytest.fixture(scope="module")
def verdicts(sd_scripts: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verdicts]:
    """One server for the whole module."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    with serving(sd_scripts, miniature_folder(shared_cache), log, jobs=min(2, os.cpu_count() or 1)) as server:
        yield server


@pytest.fixture(scope="module")
def ask(
    verdicts: Verdicts, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Iterable[Question]], dict[str, Answer]]:
    """A function that asks kft and the program about many configurations, by label."""

    def answers(questions: Iterable[Question]) -> dict[str, Answer]:
        folder = tmp_path_factory.mktemp("verdicts")
        built: dict[Path, tuple[Question, tuple[Finding, ...]]] = {}
        cases: list[Built] = []
        for one in questions:
            (place := folder / one.label).mkdir()
            case = build(one.changes, place, one.files, miniature=miniature_folder(shared_cache))
            built[place] = one, tuple(kft_findings(case, one.host))
            cases.append(case)
        found = {}
        for case, verdict in verdicts.ask(cases):
            question, findings = built[case.folder]
            found[question.label] = Answer(question=question, findings=findings, verdict=verdict)
            shutil.rmtree(case.folder, ignore_errors=True)  # a saved state is large
        return found

    return answers


@pytest.fixture(scope="module")
def casebook(ask: Callable[[Iterable[Question]], dict[str, Answer]]) -> dict[str, Answer]:
    """All answers about the casebook, asked at once: two children work side by side."""
    return ask(
        Question(
            label=label,
            changes=entry.trips if side == "trips" else entry.spares,
            files=entry.trips_files if side == "trips" else entry.spares_files,
            host={**HOST, **entry.host} if side == "trips" else HOST,
        )
        for label, (entry, side) in zip(LABELS, ENTRIES, strict=True)
    )


@pytest.mark.parametrize(
    ("label", "entry", "side"), [(label, *pair) for label, pair in zip(LABELS, ENTRIES, strict=True)]
)
def test_the_program_does_what_the_casebook_says(
    label: str, entry: Entry, side: str, casebook: dict[str, Answer]
) -> None:
    """`trips` ends as `program` says and `spares` trains."""
    answer = casebook[label]
    wanted = ASKED[entry.program] if side == "trips" else "trained"
    if answer.verdict.unclear and answer.verdict.outcome != wanted:
        pytest.skip(f"{answer.verdict.unclear}: {answer.verdict}")
    assert answer.verdict.outcome == wanted, str(answer)
    if side == "trips":
        assert entry.says in f"{answer.verdict.error}: {answer.verdict.message}", f"{entry.says} is not in {answer}"


def test_kft_and_the_program_agree(ask: Callable[[Iterable[Question]], dict[str, Answer]]) -> None:
    """Nothing that kft passes dies or leaves, and nothing that kft calls an error trains as it was asked to."""
    drawn = [
        Question(label=f"random-{SEED}-{index}", changes=draw(SEED, index), files=furnish, host=HOST)
        for index in range(COUNT)
    ]
    answers = ask(drawn).values()
    unclear = Counter(answer.verdict.unclear for answer in answers if answer.verdict.unclear)
    swallowed = Counter(one.rule for answer in answers for one in _swallowed(answer))
    outcomes = Counter(answer.verdict.outcome for answer in answers)
    sys.stdout.write(f"{dict(outcomes)}; refused, though it trains: {dict(swallowed)}; unclear: {dict(unclear)}\n")
    wrong = [answer for answer in answers if _disagree(answer)]
    if wrong:
        pytest.fail("".join(map(str, wrong)), pytrace=False)


def _disagree(answer: Answer) -> bool:
    """Whether kft passed what does not train, or refused what does."""
    verdict = answer.verdict
    if verdict.unclear:
        return False
    if verdict.outcome != "trained":
        return not answer.errors
    later = ("step", "sample", "save", "end") if verdict.cut else ()
    return any(rules()[one.rule].phase not in ("never", *later) for one in answer.errors if one.rule not in STRICTER)


def _swallowed(answer: Answer) -> list[Finding]:
    """What kft refuses although the program goes on: it would not do what was asked for."""
    return answer.errors if answer.verdict.outcome == "trained" else []
