"""The machine: settings, the trainer's Python, GPUs, git, the host."""
