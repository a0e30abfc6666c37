"""A run again from its archive alone."""
