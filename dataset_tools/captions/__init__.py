"""Captions: their facts, their tokens, their editing."""
