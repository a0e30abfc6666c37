"""What is known of runs: the record and its sidecars, run folders, checkpoints, lineage, notes, history."""
