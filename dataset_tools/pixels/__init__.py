"""Pictures: opened, converted, resized, written, and what they show in a few bytes."""
