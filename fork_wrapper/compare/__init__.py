"""Comparison of two configurations, and of the runs made with them."""
