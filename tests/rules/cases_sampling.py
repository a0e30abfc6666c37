"""When sample images are drawn, and what from."""

from typing import Any

from tests.rules.casebook import Entry
from tests.rules.furnishing import text

FIRST = {"training.sample_at_first": True}
FILE = {"training.sample_prompts": "FOLDER/prompts.txt"}
PROMPT = text("prompts.txt", "a square --w 64 --h 64 --s 1")
EPOCHS = {"training.sample_every_n_epochs": 1}
STEPS = {"training.sample_every_n_steps": 1}


def _drawn(rule: str, trips: dict[str, Any], spares: dict[str, Any], what: str, says: str = "") -> Entry:
    """An entry with a prompt."""
    return Entry(
        rule=rule,
        trips=trips,
        spares=spares,
        what=what,
        program="dies" if says else "goes on",
        says=says,
        trips_files=PROMPT,
        spares_files=PROMPT,
    )


ENTRIES: tuple[Entry, ...] = (
    *(
        _drawn(
            "sample-prompts-none",
            {f"training.{key}": value},
            {f"training.{key}": value, **FILE},
            f"{key} needs sample_prompts",
            "TypeError",
        )
        for key, value in (("sample_at_first", True), ("sample_every_n_epochs", 1), ("sample_every_n_steps", 2))
    ),
    _drawn(
        "sample-prompts-none",
        {"training.sample_every_n_steps": 2},
        {"training.sample_every_n_steps": 3},
        "sample_every_n_steps needs sample_prompts",
        "TypeError",
    ),
    *(
        Entry(
            rule="sample-prompts-suffix",
            trips=FIRST | {"training.sample_prompts": f"FOLDER/{name}"},
            spares=FIRST | FILE,
            what=f"sample_prompts is none of .txt, .toml, .json: FOLDER/{name}",
            program="dies",
            says="UnboundLocalError",
            trips_files=text(name, "a square"),
            spares_files=PROMPT,
        )
        for name in ("prompts", "prompts.TXT", "prompts.yaml")
    ),
    *(
        _drawn(
            "sample-interval-zero",
            {f"training.sample_every_n_{unit}": every},
            {f"training.sample_every_n_{unit}": 1, **FILE},
            f"sample_every_n_{unit} = {every} switches it off",
        )
        for unit, every in (("epochs", 0), ("steps", -1))
    ),
    _drawn(
        "sample-both",
        FILE | EPOCHS | STEPS,
        FILE | EPOCHS | {"training.sample_every_n_steps": 0},
        "sample_every_n_steps = 1 does not count beside sample_every_n_epochs = 1",
    ),
    *(
        _drawn(
            "sample-never",
            FILE | {f"training.sample_every_n_{unit}": ends + 1},
            FILE | {f"training.sample_every_n_{unit}": ends},
            f"sample_every_n_{unit} = {ends + 1} never comes: training ends after {said}",
        )
        for unit, ends, said in (("steps", 2, "2 steps"), ("epochs", 1, "1 epoch"))
    ),
    _drawn(
        "sample-sampler",
        FIRST | FILE | {"training.sample_sampler": "dpmsolver"},
        FIRST | FILE | {"training.sample_sampler": "dpmsolver++"},
        'sample_sampler = "dpmsolver" does not work with diffusers 0.32',
        "final_sigmas_type",
    ),
    *(
        Entry(
            rule="sampler-scipy",
            trips=FIRST | FILE | {"training.sample_sampler": name},
            spares=FIRST | FILE | {"training.sample_sampler": "euler"},
            what=f'sample_sampler = "{name}" needs scipy',
            program="not asked",
            trips_files=PROMPT,
            spares_files=PROMPT,
            host={"packages": {"torch": "2.6.0"}},
        )
        for name in ("lms", "k_lms")
    ),
    _drawn(
        "sample-ztsnr",
        FIRST | FILE | {"training.v_parameterization": True, "training.zero_terminal_snr": True},
        FIRST | FILE | {"training.v_parameterization": True},
        "samples are drawn without zero_terminal_snr",
    ),
)
