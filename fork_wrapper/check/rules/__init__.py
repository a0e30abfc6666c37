"""What sd-scripts would say too late, or never: one rule for each, over a configuration and what is known around it."""
