"""kft: a thin, archiving wrapper around kohya-ss/sd-scripts for full fine-tunes of SDXL."""

__version__ = "0.1.0"
