"""What kft knows about sd-scripts at the pinned commit, as data and small functions."""
