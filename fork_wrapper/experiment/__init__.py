"""An experiment: its file and its chain of parents, the schema, key paths, resolved values."""
