"""Rehearsal on a CPU: a miniature SDXL and the two trainers that run on it."""
