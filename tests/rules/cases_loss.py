"""The loss: its target, its weights, its shape."""

from typing import Any

from tests.rules.casebook import Entry

V = {"training.v_parameterization": True}
TERMINAL = {"training.zero_terminal_snr": True}
GAMMA = {"training.min_snr_gamma": 5.0}


def _huber(loss: str, schedule: str, c: float = 0.1, scale: float = 1.0) -> dict[str, Any]:
    return {
        "training.loss_type": loss,
        "training.huber_schedule": schedule,
        "training.huber_c": c,
        "training.huber_scale": scale,
    }


ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="vpred-scale",
        trips={"training.scale_v_pred_loss_like_noise_pred": True},
        spares={"training.scale_v_pred_loss_like_noise_pred": True, **V},
        what="scale_v_pred_loss_like_noise_pred needs v_parameterization",
        program="dies",
        says="scale_v_pred_loss_like_noise_pred can be enabled only with v_parameterization",
    ),
    Entry(
        rule="vpred-like",
        trips={"training.v_pred_like_loss": 1.0, **V},
        spares={"training.v_pred_like_loss": 0.0, **V},
        what="v_pred_like_loss = 1.0 excludes v_parameterization",
        program="dies",
        says="v_pred_like_loss cannot be enabled with v_parameterization",
    ),
    Entry(
        rule="vpred-like-negative",
        trips={"training.v_pred_like_loss": -1.0},
        spares={"training.v_pred_like_loss": 1.0},
        what="v_pred_like_loss = -1.0 takes away from the loss",
        program="goes on",
    ),
    Entry(
        rule="vpred",
        trips=V,
        spares={},
        what="v_parameterization is for base models that predict velocity",
        program="goes on",
    ),
    Entry(
        rule="ztsnr",
        trips=TERMINAL,
        spares=TERMINAL | V,
        what="zero_terminal_snr is meant for v_parameterization",
        program="goes on",
    ),
    Entry(
        rule="ztsnr-weights",
        trips=TERMINAL | V | GAMMA,
        spares=V | GAMMA,
        what="min_snr_gamma goes by the noise schedule without zero_terminal_snr",
        program="goes on",
    ),
    Entry(
        rule="snr-weights-both",
        trips=GAMMA | {"training.debiased_estimation_loss": True},
        spares=GAMMA,
        what="min_snr_gamma = 5.0 and debiased_estimation_loss are multiplied",
        program="goes on",
    ),
    Entry(
        rule="snr-gamma-negative",
        trips={"training.min_snr_gamma": -5.0},
        spares=GAMMA,
        what="min_snr_gamma = -5.0 turns the loss round",
        program="goes on",
    ),
    *(
        Entry(
            rule="huber-unused",
            trips={f"training.{key}": value},
            spares={f"training.{key}": value, "training.loss_type": "huber", "training.huber_schedule": "constant"},
            what=f'{key} is ignored with loss_type = "l2"',
            program="goes on",
        )
        for key, value in (
            ("huber_schedule", "snr"),
            ("huber_schedule", "constant"),
            ("huber_c", 0.2),
            ("huber_scale", 0.5),
        )
    ),
    Entry(
        rule="huber-unused",
        trips=_huber("smooth_l1", "snr", scale=0.5),
        spares=_huber("smooth_l1", "exponential", scale=0.5),
        what='huber_scale is ignored with huber_schedule = "snr"',
        program="goes on",
    ),
    *(
        Entry(
            rule="huber-c",
            trips=_huber(loss, "exponential", c),
            spares=_huber(loss, "exponential", 1e-3),
            what=f'huber_c = {c} has no logarithm, which huber_schedule = "exponential" needs',
            program="dies",
            says="math domain error" if c else "ValueError",
        )
        for loss, c in (("huber", 0.0), ("smooth_l1", -0.1))
    ),
    Entry(
        rule="huber-threshold",
        trips=_huber("huber", "constant", 0.0),
        spares=_huber("huber", "snr", 0.0),
        what='huber_c = 0.0 makes the threshold of loss_type = "huber" 0',
        program="goes on",
    ),
    Entry(
        rule="huber-threshold",
        trips=_huber("smooth_l1", "exponential", scale=-1.0),
        spares=_huber("smooth_l1", "exponential", scale=1.0),
        what='huber_scale = -1.0 makes the threshold of loss_type = "smooth_l1" negative',
        program="goes on",
    ),
    Entry(
        rule="huber-threshold",
        trips=_huber("huber", "snr", -0.1),
        spares=_huber("huber", "constant", -0.1, -1.0),
        what='huber_c = -0.1 makes the threshold of loss_type = "huber" negative',
        program="goes on",
    ),
    Entry(
        rule="loss-overflow",
        trips={"training.min_snr_gamma": 1e39},
        spares={"training.min_snr_gamma": 1e38},
        what="min_snr_gamma = 1e+39 is too large",
        program="dies",
        says="without overflow",
    ),
    Entry(
        rule="loss-overflow",
        trips=_huber("huber", "constant", 1e20, 1e19),
        spares=_huber("huber", "exponential", 1e20, 1e19),
        what="huber_c times huber_scale = 1e+39 is too large",
        program="dies",
        says="without overflow",
    ),
    *(
        Entry(
            rule="zero-is-off",
            trips={f"training.{key}": 0},
            spares={f"training.{key}": 1},
            what=f"{key} = {said} switches it off",
            program="goes on",
        )
        for key, said in (
            ("noise_offset", "0.0"),
            ("multires_noise_iterations", "0"),
            ("ip_noise_gamma", "0.0"),
            ("min_snr_gamma", "0.0"),
            ("v_pred_like_loss", "0.0"),
        )
    ),
)
