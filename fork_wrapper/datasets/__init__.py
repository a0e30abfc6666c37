"""Data sets of experiments and runs: their folders, statistics and captions."""
