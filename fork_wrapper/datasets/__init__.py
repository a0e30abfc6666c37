"""Data sets of experiments and runs: which folders they mean, their statistics, their captions."""
