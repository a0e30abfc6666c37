"""Noise and timesteps."""

from typing import Any

from tests.rules.casebook import Entry

OFFSET = {"training.noise_offset": 0.1}
LEVELS = {"training.multires_noise_iterations": 6}
HUBER = {"training.loss_type": "huber"}


def _timesteps(low: int | None, high: int | None) -> dict[str, Any]:
    return {"training.min_timestep": low, "training.max_timestep": high}


ENTRIES: tuple[Entry, ...] = (
    *(
        Entry(
            rule="adaptive-noise",
            trips={"training.adaptive_noise_scale": scale},
            spares={"training.adaptive_noise_scale": scale, **OFFSET},
            what=f"adaptive_noise_scale = {scale} needs noise_offset",
            program="dies",
            says="adaptive_noise_scale requires noise_offset",
        )
        for scale in (0.1, 0.0)
    ),
    Entry(
        rule="noise-both",
        trips=OFFSET | LEVELS,
        spares=LEVELS,
        what="noise_offset = 0.1 and multires_noise_iterations = 6 are both applied",
        program="goes on",
    ),
    *(
        Entry(
            rule="noise-negative",
            trips={f"training.{key}": -0.1},
            spares={f"training.{key}": 0.1},
            what=f"{key} = -0.1 acts like 0.1",
            program="goes on",
        )
        for key in ("noise_offset", "ip_noise_gamma")
    ),
    Entry(
        rule="noise-negative",
        trips={"training.noise_offset": -0.1},
        spares={"training.noise_offset": -0.1, "training.adaptive_noise_scale": 0.5},
        what="noise_offset = -0.1 acts like 0.1",
        program="goes on",
    ),
    Entry(
        rule="multires-negative",
        trips={"training.multires_noise_iterations": -1},
        spares={"training.multires_noise_iterations": 1},
        what="multires_noise_iterations = -1 adds no noise",
        program="goes on",
    ),
    *(
        Entry(
            rule="multires-discount",
            trips=LEVELS | {"training.multires_noise_discount": discount},
            spares=LEVELS | {"training.multires_noise_discount": 1.0},
            what=f"multires_noise_discount = {discount} is not between 0 and 1",
            program="goes on",
        )
        for discount in (1.5, 0.0, -0.3)
    ),
    Entry(
        rule="multires-overflow",
        trips=LEVELS | {"training.multires_noise_discount": 1e155},
        spares=LEVELS | {"training.multires_noise_discount": 1.0},
        what="multires_noise_discount = 1e+155 cannot be squared",
        program="dies",
        says="OverflowError",
    ),
    *(
        Entry(
            rule="timestep-range",
            trips=_timesteps(low, high),
            spares=_timesteps(999, 1000),
            what=f"{trained}, and the noise schedule has 0 to 999",
            program="dies",
            says="IndexError",
        )
        for low, high, trained in (
            (1000, 1001, "timestep 1000 is trained"),
            (1000, None, "timestep 1000 is trained"),
            (2000, 3000, "timesteps 2000 to 2999 are trained"),
            (None, -1001, "timestep -1001 is trained"),
            (-1010, -1000, "timesteps -1010 to -1001 are trained"),
        )
    ),
    Entry(  # one step in a thousand
        rule="timestep-range",
        trips=_timesteps(None, 1001),
        spares=_timesteps(None, 1000),
        what="timesteps 0 to 1000 are trained, and the noise schedule has 0 to 999",
        program="not asked",
    ),
    Entry(
        rule="timestep-range",
        trips=_timesteps(-5, 0) | HUBER,
        spares=_timesteps(-5, 0) | HUBER | {"training.huber_schedule": "constant"},
        what="timesteps -5 to -1 are trained, and the noise schedule has 0 to 999",
        program="dies",
        says="IndexError",
    ),
    *(
        Entry(
            rule="timestep-single",
            trips=_timesteps(low, high),
            spares=_timesteps(low and low - 1, 501),
            what=f"min_timestep = {low or 0} is not below max_timestep = {high}: only timestep {high} is trained",
            program="goes on",
        )
        for low, high in ((500, 500), (501, 500), (None, 0))
    ),
    Entry(
        rule="timestep-single",
        trips=_timesteps(1500, 500),
        spares=_timesteps(150, 500),
        what="min_timestep = 1500 is not below max_timestep = 500: only timestep 500 is trained",
        program="goes on",
    ),
    *(
        Entry(
            rule="timestep-negative",
            trips=_timesteps(low, high),
            spares=_timesteps(0, 1),
            what=f"{trained}, and those below 0 count from the end",
            program="goes on",
        )
        for low, high, trained in (
            (-1000, None, "timesteps -1000 to 999 are trained"),
            (None, -1, "timestep -1 is trained"),
        )
    ),
    Entry(
        rule="noise-same",
        trips={},
        spares={},
        what="2 processes draw the same noise",
        program="not asked",
        host={"processes": 2},
    ),
)
