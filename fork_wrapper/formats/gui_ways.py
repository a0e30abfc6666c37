"""How the versions of the kohya_ss GUI passed a form on to sd-scripts, as far as they differ.

Each way was seen by running the tabs' own code of thirteen versions from v21.8.9 on; the lines are of kohya_gui/
(before v23.1: the root and library/) at the versions named.
"""

from dataclasses import dataclass

from fork_wrapper.formats.gui_table import Tab, Version


@dataclass(frozen=True, kw_only=True)
class Ways:
    """The ways of one version of one tab."""

    flags: bool
    """All options on the command line, none in a config file (before v24)."""
    drops_zeros: bool
    """Every 0 was left out of the config file: `0 in ["", False, None]` (finetune_gui.py:875, v24.0.4)."""
    drops_rate: bool
    """A `learning_rate` of 0 was not passed on (library/common_gui.py:651, v22.6.0)."""
    drops_rates: bool
    """Nor was that of a text encoder, and other empty fields (library/common_gui.py:785-800, v22.6.2)."""
    fraction: bool
    """Warm-up is a fraction of all steps (finetune_gui.py:878-885, v25.0.0), before that steps."""
    own_steps: bool
    """`max_train_steps` of the form counts; the finetune tab computed its own before v24."""
    trains_encoders: bool
    """The dreambooth tab trains the text encoders that have a rate (dreambooth_gui.py:929, v26.0.0)."""
    stops_encoders: bool
    """The dreambooth tab passed stop_text_encoder_training on, which SDXL's script refuses (up to v23.0.14)."""
    sdxl_boxes: bool
    """The dreambooth tab passes the boxes no_half_vae and cache_text_encoder_outputs on (since v25)."""
    names_wandb: bool
    """An empty wandb_run_name is the output name (since v25)."""
    quotes: bool
    """Quotes in `additional_parameters` held words together; since v24 double quotes are removed."""
    spoils: bool
    """Unusual words of `additional_parameters` got literal quotes around them (common_gui.py:1145, v24.1.7)."""
    loses: bool
    """`additional_parameters` stand first on the command line, so the form wins (common_gui.py:1025, v23.1.5)."""


def ways_of(tab: Tab, version: Version) -> Ways:
    """How one version of a tab passed its form on."""
    return Ways(
        flags=version < (24,),
        drops_zeros=(24, 0, 4) <= version < ((26,) if tab == "finetune" else (25,)),
        drops_rate=version < (23,) and (tab == "dreambooth" or version >= (22, 2)),
        drops_rates=(22, 6, 1) <= version < (23,),
        fraction=version >= (25,),
        own_steps=tab == "dreambooth" or version >= (24,),
        trains_encoders=version >= (25,),
        stops_encoders=version < (23, 0, 15),
        sdxl_boxes=tab == "finetune" or version >= (25,),
        names_wandb=version >= (25,),
        quotes=version < (24,),
        spoils=version >= (24, 1),
        loses=(22, 6, 1) <= version < (24,),
    )
